"""Which points of the stones hold: those that the site put in force, else those of the rule pack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from keqiao.kernel import clock
from keqiao.kernel.parameters import find
from keqiao.matching.models import WeightChange
from keqiao.matching.types import Stone


@dataclass(frozen=True)
class Points:
    """Points of the stones, where they come from and since when they hold."""

    points: Mapping[Stone, int]
    name: str  # of a rule pack and its first day, or of what the site put in force
    since: datetime | date
    is_own: bool = False  # the site's, not the rule pack's

    @property
    def plain(self) -> dict[str, int]:
        return {str(stone): value for stone, value in self.points.items()}


def in_force() -> Points:
    """Asked of the database."""
    change = WeightChange.objects.order_by("-pk").first()
    if change is None:
        return shipped()
    if change.points is None:
        found = shipped()
        return Points(found.points, found.name, change.first_at)
    points = {stone: change.points[stone] for stone in Stone}
    return Points(points, change.label, change.first_at, is_own=True)


def shipped() -> Points:
    """Of the rule pack in force today."""
    row = find("matching.weights", on=clock.today())
    points = {Stone(name): value for name, value in row.value.items()}
    return Points(points, f"{row.pack}-{row.first_on}", row.first_on)
