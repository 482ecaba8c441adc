"""What every learner of ``models/`` promises, whatever it learns.

A ``Learner`` says how one is made, fed and saved; a law is a function of a learner.
"""

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Rows = list[Any]


@dataclass(frozen=True)
class Learner:
    name: str
    new: Callable[[], Any]
    feed: Callable[[Any, Rows], list[tuple[Any, ...]]]
    """Score, then learn, each row; what was said of each."""
    look: Callable[[Any, Any], Any] | None
    """Score one row and learn nothing; None where scoring and learning are one act."""
    restore: Callable[[bytes], Any]
    save: Callable[[Any], bytes]
    rows: Callable[[int], Rows]
    """A lively stream, seeded, of so many rows."""
    flat: Callable[[int], Rows] | None = None
    """A stream in which nothing ever happens."""
    bad: Rows | None = None
    """Rows that must not change what is learnt."""
    warm_up: int = 0
    growth: float = 1.0
    """How much larger a snapshot may be after twice the rows."""
    score_at: int | None = 0
    """Which of the things said is the surprisal."""
    exact: bool = True
    """Equal models have equal snapshots (a pickle also tells which numbers are one object)."""


def unpickled(data: bytes, kind: type) -> Any:
    """Restore what is saved by a pickle."""
    try:
        model = pickle.loads(data)
    except pickle.UnpicklingError as error:
        raise ValueError("not a pickle") from error
    assert isinstance(model, kind)
    return model


def _same(left: Any, right: Any) -> bool:
    return repr(left) == repr(right)


def scoring_changes_nothing(learner: Learner) -> None:
    model, rows = learner.new(), learner.rows(600)
    learner.feed(model, rows[:500])
    before = learner.save(model)
    said = [learner.look(model, row) for row in rows[500:]]
    assert learner.save(model) == before or not learner.exact
    assert _same(said, [learner.look(model, row) for row in rows[500:]])


def a_snapshot_goes_on_as_the_original(learner: Learner) -> None:
    model, rows = learner.new(), learner.rows(1200)
    learner.feed(model, rows[:800])
    twin = learner.restore(learner.save(model))
    assert _same(learner.feed(twin, rows[800:]), learner.feed(model, rows[800:]))
    assert learner.save(twin) == learner.save(model) or not learner.exact


def a_foreign_snapshot_is_refused(learner: Learner) -> None:
    try:
        learner.restore(b"something else entirely, and long enough to be a header")
    except ValueError:
        return
    raise AssertionError("foreign bytes were taken for a snapshot")


def the_same_rows_give_the_same_scores(learner: Learner) -> None:
    rows = learner.rows(800)
    assert _same(learner.feed(learner.new(), rows), learner.feed(learner.new(), rows))


def how_rows_are_split_does_not_matter(learner: Learner) -> None:
    rows, rng = learner.rows(1500), np.random.default_rng(8)
    whole, parts = learner.new(), learner.new()
    cuts = [0, *np.sort(rng.choice(len(rows), 40, replace=False)).tolist(), len(rows)]
    said = [word for start, end in pairwise(cuts) for word in learner.feed(parts, rows[start:end])]
    assert _same(learner.feed(whole, rows), said)
    assert learner.save(whole) == learner.save(parts) or not learner.exact


def memory_is_bounded(learner: Learner) -> None:
    model, rows = learner.new(), learner.rows(3000)
    learner.feed(model, rows[:1500])
    half = len(learner.save(model))
    learner.feed(model, rows[1500:])
    assert len(learner.save(model)) <= learner.growth * half


def bad_rows_teach_nothing(learner: Learner) -> None:
    rows, plain, spoilt = learner.rows(900), learner.new(), learner.new()
    learner.feed(plain, rows)
    learner.feed(spoilt, rows[:450])
    said = learner.feed(spoilt, learner.bad)
    learner.feed(spoilt, rows[450:])
    assert not any(_surprises(learner, word) for word in said)
    assert _same(learner.feed(plain, rows[-50:]), learner.feed(spoilt, rows[-50:]))


def nothing_is_said_in_warm_up(learner: Learner) -> None:
    model = learner.new()
    said = learner.feed(model, learner.rows(3000))
    scores = [word[learner.score_at] for word in said]
    assert all(_unsaid(score) for score in scores[: learner.warm_up])
    assert not _unsaid(scores[-1])


def a_flat_series_never_surprises(learner: Learner) -> None:
    said = learner.feed(learner.new(), learner.flat(3000))
    assert {word[learner.score_at] for word in said[learner.warm_up + 200 :]} == {0.0}


def _unsaid(score: Any) -> bool:
    return score is None or math.isnan(score)


def _surprises(learner: Learner, word: tuple[Any, ...]) -> bool:
    score = None if learner.score_at is None else word[learner.score_at]
    return not _unsaid(score) and score > 0.0


ALL = (
    scoring_changes_nothing,
    a_snapshot_goes_on_as_the_original,
    a_foreign_snapshot_is_refused,
    the_same_rows_give_the_same_scores,
    how_rows_are_split_does_not_matter,
    memory_is_bounded,
    bad_rows_teach_nothing,
    nothing_is_said_in_warm_up,
    a_flat_series_never_surprises,
)
"""Every law there is; who is exempt from one says why."""
