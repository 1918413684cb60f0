"""The inverted file of the listed experts follows their evidence."""

from __future__ import annotations

from keqiao.experts import expertise, selectors
from keqiao.experts.models import ExpertProfile, ExpertWord
from keqiao.experts.refreshing import changed
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.parties.types import Actor

__all__ = ["index_expert", "mark_stale"]

LONGEST_TOKEN = 140


@command
def index_expert(*, actor: Actor, profile_id: int) -> bool:
    """Make an expert's words anew. Nothing is kept of those who are not listed. Did anything change?"""
    if not actor.is_system:
        raise NotAllowed
    rows = ExpertProfile.objects.select_for_update(of=("self",), no_key=True).select_related("person")
    profile = rows.prefetch_related("papers").filter(pk=profile_id).first()
    if profile is None or not profile.is_listed or profile.indexed_revision >= profile.revision:
        return False
    evidence = selectors.evidence_of_each([profile])[profile.pk]
    model = expertise.model_of([expertise.words(one.text) for one in evidence])
    ExpertWord.objects.filter(profile=profile).delete()
    ExpertWord.objects.bulk_create(
        (
            ExpertWord(profile=profile, token=token[:LONGEST_TOKEN], count=count, share=model.shares[token])
            for token, count in sorted(model.counts.items())
        ),
        batch_size=1_000,
    )
    profile.words, profile.indexed_revision = model.size, profile.revision
    profile.save(update_fields=["words", "indexed_revision"])
    return True


@command
def mark_stale(*, actor: Actor, person_id: int | None = None, achievement_id: int | None = None) -> int:
    """A text that speaks for experts changed below. How many are made anew."""
    if not actor.is_system:
        raise NotAllowed
    rows = ExpertProfile.objects.filter(person_id=person_id) if person_id else ExpertProfile.objects.none()
    if achievement_id is not None:
        rows = ExpertProfile.objects.filter(pk__in=selectors.experts_of_achievement(achievement_id))
    profiles = list(rows.select_for_update(of=("self",), no_key=True).order_by("pk"))
    for profile in profiles:
        changed(profile)
    return len(profiles)
