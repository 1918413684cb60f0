"""Threads and feedback follow their organisation when two entries of the register become one, and back."""

from __future__ import annotations

from keqiao.engagement.models import BrokerRequest, Contact, MatchFeedback, Participant
from keqiao.kernel import moving
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

__all__ = ["move_contacts", "move_contacts_back"]

COLUMNS: tuple[moving.Column, ...] = (
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
    count, to_id = 0, parties.final_organisation(from_id, lock=True)
    for moved in moving.move(COLUMNS, from_id, to_id):
        record("engagement.contacts_moved", moved.first, actor=actor, merge_id=merge_id, from_id=from_id, **moved.facts)
        count += len(moved.ids)
    return count


@command
def move_contacts_back(*, actor: Actor, merge_id: int) -> int:
    """What a merge moved and nobody has moved since."""
    if not actor.is_system:
        raise NotAllowed
    events = moving.events_of_merge("engagement.contacts_moved", merge_id)
    return moving.move_back(COLUMNS, [event.data for event in events])
