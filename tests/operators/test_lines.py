"""A sequence of messages that is one buffer."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.lines import Lines
from operators.name_index import PADDING

_messages = st.lists(st.binary(max_size=5) | st.sampled_from([b"", b"\n", b"a\nb", b"\n\n"]))
_ends = st.none() | st.integers(-9, 9)


@given(_messages)
def test_it_is_the_list_it_was_made_of(messages: list[bytes]) -> None:
    lines = Lines.of(messages)
    assert list(lines) == [lines[i] for i in range(len(messages))] == messages
    assert len(lines) == len(messages)
    assert list(reversed(lines)) == messages[::-1]


@given(_messages, _ends, _ends, st.sampled_from([None, 1, 2, -1, -3]))
def test_a_slice_is_the_list_of_the_slice(
    messages: list[bytes], start: int | None, stop: int | None, step: int | None
) -> None:
    at = slice(start, stop, step)
    cut = Lines.of(messages)[at]
    assert list(cut) == messages[at]
    whole = Lines.of(messages[at])
    assert cut.ends.tolist() == whole.ends.tolist()
    assert len(cut.buffer) == len(whole.buffer) == sum(map(len, cut)) + len(cut) + len(PADDING)
    assert list(cut[1:]) == messages[at][1:]


def test_a_slice_shares_the_buffer() -> None:
    lines = Lines.of([b"a", b"bc", b"d"])
    assert np.shares_memory(lines[1:2].buffer, lines.buffer)


def test_from_the_end() -> None:
    lines = Lines.of([b"a", b"bc", b"d"])
    assert (lines[-1], lines[-3]) == (b"d", b"a")
    assert b"bc" in lines
    assert lines.index(b"bc") == 1


@pytest.mark.parametrize("at", [3, -4])
def test_what_is_not_there(at: int) -> None:
    with pytest.raises(IndexError):
        Lines.of([b"a", b"bc", b"d"])[at]


def test_it_goes_to_another_process() -> None:
    again = pickle.loads(pickle.dumps(Lines.of([b"a", b"", b"c\n"])[1:]))
    assert list(again) == [b"", b"c\n"]
