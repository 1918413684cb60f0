"""How many items a list holds, and how many with each trait, counted ahead for long lists.

A list of a few thousand is counted when it is asked for. Counting a million takes seconds, so a job does it every five
minutes, and pages say as of when. What a filter leaves is counted up to a bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import CharField, Count, F, Func, QuerySet

from keqiao.catalogue import selectors as catalogue
from keqiao.matching.models import Tally

LONG = 20_000  # rows from which a list is counted ahead
COUNTED = 20_000  # rows of a filtered long list that are counted; beyond it there are "more than" so many


@dataclass(frozen=True)
class Counts:
    """Of a whole public list: its length, and facet → value → rows. As of `at`."""

    total: int
    facets: Mapping[str, Mapping[str, int]]
    at: datetime


def of(kind: str) -> Counts | None:
    """The counts made ahead; None for a list that is short enough to be counted now."""
    row = Tally.objects.filter(kind=kind).first()
    return Counts(row.total, row.facets, row.at) if row and row.total > LONG else None


def is_long(kind: str) -> bool:
    """By the database's own estimate, which costs nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [f"catalogue_{kind}"])
        return bool(cursor.fetchone()[0] > LONG)


def count(kind: str, bands: Mapping[str, tuple[int, int]]) -> tuple[int, dict[str, dict[str, int]]]:
    """Length and facets of the public list; `bands`: name → lowest and highest level, both included."""
    rows = catalogue.published_ids(kind).order_by()
    level = "trl" if kind == "achievement" else "trl_min"
    facets = {name: _by(rows, F(name)) for name in ("field", "region")}
    facets["modes"] = _by(rows, Func(F("modes"), function="unnest", output_field=CharField()))
    facets["origin"] = {
        {"True": "fictional", "False": "open"}[value]: n for value, n in _by(rows, F("is_fictional")).items()
    }
    levels = {int(value): n for value, n in _by(rows, F(level)).items()}
    facets["trl"] = {
        band: sum(n for value, n in levels.items() if low <= value <= high) for band, (low, high) in bands.items()
    }
    if kind == "achievement":
        facets["ownership"] = _by(rows, F("ownership"))
        facets["ip"] = {"granted": catalogue.count_with_granted_assets()}
    return rows.count(), facets


def _by(rows: QuerySet[Any], value: Any) -> dict[str, int]:
    found: Counter[str] = Counter()
    for key, n in rows.annotate(_value=value).values_list("_value").annotate(n=Count("pk")):
        if key not in {None, ""}:
            found[str(key)] = n
    return dict(found)
