import gzip
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from benchmarks.yardsticks import air

DUST = air.LEVELS["PM2.5"]


def _bad_air(hours, n=3, seed=3):
    rng = np.random.default_rng(seed)
    slow = np.convolve(rng.normal(0, 1, hours + 60), np.ones(48) / 48, "valid")[:hours]
    return np.exp(4.4 + 3.5 * slow[:, None] + rng.normal(0, 0.1, (hours, n)))


def _written(directory, values, pollutant="PM2.5"):
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    lines = [f"time,station,{pollutant},TEMP,DEWP,PRES,wd,WSPM"]
    for station in range(values.shape[1]):
        for hour, value in enumerate(values[:, station]):
            wd = "" if hour % 7 == 0 else "E"
            text = "NA" if np.isnan(value) else f"{value:.1f}"
            at = f"{begin + timedelta(hours=hour):%Y-%m-%d %H:%M:%S}"
            lines.append(f"{at},s{station},{text},1,NA,1010,{wd},2")
    with gzip.open(directory / "air.csv.gz", "wt") as out:
        out.write("\n".join(lines))


def test_recorded_air_is_read_hour_by_hour(tmp_path):
    values = _bad_air(50).round(1)
    values[7, 1] = np.nan
    _written(tmp_path, values)
    record = air.load(tmp_path)
    np.testing.assert_allclose(record.values, values)
    none = np.nan
    np.testing.assert_allclose(record.weather[1, 0], [-2.0, 0.0, 1.0, none, 1010.0], atol=1e-9)
    np.testing.assert_allclose(record.weather[7, 2], [none, none, 1.0, none, 1010.0])


def _record(values, seed=4):
    wind = np.random.default_rng(seed).normal(0, 3, (*values.shape, 5))
    return air.Record(values, wind)


def test_a_directory_without_air_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="got none"):
        air.load(tmp_path)


def test_no_forecast_looks_ahead():
    values = _bad_air(400)
    other = values.copy()
    other[300:] *= 3.0
    one, two = air.forecast(_record(values), DUST), air.forecast(_record(other), DUST)
    np.testing.assert_array_equal(one[:300], two[:300])
    assert (one[300:] != two[300:]).any()


def test_persistence_is_judged_on_the_same_rows():
    values = np.tile([[100.0], [200.0]], (60, 1))
    chance = np.full((120, 1), 0.9)
    chance[:40] = np.nan
    found = air.judge(values, chance, 150.0, 6)
    assert found["rows"] == 120 - 6 - 40
    assert found["all"]["persistence"] == {"pod": 1.0, "far": 0.0, "csi": 1.0}
    assert found["all"]["chance >= .5"]["csi"] == 0.5
    assert found["onset"]["persistence"]["csi"] == 0.0
    assert found["brier"] == {"persistence": 0.0, "ours": pytest.approx(0.5 * (0.01 + 0.81))}


def test_it_prints_and_writes_its_figures(tmp_path, capsys):
    _written(tmp_path, _bad_air(700))
    out = tmp_path / "out.json"
    assert air.main(["--air", str(tmp_path), "--json", str(out)]) == 0
    results = json.loads(out.read_text())
    assert air.main(["--air", str(tmp_path), "--no-weather", "--json", str(out)]) == 0
    assert json.loads(out.read_text()) != results
    assert [each["ahead_h"] for each in results["all rows"]] == [6, 12, 24]
    assert "persistence" in capsys.readouterr().out


def test_of_several_pollutants_one_is_judged(tmp_path, capsys):
    _written(tmp_path, 0.7 * _bad_air(700), "NO2")
    assert np.isnan(air.load(tmp_path).values).all()
    assert air.main(["--air", str(tmp_path), "--pollutant", "NO2"]) == 0
    assert "NO2 of 120 or more" in capsys.readouterr().out


def test_stations_can_learn_alone():
    values = _bad_air(400)
    record = _record(values)
    together, alone = air.forecast(record, DUST), air.forecast(record, DUST, alone=True)
    assert np.isfinite(alone[100:]).all()
    assert (together[100:] != alone[100:]).any()
