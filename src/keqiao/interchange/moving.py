"""Commands: imports follow their organisation when two entries of the register become one, and back."""

from __future__ import annotations

from keqiao.interchange.models import ColumnMapping, Import, ImportedThing, ImportRow
from keqiao.kernel import moving
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

COLUMNS: tuple[moving.Column, ...] = (
    (Import, "organisation"),
    (ImportRow, "organisation"),
    (ImportedThing, "organisation"),
    (ColumnMapping, "organisation"),
)


@command
def move_imports(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """Give a merged organisation's imports to the one that it has become by now: those under way go on for it, and a file
    that comes in again changes what it became. Where both numbered a thing alike, the other's stays. How many rows.
    """
    if not actor.is_system:
        raise NotAllowed
    count, to_id = 0, parties.final_organisation(from_id, lock=True)
    for moved in moving.move(COLUMNS, from_id, to_id):
        record("interchange.imports_moved", moved.first, actor=actor, merge_id=merge_id, from_id=from_id, **moved.facts)
        count += len(moved.ids)
    return count


@command
def move_imports_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since."""
    if not actor.is_system:
        raise NotAllowed
    events = moving.events_of_merge("interchange.imports_moved", merge_id)
    return moving.move_back(COLUMNS, [event.data for event in events])
