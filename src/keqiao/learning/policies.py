"""Who may."""

from typing import Any

from keqiao.parties.types import APPROVING_ROLES, Actor


def can_operate(actor: Actor, model: Any = None) -> bool:  # noqa: ARG001 -- a model is the operators' alone, whichever it is
    """Train, put in force and take back: operators. Jobs report what they found."""
    return actor.is_operator


def can_see_participation(actor: Actor, organisation: Any) -> bool:
    """Everybody who works there, and operators."""
    return actor.is_operator or actor.works_for(organisation.pk)


def can_decide_participation(actor: Actor, organisation: Any) -> bool:
    """Only the organisation's own people who may approve there."""
    return actor.person_id is not None and actor.has_role(organisation.pk, *APPROVING_ROLES)
