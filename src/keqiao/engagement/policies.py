"""Who may. Whether now is the right time is the workflow's business. Participants must be prefetched."""

from __future__ import annotations

from typing import Any

from keqiao.engagement.selectors import place_of
from keqiao.parties.types import Actor


def can_send(actor: Actor, organisation_id: int) -> bool:
    """Somebody who works for the organisation in whose name they write."""
    return actor.person_id is not None and actor.works_for(organisation_id)


def can_respond(actor: Actor, contact: Any) -> bool:
    """Somebody of the side that was asked."""
    return place_of(actor, contact) == contact.to_side


def can_withdraw(actor: Actor, contact: Any) -> bool:
    return place_of(actor, contact) == contact.from_side


def can_take_part(actor: Actor, contact: Any) -> bool:
    """Either side; a broker reads and writes, but decides nothing."""
    return place_of(actor, contact) in {contact.from_side, contact.to_side}


def can_write(actor: Actor, contact: Any) -> bool:
    return place_of(actor, contact) != ""


def can_reveal(actor: Actor, contact: Any) -> bool:
    """Only the masked side itself: the need's."""
    return place_of(actor, contact) == "need"


def can_expire(actor: Actor, contact: Any) -> bool:  # noqa: ARG001 -- a policy's signature
    """The calendar decides, not a person: only the nightly job."""
    return actor.is_system


def can_assign_brokers(actor: Actor) -> bool:
    return actor.is_operator
