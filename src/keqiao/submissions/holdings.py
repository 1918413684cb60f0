"""The submissions' part of what the platform holds about a person: what they wrote, asked and complained about."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from keqiao.accounts import selectors as accounts
from keqiao.kernel.personal import Identity
from keqiao.kernel.scrubbing import scrub
from keqiao.parties import selectors as parties
from keqiao.submissions.models import Complaint, ReviewNote, ReviewWaiver, Source, Submission, Suggestion


def export(person_id: int) -> dict[str, Any]:
    written = Submission.objects.filter(author_id=person_id).order_by("pk")
    notes = ReviewNote.objects.filter(person_id=person_id).select_related("submission").order_by("pk")
    complaints = Complaint.objects.filter(complainant_id=person_id).order_by("pk")
    return {
        "submissions": [
            {
                "code": row.code,
                "kind": row.kind,
                "state": row.state,
                "content": row.content,
                "created_at": row.created_at.isoformat(),
                "saved_at": row.saved_at.isoformat(),
            }
            for row in written.iterator(chunk_size=200)
        ],
        "review_notes": [
            {"submission": row.submission.code, "kind": row.kind, "text": row.text, "at": row.at.isoformat()}
            for row in notes.iterator(chunk_size=500)
        ],
        "sources": [
            {"code": row.code, "file_name": row.file_name, "text": row.text, "made_at": row.made_at.isoformat()}
            for row in Source.objects.filter(author_id=person_id).order_by("pk")
        ],
        "complaints": [
            {"code": row.code, "reason": row.reason, "text": row.text, "state": row.state, "answer": row.answer}
            for row in complaints
        ],
    }


def erase(person_id: int) -> None:
    """The author stays as an id. Names and addresses go from what the person wrote and what was written where they work."""
    identity = accounts.identity_of(person_id)
    addresses = Identity((), identity.addresses)
    own = parties.organisations_of_person(person_id)
    scrub(Submission.objects.filter(Q(author_id=person_id) | Q(organisation_id__in=own)), identity)
    about_own = Q(submission__organisation_id__in=own) | Q(submission__author_id=person_id)
    Source.objects.filter(author_id=person_id).delete()
    scrub(Source.objects.filter(organisation_id__in=own), identity)
    scrub(
        Suggestion.objects.filter(Q(submission__author_id=person_id) | Q(submission__organisation_id__in=own)), identity
    )
    scrub(ReviewNote.objects.filter(Q(person_id=person_id) | about_own), identity)
    about_ours = Q(need__publisher_id__in=own) | Q(achievement__owner_id__in=own)
    scrub(Complaint.objects.filter(Q(complainant_id=person_id) | Q(handler_id=person_id) | about_ours), identity)
    scrub(ReviewWaiver.objects.filter(Q(declared_by_id=person_id) | Q(organisation_id__in=own)), identity)
    for table in (Submission, Source, Suggestion, ReviewNote, Complaint, ReviewWaiver):
        scrub(table.objects.all(), addresses)
