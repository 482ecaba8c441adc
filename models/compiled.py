"""Compile a loop over readings: what numpy cannot say in whole columns runs at the speed of C.

The compiled code is kept beside the source (``__pycache__``), so only the first run after a change
waits for the compiler. Arithmetic is strict IEEE: no reordering, so results are the same bits on
every run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.caching import FunctionCache
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = [
    "AHEAD",
    "HOT",
    "compiled",
    "compiled_with_arrays",
    "inlined",
    "prefetch",
    "prefetch_byte",
]

AHEAD = 6
"""How many rows before it is worked on a row is best asked for with ``prefetch``."""

HOT = 512
"""Bytes of a row that are asked for together."""

_LINE = 64  # bytes the processor fetches at once

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Return the function compiled for the types it is first called with.

    Division by zero gives infinity or NaN, as in numpy, not an exception; indices are not checked.
    Compiled functions that it calls, of other modules too, and constants become part of it.

    It makes no arrays: what it fills is given to it. So nothing is counted of who holds one: an
    atomic step each time an array, or a part of one, is taken hold of or handed on, which can cost
    more than what is done with it.
    """
    return _kept(function, _nrt=False)


def compiled_with_arrays(function: F) -> F:
    """Return the function compiled likewise; it may make arrays, also of memory (``carray``)."""
    return _kept(function)


def inlined(function: F) -> F:
    """Return the function for compiled ones to call, without the cost of a call: part of them.

    It makes no arrays. For what is done with every reading: a dozen numbers to hand over are a call
    that is no longer short.
    """
    return cast(F, _dispatcher(function, forceinline=True, _nrt=False))


def _kept(function: F, **options: bool) -> F:
    dispatcher = _dispatcher(function, **options)
    dispatcher._cache = _Cache(function)  # type: ignore[no-untyped-call]  # numba's own
    dispatcher._cache.options = options
    return cast(F, dispatcher)


def _dispatcher(function: Any, **options: bool) -> Any:
    make: Any = numba.njit
    return make(error_model="numpy", nogil=True, **options)(function)


class _Cache(FunctionCache):
    """Code kept, and found again while all it is made of is the same.

    Numba by itself looks for changes in the file of the function only.
    """

    options: Mapping[str, bool]

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        made_of = "\n".join([str(self.options), *_made_of(self._py_func)]).encode()
        key = super()._index_key(sig, codegen)  # type: ignore[no-untyped-call]  # numba's own
        return (*key, hashlib.sha256(made_of).digest())


def _made_of(function: FunctionType) -> Iterator[str]:
    """Yield all that decides what a function does: its code, constants, fields, what it calls."""
    code = function.__code__
    yield f"{code.co_code.hex()} {code.co_consts} {code.co_names} {code.co_varnames}"
    # Annotations name the types whose fields it reads.
    for name in (*code.co_names, *map(str, function.__annotations__.values())):
        value: Any = function.__globals__.get(name)
        if hasattr(value, "py_func"):
            yield f"{name}: {value.targetoptions}"
            yield from _made_of(value.py_func)
        elif isinstance(value, int | float | tuple | np.generic):
            yield f"{name} = {value!r}"
        elif isinstance(value, np.ndarray):
            yield f"{name} = {value.dtype} {value.tolist()}"
        elif hasattr(value, "_fields"):
            yield f"{name} has {value._fields}"


def _fetch_row(_: Any, rows: Any, position: Any) -> Any:
    """Tell numba how to ask for each cache line of a row (LLVM's ``prefetch``)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        hot = min(rows.dtype.size, HOT)
        for offset in (*range(0, hot, _LINE), hot - 1):
            _ask(context, builder, rows, arguments, ir.IntType(64)(offset))
        return context.get_dummy_value()

    return types.void(rows, types.intp), generate


def _fetch_byte(_: Any, rows: Any, position: Any, offset: Any) -> Any:
    """Tell numba how to ask for the cache line of one byte of a row."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _ask(context, builder, rows, arguments, arguments[2])
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp), generate


def _ask(context: Any, builder: Any, rows: Any, arguments: Any, offset: Any) -> None:
    array = context.make_array(rows)(context, builder, arguments[0])
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    fetch = builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
    row = builder.bitcast(builder.gep(array.data, [arguments[1]]), byte)
    line = builder.gep(row, [offset])
    builder.call(fetch, [line, number(1), number(3), number(1)])  # to write, keep, data


prefetch = cast(Callable[[NDArray[np.void], int], None], intrinsic(_fetch_row))
"""Ask, in compiled code, for a row that is needed soon: memory answers while others are worked on.

Rows in random order are three times as fast for it. Of a long row the first ``HOT`` bytes are asked
for: the processor forgets what it is asked for too much of. A position that is not there does no
harm.
"""

prefetch_byte = cast(Callable[[NDArray[np.void], int, int], None], intrinsic(_fetch_byte))
"""The same for the one byte, so many from the start of the row, and what lies around it."""
