"""Lay the messages of a fetch one behind the other, and give them back to the library.

Compiled, so that a message costs no object. A function's address is told at run time, so that the
compiled code can be kept.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_void_p
from functools import cache
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from flows.librdkafka import Message, library
from models.compiled import compiled_with_arrays
from operators.lines import Lines
from operators.name_index import PADDING, Whole

__all__ = ["Weight", "lay_out", "weigh"]

Columns: TypeAlias = tuple[Lines, NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]


class Weight(NamedTuple):
    """What messages come to before they are laid out."""

    size: int
    """Bytes of all that are not odd."""
    odd: list[int]
    """Which have no value, or are errors."""


def weigh(messages: NDArray[np.uint64]) -> Weight:
    """Look at the messages at some addresses."""
    odd = np.empty(len(messages), np.intp)
    size, count = _weigh(messages, odd)
    return Weight(int(size), odd[:count].tolist())


def lay_out(
    messages: NDArray[np.uint64],
    size: int,
    destroy: int | None = None,
    timestamp: int | None = None,
) -> Columns:
    """Write messages down and give them back.

    Parameters
    ----------
    messages
        Addresses; 0 is left out, and all are 0 at the end.
    size
        Bytes of their values.
    destroy, timestamp
        Addresses of ``rd_kafka_message_destroy`` and ``rd_kafka_message_timestamp``, the library's
        own unless told.

    Returns
    -------
    Values, partitions, offsets, and times sent in milliseconds (-1: the topic has none).
    """
    count = int(np.count_nonzero(messages))
    buffer = np.empty(size + count + len(PADDING), np.uint8)
    buffer[size + count :] = 0
    lines = Lines(buffer, np.empty(count, np.int64))
    partition, offset = np.empty(count, np.int32), np.empty(count, np.int64)
    sent_ms = np.empty(count, np.int64)
    destroy = destroy or _address("rd_kafka_message_destroy")
    timestamp = timestamp or _address("rd_kafka_message_timestamp")
    _take(messages, destroy, timestamp, buffer, lines.ends, partition, offset, sent_ms)
    return lines, partition, offset, sent_ms


@cache
def _address(function: str) -> int:
    return cast(int, ctypes.cast(getattr(library(), function), c_void_p).value)


def _of_message(_: Any, function: Any, message: Any) -> Any:
    """Tell numba how to call ``void function(void *)``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte])
        called = builder.inttoptr(arguments[0], kind.as_pointer())
        builder.call(called, [builder.inttoptr(arguments[1], byte)])
        return context.get_dummy_value()

    return types.void(types.int64, types.uint64), generate


def _of_message_and_nothing(_: Any, function: Any, message: Any) -> Any:
    """Tell numba how to call ``int64_t function(void *, NULL)``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(64)
        kind = ir.FunctionType(number, [byte, byte])
        called = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.call(called, [builder.inttoptr(arguments[1], byte), byte(None)])

    return types.int64(types.int64, types.uint64), generate


def _at_address(_: Any, address: Any) -> Any:
    """Tell numba that a number is an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.uint64), generate


def _from_address(_: Any, buffer: Any, at: Any, address: Any, size: Any) -> Any:
    """Tell numba how to copy memory to a place in an array of bytes."""
    copy: Any = cgutils.raw_memcpy

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(buffer)(context, builder, arguments[0])
        target = builder.gep(array.data, [arguments[1]])
        source = builder.inttoptr(arguments[2], ir.IntType(8).as_pointer())
        copy(builder, target, source, arguments[3], 1)
        return context.get_dummy_value()

    return types.void(buffer, types.int64, types.uint64, types.int64), generate


_free = cast(Callable[[int, np.uint64], None], intrinsic(_of_message))
_number = cast(Callable[[int, np.uint64], np.int64], intrinsic(_of_message_and_nothing))
_pointer = cast(Callable[[np.uint64], Any], intrinsic(_at_address))
_copy = cast(Callable[[NDArray[np.uint8], Any, np.uint64, Any], None], intrinsic(_from_address))
_MESSAGE = np.dtype(Message)
_NONE = np.uint64(0)
_BREAK = np.uint8(ord("\n"))
_START = np.int64(0)


@compiled_with_arrays
def _weigh(messages: NDArray[np.uint64], odd: NDArray[np.intp]) -> tuple[Whole, int]:
    """Return the bytes of all messages and how many are odd; write which: no value, or an error."""
    size, count = _START, 0
    for i in range(len(messages)):
        message = carray(_pointer(messages[i]), 1, _MESSAGE)[0]
        if message.err != 0 or message.payload == _NONE:
            odd[count] = i
            count += 1
        else:
            size += np.int64(message.len)
    return size, count


@compiled_with_arrays
def _take(
    messages: NDArray[np.uint64],
    destroy: int,
    timestamp: int,
    buffer: NDArray[np.uint8],
    ends: NDArray[np.int64],
    partition: NDArray[np.int32],
    offset: NDArray[np.int64],
    sent_ms: NDArray[np.int64],
) -> None:
    """Write the messages down and give them back; an address of 0 is none any more."""
    at, row = _START, 0
    for i in range(len(messages)):
        if messages[i] == _NONE:
            continue
        message = carray(_pointer(messages[i]), 1, _MESSAGE)[0]
        size = np.int64(message.len)
        _copy(buffer, at, message.payload, size)
        at += size
        buffer[at] = _BREAK
        ends[row] = at
        at += 1
        partition[row] = message.partition
        offset[row] = message.offset
        sent_ms[row] = _number(timestamp, messages[i])
        _free(destroy, messages[i])
        messages[i] = _NONE
        row += 1
