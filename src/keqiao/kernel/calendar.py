"""Working days. Years whose arrangement is announced are exact; a later date is computed and marked provisional.

The mainland's arrangements come from the package chinesecalendar; operators add or correct days (`DayOff`). Beyond both,
weekends and the fixed public holidays count as days off, and the result says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import chinese_calendar
from django.conf import settings

from keqiao.kernel.models import DayOff

# 全国年节及纪念日放假办法 (2024 amendment): the days whose Gregorian date is fixed. (month, day)
FIXED_HOLIDAYS = {(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)}
LONGEST = 3_700  # days looked through before giving up: ten years


@dataclass(frozen=True)
class WorkingDate:
    """A date reached by counting working days. Provisional: some day on the way is not announced yet."""

    day: date
    is_provisional: bool


def add_working_days(start: date, count: int, *, jurisdiction: str | None = None) -> WorkingDate:
    """The last of `count` working days after `start` (the day itself does not count). count ≥ 0."""
    if count < 0:
        raise ValueError(f"count={count}: a whole number of 0 or more, for example 15")
    arranged = _arrangements(start, jurisdiction)
    day, is_provisional = start, False
    for _ in range(LONGEST):
        if count == 0:
            return WorkingDate(day, is_provisional)
        day += timedelta(days=1)
        working, known = _is_working(day, arranged)
        is_provisional |= not known
        count -= working
    raise ValueError(f"{count} working days from {start} lie more than ten years ahead")


def is_working_day(day: date, *, jurisdiction: str | None = None) -> WorkingDate | None:
    """The day itself when it is a working day, else None."""
    working, known = _is_working(day, _arrangements(day, jurisdiction))
    return WorkingDate(day, not known) if working else None


def _arrangements(start: date, jurisdiction: str | None) -> Mapping[date, bool]:
    country = (jurisdiction or settings.JURISDICTION).split("-")[0]
    rows = DayOff.objects.filter(jurisdiction__in={country, jurisdiction or settings.JURISDICTION}, day__gte=start)
    return dict(rows.values_list("day", "is_working"))


def _is_working(day: date, arranged: Mapping[date, bool]) -> tuple[bool, bool]:
    """(is it a working day, is that announced)"""
    if day in arranged:
        return arranged[day], True
    try:
        return chinese_calendar.is_workday(day), True
    except NotImplementedError:
        return day.weekday() < 5 and (day.month, day.day) not in FIXED_HOLIDAYS, False
