"""Threads and feedback follow their organisation when two entries of the register become one, and back."""

from __future__ import annotations

from django.db import IntegrityError, models, transaction

from keqiao.engagement.models import BrokerRequest, Contact, MatchFeedback, Participant
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

__all__ = ["move_contacts", "move_contacts_back"]

COLUMNS: tuple[tuple[type[models.Model], str], ...] = (
    (Contact, "from_organisation"),
    (Contact, "to_organisation"),
    (Participant, "organisation"),
    (BrokerRequest, "broker_organisation"),
    (MatchFeedback, "organisation"),
)


@command
def move_contacts(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """Give what names a merged organisation to the one that it has become by now. How many rows moved.

    A thread between the two, or one that the other has about the same pair, stays as it was: it is history.
    """
    if not actor.is_system:
        raise NotAllowed
    to_id = parties.final_organisation(from_id, lock=True)
    if to_id == from_id:  # undone meanwhile
        return 0
    moved = 0
    for model, column in COLUMNS:
        rows = model._default_manager.filter(**{f"{column}_id": from_id}).order_by("pk")  # noqa: SLF001 -- Django's API
        ids = [row.pk for row in rows if _moves(model, column, row.pk, to_id)]
        if ids:
            named = f"{model.__name__}.{column}"
            first = model._default_manager.get(pk=ids[0])  # noqa: SLF001 -- Django's API
            record(
                "engagement.contacts_moved",
                first,
                actor=actor,
                merge_id=merge_id,
                from_id=from_id,
                to_id=to_id,
                column=named,
                ids=ids,
            )
        moved += len(ids)
    return moved


@command
def move_contacts_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since."""
    if not actor.is_system:
        raise NotAllowed
    known = {f"{model.__name__}.{column}": (model, column) for model, column in COLUMNS}
    moved = 0
    for event in Event.objects.filter(name="engagement.contacts_moved", data__merge_id=merge_id):
        model, column = known[event.data["column"]]
        for pk in event.data["ids"]:
            row = model._default_manager.filter(pk=pk, **{f"{column}_id": event.data["to_id"]})  # noqa: SLF001 -- Django's API
            moved += row.exists() and _moves(model, column, pk, event.data["from_id"])
    return moved


def _moves(model: type[models.Model], column: str, pk: int, to_id: int) -> bool:
    try:
        with transaction.atomic():
            model._default_manager.filter(pk=pk).update(**{f"{column}_id": to_id})  # noqa: SLF001 -- Django's API
    except IntegrityError:
        return False
    return True
