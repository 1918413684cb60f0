"""What experts hold about a person: their part of an export, and what is erased with them."""

from __future__ import annotations

from typing import Any

from keqiao.accounts import selectors as accounts
from keqiao.experts.models import Assignment, ExpertPaper, ExpertProfile, ExpertWord
from keqiao.experts.refreshing import changed
from keqiao.kernel.personal import Identity
from keqiao.kernel.scrubbing import scrub
from keqiao.parties import selectors as parties


def export(person_id: int) -> dict[str, Any]:
    """One's own entry, and what one was asked to take on."""
    profile = ExpertProfile.objects.filter(person_id=person_id).first()
    if profile is None:
        return {}
    asked = Assignment.objects.filter(candidate__profile=profile, asked_at__isnull=False).select_related("need__need")
    return {
        "expert": {
            "code": profile.code,
            "statement_zh": profile.statement_zh,
            "statement_en": profile.statement_en,
            "capacity": profile.capacity,
            "is_listed": profile.is_listed,
            "listed_at": profile.listed_at and profile.listed_at.isoformat(),
            "unlisted_at": profile.unlisted_at and profile.unlisted_at.isoformat(),
        },
        "papers": list(profile.papers.values("title", "doi", "year", "abstract")),
        "achievements": list(profile.works.order_by("pk").values_list("achievement__code", flat=True)),
        "periods": [
            {"first_on": row.first_on.isoformat(), "last_on": row.last_on.isoformat(), "capacity": row.capacity}
            for row in profile.periods.all()
        ],
        "conflicts": [
            {
                "organisation": str(row.organisation),
                "kind": row.kind,
                "last_on": row.last_on and row.last_on.isoformat(),
                "note": row.note,
            }
            for row in profile.conflicts.select_related("organisation")
        ],
        "assignments": [
            {
                "code": row.code,
                "need": row.need.need.code,
                "state": row.state,
                "asked_at": row.asked_at and row.asked_at.isoformat(),
                "decline_reason": row.decline_reason,
                "decline_note": row.decline_note,
            }
            for row in asked.order_by("asked_at", "pk")
        ],
    }


def erase(person_id: int) -> None:
    """The row stays for the sake of plans that name it; all that it says is gone, and nobody finds it."""
    Assignment.objects.filter(answered_by_id=person_id).update(decline_note="")
    _take_out_of_others(person_id)
    profile = ExpertProfile.objects.select_for_update().filter(person_id=person_id).first()
    if profile is None:
        return
    ExpertWord.objects.filter(profile=profile).delete()
    for rows in (profile.papers, profile.works, profile.periods, profile.conflicts):
        rows.all().delete()
    profile.statement_zh = profile.statement_en = ""
    profile.is_listed, profile.words, profile.indexed_revision = False, 0, 0
    profile.save(update_fields=["statement_zh", "statement_en", "is_listed", "words", "indexed_revision"])


def _take_out_of_others(person_id: int) -> None:
    """What colleagues say of themselves may name them; its words are made anew. Other tables: accounts/sweeping.py."""
    identity, own = accounts.identity_of(person_id), parties.organisations_of_person(person_id)
    profiles = ExpertProfile.objects.exclude(person_id=person_id)
    colleagues = profiles.filter(person__posts__organisation_id__in=own).values("pk")
    stale = set()
    for words, rows in ((Identity((), identity.addresses), profiles), (identity, profiles.filter(pk__in=colleagues))):
        stale |= {row.pk for row in scrub(rows, words)}
        stale |= {row.profile_id for row in scrub(ExpertPaper.objects.filter(profile__in=rows.values("pk")), words)}
    for profile in profiles.select_for_update(of=("self",), no_key=True).filter(pk__in=stale).order_by("pk"):
        changed(profile)
