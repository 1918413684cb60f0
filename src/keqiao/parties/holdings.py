"""The parties' part of what the platform holds about a person: who they are and where they work."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from keqiao.kernel import clock
from keqiao.kernel.personal import ERASED_EN, ERASED_ZH
from keqiao.parties.models import Absence, Invitation, JoinRequest, Person, Post, VerificationNote
from keqiao.parties.types import InvitationState, JoinState


def export(person_id: int) -> dict[str, Any]:
    person = Person.objects.select_related("user").get(pk=person_id)
    requests = JoinRequest.objects.filter(person=person).select_related("organisation").order_by("pk")
    absences = Absence.objects.filter(Q(person=person) | Q(substitute=person)).select_related("organisation")
    invitations = Invitation.objects.filter(Q(invited_by=person) | Q(used_by=person)).select_related("organisation")
    notes = VerificationNote.objects.filter(person=person).select_related("verification__organisation").order_by("pk")
    return {
        "person": {
            "name_zh": person.name_zh,
            "name_en": person.name_en,
            "title_zh": person.title_zh,
            "title_en": person.title_en,
            "orcid": person.orcid,
            "expertise": person.expertise,
            "language": person.language,
            "shown": person.shown,
            "email": person.user.email if person.user else "",
            "since": person.created_at.isoformat(),
        },
        "posts": [
            {
                "organisation": str(post.organisation),
                "role": post.role,
                "title_zh": post.title_zh,
                "title_en": post.title_en,
                "ended_on": post.ended_on.isoformat() if post.ended_on else None,
            }
            for post in Post.objects.filter(person=person).select_related("organisation").order_by("pk")
        ],
        "join_requests": [
            {"organisation": str(r.organisation), "role": r.role, "text": r.text, "state": r.state, "reason": r.reason}
            for r in requests
        ],
        "absences": [
            {
                "organisation": str(row.organisation),
                "first_on": row.first_on.isoformat(),
                "last_on": row.last_on.isoformat(),
                "as_substitute": row.substitute_id == person_id,
            }
            for row in absences.order_by("made_at", "pk")
        ],
        "invitations": [
            {
                "organisation": str(row.organisation),
                "role": row.role,
                "made_at": row.made_at.isoformat(),
                "state": row.state,
                "by_oneself": row.invited_by_id == person_id,
            }
            for row in invitations.order_by("made_at", "pk")
        ],
        "verification_notes": [
            {
                "organisation": str(row.verification.organisation),
                "kind": row.kind,
                "text": row.text,
                "at": row.at.isoformat(),
            }
            for row in notes
        ],
    }


def erase(person_id: int) -> None:
    """The row stays for the sake of its id; the name becomes a mark, the account is closed, posts end today."""
    person = Person.objects.select_related("user").select_for_update(of=("self",)).get(pk=person_id)
    if person.user is not None:
        _close(person.user)
    Invitation.objects.filter(used_by=person).update(email="")
    Post.objects.filter(person=person).update(title_zh="", title_en="")
    Post.objects.filter(person=person, ended_on=None).update(ended_on=clock.today())
    JoinRequest.objects.filter(person=person).update(text="", reason="")
    JoinRequest.objects.filter(person=person, state=JoinState.OPEN).update(state=JoinState.TAKEN_BACK)
    VerificationNote.objects.filter(person=person).update(text="")
    Absence.objects.filter(Q(person=person) | Q(substitute=person), ended_at=None).update(ended_at=clock.now())
    person.name_zh, person.name_en = ERASED_ZH, ERASED_EN
    person.orcid, person.title_zh, person.title_en, person.language = None, "", "", ""
    person.expertise, person.shown = [], []
    person.save(update_fields=["name_zh", "name_en", "orcid", "title_zh", "title_en", "language", "expertise", "shown"])


def _close(user: Any) -> None:
    """Invitations to this address are void; the account can never be signed in to again."""
    if user.email:
        Invitation.objects.filter(email__iexact=user.email, state=InvitationState.OPEN).update(
            state=InvitationState.WITHDRAWN
        )
        Invitation.objects.filter(email__iexact=user.email).update(email="")
    user.username, user.email, user.first_name, user.last_name = f"erased-{user.pk}", "", "", ""
    user.is_active, user.last_login = False, None
    user.set_unusable_password()
    user.save(update_fields=["username", "email", "first_name", "last_name", "is_active", "last_login", "password"])
