"""Stored matches of many needs become what was computed; only the rows that differ are written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel import clock
from keqiao.matching import stones
from keqiao.matching.models import Computation, Match
from keqiao.matching.types import Scored

ROWS_AT_ONCE = 1_000  # some 6 MB
COLUMNS = ("need_id", "achievement_id", "score", "has_unmet", "arch", "version", "computed_at")
_TABLE = Match._meta.db_table  # noqa: SLF001 -- Django's documented model API
WRITE = f"""
INSERT INTO {_TABLE} ({", ".join(COLUMNS)})
SELECT {", ".join(COLUMNS)} FROM jsonb_to_recordset(%s::jsonb) AS given (
    need_id bigint, achievement_id bigint, score smallint, has_unmet boolean, arch jsonb, version text,
    computed_at timestamptz)
ON CONFLICT (need_id, achievement_id)
DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[2:])}
"""  # noqa: S608 -- names of columns


@dataclass(frozen=True)
class Kept:
    matches: int  # that stand now
    changed: set[int]  # needs whose matches are others than before


def keep(found: Sequence[Scored], version: str, since: datetime) -> Kept:
    """Inside a transaction; it holds what it relies on until the end."""
    needs = _as_compared(found)
    codes = sorted({code for one in needs for code in one.pairs})
    achievements = {code: (pk, revision) for pk, code, revision in catalogue.hold_published("achievement", codes=codes)}
    before: dict[int, dict[int, Match]] = {one.need_id: {} for one in needs}
    for row in Match.objects.filter(need__in=before).order_by("pk"):
        before[row.need_id][row.achievement_id] = row
    newer = set(
        Computation.objects.filter(need__in=before, version=version, at__gte=since).values_list("need", flat=True)
    )
    write: list[Match] = []
    gone: list[int] = []
    changed: set[int] = set()
    matches, now = 0, clock.now()
    done = [one for one in needs if one.need_id not in newer]
    for one in done:
        old = before[one.need_id]
        fresh = {pk for pk, row in old.items() if row.computed_at >= since and row.version == version}
        wanted = {
            row.achievement_id: row for row in _rows(one, achievements, version, now) if row.achievement_id not in fresh
        }
        rows = [row for pk, row in sorted(wanted.items()) if pk not in old or _differ(old[pk], row)]
        lost = [row.pk for pk, row in old.items() if pk not in wanted and pk not in fresh]
        matches += len(wanted) + len(fresh)
        write += rows
        gone += lost
        if rows or lost:
            changed.add(one.need_id)
    Match.objects.filter(need__in=changed, pk__in=gone).delete()
    _write(write)
    Computation.objects.bulk_create(
        [Computation(need_id=one.need_id, version=version, at=now) for one in done],
        update_conflicts=True,
        unique_fields=["need"],
        update_fields=["version", "at"],
    )
    return Kept(matches, changed)


def _write(rows: Sequence[Match]) -> None:
    """As one document a statement: in arrays, as Django would send them, every quotation mark of every arch is escaped in
    Python, which takes longer than computing half of them.
    """
    with connection.cursor() as cursor:
        for first in range(0, len(rows), ROWS_AT_ONCE):
            found = [{name: getattr(row, name) for name in COLUMNS} for row in rows[first : first + ROWS_AT_ONCE]]
            cursor.execute(WRITE, [json.dumps(found, default=str)])


def _as_compared(found: Sequence[Scored]) -> list[Scored]:
    """Those needs that are public at the revision that was compared; by id, as others lock rows too."""
    ids = [one.need_id for one in found]
    held = {pk: revision for pk, _code, revision in catalogue.hold_published("need", ids=ids)}
    return sorted((one for one in found if held.get(one.need_id) == one.revision), key=lambda one: one.need_id)


def _rows(one: Scored, achievements: Mapping[str, tuple[int, int]], version: str, now: datetime) -> list[Match]:
    return [
        Match(
            need_id=one.need_id,
            achievement_id=achievements[code][0],
            score=arch.score,
            has_unmet=arch.has_unmet,
            arch=stones.arch_to_json(arch),
            version=version,
            computed_at=now,
        )
        for code, (revision, arch) in one.pairs.items()
        if code in achievements and achievements[code][1] == revision
    ]


def _differ(old: Match, new: Match) -> bool:
    return (old.score, old.has_unmet, old.version, old.arch) != (
        new.score,
        new.has_unmet,
        new.version,
        _as_read(new.arch),
    )


def _as_read(arch: Any) -> Any:
    """As the database gives it back: tuples as lists."""
    return json.loads(json.dumps(arch))
