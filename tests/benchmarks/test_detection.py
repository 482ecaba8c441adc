"""Every yardstick can be called by its name, and says how it ended."""

from importlib import import_module
from inspect import get_annotations
from pathlib import Path

import pytest

from benchmarks.detection import YARDSTICKS, main


@pytest.mark.parametrize("name", YARDSTICKS)
def test_a_yardstick_explains_itself_and_returns_a_status(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    yardstick = import_module(f"benchmarks.yardsticks.{name}")
    assert get_annotations(yardstick.main, eval_str=True)["return"] is int
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_all_that_can_be_run_have_a_name() -> None:
    here = Path(import_module("benchmarks.yardsticks").__file__ or "").parent
    runnable = {path.stem for path in here.glob("*.py") if "\ndef main(" in path.read_text()}
    assert runnable == set(YARDSTICKS)


@pytest.mark.parametrize("name", ["air", "nab", "outbreaks", "reports", "rivers", "stages"])
def test_data_that_are_not_there_are_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    option = "rivers" if name == "stages" else name
    assert main([name, f"--{option}", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path) in said
    assert said.count("\n") == 1


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["nobody"])
