from datetime import date

import pytest

from keqiao.kernel.calendar import WorkingDate, add_working_days, is_working_day
from keqiao.kernel.models import DayOff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.mark.parametrize(
    ("start", "count", "day", "provisional"),
    [
        (date(2025, 9, 30), 1, date(2025, 10, 9), False),  # National Day and Mid-Autumn, 1 to 8 October 2025
        (date(2025, 9, 26), 1, date(2025, 9, 28), False),  # a Sunday made a working day
        (date(2025, 11, 20), 0, date(2025, 11, 20), False),
        (date(2025, 11, 20), 5, date(2025, 11, 27), False),
        (date(2035, 4, 30), 1, date(2035, 5, 3), True),  # beyond the announcements: fixed holidays only
    ],
)
def test_working_days(start, count, day, provisional):
    assert add_working_days(start, count, jurisdiction="CN") == WorkingDate(day, provisional)


def test_what_operators_upload_comes_first():
    DayOff.objects.create(day=date(2035, 5, 3), jurisdiction="CN", is_working=False, source="国办发明电〔2034〕1号")
    assert add_working_days(date(2035, 5, 2), 1, jurisdiction="CN-SH").day == date(2035, 5, 4)
    assert is_working_day(date(2035, 5, 3), jurisdiction="CN") is None


def test_never_counts_backwards():
    with pytest.raises(ValueError, match="whole number"):
        add_working_days(date(2026, 1, 1), -1)


def test_a_jurisdiction_without_a_row_has_weekends_only():
    """Beyond the announcements, where no rule pack names fixed holidays."""
    assert add_working_days(date(2035, 4, 30), 1, jurisdiction="XX") == WorkingDate(date(2035, 5, 1), True)
