"""Working days. Years whose arrangement is announced are exact; a later date is computed and marked provisional.

The mainland's arrangements come from the package chinesecalendar; operators add or correct days (`DayOff`). Beyond both,
weekends and the fixed public holidays (a dated row) count as days off, and the result says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import chinese_calendar

from keqiao.kernel import site
from keqiao.kernel.models import DayOff
from keqiao.kernel.parameters import NoSuchParameter, parameter

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
    calendar = _Calendar(start, jurisdiction)
    day, is_provisional = start, False
    for _ in range(LONGEST):
        if count == 0:
            return WorkingDate(day, is_provisional)
        day += timedelta(days=1)
        working, known = calendar.is_working(day)
        is_provisional |= not known
        count -= working
    raise ValueError(f"{count} working days from {start} lie more than ten years ahead")


def is_working_day(day: date, *, jurisdiction: str | None = None) -> WorkingDate | None:
    """The day itself when it is a working day, else None."""
    working, known = _Calendar(day, jurisdiction).is_working(day)
    return WorkingDate(day, not known) if working else None


class _Calendar:
    """The days from `start` on in a jurisdiction, read once."""

    def __init__(self, start: date, jurisdiction: str | None) -> None:
        self.start = start
        self.jurisdiction = jurisdiction or site.jurisdiction()
        nearest = {self.jurisdiction.split("-")[0], self.jurisdiction}
        rows = DayOff.objects.filter(jurisdiction__in=nearest, day__gte=start)
        self.arranged: Mapping[date, bool] = dict(rows.values_list("day", "is_working"))

    def is_working(self, day: date) -> tuple[bool, bool]:
        """(is it a working day, is that announced)"""
        if day in self.arranged:
            return self.arranged[day], True
        try:
            return chinese_calendar.is_workday(day), True
        except NotImplementedError:
            return day.weekday() < 5 and f"{day:%m-%d}" not in self.fixed_holidays, False

    @cached_property
    def fixed_holidays(self) -> frozenset[str]:
        """Month and day of those with a fixed date, as the rule packs say on the first day."""
        try:
            return frozenset(parameter("calendar.fixed_holidays", on=self.start, jurisdiction=self.jurisdiction))
        except NoSuchParameter:
            return frozenset()
