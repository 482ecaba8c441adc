"""What a room is told about the city when nothing is wrong, and how much was."""

from typing import Any

import numpy as np
import pytest

from operators.counters import Counters
from operators.event_clock import FOREVER
from operators.events import Alert, FeedHealth, Text
from operators.intake import PROMPT_LATENESS_MS
from operators.kinds import kind_of
from operators.maintenance import FaultItem
from operators.merging import CityWindow
from operators.overview import (
    CLEARED,
    CURVES,
    HOUR_MS,
    MAINTENANCE,
    POINT_MS,
    POINTS,
    DescribeCity,
)
from operators.registry import Registry
from operators.screening import BAND
from operators.triage import Triaged, TriagedReport
from operators.windows import TOP, WINDOW_MS, KindSums, ShardWindow, Top
from tests.operators.town import LAT, LON, MINUTE, T0, sensor, town
from tests.sinks.alerts import alert

TOWN = town(
    [
        sensor("r", "river_level", name=Text("Bridge", "桥")),
        sensor("n-1", "noise"),
        sensor("n-2", "noise"),
        sensor("p", "pm25"),
    ]
)

LATER = T0 + 10**12


def window(
    number: int, *shards: dict[str, KindSums], watermark: int | None = None, **more: Any
) -> CityWindow:
    end = T0 + number * WINDOW_MS
    summed = (ShardWindow(n, end, end, None, kinds, **more) for n, kinds in enumerate(shards))
    return CityWindow(end, end if watermark is None else watermark, tuple(summed))


class Room:
    def __init__(self, **more: Any) -> None:
        self.step = DescribeCity(Registry(TOWN), Counters(), **more)
        self.facts: dict[str, Any] = {}
        self.feeds: dict[str, FeedHealth] = {}

    def tell(self, *items: CityWindow | Triaged | Alert, reported: int = LATER) -> "Room":
        """Tell of these, and that there will be no more reports of before then."""
        self.facts.clear()
        self.feeds.clear()
        for said in self.step.on_batch([*items, Triaged((), reported)]):
            if isinstance(said, FeedHealth):
                self.feeds[said.feed] = said
            else:
                self.facts |= said
        return self


def sums(readings: int, value: float, expected: float = 0.0, last: int = T0) -> KindSums:
    return KindSums(readings, last, value, expected, readings * 2.0, readings)


# --- curves ----------------------------------------------------------------------------------


def test_a_curve_is_the_mean_over_all_shards_with_the_range_expected() -> None:
    number = POINT_MS // WINDOW_MS
    told = Room().tell(window(number, {"pm25": sums(2, 80.0, 60.0)}, {"pm25": sums(1, 10.0, 30.0)}))
    curve = told.facts["curves"]["pm25"]
    mean, expected, half = 30.0, 30.0, BAND * 2.0
    assert curve["points"] == [(T0 + POINT_MS, mean, expected - half, expected + half)]
    assert (curve["value"], curve["unit"]) == (mean, kind_of("pm25").unit)
    assert curve["name"] == Text("PM2.5", "PM2.5")


def test_curves_are_told_every_ten_minutes_and_hold_a_day() -> None:
    room, told = Room(), 0
    for number in range(1, 2 * POINTS + 20):
        facts = room.tell(
            window(number, {"pm25": sums(1, float(number)), "noise": sums(1, 1.0)})
        ).facts
        told += "curves" in facts
        assert ("curves" in facts) == (number * WINDOW_MS % POINT_MS == 0)
    points = room.tell(window(2 * POINTS + 20, {"pm25": sums(1, 0.0)})).facts["curves"]["pm25"][
        "points"
    ]
    assert len(points) == POINTS
    assert points[-1][0] - points[0][0] == (POINTS - 1) * POINT_MS
    assert "noise" not in CURVES
    assert told == POINTS + 9


def test_in_warm_up_there_is_no_curve() -> None:
    young = KindSums(3, T0, 90.0, 0.0, 0.0, 0)
    assert Room().tell(window(2, {"pm25": young})).facts["curves"] == {}


# --- sensors and feeds -----------------------------------------------------------------------


def test_the_most_unusual_sensors_of_all_shards_come_closest() -> None:
    end = T0 + WINDOW_MS
    tops = [(Top(0, 4.0, 2.0, 3.456), Top(1, 70.0, 60.1239, 1.0)), (Top(2, 90.0, 60.0, 3.5),)]
    shards = tuple(ShardWindow(n, end, end, None, {}, top) for n, top in enumerate(tops))
    closest = Room().tell(CityWindow(end, end, shards)).facts["closest"]
    assert [found["sensor"] for found in closest] == ["n-2", "r", "n-1"]
    assert closest[1] == {
        "sensor": "r",
        "kind": "river_level",
        "hazard": "flood",
        "name": Text("Bridge", "桥"),
        "district": "east",
        "value": 4.0,
        "expected": 2.0,
        "surprisal": 3.46,
    }
    assert len(closest) <= TOP


def test_the_sensors_to_look_at_are_told_the_latest_first_and_all_are_counted() -> None:
    end = T0 + WINDOW_MS
    one = (FaultItem(0, "stuck", T0 - 5, 4.5, 3.9), FaultItem(1, "dead", T0 - 9))
    many = tuple(FaultItem(2, "noise", T0 - n, 70.0, 60.0) for n in range(MAINTENANCE))
    shards = (
        ShardWindow(0, end, end, None, faults=one, faulty={"dead": 1, "stuck": 1}),
        ShardWindow(1, end, end, None, faults=many, faulty={"noise": 700, "stuck": 2}),
    )
    told = Room().tell(CityWindow(end, end, shards)).facts["maintenance"]
    assert told["counts"] == {"dead": 1, "noise": 700, "stuck": 3}
    assert len(told["items"]) == MAINTENANCE
    assert [item["since"] for item in told["items"][:6]] == [T0 - n for n in (0, 1, 2, 3, 4, 5)]
    assert {item["sensor"] for item in told["items"][5:7]} == {"n-2", "r"}
    stuck = next(item for item in told["items"] if item["fault"] == "stuck")
    assert stuck == {
        "sensor": "r",
        "kind": "river_level",
        "name": Text("Bridge", "桥"),
        "district": "east",
        "owner": "",
        "fault": "stuck",
        "since": T0 - 5,
        "value": 4.5,
        "expected": 3.9,
    }


def test_where_nothing_is_faulty_the_list_is_empty() -> None:
    assert Room().tell(window(1, {})).facts["maintenance"] == {"counts": {}, "items": []}


def test_feeds_tell_how_they_arrive() -> None:
    end = T0 + WINDOW_MS
    kinds = {"noise": sums(6, 1.0, last=end - 30_000), "pm25": sums(3, 1.0, last=end - 1)}
    room = Room().tell(window(1, kinds, heard=4, quiet=np.array([2])))
    assert room.feeds["streets"] == FeedHealth("streets", end - 30_000, 0.02, 30_000, 0, 2, 1)
    assert room.feeds["air_gas"] == FeedHealth("air_gas", end - 1, 0.01, 1, 0, 1, 0)
    assert "reports" not in room.feeds
    assert room.facts["sensors"] == {"total": 4, "reporting": 3}


def test_a_shard_of_which_nothing_more_comes_is_as_it_was() -> None:
    """An hour after the last reading no more is told of it; its sensors are dead all the same."""
    said = {"quiet": np.array([2]), "heard": 2, "faulty": {"dead": 1}, "rejected": {"noise": 3}}
    room = Room().tell(window(1, {"noise": sums(1, 40.0)}, {"noise": sums(1, 40.0)}, **said))
    told = room.tell(window(2, {"noise": sums(1, 40.0)}, heard=1))
    assert told.facts["sensors"]["reporting"] == 1 + 2 - 1
    assert told.facts["maintenance"]["counts"] == {"dead": 1}
    assert (told.feeds["streets"].silent, told.feeds["streets"].rejected) == (1, 3)


def test_reports_of_a_time_that_is_over_are_forgotten() -> None:
    step = DescribeCity(Registry(TOWN), Counters())
    for n in range(100):
        at = T0 + n * HOUR_MS
        told = TriagedReport(f"r-{n}", at, "fire", "c", LON, LAT, "east", False)
        list(step.on_batch([Triaged((told,), at)]))
    assert len(step._reports) == 25, "where nobody tells of readings they wait for a day"
    list(step.on_batch([CityWindow(LATER, LATER)]))
    assert len(step._reports) == 0


def test_reports_are_a_feed_too() -> None:
    end = T0 + WINDOW_MS
    reports = tuple(
        TriagedReport(f"r-{n}", at, "fire", "c", LON, LAT, "east", False)
        for n, at in enumerate((T0 + 1, end - MINUTE, end + 1))
    )
    room = Room()
    room.step.counters.add("intake", "rejected", 3, "reports")
    assert room.tell(window(1, {}), reported=end - 1).feeds == {}, "reports may still come"
    room.tell(Triaged(reports, end), reported=end)
    assert room.feeds["reports"] == FeedHealth(
        "reports", end - MINUTE, round(2 / 300, 4), MINUTE, 3, 0, 0
    )
    assert room.tell(window(2, {})).feeds["reports"].time == end + 1


def test_after_the_last_report_no_window_waits() -> None:
    room = Room()
    room.tell(Triaged((), T0, last=True), reported=T0)
    assert "sensors" in room.tell(window(900, {}), reported=T0).facts
    other = Room()
    assert "sensors" in other.tell(window(900, {}), reported=FOREVER).facts


def test_conditions_are_those_of_the_river_and_the_rain() -> None:
    river = {"value": 4.5, "unit": "m", "name": None, "trend": None}
    facts = Room().tell(window(1, {"rain": sums(4, 10.0)}, landmark=river)).facts
    assert facts["conditions"]["rain"]["value"] == 2.5
    assert facts["conditions"]["river"] == river
    assert Room().tell(window(1, {})).facts["conditions"] == {
        "rain": None,
        "river": None,
        "wind": None,
    }


# --- warnings --------------------------------------------------------------------------------


def test_quiet_begins_when_the_last_warning_is_cleared() -> None:
    # a  [1-----------3]
    # b       [2----------4]
    room = Room()
    assert room.tell(alert("a", time=T0 + 1)).facts["quiet_since"] is None
    room.tell(alert("b", time=T0 + 2))
    cleared = room.tell(alert("a", 2, time=T0 + 3, status="cleared")).facts
    assert cleared["quiet_since"] is None
    assert [c["id"] for c in cleared["cleared"]] == ["a"]
    facts = room.tell(alert("b", 2, time=T0 + 4, status="cleared", level=2, first=T0)).facts
    assert facts["quiet_since"] == T0 + 4
    newest = facts["cleared"][0]
    assert (newest["id"], newest["time"], newest["level"], newest["first"]) == ("b", T0 + 4, 2, T0)
    assert newest.keys() == {"id", "time", "level", "hazard", "district", "place", "first"}
    assert room.tell(alert("c", time=T0 + 5)).facts["quiet_since"] is None


def test_one_that_joined_another_is_not_over() -> None:
    room = Room()
    room.tell(alert("a"), alert("b"))
    facts = room.tell(alert("a", 2, status="cleared", reason="joined b")).facts
    assert facts["cleared"] == []
    assert facts["quiet_since"] is None


def test_the_latest_cleared_are_kept() -> None:
    room = Room()
    for n in range(CLEARED + 3):
        room.tell(alert(f"a-{n}"), alert(f"a-{n}", 2, status="cleared"))
    cleared = room.tell(alert("x")).facts["cleared"]
    assert [c["id"] for c in cleared] == [f"a-{n}" for n in range(CLEARED + 2, 2, -1)]


def test_warnings_of_an_hour_are_counted_by_their_first_version() -> None:
    room = Room()
    room.tell(*(alert(f"a-{n}", time=T0 + n) for n in range(3)), alert("a-0", 2, time=T0 + 9))
    assert room.tell(window(1, {})).facts["warnings_per_hour"] == 3.0
    number = HOUR_MS // WINDOW_MS
    assert room.tell(window(number + 1, {})).facts["warnings_per_hour"] == 0.0


# --- the clock -------------------------------------------------------------------------------


@pytest.mark.parametrize(("live", "mode"), [(True, "live"), (False, "catching_up")])
def test_the_clock_is_that_of_the_stream(live: bool, mode: str) -> None:
    room = Room(speed=60.0)
    room.step.live = live
    facts = room.tell(window(1, {})).facts
    assert facts["clock"] == T0 + WINDOW_MS + PROMPT_LATENESS_MS
    assert (facts["speed"], facts["mode"]) == (60.0, mode)


def test_the_clock_is_told_at_most_once_a_second_and_never_back() -> None:
    room = Room()
    told = [
        room.tell(CityWindow(at, at)).facts.get("clock")
        for at in (T0, T0 + 999, T0 + 1000, T0 - 5000, T0 + 1500, T0 + 2000)
    ]
    assert [clock and clock - PROMPT_LATENESS_MS - T0 for clock in told] == [
        0,
        None,
        1000,
        None,
        None,
        2000,
    ]


def test_the_health_of_feeds_is_told_while_its_window_is_the_latest() -> None:
    """Where it is read it lasts for 30 s of the clock; windows are five minutes."""
    room, told = Room(), []
    for second in range(0, 1200):
        at = T0 + 1000 * second
        items = [CityWindow(at, at)]
        if at % WINDOW_MS == 0 and second <= 600:
            kinds = {"noise": sums(5, 300.0)}
            items = [CityWindow(at, at, (ShardWindow(0, at, at, None, kinds),))]
        if room.tell(*items).feeds:
            told.append(second)
    assert told[0] == 0
    assert max(np.diff(told)) <= 10
    assert told[-1] < 600 + 2 * WINDOW_MS / 1000, "whoever is silent is missing"


def test_a_feed_that_is_silent_is_told_of_until_the_first_window_without_it() -> None:
    room, told = Room(), []
    for second in range(0, 901, 5):
        at = T0 + 1000 * second
        items = [CityWindow(at, at)]
        if at % WINDOW_MS == 0:
            kinds = {"pm25": sums(5, 30.0)}
            if second == 300:  # the last window it speaks in, by then five minutes ago at most
                kinds["noise"] = sums(5, 300.0)
            items = [CityWindow(at, at, (ShardWindow(0, at, at, None, kinds),))]
        if kind_of("noise").feed in room.tell(*items).feeds:
            told.append(second)
    assert (told[0], told[-1]) == (300, 590)
    assert set(np.diff(told)) == {10}


def test_that_nobody_calls_is_no_alarm() -> None:
    """A night without reports is ordinary: how long ago the last one came is told."""
    room = Room()
    assert "reports" not in room.tell(window(1, {"noise": sums(5, 300.0)})).feeds
    cell = TOWN.sensors[0]
    report = TriagedReport("r", T0 + WINDOW_MS + 1, "fire", "x", cell.lon, cell.lat, "east", False)
    last = T0 + WINDOW_MS + 1
    room.tell(Triaged((report,), LATER), window(2, {"noise": sums(5, 300.0)}))
    assert room.feeds["reports"].rate > 0
    told = room.tell(window(30, {"noise": sums(5, 300.0)})).feeds["reports"]
    assert (told.time, told.rate, told.lag_ms) == (last, 0.0, T0 + 30 * WINDOW_MS - last)


def test_on_a_fast_clock_windows_are_often_enough() -> None:
    room = Room(speed=60.0)
    at = T0 + WINDOW_MS
    assert room.tell(window(1, {"noise": sums(5, 300.0)})).feeds
    assert not room.tell(CityWindow(at + 250_000, at + 250_000)).feeds
