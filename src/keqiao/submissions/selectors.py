"""What may be seen of submissions. A hidden thing looks like a missing one."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from keqiao.kernel.errors import NotFound
from keqiao.parties.types import Actor
from keqiao.submissions.models import Complaint, Submission
from keqiao.submissions.types import SubmissionState

# Operators see what was handed in; a draft is its organisation's own.
SEEN_BY_OPERATORS = (
    SubmissionState.PLATFORM_REVIEW,
    SubmissionState.ACCEPTED,
    SubmissionState.DECLINED,
)


def submissions_visible_to(actor: Actor) -> QuerySet[Submission]:
    if actor.is_system:
        return Submission.objects.all()
    own = Q(organisation_id__in=actor.organisation_ids)
    if actor.person_id is not None:
        own |= Q(author_id=actor.person_id)
    handed_in = Q(state__in=SEEN_BY_OPERATORS) | Q(state=SubmissionState.RETURNED, notes__step="platform")
    return (
        Submission.objects.filter(own | handed_in).distinct() if actor.is_operator else Submission.objects.filter(own)
    )


def get_submission(code: str, *, actor: Actor, lock: bool = False) -> Submission:
    rows = Submission.objects.filter(pk__in=submissions_visible_to(actor).filter(code=code).values("pk"))
    rows = rows.select_related("organisation", "author", "need", "achievement", "reviewer")
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.first()
    if found is None:
        raise NotFound
    return found


def complaints_visible_to(actor: Actor) -> QuerySet[Complaint]:
    """Operators see all, a complainant their own, an owner those about the owner's items once they are taken up."""
    if actor.is_operator:
        return Complaint.objects.all()
    if actor.person_id is None:
        return Complaint.objects.none()
    about_ours = Q(need__publisher_id__in=actor.organisation_ids) | Q(achievement__owner_id__in=actor.organisation_ids)
    return Complaint.objects.filter(Q(complainant_id=actor.person_id) | (about_ours & ~Q(state="open")))
