import numpy as np

from simulators.geometry import outline, river_paths
from simulators.names import Namer
from simulators.noise import Noise
from simulators.streets import streets


def test_streets_are_long_smooth_and_in_the_city() -> None:
    noise = Noise(4)
    paths = streets(noise, Namer(noise.draws("names")), outline(), river_paths())
    lengths = [p.length_km for p in paths]
    assert len(paths) > 100
    assert lengths == sorted(lengths, reverse=True)
    assert 5 < lengths[0] < 40
    assert min(lengths) > 0.9
    near = outline().buffer(0.5)
    assert all(p.inside(near).all() for p in paths)


def test_the_same_seed_builds_the_same_streets() -> None:
    first, second = (
        streets(Noise(4), Namer(Noise(4).draws("names")), outline(), river_paths())
        for _ in range(2)
    )
    assert all(np.array_equal(a.xy, b.xy) for a, b in zip(first, second, strict=True))
