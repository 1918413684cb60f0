"""Commands: deals follow their organisations when two entries of the register become one, and back."""

from __future__ import annotations

from keqiao.deals.models import Deal, DealOwner, Distribution, Payment, PriceNotice, RewardRule
from keqiao.kernel import moving
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

COLUMNS: tuple[moving.Column, ...] = (
    (RewardRule, "organisation"),
    (Deal, "other_party"),
    (Deal, "broker"),
    (DealOwner, "organisation"),
    (Distribution, "organisation"),
    (PriceNotice, "organisation"),
    (Payment, "organisation"),
)


@command
def move_deals(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """Give what names a merged organisation to the one that it has become by now. How many rows moved."""
    if not actor.is_system:
        raise NotAllowed
    count, to_id = 0, parties.final_organisation(from_id, lock=True)
    for moved in moving.move(COLUMNS, from_id, to_id):
        record("deals.rows_moved", moved.first, actor=actor, merge_id=merge_id, from_id=from_id, **moved.facts)
        count += len(moved.ids)
    return count


@command
def move_deals_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since."""
    if not actor.is_system:
        raise NotAllowed
    events = moving.events_of_merge("deals.rows_moved", merge_id)
    return moving.move_back(COLUMNS, [event.data for event in events])
