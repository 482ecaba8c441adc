"""A name keeps its position, and is found by its bytes and by nothing else."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.name_index import PADDING, UNKNOWN, NameIndex, word

ODD = ["", 'a"b', "a\\b", "tab\tbed", "nul\0", "\x1f", "half \ud800", "\udfff"]
"""Names that JSON writes with an escape, or not at all."""
EDGES = [
    *("x" * size for size in (1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 300)),
    *("x" * size + "y" for size in (6, 7, 8, 15, 23, 24, 25, 299)),
    *("y" + "x" * size for size in (7, 23, 24, 299)),
]
PLAIN = ["a", "rl-0012", "río-7", "传感器", "\x7f", "한글", "🌊", " ", *EDGES]

_names = st.one_of(
    st.sampled_from([*ODD, *PLAIN]),
    st.text(st.characters(), max_size=40),
    st.integers(0, 3000).map(lambda number: f"rl-{number:06d}"),
)


def found(names: NameIndex, *raw: bytes) -> list[int]:
    """Look names up where they lie, each between quotes."""
    buffer = bytearray(b'"' + b'""'.join(raw) + b'"' + PADDING)
    places, start = [], 1
    for one in raw:
        places.append(len(one) << 40 | start)
        start += len(one) + 2
    answer = np.array(places, np.int64)
    unknown = names.find(np.frombuffer(buffer, np.uint8), answer)
    assert unknown == (answer == UNKNOWN).sum()
    return [int(position) for position in answer]


def test_eight_bytes_are_a_number() -> None:
    buffer = np.frombuffer(bytearray(b"-\x01\x02\x03\x04\x05\x06\x07\xff-"), np.uint8)
    assert int(word.py_func(buffer, 1)) == 0xFF07060504030201  # type: ignore[attr-defined]


def test_names_are_numbered_as_they_come() -> None:
    names = NameIndex(["b", "a", "b"])
    assert names.add("c") == 2
    assert names.add("a") == 1
    assert names.add_many(["d", "a", "d", "e"]).tolist() == [3, 1, 3, 4]
    assert names.get_many(["e", "nobody", "b"]).tolist() == [4, UNKNOWN, 0]
    assert (names.get("nobody"), names.get("d"), len(names)) == (None, 3, 5)
    assert "a" in names
    assert "nobody" not in names


def test_nobody_is_known_at_first() -> None:
    names = NameIndex()
    assert len(names) == 0
    assert found(names, b"a", b"", b"x" * 100) == [UNKNOWN] * 3
    assert names.add_many([]).tolist() == names.get_many([]).tolist() == []


@given(st.lists(st.lists(_names, max_size=12), max_size=12))
def test_it_is_a_dict(some: list[list[str]]) -> None:
    names, known = NameIndex(), dict[str, int]()
    for batch in some:
        expected = [known.setdefault(name, len(known)) for name in batch]
        assert names.add_many(batch).tolist() == expected
    asked = [*ODD, *PLAIN, *known]
    assert names.get_many(asked).tolist() == [known.get(name, UNKNOWN) for name in asked]
    assert len(names) == len(known)


@pytest.mark.parametrize("size", [511, 512, 513, 5000, 100_000])
def test_positions_stay_when_the_table_grows(size: int) -> None:
    wanted = [f"sensor {number} {'with a long name' * (number % 2)}" for number in range(size)]
    names = NameIndex(wanted[:3])
    for start in range(0, size, 700):
        names.add_many(wanted[start : start + 700])
    assert names.get_many(wanted).tolist() == list(range(size))
    assert found(names, *(name.encode() for name in wanted[:2000])) == list(range(min(size, 2000)))
    assert names.get_many([name + "!" for name in wanted]).max() == UNKNOWN


@given(st.permutations([*PLAIN, *ODD]))
def test_a_plain_name_is_found_where_it_lies(order: list[str]) -> None:
    names = NameIndex(order)
    raw = [name.encode() for name in PLAIN]
    assert found(names, *raw) == [names.get(name) for name in PLAIN]


def test_what_json_would_escape_is_not_found() -> None:
    names = NameIndex(ODD)
    assert found(names, *(name.encode("utf-8", "surrogatepass") for name in ODD)) == [
        UNKNOWN
    ] * len(ODD)
    assert names.get_many(ODD).tolist() == list(range(len(ODD)))


@pytest.mark.parametrize("size", [1, 8, 9, 16, 17, 24, 25, 32, 33, 200])
def test_every_byte_of_a_name_counts(size: int) -> None:
    name = bytes(0x61 + at % 26 for at in range(size))
    names = NameIndex([name.decode()])
    for at in range(size):
        assert found(names, name[:at] + b"~" + name[at + 1 :], name) == [UNKNOWN, 0]
    assert found(names, name[1:], name + b"~", b"~" + name, name[:-1]) == [UNKNOWN] * 4


def test_an_index_survives_a_pickle() -> None:
    names = NameIndex([*PLAIN, *ODD])
    again: Any = pickle.loads(pickle.dumps(names))
    assert again.get_many([*PLAIN, *ODD]).tolist() == list(range(len(PLAIN) + len(ODD)))
    assert again.add("new") == names.add("new") == len(PLAIN) + len(ODD)


def test_a_copy_goes_its_own_way() -> None:
    names = NameIndex([*PLAIN, *ODD])
    other = names.copy()
    assert other.get_many([*PLAIN, *ODD]).tolist() == list(range(len(names)))
    size, more = len(names), [f"more-{n:040d}" for n in range(100)]
    assert other.add_many(more).tolist() == list(range(size, size + 100))
    assert (len(names), names.get(more[0]), names.add("new")) == (size, None, size)
    assert other.get("new") is None
    assert other.get_many(more).tolist() == list(range(size, size + 100))


def test_its_memory_is_bounded_by_its_names() -> None:
    size = 20_000
    names = NameIndex()
    for start in range(0, size, 500):
        names.add_many([f"{number:030d}" for number in range(start, start + 500)])
        names.add_many([f"{number:030d}" for number in range(start, start + 500)])
    assert len(names) == size
    assert len(pickle.dumps(names)) < size * (4 * 32 + 3 * 30)


def test_names_in_sequence_do_not_crowd() -> None:
    """Neighbours share all bytes but a few; the table must scatter them all the same."""
    for pattern in ("rl-{:06d}", "{:d}", "city/{:08x}/pm25", "{:d}-sensor", "urn:ngsi:Device:{:d}"):
        names = NameIndex([pattern.format(number) for number in range(30_000)])
        used = np.flatnonzero(names._table["code"])
        runs = np.diff(np.flatnonzero(np.diff(used, prepend=-2, append=2**40) > 1))
        assert runs.max() < 60
