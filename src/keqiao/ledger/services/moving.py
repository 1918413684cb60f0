"""Commands: a book follows its organisation into the one that it was merged into, when that one keeps none."""

from __future__ import annotations

from keqiao.kernel import moving
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.ledger.models import Book
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

COLUMNS: tuple[moving.Column, ...] = ((Book, "organisation"),)


@command
def move_book(*, actor: Actor, from_id: int, merge_id: int) -> int:
    """Where both keep books, both stay: the one that stays sees them (selectors). Lines name whom they named."""
    if not actor.is_system:
        raise NotAllowed
    count, to_id = 0, parties.final_organisation(from_id, lock=True)
    for moved in moving.move(COLUMNS, from_id, to_id):
        record("ledger.book_moved", moved.first, actor=actor, merge_id=merge_id, from_id=from_id, **moved.facts)
        count += len(moved.ids)
    return count


@command
def move_book_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since."""
    if not actor.is_system:
        raise NotAllowed
    events = moving.events_of_merge("ledger.book_moved", merge_id)
    return moving.move_back(COLUMNS, [event.data for event in events])
