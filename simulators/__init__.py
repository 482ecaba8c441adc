"""A city with known truth: it emits what a real one would, and the truth on the side.

Read ``simulation`` for how a block of readings comes about, ``scenarios`` for what can happen,
``events_*`` for the physics of each hazard, ``scoring`` for how warnings are judged.
"""
