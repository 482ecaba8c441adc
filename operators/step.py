"""The shell around a step: the only file here that knows the engine.

A step is a plain object fed batches; this turns it into a keyed, recoverable Bytewax step. Its
state is snapshotted as bytes at the end of every epoch, so a snapshot costs what ``snapshot`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Stream, operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

__all__ = ["StateError", "Step", "only", "run_step", "where"]

X = TypeVar("X")
Y = TypeVar("Y")
X_contra = TypeVar("X_contra", contravariant=True)
Y_co = TypeVar("Y_co", covariant=True)


class StateError(RuntimeError):
    """The snapshot of a step cannot be used: that of another version raises what it will."""

    def __init__(self, step_id: str, error: Exception) -> None:
        super().__init__(
            f"{step_id}: its snapshot is of another version of citywatch, or damaged ({error}): "
            "start with a new data directory"
        )


class Step(Protocol[X_contra, Y_co]):
    """What happens to events of one key, without clock or I/O."""

    def on_batch(self, items: Iterable[X_contra]) -> Iterable[Y_co]:
        """Take items in order; return what follows from them, in order."""
        ...

    def snapshot(self) -> bytes:
        """Return the whole state; it must not share memory with the step."""
        ...

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        ...


class _Shell(StatefulBatchLogic[Any, Any, bytes]):
    def __init__(self, step: Step[Any, Any]) -> None:
        self.step = step

    def on_batch(self, values: list[Any]) -> tuple[list[Any], bool]:
        return list(self.step.on_batch(values)), StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        return self.step.snapshot()


@operator
def run_step(step_id: str, up: KeyedStream[X], build: Callable[[], Step[X, Y]]) -> KeyedStream[Y]:
    """Run one step per key; it resumes from its last snapshot.

    Parameters
    ----------
    build
        Makes the step of a new key.

    Raises
    ------
    StateError
        While the flow runs: when a snapshot cannot be used.
    """

    def shim_builder(state: bytes | None) -> _Shell:
        step = build()
        if state is not None:
            try:
                step.restore(state)
            except Exception as error:
                raise StateError(step_id, error) from error
        return _Shell(step)

    return op.stateful_batch("step", up, shim_builder)


@operator
def only(step_id: str, up: Stream[Any], kind: Any, key: Callable[[Any], str]) -> KeyedStream[Any]:
    """Keep items of one type (or a tuple of types), keyed anew."""

    def shim_mapper(items: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return [(key(item), item) for _, item in items if isinstance(item, kind)]

    return op.flat_map_batch("only", up, shim_mapper)


@operator
def where(step_id: str, up: KeyedStream[X], holds: Callable[[X], bool]) -> KeyedStream[X]:
    """Keep items for which something holds, with their keys."""

    def shim_mapper(items: list[tuple[str, X]]) -> list[tuple[str, X]]:
        return [item for item in items if holds(item[1])]

    return op.flat_map_batch("where", up, shim_mapper)
