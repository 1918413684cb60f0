"""Commands: tokens and webhooks follow their organisation when two entries of the register become one, and back."""

from __future__ import annotations

from keqiao.integrations.models import Token, Webhook
from keqiao.kernel import moving
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

COLUMNS: tuple[moving.Column, ...] = ((Token, "organisation"), (Webhook, "organisation"))


@command
def move_integrations(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """Give a merged organisation's tokens and webhooks to the one that it has become by now. How many moved.

    A token still opens only what its person may do there. Nobody has checked who stands behind an unverified entry:
    its webhooks come over switched off, so that no stranger's address hears of the other's affairs.
    """
    if not actor.is_system:
        raise NotAllowed
    is_trusted = parties.may_publish(from_id)  # somebody verified it
    count, to_id = 0, parties.final_organisation(from_id, lock=True)
    for moved in moving.move(COLUMNS, from_id, to_id):
        off = [] if is_trusted or not isinstance(moved.first, Webhook) else _switch_off(moved.ids)
        record(
            "integrations.integrations_moved",
            moved.first,
            actor=actor,
            merge_id=merge_id,
            from_id=from_id,
            switched_off=off,
            **moved.facts,
        )
        count += len(moved.ids)
    return count


@command
def move_integrations_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since; what it switched off is on again."""
    if not actor.is_system:
        raise NotAllowed
    moves = [event.data for event in moving.events_of_merge("integrations.integrations_moved", merge_id)]
    count = moving.move_back(COLUMNS, moves)
    for move in moves:
        back = Webhook.objects.filter(pk__in=move["switched_off"], organisation_id=move["from_id"], deleted_at=None)
        back.update(is_active=True)
    return count


def _switch_off(ids: list[int]) -> list[int]:
    active = list(Webhook.objects.filter(pk__in=ids, is_active=True).values_list("pk", flat=True))
    Webhook.objects.filter(pk__in=active).update(is_active=False)
    return active
