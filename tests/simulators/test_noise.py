import numpy as np

from simulators.noise import Field, Noise

HOUR = 3_600_000


def test_a_draw_depends_on_its_address_alone() -> None:
    noise = Noise(5)
    noise.draws("other", 1).normal(size=9)
    assert noise.draws("a", 3).normal() == Noise(5).draws("a", 3).normal()


def test_seed_stream_and_counter_all_matter() -> None:
    draws = [
        Noise(seed).draws(stream, counter).normal()
        for seed, stream, counter in [(1, "a", 0), (2, "a", 0), (1, "b", 0), (1, "a", 1)]
    ]
    assert len(set(draws)) == 4


def test_counters_before_the_epoch_are_addresses_too() -> None:
    assert np.isfinite(Noise(1).draws("a", -7).normal())


def test_smooth_noise_is_the_same_whichever_stretch_is_asked_for() -> None:
    noise = Noise(1)
    times = np.arange(0, 6 * HOUR, HOUR // 4)[None, :].repeat(5, axis=0)
    whole = noise.smooth("s", times, 3600)
    part = noise.smooth("s", times[:, 9:11], 3600)
    assert np.array_equal(whole[:, 9:11], part)


def test_smooth_noise_has_unit_variance_everywhere_between_its_knots() -> None:
    times = np.tile(np.array([[0, HOUR // 4, HOUR // 2]]), (4000, 1))
    assert np.allclose(Noise(1).smooth("s", times, 3600).std(axis=0), 1, atol=0.06)


def test_a_field_is_shared_by_neighbours_and_not_across_the_city() -> None:
    x = np.array([0.0, 0.2, 30.0])
    field = Field(Noise(1), "f", x, np.zeros(3), scale_km=3.0, knot_s=3600)
    times = np.arange(0, 2000 * HOUR, HOUR)[None, :].repeat(3, axis=0)
    near, far = np.corrcoef(field.at(times))[0, 1:]
    assert near > 0.95
    assert abs(far) < 0.8
