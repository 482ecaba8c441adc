"""Score an alert file against a truth file."""

from __future__ import annotations

from pathlib import Path

from flows.feeds import FeedError, spans_ms
from operators.codec import decode_truth
from operators.event_clock import FOREVER
from simulators.scoring import Score, read_versions, score

__all__ = ["score_files"]

HOUR_MS = 3_600_000


def score_files(alerts: Path, truth: Path, hours: float | None) -> Score:
    """Return the score.

    Parameters
    ----------
    hours
        Hours watched; None takes them from the feed beside the truth.

    Raises
    ------
    FeedError
        When a file is missing or not what it should be.
    """
    try:
        known = decode_truth(truth.read_bytes())
        lines = alerts.read_bytes().splitlines()
    except OSError as error:
        raise FeedError(
            f"{error.filename}: {(error.strerror or 'cannot be read').lower()}"
        ) from None
    except ValueError as error:
        raise FeedError(f"{truth}: {error}") from None
    watched = hours if hours is not None else _hours_of(truth.parent)
    try:
        return score(read_versions(lines), known, watched)
    except ValueError as error:
        raise FeedError(f"{alerts}: {error}") from None


def _hours_of(directory: Path) -> float:
    """Return how long the feed of a directory is.

    Raises
    ------
    FeedError
        When there is no feed.
    """
    try:
        spans = spans_ms(directory, FOREVER).values()
    except FeedError:
        raise FeedError(f"{directory}: no feed beside the truth, say --hours") from None
    ends = [end for span in spans for end in span]
    return (max(ends, default=0) - min(ends, default=0)) / HOUR_MS
