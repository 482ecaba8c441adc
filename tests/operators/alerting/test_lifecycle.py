"""A warning's life, told as scripts on the stream's own time.

``Story.at(minute)`` lets time pass, then something happens; ``heard`` is what was told since:
minute, reason, level (``NO_LEVEL`` once it is over).
"""

from typing import Any

import pytest

from operators.alerting.grading import Reason
from operators.alerting.lifecycle import (
    CLEAR_AFTER_MS,
    EASE_AFTER_MS,
    FORGET_AFTER_MS,
    SPREAD_AFTER_MS,
    Life,
)
from operators.events import NO_LEVEL, Command, Marks
from operators.incident import Strand
from operators.registry import cell_of
from tests.operators.alerting.strands import at_level, strand, view
from tests.operators.town import LAT, LON, MINUTE, T0

EASE, CLEAR, SPREAD = (ms / MINUTE for ms in (EASE_AFTER_MS, CLEAR_AFTER_MS, SPREAD_AFTER_MS))
Heard = list[tuple[float, Reason, int]]


class Story:
    def __init__(self) -> None:
        self.life = Life.of(view())
        self.now = T0
        self.told: Heard = []
        self.details: list[str] = []
        self.commands = 0

    def at(self, minute: float) -> "Story":
        """Let time pass."""
        self.now = T0 + int(minute * MINUTE)
        while (due := self.life.due()) is not None and due <= self.now:
            self._tell(self.life.pass_time(due))
        return self

    def level(self, level: int | None, *more: Strand) -> "Story":
        """The incident is now this bad."""
        self._tell(self.life.see(view(*at_level(level), *more, time=self.now)))
        return self

    def grown_to(self, level: int, *cells: str) -> "Story":
        both = at_level(level)
        self._tell(self.life.see(view(*both, time=self.now, cells=cells)))
        return self

    def joins(self, other: str) -> "Story":
        self._tell(self.life.see(view(time=self.now)._replace(merged_into=other)))
        return self

    def person(self, op: Any, **more: Any) -> "Story":
        self.commands += 1
        fields = {"until": None, "note": ""} | more
        name = f"c-{self.commands}"
        version = self.life.version
        self._tell(self.life.obey(Command(name, self.now, "op-7", "wl-1", version, op, **fields)))
        return self

    def _tell(self, changes: Any) -> None:
        for change in changes:
            self.told.append(((change.time - T0) / MINUTE, change.reason, self.life.level))
            self.details.append(change.detail)
            assert self.life.version == self.versions
            self.versions += 1

    versions = 1

    def heard(self) -> Heard:
        told, self.told = self.told, []
        return told


# --- worse is said at once -------------------------------------------------------------------


def test_it_is_issued_at_once_and_escalates_at_once() -> None:
    # level  4  4  2  1
    # minute 0  1  2  3
    story = Story().at(0).level(4).at(1).level(4).at(2).level(2).at(3).level(1)
    assert story.heard() == [
        (0, Reason.ISSUED, 4),
        (2, Reason.ESCALATED, 2),
        (3, Reason.ESCALATED, 1),
    ]
    assert (story.life.first, story.life.worst) == (T0, 1)


def test_what_amounts_to_nothing_is_not_issued() -> None:
    story = Story().at(0).level(None).at(1).level(None, strand("a", 3.5))
    assert story.heard() == []
    assert story.life.due() is None
    assert not story.life.active


# --- better only after it has held -----------------------------------------------------------


def test_it_eases_one_level_at_a_time() -> None:
    # red -> blue at 1:  orange after one hold, yellow after two, blue after three, then it stays
    story = Story().at(0).level(1).at(1).level(4).at(60)
    assert story.heard()[1:] == [
        (1 + EASE, Reason.EASED, 2),
        (1 + 2 * EASE, Reason.EASED, 3),
        (1 + 3 * EASE, Reason.EASED, 4),
    ]
    assert story.life.active


def test_a_short_dip_eases_nothing() -> None:
    story = Story().at(0).level(2).at(1).level(4).at(1 + EASE - 0.1).level(2).at(60)
    assert story.heard() == [(0, Reason.ISSUED, 2)]


def test_it_clears_after_a_hold_below_everything() -> None:
    story = Story().at(0).level(4).at(1).level(None).at(1 + CLEAR - 0.01)
    assert story.heard() == [(0, Reason.ISSUED, 4)]
    assert story.at(60).heard() == [(1 + CLEAR, Reason.CLEARED, NO_LEVEL)]
    assert story.life.worst == 4
    assert story.life.due() is None


def test_being_told_again_that_it_is_over_starts_no_hold_anew() -> None:
    story = Story().at(0).level(4).at(1).level(None).at(4).level(None).at(9).level(None).at(60)
    assert story.heard()[1:] == [(1 + CLEAR, Reason.CLEARED, NO_LEVEL)]
    easing = Story().at(0).level(2).at(1).level(4).at(3).level(4).at(4).level(4).at(60)
    assert easing.heard()[1] == (1 + EASE, Reason.EASED, 3)


def test_a_red_that_vanishes_eases_on_its_way_out() -> None:
    story = Story().at(0).level(1).at(1).level(None).at(60)
    assert story.heard()[1:] == [(1 + EASE, Reason.EASED, 2), (1 + CLEAR, Reason.CLEARED, NO_LEVEL)]


def test_a_relapse_starts_the_holds_anew() -> None:
    story = Story().at(0).level(3).at(1).level(None).at(1 + EASE - 1).level(3).at(20).level(None)
    assert story.at(20 + CLEAR - 0.01).heard() == [
        (0, Reason.ISSUED, 3),
        (20 + EASE, Reason.EASED, 4),
    ]
    assert story.at(60).heard() == [(20 + CLEAR, Reason.CLEARED, NO_LEVEL)]


def test_getting_less_low_does_not_start_the_clearing_hold_anew() -> None:
    # red, then yellow (lower), then nothing: the ease hold runs from the first, the clear hold
    # from the second.
    story = Story().at(0).level(1).at(1).level(3).at(3).level(None).at(60)
    assert story.heard()[1:] == [
        (1 + EASE, Reason.EASED, 2),
        (1 + 2 * EASE, Reason.EASED, 3),
        (3 + CLEAR, Reason.CLEARED, NO_LEVEL),
    ]


def test_a_cleared_warning_of_a_living_incident_is_issued_again_under_its_id() -> None:
    story = Story().at(0).level(4).at(1).level(None).at(30).level(3)
    assert story.heard()[-1] == (30, Reason.REOPENED, 3)
    assert story.life.first == T0
    assert story.life.version == 3


# --- growing ---------------------------------------------------------------------------------

CELLS = [cell_of(LON + n / 100, LAT) for n in range(4)]


def test_growth_is_told_but_not_often() -> None:
    story = Story().at(0).grown_to(3, *CELLS[:1]).at(1).grown_to(3, *CELLS[:2])
    assert story.heard() == [(0, Reason.ISSUED, 3)]
    story.at(SPREAD).grown_to(3, *CELLS[:2])
    assert story.heard() == [(SPREAD, Reason.SPREAD, 3)]
    assert story.at(3 * SPREAD).grown_to(3, *CELLS[:2]).heard() == []
    assert story.at(4 * SPREAD).grown_to(3, *CELLS[:1]).heard() == []


def test_reports_that_join_are_told_at_once() -> None:
    people = strand("r", 4.0, source="report", count=4)
    story = Story().at(0).level(3).at(0.5).level(3, people).at(1).level(3, people)
    assert story.heard() == [(0, Reason.ISSUED, 3), (0.5, Reason.CONFIRMED_BY, 3)]


def test_a_warning_that_joins_another_ends() -> None:
    story = Story().at(0).level(2).at(1).joins("wl-older").at(60)
    assert story.heard()[1:] == [(1, Reason.MERGED, NO_LEVEL)]
    assert story.details[-1] == "wl-older"
    assert Story().at(0).joins("wl-older").heard() == []


# --- people ----------------------------------------------------------------------------------


def test_an_acknowledgement_is_dropped_when_the_level_rises() -> None:
    story = Story().at(0).level(3).at(1).person("ack")
    assert story.life.marks.acknowledged == "op-7"
    assert story.at(2).level(3).life.marks.acknowledged == "op-7"
    assert story.at(3).level(4).at(3 + EASE).life.marks.acknowledged == "op-7"
    assert story.at(20).level(2).life.marks.acknowledged is None
    assert story.heard()[1] == (1, Reason.BY_PERSON, 3)
    assert story.details[1] == "ack by op-7"


@pytest.mark.parametrize("op", ["false_alarm", "resolve"])
def test_a_person_can_end_it(op: str) -> None:
    story = Story().at(0).level(2).at(1).person(op, note="a drill")
    assert story.heard()[1:] == [(1, Reason.BY_PERSON, NO_LEVEL)]
    assert not story.life.active
    assert story.life.due() is None
    assert story.at(2).level(2).at(3).level(3).heard() == [], "the same is not said again"
    assert story.at(4).level(1).heard() == [(4, Reason.REOPENED, 1)], "worse is"


def test_marks_are_put_on_and_taken_off() -> None:
    story = Story().at(0).level(2).person("shelve", until=T0 + MINUTE).person("confirm")
    assert story.life.marks == Marks(confirmed="op-7", shelved_until=T0 + MINUTE)
    story.person("unshelve").person("note", note="two pumps on site")
    assert story.life.marks == Marks(confirmed="op-7")
    assert story.details[-1] == "note by op-7: two pumps on site"
    assert [level for _, reason, level in story.heard() if reason is Reason.BY_PERSON] == [2] * 4


@pytest.mark.parametrize(
    "op", ["ack", "confirm", "false_alarm", "shelve", "unshelve", "resolve", "note"]
)
def test_nobody_can_do_anything_to_what_is_not_active(op: str) -> None:
    story = Story().at(0).person(op)
    assert story.heard() == []
    assert story.life.marks == Marks()


def test_a_persons_touch_does_not_disturb_the_holds() -> None:
    story = Story().at(0).level(4).at(1).level(None).at(5).person("ack").at(60)
    assert story.heard()[-1] == (1 + CLEAR, Reason.CLEARED, NO_LEVEL)


# --- the end ---------------------------------------------------------------------------------


def test_it_is_forgotten_hours_after_its_end_only() -> None:
    story = Story().at(0).level(3).at(1).level(None).at(60)
    ended = T0 + int((1 + CLEAR) * MINUTE)
    assert story.life.forgotten_at() == ended + FORGET_AFTER_MS + 1
    assert Story().at(0).level(3).life.forgotten_at() is None
    speaks = Story().at(0).level(None, strand("a", 3.5))
    assert speaks.life.forgotten_at() is None
