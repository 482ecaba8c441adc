"""Messages in the library's memory become rows; each is given back once."""

from __future__ import annotations

import ctypes
from ctypes import c_int64, c_void_p

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.layout import Weight, lay_out, weigh
from flows.librdkafka import Message

GIVEN_BACK: list[int] = []


@ctypes.CFUNCTYPE(None, c_void_p)
def destroy(address: int) -> None:
    GIVEN_BACK.append(address)


@ctypes.CFUNCTYPE(c_int64, c_void_p, c_void_p)
def timestamp(address: int, kind: None) -> int:
    return 1000 * Message.from_address(address).offset


def _address(function: ctypes._FuncPointer) -> int:
    return int(ctypes.cast(function, c_void_p).value or 0)


class Fetch:
    """Messages as a fetch leaves them: a value, none, or an error."""

    def __init__(self, values: list[bytes | int | None]) -> None:
        self.values = values
        self._held = [
            ctypes.create_string_buffer(v, len(v)) for v in values if isinstance(v, bytes)
        ]
        held = iter(self._held)
        self.messages = []
        for offset, value in enumerate(values):
            message = Message(partition=offset % 3, offset=offset)
            if isinstance(value, bytes):
                message.payload, message.len = ctypes.addressof(next(held)), len(value)
            elif value is not None:
                message.err = value
            self.messages.append(message)
        self.addresses = np.array(list(map(ctypes.addressof, self.messages)), np.uint64)


VALUES = st.lists(st.binary(max_size=40) | st.none() | st.integers(-200, -1), max_size=30)


@given(VALUES)
@settings(deadline=None)  # the first compiles
def test_values_are_laid_out_in_order_and_what_is_odd_is_told(
    values: list[bytes | int | None],
) -> None:
    fetch = Fetch(values)
    odd = [i for i, value in enumerate(values) if not isinstance(value, bytes)]
    whole = [(i, value) for i, value in enumerate(values) if isinstance(value, bytes)]
    weight = weigh(fetch.addresses)
    assert weight == Weight(sum(len(value) for _, value in whole), odd)
    fetch.addresses[odd] = 0
    GIVEN_BACK.clear()
    rows = lay_out(fetch.addresses, weight.size, _address(destroy), _address(timestamp))
    lines, partition, offset, sent_ms = rows
    assert list(lines) == [value for _, value in whole]
    assert offset.tolist() == [i for i, _ in whole]
    assert partition.tolist() == [i % 3 for i, _ in whole]
    assert sent_ms.tolist() == [1000 * i for i, _ in whole]
    assert [ctypes.addressof(fetch.messages[i]) for i, _ in whole] == GIVEN_BACK
    assert not fetch.addresses.any()


@pytest.mark.parametrize("kept", [[], [1]])
def test_a_message_without_value_may_be_kept_as_an_empty_one(kept: list[int]) -> None:
    fetch = Fetch([b"a", None, b"", b"\n"])
    fetch.addresses[[i for i in (1,) if i not in kept]] = 0
    lines, *_ = lay_out(fetch.addresses, 2, _address(destroy), _address(timestamp))
    assert list(lines) == [b"a", *[b""] * len(kept), b"", b"\n"]
