"""The figures in the repository are those of this very code: a run of the suite, made again."""

import json

import pytest

from benchmarks.scenarios import FROZEN, HOURS, QUIET_HOURS, SEEDS, main, run_scenario
from benchmarks.suite import run_figures, run_name
from simulators.scenarios import SCENARIOS


def test_the_whole_suite_is_frozen() -> None:
    frozen = json.loads(FROZEN.read_text())
    assert list(frozen["runs"]) == [f"{name} {seed}" for name in SCENARIOS for seed in SEEDS]
    assert frozen["all"]["events"] == sum(run["events"] for run in frozen["runs"].values())
    assert (HOURS, QUIET_HOURS) == (48.0, 168.0)


@pytest.mark.system
@pytest.mark.parametrize("scenario", ["gas_leak"])
def test_a_run_comes_to_what_is_frozen(scenario: str) -> None:
    """Where this fails, run ``make score``: it says what became better or worse."""
    judged = run_scenario((scenario, 1, HOURS))
    assert run_figures(judged) == json.loads(FROZEN.read_text())["runs"][run_name(judged)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--scenarios", "volcano"], "one of quiet, benign"),
        (["--scenarios", "", "--freeze"], "one of quiet, benign"),
    ],
)
def test_a_wrong_part_is_refused(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(given)
    assert said in capsys.readouterr().err
