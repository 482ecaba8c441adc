"""Wiring: sources, the dataflow of a city, the processes around it, the command line.

No logic and no loops over events: what happens to a reading is in ``operators``. Start with
``city.py``, which is the whole path in one expression; ``room.py`` is ``citywatch up``.
"""
