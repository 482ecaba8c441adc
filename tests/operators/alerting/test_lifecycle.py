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
    LASTS_MS,
    LATE_AFTER_MS,
    MEANT_FOR_MS,
    SPREAD_AFTER_MS,
    Life,
)
from operators.events import NO_LEVEL, Command, Marks
from operators.incident import STRANDS, Strand
from operators.registry import cell_of
from tests.operators.alerting.strands import at_level, crossing, strand, view
from tests.operators.town import HOUR, LAT, LON, MINUTE, T0

EASE, CLEAR, SPREAD = (ms / MINUTE for ms in (EASE_AFTER_MS, CLEAR_AFTER_MS, SPREAD_AFTER_MS))
LATE, MEANT = LATE_AFTER_MS / MINUTE, MEANT_FOR_MS / MINUTE
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

    def ahead(self, level: int, minute: float, *more: Strand) -> "Story":
        """The level will be reached then."""
        onset = T0 + int(minute * MINUTE)
        both = at_level(level, onset=onset, probability=0.9)
        self._tell(self.life.see(view(*both, *more, time=self.now)))
        return self

    def alone_ahead(self, level: int, minute: float) -> "Story":
        """One sensor alone expects a level then."""
        onset = T0 + int(minute * MINUTE)
        one = crossing("a", level, onset=onset, probability=0.9)
        self._tell(self.life.see(view(one, time=self.now)))
        return self

    def alone(self, level: int) -> "Story":
        """One sensor alone is over a level."""
        self._tell(self.life.see(view(crossing("a", level), time=self.now), {"a"}))
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
        name = f"c-{self.commands}"
        version = more.pop("version", self.life.version)
        fields = {"until": None, "note": ""} | more
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


# --- what was expected comes, or does not -----------------------------------------------------


def test_that_what_was_expected_is_there_is_told_once() -> None:
    # expected at 30, there at 20
    story = Story().at(0).ahead(3, 30).at(10).ahead(3, 28).at(20).level(3).at(21).level(3)
    assert story.heard() == [(0, Reason.ISSUED, 3), (20, Reason.REACHED, 3)]


def test_a_lower_level_that_is_reached_is_not_what_was_expected() -> None:
    story = Story().at(0).ahead(2, 30).at(20).level(3)
    assert (20, Reason.REACHED) not in [(at, why) for at, why, _ in story.heard()]


def test_worse_that_is_expected_is_told_once_though_it_is_no_worse_itself() -> None:
    """Of one sensor alone: it is held down, but where it is going has changed."""
    story = Story()
    for minute, level in ((0, 2), (5, 2), (10, 1), (15, 1), (20, 2), (25, 1)):
        story.at(minute).alone_ahead(level, 60)
    assert [(at, why) for at, why, _ in story.heard()] == [(0, Reason.ISSUED), (10, Reason.WORSE)]


def test_a_level_that_is_passed_on_the_way_to_a_worse_one_is_not_late() -> None:
    # orange is expected at 20; at 26 it is passed, and red expected at 50
    story = Story().at(0).alone_ahead(2, 20).at(26).alone_ahead(1, 50)
    assert [why for _, why, _ in story.heard()] == [Reason.ISSUED, Reason.WORSE]


def test_that_it_takes_longer_is_told_more_and_more_seldom() -> None:
    # told:     20 at 0                     45 at 25       60 at 55
    # expected: 20    22    25 when it is 24      47  50
    story = Story().at(0).ahead(3, 20).at(18).ahead(3, 25).at(20 + LATE - 1).ahead(3, 45)
    assert story.heard() == [(0, Reason.ISSUED, 3)], "not late yet"
    story.at(20 + LATE).ahead(3, 45).at(26).ahead(3, 46).at(45 + LATE).ahead(3, 60)
    assert story.heard() == [(20 + LATE, Reason.LATER, 3)]
    story.at(45 + 2 * LATE).ahead(3, 60)
    assert story.heard() == [(45 + 2 * LATE, Reason.LATER, 3)]
    for minute in range(60, 24 * 60, 5):
        story.at(minute).ahead(3, minute + 10)
    assert len(story.heard()) <= 10


def test_what_is_late_and_no_longer_expected_is_not_told_again() -> None:
    story = Story().at(0).ahead(3, 20).at(20 + LATE).ahead(3, 24).at(40).ahead(3, 24)
    assert story.heard() == [(0, Reason.ISSUED, 3)]


def test_that_only_less_than_expected_is_there_is_told_once() -> None:
    # red is expected at 20, and at 26 the river stands over the orange level
    story = Story().at(0).ahead(1, 20, strand("c", 9.0)).at(20 + LATE - 1).level(2)
    assert [why for _, why, _ in story.heard()] == [Reason.ISSUED]
    story.at(20 + LATE).level(2).at(40).level(2)
    assert [(at, why) for at, why, _ in story.heard() if why is not Reason.EASED] == [
        (20 + LATE, Reason.FAILED)
    ]


def test_of_one_that_fell_silent_nobody_says_that_it_failed() -> None:
    story = Story().at(0).ahead(3, 20).at(41).level(None, strand("c", 9.0), strand("d", 9.0))
    assert Reason.FAILED not in [why for _, why, _ in story.heard()]


@pytest.mark.parametrize(("later", "why"), [(None, Reason.REACHED), (60, Reason.LATER)])
def test_what_a_person_did_meanwhile_makes_nobody_forget(later: float | None, why: Reason) -> None:
    story = Story().at(0).ahead(3, 20).at(22).person("ack").at(22 + SPREAD)
    story = story.level(3) if later is None else story.ahead(3, later)
    assert [reason for _, reason, _ in story.heard()] == [Reason.ISSUED, Reason.BY_PERSON, why]


def test_what_is_late_waits_for_its_turn() -> None:
    story = Story().at(0).ahead(3, 2).at(2 + LATE).ahead(3, 20).at(SPREAD).ahead(3, 20)
    assert story.heard()[1:] == [(SPREAD, Reason.LATER, 3)]


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


def test_what_got_better_and_did_not_last_is_said_later_each_time() -> None:
    # a sensor at a level: over it for a minute, under it for an hour and a half, again and again
    story = Story()
    for n in range(6):
        story.at(100 * n).level(3).at(100 * n + 1).level(4)
    held = [at - 100 * n - 1 for n, (at, _, _) in enumerate(story.at(700).heard()[1::2])]
    assert held == [EASE, 2 * EASE, 4 * EASE, 4 * EASE, 4 * EASE, 4 * EASE]
    assert story.details[1::2] == [f"{minutes:.0f} min" for minutes in held]


def test_one_relapse_counts_once_however_it_comes_back() -> None:
    story = Story().at(0).level(2).at(1).level(None).at(20).level(4).at(21).level(3).at(22).level(2)
    story.at(23).level(4).at(100)
    assert [at for at, reason, _ in story.heard() if reason is Reason.EASED][1:] == [
        23 + 2 * EASE,
        23 + 4 * EASE,
    ]


def test_what_is_issued_again_is_cleared_as_soon() -> None:
    # Its incident is over ten minutes after the last voice: it could join no other any more.
    story = Story().at(0).level(4).at(1).level(None).at(30).level(4).at(31).level(None).at(100)
    assert story.heard()[-1] == (31 + CLEAR, Reason.CLEARED, NO_LEVEL)


def test_what_lasted_was_not_said_too_early() -> None:
    lasts = LASTS_MS / MINUTE
    story = Story().at(0).level(3).at(1).level(4).at(20).level(3).at(21).level(4)
    assert story.at(60).heard()[-1] == (21 + 2 * EASE, Reason.EASED, 4)
    again = 21 + 2 * EASE + lasts
    story.at(again).level(3).at(again + 1).level(4).at(again + 60)
    assert story.heard()[-1] == (again + 1 + EASE, Reason.EASED, 4)


def test_getting_worse_than_ever_takes_nothing_back() -> None:
    story = Story().at(0).level(3).at(1).level(4).at(20).level(2).at(21).level(4)
    assert story.at(60).heard()[2:4] == [
        (20, Reason.ESCALATED, 2),
        (21 + EASE, Reason.EASED, 3),
    ]


def test_what_a_person_ended_was_not_taken_back_by_us() -> None:
    story = Story().at(0).level(2).at(1).level(4).at(20).person("resolve").at(30).level(3)
    assert story.heard()[-1] == (30, Reason.REOPENED, 3)
    story.at(31).level(2).at(32).level(3).at(60)
    assert story.heard()[-1] == (32 + EASE, Reason.EASED, 3)


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


def test_those_who_take_turns_are_not_news_again() -> None:
    story, many = (
        Story().at(0).grown_to(3, *CELLS[:1]),
        [crossing(f"{n}", 3) for n in range(STRANDS)],
    )
    for n in range(1, 7):
        cells = CELLS[:2] if n % 2 else CELLS[2:]
        story.at(n * SPREAD)._tell(story.life.see(view(*many, time=story.now, cells=cells)))
    assert [at for at, _, _ in story.heard()[1:]] == [SPREAD, 2 * SPREAD]


def test_one_that_moves_is_told_of_where_it_is() -> None:
    story = Story()
    for n in range(6):
        story.at(n * SPREAD).grown_to(3, *(CELLS[2:] if n % 2 else CELLS[:2]))
    assert [at for at, _, _ in story.heard()[1:]] == [n * SPREAD for n in range(1, 6)]


def test_who_has_fallen_silent_is_where_he_was() -> None:
    story = Story().at(0).grown_to(3, *CELLS[:2]).at(1)
    story._tell(story.life.see(view(time=story.now, cells=CELLS[3:])))
    assert story.life.view.cells == tuple(CELLS[:2])


def test_who_has_fallen_silent_spreads_nowhere() -> None:
    story = Story().at(0).grown_to(3, *CELLS[:2]).at(3 * SPREAD)
    story._tell(story.life.see(view(time=story.now, cells=CELLS[2:3])))
    assert [reason for _, reason, _ in story.heard()] == [Reason.ISSUED]


def test_what_is_only_hinted_at_spreads_nowhere() -> None:
    # A jam on its way out was told as "spread to 2 cells: signs that are weak each by itself".
    story = Story().at(0).grown_to(3, *CELLS[:2])
    weak = [strand(each, 2.9, cell=cell) for each, cell in zip("abc", CELLS[1:], strict=True)]
    story.at(SPREAD)._tell(story.life.see(view(*weak, time=story.now)))
    assert story.life.active
    assert [reason for _, reason, _ in story.heard()] == [Reason.ISSUED]
    story.at(SPREAD + 1).grown_to(3, *CELLS[1:])
    assert [reason for _, reason, _ in story.heard()] == [Reason.SPREAD]


def test_growth_just_before_it_falls_silent_is_not_told_in_the_silence() -> None:
    story = Story().at(0).grown_to(3, *CELLS[:1]).at(SPREAD - 2).grown_to(3, *CELLS[:2])
    story.at(SPREAD - 1).level(None).at(SPREAD + 1).level(None)
    assert story.life.active
    assert [reason for _, reason, _ in story.heard()] == [Reason.ISSUED]


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
    assert story.details[-1] == f"{op} by op-7: a drill"
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


@pytest.mark.parametrize("op", ["ack", "false_alarm", "resolve", "shelve"])
def test_what_a_person_did_about_less_is_not_done_to_worse(op: str) -> None:
    story = Story().at(0).level(4).at(1).level(1).at(2)
    story.person(op, version=1, until=T0 + HOUR, note="a drill")
    assert story.heard()[-1] == (2, Reason.BY_PERSON, 1)
    assert story.details[-1] == f"{op} by op-7, who saw version 1: it is worse since: a drill"
    assert (story.life.active, story.life.marks) == (True, Marks())
    assert story.person("ack", version=2).life.marks.acknowledged == "op-7", "a note is no worse"


def test_a_verdict_that_it_is_false_takes_back_that_it_is_real() -> None:
    story = Story().at(0).level(3).person("confirm").at(1).person("false_alarm").at(2).level(1)
    assert story.heard()[-1] == (2, Reason.REOPENED, 1)
    assert story.life.marks == Marks()


@pytest.mark.parametrize(("op", "again"), [("confirm", True), ("false_alarm", False)])
def test_what_was_ended_and_is_real_after_all_is_issued_again(op: Any, again: bool) -> None:
    story = Story().at(0).level(2).at(1).person("false_alarm").at(2).level(2)
    story.life.reconsider(Command("c", story.now, "op-8", "wl-1", 1, op))
    assert story.at(3).level(2).life.active == again
    assert story.life.marks.confirmed == ("op-8" if again else None)


# --- shelving --------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [2, 4])
def test_a_shelf_ends_when_it_was_said_to(level: int) -> None:
    story = Story().at(0).level(level).at(1).person("shelve", until=T0 + HOUR).at(59).level(level)
    assert story.life.marks.shelved_until == T0 + HOUR
    assert story.at(61).heard()[2:] == [(60, Reason.UNSHELVED, level)]
    assert (story.life.marks, story.life.due()) == (Marks(), None)
    story.person("shelve", until=T0).at(62)
    assert story.heard()[-1] == (61, Reason.UNSHELVED, level), "never before it was begun"


def test_holds_go_on_on_the_shelf() -> None:
    story = Story().at(0).level(3).person("shelve", until=T0 + HOUR).at(1).level(4).at(20)
    assert story.heard()[2:] == [(1 + EASE, Reason.EASED, 4)]
    assert story.at(61).heard() == [(60, Reason.UNSHELVED, 4)]
    over = Story().at(0).level(3).person("shelve", until=T0 + HOUR).at(1).level(None).at(61)
    assert over.heard()[-1] == (1 + CLEAR, Reason.CLEARED, NO_LEVEL)


def test_a_shelf_is_for_what_was_put_there_not_for_worse() -> None:
    story = Story().at(0).level(3).person("shelve", until=T0 + HOUR).at(1).level(2)
    assert story.life.marks.shelved_until is None
    back = Story().at(0).level(3).person("shelve", until=T0 + HOUR).at(1).level(None).at(30)
    assert back.level(3).life.marks.shelved_until == T0 + HOUR, "the same again"
    back.at(31).level(None).at(50).level(2)
    assert back.life.marks.shelved_until is None


# --- joining ---------------------------------------------------------------------------------


def test_who_takes_over_an_active_warning_does_not_stay_ended() -> None:
    ended = Story().at(0).level(2).at(1).person("resolve").at(2).level(2)
    assert ended.heard()[-1][1] is Reason.BY_PERSON
    ended.life.take_over(Story().at(0).level(None).life)
    assert ended.at(3).level(2).heard() == [], "what was none changes nothing"
    ended.life.take_over(Story().at(0).level(2).life)
    assert ended.at(4).level(2).heard() == [(4, Reason.REOPENED, 2)]


def test_who_takes_over_is_doubted_as_the_other_was() -> None:
    other = Story().at(0).level(3).at(1).level(4).at(20).level(3)
    assert other.life.taken_back == 1
    story = Story().at(20).level(3)
    story.life.take_over(other.life)
    assert story.at(21).level(4).at(60).heard()[-1] == (21 + 2 * EASE, Reason.EASED, 4)


@pytest.mark.parametrize(("ours", "theirs", "shelved"), [(3, 3, True), (3, 2, True), (2, 3, False)])
def test_what_was_said_of_one_that_joins_goes_on(ours: int, theirs: int, shelved: bool) -> None:
    other = Story().at(0).level(theirs).person("confirm").person("shelve", until=T0 + HOUR)
    kept = Story().at(0).level(ours)
    kept.life.take_over(other.life)
    assert kept.at(1).level(ours).heard()[1:] == [(1, Reason.TAKES_OVER, ours)]
    until = T0 + HOUR if shelved else None
    assert kept.life.marks == Marks(confirmed="op-7", shelved_until=until)
    assert kept.at(2).level(ours).heard() == []


# --- one that cried alone --------------------------------------------------------------------


def test_who_cried_alone_is_known_unless_somebody_agreed() -> None:
    def cried(*told: str) -> Story:
        story = Story().at(0)
        story._tell(story.life.see(view(strand("a", 8.0), strand("a", 8.0), time=story.now)))
        for op in told:
            story.person(op)
        return story.at(1).level(None).at(60)

    assert cried().life.worst == 4
    assert cried().life.lone_voice() == "a"
    assert cried("confirm").life.lone_voice() is None
    assert cried("confirm", "false_alarm").life.lone_voice() == "a"
    joins = Story().at(0)
    joins._tell(joins.life.see(view(strand("a", 8.0), time=joins.now)))
    assert joins.at(1).joins("wl-2").life.lone_voice() is None


# --- the end ---------------------------------------------------------------------------------


def test_it_is_forgotten_hours_after_its_end_only() -> None:
    story = Story().at(0).level(3).at(1).level(None).at(60)
    ended = T0 + int((1 + CLEAR) * MINUTE)
    assert story.life.forgotten_at() == ended + FORGET_AFTER_MS + 1
    later = story.at(90).level(None).life.forgotten_at()
    assert later == T0 + 90 * MINUTE + FORGET_AFTER_MS + 1, "while its incident is open"
    assert Story().at(0).level(3).life.forgotten_at() is None
    speaks = Story().at(0).level(None, strand("a", 3.5))
    assert speaks.life.forgotten_at() is None


def test_what_eases_after_a_person_ended_it_is_what_they_meant() -> None:
    story = Story().at(0).level(1).at(1).person("resolve").at(2).level(4)
    story.at(2 + MEANT - 1).level(1)
    assert story.heard()[2:] == [], "a dip is no end"
    story.at(100).level(4).at(100 + MEANT)
    assert story.heard() == [], "nor is that it has eased"
    assert story.level(4).at(200).level(3).heard() == [(200, Reason.REOPENED, 3)]


def test_a_person_s_word_goes_on_for_what_stays_as_bad() -> None:
    story = Story().at(0).level(2).at(1).person("false_alarm")
    for hour in range(1, 30):
        assert story.at(60 * hour).level(2).life.active is False
    story.at(3000).level(1)
    assert story.life.active


def test_a_person_ended_what_was_expected_not_what_comes_to_pass() -> None:
    story = Story().at(0).alone_ahead(4, 60).at(1).person("false_alarm")
    assert story.at(30).alone_ahead(4, 60).life.active is False
    story.alone(4)
    assert story.life.active, "an official level is reached: no verdict was on that"
    story.at(31).person("false_alarm").at(40).alone(4)
    assert story.life.active is False
    story.at(50).alone(3)
    assert story.life.active, "nor on a worse one"
