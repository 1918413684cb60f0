"""How much experts have on their desks, and what ties them to a need's publisher."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Q

from keqiao.catalogue import selectors as catalogue
from keqiao.experts.models import (
    Assignment,
    Availability,
    DeclaredConflict,
    ExpertAchievement,
)
from keqiao.experts.types import (
    ON_DESK,
    AssignmentState,
    Tie,
)
from keqiao.kernel import clock
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor


def sees_load(actor: Actor, profile: Any) -> bool:
    """How much somebody has on the desk tells of needs that others gave them: for those who assign, and themselves."""
    return actor.is_operator or actor.is_in_charge or actor.person_id == profile.person_id


def loads_of(profile_ids: Iterable[int]) -> dict[int, int]:
    """Profile → tasks that they were asked for or accepted, over all plans."""
    rows = Assignment.objects.filter(candidate__profile_id__in=list(profile_ids), state__in=ON_DESK)
    return dict(rows.values_list("candidate__profile_id").annotate(n=Count("pk")).order_by())


def loads_of_achievements(achievement_ids: Iterable[int]) -> dict[int, int]:
    rows = Assignment.objects.filter(candidate__achievement_id__in=list(achievement_ids), state__in=ON_DESK)
    return dict(rows.values_list("candidate__achievement_id").annotate(n=Count("pk")).order_by())


def capacities(profiles: Iterable[Any], *, on: date) -> dict[int, int]:
    """How much each takes on that day: the dated row that starts last says, else the usual number."""
    usual = {profile.pk: profile.capacity for profile in profiles}
    rows = Availability.objects.filter(profile_id__in=usual, first_on__lte=on, last_on__gte=on)
    usual.update(dict(rows.order_by("first_on", "pk").values_list("profile_id", "capacity")))
    return usual


def ties_between(needs: Sequence[Any], profiles: Sequence[Any]) -> dict[tuple[int, int], list[str]]:
    """(need, profile) → why the expert must keep out of it. For those who may know the publishers."""
    publishers: dict[int, list[int]] = defaultdict(list)
    for need in needs:
        publishers[need.publisher_id].append(need.pk)
    found: dict[tuple[int, int], set[str]] = defaultdict(set)
    for kind, pairs in _ties_to(list(publishers), profiles).items():
        for organisation_id, profile_id in pairs:
            for need_id in publishers[organisation_id]:
                found[need_id, profile_id].add(kind)
    refused = Assignment.objects.filter(
        candidate__profile__in=[profile.pk for profile in profiles],
        need__need__in=[need.pk for need in needs],
        state=AssignmentState.DECLINED,
    )
    for pair in refused.values_list("need__need_id", "candidate__profile_id"):
        found[pair].add(Tie.REFUSED)
    return {pair: sorted(kinds) for pair, kinds in found.items()}


def _ties_to(publishers: Sequence[int], profiles: Sequence[Any]) -> dict[str, set[tuple[int, int]]]:
    """Kind of tie → (organisation, profile)."""
    person = {profile.person_id: profile.pk for profile in profiles}
    today = clock.today()
    since = today - timedelta(days=365 * parameter("experts.tie_years", on=today))
    employed = parties.tenures(person, publishers, since=since)
    declared = DeclaredConflict.objects.filter(profile__in=person.values(), organisation_id__in=publishers)
    declared = declared.filter(Q(last_on=None) | Q(last_on__gte=today))
    return {
        Tie.EMPLOYED: {(organisation_id, person[person_id]) for person_id, organisation_id in employed},
        Tie.DECLARED: set(declared.values_list("organisation_id", "profile_id")),
        Tie.TEAM: _shared_teams(publishers, person.values(), since),
        Tie.CONTRACT: _contracts(publishers, person.values()),
    }


def _contracts(publishers: Sequence[int], profiles: Iterable[int]) -> set[tuple[int, int]]:
    """(publisher, profile): a source states that a need of the one led to an achievement of the other."""
    works: dict[int, list[int]] = defaultdict(list)
    rows = ExpertAchievement.objects.filter(profile_id__in=list(profiles))
    for achievement_id, profile_id in rows.values_list("achievement_id", "profile_id"):
        works[achievement_id].append(profile_id)
    links = catalogue.stated_links(publishers, works)
    return {(organisation_id, profile_id) for organisation_id, work in links for profile_id in works[work]}


def _shared_teams(publishers: Iterable[int], profiles: Iterable[int], since: date) -> set[tuple[int, int]]:
    """(publisher, profile): an achievement of the publisher, or one with somebody of the publisher in its team."""
    works = list(
        ExpertAchievement.objects.filter(profile_id__in=list(profiles)).values_list(
            "profile_id", "achievement_id", "achievement__owner_id"
        )
    )
    own = set(publishers)
    found = {(owner, profile) for profile, _achievement, owner in works if owner in own}
    inside: dict[int, set[int]] = defaultdict(set)
    for person_id, place in parties.people_of(own, since=since):
        inside[person_id].add(place)
    members = catalogue.team_people([achievement for _profile, achievement, _owner in works])
    claimed = ExpertAchievement.objects.filter(achievement_id__in=[row[1] for row in works])
    members |= set(claimed.values_list("achievement_id", "profile__person_id"))
    teams: dict[int, set[int]] = defaultdict(set)  # achievement → organisations of its people
    for item, person_id in members:
        teams[item] |= inside[person_id]
    found |= {(place, profile) for profile, achievement, _owner in works for place in teams[achievement]}
    return found
