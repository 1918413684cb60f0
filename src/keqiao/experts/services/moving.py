"""Plans and declared conflicts follow their organisation when two entries of the register become one, and back."""

from __future__ import annotations

from keqiao.experts.models import AssignmentPlan, DeclaredConflict
from keqiao.kernel import moving
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

__all__ = ["move_expert_rows", "move_expert_rows_back"]

COLUMNS: tuple[moving.Column, ...] = ((AssignmentPlan, "organisation"), (DeclaredConflict, "organisation"))


@command
def move_expert_rows(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """Give what names a merged organisation to the one that it has become by now. How many rows moved."""
    if not actor.is_system:
        raise NotAllowed
    count, to_id = 0, parties.final_organisation(from_id, lock=True)
    for moved in moving.move(COLUMNS, from_id, to_id):
        record("experts.rows_moved", moved.first, actor=actor, merge_id=merge_id, from_id=from_id, **moved.facts)
        count += len(moved.ids)
    return count


@command
def move_expert_rows_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since."""
    if not actor.is_system:
        raise NotAllowed
    events = moving.events_of_merge("experts.rows_moved", merge_id)
    return moving.move_back(COLUMNS, [event.data for event in events])
