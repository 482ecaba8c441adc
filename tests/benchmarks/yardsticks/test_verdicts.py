"""Verdicts are given on time and by the truth; without a person the warnings are the engine's."""

from pathlib import Path

import msgspec
import pytest

from benchmarks.yardsticks.verdicts import Person, issue, main, record
from flows.replay import Replay, replay
from flows.settings import Settings
from operators.codec import decode_alert, encode_alert_line
from operators.events import Truth, TruthEvent
from operators.registry import Registry
from simulators.clock import HOUR_MS, MINUTE_MS, default_start
from simulators.simulation import Simulation
from tests.sinks.alerts import alert

pytestmark = pytest.mark.slow

START = default_start(101)


def test_a_person_judges_each_warning_once_and_after_a_while() -> None:
    event = TruthEvent("e1", "flood", 0, HOUR_MS, 106.55, 29.56, 500, 2)
    hit = alert("fl-1", 1, hazard="flood", lon=106.55, lat=29.56, first=0, time=0)
    again = msgspec.structs.replace(hit, version=2, time=10 * MINUTE_MS)
    false = msgspec.structs.replace(hit, id="no-1", hazard="noise")
    person = Person(Truth((event,)))
    person.read([hit, again, false])
    assert person.say(20 * MINUTE_MS) == []
    (confirmed,) = person.say(21 * MINUTE_MS)
    assert (confirmed.op, confirmed.time, confirmed.version) == ("confirm", 20 * MINUTE_MS, 2)
    (refuted,) = person.say(HOUR_MS)
    assert (refuted.alert, refuted.op, refuted.time) == ("no-1", "false_alarm", 45 * MINUTE_MS)
    assert person.say(9 * HOUR_MS) == []
    assert person.given == [confirmed, refuted]


def test_a_person_can_be_mistaken_or_silent() -> None:
    false = alert("no-1", 1, hazard="noise", first=0, time=0)
    for person, ops in (
        (Person(Truth(()), wrong=1.0), ["confirm"]),
        (Person(Truth(()), silent=1.0), []),
    ):
        person.read([false])
        assert [command.op for command in person.say(HOUR_MS)] == ops


@pytest.mark.timeout(120)
def test_what_was_noted_gives_the_warnings_of_the_whole_engine(tmp_path: Path) -> None:
    sim = Simulation("crash", 101, START, 12.0, 1000)
    week = record(sim, tmp_path)
    registry, person = Registry(sim.city), Person(sim.truth)
    without = issue([week], registry, None)
    replay(Replay(tmp_path, alerts=tmp_path / "plain.jsonl"), Settings())
    assert b"".join(map(encode_alert_line, without)) == (tmp_path / "plain.jsonl").read_bytes()

    issued = issue([week], registry, person)
    assert person.given
    commands = b"".join(msgspec.json.encode(command) + b"\n" for command in person.given)
    (tmp_path / "commands.jsonl").write_bytes(commands)
    replay(Replay(tmp_path, alerts=tmp_path / "judged.jsonl"), Settings())
    judged = (tmp_path / "judged.jsonl").read_bytes()
    assert [encode_alert_line(each) for each in issued] == judged.splitlines(keepends=True)
    assert [a.id for a in issued if a.version == 1]
    assert decode_alert(b'{"latency_us":null,' + judged.splitlines()[0][1:]) == issued[0]


def test_its_table_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--scenarios", "quiet", "--hours", "2", "--sensors", "300"]
    assert main([*asked, "--json", str(tmp_path / "figures.json")]) == 0
    assert "without" in capsys.readouterr().out
    assert b'"seed": 101' in (tmp_path / "figures.json").read_bytes()
