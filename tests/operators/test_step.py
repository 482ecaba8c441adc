"""The shell hands batches to a step in order and brings its state back after a crash."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, cluster_main, run_main

from operators.step import StateError, only, run_step

Run = Callable[..., None]
Keyed = tuple[str, int]


class SumUp:
    """Running sum of one key."""

    def __init__(self) -> None:
        self.total = 0
        self.restored = False

    def on_batch(self, items: Iterable[int]) -> Iterator[int]:
        for item in items:
            self.total += item
            yield self.total

    def snapshot(self) -> bytes:
        return pickle.dumps(self.total)

    def restore(self, state: bytes) -> None:
        self.total = pickle.loads(state)
        self.restored = True


def _cluster(workers: int) -> Run:
    def run(flow: Dataflow, **more: Any) -> None:
        cluster_main(flow, [], 0, worker_count_per_proc=workers, **more)

    return run


@pytest.fixture(params=["run_main", "cluster 1x1", "cluster 1x2"])
def run(request: pytest.FixtureRequest) -> Run:
    return {"run_main": run_main, "cluster 1x1": _cluster(1), "cluster 1x2": _cluster(2)}[
        request.param
    ]


def sums(source: TestingSource[Any], sink: list[Keyed]) -> Dataflow:
    flow = Dataflow("sums")
    told = run_step("sum", op.input("in", flow, source), SumUp)
    op.output("out", told, TestingSink(sink))
    return flow


def of(key: str, sink: list[Keyed]) -> list[int]:
    return [total for name, total in sink if name == key]


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_every_key_has_its_own_step_and_its_own_order(run: Run, batch_size: int) -> None:
    told = [(key, number) for number in range(1, 8) for key in ("a", "b", "c")]
    sink: list[Keyed] = []
    run(sums(TestingSource(told, batch_size), sink))
    for key in ("a", "b", "c"):
        assert of(key, sink) == [1, 3, 6, 10, 15, 21, 28]


@pytest.fixture
def recovery(tmp_path: Path) -> RecoveryConfig:
    init_db_dir(tmp_path, 1)
    return RecoveryConfig(str(tmp_path))


def resumed(told: list[Any], recovery: RecoveryConfig, runs: int) -> list[Keyed]:
    sink: list[Keyed] = []
    for _ in range(runs):
        flow = sums(TestingSource(told, batch_size=1), sink)
        run_main(flow, epoch_interval=timedelta(0), recovery_config=recovery)
    return sink


def test_a_crash_loses_no_state(recovery: RecoveryConfig) -> None:
    told = [("a", 1), ("b", 10), ("a", 2), TestingSource.ABORT(), ("a", 3), ("b", 20)]
    sink = resumed(told, recovery, 2)
    # What was under way may be told again; what it amounts to is the same.
    assert list(dict.fromkeys(of("a", sink))) == [1, 3, 6]
    assert list(dict.fromkeys(of("b", sink))) == [10, 30]


def test_a_stop_in_order_goes_on_where_it_was(recovery: RecoveryConfig) -> None:
    told = [
        ("a", 1),
        ("a", 2),
        TestingSource.EOF(),
        ("a", 3),
        TestingSource.EOF(),
        ("b", 4),
        ("a", 5),
    ]
    sink = resumed(told, recovery, 3)
    assert of("a", sink) == [1, 3, 6, 11]
    assert of("b", sink) == [4]


class Older(SumUp):
    """A step that knows nothing of what it once kept."""

    def restore(self, state: bytes) -> None:
        raise ValueError("expected 2 numbers, got 1")


def test_a_snapshot_it_cannot_use_is_said_with_what_to_do(recovery: RecoveryConfig) -> None:
    resumed([("a", 1), TestingSource.EOF(), ("a", 2)], recovery, 1)
    flow = Dataflow("sums")
    told = run_step("sum", op.input("in", flow, TestingSource([("a", 1)])), Older)
    op.output("out", told, TestingSink(list[Keyed]()))
    with pytest.raises(StateError, match=r"expected 2 numbers.*start with a new data directory"):
        run_main(flow, epoch_interval=timedelta(0), recovery_config=recovery)


def test_without_a_snapshot_a_step_is_new() -> None:
    made: list[SumUp] = []

    def build() -> SumUp:
        made.append(SumUp())
        return made[-1]

    flow, sink = Dataflow("sums"), list[Keyed]()
    told = run_step("sum", op.input("in", flow, TestingSource([("a", 1), ("b", 1)])), build)
    op.output("out", told, TestingSink(sink))
    run_main(flow)
    assert len(made) == 2
    assert not any(step.restored for step in made)


def test_what_is_not_wanted_is_left_out_and_the_rest_keyed_anew(run: Run) -> None:
    flow, numbers, words = Dataflow("only"), list[Any](), list[Any]()
    mixed = op.input("in", flow, TestingSource([("x", 1), ("x", "a"), ("x", 2.5), ("x", 22)]))
    op.output(
        "numbers", only("n", mixed, (int, float), key=lambda n: f"k{n}"), TestingSink(numbers)
    )
    op.output("words", only("w", mixed, str, key=str.upper), TestingSink(words))
    run(flow)
    assert sorted(numbers) == [("k1", 1), ("k2.5", 2.5), ("k22", 22)]
    assert words == [("A", "a")]


def test_a_failing_step_stops_the_flow() -> None:
    class Broken(SumUp):
        def on_batch(self, items: Iterable[int]) -> Iterator[int]:
            raise ZeroDivisionError("by design")

    flow = Dataflow("broken")
    told = run_step("sum", op.input("in", flow, TestingSource([("a", 1)])), Broken)
    op.output("out", told, TestingSink([]))
    with pytest.raises(BaseException) as caught:  # noqa: PT011 (the engine wraps it in its own)
        run_main(flow)
    chain, error = [], caught.value
    while error is not None:
        chain.append(type(error))
        error = error.__cause__  # type: ignore[assignment]
    assert ZeroDivisionError in chain
