"""Rows that are picked by their keys before anything else is asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Lookup, QuerySet


class _IsAnyOf(Lookup):
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        (one, first), (array, second) = self.process_lhs(compiler, connection), self.process_rhs(compiler, connection)
        return f"{one} = ANY({array})", (*first, *second)


def is_any_of(keys: QuerySet[Any, Any]) -> Lookup:
    """Condition: the row's key is one of `keys`, a query of one column.

    The database makes an array of them once, and looks each up. With IN it guesses how many there are, and reads a million
    rows for the thousand that are asked for; or joins them last, where there are more than eight tables.
    """
    return _IsAnyOf(F("pk"), ArraySubquery(keys))


def are_picked(rows: QuerySet[Any, Any]) -> bool:
    """Are these rows picked by their keys? Then to work out which they are is most of the work."""
    return any(isinstance(part, _IsAnyOf) for part in _parts(rows.query.where))


def _parts(where: Any) -> Iterator[Any]:
    for part in getattr(where, "children", ()):
        yield part
        yield from _parts(part)
