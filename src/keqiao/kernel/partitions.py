"""Tables that only grow stand in partitions, each a stretch of a number that ascends with time (decision 0029).

The number and not a date: rows are asked for by it and it keeps them unique, which partitions by date would not. The last
partition has no upper bound and is empty: before rows come near it, `open_ahead` cuts it off and adds a new last one.
What stands is read from the database's own catalogue, so that whoever runs a site may move or attach partitions.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.functional import Promise

log = logging.getLogger(__name__)

LOCK_WAIT = "2s"  # rather try again in a minute than have every writer wait behind a lock
BOUNDS = re.compile(r"FROM \((.+)\) TO \((.+)\)")


@dataclass(frozen=True)
class Growing:
    """A table whose partitions are `width` numbers of `column` wide: ids of the table `counted`."""

    table: str
    column: str
    width: int
    counted: str
    label: str | Promise


@dataclass(frozen=True)
class Partition:
    """One stretch of a table. `first` and `until` are None where there is no bound; `until` is not part of it."""

    table: str
    name: str
    first: int | None
    until: int | None
    rows: int | None  # as the database reckons; None where there are some and it does not know how many
    size: int  # bytes, with indexes

    @property
    def is_late(self) -> bool:
        """Rows came to the last one: nobody opened a partition for them in time."""
        return self.until is None and self.rows != 0

    @property
    def label(self) -> str | Promise:
        return _growing[self.table].label if self.table in _growing else self.table


_growing: dict[str, Growing] = {}


def grows(one: Growing) -> None:
    """Have partitions of this table opened ahead. A migration made it one of partitions by the database's function
    `keqiao_split(table, column, width)`.
    """
    _growing[one.table] = one


STANDING = """
SELECT parent.relname, child.relname, pg_get_expr(child.relpartbound, child.oid),
    CASE WHEN pg_relation_size(child.oid) = 0 THEN 0
        ELSE coalesce(nullif(n_live_tup, 0), nullif(greatest(child.reltuples, 0), 0)::bigint) END,
    pg_total_relation_size(child.oid)
FROM pg_inherits JOIN pg_class parent ON parent.oid = inhparent JOIN pg_class child ON child.oid = inhrelid
    LEFT JOIN pg_stat_user_tables ON relid = child.oid
WHERE parent.relkind = 'p' AND parent.relname = ANY(%s) AND parent.relnamespace = current_schema()::regnamespace
"""


def standing(tables: Sequence[str] | None = None) -> list[Partition]:
    """All partitions of these tables, or of all that grow, a table's in ascending order."""
    with connection.cursor() as cursor:
        cursor.execute(STANDING, [list(_growing if tables is None else tables)])
        found = [Partition(table, name, *_bounds(text), rows, size) for table, name, text, rows, size in cursor]
    return sorted(found, key=lambda one: (one.table, one.first is not None, one.first or 0))


def _bounds(text: str) -> tuple[int | None, int | None]:
    """Of `FOR VALUES FROM (MINVALUE) TO ('10000000')`."""
    found = BOUNDS.search(text)
    if found is None:
        raise ValueError(f"not a range: {text}")
    first, until = (None if bound in {"MINVALUE", "MAXVALUE"} else int(bound.strip("'")) for bound in found.groups())
    return first, until


# --- opening ahead ----------------------------------------------------------------------------------------------------


def open_ahead() -> list[str]:
    """Cut off the last partition of each table whose numbers come near it; names of the partitions that were added.

    A table that is too busy to be locked at once waits for the next time: half a partition is left.
    """
    return [name for one in _growing.values() for name in _opened(one)]


def _opened(one: Growing) -> Iterator[str]:
    highest = _one_of(f"SELECT coalesce(max(id), 0) FROM {one.counted}")  # noqa: S608 -- names of ours
    while (last := _last(one)) and last.first is not None and highest >= last.first - one.width // 2:
        try:
            yield _cut_off(one, last.name, last.first)
        except OperationalError:
            log.info("a partition is opened later: its table is busy", extra={"part": last.name})
            return
        except IntegrityError:  # nobody opened one in time, and rows that others refer to came: it stays as it is
            log.warning("rows reached the last partition: it cannot be cut off any more", extra={"part": last.name})
            return


def _last(one: Growing) -> Partition | None:
    return next((part for part in standing([one.table]) if part.until is None), None)


def _cut_off(one: Growing, name: str, first: int) -> str:
    """Give the last partition a bound, behind the rows that came too early, and add a new last one; its name."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
        cursor.execute(f"ALTER TABLE {one.table} DETACH PARTITION {name}")
        cursor.execute(f"SELECT coalesce(max({one.column}), {first}) FROM {name}")  # noqa: S608 -- names of ours
        until = (_one(cursor) // one.width + 1) * one.width
        cursor.execute(f"ALTER TABLE {one.table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({until})")
        cursor.execute("SELECT keqiao_add_last_partition(%s, %s)", [one.table, until])
        (added,) = cursor.fetchone() or ("",)
        return str(added)


def _one_of(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return _one(cursor)


def _one(cursor: CursorWrapper) -> int:
    (value,) = cursor.fetchone() or (0,)
    return int(value)


def analyze() -> None:
    """What the planner knows of a whole table: the database looks at its partitions by itself, at their sum it does not."""
    with connection.cursor() as cursor:
        for one in _growing.values():
            cursor.execute(f"ANALYZE {one.table}")
