"""Bytes of readings come out as evidence, shard by shard, wherever a shard is and however told."""

import base64
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.counters import Counters
from operators.event_clock import NEVER
from operators.events import BadMessage, Levels, Sensor, SeriesPoints
from operators.evidence import UNUSUAL, Found
from operators.evidence_log import encode_log
from operators.intake import PROMPT_LATENESS_MS, Poll, Stretch
from operators.levels import SURPRISAL_OF_LEVEL
from operators.meter import Meter
from operators.reading_path import MOST, ReadingPath, readings_origin
from operators.registry import Registry
from operators.series import Watch
from operators.windows import WINDOW_MS, ShardWindow
from tests.operators import feed
from tests.operators.town import (
    HOUR,
    LAT,
    LON,
    MINUTE,
    T0,
    paced,
    part_of,
    poll,
    polls,
    reading,
    sensor,
    town,
)

pytestmark = pytest.mark.slow

LEVELS = Levels(blue=10.0, yellow=12.0, orange=14.0, red=16.0)
EVERY = 5 * MINUTE
MADE = feed.make(sensors=24, days=0.8)
SHARDS = (0, 1, 2, 3)
CELL_ROW = 28
"""Bytes of a cell's row in a summary."""


def path(*sensors: Sensor, shards: Sequence[int] = (0,), **more: Any) -> ReadingPath:
    known = Registry(town(sensors or MADE.city.sensors))
    return ReadingPath(known, Counters(), shards, **({"where": "town"} | more))


def of(kind: type, said: Iterable[Any]) -> list[Any]:
    return [item for item in said if isinstance(item, kind)]


def evidence_of(said: Iterable[Any]) -> list[Any]:
    return [evidence for found in of(Found, said) for evidence in found.evidence]


def each_in_turn(step: ReadingPath, values: Sequence[float], name: str = "a") -> list[list[Any]]:
    """The evidence that each reading of one sensor brought, applied promptly."""
    lines = [reading(name, T0 + n * EVERY, value) for n, value in enumerate(values)]
    return [evidence_of(step.on_batch([poll("readings", line)])) for line in lines]


# --- what it comes to ------------------------------------------------------------------------


def usual(count: int) -> list[float]:
    rng = np.random.default_rng(7)
    return [round(2.0 + 0.02 * float(noise), 3) for noise in rng.standard_normal(count)]


def test_a_reading_that_is_unusual_and_over_a_level_is_evidence_twice_in_that_order() -> None:
    step = path(sensor("a", "noise", levels=LEVELS), prompt=True)
    *quiet, first, second = each_in_turn(step, [*usual(400), 12.5, 12.5])
    assert [said for said in quiet[300:] if said] == []
    assert [said.source for said in first] == ["sensor"]
    assert [said.source for said in second] == ["sensor", "level"]
    assert (second[1].level, second[1].surprisal) == (3, SURPRISAL_OF_LEVEL[3])
    assert first[0].surprisal >= UNUSUAL


def test_a_spike_past_the_possible_is_not_a_crossing() -> None:
    step = path(sensor("a", "street_water", levels=LEVELS), prompt=True)
    said = each_in_turn(step, [5.0, 9999.0, 9999.0, 11.0, 9999.0, 11.0])
    assert [[e.level for e in each] for each in said] == [[], [], [], [], [], [4]]
    assert step.intake.counters.account("screen").reasons == {"impossible value": 3}


def test_evidence_of_a_poll_is_in_the_order_of_its_readings() -> None:
    step = path(*(sensor(name, "street_water", levels=LEVELS) for name in "abc"), prompt=True)
    lines = [reading(name, T0 + n, 13.0) for n in range(2) for name in "cab"]
    (found,) = of(Found, step.on_batch([poll("readings", *lines)]))
    assert [(e.key, e.time) for e in found.evidence] == [(name, T0 + 1) for name in "cab"]


def test_much_evidence_is_told_in_parts_that_the_log_takes() -> None:
    names = [f"s{n}" for n in range(MOST + 5)]
    step = path(*(sensor(name, "street_water", levels=LEVELS) for name in names), prompt=True)
    lines = [reading(name, T0 + 1000 * n, 13.0) for n in range(2) for name in names]
    first, last = of(Found, step.on_batch([poll("readings", *lines)]))
    assert [e.key for found in (first, last) for e in found.evidence] == names
    assert (first.number, last.number, len(last.evidence)) == (0, MOST, 5)
    assert first.watermark == NEVER < last.watermark, "time moves with the last"
    assert not first.last


def test_what_cannot_be_used_is_told_with_its_place() -> None:
    step = path(sensor("a"), shards=(6, 9))
    lines = [reading("a", T0, 1), b"{", reading("who", T0, 1)]
    said = of(BadMessage, step.on_batch([Poll("readings", lines, (Stretch(1, 70, 3),))]))
    assert [(bad.source, bad.partition, bad.offset) for bad in said] == [
        ("town/readings", 9, 71),
        ("town/readings", 9, 72),
    ]


def test_who_introduces_itself_is_told_before_what_it_says() -> None:
    step = path(prompt=True)
    told = reading("new", T0, 5000, kind="pm25", lon=LON, lat=LAT)
    said = list(step.on_batch([poll("readings", told, live=True, clock_ms=T0)]))
    assert [type(item) for item in said] == [Sensor, Found]
    assert said[0].id == "new"
    assert of(Sensor, step.on_batch([poll("readings", told)])) == []


def test_windows_say_which_partition_they_are_of() -> None:
    step = path(sensor("a"), shards=(6, 9), prompt=True)
    told = Poll("readings", [reading("a", T0, 60)], (Stretch(1, 0, 1),))
    list(step.on_batch([told]))
    clock = T0 + WINDOW_MS + PROMPT_LATENESS_MS
    tick = Poll("readings", [], (), clock_ms=clock, live=frozenset({0, 1}))
    (window,) = of(ShardWindow, step.on_batch([tick]))
    assert (window.shard, window.end, window.heard) == (9, T0 + WINDOW_MS, 1)


def test_a_summary_comes_before_the_word_that_its_time_is_over() -> None:
    step = path(prompt=True)
    reached: dict[str, int] = {}
    for item in step.on_batch(paced(polls({"readings": list(MADE.readings)}, 100), [0])):
        if isinstance(item, ShardWindow):
            assert item.end > reached.get(readings_origin(item.shard), NEVER)
        elif isinstance(item, Found):
            reached[item.origin] = item.watermark


# --- progress --------------------------------------------------------------------------------


def test_progress_alone_is_told_once_a_second_by_every_shard_for_itself() -> None:
    step = path(shards=(6, 9), prompt=True)

    def tick(at: int, *live: int) -> list[tuple[str, int, bool]]:
        told = Poll("readings", [], (), clock_ms=T0 + at, live=frozenset(live))
        return [
            (found.origin, found.watermark - T0 + PROMPT_LATENESS_MS, found.live)
            for found in of(Found, step.on_batch([told]))
        ]

    assert tick(0, 0, 1) == [("readings:6", 0, True), ("readings:9", 0, True)]
    assert tick(999, 0, 1) == []
    assert tick(1000, 0) == [("readings:6", 1000, True)]
    assert tick(2500, 1) == [("readings:9", 2500, True)]
    assert tick(2600, 0, 1) == [("readings:6", 2600, True)]


def test_what_a_shard_says_while_it_catches_up_is_marked() -> None:
    step = path(sensor("a", "street_water", levels=LEVELS), prompt=True)
    lines = [reading("a", T0 + n, 13.0) for n in range(3)]
    said = [
        of(Found, step.on_batch([poll("readings", line, live=live)]))[0]
        for line, live in zip(lines[1:], (False, True), strict=True)
        for _ in [list(step.on_batch([poll("readings", lines[0])]))]
    ]
    assert [(found.live, len(found.evidence)) for found in said] == [(False, 1), (True, 1)]


def test_the_end_of_a_shard_is_told_once() -> None:
    step = path(shards=(6, 9))
    end = Poll("readings", [], (), frozenset({1}))
    assert not step.over
    (said,) = step.on_batch([end])
    assert said == Found("readings:9", (), NEVER + 1, 0, live=False, last=True)
    assert list(step.on_batch([end])) == []
    assert [f.origin for f in step.on_batch([end._replace(ended=frozenset({0, 1}))])] == [  # type: ignore[union-attr]
        "readings:6"
    ]
    assert step.over


# --- measuring -------------------------------------------------------------------------------


@pytest.mark.parametrize("paced", [True, False], ids=["live", "replayed"])
@pytest.mark.parametrize("minutes", [-60, -30, 30, 60])
def test_a_clock_that_is_off_by_an_hour_is_one_and_no_dead_sensor(
    minutes: int, paced: bool
) -> None:
    names = [f"s{n}" for n in range(40)]
    step, said = path(*(sensor(name, "noise") for name in names), prompt=paced), list[Any]()
    for number in range(120):
        now = T0 + number * EVERY
        off = minutes * MINUTE if number >= 60 else 0
        times = {name: now + 100 * n + (off if n == 0 else 0) for n, name in enumerate(names)}
        told = poll("readings", *(reading(name, at, 50.0) for name, at in times.items()))
        at = Stretch(0, 40 * number, 40)
        told = told._replace(stretches=(at,), clock_ms=now + 10_000 if paced else None)
        said += step.on_batch([told._replace(live=frozenset({0} if paced else ()))])
    last = of(ShardWindow, said)[-1]
    (item,) = [item for item in last.faults if item.kind in ("clock", "dead")]
    assert (item.sensor, item.kind) == (0, "clock")
    assert item.value == pytest.approx(minutes, abs=5.1), "the clock of all moves once a poll"


def test_evidence_carries_when_it_was_sent_polled_and_screened() -> None:
    times = iter(range(1_000_000, 2_000_000, 1000))
    step = path(sensor("a", "noise", levels=LEVELS), prompt=True, meter=Meter(times.__next__))
    told = poll("readings", reading("a", T0, 13.0), reading("a", T0 + 1, 13.0), polled_us=900_000)
    told = told._replace(stretches=(Stretch(0, 0, 1, sent_ms=800), Stretch(0, 1, 1, sent_ms=850)))
    (said,) = evidence_of(step.on_batch([told]))
    assert said.stamps is not None
    sent, polled, screened = said.stamps
    assert (sent, polled) == (800_000, 900_000), "the first of its shard in the poll was sent then"
    assert 1_000_000 < screened < 1_010_000
    assert list(step.meter.steps) == [
        *("decode", "order", "screen", "faults", "levels", "windows", "series")
    ]


@pytest.mark.parametrize(
    "more", [{"polled_us": 0, "sent_ms": 5}, {"polled_us": 5, "sent_ms": None}]
)
def test_where_nobody_measures_there_are_no_stamps(more: dict[str, Any]) -> None:
    step = path(sensor("a", "noise", levels=LEVELS), prompt=True)
    told = poll("readings", reading("a", T0, 13.0), reading("a", T0 + 1, 13.0))
    stretch = Stretch(0, 0, 2, more["sent_ms"])
    (said,) = evidence_of(
        step.on_batch([told._replace(stretches=(stretch,), polled_us=more["polled_us"])])
    )
    assert said.stamps is None


# --- looking at it ---------------------------------------------------------------------------


def test_who_is_watched_is_told_of_between_the_polls() -> None:
    step = path(sensor("a"), sensor("b"), prompt=True)
    told = [poll("readings", reading(name, T0 + n, n)) for n in range(3) for name in "ab"]
    said = of(SeriesPoints, step.on_batch([*told[:2], Watch(("a",)), *told[2:]]))
    assert [(s.sensor, [p[0] - T0 for p in s.points]) for s in said] == [
        ("a", [0]),
        ("a", [1]),
        ("a", [2]),
    ]


# --- shards ----------------------------------------------------------------------------------


def lines_of() -> list[bytes]:
    """The troubled feed, no two sensors at the same millisecond."""
    shift: dict[bytes, int] = {}

    def apart(found: re.Match[bytes]) -> bytes:
        by = shift.setdefault(found[1], len(shift))
        return b'"sensor": "%s", "time": %d' % (found[1], int(found[2]) + by)

    return [
        re.sub(rb'"sensor": "([^"]*)", "time": (\d+)', apart, raw) for raw in feed.troubled(MADE)
    ]


@cache
def told_polls(prompt: bool, size: int = 97, shards: int = len(SHARDS)) -> list[Poll]:
    told = polls({"readings": lines_of()}, size, shards=shards)
    return paced(told, range(shards)) if prompt else told


def unordered(raws: Iterable[bytes]) -> list[Any]:
    """The same messages, lists of sensors and cells in the order of their names."""
    said = [msgspec.json.decode(raw) if raw.startswith(b"{") else raw for raw in raws]
    for each in said:
        if isinstance(each, dict) and each["t"] == "window":
            rows = base64.b64decode(each["cells"])
            each["cells"] = sorted(rows[at : at + CELL_ROW] for at in range(0, len(rows), CELL_ROW))
            each["top"].sort()
            for names in ("quiet", "newly_quiet"):
                packed = base64.b64decode(each[names])
                each[names] = sorted(msgspec.json.decode(zlib.decompress(packed))) if packed else []
    return said


def by_shard(step: ReadingPath, said: Iterable[Any]) -> dict[int, list[bytes]]:
    """What is told of every shard, as the log would have it: by name."""
    shard_of = {readings_origin(shard): shard for shard in step.shards}
    told: dict[int, list[bytes]] = {shard: [] for shard in step.shards}
    for item in said:
        if isinstance(item, Found):
            told[shard_of[item.origin]].append(encode_log(item, step.registry))
        elif isinstance(item, ShardWindow):
            told[item.shard].append(encode_log(item, step.registry))
        elif isinstance(item, BadMessage):
            told[item.partition].append(repr(item).encode())
    return told


MODES = pytest.mark.parametrize("prompt", [False, True], ids=["ordered", "prompt"])


@MODES
@pytest.mark.parametrize("parts", [[(0, 2), (3, 1)], [(0,), (1,), (2,), (3,)]])
def test_a_shard_says_the_same_whoever_is_beside_it(
    parts: list[tuple[int, ...]], prompt: bool
) -> None:
    told = told_polls(prompt)
    together = path(shards=SHARDS, prompt=prompt)
    expected = by_shard(together, together.on_batch(told))
    assert all(
        sum(b'"evidence":[{' in raw for raw in each) > 1 and len(each) > 100
        for each in expected.values()
    )
    got: dict[int, list[bytes]] = {}
    for mine in parts:
        alone = path(shards=mine, prompt=prompt)
        got |= by_shard(alone, alone.on_batch(part_of(each, mine) for each in told))
    assert got == expected


@MODES
@pytest.mark.parametrize("at", [1, 31, 47])
def test_a_shard_goes_on_in_another_process_exactly_where_it_was(at: int, prompt: bool) -> None:
    """There it has other company, and everybody is numbered otherwise."""
    told = told_polls(prompt)
    assert at < len(told) - 2
    here = path(shards=SHARDS, prompt=prompt)
    list(here.on_batch(told[:at]))
    states = [here.take(shard) for shard in range(len(SHARDS))]
    expected = by_shard(here, here.on_batch(told[at:]))
    sensors = sorted(MADE.city.sensors, key=lambda s: (s.id != "ri-03", s.id))  # the landmark first
    for shard in SHARDS[at // 10 % 2 :: 2]:
        other = (shard + 1) % len(SHARDS)
        company = sensor("more", "temperature"), *sensors
        there = path(*company, shards=(other, 7, shard), prompt=prompt)
        list(there.on_batch(part_of(each, (other,)) for each in told[:at]))
        there.put(2, states[shard])
        rest = by_shard(there, there.on_batch(_as(told[at:], {other: 0, shard: 2})))
        assert unordered(rest[shard]) == unordered(expected[shard])
        assert unordered(rest[other]) == unordered(expected[other])
        assert rest[7] == []
        assert all(a.balanced for a in there.intake.counters.accounts())


def _as(told: Iterable[Poll], places: dict[int, int]) -> list[Poll]:
    """The polls as a process sees them that has these shards at these places."""
    mine = sorted(places, key=lambda shard: places[shard])
    named = {n: places[shard] for n, shard in enumerate(mine)}
    return [
        part._replace(
            stretches=tuple(s._replace(shard=named[s.shard]) for s in part.stretches),
            ended=frozenset(named[shard] for shard in part.ended),
            live=frozenset(named[shard] for shard in part.live),
        )
        for part in (part_of(each, mine) for each in told)
    ]


@MODES
@pytest.mark.parametrize("at", [3, 30, 45])
def test_restarted_with_all_its_shards_it_goes_on_exactly_where_it_was(
    at: int, prompt: bool
) -> None:
    told = told_polls(prompt)
    here, there = (path(shards=SHARDS, prompt=prompt) for _ in range(2))
    list(here.on_batch(told[:at]))
    there.restore(here.snapshot())
    assert [s.id for s in there.registry.sensors] == [s.id for s in here.registry.sensors]
    expected = by_shard(here, here.on_batch(told[at:]))
    assert by_shard(there, there.on_batch(told[at:])) == expected
    assert all(a.balanced for a in there.intake.counters.accounts())


@MODES
def test_evidence_is_numbered_and_says_where_counting_began(prompt: bool) -> None:
    told = told_polls(prompt)
    shifted = [
        each._replace(stretches=tuple(s._replace(offset=s.offset + 50) for s in each.stretches))
        for each in told
    ]
    step, twin = (path(shards=SHARDS, prompt=prompt) for _ in range(2))
    first = list(step.on_batch(shifted[:30]))
    twin.restore(step.snapshot())
    said = of(Found, [*first, *twin.on_batch(shifted[30:])])
    counts: dict[str, int] = {}
    for found in said:
        assert found.number == counts.get(found.origin, 0)
        assert found.begun == 50
        counts[found.origin] = found.number + len(found.evidence)
    assert min(counts.values()) > 3


@MODES
def test_how_readings_were_polled_changes_nothing_about_the_evidence(prompt: bool) -> None:
    def numbered(size: int) -> dict[str, list[Any]]:
        step = path(shards=SHARDS, prompt=prompt)
        told: dict[str, list[Any]] = {}
        for found in of(Found, step.on_batch(told_polls(prompt, size))):
            told.setdefault(found.origin, []).extend(enumerate(found.evidence, found.number))
        return told

    whole = numbered(97)
    assert numbered(13) == whole
    if not prompt:  # paced, a poll is no longer than its clock is believed
        assert numbered(10_000) == whole


# --- who is where ----------------------------------------------------------------------------


def crossing(name: str, at: int, shard: int = 0) -> Poll:
    return Poll("readings", [reading(name, at, 13.0)], (Stretch(shard, at - T0, 1),))


@MODES
def test_a_sensor_that_comes_by_another_shard_brings_its_state(prompt: bool) -> None:
    """Partitions were added; also when that is in the middle of what waits."""
    named = [sensor(name, "street_water", levels=LEVELS) for name in "abc"]

    def told(step: ReadingPath, *moves: Callable[[ReadingPath], ReadingPath]) -> list[bytes]:
        said = list(step.on_batch([crossing("b", T0), crossing("a", T0), crossing("c", T0 + 1, 1)]))
        for move in moves:
            step = move(step)
        said += step.on_batch([crossing("a", T0 + 2, 1)])
        for move in moves:
            step = move(step)
        said += step.on_batch([crossing("a", T0 + 3, 1), crossing("b", T0 + 3, 0)])
        end = Poll("readings", [], (), frozenset({0, 1}))
        said += step.on_batch([end._replace(ended=frozenset()), end])
        assert all(a.balanced for a in step.intake.counters.accounts())
        return [encode_log(e, step.registry) for e in of(Found, said) if e.evidence]

    def restarted(step: ReadingPath) -> ReadingPath:
        fresh = path(*named[::-1], shards=(0, 1), prompt=prompt)
        fresh.restore(step.snapshot())
        return fresh

    undisturbed = told(path(*named, shards=(0, 1), prompt=prompt))
    assert sum(raw.count(b'"key":"a"') for raw in undisturbed) == 2
    if prompt:
        assert told(path(*named, shards=(0, 1), prompt=True), restarted) == undisturbed
    else:  # of one time, their order is that of the registry
        got = told(path(*named, shards=(0, 1)), restarted)
        assert [sorted(raw) for raw in got] == [sorted(raw) for raw in undisturbed]


def test_strangers_get_their_places_again_whether_or_not_they_were_ever_believed() -> None:
    """The steps after this one know them by their place."""
    step = path(sensor("a"), shards=(0, 1))
    told = [
        reading("late-b", T0, -5.0, lon=LON, lat=LAT, kind="noise"),  # impossible
        reading("new-a", T0, 1, lon=LON, lat=LAT, kind="rain"),
    ]
    list(step.on_batch([Poll("readings", told, (Stretch(1, 0, 1), Stretch(0, 0, 1)))]))
    twin = path(sensor("a"), shards=(0, 1))
    twin.restore(step.snapshot())
    assert [s.id for s in twin.registry.sensors] == ["a", "late-b", "new-a"]
    assert twin.registry.sensors == step.registry.sensors


def test_a_sensor_taken_out_of_the_city_is_not_waited_for() -> None:
    kept, gone = sensor("a", "noise"), sensor("gone", "crowd_count", interval_s=60.0)
    step = path(kept, gone, prompt=True)
    told = [poll("readings", reading(name, T0 + n, 60)) for n in range(3) for name in ("a", "gone")]
    list(step.on_batch(told))
    later = path(kept, prompt=True)
    later.put(0, step.take(0))
    clock = T0 + 5 * WINDOW_MS
    windows = of(ShardWindow, later.on_batch([poll("readings", clock_ms=clock, live=True)]))
    assert len(windows) == 4
    assert {w.heard for w in windows} == {1}
    assert [s for w in windows for s in w.quiet.tolist()] == []
    again = path(kept, prompt=True)
    again.put(0, later.take(0))
    assert [s.id for s in again.registry.sensors] == ["a"]


def test_before_its_first_message_a_shard_is_nothing() -> None:
    step, twin = path(shards=(0, 1)), path(shards=(5,))
    twin.put(0, step.take(1))
    assert of(Found, twin.on_batch([poll("readings", reading("ri-03", T0, 4.0))])) == []


def test_ordered_a_reading_that_waits_goes_with_its_shard() -> None:
    here = path(*(sensor(name, "noise", levels=LEVELS) for name in "ab"), shards=(0, 1))
    there = path(*(sensor(name, "noise", levels=LEVELS) for name in "xba"), shards=(7,))
    list(here.on_batch([crossing("b", T0), crossing("a", T0, 1), crossing("b", T0 + HOUR)]))
    there.put(0, here.take(0))
    (found,) = of(Found, there.on_batch([poll("readings", ended=True)]))
    assert [(e.key, e.time) for e in found.evidence] == [("b", T0 + HOUR)]
    account = there.intake.counters.account("order")
    assert account == ("order", 2, 2, 0, 0, {})


def test_ordered_an_impossible_value_goes_with_its_shard() -> None:
    here = path(sensor("a", "noise"), sensor("b", "rain"), prompt=True)
    lines = reading("a", T0, 60.0), reading("b", T0, -9.0)
    list(here.on_batch([poll("readings", *lines)]))
    there = path(sensor("x"), sensor("b", "rain"), sensor("a", "noise"), prompt=True)
    there.put(0, here.take(0))
    (window,) = of(
        ShardWindow,
        there.on_batch([poll("readings", clock_ms=T0 + 2 * WINDOW_MS, live=True)]),
    )
    assert window.rejected == {"rain": 1}
