"""Who may. Whether now is the right time is the workflow's business."""

from typing import Any

from keqiao.parties.types import Actor, Role

# Who may approve for their organisation; a person with any of these roles there is one eligible person.
REVIEWING_ROLES = frozenset({Role.CONVERSION_OFFICER, Role.RD_MANAGER, Role.AGENCY_STAFF, Role.EXCHANGE_OPERATOR})


def can_write(actor: Actor, submission: Any) -> bool:
    """The author and the author's colleagues in the organisation; operators only what they wrote themselves."""
    return actor.works_for(submission.organisation_id) or actor.person_id == submission.author_id


def can_review_for_organisation(actor: Actor, submission: Any) -> bool:
    """A colleague with a reviewing role; never the author."""
    return (
        actor.works_for(submission.organisation_id)
        and bool(REVIEWING_ROLES & actor.roles)
        and actor.person_id != submission.author_id
    )


def can_review_for_platform(actor: Actor, submission: Any) -> bool:
    """An operator who is neither the author nor of the author's organisation. The system may accept what it loads."""
    return actor.is_system or (
        actor.is_operator
        and actor.person_id != submission.author_id
        and not actor.works_for(submission.organisation_id)
    )


def can_handle_complaint(actor: Actor, complaint: Any) -> bool:
    """An operator who did not complain."""
    return actor.is_operator and actor.person_id != complaint.complainant_id


def can_take_back_complaint(actor: Actor, complaint: Any) -> bool:
    return actor.person_id is not None and actor.person_id == complaint.complainant_id
