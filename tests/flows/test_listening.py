"""Two sources as one: nothing of either is lost, and neither holds up the other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bytewax.testing import TestingSource

from flows.listening import Listening
from tests.flows.processes import eventually

PAST = datetime(2000, 1, 1, tzinfo=UTC)


class Seldom:
    """A source that wants to be asked once an hour."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.asked = 0
        self.closed = False

    def list_parts(self) -> list[str]:
        return ["people"]

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> "Seldom":
        self.asked = resume_state or 0
        return self

    def next_batch(self) -> list[Any]:
        self.asked += 1
        return self.items[self.asked - 1 : self.asked]

    def next_awake(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)

    def snapshot(self) -> int:
        return self.asked

    def close(self) -> None:
        self.closed = True


def drained(part: Any) -> list[list[Any]]:
    batches = []
    try:
        while True:
            batches.append(part.next_batch())
    except StopIteration:
        return batches


def test_both_are_heard_and_the_seldom_one_only_when_it_is_due() -> None:
    people = Seldom(["ack", "shelve"])
    source = Listening(TestingSource([1, 2, 3]), people)
    assert source.list_parts() == TestingSource([]).list_parts()
    part = source.build_part("step", source.list_parts()[0], None)
    assert [part.next_batch() for _ in range(3)] == [[1, "ack"], [2], [3]]
    assert people.asked == 1
    assert part.next_awake() in (None, PAST)
    part.close()
    assert people.closed


def test_a_snapshot_is_of_both() -> None:
    first = Listening(TestingSource([1, 2, 3]), Seldom(["ack", "shelve"]))
    part = first.build_part("step", "iterable", None)
    assert part.next_batch() == [1, "ack"]
    again = Listening(TestingSource([1, 2, 3]), Seldom(["ack", "shelve"]))
    resumed = again.build_part("step", "iterable", part.snapshot())
    assert resumed.next_batch() == [2, "shelve"]


class Until(Seldom):
    """People who are done once they have said everything."""

    def next_batch(self) -> list[Any]:
        if self.asked >= len(self.items):
            raise StopIteration
        return super().next_batch()


def test_people_are_heard_after_the_feed_is_over() -> None:
    source = Listening(TestingSource([1]), Until(["ack", "shelve", "note"]))
    part = source.build_part("step", "iterable", None)
    assert drained(part) == [[1, "ack"], ["shelve"], ["note"]]
    with pytest.raises(StopIteration):
        part.next_batch()


def test_it_does_not_end_with_something_unsaid() -> None:
    part = Listening(TestingSource([1, 2]), Until([])).build_part("step", "iterable", None)
    assert part.next_batch() == [1]


def test_who_names_no_time_is_asked_again_at_once() -> None:
    source = Listening(TestingSource([1, 2, 3]), TestingSource(["a", "b"]))
    assert drained(source.build_part("step", "iterable", None)) == [[1, "a"], [2, "b"], [3]]


def test_a_clock_that_is_set_back_keeps_nobody_from_being_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ahead = timedelta(hours=1)

    class Set(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + ahead

    class Often(Seldom):
        def next_awake(self) -> datetime:
            return Set.now(UTC) + timedelta(milliseconds=1)

    monkeypatch.setattr("flows.listening.datetime", Set)
    people = Often([])
    feed = TestingSource(range(10**6))
    part = Listening(feed, people).build_part("step", "iterable", None)
    part.next_batch()
    ahead = timedelta()
    before = people.asked
    eventually(lambda: part.next_batch() and people.asked > before, "being asked")
