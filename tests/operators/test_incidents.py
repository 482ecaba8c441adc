"""Evidence that agrees in place and time is one incident, whatever order it came in."""

from collections.abc import Sequence
from typing import Any

import h3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.alerting.grading import CITY_WIDE_AT_MOST, grade
from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import HAZARD_INITIALS, Evidence
from operators.evidence import Found
from operators.incident import (
    EFFECTS,
    FAR,
    KEEP_MS,
    NEAR,
    REACH,
    STRANDS,
    Incident,
    IncidentView,
    is_like,
)
from operators.incidents import AHEAD_MS, CLOSE_AFTER_MS, REPORTS, JoinIncidents, Progress
from operators.registry import Registry, cell_of
from operators.surroundings import MOST, Around, Surroundings
from tests.operators.town import HOUR, LAT, LON, MINUTE, T0, cut, evidence, sensor, town

HERE = cell_of(LON, LAT)


def away(rings: int) -> str:
    """A cell so many cells away."""
    return str(min(h3.grid_ring(HERE, rings)))


def join(*origins: str, prompt: bool = False) -> JoinIncidents:
    surroundings = Surroundings(Registry(town()))
    return JoinIncidents(surroundings, origins or ("screen",), Counters(), prompt)


def views(step: JoinIncidents, *told: Evidence, until: int = T0 + 100 * HOUR) -> list[IncidentView]:
    said = list(step.on_batch([Found("screen", told, until)]))
    assert said[-1] == Progress(until)
    return [view for view in said if isinstance(view, IncidentView)]


def ids(step: JoinIncidents, *told: Evidence, **more: Any) -> list[str]:
    """Incidents told of in the end, in order of appearance."""
    return list(dict.fromkeys(view.id for view in views(step, *told, **more)))


# --- identity --------------------------------------------------------------------------------


def test_an_incident_is_named_by_hazard_place_and_minute() -> None:
    (first,) = ids(join(), evidence("a", T0 + 5, surprisal=4.0))
    assert first == ids(join(), evidence("b", T0 + 59_999, surprisal=9.0, value=1.0))[0]
    assert first.startswith(HAZARD_INITIALS["waterlogging"] + "-")
    assert len(first) == 2 + 1 + 8
    others = [
        evidence("a", T0 + MINUTE),
        evidence("a", T0 + 5, hazard="fire"),
        evidence("a", T0 + 5, cell=away(1)),
    ]
    assert len({first, *(ids(join(), other)[0] for other in others)}) == 4


@pytest.mark.parametrize("hazard", sorted(HAZARD_INITIALS))
def test_evidence_within_reach_agrees(hazard: str) -> None:
    reach = FAR.get(hazard, REACH)
    for rings, incidents in ((0, 1), (reach, 1), (reach + 1, 2)):
        told = [evidence("a", T0, hazard=hazard)]
        told += [evidence("b", T0 + MINUTE, hazard=hazard, cell=away(rings))]
        assert len(ids(join(), *told)) == incidents


def test_a_faulty_sensor_begins_nothing_spreads_nothing_and_is_told_of_beside_others() -> None:
    step = join()
    lies = evidence("b", T0 + MINUTE, surprisal=2.2, fault="drift")
    away_too = evidence("c", T0 + MINUTE, surprisal=2.2, fault="stuck", cell=away(1))
    assert views(step, evidence("b", T0, surprisal=2.2, fault="drift")) == []
    step = join()
    *_, seen = views(step, evidence("a", T0), lies, away_too, until=T0 + 2 * MINUTE)
    assert seen.cells == (HERE,)
    assert [strand.latest.key for strand in seen.strands] == ["a", "b"]
    assert step.surroundings.speaking({"waterlogging"}, {HERE}) == 1, "one speaks"


_near = min((one, other) for one, others in NEAR.items() for other in others)
_effect = min(
    (one, other)
    for one, others in EFFECTS.items()
    for other in others
    if one not in EFFECTS.get(other, ()) and not is_like(one, other)
)


@pytest.mark.parametrize(
    ("first", "then", "source", "incidents"),
    [
        (*_near, "sensor", 1),
        (*_near, "report", 1),
        (*_near[::-1], "report", 1),
        (*_effect, "sensor", 1),
        (*_effect, "cell", 1),
        (*_effect, "report", 2),
        (*_effect, "level", 2),
        (*_effect[::-1], "sensor", 2),
        ("noise", "gas_leak", "sensor", 2),
    ],
)
def test_hazards_agree_when_near_or_an_effect(
    first: str, then: str, source: str, incidents: int
) -> None:
    told = evidence("a", T0, hazard=first), evidence("b", T0 + 1, hazard=then, source=source)
    assert len(ids(join(), *told)) == incidents


def test_how_far_it_reaches_is_its_own_hazards_affair() -> None:
    hazard, effect = next((o, e) for o in EFFECTS for e in sorted(EFFECTS[o]) if e in FAR)
    beside = away(1)
    beyond = min(c for c in h3.grid_ring(beside, REACH + 1) if h3.grid_distance(HERE, c) > REACH)
    told = [evidence("a", T0, hazard=hazard), evidence("b", T0 + 1, hazard=effect, cell=beside)]
    assert len(ids(join(), *told, evidence("c", T0 + 2, hazard=hazard, cell=beyond))) == 2


# --- strands ---------------------------------------------------------------------------------


def test_a_view_lists_live_strands_the_strongest_first() -> None:
    told = [
        evidence("a", T0, 4.0),
        evidence("b", T0 + 1, 9.0, cell=away(1)),
        evidence("r", T0 + 2, 4.2, source="report"),
    ]
    last = views(join(), *told, until=T0 + MINUTE)[-1]
    assert [s.latest.key for s in last.strands] == ["b", "r", "a"]
    assert last.cells == tuple(sorted((HERE, away(1))))
    assert (last.start, last.time, last.hazard) == (T0, T0 + 2, "waterlogging")
    assert last.merged_into is None


def test_a_view_does_not_change_afterwards() -> None:
    step = join()
    first = views(step, evidence("a", T0, 4.0), until=T0 + 1)[-1]
    views(step, evidence("a", T0 + MINUTE, 9.0), until=T0 + 2 * MINUTE)
    assert first.strands[0].latest.surprisal == 4.0


def test_the_weakest_of_too_many_strands_are_dropped() -> None:
    told = [evidence(f"s-{n:03d}", T0 + n, 9.0 if n else 1.0) for n in range(STRANDS + 1)]
    last = views(join(), *told, until=T0 + MINUTE)[-1]
    assert len(last.strands) == STRANDS
    assert "s-000" not in {s.latest.key for s in last.strands}


@pytest.mark.parametrize("others", [{"hazard": _effect[1]}, {"fault": "drift"}])
def test_who_speaks_of_its_hazard_is_dropped_last_however_softly(others: dict[str, Any]) -> None:
    other = {"hazard": _effect[0], **others}
    told = [evidence("own", T0, 1.0, hazard=_effect[0])]
    told += [evidence(f"e-{n:02d}", T0 + n, 9.0, **other) for n in range(STRANDS + 5)]
    last = views(join(), *told, until=T0 + MINUTE)[-1]
    assert len(last.strands) == STRANDS
    assert "own" in {strand.latest.key for strand in last.strands}


def test_it_is_where_those_agree_who_speak_of_its_hazard() -> None:
    own, effect = _effect
    strong = [evidence("a", T0 + n, 5.0, hazard=own) for n in range(2)]
    weak = [evidence("b", T0 + n, 2.0, hazard=own, cell=away(1)) for n in range(2)]
    beside = [evidence("c", T0 + n, 9.0, hazard=effect, cell=away(2)) for n in range(2)]
    hinted = views(join(), *weak, *beside, until=T0 + MINUTE)[-1]
    assert (hinted.cells, hinted.clear) == ((away(1),), False)
    said = views(join(), *strong, *weak, *beside, until=T0 + MINUTE)[-1]
    assert (said.cells, said.clear) == ((HERE,), True)


# --- surroundings ----------------------------------------------------------------------------


def test_a_view_says_whom_else_one_could_have_heard() -> None:
    street = [sensor(f"w-{n}", "street_water", at_m=(50 * n, 0)) for n in range(4)]
    far = [sensor(f"f-{n}", "street_water", at_m=(20_000, 50 * n)) for n in range(6)]
    step = JoinIncidents(
        Surroundings(Registry(town([*street, *far]))), ["screen"], Counters(), prompt=True
    )
    away = cell_of(far[0].lon, far[0].lat)
    told = [evidence("w-0", T0), evidence("f-0", T0 + 1, cell=away), evidence("w-1", T0 + 2)]
    first, other, last = views(step, *told, until=T0 + MINUTE)
    assert first.around == Around(4, 0.0)
    assert other.around == Around(6, 1 / 4)
    assert last.around == Around(4, 1 / 6)
    again = JoinIncidents(Surroundings(Registry(town(street))), ["screen"], Counters(), prompt=True)
    again.restore(step.snapshot())  # six sensors are no more
    seen = views(again, evidence("w-2", T0 + 2 * MINUTE), until=T0 + 3 * MINUTE)[-1]
    assert seen.around.sensors == 4
    assert not seen.around.people
    hears = JoinIncidents(Surroundings(Registry(town())), ["screen", REPORTS], Counters(), True)
    (view, _) = hears.on_batch([Found("screen", (evidence("w", T0),), T0 + MINUTE)])
    assert isinstance(view, IncidentView)
    assert view.around.people


@pytest.mark.parametrize("many", [30, STRANDS, 100, 180])
def test_those_of_a_large_emergency_are_not_elsewhere(many: int) -> None:
    here = [sensor(f"w-{n}", "street_water", at_m=(2 * n, 0)) for n in range(200)]
    far = [sensor(f"f-{n}", "street_water", at_m=(20_000, 2 * n)) for n in range(200)]
    step = JoinIncidents(Surroundings(Registry(town([*here, *far]))), ["screen"], Counters())
    cells = {each.id: cell_of(each.lon, each.lat) for each in here}
    told = [evidence(name, T0 + n, cell=cells[name]) for n, name in enumerate(list(cells)[:many])]
    *_, last = views(step, *told, until=T0 + MINUTE)
    assert last.around.share == 0.0
    assert last.around.agreement(len(last.strands)) == MOST
    assert last.around.speaking == (many if many >= STRANDS else 0)


def test_who_is_faulty_here_hides_nobody_elsewhere() -> None:
    far = [sensor(f"f-{n}", "street_water", at_m=(20_000, 50 * n)) for n in range(6)]
    step = JoinIncidents(Surroundings(Registry(town([sensor("a"), *far]))), ["screen"], Counters())
    cell = cell_of(far[0].lon, far[0].lat)
    told = [evidence(f"f-{n}", T0, cell=cell) for n in range(3)]
    told += [evidence("a", T0 + 1), *(evidence(f"x-{n}", T0 + 2, fault="drift") for n in range(3))]
    seen = [v for v in views(step, *told, until=T0 + MINUTE) if HERE in v.cells]
    assert {view.around.share for view in seen} == {3 / 6}


# --- ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", sorted(KEEP_MS))
def test_what_is_not_repeated_falls_silent_then_the_incident_is_over(source: Any) -> None:
    # T0           +KEEP         +CLOSE_AFTER
    #  e-------------x--------------|
    step = join()
    keep = KEEP_MS[source]
    opened = views(step, evidence("a", T0, source=source), until=T0 + keep - 1)
    assert [view.time for view in opened] == [T0]
    (silent,) = views(step, until=T0 + keep)
    assert (silent.time, silent.strands, silent.cells) == (T0 + keep, (), (HERE,))
    again = evidence("b", T0 + keep + CLOSE_AFTER_MS - 1)
    assert ids(step, again, until=T0 + keep + CLOSE_AFTER_MS) == [silent.id]


def test_after_the_end_a_new_incident_begins() -> None:
    step = join()
    (first,) = ids(step, evidence("a", T0), until=T0 + MINUTE)
    later = T0 + KEEP_MS["sensor"] + CLOSE_AFTER_MS
    assert ids(step, evidence("a", later))[-1] != first


def test_one_strand_silent_leaves_the_others() -> None:
    step = join()
    views(
        step, evidence("a", T0), evidence("b", T0 + HOUR // 6, cell=away(1)), until=T0 + HOUR // 5
    )
    (view,) = views(step, until=T0 + KEEP_MS["sensor"])
    assert [s.latest.key for s in view.strands] == ["b"]
    assert view.cells == (away(1),)


def test_side_effects_keep_nothing_alive_that_nobody_speaks_of() -> None:
    # own     e-----------x                   e    (is over by then)
    # effect   e  e  e  e   e  e  e  e  e  e       (after the silence: another incident)
    step, keep, each = join(), KEEP_MS["sensor"], 5 * MINUTE
    own, effect = _effect
    lasts = 2 * keep + CLOSE_AFTER_MS
    told = [evidence("a", T0, hazard=own)]
    told += [evidence("b", T0 + n, hazard=effect) for n in range(MINUTE, lasts, each)]
    seen = views(step, *told, until=T0 + lasts)
    first, later = dict.fromkeys(view.id for view in seen)
    assert {view.hazard for view in seen if view.id == later} == {effect}
    of_first = [view for view in seen if view.id == first]
    assert all(len(view.strands) == 1 + (view.time > T0) for view in of_first[:-2])
    silent = [view for view in of_first if view.time >= T0 + keep]
    assert silent[0].time == T0 + keep
    assert all(not view.strands for view in silent), "what it brought with it says nothing alone"
    again = views(step, evidence("a", T0 + lasts, hazard=own), until=T0 + lasts + 1)
    assert first not in {view.id for view in again if view.hazard == own}


def test_what_is_near_its_hazard_keeps_it_alive() -> None:
    step, keep = join(), KEEP_MS["sensor"]
    one, other = _near
    told = [evidence("a", T0, hazard=one), evidence("b", T0 + keep - 1, hazard=other)]
    seen = views(step, *told, until=T0 + keep + 1)
    assert [len(view.strands) for view in seen] == [1, 2, 1]


def test_a_faulty_sensor_keeps_no_incident_open() -> None:
    step, keep = join(), KEEP_MS["sensor"]
    lasts = keep + CLOSE_AFTER_MS
    told = [evidence("f", T0 + n, fault="drift") for n in range(MINUTE, 3 * keep, 5 * MINUTE)]
    views(step, evidence("a", T0), *told, until=T0 + 3 * keep)
    assert lasts < 3 * keep
    again = views(step, evidence("a", T0 + 3 * keep), until=T0 + 3 * keep + 1)
    assert {view.start for view in again if view.strands} == {T0 + 3 * keep}


def test_side_effects_that_still_speak_support_it_when_it_speaks_again() -> None:
    step, keep = join(), KEEP_MS["sensor"]
    own, effect = _effect
    told = [
        evidence("a", T0, hazard=own),
        evidence("b", T0 + keep - MINUTE, hazard=effect),
        evidence("a", T0 + keep + MINUTE, hazard=own),
    ]
    seen = views(step, *told, until=T0 + keep + 2 * MINUTE)
    assert len({view.id for view in seen}) == 1
    assert [len(view.strands) for view in seen] == [1, 2, 0, 2]


def test_a_faulty_sensor_of_its_hazard_keeps_no_side_effects_with_it() -> None:
    step, keep = join(), KEEP_MS["sensor"]
    own, effect = _effect
    told = [evidence("a", T0, hazard=own), evidence("f", T0 + keep - 1, hazard=own, fault="drift")]
    seen = views(step, *told, evidence("b", T0 + keep + 1, hazard=effect), until=T0 + keep + 2)
    assert [(view.hazard, len(view.strands)) for view in seen] == [
        (own, 1),
        (own, 2),
        (own, 0),
        (effect, 1),
    ]


# --- merging ---------------------------------------------------------------------------------


def bridge() -> str:
    """A cell between HERE and four cells away, within reach of both."""
    far = set(h3.grid_disk(away(2 * REACH), REACH))
    return str(min(cell for cell in h3.grid_ring(HERE, REACH) if cell in far))


@pytest.mark.parametrize("start", [T0 + n * HOUR for n in range(6)])  # ids in any order
def test_of_two_that_evidence_touches_the_older_goes_on_where_as_many_speak(start: int) -> None:
    told = [
        evidence("a", start + MINUTE, 6.0),
        evidence("b", start, 5.0, cell=away(2 * REACH)),
        evidence("b", start + 2 * MINUTE, 5.0, cell=away(2 * REACH)),
        evidence("c", start + 3 * MINUTE, 6.0, cell=bridge()),
    ]
    said = views(join(), *told, until=start + 4 * MINUTE)
    older, younger = said[0].id, said[1].id
    assert older != younger
    assert [(v.id, v.merged_into) for v in said[-2:]] == [(younger, older), (older, None)]
    assert said[-2].strands == ()
    merged = said[-1]
    assert {s.latest.key for s in merged.strands} == {"a", "b", "c"}
    assert merged.start == start
    assert len(merged.cells) == 3
    strengths = {s.latest.key: s.strength for s in merged.strands}
    assert strengths == {"a": 3.0, "b": 5.0, "c": 3.0}, "what was known before is kept"


@pytest.mark.parametrize("start", [T0 + n * HOUR for n in range(6)])  # ids in any order
def test_a_lone_source_goes_into_what_several_say_however_long_it_has_spoken(start: int) -> None:
    told = [
        evidence("lone", start, 5.0),
        evidence("b", start + MINUTE, 5.0, cell=away(2 * REACH)),
        evidence("c", start + 2 * MINUTE, 5.0, cell=away(2 * REACH)),
        evidence("d", start + 3 * MINUTE, 6.0, cell=bridge()),
    ]
    said = views(join(), *told, until=start + 4 * MINUTE)
    lone, several = said[0].id, said[1].id
    assert [(v.id, v.merged_into) for v in said[-2:]] == [(lone, several), (several, None)]
    assert {s.latest.key for s in said[-1].strands} == {"lone", "b", "c", "d"}
    assert said[-1].start == start + MINUTE


def test_what_is_merged_knows_the_latest_of_each_source() -> None:
    # c is moved: it speaks here, and later on the other side
    far, step = away(2 * REACH), join()
    told = [evidence(key, T0, 5.0) for key in "cef"]
    told += [evidence("d", T0 + MINUTE, 5.0, cell=far)]
    told += [new := evidence("c", T0 + 2 * MINUTE, 6.0, cell=far)]
    seen = views(step, *told, evidence("x", T0 + 3 * MINUTE, cell=bridge()), until=T0 + HOUR // 6)
    (c,) = (strand for strand in seen[-1].strands if strand.latest.key == "c")
    assert c.latest == new


def test_side_effects_do_not_decide_who_joins_whom() -> None:
    own, effect = _effect
    far, keep = away(2 * REACH), KEEP_MS["sensor"]
    told = [evidence("a", T0, hazard=own)]
    told += [evidence(f"e-{n}", T0 + keep - MINUTE, hazard=effect) for n in range(5)]
    told += [evidence(f"b-{n}", T0 + keep, hazard=own, cell=far) for n in range(2)]
    told += [evidence("c", T0 + keep + MINUTE, hazard=own, cell=bridge())]
    seen = views(join(), *told, until=T0 + keep + 2 * MINUTE)
    (joined,) = (view for view in seen if view.merged_into is not None)
    assert joined.start == T0, "nobody speaks of it any more"


def test_a_merged_incident_is_bounded_too() -> None:
    far = away(2 * REACH)
    told = [evidence(f"a-{n:02d}", T0 + n) for n in range(STRANDS)]
    told += [evidence(f"b-{n:02d}", T0 + n, cell=far) for n in range(STRANDS)]
    step = join()
    last = views(step, *told, evidence("c", T0 + MINUTE, cell=bridge()), until=T0 + 2 * MINUTE)[-1]
    assert len(last.strands) == STRANDS


def test_different_hazards_stay_apart_even_when_both_are_touched() -> None:
    told = [
        evidence("f", T0, hazard="fire"),
        evidence("w", T0 + 1, hazard="waterlogging"),
        evidence("t", T0 + 2, hazard="traffic"),
    ]
    said = views(join(), *told, until=T0 + MINUTE)
    assert "traffic" in EFFECTS["fire"] & EFFECTS["waterlogging"]
    assert all(view.merged_into is None for view in said)
    assert len({view.id for view in said}) == 2
    assert said[-1].hazard == "fire", "an effect supports the older incident"


def test_who_speaks_of_its_hazard_comes_before_side_effects_the_loudest_first() -> None:
    told = [
        evidence("w", T0, hazard="waterlogging", surprisal=4.0),
        evidence("t", T0 + 1, hazard="traffic", surprisal=9.0),
        evidence("v", T0 + 2, hazard="waterlogging", surprisal=6.0),
    ]
    last = views(join(), *told, until=T0 + MINUTE)[-1]
    assert [strand.latest.key for strand in last.strands] == ["v", "w", "t"]


# --- time ------------------------------------------------------------------------------------


def test_time_waits_for_the_slowest_finder() -> None:
    step = join("screen", "cells")
    said = list(step.on_batch([Found("screen", (evidence("a", T0),), T0 + HOUR)]))
    assert said == [Progress(NEVER)]
    said = list(step.on_batch([Found("cells", (), T0 + 1)]))
    assert [type(item) for item in said] == [IncidentView, Progress]
    assert said[-1] == Progress(T0 + 1)


def test_prompt_evidence_does_not_wait() -> None:
    step = join("screen", "cells", prompt=True)
    said = list(step.on_batch([Found("screen", (evidence("a", T0),), NEVER)]))
    assert [type(item) for item in said] == [IncidentView, Progress]


def test_prompt_evidence_waits_for_its_turn_while_somebody_is_behind() -> None:
    # screen  a                      (live)
    # cells      ---- behind ------ T0+1 --- live
    step = join("screen", "cells", prompt=True)
    list(step.on_batch([Found("cells", (), NEVER, live=False)]))
    assert not step.live
    told = evidence("a", T0 + 5), evidence("b", T0)
    said = list(step.on_batch([Found("screen", told, T0 + HOUR)]))
    assert said == [Progress(NEVER)]
    said = list(step.on_batch([Found("cells", (), T0 + 1, live=False)]))
    assert [view.strands[0].latest.key for view in said[:-1]] == ["b"]  # type: ignore[union-attr]
    assert said[-1] == Progress(T0 + 1)
    said = list(step.on_batch([Found("cells", (), T0 + 1)]))
    assert step.live
    assert [view.time for view in said[:-1]] == [T0 + 5]  # type: ignore[union-attr]


def test_who_has_ended_is_not_waited_for() -> None:
    step = join("screen", "cells")
    said = list(step.on_batch([Found("cells", (), T0, last=True)]))
    assert said == [Progress(NEVER)]
    said = list(step.on_batch([Found("screen", (evidence("a", T0 + 5),), T0 + MINUTE)]))
    assert [type(item) for item in said] == [IncidentView, Progress]
    assert said[-1] == Progress(T0 + MINUTE)
    assert not step.over
    said = list(step.on_batch([Found("screen", (), T0 + MINUTE, last=True)]))
    assert said == [Progress(T0 + MINUTE, last=True)]
    assert step.over


def test_it_is_over_when_all_have_ended_and_nothing_waits_any_more() -> None:
    step = join("screen", "cells")
    list(step.on_batch([Found("screen", (evidence("a", T0 + 5),), T0 + 6, last=True)]))
    said = list(step.on_batch([Found("cells", (), T0 + 1, last=True)]))
    assert [type(item) for item in said] == [IncidentView, Progress]
    assert said[-1] == Progress(T0 + 6, last=True)
    assert step.counters.account("incidents").balanced


@pytest.mark.parametrize("prompt", [False, True])
def test_who_finds_evidence_may_have_changed_since_the_snapshot(prompt: bool) -> None:
    before, after = join("a", "b", prompt=prompt), join("b", "c", prompt=prompt)
    told = [Found("a", (), T0, live=False, last=True), Found("b", (), T0 + HOUR)]
    assert list(before.on_batch(told))[-1] == Progress(T0 + HOUR)
    after.restore(before.snapshot())
    assert list(after.on_batch([]))[-1] == Progress(NEVER), "c has yet to say how far it has come"
    assert after.live
    assert list(after.on_batch([Found("c", (), T0 + 5)]))[-1] == Progress(T0 + 5)


# --- told again ------------------------------------------------------------------------------


def numbered(number: int, *keys: str, origin: str = "screen") -> Found:
    told = tuple(evidence(key, T0 + ord(key)) for key in keys)
    return Found(origin, told, T0 + MINUTE, number)


def keys_of(step: JoinIncidents, *told: Found) -> list[str]:
    """Whose evidence was applied."""
    said = [item for each in told for item in step.on_batch([each])]
    views = [item for item in said if isinstance(item, IncidentView)]
    return [max(view.strands, key=lambda s: s.latest.time).latest.key for view in views]


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize(
    ("again", "new"),
    [
        (numbered(0, "a", "b", "c"), []),
        (numbered(1, "b"), []),
        (numbered(2, "c", "d"), ["d"]),
        (numbered(3, "d", "e"), ["d", "e"]),
        (numbered(0, "a", "b", "c", "d"), ["d"]),
        (numbered(3), []),
    ],
    ids=lambda told: str(told[3]) if isinstance(told, Found) else "",
)
def test_what_is_told_again_is_left_out(prompt: bool, again: Found, new: list[str]) -> None:
    step = join("screen", prompt=prompt)
    assert keys_of(step, numbered(0, "a", "b", "c")) == ["a", "b", "c"]
    assert keys_of(step, again) == new
    account = step.counters.account("incidents")
    assert account.balanced
    assert account.reasons.get("told before", 0) == len(again.evidence) - len(new)


def test_what_never_arrived_is_counted() -> None:
    step = join("screen", prompt=True)
    assert keys_of(step, numbered(0, "a"), numbered(3, "d")) == ["a", "d"]
    account = step.counters.account("incidents")
    assert account == ("incidents", 4, 2, 0, 2, {"never arrived": 2})


def test_every_finder_has_numbers_of_its_own() -> None:
    step = join("screen", "cells", prompt=True)
    told = numbered(0, "a", "b"), numbered(0, "c", origin="cells"), numbered(1, "d", origin="cells")
    assert keys_of(step, *told) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("prompt", [False, True])
def test_a_finder_that_counts_anew_is_heard_but_not_about_times_it_had_told_of(
    prompt: bool,
) -> None:
    # a b c | told up to 30 s; it lost its state, begins at a later message, tells of 10 and 40 s
    step = join("screen", prompt=prompt)
    until = T0 + 30_000
    first = numbered(0, "a", "b", "c")._replace(watermark=until, begun=7)
    assert keys_of(step, first) == ["a", "b", "c"]
    again = evidence("x", T0 + 10_000), evidence("y", T0 + 40_000)
    anew = Found("screen", again, T0 + 50_000, 0, begun=9)
    twin = join("screen", prompt=prompt)
    twin.restore(step.snapshot())
    for each in (step, twin):
        assert keys_of(each, anew) == ["y"]
        assert keys_of(each, anew) == []
        assert keys_of(each, anew._replace(evidence=(evidence("z", T0 + 45_000),), number=2)) == [
            "z"
        ]
    account = step.counters.account("incidents")
    assert account.balanced
    assert account.reasons == {"told before": 3}
    assert step.counters.account("incidents").sent == 5


def test_without_numbers_everything_counts() -> None:
    step = join("cells", prompt=True)
    told = Found("cells", (evidence("a"),), T0)
    assert keys_of(step, told, told) == ["a", "a"]


_numbered = st.lists(st.integers(0, 4), min_size=1, max_size=6)


@given(_numbered, _numbered, st.booleans())
def test_told_again_from_any_point_in_any_parts_is_as_told_once(
    parts: list[int], again: list[int], prompt: bool
) -> None:
    def run(*told: Found) -> str:
        step = join("screen", prompt=prompt)
        return repr([item for found in told for item in step.on_batch([found])][-1]) + repr(
            keys_of(join("screen", prompt=prompt), *told)
        )

    def in_parts(start: int, sizes: list[int]) -> list[Found]:
        found, at = [], start
        for size in sizes:
            letters = [chr(97 + n) for n in range(at, at + size)]
            found.append(numbered(at, *letters)._replace(watermark=T0))
            at += size
        return found

    told = in_parts(0, parts)
    first = sum(parts)
    from_snapshot = in_parts(sum(parts[: len(parts) // 2]), again)
    end = Found("screen", (), T0 + MINUTE, max(first, sum(parts[: len(parts) // 2]) + sum(again)))
    assert end.number is not None
    assert run(*told, *from_snapshot, end) == run(*in_parts(0, [end.number]), end)


_told = st.lists(
    st.builds(
        lambda key, minute, source, ring, hazard, surprisal: evidence(
            f"{source}-{key}",
            T0 + minute * MINUTE + key,
            surprisal,
            source=source,
            cell=away(ring) if ring else HERE,
            hazard=hazard,
        ),
        st.integers(0, 3),
        st.integers(0, 120),
        st.sampled_from(["sensor", "level", "report", "cell"]),
        st.integers(0, 5),
        st.sampled_from(["flood", "waterlogging", "fire", "traffic"]),
        st.floats(3, 9),
    ),
    max_size=30,
    unique_by=lambda e: (e.time, e.source, e.key),
)
ORIGIN = {"sensor": "screen", "level": "levels", "report": "bursts", "cell": "cells"}


def arrivals(told: Sequence[Evidence], rng: Any) -> list[Found]:
    """Each finder's evidence in its own time and batches, the finders interleaved at random."""
    queues: dict[str, list[Found]] = {}
    for source, origin in ORIGIN.items():
        mine = sorted((e for e in told if e.source == source), key=lambda e: e.time)
        found, done = [], 0
        for part in cut(mine, [rng.randint(1, 5) for _ in mine]):
            done += len(part)
            watermark = min((e.time for e in mine[done:]), default=T0 + 100 * HOUR)
            shuffled = rng.sample(list(part), len(part))
            found.append(Found(origin, tuple(shuffled), watermark))
        queues[origin] = found or [Found(origin, (), T0 + 100 * HOUR)]
    order = []
    while waiting := [origin for origin, queue in queues.items() if queue]:
        order.append(queues[rng.choice(waiting)].pop(0))
    return order


def outcome(told: Sequence[Evidence], rng: Any) -> list[IncidentView]:
    step = join(*ORIGIN.values())
    batches = cut(arrivals(told, rng), [rng.randint(1, 4) for _ in range(8)])
    said = [item for batch in batches for item in step.on_batch(batch)]
    assert step.counters.account("incidents").balanced
    assert step.counters.account("incidents").sent == len(told)
    progress = [item.watermark for item in said if isinstance(item, Progress)]
    assert progress == sorted(progress)
    return [item for item in said if isinstance(item, IncidentView)]


def test_promptly_a_clock_that_is_ahead_moves_nobody_elses_time() -> None:
    step = join(prompt=True)
    fast = evidence("fast", T0 + KEEP_MS["sensor"] + MINUTE, cell=away(9))
    (first,) = views(step, evidence("a", T0), until=T0 - 2 * MINUTE)
    (other,) = views(step, fast, until=T0)
    assert (other.id != first.id, other.time) == (True, T0 + AHEAD_MS), "a has not fallen silent"
    (second,) = views(step, evidence("b", T0 + AHEAD_MS), until=T0 + AHEAD_MS)
    assert (second.id, len(second.strands)) == (first.id, 2)


@given(_told, st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_promptly_how_evidence_was_cut_changes_nothing(
    told: list[Evidence], sizes: list[int]
) -> None:
    def run(*cuts: int) -> list[Any]:
        step, said, done = join("screen", prompt=True), list[Any](), 0
        for part in cut(told, cuts):
            done += len(part)
            reached = T0 + 100 * HOUR if done == len(told) else NEVER
            said += step.on_batch([Found("screen", tuple(part), reached, done - len(part))])
        return [item for item in said if isinstance(item, IncidentView)]

    assert run(*sizes) == run(1000)


@given(_told, st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_incidents_do_not_depend_on_arrival_or_batching(
    told: list[Evidence], one: Any, other: Any
) -> None:
    first, second = outcome(told, one), outcome(told, other)
    assert first == second
    assert [view.time for view in first] == sorted(view.time for view in first)
    seen = dict[str, IncidentView]()
    gone = set[str]()
    for view in first:
        assert view.id not in gone, "what went into another one is not told of again"
        if view.merged_into is not None:
            gone.add(view.id)
            assert rank(seen[view.merged_into]) < rank(seen[view.id])
        seen[view.id] = view


def rank(view: IncidentView) -> tuple[int, int, str]:
    """Return by what it is decided which of two incidents goes on, the one that does first."""
    return -len(view.strands), view.start, view.id


def test_what_the_whole_city_reports_meets_nothing_but_itself() -> None:
    # Taken for a second source, it would confirm whatever one sensor reads anywhere.
    local = evidence("s-1")
    city = evidence("waterlogging@city", T0 + 1, source="report", channel="city", count=80)
    again = evidence("waterlogging@city", T0 + MINUTE, source="report", channel="city", count=90)
    incident = Incident("wl-1", "waterlogging", T0, "city", city.cell)
    incident.add(city)
    assert incident.reach == {"waterlogging@city"}
    assert incident.covers(again)
    assert not incident.covers(local)
    beside = Incident("wl-2", "waterlogging", T0, "east", local.cell)
    beside.add(local)
    assert not beside.covers(city)
    assert grade(incident.view(T0 + 1)).level == CITY_WIDE_AT_MOST
