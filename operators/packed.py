"""State as bytes in pieces: large columns stay where they are instead of being copied in a row."""

from __future__ import annotations

import pickle
from typing import Any

__all__ = ["Packed"]


class Packed:
    """What a state is pickled to.

    Parameters
    ----------
    state
        Anything that can be pickled. It must not be changed as long as this is in use.

    Notes
    -----
    The pieces in a row are an ordinary pickle. Cost: what is not an array or bytes; of these,
    those of 64 kB or more are pieces of their own, and are not copied.

    Examples
    --------
    >>> import numpy as np
    >>> packed = Packed((1, np.zeros(100_000)))
    >>> len(packed) > 800_000, len(packed.pieces)
    (True, 3)
    >>> pickle.loads(bytes(packed))[1].shape
    (100000,)
    """

    def __init__(self, state: Any) -> None:
        self.pieces: list[memoryview] = []
        pickle.Pickler(self, protocol=5).dump(state)

    def write(self, piece: bytes | pickle.PickleBuffer) -> None:
        """Take a piece from the pickler, which calls this as if we were a file."""
        whole = piece.raw() if isinstance(piece, pickle.PickleBuffer) else memoryview(piece)
        self.pieces.append(whole)

    def __len__(self) -> int:
        return sum(len(piece) for piece in self.pieces)

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)
