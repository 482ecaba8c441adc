"""Names to positions, for a compiled parser: bytes found in a message, looked up where they lie.

A dict wants a string per message, made only to be hashed and thrown away. Here names are rows of
an array, 32 bytes each, their own bytes among them: one line of cache says whether it is the one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.compiled import AHEAD, compiled, inlined, prefetch

__all__ = ["PADDING", "UNKNOWN", "NameIndex", "Whole", "word"]

Whole = int | np.int64
"""A whole number, in Python and in compiled code."""

UNKNOWN = -1
"""Position of a name nobody has told of."""
PADDING = bytes(64)
"""What a buffer ends with, so that a name may be read in whole words."""

_SHORT = 24
"""Bytes of a name that a row holds itself; a longer one is kept in the store."""
_MIN_SLOTS = 1024
_START = np.int64(0)
"""Typed: a literal would have what it is given to compiled once more."""
_ODD = np.uint64(1 << 31)
_EMPTY = _PLAIN = np.uint64(0)
_START_BITS = (1 << 40) - 1
_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
# A row is empty while its code is 0; else this holds the size, whether the name is odd, and the
# position. The others hold a short name's bytes, or a long one's hash and where it is stored.
_ROW = np.dtype([("a", "u8"), ("b", "u8"), ("c", "u8"), ("code", "u8")])
_LINE = 64
"""Bytes of a line of cache."""
_K1, _K2, _K3, _K4 = (
    np.uint64(k)
    for k in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
)
_BYTE = [np.uint64(8 * k) for k in range(8)]
_B1, _B2, _B3, _B4, _B5, _B6, _B7 = _BYTE[1:]
_I1, _I2, _I3, _I4, _I5, _I6, _I7 = (np.uint64(k) for k in range(1, 8))
_MASKS = np.array(
    [[(1 << 8 * min(max(size - at, 0), 8)) - 1 for at in (0, 8, 16)] for size in range(_SHORT + 1)],
    np.uint64,
)
"""By length of a name: which bits of its three words are its own."""


@inlined
def word(buffer: NDArray[np.uint8], at: Whole) -> np.uint64:
    """Return eight bytes as a number, the first one lowest; compiles to one load."""
    i = np.uint64(at)  # unsigned: no wrapping around to the end
    return (
        np.uint64(buffer[i])
        | np.uint64(buffer[i + _I1]) << _B1
        | np.uint64(buffer[i + _I2]) << _B2
        | np.uint64(buffer[i + _I3]) << _B3
        | np.uint64(buffer[i + _I4]) << _B4
        | np.uint64(buffer[i + _I5]) << _B5
        | np.uint64(buffer[i + _I6]) << _B6
        | np.uint64(buffer[i + _I7]) << _B7
    )


@inlined
def _mixed(a: np.uint64, b: np.uint64, c: np.uint64) -> np.uint64:
    mixed = (a * _K1) ^ (b * _K2) ^ (c * _K3)
    mixed = (mixed ^ (mixed >> _HALF)) * _K4
    return mixed ^ (mixed >> _HALF)


@inlined
def _key(
    buffer: NDArray[np.uint8], start: Whole, size: Whole
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the three words a row would hold of a name, and the hash."""
    if size <= _SHORT:
        own = np.uint64(size)
        a = word(buffer, start) & _MASKS[own, 0]
        b = word(buffer, start + 8) & _MASKS[own, 1]
        c = word(buffer, start + 16) & _MASKS[own, 2]
        return a, b, c, _mixed(a, b, c)
    mixed = np.uint64(size) * _K1
    for at in range(start, start + size - 7, 8):
        mixed = (mixed ^ word(buffer, at)) * _K2
        mixed ^= mixed >> _HALF
    mixed = (mixed ^ word(buffer, start + size - 8)) * _K4
    mixed ^= mixed >> _HALF
    return mixed, _EMPTY, _EMPTY, mixed


@inlined
def _slot(
    buffer: NDArray[np.uint8],
    start: Whole,
    size: Whole,
    odd: np.uint64,
    table: NDArray[np.void],
    store: NDArray[np.uint8],
) -> tuple[np.uint64, bool]:
    """Return where a name is in the table, or where it would go."""
    a, b, c, mixed = _key(buffer, start, size)
    code = np.uint64(size) | odd
    last = np.uint64(len(table) - 1)
    slot = mixed & last
    while True:
        meta = table[slot].code
        if meta == _EMPTY:
            return slot, False
        if meta >> _HALF == code and table[slot].a == a:
            if size <= _SHORT:
                if table[slot].b == b and table[slot].c == c:
                    return slot, True
            elif _stored(buffer, start, size, store, table[slot].b):
                return slot, True
        slot = (slot + _I1) & last


@inlined
def _stored(
    buffer: NDArray[np.uint8], start: Whole, size: Whole, store: NDArray[np.uint8], at: np.uint64
) -> bool:
    if at + np.uint64(size) > np.uint64(len(store)):
        return False  # added since this store was handed out
    same = 0
    while same < size and store[at + np.uint64(same)] == buffer[np.uint64(start + same)]:
        same += 1
    return same == size


@inlined
def _is_odd(buffer: NDArray[np.uint8], start: Whole, size: Whole) -> np.uint64:
    """Return a mark for a name whose bytes never stand for themselves in a message."""
    if size == 0:
        return _ODD
    for i in range(start, start + size):
        byte = buffer[i]
        if byte < 0x20 or byte == 0x22 or byte == 0x5C:  # a control, a quote, a backslash
            return _ODD
        if byte == 0xED and i + 1 < start + size and buffer[i + 1] >= 0xA0:  # half a surrogate pair
            return _ODD
    return _PLAIN


@inlined
def _position(table: NDArray[np.void], slot: np.uint64) -> Whole:
    return np.int64(table[slot].code & _LOW_HALF) - 1


@compiled
def _find(
    buffer: NDArray[np.uint8],
    places: NDArray[np.int64],
    slots: NDArray[np.int64],
    table: NDArray[np.void],
    store: NDArray[np.uint8],
) -> int:
    """Put positions for places; return how many names are unknown."""
    last = np.uint64(len(table) - 1)
    for i in range(len(places)):
        _, _, _, mixed = _key(buffer, places[i] & _START_BITS, places[i] >> 40)
        slots[i] = mixed & last
    unknown = 0
    for i in range(len(places)):
        if i + AHEAD < len(places):
            prefetch(table, slots[i + AHEAD])
        start, size = places[i] & _START_BITS, places[i] >> 40
        slot, found = _slot(buffer, start, size, _PLAIN, table, store)
        if found:
            places[i] = _position(table, slot)
        else:
            places[i] = UNKNOWN
            unknown += 1
    return unknown


@compiled
def _get(
    buffer: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    positions: NDArray[np.intp],
    table: NDArray[np.void],
    store: NDArray[np.uint8],
) -> None:
    """Look up names that lie one behind the other in the buffer."""
    start: Whole = _START
    for i in range(len(sizes)):
        odd = _is_odd(buffer, start, sizes[i])
        slot, found = _slot(buffer, start, sizes[i], odd, table, store)
        positions[i] = _position(table, slot) if found else UNKNOWN
        start += sizes[i]


@compiled
def _add(
    buffer: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    positions: NDArray[np.intp],
    table: NDArray[np.void],
    store: NDArray[np.uint8],
    count: int,
    stored: int,
) -> tuple[int, int]:
    """Take names in, one behind the other in the buffer; return names and bytes stored by now."""
    start: Whole = _START
    for i in range(len(sizes)):
        size = sizes[i]
        odd = _is_odd(buffer, start, size)
        slot, found = _slot(buffer, start, size, odd, table, store)
        if not found:
            a, b, c, _ = _key(buffer, start, size)
            if size > _SHORT:
                b = np.uint64(stored)
                for at in range(start, start + size):
                    store[stored] = buffer[at]
                    stored += 1
            table[slot].a, table[slot].b, table[slot].c = a, b, c
            count += 1
            table[slot].code = (np.uint64(size) | odd) << _HALF | np.uint64(count)
        positions[i] = _position(table, slot)
        start += size
    return count, stored


@compiled
def _move(old: NDArray[np.void], table: NDArray[np.void]) -> None:
    last = np.uint64(len(table) - 1)
    for i in range(len(old)):
        a, b, c, meta = old[i].a, old[i].b, old[i].c, old[i].code
        if meta == _EMPTY:
            continue
        is_short = (meta >> _HALF) & ~_ODD <= np.uint64(_SHORT)
        slot = (_mixed(a, b, c) if is_short else a) & last
        while table[slot].code != _EMPTY:
            slot = (slot + _I1) & last
        table[slot].a, table[slot].b, table[slot].c, table[slot].code = a, b, c, meta


class NameIndex:
    """Names in order of first appearance: 0, 1, 2, ...

    Parameters
    ----------
    names
        What it starts with.

    Notes
    -----
    State: 64 to 128 bytes a name, and up to twice its bytes where it has more than 24. Nothing is
    ever forgotten: who adds bounds the number (the registry by its ``limit``). Cost: 0.1 us to look
    a name up and 0.4 us to add it among many, 5 us for one alone. One thread adds; any may look up
    meanwhile, and may miss a name that is being added.

    Examples
    --------
    >>> names = NameIndex(["a", "b", "a"])
    >>> names.add("c"), names.get("b"), names.get("d"), len(names)
    (2, 1, None, 3)
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._count = 0
        self._stored = 0
        self._table = _rows(_MIN_SLOTS)
        self._store = np.zeros(0, np.uint8)
        self.add_many(names)

    def copy(self) -> NameIndex:
        """Return one that knows the same names, and from now on its own."""
        other = NameIndex()
        other._count, other._stored = self._count, self._stored
        other._table, other._store = _rows(len(self._table)), self._store.copy()
        other._table[:] = self._table
        return other

    def __len__(self) -> int:
        return self._count

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def get(self, name: str) -> int | None:
        """Return the position of a name, None where it is unknown."""
        position = int(self.get_many([name])[0])
        return None if position == UNKNOWN else position

    def get_many(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Return the position of each name, ``UNKNOWN`` where it is unknown."""
        buffer, sizes, positions = _laid_out(names)
        _get(buffer, sizes, positions, self._table, self._store)
        return positions

    def add(self, name: str) -> int:
        """Return the position of a name, new or known."""
        return int(self.add_many([name])[0])

    def add_many(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Return the position of each name, new or known."""
        buffer, sizes, positions = _laid_out(names)
        self._make_room(len(names), int(sizes[sizes > _SHORT].sum()))
        self._count, self._stored = _add(
            buffer, sizes, positions, self._table, self._store, self._count, self._stored
        )
        return positions

    def _make_room(self, names: int, size: Whole) -> None:
        # The store first: who looks up takes the table first, so what that names is in the store.
        if self._stored + size > len(self._store):
            store = np.zeros(2 * (self._stored + size), np.uint8)
            store[: self._stored] = self._store[: self._stored]
            self._store = store
        slots = len(self._table)
        while slots < 2 * (self._count + names):
            slots *= 2
        if slots > len(self._table):
            table = _rows(slots)
            _move(self._table, table)
            self._table = table

    def find(self, buffer: NDArray[np.uint8], places: NDArray[np.int64]) -> int:
        """Look up names where they lie, as they stand between quotes in JSON without escapes.

        Each place, ``size << 40 | start`` in a buffer that ends with ``PADDING``, is replaced by
        the position of the name, ``UNKNOWN`` where there is none: also for a name that JSON would
        have to escape. Returns the number of these. Cost: about 15 ns each.
        """
        return int(_find(buffer, places, np.empty_like(places), self._table, self._store))


def _rows(count: int) -> NDArray[np.void]:
    """Return empty rows, none of which lies in two cache lines."""
    room = np.zeros(count * _ROW.itemsize + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    return room[start : start + count * _ROW.itemsize].view(_ROW)


def _laid_out(
    names: Sequence[str],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.intp]]:
    """Return the bytes of names one behind the other, their sizes, and room for positions."""
    raw = [name.encode("utf-8", "surrogatepass") for name in names]
    sizes = np.fromiter(map(len, raw), np.int64, len(raw))
    buffer = np.frombuffer(bytearray().join([*raw, PADDING]), np.uint8)
    return buffer, sizes, np.empty(len(raw), np.intp)
