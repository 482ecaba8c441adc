"""In a city where nothing happens, a surprisal of 2 is one hour in a hundred, 3 one in a thousand.

What is held to it is the highest surprisal of an hour, at one place whose rate does not change.
"""

import numpy as np
import pytest

from models.count_burst import CountBurst

pytestmark = pytest.mark.slow

HOUR = 3600.0
LEARNING, WEEKS = 4 * 168, 30


def _hours(rng, per_hour, size):
    """Return the highest surprisal of every hour once four weeks are learnt."""
    hours = WEEKS * 168
    means = per_hour * (np.ones(hours) if size is None else rng.gamma(size, 1 / size, hours))
    highest = np.zeros(hours)
    model = CountBurst(["flood"], places=1)
    for hour, count in enumerate(rng.poisson(means)):
        for at in np.sort(rng.random(count)):
            burst = model.score_and_learn("flood", "here", (hour + at) * HOUR)
            highest[hour] = max(highest[hour], burst.surprisal if burst else 0.0)
    return highest[LEARNING:]


@pytest.mark.parametrize("size", [None, 3.0], ids=["poisson", "overdispersed"])
def test_surprisals_are_as_rare_as_they_say(size):
    rng = np.random.default_rng(7)
    hours = np.concatenate([_hours(rng, per_hour, size) for per_hour in (2.0, 4.0)])
    assert 0.005 <= (hours >= 2).mean() <= 0.02
    # Of Poisson counts it is rarer still: their dispersion is never learnt to be 0.
    assert (0.0002 if size is None else 0.0005) <= (hours >= 3).mean() <= 0.002
