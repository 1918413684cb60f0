"""Who may. Whether now is the right time is the workflow's business."""

from typing import Any

from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor
from keqiao.submissions.selectors import REVIEWING_ROLES, is_own
from keqiao.submissions.types import Origin


def can_write(actor: Actor, submission: Any) -> bool:
    """The author, while in the organisation, and the colleagues there; operators only what they wrote themselves."""
    return is_own(actor, submission)


def wrote(actor: Actor, submission: Any) -> bool:
    """The author, and everybody who saved or handed in this text."""
    return actor.person_id is not None and actor.person_id in {submission.author_id, *submission.writers}


def holds_reviewing_post(actor: Actor, organisation_id: int) -> bool:
    """A reviewing role in this very organisation: a post in another one does not count."""
    return actor.has_role(organisation_id, *REVIEWING_ROLES)


def can_review_for_organisation(actor: Actor, submission: Any) -> bool:
    """A colleague with a reviewing role; never who wrote it, nor who has the role only by standing in for who wrote it."""
    return (
        not wrote(actor, submission)
        and holds_reviewing_post(actor, submission.organisation_id)
        and parties.people_in_posts(REVIEWING_ROLES, organisation_id=submission.organisation_id)
        .filter(pk__in=_faces(actor, submission.organisation_id) - {submission.author_id, *submission.writers})
        .exists()
    )


def _faces(actor: Actor, organisation_id: int) -> set[int]:
    """The actor and the absent colleagues there whose roles the actor has meanwhile."""
    absent = [
        p for place in actor.workplaces if place.organisation_id == organisation_id for p in place.standing_in_for
    ]
    return {*absent, *([actor.person_id] if actor.person_id is not None else [])}


def is_of(actor: Actor, organisation_id: int) -> bool:
    """Works for it at all, also when acting for another organisation just now."""
    return actor.works_for(organisation_id) or any(p.organisation_id == organisation_id for p in actor.workplaces)


def can_review_for_platform(actor: Actor, submission: Any) -> bool:
    """An operator who neither wrote it nor works for its organisation."""
    return (
        actor.is_operator
        and actor.person_id is not None
        and not wrote(actor, submission)
        and not is_of(actor, submission.organisation_id)
    )


def can_accept_directly(actor: Actor, submission: Any) -> bool:
    """What an operator or the system loads for others, without review; never what somebody filled in for themselves."""
    return actor.is_system or (
        actor.is_operator
        and submission.origin != Origin.FORM
        and actor.person_id is not None
        and not is_of(actor, submission.organisation_id)
    )


def can_waive(actor: Actor, organisation_id: int) -> bool:
    """Who may review for the organisation may declare that it does without."""
    return holds_reviewing_post(actor, organisation_id)


def can_handle_complaint(actor: Actor, complaint: Any) -> bool:
    """An operator who neither complained nor works for the owner of the item."""
    return (
        actor.is_operator
        and actor.person_id is not None
        and actor.person_id != complaint.complainant_id
        and not is_of(actor, complaint.owner_id)
    )


def can_take_back_complaint(actor: Actor, complaint: Any) -> bool:
    return actor.person_id is not None and actor.person_id == complaint.complainant_id
