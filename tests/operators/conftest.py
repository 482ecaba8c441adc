"""What the tests of the operators share: repeatable properties."""

from hypothesis import settings

settings.register_profile(
    "operators", derandomize=True, deadline=None, max_examples=30, database=None
)
settings.load_profile("operators")
