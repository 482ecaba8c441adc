import numpy as np

from simulators.happenings import Outcry, hump, plume
from simulators.layout import lay_out

HOUR = 3_600_000


def test_an_outcry_climbs_to_its_peak_and_thins_out() -> None:
    cry = Outcry("fire", 0, HOUR, 4 * HOUR, 60.0, ((0.0, 0.0),), 0.3)
    rates = [cry.rate(t) for t in (-1, HOUR // 2, HOUR, 3 * HOUR, 4 * HOUR)]
    assert rates[0] == rates[-1] == 0
    assert rates[1] == 30
    assert rates[2] == 60
    assert 0 < rates[3] < 20


def test_a_hump_is_nothing_before_and_fades_after() -> None:
    times = np.array([-1, 0, HOUR, 5 * HOUR, 9 * HOUR])
    shape = hump(times, 0, HOUR / 4, 5 * HOUR, HOUR / 2)
    assert shape[0] == shape[1] == 0
    assert 0.9 < shape[2] < shape[3] <= 1
    assert shape[4] < 0.001


def test_a_plume_lies_downwind_and_has_come_only_as_far_as_the_wind() -> None:
    sites = lay_out(1, 2000).sites["temperature"]
    east, north = np.full((1, 1), 2.0), np.zeros((1, 1))
    young, old = (
        plume(sites, (-8.0, 0.0), (east, north), np.full((1, 1), age), 0.2, 0.2)[:, 0]
        for age in (0.5, 5.0)
    )
    assert not old[sites.x < -8].any()
    assert not young[sites.x > -8 + 0.5 * 7.2 + 0.3].any()
    ahead = (sites.x > -7) & (sites.x < 6)
    aside = abs(sites.y) / (sites.x + 8.1)
    assert old[ahead & (aside < 0.15)].min() > old[ahead & (aside > 1.2)].max()
