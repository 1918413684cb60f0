"""What may be seen of submissions. A hidden thing looks like a missing one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.lookups import Exact

from keqiao.catalogue.types import AttachmentLevel
from keqiao.kernel import clock
from keqiao.kernel.errors import NotFound
from keqiao.kernel.models import StoredFile
from keqiao.kernel.pages import counted
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role
from keqiao.submissions.changes import unconfirmed
from keqiao.submissions.content import content_of
from keqiao.submissions.models import Complaint, ReviewNote, ReviewWaiver, Source, Submission
from keqiao.submissions.types import ComplaintState, NoteKind, ReviewStep, SubmissionState

# Operators see what was handed in; a draft is its organisation's own.
SEEN_BY_OPERATORS = (
    SubmissionState.PLATFORM_REVIEW,
    SubmissionState.ACCEPTED,
    SubmissionState.DECLINED,
)


def submissions_visible_to(actor: Actor) -> QuerySet[Submission]:
    if actor.is_system:
        return Submission.objects.all()
    own = _own_rows(actor)
    return Submission.objects.filter(own | _handed_to_the_platform() if actor.is_operator else own)


def _own_rows(actor: Actor) -> Q:
    """Of the organisation that the actor acts for, and what the actor wrote in another one of theirs.

    Who has left an organisation has left its drafts. An operator keeps what they loaded for others.
    """
    own = Q(organisation_id__in=actor.organisation_ids)
    if actor.person_id is None:
        return own
    written = Q(author_id=actor.person_id)
    if not actor.is_operator:
        written &= Q(organisation_id__in=[place.organisation_id for place in actor.workplaces])
    return own | written


def is_own(actor: Actor, submission: Submission) -> bool:
    """As _own_rows, of one submission."""
    if actor.works_for(submission.organisation_id):
        return True
    here = any(place.organisation_id == submission.organisation_id for place in actor.workplaces)
    return actor.person_id is not None and actor.person_id == submission.author_id and (here or actor.is_operator)


def _handed_to_the_platform() -> Q:
    """What the platform has before it or has decided, and what it was the last to send back."""
    returns = ReviewNote.objects.filter(submission=OuterRef("pk"), kind=NoteKind.RETURN).order_by("-pk")
    by_platform = Q(Exact(Subquery(returns.values("step")[:1]), Value(ReviewStep.PLATFORM.value)))
    return Q(state__in=SEEN_BY_OPERATORS) | (Q(state=SubmissionState.RETURNED) & by_platform)


def get_submission(code: str, *, actor: Actor, lock: bool = False) -> Submission:
    """Locked first and read after it: what a row refers to is as new as the row itself."""
    if lock:
        Submission.objects.filter(code=code).select_for_update(no_key=True).values_list("pk").first()
    rows = Submission.objects.filter(pk__in=submissions_visible_to(actor).filter(code=code).values("pk"))
    found = rows.select_related("organisation", "author", "need", "achievement", "reviewer").first()
    if found is None:
        raise NotFound
    return found


def open_drafts(actor: Actor) -> QuerySet[Submission]:
    """What the actor and the actor's colleagues are still writing, the last touched first."""
    if actor.person_id is None:
        return Submission.objects.none()
    rows = Submission.objects.filter(_own_rows(actor))
    rows = rows.filter(state__in=[SubmissionState.DRAFT, SubmissionState.RETURNED])
    return rows.select_related("organisation", "author", "need", "achievement").order_by("-saved_at", "-pk")


def find_source(code: str, *, actor: Actor) -> Source | None:
    """What a draft is made from is its author's alone."""
    rows = Source.objects.select_related("submission", "organisation")
    return rows.filter(code=code, author_id=actor.person_id).first() if actor.person_id is not None else None


def get_source(code: str, *, actor: Actor) -> Source:
    found = find_source(code, actor=actor)
    if found is None:
        raise NotFound
    return found


def open_change_of(item: Any, *, actor: Actor) -> Submission | None:
    """The new version of an item that is being written or reviewed, if there is one."""
    about = _about(item)
    ended = [SubmissionState.ACCEPTED, SubmissionState.DECLINED, SubmissionState.DISCARDED]
    rows = Submission.objects.filter(pk__in=submissions_visible_to(actor).filter(**about).values("pk"))
    return rows.exclude(state__in=ended).order_by("pk").first()


def accepted_versions(item: Any) -> QuerySet[Submission]:
    """The versions of an item that were accepted, the newest first. Who may see the item may know that they exist;
    what of their content is shown to whom is the page's to ask (`content.public_part`).
    """
    return Submission.objects.filter(**_about(item), state=SubmissionState.ACCEPTED).order_by("-version")


def _about(item: Any) -> dict[str, Any]:
    return {"need": item} if hasattr(item, "publisher_id") else {"achievement": item}


def complaints_visible_to(actor: Actor) -> QuerySet[Complaint]:
    """Operators see all but those about their own organisations' items, a complainant their own, an owner those about
    the owner's items once they are taken up. Who complained is shown by `is_complainant_seen_by` only.
    """
    if actor.person_id is None:
        return Complaint.objects.all() if actor.is_system else Complaint.objects.none()
    here = {*actor.organisation_ids, *(place.organisation_id for place in actor.workplaces)}
    seen = Q(complainant_id=actor.person_id) | (_about_items_of(here) & Q(handler__isnull=False))
    if actor.is_operator:
        seen |= ~_about_items_of(here)
    return Complaint.objects.filter(seen)


def _about_items_of(organisation_ids: Iterable[int]) -> Q:
    ids = list(organisation_ids)
    owned = Q(need__isnull=False, need__publisher_id__in=ids)
    return owned | Q(achievement__isnull=False, achievement__owner_id__in=ids)


def get_complaint(code: str, *, actor: Actor, lock: bool = False) -> Complaint:
    if lock:
        Complaint.objects.filter(code=code).select_for_update(no_key=True).values_list("pk").first()
    rows = complaints_visible_to(actor).filter(code=code)
    found = rows.select_related("need", "achievement", "complainant", "handler", "file").first()
    if found is None:
        raise NotFound
    return found


def is_complainant_seen_by(actor: Actor, complaint: Complaint) -> bool:
    """Operators (of another organisation) and the complainant."""
    if actor.person_id is not None and actor.person_id == complaint.complainant_id:
        return True
    owner_id = complaint.owner_id
    return actor.is_operator and not (
        actor.works_for(owner_id) or any(place.organisation_id == owner_id for place in actor.workplaces)
    )


def complaint_handlers(complaint: Complaint) -> QuerySet[Any]:
    """The operators who may handle it: neither who complained nor people of the item's owner."""
    people = parties.people_in_posts([Role.ADMINISTRATOR]).exclude(pk=complaint.complainant_id or 0)
    return people.exclude(pk__in=parties.people_in_posts(Role.values, organisation_id=complaint.owner_id))


def owner_people(complaint: Complaint) -> list[int]:
    """Who hears of it at the owner's: those who review there."""
    people = parties.people_in_posts(REVIEWING_ROLES, organisation_id=complaint.owner_id)
    return list(people.exclude(pk=complaint.complainant_id or 0).values_list("pk", flat=True))


# --- reviewing --------------------------------------------------------------------------------------------------------

# Who may approve for their organisation; a person with any of these roles there is one eligible person.
REVIEWING_ROLES = frozenset({Role.CONVERSION_OFFICER, Role.RD_MANAGER, Role.AGENCY_STAFF, Role.EXCHANGE_OPERATOR})
DECISIONS = (
    NoteKind.APPROVAL,
    NoteKind.RETURN,
    NoteKind.DECLINE,
    NoteKind.ACCEPTANCE,
    NoteKind.DIRECT,
    NoteKind.TAKEN_BACK,
    NoteKind.SUBMISSION,
)


def reviewers_of(submission: Submission) -> QuerySet[Any]:
    """The colleagues who may review it for its organisation: none of those who wrote it."""
    people = parties.people_in_posts(REVIEWING_ROLES, organisation_id=submission.organisation_id)
    return people.exclude(pk__in={submission.author_id, *submission.writers})


def platform_reviewers(submission: Submission) -> QuerySet[Any]:
    """The operators who may review it: neither its writers nor people of its organisation."""
    people = parties.people_in_posts([Role.ADMINISTRATOR])
    people = people.exclude(pk__in={submission.author_id, *submission.writers})
    return people.exclude(pk__in=parties.people_in_posts(Role.values, organisation_id=submission.organisation_id))


def waiver_of(organisation_id: int, *, lock: bool = False) -> ReviewWaiver | None:
    rows = ReviewWaiver.objects.filter(organisation_id=organisation_id, ended_at=None)
    return (rows.select_for_update(no_key=True) if lock else rows).first()


def decision_before(submission: Submission) -> ReviewNote | None:
    """The step that was taken last: what a reviewer who comes too late is told."""
    return submission.notes.filter(kind__in=DECISIONS).select_related("person").last()


def open_questions(submission: Submission) -> list[ReviewNote]:
    """The questions of the last return that nobody has answered."""
    last = submission.notes.filter(kind=NoteKind.RETURN).last()
    if last is None:
        return []
    asked = submission.notes.filter(kind=NoteKind.QUESTION, pk__gt=last.pk)
    return list(asked.filter(answers=None))


def version_before(submission: Submission) -> Submission | None:
    """The accepted version of the same item that this one follows."""
    if submission.item is None:
        return None
    same = accepted_versions(submission.item).exclude(pk=submission.pk)
    if submission.version is not None:
        same = same.filter(version__lt=submission.version)
    return same.first()


def content_before(submission: Submission) -> dict[str, Any] | None:
    """What is public now, before this version; None for a new item."""
    before = version_before(submission)
    if before is not None:
        return dict(before.content)
    item = submission.item
    return content_of(item) if item is not None and submission.version is None else None


OPEN_COMPLAINTS = (ComplaintState.OPEN, ComplaintState.IN_REVIEW)

# --- queues -----------------------------------------------------------------------------------------------------------

AGES = {"3": 3, "7": 7, "14": 14}  # days that something has waited
OPEN_STATE = {
    ReviewStep.ORGANISATION: SubmissionState.ORGANISATION_REVIEW,
    ReviewStep.PLATFORM: SubmissionState.PLATFORM_REVIEW,
}
SHOWN_STATES = {
    ReviewStep.ORGANISATION: (
        SubmissionState.ORGANISATION_REVIEW,
        SubmissionState.RETURNED,
        SubmissionState.PLATFORM_REVIEW,
        SubmissionState.ACCEPTED,
        SubmissionState.DECLINED,
    ),
    ReviewStep.PLATFORM: (
        SubmissionState.PLATFORM_REVIEW,
        SubmissionState.RETURNED,
        SubmissionState.ACCEPTED,
        SubmissionState.DECLINED,
    ),
}


@dataclass(frozen=True)
class Load:
    """What one reviewer has in hand; `person` is None for what nobody has claimed."""

    person: Any
    count: int
    overdue: int
    oldest: datetime | None


def review_sides(actor: Actor) -> list[ReviewStep]:
    """The queues that the actor has: the organisation's, the platform's, both or none."""
    if actor.person_id is None:
        return []
    sides = []
    if any(actor.has_role(place, *REVIEWING_ROLES) for place in actor.organisation_ids):
        sides.append(ReviewStep.ORGANISATION)
    if actor.is_operator:
        sides.append(ReviewStep.PLATFORM)
    return sides


def review_rows(actor: Actor, side: ReviewStep) -> QuerySet[Submission]:
    """What this side reviews or has reviewed, in any state that it may see."""
    if side not in review_sides(actor):
        return Submission.objects.none()
    if side == ReviewStep.ORGANISATION:
        places = [place for place in actor.organisation_ids if actor.has_role(place, *REVIEWING_ROLES)]
        return Submission.objects.filter(organisation_id__in=places)
    return Submission.objects.filter(_handed_to_the_platform())


def review_rows_of(actor: Actor) -> QuerySet[Submission]:
    """What the actor reviews or has reviewed, on either side."""
    wanted = [Q(pk__in=review_rows(actor, side).values("pk")) for side in review_sides(actor)]
    return Submission.objects.filter(reduce(or_, wanted)) if wanted else Submission.objects.none()


def waiting_reviews(actor: Actor) -> QuerySet[Submission]:
    """What waits for the actor's review on either side, the oldest first; never what the actor wrote."""
    wanted = [
        Q(pk__in=review_rows(actor, side).filter(state=OPEN_STATE[side]).values("pk")) for side in review_sides(actor)
    ]
    if not wanted:
        return Submission.objects.none()
    rows = Submission.objects.filter(reduce(or_, wanted)).exclude(author_id=actor.person_id)
    return rows.exclude(writers__contains=[actor.person_id]).order_by("submitted_at", "pk")


def review_queue(
    actor: Actor, side: ReviewStep, *, state: str = "", kind: str = "", days: int = 0, reviewer: str = ""
) -> QuerySet[Submission]:
    """Promised dates first, the overdue at the top; what is decided, the newest first. `reviewer`: me, nobody or an id."""
    rows = review_rows(actor, side).filter(state=state or OPEN_STATE[side])
    if kind:
        rows = rows.filter(kind=kind)
    if days:
        rows = rows.filter(submitted_at__lt=clock.now() - timedelta(days=days))
    if reviewer == "nobody":
        rows = rows.filter(reviewer=None)
    elif reviewer:
        rows = rows.filter(reviewer_id=actor.person_id if reviewer == "me" else int(reviewer))
    rows = rows.select_related("organisation", "author", "reviewer", "need", "achievement")
    if state in {"", OPEN_STATE[side]}:
        return rows.order_by(F("due_on").asc(nulls_last=True), "submitted_at", "pk")
    return rows.order_by("-submitted_at", "-pk")


def overdue_reviews(day: date) -> QuerySet[Submission]:
    """Under review beyond the promised day. For the daily reminder."""
    return Submission.objects.filter(state__in=list(OPEN_STATE.values()), due_on__lt=day).order_by("due_on", "pk")


def review_loads(actor: Actor, side: ReviewStep) -> list[Load]:
    """Who has how much in hand, and the oldest of it; first what nobody has claimed, which may be very much."""
    waiting = review_rows(actor, side).filter(state=OPEN_STATE[side])
    rows = (
        waiting.exclude(reviewer=None)
        .values("reviewer_id")
        .annotate(n=Count("pk"), late=Count("pk", filter=Q(due_on__lt=clock.today())), oldest=Min("submitted_at"))
        .order_by("-n", "reviewer_id")
    )
    found = list(rows)
    people = parties.people_by_id([row["reviewer_id"] for row in found])
    loads = [Load(people[row["reviewer_id"]], row["n"], row["late"], row["oldest"]) for row in found]
    return [*_unclaimed(waiting.filter(reviewer=None)), *loads]


def _unclaimed(rows: QuerySet[Submission]) -> list[Load]:
    oldest = rows.order_by("submitted_at").values_list("submitted_at", flat=True).first()
    count = counted(rows)
    return [Load(None, count, counted(rows.filter(due_on__lt=clock.today())), oldest)] if count else []


def may_be_handed_to(submission: Submission, actor: Actor) -> QuerySet[Any]:
    """The other people who may review it at this step."""
    is_platform = submission.state == SubmissionState.PLATFORM_REVIEW
    return (platform_reviewers(submission) if is_platform else reviewers_of(submission)).exclude(pk=actor.person_id)


def unconfirmed_classes(submission: Submission, content: Mapping[str, Any]) -> list[str]:
    """Classes that were only suggested; those of the public version were confirmed with it."""
    return [code for _name, code in unconfirmed(content, content_before(submission))]


def notes_of(submission: Submission) -> QuerySet[ReviewNote]:
    return submission.notes.select_related("person", "question").order_by("pk")


def content_seen_by(actor: Actor, submission: Submission) -> dict[str, Any]:
    """What is written; of a text that was sent back and is being rewritten, outsiders see what was handed in."""
    own = is_own(actor, submission)
    if submission.state == SubmissionState.RETURNED and not own:
        return dict(submission.returned_content or {})
    return dict(submission.content)


def files_seen_by(submission: Submission, content: Mapping[str, Any], *, actor: Actor) -> dict[int, StoredFile]:
    """The files of the content that this actor may open: those under NDA are for the owner's people only."""
    own = is_own(actor, submission)
    rows = [row for row in content.get("attachments") or [] if isinstance(row, Mapping)]
    wanted = [row.get("file_id") for row in rows if own or row.get("level") != AttachmentLevel.NDA]
    return {file.pk: file for file in StoredFile.objects.filter(pk__in=[n for n in wanted if isinstance(n, int)])}


def complaint_queue(actor: Actor, *, state: str = "") -> QuerySet[Complaint]:
    """For operators: open ones by their promised date, decided ones the newest first."""
    if not actor.is_operator:
        return Complaint.objects.none()
    rows = complaints_visible_to(actor).select_related("need", "achievement", "handler", "complainant")
    rows = rows.prefetch_related("need__texts", "achievement__texts")
    if state in {"", "open"}:
        return rows.filter(state__in=OPEN_COMPLAINTS).order_by(F("due_on").asc(nulls_last=True), "made_at", "pk")
    return rows.filter(state=state).order_by("-made_at", "-pk")


def complaint_days() -> int:
    """Working days within which a complaint is answered."""
    return int(parameter("submissions.complaint_days", on=clock.today()))


def own_complaints(actor: Actor) -> QuerySet[Complaint]:
    """Those that one made oneself, and those about items of one's organisation."""
    rows = complaints_visible_to(actor)
    if actor.is_operator:
        rows = rows.filter(complainant_id=actor.person_id)
    rows = rows.select_related("need", "achievement").prefetch_related("need__texts", "achievement__texts")
    return rows.order_by("-made_at", "-pk")


def submissions_of(actor: Actor) -> QuerySet[Submission]:
    """One's own and one's organisation's, the newest first."""
    if actor.person_id is None:
        return Submission.objects.none()
    rows = Submission.objects.filter(_own_rows(actor))
    rows = rows.exclude(state=SubmissionState.DISCARDED).select_related("organisation", "author")
    return rows.order_by("-saved_at", "-pk")
