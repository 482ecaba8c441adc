"""State of many sensors, one compact row each: room for more, and the rows as bytes.

Rows can be taken out and put back sensor by sensor, so that what has changed can be saved alone.
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled

__all__ = ["Positions", "RowBank", "State", "any_beyond", "plain"]

_HEADER = struct.Struct("<8sqq")  # version, rows, readings ignored
_LINE = 64  # bytes the processor fetches at once

Positions = NDArray[np.integer[Any]]
"""Which sensors; other numbers than ``np.intp`` are converted."""

Rows = NDArray[np.void]

State = NDArray[np.uint8]
"""Bytes: in an array, which is not copied once more to be pickled."""


class RowBank:
    """Rows of the sensors of one shard, known by their position, 0 to n - 1.

    Parameters
    ----------
    n
        Number of sensors.

    Notes
    -----
    A kind of bank says what the row of a sensor never heard is (``NEWBORN``, an array of one), and
    names the version of its rows in 8 bytes (``VERSION``), to be changed with their meaning.
    Cost: taking or putting rows copies them once. Memory for half as many sensors again
    is reserved when it runs out, and not touched before they come.
    """

    NEWBORN: ClassVar[Rows]
    VERSION: ClassVar[bytes]

    def __init__(self, n: int = 0) -> None:
        self.n = 0
        self.ignored = 0
        self._rows = _room(self.NEWBORN.dtype, 0)
        self.grow(n)

    @property
    def state_bytes(self) -> int:
        """Size of the state of one sensor."""
        return self._rows.itemsize

    def grow(self, n: int) -> None:
        """Have sensors up to position ``n - 1``; those that exist keep their state."""
        if n <= self.n:
            return
        room = len(self._rows)
        if n > room:
            # By half, so that sensors met one at a time do not each copy the whole bank.
            rows = _room(self._rows.dtype, max(n, room + room // 2))
            _whole(rows)[: self.n] = _whole(self._rows)[: self.n]
            self._rows = rows
        _whole(self._rows)[self.n : n] = _whole(self.NEWBORN)
        self.n = n

    def take(self, positions: Positions) -> State:
        """Return the state of these sensors, in this order, as versioned bytes.

        Raises
        ------
        IndexError
            When the bank does not have one of them.
        """
        known = self._known(positions)
        state = self._packed(len(known), 0)
        # Straight to where they are to be: a copy more of all sensors would be felt.
        _whole(self._rows).take(known, out=_rows_in(state, self._rows.dtype), mode="clip")
        return state

    def put(self, positions: Positions, state: bytes | State) -> None:
        """Give these sensors the state that ``take`` returned; the bank grows as needed.

        Raises
        ------
        ValueError
            When the bytes are not the state of so many sensors in this version.
        """
        rows = self._unpacked(state)
        if len(rows) != len(positions):
            raise ValueError(f"expected the state of {len(positions)} sensors, got {len(rows)}")
        if len(rows):
            self.grow(int(positions.max()) + 1)
            _whole(self._rows)[self._known(positions)] = _whole(rows)

    def snapshot(self) -> bytes:
        """Return the state of all as versioned bytes."""
        state = self._packed(self.n, self.ignored)
        _rows_in(state, self._rows.dtype)[:] = _whole(self._rows)[: self.n]
        return state.tobytes()

    @classmethod
    def restore(cls, snapshot: bytes) -> Self:
        """Return the bank whose ``snapshot`` this is.

        Raises
        ------
        ValueError
            When the bytes are not a snapshot of this version.
        """
        rows, bank = cls._unpacked(snapshot), cls()
        bank.put(np.arange(len(rows)), snapshot)
        bank.ignored = _HEADER.unpack_from(snapshot)[2]
        return bank

    def _of(self, positions: Positions) -> Rows:
        return self._rows.take(self._known(positions))

    def _columns(
        self, sensors: Positions, times: NDArray[Any], kind: type[np.generic], values: NDArray[Any]
    ) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[np.float64]]:
        """Return columns as compiled loops take them, which check nothing themselves."""
        if not len(sensors) == len(times) == len(values):
            raise ValueError(
                "columns must be of one length, "
                f"got {len(sensors)} sensors, {len(times)} times, {len(values)} values"
            )
        return self._known(sensors), plain(times, kind), plain(values, np.float64)

    def _known(self, positions: Positions) -> NDArray[np.intp]:
        """Return positions of sensors the bank has."""
        known = plain(positions, np.intp)
        if any_beyond(known, 0, self.n):
            raise IndexError(
                f"sensor positions must be 0 to {self.n - 1}, got {known.min()} to {known.max()}"
            )
        return known

    def _packed(self, n: int, ignored: int) -> State:
        """Return room for so many rows, behind their header."""
        state = np.empty(_HEADER.size + n * self._rows.itemsize, np.uint8)
        _HEADER.pack_into(state.data, 0, self.VERSION, n, ignored)
        return state

    @classmethod
    def _unpacked(cls, state: bytes | State) -> Rows:
        if len(state) < _HEADER.size:
            raise ValueError(f"a state has {_HEADER.size} bytes or more, got {len(state)}")
        version, n, _ = _HEADER.unpack(bytes(state[: _HEADER.size]))
        size = _HEADER.size + n * cls.NEWBORN.itemsize
        if version != cls.VERSION or len(state) != size:
            raise ValueError(
                f"expected {cls.VERSION!r} and {size} bytes for {n} sensors, "
                f"got {version!r} and {len(state)}"
            )
        return np.frombuffer(state, cls.NEWBORN.dtype, n, _HEADER.size)


@compiled
def any_beyond(positions: NDArray[np.intp], least: int, size: int) -> bool:
    """Say whether a position is less than the least, or not less than the size."""
    found = False
    for position in positions:
        found |= position < least or position >= size
    return found


def plain(numbers: NDArray[Any], kind: type[np.generic]) -> NDArray[Any]:
    """Return numbers as an array of the one type that loops are compiled for."""
    if numbers.dtype == kind and numbers.flags.carray:
        return numbers
    return np.require(numbers, kind, ["C_CONTIGUOUS", "ALIGNED", "WRITEABLE"])


def _room(kind: np.dtype[np.void], n: int) -> Rows:
    """Return so many rows, not yet filled, the first at the start of a cache line."""
    block = np.empty(n * kind.itemsize + _LINE, np.uint8)
    start = -block.ctypes.data % _LINE
    return block[start : start + n * kind.itemsize].view(kind)


def _rows_in(state: State, kind: np.dtype[np.void]) -> Rows:
    """Return the rows behind the header, as single things."""
    return state[_HEADER.size :].view(f"V{kind.itemsize}")


def _whole(rows: Rows) -> Rows:
    """Return rows as single things, which are copied faster than field by field."""
    return rows.view(f"V{rows.itemsize}")
