"""Who may. Whether now is the right time is the workflow's business."""

from typing import Any

from keqiao.parties import selectors
from keqiao.parties.types import APPROVING_ROLES, PLATFORM_ROLES, Actor


def can_manage(actor: Actor, organisation: Any) -> bool:
    """Write the organisation's own page, invite people, end posts: those who may approve in it, and operators."""
    return actor.is_operator or actor.has_role(organisation.pk, *APPROVING_ROLES)


def can_see_papers(actor: Actor, organisation: Any) -> bool:
    """Licences and evidence: the organisation's own people and operators."""
    return actor.is_operator or actor.works_for(organisation.pk)


def can_give(actor: Actor, role: str) -> bool:
    """The platform's own roles are given by operators only."""
    return role not in PLATFORM_ROLES or actor.is_operator


def can_decide_join(actor: Actor, request: Any) -> bool:
    """Somebody of that organisation who may; operators while it is not verified or has nobody. Never who asks."""
    if actor.person_id == request.person_id and not actor.is_system:
        return False
    organisation = request.organisation
    if organisation.is_verified and actor.has_role(organisation.pk, *APPROVING_ROLES):
        return True
    return actor.is_operator and not (organisation.is_verified and selectors.has_approver(organisation.pk))


def can_take_back_join(actor: Actor, request: Any) -> bool:
    return actor.person_id is not None and actor.person_id == request.person_id


def can_verify(actor: Actor, verification: Any) -> bool:
    """An operator who did not found the organisation and does not work in it."""
    return actor.is_system or (
        actor.is_operator
        and actor.person_id != verification.applicant_id
        and not any(place.organisation_id == verification.organisation_id for place in actor.workplaces)
    )


def can_answer_verification(actor: Actor, verification: Any) -> bool:
    """The founder, and whoever may write the organisation's page."""
    is_founder = actor.person_id is not None and actor.person_id == verification.applicant_id
    return is_founder or actor.has_role(verification.organisation_id, *APPROVING_ROLES)


def can_invite(actor: Actor, invitation: Any) -> bool:
    return can_manage(actor, invitation.organisation)
