"""Compile a loop over readings: what numpy cannot say in whole columns runs at the speed of C.

The compiled code is kept beside the source (``__pycache__``), so only the first run after a change
waits for the compiler. Arithmetic is strict IEEE: no reordering, so results are the same bits on
every run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Return the function compiled for the types it is first called with.

    Division by zero gives infinity or NaN, as in numpy, not an exception.
    """
    return cast(F, numba.njit(cache=True, error_model="numpy", nogil=True)(function))
