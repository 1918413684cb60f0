"""What may be seen of experts: those who agreed to be found, and all of one's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from keqiao.catalogue import selectors as catalogue
from keqiao.experts.models import (
    Availability,
    DeclaredConflict,
    ExpertAchievement,
    ExpertPaper,
    ExpertProfile,
)
from keqiao.experts.types import (
    PlanKind,
)
from keqiao.kernel.errors import NotFound
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role


def experts_visible_to(actor: Actor) -> QuerySet[ExpertProfile]:
    """Those who agreed to be found, for people with an account; one's own always."""
    rows = ExpertProfile.objects.select_related("person")
    if actor.is_system:
        return rows.filter(is_listed=True, person__user__is_active=True)
    if actor.person_id is None:
        return rows.none()
    return rows.filter(Q(is_listed=True, person__user__is_active=True) | Q(person_id=actor.person_id))


def get_expert(code: str, *, actor: Actor) -> ExpertProfile:
    found = experts_visible_to(actor).filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def own_profile(actor: Actor) -> ExpertProfile | None:
    if actor.person_id is None:
        return None
    return ExpertProfile.objects.select_related("person").filter(person_id=actor.person_id).first()


def listed_experts(actor: Actor, *, kind: str = PlanKind.EXPERTS, word: str = "") -> QuerySet[ExpertProfile]:
    """The directory. `word`: in the name or among the fields of expertise. Brokers: those who work as one now."""
    if actor.person_id is None and not actor.is_system:
        return ExpertProfile.objects.none()
    rows = ExpertProfile.objects.select_related("person").filter(is_listed=True, person__user__is_active=True)
    if kind == PlanKind.BROKERS:
        rows = rows.filter(person__in=parties.people_in_posts([Role.TECHNOLOGY_MANAGER]).values("pk"))
    if word:
        named = Q(person__name_zh__icontains=word) | Q(person__name_en__icontains=word)
        rows = rows.filter(named | Q(person__expertise__contains=[word]))
    return rows.order_by("id")


def workplaces_of(profiles: Iterable[Any]) -> dict[int, list[Any]]:
    """Person → the organisations where they work now."""
    found: dict[int, list[Any]] = defaultdict(list)
    for post in parties.posts_in_force([profile.person_id for profile in profiles]):
        if post.organisation not in found[post.person_id]:
            found[post.person_id].append(post.organisation)
    return found


def possible_works(actor: Actor) -> QuerySet[Any]:
    """Public achievements whose team names the actor: what they may claim."""
    person = parties.get_person(actor)
    places = parties.organisations_of_person(person.pk)
    names = [person.name_zh, person.name_en]
    return catalogue.achievements_with_member(places, names, person_id=person.pk).prefetch_related("texts")


def claimed_codes(profile: ExpertProfile) -> set[str]:
    """Codes of the achievements that an expert says they took part in."""
    return set(ExpertAchievement.objects.filter(profile=profile).values_list("achievement__code", flat=True))


def with_papers(ids: Iterable[int], *, actor: Actor) -> list[ExpertProfile]:
    return list(experts_visible_to(actor).filter(pk__in=list(ids)).prefetch_related("papers"))


def get_paper(profile: ExpertProfile, paper_id: int) -> ExpertPaper:
    return one_of(profile.papers.filter(pk=paper_id))


def get_period(profile: ExpertProfile, period_id: int) -> Availability:
    return one_of(profile.periods.filter(pk=period_id))


def get_conflict(profile: ExpertProfile, conflict_id: int) -> DeclaredConflict:
    return one_of(profile.conflicts.filter(pk=conflict_id))


def one_of(rows: QuerySet[Any]) -> Any:
    found = rows.first()
    if found is None:
        raise NotFound
    return found
