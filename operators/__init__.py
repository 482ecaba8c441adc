"""What happens to events: pure logic, one idea per file, in plain classes fed with batches.

``events`` is the vocabulary, ``step`` the only file that knows the engine. The order of steps is
not here but in ``flows/city.py``.
"""
