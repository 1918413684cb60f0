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
from typing import Any

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
    rows: int | None  # as the database last counted them; None before it has
    size: int  # bytes, with indexes

    @property
    def label(self) -> str | Promise:
        return _growing[self.table].label if self.table in _growing else self.table


_growing: dict[str, Growing] = {}


def grows(one: Growing) -> None:
    """Have partitions of this table opened ahead; a migration has made it one of partitions with `split`."""
    _growing[one.table] = one


def growing() -> Sequence[Growing]:
    return tuple(_growing.values())


STANDING = """
SELECT parent.relname, child.relname, pg_get_expr(child.relpartbound, child.oid),
    nullif(child.reltuples, -1)::bigint, pg_total_relation_size(child.oid)
FROM pg_inherits JOIN pg_class parent ON parent.oid = inhparent JOIN pg_class child ON child.oid = inhrelid
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
    return [name for one in growing() for name in _opened(one)]


def _opened(one: Growing) -> Iterator[str]:
    highest = _one_of(f"SELECT coalesce(max(id), 0) FROM {one.counted}")  # noqa: S608 -- names of ours
    while (last := _last(one)) and last.first is not None and highest >= last.first - one.width // 2:
        try:
            yield _cut_off(one, last.name, last.first)
        except OperationalError:
            log.info("a partition is opened later: its table is busy", extra={"part": last.name})
            return
        except (
            IntegrityError
        ):  # nobody opened one in time, and rows that others refer to came: it becomes as wide as it may
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
        _attach(cursor, one.table, name, str(first), str(until))
        return _add_last(cursor, one.table, until)


def _one_of(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return _one(cursor)


def _attach(cursor: CursorWrapper, table: str, name: str, first: str, until: str) -> None:
    cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({until})")


def _add_last(cursor: CursorWrapper, table: str, first: int) -> str:
    name = f"{table}_from_{first}"
    cursor.execute(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ({first}) TO (MAXVALUE)")
    for trigger, definition, _about in _triggers(cursor, table, of_rows=False):  # those of rows come by themselves
        cursor.execute(_on(definition, trigger, name))
    return name


# --- a table of rows becomes one of partitions ------------------------------------------------------------------------


def split(cursor: CursorWrapper, table: str, column: str, width: int) -> None:
    """In a migration: the table as it stands becomes the first partition of a new one of its name, nothing is copied.

    What is unique by other columns alone becomes unique together with `column`; that no two rows then share an id is the
    sequence's doing. Indexes, constraints, triggers and what refers to the table stay as they were, by their names.
    """
    cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(f"SELECT coalesce(max({column}), 0) FROM {table}")  # noqa: S608 -- names of ours
    until = (_one(cursor) // width + 1) * width
    first = f"{table}_from_0"
    unique, others = _constraints(cursor, table)
    indexes, triggers, referring = _indexes(cursor, table), _all_triggers(cursor, table), _referring(cursor, table)
    for owner, name, _definition in referring:
        cursor.execute(f"ALTER TABLE {owner} DROP CONSTRAINT {name}")
    for name, _definition, _about in _triggers(cursor, table, of_rows=True):
        cursor.execute(f"DROP TRIGGER {name} ON {table}")
    number = _next_number(cursor, table)
    cursor.execute(f"ALTER TABLE {table} ALTER id DROP IDENTITY, ALTER id DROP DEFAULT")
    for name, _definition in [*unique, *indexes]:
        cursor.execute(f"ALTER INDEX {name} RENAME TO {_short(name)}")
    cursor.execute(f"ALTER TABLE {table} RENAME TO {first}")
    cursor.execute(
        f"CREATE TABLE {table} (LIKE {first} INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING COMPRESSION) "
        f"PARTITION BY RANGE ({column})"
    )
    cursor.execute(f"CREATE SEQUENCE {table}_id_seq AS bigint START {number} OWNED BY {table}.id")
    cursor.execute(f"ALTER TABLE {table} ALTER id SET DEFAULT nextval('{table}_id_seq')")
    for name, definition in unique:
        wider = _with_column(definition, column)
        if wider != definition:
            cursor.execute(f"ALTER TABLE {first} DROP CONSTRAINT {_short(name)}")
            cursor.execute(f"ALTER TABLE {first} ADD CONSTRAINT {_short(name)} {wider}")
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {wider}")
    for name, definition in others:
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for _name, definition in indexes:
        cursor.execute(definition)
    _attach(cursor, table, first, "MINVALUE", str(until))
    for name, definition, about in triggers:
        cursor.execute(definition)
        cursor.execute(f"COMMENT ON TRIGGER {name} ON {table} IS %s", [about])
    for owner, name, definition in referring:
        cursor.execute(f"ALTER TABLE {owner} ADD CONSTRAINT {name} {definition}")
    _add_last(cursor, table, until)
    cursor.execute(f"ANALYZE {table}")


def analyze() -> None:
    """What the planner knows of a whole table: the database looks at its partitions by itself, at their sum it does not."""
    with connection.cursor() as cursor:
        for one in growing():
            cursor.execute(f"ANALYZE {one.table}")


def _one(cursor: CursorWrapper) -> int:
    (value,) = cursor.fetchone() or (0,)
    return int(value)


def _next_number(cursor: CursorWrapper, table: str) -> int:
    cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
    (sequence,) = cursor.fetchone() or ("",)
    cursor.execute(f"SELECT last_value + is_called::int FROM {sequence}")  # noqa: S608 -- names of ours
    return _one(cursor)


def _constraints(cursor: CursorWrapper, table: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Primary key and unique ones; checks and foreign keys."""
    cursor.execute(
        "SELECT contype::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'c', 'f') ORDER BY contype, conname",
        [table],
    )
    found = cursor.fetchall()
    return (
        [(name, definition) for kind, name, definition in found if kind in "pu"],
        [(name, definition) for kind, name, definition in found if kind in "cf"],
    )


def _indexes(cursor: CursorWrapper, table: str) -> list[tuple[str, str]]:
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass "
        "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)",
        [table],
    )
    return list(cursor.fetchall())


def _referring(cursor: CursorWrapper, table: str) -> list[tuple[str, str, str]]:
    cursor.execute(
        "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE confrelid = %s::regclass AND contype = 'f' AND conparentid = 0",
        [table],
    )
    return list(cursor.fetchall())


def _triggers(cursor: CursorWrapper, table: str, *, of_rows: bool) -> list[tuple[str, str, str]]:
    """Name, definition, and the comment by which their library knows them."""
    return [(name, text, about) for name, text, about, rows in _all_of(cursor, table) if rows == of_rows]


def _all_triggers(cursor: CursorWrapper, table: str) -> list[tuple[str, str, str]]:
    return [(name, text, about) for name, text, about, _rows in _all_of(cursor, table)]


def _all_of(cursor: CursorWrapper, table: str) -> list[tuple[str, str, str, Any]]:
    cursor.execute(
        "SELECT quote_ident(tgname), pg_get_triggerdef(oid), coalesce(obj_description(oid, 'pg_trigger'), ''), "
        "tgtype & 1 = 1 FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal ORDER BY tgname",
        [table],
    )
    return list(cursor.fetchall())


def _on(definition: str, trigger: str, table: str) -> str:
    """The same trigger on another table."""
    return re.sub(rf"(TRIGGER {re.escape(trigger)} .+?) ON \S+", rf"\g<1> ON {table}", definition, count=1)


def _with_column(definition: str, column: str) -> str:
    """`PRIMARY KEY (id)` as `PRIMARY KEY (id, need_id)`, unless the column is one of them."""
    keyword, columns = definition.split("(", 1)
    names, rest = columns.split(")", 1)
    return definition if column in names.split(", ") else f"{keyword}({names}, {column}){rest}"


def _short(name: str) -> str:
    """Of an index of the first partition. Names have 63 bytes at most."""
    return f"{name[:55]}_from_0"
