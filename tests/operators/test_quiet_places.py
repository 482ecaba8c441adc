"""Several sensors of one place quiet at once say that the place has lost its power."""

import numpy as np
import pytest

from operators.events import Evidence
from operators.evidence import UNUSUAL, Found
from operators.merging import CityWindow
from operators.quiet_places import LEAST, MOST, SAID_FOR_MS, WITHIN_MS, NoticeQuietPlaces
from operators.registry import Registry
from operators.windows import WINDOW_MS, ShardWindow
from tests.operators.town import T0, sensor, town

PLACE = [sensor(f"p-{n}", "noise", at_m=(20 * n, 0)) for n in range(8)]
ELSEWHERE = [sensor(f"e-{n}", "noise", at_m=(3000 * (n + 1), 3000)) for n in range(400)]


class Quiet:
    def __init__(self) -> None:
        self.registry = Registry(town([*PLACE, *ELSEWHERE]))
        self.step = NoticeQuietPlaces(self.registry)
        self.end = T0

    def window(
        self, new: list[int], quiet: list[int] | None = None, windows: int = 1
    ) -> list[Evidence]:
        self.end += windows * WINDOW_MS
        still = np.array(new if quiet is None else quiet, np.intp)
        shard = ShardWindow(0, self.end, self.end, quiet=still, newly_quiet=np.array(new, np.intp))
        (found,) = self.step.on_batch([CityWindow(self.end, self.end, (shard,))])
        assert (found.origin, found.watermark) == ("outages", self.end)
        return list(found.evidence)


def test_many_quiet_in_one_place_are_evidence_of_lost_power() -> None:
    quiet = Quiet()
    said = quiet.window([0, 1, 2, 3, 4])
    assert said
    strongest = max(said, key=lambda e: e.surprisal)
    assert (strongest.source, strongest.kind, strongest.hazard) == ("outage", "outage", "power")
    assert UNUSUAL <= strongest.surprisal <= MOST
    assert strongest.value == strongest.count == 5
    assert strongest.time == quiet.end - 1
    assert strongest.district == quiet.registry.district_of(strongest.lon, strongest.lat)
    assert strongest.cell in quiet.registry.cells[:8]


def test_a_cabinet_of_two_is_no_place() -> None:
    assert Quiet().window(list(range(LEAST - 1))) == []


def test_quiet_sensors_far_apart_are_each_their_own() -> None:
    assert Quiet().window(list(range(8, 12))) == []


def test_they_may_go_one_after_another_within_half_an_hour() -> None:
    quiet = Quiet()
    assert quiet.window([0, 1]) == []
    assert quiet.window([2, 3, 4], [0, 1, 2, 3, 4], windows=5) != []
    slow = Quiet()
    slow.window([0, 1])
    assert slow.window([2], [0, 1, 2], windows=WITHIN_MS // WINDOW_MS) == []


def test_who_is_back_does_not_count() -> None:
    quiet = Quiet()
    quiet.window([0, 1])
    assert quiet.window([2], [2]) == []


def test_when_everything_falls_silent_it_is_the_feed() -> None:
    assert Quiet().window(list(range(400))) == []


def test_a_place_is_told_again_while_it_is_dark() -> None:
    """No data is a state, and not that all is well again."""
    quiet, dark = Quiet(), [0, 1, 2, 3, 4]
    first = {(e.key, e.surprisal) for e in quiet.window(dark)}
    for _ in range(100):
        again = quiet.window([], dark)
        assert {(e.key, e.surprisal) for e in again} == first
        assert {(e.time, e.value) for e in again} == {(quiet.end - 1, 5.0)}
    assert {e.value for e in quiet.window([], dark[:LEAST])} == {LEAST}
    assert quiet.window([], dark[: LEAST - 1]) == [], "the others are back"
    assert quiet.window([], dark) == []


def test_after_a_day_everybody_knows() -> None:
    quiet = Quiet()
    dark = [0, 1, 2, 3, 4]
    quiet.window(dark)
    windows = 0
    while quiet.window([], dark):
        windows += 1
    assert windows == SAID_FOR_MS // WINDOW_MS
    assert not quiet.step._told


@pytest.mark.parametrize("watermark", [T0, T0 + 5])
@pytest.mark.parametrize("last", [False, True])
def test_time_goes_on_without_windows(watermark: int, last: bool) -> None:
    step = NoticeQuietPlaces(Registry(town(PLACE)))
    (found,) = step.on_batch([CityWindow(watermark, watermark, last=last)])
    assert found == Found("outages", (), watermark, last=last)
