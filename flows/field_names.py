"""Fields of a file that nobody reads, for their names are misspelt."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec.inspect import CollectionType, StructType, Type, UnionType, type_info

__all__ = ["misspelt"]

ALIKE = 0.75
"""Share of letters in common: ``levles`` and ``levels`` have .83, ``bleu`` and ``blue`` .75."""


def misspelt(raw: bytes, of: type[msgspec.Struct]) -> Iterator[str]:
    """Tell the fields that look like one that is known and not given beside them.

    Unknown fields are no mistake by themselves: a file may say more than is read.

    Parameters
    ----------
    raw
        JSON that decodes as ``of``.
    """
    return _misspelt(msgspec.json.decode(raw), type_info(of), "")


def _misspelt(found: Any, of: Type, where: str) -> Iterator[str]:
    if isinstance(of, UnionType):
        for one in of.types:
            yield from _misspelt(found, one, where)
    elif isinstance(of, CollectionType) and isinstance(found, list):
        for number, item in enumerate(found):
            yield from _misspelt(item, of.item_type, f"{where}[{number}]")
    elif isinstance(of, StructType) and isinstance(found, dict):
        known = {field.encode_name: field.type for field in of.fields}
        free = [name for name in known if name not in found]
        for name, value in found.items():
            here = f"{where}.{name}" if where else name
            if name in known:
                yield from _misspelt(value, known[name], here)
            elif meant := get_close_matches(name, free, 1, ALIKE):
                yield f"{here}: is not read, expected {meant[0]!r}?"
