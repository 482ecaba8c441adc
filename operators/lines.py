"""Raw messages one behind the other in one buffer, as a parser wants them.

A list of ten thousand messages is ten thousand objects, made only to be joined again. Who looks at
a single message still gets bytes, made when asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from operators.name_index import PADDING

__all__ = ["Lines"]


class Lines(Sequence[bytes]):
    r"""Messages in order of arrival, a line break behind each.

    Parameters
    ----------
    buffer
        Their bytes and line breaks, and then as many bytes more as ``PADDING`` has.
    ends
        Where each ends, and its line break is. A message may have others within.

    Notes
    -----
    A slice shares the buffer; it costs as much as its ends.

    Examples
    --------
    >>> lines = Lines.of([b"first", b"", b"a\nb"])
    >>> lines.ends.tolist(), list(lines[1:]), lines[-1]
    ([5, 6, 10], [b'', b'a\nb'], b'a\nb')
    """

    __slots__ = ("buffer", "ends")

    def __init__(self, buffer: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self.buffer = buffer
        self.ends = ends

    @classmethod
    def of(cls, lines: Sequence[bytes]) -> Lines:
        """Return the same messages in a buffer."""
        buffer = np.frombuffer(bytearray(b"\n").join([*lines, PADDING]), np.uint8)
        sizes = np.fromiter(map(len, lines), np.int64, len(lines))
        return cls(buffer, np.cumsum(sizes + 1) - 1)

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> Lines: ...
    def __getitem__(self, at: int | slice) -> bytes | Lines:
        if isinstance(at, slice):
            first, stop, step = at.indices(len(self))
            if step != 1:
                return Lines.of([self[i] for i in range(first, stop, step)])
            start = self._start(first)
            end = max(start, self._start(stop))
            buffer = self.buffer[start : end + len(PADDING)]
            return Lines(buffer, self.ends[first:stop] - start)
        number = range(len(self))[at]
        return self.buffer[self._start(number) : self.ends[number]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        view, start = self.buffer.data, 0
        for end in self.ends.tolist():
            yield bytes(view[start:end])
            start = end + 1

    def _start(self, number: int) -> int:
        return int(self.ends[number - 1]) + 1 if number > 0 else 0
