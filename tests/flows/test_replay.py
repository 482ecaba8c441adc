"""A replay, as somebody would break it: by killing it, by poll size, by what is in the feed."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
import sys
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from flows.feeds import FeedError
from flows.replay import Replay, read_city, replay
from flows.running import owned
from flows.settings import load_settings
from sinks.store import EmbeddedStore, Keys, connect
from tests.flows.processes import PATIENCE_S, ROOT, eventually, here, run, started

pytestmark = pytest.mark.slow

SMALL_EPOCHS = {"CITYWATCH_EPOCH_S": "0.1"}


@pytest.fixture(scope="module")
def undisturbed(feed: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The warnings of the feed: what every other run of it must come to."""
    alerts = tmp_path_factory.mktemp("undisturbed") / "alerts.jsonl"
    assert here("replay", feed, "--alerts", alerts) == 0
    told = alerts.read_bytes()
    assert told.count(b"\n") >= 5, "this feed is to raise warnings"
    return told


def broken(feed: Path, out: Path) -> Path:
    """Return a copy of a feed, to spoil."""
    shutil.copytree(feed, out)
    return out


def versions(told: bytes) -> list[tuple[str, int]]:
    return [(alert["id"], alert["version"]) for alert in map(json.loads, told.splitlines())]


def test_a_city_file_that_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"city\.json: no such file"):
        read_city(tmp_path)
    (tmp_path / "city.json").write_text('{"name": 5}')
    with pytest.raises(FeedError, match=r"city\.json: .*name"):
        read_city(tmp_path)


class TestResults:
    def test_never_go_over_the_recording_or_each_other(self, feed: Path, tmp_path: Path) -> None:
        own = broken(feed, tmp_path / "own")
        before = {path.name: path.read_bytes() for path in own.iterdir()}
        for name in before:
            with pytest.raises(FeedError, match=f"--alerts .*{name}: is taken"):
                replay(Replay(own, alerts=own / name), load_settings())
        same = own / "results"
        with pytest.raises(FeedError, match=r"--dead-letters .*results: is taken"):
            replay(Replay(own, alerts=same, dead_letters=same), load_settings())
        assert {path.name: path.read_bytes() for path in own.iterdir()} == before

    def test_are_told_though_nobody_keeps_them(
        self, feed: Path, undisturbed: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert here("replay", feed) == 0
        worst = min(alert["level"] for alert in map(json.loads, undisturbed.splitlines()))
        (day,) = re.findall(r"│ 2\d{3}-\d\d-\d\d.*", capsys.readouterr().out)
        assert re.findall(r"\d+", day)[2 + worst] != "0"

    def test_say_why_messages_could_not_be_used(
        self, quiet_feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        own = broken(quiet_feed, tmp_path / "own")
        good = b'{"sensor":"rl-0001","time":1763881200000,"value":1}\n'
        gateway = b'{"sensor":["a","b"],"time":[1,1],"value":[null,"x"]}\n'
        (own / "readings.jsonl").write_bytes(good + 3 * b"{\n" + 2 * gateway)
        assert here("replay", own) == 0
        told = re.findall(r"could not be used: (.*)", capsys.readouterr().out)
        assert "4 × [].value: expected number" in told
        assert any(line.startswith("3 × not JSON") for line in told)

    def test_of_one_feed_are_not_gone_on_with_by_another(
        self, feed: Path, quiet_feed: Path, tmp_path: Path
    ) -> None:
        kept = tmp_path / "data"
        assert here("replay", quiet_feed, "--data-dir", kept) == 0
        with pytest.raises(FeedError, match="holds a run of another feed: give another --data-dir"):
            replay(Replay(feed, data_dir=kept), load_settings())
        (kept / "feed.sha256").write_bytes(b"\xff")
        with pytest.raises(FeedError, match="holds a run of another feed"):
            replay(Replay(quiet_feed, data_dir=kept), load_settings())

    def test_may_be_thrown_away(self, quiet_feed: Path, capsys: pytest.CaptureFixture[str]) -> None:
        nowhere = ("--alerts", "/dev/null", "--dead-letters", "/dev/null")
        assert here("replay", quiet_feed, *nowhere) == 0
        assert "messages in" in capsys.readouterr().out

    @pytest.mark.system
    def test_may_go_where_the_report_goes(
        self, feed: Path, undisturbed: bytes, tmp_path: Path
    ) -> None:
        """Into a file that is the standard output, or a pipe."""
        command = [sys.executable, "-m", "flows", "replay", feed, "--alerts", "/dev/stdout"]
        with (tmp_path / "out").open("wb") as out:
            subprocess.run(command, cwd=ROOT, stdout=out, check=True)
        told = (tmp_path / "out").read_bytes()
        assert told.startswith(undisturbed)
        assert b"messages in" in told
        told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        assert told.startswith(undisturbed)
        assert b"messages in" in told

    @pytest.mark.parametrize("option", ["--alerts", "--dead-letters"])
    def test_never_go_into_a_file_of_somebody_else(
        self, quiet_feed: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ("replay", quiet_feed, "--data-dir", tmp_path / "data")
        assert here(*command, option, tmp_path / "own") == 0
        notes = tmp_path / "notes.txt"
        notes.write_text("precious")
        assert here(*command, option, notes) == 1
        assert f"{option} {notes}: is not the file that" in capsys.readouterr().err
        assert notes.read_text() == "precious"
        capsys.readouterr()
        assert here(*command, option, tmp_path / "own") == 0
        assert "nothing new: the run of" in capsys.readouterr().out
        (tmp_path / "own").unlink()
        assert here(*command, option, tmp_path / "own") == 1
        told = f"{option} {tmp_path / 'own'}: is gone, and {tmp_path / 'data'} goes on after what"
        assert told in capsys.readouterr().err

    def test_of_two_at_once_do_not_share_a_directory(
        self, quiet_feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with owned(tmp_path / "data"):
            assert here("replay", quiet_feed, "--data-dir", tmp_path / "data") == 1
        assert "data is in use by another citywatch\n" in capsys.readouterr().err


@pytest.mark.system  # not for the processes, but for the seconds
class TestSameFeedSameBytes:
    @pytest.mark.parametrize("poll_size", [7, 10_000, 100_000])
    def test_whatever_the_poll_size(
        self, feed: Path, undisturbed: bytes, tmp_path: Path, poll_size: int
    ) -> None:
        alerts = tmp_path / "alerts.jsonl"
        assert here("replay", feed, "--alerts", alerts, "--poll-size", str(poll_size)) == 0
        assert alerts.read_bytes() == undisturbed

    def test_whether_paced_or_not(self, feed: Path, undisturbed: bytes, tmp_path: Path) -> None:
        alerts = tmp_path / "alerts.jsonl"
        assert here("replay", feed, "--alerts", alerts, "--speed", "20000") == 0
        assert alerts.read_bytes() == undisturbed

    def test_in_another_process(self, feed: Path, undisturbed: bytes, tmp_path: Path) -> None:
        alerts = tmp_path / "alerts.jsonl"
        ended = run("replay", feed, "--alerts", alerts, PYTHONHASHSEED="7")
        assert ended.returncode == 0, ended.stderr
        assert alerts.read_bytes() == undisturbed


class TestWarnings:
    def test_of_one_id_count_up_from_one_in_time(self, undisturbed: bytes) -> None:
        told: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for alert in map(json.loads, undisturbed.splitlines()):
            told[alert["id"]].append((alert["version"], alert["time"]))
        for story in told.values():
            assert [version for version, _ in story] == list(range(1, len(story) + 1))
            assert story == sorted(story, key=lambda step: step[1])

    def test_have_a_reason_a_place_and_evidence_but_no_latency(self, undisturbed: bytes) -> None:
        for alert in map(json.loads, undisturbed.splitlines()):
            assert alert["reason"]
            assert alert["cells"]
            assert alert["evidence"] or alert["version"] > 1
            assert "latency_us" not in alert


class TestTheAlertFile:
    def test_is_there_and_empty_when_nothing_was_warned_of(
        self, quiet_feed: Path, tmp_path: Path
    ) -> None:
        alerts = tmp_path / "new" / "alerts.jsonl"
        assert here("replay", quiet_feed, "--alerts", alerts) == 0
        assert alerts.read_bytes() == b""

    def test_of_another_run_does_not_stay(self, quiet_feed: Path, tmp_path: Path) -> None:
        alerts = tmp_path / "alerts.jsonl"
        alerts.write_bytes(b'{"id":"another run\'s"}\n')
        assert here("replay", quiet_feed, "--alerts", alerts) == 0
        assert alerts.read_bytes() == b""


class TestTheReport:
    def test_accounts_for_every_message(
        self, quiet_feed: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert here("replay", quiet_feed) == 0
        shown = capsys.readouterr()
        messages = sum(
            len((quiet_feed / name).read_bytes().splitlines())
            for name in ("readings.jsonl", "reports.jsonl")
        )
        assert f"{messages:,} messages in" in shown.out
        assert "received is not sent" not in shown.out
        assert "replaying 100%" in shown.err

    def test_is_a_feed_without_reports_or_truth(self, quiet_feed: Path, tmp_path: Path) -> None:
        other = broken(quiet_feed, tmp_path / "feed")
        (other / "reports.jsonl").unlink()
        (other / "truth.json").unlink()
        assert here("replay", other) == 0

    @pytest.mark.parametrize("empty", [True, False])
    def test_is_a_feed_of_reports_alone(
        self, quiet_feed: Path, tmp_path: Path, *, empty: bool
    ) -> None:
        """Whether its file of readings has none in it, or is not there."""
        other = broken(quiet_feed, tmp_path / "feed")
        (other / "readings.jsonl").write_bytes(b"")
        if not empty:
            (other / "readings.jsonl").unlink()
        draw, start, minute = random.Random(5), 1_763_856_000_000, 60_000
        places = [(start + 5 * minute * n, 106.4 + draw.random() / 10) for n in range(1000)]
        places += [(start + (5000 + n) * minute, 106.45) for n in range(12)]
        calls = [
            {"id": f"r-{at}", "time": at, "lon": lon, "lat": 29.5, "category": "fire", "text": ""}
            for at, lon in places
        ]
        (other / "reports.jsonl").write_text("\n".join(map(json.dumps, calls)) + "\n")
        assert here("replay", other, "--alerts", tmp_path / "alerts.jsonl") == 0
        versions = (tmp_path / "alerts.jsonl").read_bytes().splitlines()
        assert [json.loads(line)["hazard"] for line in versions[:1]] == ["fire"]


class TestBadMessages:
    SPOILT = (
        (b"{", "json"),
        (b'{"sensor":"nobody-1","time":1,"value":1}', "nobody-1"),
        (b'{"sensor":"nobody-1","time":"soon","value":1}', "time"),
        (b'{"sensor":"nobody-1","time":1,"value":"abc"}', "value"),
        (b'{"sensor":"nobody-1","time":1,"value":NaN}', ""),
        (b'["not","an","object"]', ""),
        (b"\xff\xfe\x00", ""),
        (b'{"sensor":["a","b"],"time":[1],"value":[1,2]}', ""),
        (b"null", ""),
    )

    def test_cost_themselves_and_nothing_else(
        self, feed: Path, undisturbed: bytes, tmp_path: Path
    ) -> None:
        other = broken(feed, tmp_path / "feed")
        draw = random.Random(5)
        lines: list[bytes] = []
        bad: dict[int, tuple[bytes, str]] = {}
        for line in (feed / "readings.jsonl").read_bytes().splitlines():
            if draw.random() < 0.01:
                spoilt = draw.choice(self.SPOILT)
                bad[len(lines)] = spoilt
                lines.append(spoilt[0])
            lines.append(line)
        (other / "readings.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        letters, alerts = tmp_path / "bad.jsonl", tmp_path / "alerts.jsonl"

        assert here("replay", other, "--alerts", alerts, "--dead-letters", letters) == 0

        assert alerts.read_bytes() == undisturbed
        told = [json.loads(line) for line in letters.read_bytes().splitlines()]
        assert [letter["offset"] for letter in told] == sorted(bad)
        for letter in told:
            payload, word = bad[letter["offset"]]
            assert b64decode(letter["payload"]) == payload
            assert letter["reason"]
            assert word in letter["reason"].lower()
            assert letter["source"].endswith("/readings")

    @pytest.mark.parametrize("year", [1970, 2099])
    def test_a_clock_in_another_century_changes_nothing(
        self, feed: Path, undisturbed: bytes, tmp_path: Path, year: int
    ) -> None:
        other = broken(feed, tmp_path / "feed")
        lines = (feed / "readings.jsonl").read_bytes().splitlines()
        wrong = json.loads(lines[1000]) | {"time": {1970: 5_000, 2099: 4_070_908_800_000}[year]}
        for place in (0, 20_000, len(lines)):
            lines.insert(place, json.dumps(wrong).encode())
        (other / "readings.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        alerts = tmp_path / "alerts.jsonl"

        assert here("replay", other, "--alerts", alerts) == 0
        assert alerts.read_bytes() == undisturbed

    def test_are_no_reason_to_fail_when_there_is_nothing_else(
        self, quiet_feed: Path, tmp_path: Path
    ) -> None:
        other = broken(quiet_feed, tmp_path / "feed")
        (other / "readings.jsonl").write_bytes(b"rubbish\n" * 100)
        (other / "reports.jsonl").write_bytes(b"")
        letters = tmp_path / "bad.jsonl"
        assert here("replay", other, "--dead-letters", letters) == 0
        assert letters.read_bytes().count(b"\n") == 100


@pytest.mark.system
class TestKilled:
    def test_three_times_it_comes_to_the_same_in_file_and_store(
        self, feed: Path, undisturbed: bytes, tmp_path: Path, store: EmbeddedStore
    ) -> None:
        """kill -9 at a share of the feed, then at two versions; each time the same command again"""
        alerts = tmp_path / "alerts.jsonl"
        command = ("replay", feed, "--alerts", alerts, "--redis", store.url)
        command += ("--data-dir", tmp_path / "state", "--poll-size", "1000")
        whole = undisturbed.count(b"\n")
        draw = random.Random(11)
        moments = sorted(draw.sample(range(1, whole), 2))

        with started(*command, **SMALL_EPOCHS) as process:
            assert process.stderr is not None
            for _ in range(draw.randrange(2, 6)):  # a line is a tenth of the feed
                assert process.stderr.readline().startswith("replaying")
            process.kill()
            assert process.wait() == -signal.SIGKILL
        for moment in moments:
            with started(*command, **SMALL_EPOCHS) as process:
                eventually(lambda at=moment: lines_in(alerts) >= at, what=f"version {moment}")
                process.kill()
                process.wait()

        assert here(*command) == 0
        assert alerts.read_bytes() == undisturbed
        assert in_log(store) == versions(undisturbed)

    def test_and_once_more_when_it_had_ended_it_changes_nothing(
        self, feed: Path, undisturbed: bytes, tmp_path: Path
    ) -> None:
        command = ("replay", feed, "--alerts", tmp_path / "a", "--data-dir", tmp_path / "s")
        assert here(*command) == 0
        assert here(*command) == 0
        assert (tmp_path / "a").read_bytes() == undisturbed

    def test_by_a_store_that_dies_and_comes_back(
        self, feed: Path, undisturbed: bytes, tmp_path: Path
    ) -> None:
        alerts = tmp_path / "alerts.jsonl"
        with (
            EmbeddedStore(tmp_path / "store") as store,
            started("replay", feed, "--alerts", alerts, "--redis", store.url) as process,
        ):
            eventually(lambda: lines_in(alerts) >= 3, "three versions")
            store.kill()
            store.start()
            _, said = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0, said
            assert alerts.read_bytes() == undisturbed
            log = in_log(store)
            assert len(log) == len(set(log))
            assert last(log) == last(versions(undisturbed))


@pytest.mark.system
def test_sigterm_ends_it_in_order_and_the_same_command_goes_on(
    feed: Path, undisturbed: bytes, tmp_path: Path
) -> None:
    alerts = tmp_path / "alerts.jsonl"
    command = ("replay", feed, "--alerts", alerts, "--data-dir", tmp_path / "state")
    with started(*command, "--speed", "1000") as process:
        begun = tmp_path / "state" / "recovery"
        eventually(lambda: any(begun.glob("part-*.sqlite3")), "the flow's start")
        assert process.stderr is not None
        process.stderr.readline()
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "stopped before the end" in out
    assert here(*command) == 0
    assert alerts.read_bytes() == undisturbed


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def in_log(store: EmbeddedStore) -> list[tuple[str, int]]:
    with connect(store.url) as client:
        log = client.xrange(Keys().log)
    return [(entry[b"id"].decode(), int(entry[b"v"])) for _, entry in log]


def last(told: list[tuple[str, int]]) -> dict[str, int]:
    """Return the highest version of each warning."""
    return {name: max(v for n, v in told if n == name) for name, _ in told}


@pytest.mark.system
@pytest.mark.parametrize("trouble", ["refuses", "goes away"])
def test_a_store_that_fails_ends_it_with_one_line(
    feed: Path, store: EmbeddedStore, tmp_path: Path, trouble: str
) -> None:
    secret = "correct-horse-battery"
    told = ("replay", feed, "--redis", f"{store.url}?password={secret}")
    with (
        connect(store.url) as client,
        password(client, secret),
        started(*told, RUST_BACKTRACE="0") as process,
    ):
        eventually(lambda: client.exists(Keys().city), "the city in the store")
        if trouble == "refuses":
            client.set(Keys().log, "not a stream")
        else:
            client.config_resetstat()
            client.config_set("maxmemory", 1)  # what is refused so is tried again
            eventually(lambda: client.info("commandstats").get("cmdstat_xtrim"), "its trouble")
            process.terminate()
        _, said = process.communicate(timeout=PATIENCE_S)
    last = said.splitlines()[-1]
    assert last.startswith("citywatch: store: ")
    assert ("refused: WRONGTYPE" if trouble == "refuses" else "the end was asked for") in last
    assert process.returncode == 1
    assert "Traceback" not in said
    assert "destructor" not in said
    assert secret not in said


@contextmanager
def password(client: redis.Redis, secret: str) -> Iterator[None]:
    """Let the store ask for a password; whatever else is set is undone too."""
    client.config_set("requirepass", secret)
    client.execute_command("AUTH", secret)
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)
        client.config_set("requirepass", "")
