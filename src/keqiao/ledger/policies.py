"""Who may. Whether now is the right time is asked of the book."""

from __future__ import annotations

from typing import Any

from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role


def can_open_book(actor: Actor, organisation_id: int) -> bool:
    return actor.is_system or actor.has_role(organisation_id, Role.FINANCE_OFFICER)


def can_keep_book(actor: Actor, book: Any) -> bool:
    """Post by hand, open accounts, close months: the organisation's finance people. Auditors read."""
    return can_open_book(actor, parties.final_organisation(book.organisation_id))
