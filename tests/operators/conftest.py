"""What the tests of the operators share: repeatable properties, and a vocabulary taught once."""

from functools import cache

import pytest
from hypothesis import settings

from models.report_text import ReportText

settings.register_profile(
    "operators", derandomize=True, deadline=None, max_examples=30, database=None
)
settings.load_profile("operators")


@cache
def _taught() -> bytes:
    return ReportText().snapshot()


@pytest.fixture(autouse=True)
def vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teaching the vocabulary takes a second: the same model, from its snapshot."""

    class Taught(ReportText):
        def __new__(cls) -> ReportText:  # type: ignore[misc]  # the model itself, not a Taught
            return ReportText.restore(_taught())

    monkeypatch.setattr("operators.triage.ReportText", Taught)
