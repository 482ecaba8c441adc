"""Verdicts move scores within bounds, slowly, reversibly, and never a red."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.alerting import verdicts
from operators.alerting.grading import TAUGHT_AT_MOST, UNTAUGHT, grade
from operators.alerting.verdicts import A_DAY, ENOUGH, VERSIONS, LearnFromVerdicts
from operators.events import Command
from operators.incident import IncidentView
from tests.operators.alerting.strands import strand, view
from tests.operators.town import DAY, HOUR, MINUTE, T0

KINDS = ("traffic", "noise", "waterlogging")


def seen(hazard: str = "noise", place: str = "east", key: str = "a", more: float = 0) -> Any:
    return view(strand(key, 5.0 + more, hazard=hazard), hazard=hazard, district=place)


def verdict(
    at: int, name: str, op: Any = "false_alarm", number: int = 1, version: int = 1
) -> Command:
    return Command(f"c-{number:03d}", at, "op-7", name, version, op)


class Ledger:
    """Warnings and the verdicts on them."""

    def __init__(self) -> None:
        self.learner = LearnFromVerdicts()
        self.number = 0

    def judge(self, at: int, confirmed: bool, what: IncidentView | None = None) -> str:
        """Somebody says what a new warning was worth."""
        self.number += 1
        what = what or seen()
        self.learner.note(f"w-{self.number}", 1, what, grade(what))
        op = "confirm" if confirmed else "false_alarm"
        assert self.learner.hear(verdict(at, f"w-{self.number}", op, self.number))
        return f"w-{self.number}"

    def shift(self, at: int, hazard: str = "noise", place: str = "east") -> float:
        return self.learner.shift(hazard, place, at)


# --- what is learnt --------------------------------------------------------------------------


def test_before_any_verdict_nothing_is_taught() -> None:
    learner = LearnFromVerdicts()
    assert learner.taught(seen()) is UNTAUGHT
    assert learner.chance(seen(), grade(seen())) is None
    assert learner.shift("noise", "east", T0) == 0.0
    assert not learner.hear(verdict(T0, "w-nobody"))
    assert learner.taught(seen()) is UNTAUGHT


def test_false_warnings_lower_the_score_of_their_kind_and_most_in_their_place() -> None:
    # verdict  f f f f f f f f         one an hour
    # shift    0 ............ -0.2 a day
    ledger = Ledger()
    for hour in range(8):
        ledger.judge(T0 + hour * HOUR, False)
    assert ledger.shift(T0 + 7 * HOUR) == pytest.approx(-A_DAY * 7 / 24)
    later = T0 + 10 * DAY
    assert ledger.shift(later) < ledger.shift(later, place="west") < -0.1
    assert ledger.shift(later, "flood") == 0.0


def test_confirmed_ones_raise_it() -> None:
    ledger = Ledger()
    for hour in range(8):
        ledger.judge(T0 + hour * HOUR, True)
    assert 0.1 < ledger.shift(T0 + 10 * DAY) <= TAUGHT_AT_MOST


def test_what_was_learnt_fades_when_nobody_says_more() -> None:
    ledger = Ledger()
    for hour in range(30):
        ledger.judge(T0 + hour * HOUR, False)
    most = ledger.shift(T0 + 8 * DAY)
    assert most < -0.7
    assert ledger.shift(T0 + 98 * DAY) == pytest.approx(most / 8, rel=0.01)
    assert ledger.shift(T0 + 400 * DAY) == pytest.approx(0, abs=0.001)


def test_who_spoke_for_false_warnings_is_worth_less_wherever_it_speaks() -> None:
    ledger = Ledger()
    for hour in range(8):
        ledger.judge(T0 + hour * HOUR, False, seen(key="liar"))
    both = view(strand("liar", 5.0), strand("b", 5.0), time=T0 + 9 * DAY)
    assert set(ledger.learner.taught(both).worth) == {"liar"}
    assert ledger.learner.taught(both).worth["liar"] < 0.9


def test_the_chance_is_told_once_there_are_verdicts_enough() -> None:
    ledger = Ledger()
    for hour in range(ENOUGH):
        assert ledger.learner.chance(seen(), grade(seen())) is None
        ledger.judge(T0 + hour * HOUR, False)
    false = ledger.learner.chance(seen(), grade(seen()))
    other = ledger.learner.chance(seen("flood"), grade(seen("flood")))
    assert false is not None
    assert other is not None
    assert false < 0.2
    assert false < other


# --- which warning was meant -----------------------------------------------------------------


def test_a_verdict_is_on_the_version_that_was_seen() -> None:
    def aim(version: int) -> float:
        learner = LearnFromVerdicts()
        for number, more in ((1, 0.0), (2, 6.0)):
            learner.note("w", number, seen(more=more), grade(seen(more=more)))
        learner.hear(verdict(T0, "w", "confirm", version=version))
        return learner.shift("noise", "east", T0 + 9 * DAY)

    assert aim(1) > aim(2) > 0, "that something sure was true is no news"
    assert aim(2) == aim(7)
    assert aim(0) == aim(1)


def test_the_oldest_versions_are_forgotten() -> None:
    learner = LearnFromVerdicts()
    for number in range(1, 100):
        learner.note("w", number, seen(), grade(seen()))
    assert len(learner._cases["w"]) == VERSIONS
    assert learner.hear(verdict(T0, "w", version=3))


def test_a_forgotten_warning_cannot_be_judged_but_judged_anew() -> None:
    ledger = Ledger()
    name = ledger.judge(T0, False)
    ledger.learner.forget(name)
    ledger.learner.forget("w-nobody")
    assert ledger.learner.hear(verdict(T0 + HOUR, name, "confirm", 2))
    assert not ledger.learner.hear(verdict(T0 + HOUR, "w-other", "confirm", 3))
    assert ledger.shift(T0 + 9 * DAY) > 0


# --- one warning, one verdict ----------------------------------------------------------------


def test_an_opposite_verdict_replaces_the_first() -> None:
    both, second = Ledger(), Ledger()
    for ledger in (both, second):
        for hour in range(6):
            ledger.judge(T0 + hour * HOUR, hour % 3 == 0, seen(KINDS[hour % 2]))
    both.judge(T0 + 7 * HOUR, False)
    second.number += 1
    second.learner.note("w-7", 1, seen(), grade(seen()))
    for ledger in (both, second):
        assert ledger.learner.hear(verdict(T0 + 8 * HOUR, "w-7", "confirm", 8))
    later = T0 + 20 * DAY
    for hazard in KINDS:
        assert both.shift(later, hazard) == pytest.approx(second.shift(later, hazard))
    a, b = (ledger.learner.taught(seen()._replace(time=later)).worth for ledger in (both, second))
    assert a == pytest.approx(b)


def test_a_mistake_taken_back_at_once_has_moved_next_to_nothing() -> None:
    ledger = Ledger()
    name = ledger.judge(T0, False)
    ledger.learner.hear(verdict(T0 + MINUTE, name, "confirm", 2))
    assert -0.001 < ledger.shift(T0 + MINUTE) < 0
    assert ledger.shift(T0 + DAY) > 0


def test_the_last_by_time_and_id_counts_however_they_arrive() -> None:
    said = [
        verdict(T0 + MINUTE, "w-1", "confirm", 2),
        verdict(T0 + MINUTE, "w-1", "false_alarm", 3),
        verdict(T0, "w-1", "confirm", 9),
    ]
    ends = set()
    for order in (said, said[::-1], [said[1], said[2], said[0]]):
        learner = LearnFromVerdicts()
        learner.note("w-1", 1, seen(), grade(seen()))
        assert all(learner.hear(command) for command in order)
        ends.add(round(learner.shift("noise", "east", T0 + 20 * DAY), 9))
    assert len(ends) == 1
    assert ends.pop() < 0


# --- laws, whatever is said ------------------------------------------------------------------

SAID = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from(KINDS),
        st.sampled_from(["east", "west"]),
        st.integers(0, 8),
        st.floats(0, 6),
        st.integers(0, 2 * DAY),
    ),
    max_size=40,
)


@given(SAID)
def test_bounds_hold_for_any_verdicts(said: list[tuple[bool, str, str, int, float, int]]) -> None:
    ledger, now = Ledger(), T0
    groups = [(hazard, place) for hazard in KINDS for place in ("east", "west", "north")]
    for confirmed, hazard, place, warning, more, wait in said:
        before = {group: ledger.shift(now, *group) for group in groups}
        now += wait
        what = seen(hazard, place, f"s-{warning}", more)
        name = f"w-{warning}"
        ledger.number += 1
        ledger.learner.note(name, 1, what, grade(what))
        op = "confirm" if confirmed else "false_alarm"
        assert ledger.learner.hear(verdict(now, name, op, ledger.number))
        for group in groups:
            shift = ledger.shift(now, *group)
            assert abs(shift) <= TAUGHT_AT_MOST
            assert abs(shift - before[group]) <= A_DAY * wait / DAY + 1e-9
        found = grade(what, taught=ledger.learner.taught(what._replace(time=now + 9 * DAY)))
        plain = grade(what)
        assert abs(found.taught) <= TAUGHT_AT_MOST
        assert found.score == plain.score
        assert (found.level == 1) == (plain.level == 1)


@given(SAID, st.integers(0, 40))
def test_a_snapshot_goes_on_as_the_original(
    said: list[tuple[bool, str, str, int, float, int]], cut: int
) -> None:
    whole, resumed, now = Ledger(), Ledger(), T0
    for n, (confirmed, hazard, place, _, more, wait) in enumerate(said):
        if n == cut:
            resumed.learner = pickle.loads(pickle.dumps(resumed.learner))
        now += wait
        for ledger in (whole, resumed):
            ledger.judge(now, confirmed, seen(hazard, place, more=more))
    later = seen()._replace(time=now + DAY)
    assert resumed.learner.taught(later) == whole.learner.taught(later)
    assert resumed.learner.chance(later, grade(later)) == whole.learner.chance(later, grade(later))


def test_memory_is_bounded_and_the_oldest_verdicts_teach_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verdicts, "KEPT", 20)
    ledger, fresh = Ledger(), Ledger()
    for n in range(100):
        ledger.learner.forget(ledger.judge(T0 + n * HOUR, n < 80))
    for n in range(80, 100):
        fresh.judge(T0 + n * HOUR, False)
    assert len(ledger.learner._stand) == 20
    assert ledger.learner._cases == {}
    chances = [each.learner.chance(seen(), grade(seen())) for each in (ledger, fresh)]
    assert chances[0] == chances[1]
