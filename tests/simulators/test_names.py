import numpy as np

from simulators.names import Namer, compass


def test_namesakes_are_numbered() -> None:
    namer = Namer(np.random.default_rng(1))
    names = [namer.place("quay") for _ in range(2000)]
    assert len({n.en for n in names}) == len({n.zh for n in names}) == 2000
    assert any(n.en.endswith("quay 2") and n.zh.endswith("码头2") for n in names)


def test_a_compass_has_four_directions() -> None:
    ways = [compass(a).en for a in (0.1, np.pi / 2, np.pi, -np.pi / 2, 2 * np.pi)]
    assert ways == ["eastbound", "northbound", "westbound", "southbound", "eastbound"]
