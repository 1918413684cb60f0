"""Items and rights follow their organisation when two entries of the register become one, and back when that is undone."""

from __future__ import annotations

from typing import Any

from django.db import models

from keqiao.catalogue.models import Achievement, IPAsset, Need
from keqiao.kernel import moving
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

BATCH = 1_000  # rows of one event, which says what moved so that it can be undone
OWNED: tuple[tuple[type[models.Model], str], ...] = ((Achievement, "owner"), (Need, "publisher"), (IPAsset, "owner"))


@command
def move_items(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """Give what a merged organisation owns to the one that it has become by now. How many rows moved."""
    if not actor.is_system:
        raise NotAllowed
    to_id = parties.final_organisation(from_id, lock=True)
    if to_id == from_id:  # undone meanwhile
        return 0
    return sum(_move(actor, model, field, from_id, to_id, merge_id) for model, field in OWNED)


@command
def move_items_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since."""
    if not actor.is_system:
        raise NotAllowed
    count = 0
    for event in moving.events_of_merge("catalogue.items_moved", merge_id):
        model, field = next((m, f) for m, f in OWNED if m._meta.model_name == event.data["kind"])  # noqa: SLF001 -- Django's documented model API
        rows: Any = model._default_manager.filter(pk__in=event.data["ids"], **{f"{field}_id": event.data["to_id"]})  # noqa: SLF001 -- as above
        count += rows.update(**{f"{field}_id": event.data["from_id"]})
    return count


def _move(actor: Actor, model: type[models.Model], field: str, from_id: int, to_id: int, merge_id: int) -> int:
    count = 0
    while True:
        rows = list(
            model._default_manager.filter(**{f"{field}_id": from_id})  # noqa: SLF001 -- Django's documented model API
            .select_for_update(of=("self",), no_key=True)
            .order_by("pk")[:BATCH]
        )
        if not rows:
            return count
        ids = [row.pk for row in rows]
        if model is not IPAsset:
            _free_external_ids(model, field, ids, to_id)
        model._default_manager.filter(pk__in=ids).update(**{f"{field}_id": to_id})  # noqa: SLF001 -- as above
        record(
            "catalogue.items_moved",
            rows[0],
            actor=actor,
            kind=model._meta.model_name,  # noqa: SLF001 -- as above
            merge_id=merge_id,
            from_id=from_id,
            to_id=to_id,
            ids=ids,
        )
        count += len(ids)


def _free_external_ids(model: type[models.Model], field: str, ids: list[int], to_id: int) -> None:
    """Two organisations may have numbered alike: what comes over gives up a number that is taken there."""
    rows: Any = model._default_manager  # noqa: SLF001 -- Django's documented model API
    taken = rows.filter(**{f"{field}_id": to_id}).exclude(external_id="").values("external_id")
    rows.filter(pk__in=ids, external_id__in=taken).update(external_id="")
