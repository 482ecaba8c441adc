"""How bad: more evidence is never less bad, and one faulty sensor never makes a red."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.alerting.fusion import STRONGEST, fuse
from operators.alerting.grading import (
    ALONE_AT_MOST,
    ENTER,
    LEAVE,
    LEVEL_ALONE_AT_MOST,
    PEERS,
    REPORTS_ALONE_AT_MOST,
    SEVERAL_REPORTS,
    TAUGHT_AT_MOST,
    TOLERATED,
    Grade,
    Taught,
)
from operators.alerting.grading import grade as grade_view
from operators.events import NO_LEVEL
from operators.incident import EFFECTS, SPEAKS, Strand
from operators.surroundings import ALONE, Around
from tests.operators.alerting.strands import at_level, crossing, strand, view
from tests.operators.town import T0

HAZARD = "waterlogging"


def grade(
    hazard: str,
    strands: tuple[Strand, ...],
    doubted: frozenset[str] = frozenset(),
    around: Around = ALONE,
) -> Grade:
    return grade_view(view(*strands, hazard=hazard, around=around), doubted)


def level(*strands: Strand) -> int:
    return grade(HAZARD, strands).level


# --- the table -------------------------------------------------------------------------------


def test_the_table_is_in_order() -> None:
    assert list(ENTER) == [1, 2, 3, 4]
    assert sorted(ENTER.values(), reverse=True) == list(ENTER.values())
    assert all(
        worse - less > LEAVE
        for worse, less in zip(ENTER.values(), [*ENTER.values()][1:], strict=False)
    )


@pytest.mark.parametrize("wanted", list(ENTER))
def test_a_level_is_entered_at_its_threshold_and_kept_below_it(wanted: int) -> None:
    def graded(score: float) -> tuple[int, int]:
        # Held down by nothing: several sensors of a cell, or two sorts of sources, which add up.
        reports = strand("r", score / 2, source="report", count=SEVERAL_REPORTS)
        both = (strand("a", score / 2), reports)
        several = (strand("c", score, source="cell", value=3.0),)
        found = grade(HAZARD, both if score / 2 >= SPEAKS else several)
        return found.level, found.keeps

    assert graded(ENTER[wanted] + 0.01) == (wanted, wanted)
    under, keeps = graded(ENTER[wanted] - 0.01)
    assert under == wanted + 1
    assert keeps == wanted
    assert graded(ENTER[wanted] - LEAVE - 0.01)[1] == wanted + 1


def test_a_crossing_scores_what_its_official_level_is_worth() -> None:
    def scored(*strands: Strand) -> float:
        return grade(HAZARD, strands).score

    crossed = strand("a", 6.0, source="level", level=2)
    assert scored(crossed) == 6.0
    assert scored(crossed, strand("b", 4.0)) == 6.0
    people = strand("r", 4.0, source="report", count=SEVERAL_REPORTS)
    assert scored(crossed, strand("b", 4.0), people) == scored(strand("b", 4.0), people) > 6.0


def test_nothing_is_no_level() -> None:
    found = grade(HAZARD, ())
    assert (found.level, found.keeps, found.score) == (NO_LEVEL, NO_LEVEL, 0.0)
    assert not found.capped
    assert level(strand("a", SPEAKS - 0.1), strand("b", SPEAKS - 0.1)) == NO_LEVEL


@pytest.mark.parametrize("wanted", [1, 2, 3, 4])
def test_an_official_level_is_that_level_once_two_say_so(wanted: int) -> None:
    found = grade(HAZARD, at_level(wanted))
    assert (found.level, found.keeps, found.capped) == (wanted, wanted, False)
    assert found.certainty == "Observed"


# --- what one can say alone ------------------------------------------------------------------

_one_sensor = st.builds(
    lambda key, said: tuple(
        {
            source: strand(key, strength, source=source, level=official, onset=onset)
            for source, strength, official, onset in said
        }.values()
    ),
    st.just("the-one"),
    st.lists(
        st.tuples(
            st.sampled_from(["sensor", "level"]),
            st.floats(0, 50),
            st.integers(1, NO_LEVEL),
            st.sampled_from([None, T0 + 3600_000]),
        ),
        max_size=4,
    ),
)


@given(_one_sensor)
def test_one_sensor_never_makes_a_red_nor_an_orange(strands: tuple[Strand, ...]) -> None:
    found = grade(HAZARD, strands)
    assert found.level >= LEVEL_ALONE_AT_MOST
    if not any(s.latest.source == "level" for s in strands):
        assert found.level >= ALONE_AT_MOST


def test_one_sensor_alone_is_held_down_and_says_so() -> None:
    found = grade(HAZARD, (strand("a", STRONGEST),))
    assert (found.level, found.capped, found.sensors) == (ALONE_AT_MOST, True, 1)
    assert grade(HAZARD, (crossing("a", 1),)).level == LEVEL_ALONE_AT_MOST
    assert grade(HAZARD, (crossing("a", 1),)).capped


@pytest.mark.parametrize(
    "second",
    [
        strand("b", STRONGEST),
        strand("r", STRONGEST, source="report", count=SEVERAL_REPORTS),
        strand("o", STRONGEST, source="outage", value=5.0),
        strand("c", STRONGEST, source="cell", value=3.0),
    ],
    ids=lambda s: s.latest.source,
)
def test_a_second_source_frees_it(second: Strand) -> None:
    found = grade(HAZARD, (crossing("a", 1), second))
    assert (found.level, found.capped) == (1, False)


def test_a_neighbour_that_hardly_speaks_frees_nothing() -> None:
    assert level(crossing("a", 1), strand("b", SPEAKS - 0.1)) == LEVEL_ALONE_AT_MOST


def test_who_is_held_to_be_faulty_frees_nothing_but_supports() -> None:
    lies = [strand(f"f{n}", STRONGEST, fault="unit") for n in range(3)]
    found = grade(HAZARD, (strand("a", SPEAKS), *lies))
    assert (found.level, found.sensors) == (ALONE_AT_MOST, 1)
    assert found.score > grade(HAZARD, (strand("a", SPEAKS),)).score
    assert grade(HAZARD, (crossing("a", 1), *lies)).level == LEVEL_ALONE_AT_MOST
    assert grade(HAZARD, lies).level == ALONE_AT_MOST, "though they are three"


def test_an_effect_frees_nothing_but_supports() -> None:
    effect = min(EFFECTS[HAZARD])
    found = grade(HAZARD, (crossing("a", 1), strand("t", STRONGEST, hazard=effect)))
    assert found.level == LEVEL_ALONE_AT_MOST
    assert found.sensors == 1
    of_effects = grade(HAZARD, (strand("t", 6.0, hazard=effect),))
    assert of_effects.score == 3.0


def test_reports_alone_are_held_down_by_their_number() -> None:
    few = strand("r", STRONGEST, source="report", count=SEVERAL_REPORTS - 1)
    many = [strand(f"r{n}", STRONGEST, source="report", count=SEVERAL_REPORTS) for n in range(9)]
    assert level(few) >= ALONE_AT_MOST
    assert level(*many) == REPORTS_ALONE_AT_MOST


# --- laws ------------------------------------------------------------------------------------

_strand = st.builds(
    lambda key, source, strength, official, count: strand(
        f"{source}-{key}",
        strength,
        source=source,
        count=count,
        value=float(count),
        level=official if source == "level" else NO_LEVEL,
    ),
    st.integers(0, 5),
    st.sampled_from(["sensor", "level", "report", "cell", "outage"]),
    st.floats(0, 12),
    st.integers(1, 4),
    st.integers(3, 9),
)
_strands = st.lists(_strand, max_size=8, unique_by=lambda s: s.latest.key)


@given(_strands, _strand)
def test_more_evidence_is_never_less_bad(strands: list[Strand], more: Strand) -> None:
    if more.latest.key not in {s.latest.key for s in strands}:
        before, after = grade(HAZARD, tuple(strands)), grade(HAZARD, (*strands, more))
        assert after.level <= before.level
        assert after.keeps <= before.keeps
        assert after.score >= before.score


@given(_strands, st.randoms(use_true_random=False))
def test_the_order_of_strands_does_not_matter(strands: list[Strand], rng: object) -> None:
    shuffled = list(strands)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert grade(HAZARD, tuple(shuffled)) == grade(HAZARD, tuple(strands))


@given(_strands)
def test_what_is_kept_is_at_least_as_bad_as_what_is_entered(strands: list[Strand]) -> None:
    found = grade(HAZARD, tuple(strands))
    assert found.keeps <= found.level


# --- what is said of it ----------------------------------------------------------------------


def test_certainty_grows_with_what_is_known() -> None:
    ahead = {"onset": T0 + 3600_000, "probability": 0.9}
    assert grade(HAZARD, (crossing("a", 3),)).certainty == "Observed"
    assert grade(HAZARD, (crossing("a", 3, **ahead),)).certainty == "Likely"
    unsure = crossing("a", 3, **(ahead | {"probability": 0.3}))
    assert grade(HAZARD, (strand("a", 5.0), unsure)).certainty == "Possible"
    assert grade(HAZARD, (strand("a", 5.0), strand("b", 5.0))).certainty == "Likely"
    assert grade(HAZARD, (strand("a", 5.0),)).certainty == "Possible"
    assert grade(HAZARD, ()).certainty == "Unlikely"


def test_the_onset_is_that_of_the_worst_level_ahead() -> None:
    soon, later = T0 + 600_000, T0 + 3600_000
    ahead = [
        crossing("a", 2, onset=later),
        crossing("b", 2, onset=soon),
        crossing("c", 4, onset=T0),
    ]
    assert grade(HAZARD, tuple(ahead)).onset == soon
    assert grade(HAZARD, (*ahead, crossing("d", 2))).onset is None
    assert grade(HAZARD, (strand("a"),)).onset is None


def test_who_agrees_is_counted() -> None:
    found = grade(
        HAZARD,
        (
            strand("a"),
            crossing("a", 4),
            strand("b"),
            strand("c", SPEAKS - 1),
            strand("r", source="report", count=4),
            strand("q", source="report", count=7),
            strand("o", source="outage", value=6.0),
        ),
    )
    assert (found.sensors, found.reports, found.silent) == (2, 7, 6)


# --- what neighbours say, and what they do not ----------------------------------------------


@pytest.mark.parametrize("official", [1, 2, 3, 4])
def test_neighbours_that_say_nothing_hold_one_sensor_at_blue(official: int) -> None:
    lone = (crossing("a", official), strand("a", STRONGEST))
    assert grade(HAZARD, lone, around=Around(1 + PEERS)).level == ALONE_AT_MOST
    assert grade(HAZARD, lone, around=Around(PEERS)).level == max(
        LEVEL_ALONE_AT_MOST, min(official + 1, ALONE_AT_MOST)
    )
    report = strand("r", 5.0, source="report", count=1)
    assert grade(HAZARD, (lone[0], report), around=Around(60)).level == official


@pytest.mark.parametrize(("one", "next_", "believed"), [(1, 4, 3), (1, 3, 2), (1, 2, 1), (2, 4, 3)])
def test_a_crossing_is_believed_one_level_beyond_the_next(
    one: int, next_: int, believed: int
) -> None:
    assert level(crossing("a", one), crossing("b", next_)) == believed
    people = strand("r", SPEAKS, source="report", count=1)
    assert level(crossing("a", one), crossing("b", next_), people) == one


def test_one_crossing_among_many_that_are_only_unusual_is_no_red() -> None:
    loud = [strand(f"s-{n}", STRONGEST, graded=True) for n in range(6)]
    assert level(*loud, crossing("s-0", 1)) == 3


def test_agreement_is_worth_what_it_is_unlikely_to_be() -> None:
    few = [strand(f"s-{n}", 3.5) for n in range(4)]
    scores = [
        grade(HAZARD, tuple(few), around=around).score
        for around in (Around(5, 0.0), Around(60, 0.0), Around(60, 0.05), Around(60, 0.5))
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(fuse([3.5] * 4), abs=0.1)  # no more than before
    assert scores[-1] == pytest.approx(3.5, abs=0.1)  # no more than one of them


@pytest.mark.parametrize("hazard", sorted(TOLERATED))
def test_a_crowd_that_troubles_nobody_is_held_at_blue(hazard: str) -> None:
    many = tuple(strand(f"s-{n}", STRONGEST, hazard=hazard) for n in range(6))
    silent, deaf = Around(6, people=True), Around(6, people=False)
    assert grade(hazard, many, around=silent).level == ALONE_AT_MOST
    assert grade(hazard, many, around=silent).capped
    assert grade(hazard, many, around=deaf).level == 1
    heard = strand("r", SPEAKS, source="report", count=3, hazard=hazard)
    assert grade(hazard, (*many, heard), around=silent).level == 1
    official = tuple(crossing(f"s-{n}", 2, hazard=hazard) for n in range(2))
    assert grade(hazard, official, around=silent).level == 2
    assert (
        grade(
            "fire",
            tuple(strand(f"s-{n}", STRONGEST, hazard="fire") for n in range(6)),
            around=silent,
        ).level
        == 1
    )


def test_one_that_has_levels_and_reaches_none_is_no_warning_alone() -> None:
    one = strand("a", STRONGEST, graded=True)
    assert level(one) == NO_LEVEL
    assert level(one, strand("b", STRONGEST, graded=True)) == ALONE_AT_MOST
    assert level(one, crossing("a", 4)) == ALONE_AT_MOST
    assert level(strand("a", STRONGEST)) == ALONE_AT_MOST, "it has no levels to wait for"


def test_one_that_is_doubted_is_no_warning_alone_but_its_official_level_is() -> None:
    one = strand("a", STRONGEST)
    doubted = frozenset({"a"})
    assert grade(HAZARD, (one,), doubted).level == NO_LEVEL
    assert not grade(HAZARD, (one,), doubted).capped
    assert grade(HAZARD, (one, strand("b", STRONGEST)), doubted).level < NO_LEVEL
    assert grade(HAZARD, (crossing("a", 1),), doubted).level == ALONE_AT_MOST


# --- official levels bound what is merely unusual --------------------------------------------


@pytest.mark.parametrize("expected", [4, 3, 2, 1])
def test_a_level_that_is_only_expected_is_made_no_worse_by_what_is_unusual(expected: int) -> None:
    loud = [strand(f"s-{n}", STRONGEST, graded=True) for n in range(6)]
    ahead = [crossing(f"s-{n}", expected, onset=T0 + 3600_000) for n in (0, 1)]
    assert level(*loud, *ahead) == expected
    reached = [crossing(f"t-{n}", 4) for n in (0, 1)]
    assert level(*loud, *ahead, *reached) == min(expected, 3)


@pytest.mark.parametrize(("reached", "at_most"), [(NO_LEVEL, 4), (4, 3), (3, 2), (2, 1), (1, 1)])
def test_sensors_that_have_levels_are_one_worse_than_what_they_reached_at_most(
    reached: int, at_most: int
) -> None:
    loud = [strand(f"s-{n}", STRONGEST, graded=True) for n in range(6)]
    over = [crossing(f"s-{n}", reached) for n in (0, 1)] if reached < NO_LEVEL else []
    assert level(*loud, *over) == at_most
    ungraded = strand("other", STRONGEST)
    assert level(*loud, *over, ungraded) == 1
    people = strand("r", STRONGEST, source="report", count=SEVERAL_REPORTS)
    assert level(*loud, *over, people) == 1


# --- what verdicts taught --------------------------------------------------------------------


@pytest.mark.parametrize("level", [2, 3, 4])
def test_what_was_taught_moves_orange_yellow_and_blue(level: int) -> None:
    score = ENTER[level] + 0.2
    seen = view(strand("c", score / 2, source="cell", value=3.0), *_reports(score / 2))
    if score / 2 < SPEAKS:
        seen = view(strand("c", score, source="cell", value=3.0))
    assert grade_view(seen).level == level
    lower = grade_view(seen, taught=Taught(-0.3))
    assert (lower.level, lower.keeps, lower.taught) == (level + 1, level, -0.3)
    assert grade_view(seen, taught=Taught(0.3)).level == level
    assert lower.score == grade_view(seen).score, "the score says what the evidence says"


def _reports(strength: float) -> tuple[Strand, ...]:
    return (strand("r", strength, source="report", count=SEVERAL_REPORTS),)


@given(
    st.lists(st.floats(3.0, 9.0), max_size=5),
    st.lists(st.floats(3.0, 9.0), max_size=2),
    st.floats(-1, 1),
    st.floats(0.5, 1.0),
)
def test_a_red_is_one_whatever_was_taught_and_nothing_becomes_one(
    sensors: list[float], reports: list[float], shift: float, worth: float
) -> None:
    strands = [strand(str(n), strength) for n, strength in enumerate(sensors)]
    strands += [strand(f"r{n}", s, source="report", count=4) for n, s in enumerate(reports)]
    seen = view(*strands, around=Around(6, 0.01))
    less = {str(n): worth for n in range(5)} | {"report waterlogging": worth}
    plain, found = grade_view(seen), grade_view(seen, taught=Taught(shift, less))
    assert (found.level == 1) == (plain.level == 1)
    assert abs(found.taught) <= TAUGHT_AT_MOST
    assert found._replace(level=0, keeps=0, capped=False, taught=0.0) == plain._replace(
        level=0, keeps=0, capped=False, taught=0.0
    )


def test_an_official_level_is_one_whatever_was_taught() -> None:
    worst = Taught(-1.0, {"a": 0.5, "b": 0.5})
    for wanted in (1, 2, 3, 4):
        assert grade_view(view(*at_level(wanted)), taught=worst).level == wanted


def test_who_is_worth_less_speaks_all_the_same() -> None:
    seen = view(strand("a", 3.2), strand("b", 8.0), around=Around(4, 0.01))
    plain, found = grade_view(seen), grade_view(seen, taught=Taught(0.0, {"a": 0.5}))
    assert (found.sensors, found.certainty) == (plain.sensors, plain.certainty) == (2, "Likely")
