"""What is told twice is known, whatever small thing was changed; other words and places are not."""

import pickle

import pytest

from operators.retold import A_CELL, CELLS, REPEAT_MS, Retold

TEXT = "Water is 50 cm deep at the old bridge"


@pytest.mark.parametrize(
    ("again", "cell", "after", "known"),
    [
        (TEXT, "here", REPEAT_MS - 1, True),
        (TEXT, "here", REPEAT_MS, False),
        (TEXT, "there", 1, False),
        ("WATER is 30cm deep at the old bridg!!", "here", 1, True),
        ("RT: water is 30 cm deep at the old bridge", "here", 1, True),
        ("the old bridge is closed", "here", 1, False),
        ("", "here", 1, False),
    ],
)
def test_the_same_nearly_from_the_same_place_soon_after(again, cell, after, known):
    retold = Retold()
    assert not retold.is_known("here", TEXT, 0)
    assert retold.is_known(cell, again, after) is known


def test_chinese_too():
    retold = Retold()
    assert not retold.is_known("here", "解放路下穿隧道积水很深，车辆无法通行", 0)
    assert retold.is_known("here", "解放路下穿隧道积水很深车辆无法通行了", 1)
    assert not retold.is_known("here", "人民路有人打架", 2)


def test_nothing_said_twice_is_nothing():
    retold = Retold()
    assert not any(retold.is_known("here", "...", at) for at in range(3))


def test_one_letter_is_a_text():
    retold = Retold()
    assert [retold.is_known("here", "x", at) for at in range(2)] == [False, True]


def test_it_survives_a_snapshot():
    retold = Retold()
    retold.is_known("here", TEXT, 0)
    assert pickle.loads(pickle.dumps(retold)).is_known("here", TEXT, 1)


def test_memory_is_bounded():
    retold = Retold()
    retold.is_known("first", TEXT, 0)
    for nth in range(CELLS):
        retold.is_known(f"cell {nth}", "x", 0)
    assert not retold.is_known("first", TEXT, 1)
    for nth in range(A_CELL):
        retold.is_known("first", chr(0x4E00 + nth) * 2 + "abcdefgh"[nth % 8], 2)
    assert not retold.is_known("first", TEXT, 3)
