import pytest

from models.count_calendar import WEEK, YEAR, Calendar


@pytest.mark.parametrize("calendar", [WEEK, YEAR])
def test_every_part_of_the_period_comes_once_and_comes_back(calendar: Calendar) -> None:
    starts = [calendar.bin_s * n for n in range(calendar.bins)]
    assert [calendar.bin(at) for at in starts] == list(range(calendar.bins))
    assert calendar.bin(calendar.bin_s * calendar.bins) == 0
    assert calendar.bin(calendar.bin_s - 1e-3) == 0


@pytest.mark.parametrize("calendar", [WEEK, YEAR])
def test_windows_are_nested_and_remembered_for_long(calendar: Calendar) -> None:
    assert list(calendar.windows_s) == sorted(calendar.windows_s)
    assert calendar.windows_s[-1] < calendar.warm_up_s < calendar.half_life_s
