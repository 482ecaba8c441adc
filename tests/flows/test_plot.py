"""Asking for a picture: what is refused in one line, and what is drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows import plot as module
from flows.feeds import FeedError
from flows.plot import Plot, PlotError, plot
from flows.scene import Scene

pytestmark = pytest.mark.slow

GAUGE = {"id": "a", "kind": "rain", "lon": 1.0, "lat": 2.0}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Scene, Path]]:
    """What would have been drawn."""
    scenes: list[tuple[Scene, Path]] = []
    monkeypatch.setattr(module, "_draw", lambda _, scene, out: scenes.append((scene, out)))
    return scenes


@pytest.fixture
def no_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is refused is refused before the feed is replayed."""

    def replayed(*_: object) -> None:
        pytest.fail("the feed was replayed for a request that cannot be met")

    monkeypatch.setattr(module, "tell_story", replayed)


def made(at: Path, city: dict[str, object], *readings: dict[str, object]) -> Path:
    at.mkdir(exist_ok=True)
    (at / "city.json").write_text(json.dumps({"name": "T", "timezone": "Asia/Tokyo", **city}))
    lines = (json.dumps(reading) + "\n" for reading in readings)
    (at / "readings.jsonl").write_text("".join(lines))
    return at


@pytest.mark.usefixtures("no_replay")
class TestIsRefused:
    def refused(self, feed: Path, *sensors: str, **more: object) -> str:
        with pytest.raises(PlotError) as caught:
            plot(Plot(feed, sensors, **more))  # type: ignore[arg-type]
        return str(caught.value)

    def test_an_unknown_sensor_with_those_it_may_be(self, quiet_feed: Path) -> None:
        told = self.refused(quiet_feed, "RL-001")
        assert "no sensor 'RL-001', did you mean rl-0001" in told

    def test_an_unknown_sensor_like_no_other_with_some_there_are(self, quiet_feed: Path) -> None:
        assert "among its 150 are cc-0001" in self.refused(quiet_feed, "zzzzzz")

    def test_any_sensor_of_a_city_without_sensors(self, tmp_path: Path) -> None:
        assert "lists none" in self.refused(made(tmp_path, {}), "a")

    def test_no_sensor(self, quiet_feed: Path) -> None:
        assert "expected the id" in self.refused(quiet_feed)

    @pytest.mark.parametrize("text", ["tomorrow", "", "2025-13-01"])
    def test_a_moment_that_is_none(self, quiet_feed: Path, text: str) -> None:
        told = self.refused(quiet_feed, "rl-0001", end=text)
        assert told.startswith("--to: expected hours")
        assert repr(text) in told

    @pytest.mark.parametrize("text", ["nan", "inf", "1e300"])
    def test_hours_beyond_all_clocks(self, quiet_feed: Path, text: str) -> None:
        assert "--from: expected hours" in self.refused(quiet_feed, "rl-0001", start=text)

    def test_a_file_of_another_kind(self, quiet_feed: Path) -> None:
        told = self.refused(quiet_feed, "rl-0001", out=Path("x.doc"))
        assert told == "--out: expected a file ending in .png, .svg, .pdf, got 'x.doc'"

    def test_a_file_where_the_terminal_was_asked_for(self, quiet_feed: Path) -> None:
        told = self.refused(quiet_feed, "rl-0001", out=Path("x.png"), terminal=True)
        assert told == "--out: expected no --terminal beside it, got --out x.png"

    def test_a_sensor_whose_id_no_file_can_have(self, tmp_path: Path) -> None:
        feed = made(tmp_path, {"sensors": [GAUGE | {"id": "a" * 300}]})
        told = self.refused(feed, "a" * 300)
        assert told.startswith("--out: expected a file with a name of at most 255 bytes, got 304: ")

    def test_a_sensor_whose_id_is_no_text(self, quiet_feed: Path) -> None:
        assert "no sensor '\\udcff'" in self.refused(quiet_feed, "\udcff")

    def test_a_feed_without_readings(self, quiet_feed: Path, tmp_path: Path) -> None:
        (tmp_path / "reports.jsonl").write_bytes(b"")
        (tmp_path / "city.json").write_bytes((quiet_feed / "city.json").read_bytes())
        with pytest.raises(FeedError, match=r"expected readings\.jsonl"):
            plot(Plot(tmp_path, ["rl-0001"]))

    def test_a_directory_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(FeedError, match="no such feed directory"):
            plot(Plot(tmp_path / "none", ["rl-0001"]))


class TestIsRefusedAfterAll:
    def test_a_sensor_that_said_nothing(self, tmp_path: Path) -> None:
        feed = made(tmp_path, {"sensors": [GAUGE]})
        with pytest.raises(PlotError, match="no reading of 'a' that could be used"):
            plot(Plot(feed, ["a"]))

    def test_a_sensor_that_said_only_what_cannot_be(self, tmp_path: Path) -> None:
        feed = made(tmp_path, {"sensors": [GAUGE]}, {"sensor": "a", "time": 1, "value": -9})
        with pytest.raises(PlotError, match="all that a said is impossible"):
            plot(Plot(feed, ["a"]))

    @pytest.mark.parametrize(("start", "end"), [("2030-01-01", None), (None, "-1"), ("3", "2")])
    def test_a_window_without_readings_with_when_there_are_some(
        self, quiet_feed: Path, start: str | None, end: str | None
    ) -> None:
        with pytest.raises(PlotError, match=r"no reading from .* there are some from 2025-"):
            plot(Plot(quiet_feed, ["rl-0001"], start=start, end=end))


class TestWindow:
    def window(self, scene: Scene) -> tuple[float, float]:
        """In minutes after the first reading."""
        first = int(scene.panels[0].track.time[0])
        return (scene.start - first) / 60_000, (scene.end - first) / 60_000

    def test_without_one_everything_is_shown(
        self, quiet_feed: Path, drawn: list[tuple[Scene, Path]]
    ) -> None:
        plot(Plot(quiet_feed, ["rl-0001"]))
        times = drawn[0][0].panels[0].track.time
        assert (drawn[0][0].start, drawn[0][0].end) == (times[0], times[-1])

    def test_in_hours_counts_from_the_first_reading(
        self, quiet_feed: Path, drawn: list[tuple[Scene, Path]]
    ) -> None:
        plot(Plot(quiet_feed, ["rl-0001"], start="0", end="0.25"))
        assert self.window(drawn[0][0]) == (0, 15)

    @pytest.mark.parametrize(("start", "end"), [("0001-01-01", None), (None, "9999-12-31")])
    def test_reaches_an_hour_beyond_the_readings_at_most(
        self,
        quiet_feed: Path,
        drawn: list[tuple[Scene, Path]],
        start: str | None,
        end: str | None,
    ) -> None:
        plot(Plot(quiet_feed, ["rl-0001"], start=start, end=end))
        begin, until = self.window(drawn[0][0])
        assert (begin == -60) is (start is not None)
        assert (until > 60) is (end is not None)

    def test_in_local_time_is_that_of_the_city(
        self, tmp_path: Path, drawn: list[tuple[Scene, Path]]
    ) -> None:
        feed = made(tmp_path, {"sensors": [GAUGE]}, {"sensor": "a", "time": 60_000, "value": 1})
        # 1970 began at nine in the morning in Tokyo.
        plot(Plot(feed, ["a"], start="1970-01-01T09:00", end="1970-01-01T00:05Z"))
        assert (drawn[0][0].start, drawn[0][0].end) == (0, 300_000)


def test_neighbours_are_the_nearest_of_the_same_kind_that_speak(
    tmp_path: Path, drawn: list[tuple[Scene, Path]]
) -> None:
    places = {"a": 0.0, "b": 0.01, "silent": 0.02, "c": 0.03, "far": 0.5}
    sensors = [{"id": name, "kind": "rain", "lon": 1.0, "lat": lat} for name, lat in places.items()]
    sensors.append({"id": "other", "kind": "noise", "lon": 1.0, "lat": 0.001})
    said = [{"sensor": s["id"], "time": 60_000, "value": 1} for s in sensors if s["id"] != "silent"]
    plot(Plot(made(tmp_path, {"sensors": sensors}, *said), ["a"], neighbours=2))
    panels = drawn[0][0].panels
    assert [panel.track.sensor.id for panel in panels] == ["a", "b", "c"]


def test_several_sensors_are_drawn_once_each(
    quiet_feed: Path, drawn: list[tuple[Scene, Path]]
) -> None:
    plot(Plot(quiet_feed, ["rl-0001", "rl-0002", "rl-0001"]))
    ((scene, out),) = drawn
    assert [panel.track.sensor.id for panel in scene.panels] == ["rl-0001", "rl-0002"]
    assert out == Path("rl-0001+1.png")


def test_a_sensor_that_introduced_itself_is_drawn_into_a_file_of_its_name(
    tmp_path: Path, drawn: list[tuple[Scene, Path]]
) -> None:
    reading = {"sensor": "x/1", "time": 60_000, "value": 1, "kind": "rain", "lon": 1.0, "lat": 2.0}
    plot(Plot(made(tmp_path, {}, reading), ["x/1"]))
    assert drawn[0][1] == Path("x_1.png")


def test_the_picture_is_written_and_named(
    quiet_feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "one.png"
    plot(Plot(quiet_feed, ["rl-0001"], out=out))
    assert out.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == f"{out}\n"


def test_in_the_terminal_nothing_is_written(
    quiet_feed: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    plot(Plot(quiet_feed, ["rl-0001"], terminal=True))
    assert "rl-0001" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_picture_for_which_there_is_no_room_is_named(quiet_feed: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    out.symlink_to("/dev/full")
    with pytest.raises(OSError, match=rf"No space left on device: '{out}'"):
        plot(Plot(quiet_feed, ["rl-0001"], out))
