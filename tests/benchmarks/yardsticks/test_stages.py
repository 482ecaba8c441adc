import gzip
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from benchmarks.yardsticks import stages

QUARTER_MS = 900_000


def _river(n=1500, seed=4, noise=0.05):
    rng = np.random.default_rng(seed)
    at = np.arange(n)
    waves = sum(np.exp(-(((at - peak) / 25.0) ** 2)) for peak in range(80, n, 290))
    return 20.0 + 5.0 * waves + rng.normal(0, noise, n)


def _site(values):
    return stages.Site("river", np.arange(len(values)) * QUARTER_MS, np.asarray(values, float))


def _written(directory, values):
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    lines = ["datetime,temp,stage"]
    for i, value in enumerate(values):
        lines.append(f"{begin + timedelta(minutes=15 * i):%Y-%m-%d %H:%M:%S.000},1.0,{value}")
    with gzip.open(directory / "Brook.csv.gz", "wt") as out:
        out.write("\n".join(lines))


def test_what_a_logger_did_not_measure_is_left_out(tmp_path):
    _written(tmp_path, [1.5, -9999.0, "", 2.5])
    (site,) = stages.load(tmp_path)
    assert (site.name, site.values.tolist()) == ("Brook", [1.5, 2.5])
    assert np.diff(site.times_ms).tolist() == [3 * QUARTER_MS]


def test_a_directory_without_rivers_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="got none"):
        stages.load(tmp_path)


def test_persistence_and_the_line_say_what_they_should():
    #  level 10 ---------------------- the last reading crosses it
    values = np.concatenate([np.full(30, 5.0), np.full(20, 10.0), np.full(80, 5.0), np.arange(20)])
    judged = stages.judge(_site(values), [1])[1]
    assert len(judged.came) == 150 - 50 - 4
    assert not judged.line[:79].any()
    rising = slice(80 + 5, 80 + 9)
    # From 5 to 8 up by 1 a reading: 9 to 12 in an hour.
    assert judged.line[rising].tolist() == [False, True, True, True]
    assert judged.came[rising].tolist() == [False, True, True, True]
    assert not judged.now[rising].any()


def test_waves_are_forecast_better_than_by_persistence_or_a_line():
    found = [stages.judge(_site(_river(noise=0.3)), [3])]
    result = stages._result(found, 3)
    csi = {name: figures["csi"] for name, figures in result["all"].items()}
    assert csi["trend >= .5"] > max(csi["persistence"], csi["line"])
    assert result["onset"]["persistence"]["csi"] == 0.0
    assert result["onsets"] > 0


def test_no_forecast_looks_ahead():
    values = _river(600)
    other = values.copy()
    other[500:] += 9.0
    one, two = (stages.judge(_site(x), [1])[1] for x in (values, other))
    # The first third is 200 rows.
    for part in ("trend", "learnt", "line", "now"):
        np.testing.assert_array_equal(getattr(one, part)[:300], getattr(two, part)[:300])
    np.testing.assert_array_equal(one.decided[:300], two.decided[:300])


@pytest.mark.slow
def test_it_prints_and_writes_its_figures(tmp_path, capsys):
    _written(tmp_path, _river(900))
    out = tmp_path / "out.json"
    assert stages.main(["--rivers", str(tmp_path), "--json", str(out)]) == 0
    assert [each["ahead_h"] for each in json.loads(out.read_text())] == [1, 3, 12]
    assert "line" in capsys.readouterr().out
