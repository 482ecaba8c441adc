import gzip
from pathlib import Path

import msgspec
import pytest

from operators.events import City, Report, Truth
from simulators.clock import default_start
from simulators.feed import write_feed
from simulators.simulation import Simulation

FILES = ("city.json", "readings.jsonl", "reports.jsonl", "truth.json")


def written(out: Path) -> Simulation:
    sim = Simulation("cloudburst", 7, default_start(7), 3, 300)
    write_feed(sim, out)
    return sim


@pytest.mark.slow
def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / name)
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.slow
def test_the_files_say_what_the_simulation_holds(tmp_path: Path) -> None:
    sim = written(tmp_path)
    assert msgspec.json.decode((tmp_path / "truth.json").read_bytes(), type=Truth) == sim.truth
    city = msgspec.json.decode((tmp_path / "city.json").read_bytes(), type=City)
    assert city == sim.city
    lines = (tmp_path / "reports.jsonl").read_bytes().splitlines()
    reports = [msgspec.json.decode(line, type=Report) for line in lines]
    assert [r.time for r in reports] == sorted(r.time for r in reports)
    readings = (tmp_path / "readings.jsonl").read_bytes().splitlines()
    assert len(readings) == sum(len(sim.block(k).ends) for k in range(sim.blocks))


def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    heard: list[float] = []
    write_feed(Simulation("quiet", 1, default_start(1), 1, 100), tmp_path, heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1


@pytest.mark.slow
def test_readings_compress_well_enough_to_keep(tmp_path: Path) -> None:
    written(tmp_path)
    data = (tmp_path / "readings.jsonl").read_bytes()
    assert len(gzip.compress(data, 1)) < 0.35 * len(data)


def test_half_a_feed_has_no_truth_and_nothing_of_another(tmp_path: Path) -> None:
    for name in ("readings.jsonl.gz", "commands.jsonl", "truth.json"):
        (tmp_path / name).write_bytes(b"of another feed")

    def interrupted(done: float) -> None:
        raise KeyboardInterrupt

    sim = Simulation("quiet", 1, default_start(1), 1, 200)
    with pytest.raises(KeyboardInterrupt):
        write_feed(sim, tmp_path, interrupted)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES) - {"truth.json"}
