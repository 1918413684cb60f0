"""Who may."""

from typing import Any

from keqiao.parties.types import APPROVING_ROLES, Actor


def can_consent(actor: Actor, organisation: Any) -> bool:
    """Only the organisation's own people who may approve there: an operator does not agree for others."""
    return actor.person_id is not None and actor.has_role(organisation.pk, *APPROVING_ROLES)


def can_see_consent(actor: Actor, organisation: Any) -> bool:
    """Everybody who works there, and operators."""
    return actor.is_operator or actor.works_for(organisation.pk)
