"""The control room: the hub that follows the store, and the screen it serves.

`protocol` says what is said, `hub` who gets what (neither does any I/O), `store_tail` follows the
store, `server` holds the sockets. The hub is a process of its own, never part of a worker's.
"""
