"""Watches follow their organisation when two entries of the register become one, and back."""

from __future__ import annotations

from keqiao.alerts.models import Watch
from keqiao.kernel import moving
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

__all__ = ["move_watches", "move_watches_back"]

COLUMNS: tuple[moving.Column, ...] = ((Watch, "home"), (Watch, "organisation"))


@command
def move_watches(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """Who watches both organisations keeps the watch of the one that stays. How many rows moved."""
    if not actor.is_system:
        raise NotAllowed
    count, to_id = 0, parties.final_organisation(from_id, lock=True)
    for moved in moving.move(COLUMNS, from_id, to_id):
        record("alerts.watches_moved", moved.first, actor=actor, merge_id=merge_id, from_id=from_id, **moved.facts)
        count += len(moved.ids)
    return count


@command
def move_watches_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since."""
    if not actor.is_system:
        raise NotAllowed
    events = moving.events_of_merge("alerts.watches_moved", merge_id)
    return moving.move_back(COLUMNS, [event.data for event in events])
