"""Rows that refer to something merged follow it to what it became, and come back when the merge is undone.

Contexts call this inside commands of their own, which ask who does it and record what moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import QuerySet

from keqiao.kernel.models import Event

Column = tuple[type[models.Model], str]  # a table and its foreign key: (Webhook, "organisation")
BATCH = 1_000  # rows of one event


@dataclass(frozen=True)
class Moved:
    """Rows of one column that went over: for an event, so that they can come back."""

    first: models.Model
    to_id: int
    column: str
    ids: list[int]

    @property
    def facts(self) -> dict[str, Any]:
        return {"to_id": self.to_id, "column": self.column, "ids": self.ids}


def events_of_merge(name: str, merge_id: int) -> QuerySet[Event]:
    """What was moved by a merge, to be given back. By an index over those events alone that name a merge."""
    return Event.objects.filter(name=name, data__has_key="merge_id", data__merge_id=merge_id).order_by("pk")


def move(columns: Sequence[Column], from_id: int, to_id: int) -> Iterator[Moved]:
    """Give what names one to the other. What that one has already (a unique constraint says so) stays: it is history."""
    if to_id == from_id:  # the merge was undone meanwhile
        return
    for model, column in columns:
        rows = _rows(model).filter(**{_attname(column): from_id}).order_by("pk")
        ids = list(rows.values_list("pk", flat=True))
        for place in range(0, len(ids), BATCH):
            moved = _give(model, column, ids[place : place + BATCH], to_id)
            if moved:
                yield Moved(_rows(model).get(pk=moved[0]), to_id, _name(model, column), moved)


def move_back(columns: Sequence[Column], moves: Iterable[dict[str, Any]]) -> int:
    """Give back what nobody has moved since. `moves`: the facts of the events, with from_id. How many rows."""
    known = {_name(model, column): (model, column) for model, column in columns}
    count = 0
    for move in moves:
        model, column = known[move["column"]]
        still = _rows(model).filter(pk__in=move["ids"], **{_attname(column): move["to_id"]}).order_by("pk")
        count += len(_give(model, column, list(still.values_list("pk", flat=True)), move["from_id"]))
    return count


def _give(model: type[models.Model], column: str, ids: list[int], to_id: int) -> list[int]:
    """All at once; where a constraint is in the way, one by one. Those that went."""
    if _update(model, column, ids, to_id):
        return ids
    return [pk for pk in ids if _update(model, column, [pk], to_id)]


def _update(model: type[models.Model], column: str, ids: list[int], to_id: int) -> bool:
    try:
        with transaction.atomic():
            _rows(model).filter(pk__in=ids).update(**{_attname(column): to_id})
    except IntegrityError:
        return False
    return True


def _rows(model: type[models.Model]) -> models.Manager[Any]:
    return model._default_manager  # noqa: SLF001 -- Django's documented model API


def _attname(column: str) -> str:
    return f"{column}_id"


def _name(model: type[models.Model], column: str) -> str:
    return f"{model.__name__}.{column}"
