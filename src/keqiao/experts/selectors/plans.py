"""What may be seen of plans and assignments. A hidden thing looks like a missing one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import ItemState
from keqiao.experts.models import (
    Assignment,
    AssignmentPlan,
    ExpertAchievement,
    ExpertProfile,
    Pair,
)
from keqiao.experts.selectors.profiles import listed_experts, one_of
from keqiao.experts.types import (
    ON_DESK,
    AssignmentState,
    Problem,
)
from keqiao.kernel.errors import NotFound
from keqiao.kernel.picking import is_any_of
from keqiao.parties import selectors as parties
from keqiao.parties.types import APPROVING_ROLES, Actor


def plans_visible_to(actor: Actor) -> QuerySet[AssignmentPlan]:
    """Operators see all; those in charge of an organisation its own."""
    rows = AssignmentPlan.objects.select_related("organisation", "made_by")
    if actor.is_operator:
        return rows
    managed = {place for place, role in actor.posts if role in APPROVING_ROLES}
    return rows.filter(organisation_id__in=managed)


def get_plan(code: str, *, actor: Actor, lock: bool = False) -> AssignmentPlan:
    rows = plans_visible_to(actor)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def plan_by_id(plan_id: int, *, lock: bool = False) -> AssignmentPlan | None:
    """For jobs."""
    rows = AssignmentPlan.objects.all()
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    return rows.filter(pk=plan_id).first()


def needs_to_plan(actor: Actor) -> QuerySet[Any]:
    """Published needs that the actor may give to somebody: all for operators, else those of one's organisation."""
    rows = catalogue.newest_needs(actor)
    return rows if actor.is_operator else rows.filter(publisher_id=actor.acting_for)


def may_plan_need(actor: Actor, need: Any) -> bool:
    in_charge = actor.is_operator or actor.has_role(need.publisher_id, *APPROVING_ROLES)
    return in_charge and is_public(need)


def pool(kind: str, *, actor: Actor) -> QuerySet[ExpertProfile]:
    return listed_experts(actor, kind=kind)


def plan_needs(plan: AssignmentPlan) -> QuerySet[Any]:
    rows = plan.needs.select_related("need").prefetch_related("need__texts")
    return rows.order_by("position")


def assignments_of_needs(plan_need_ids: Sequence[int]) -> dict[int, list[Assignment]]:
    rows = Assignment.objects.filter(need_id__in=plan_need_ids).exclude(state=AssignmentState.DROPPED)
    found: dict[int, list[Assignment]] = defaultdict(list)
    for row in _with_candidate(rows).select_related("need__plan", "need__need").order_by("-score", "pk"):
        found[row.need_id].append(row)
    return found


def _with_candidate(rows: QuerySet[Assignment]) -> QuerySet[Assignment]:
    names = ("candidate", "next_best", "instead_of")
    return rows.select_related(
        *(f"{name}__profile__person" for name in names), *(f"{name}__achievement" for name in names)
    ).prefetch_related(*(f"{name}__achievement__texts" for name in names))


def get_plan_need(plan: AssignmentPlan, need_code: str) -> Any:
    return one_of(plan_needs(plan).filter(need__code=need_code))


def best_pairs(plan_need_ids: Sequence[int], count: int = 5) -> dict[int, list[Pair]]:
    """The best few pairs of each need: to say why nobody was taken."""
    ranked = Pair.objects.filter(need_id__in=plan_need_ids, score__gt=0).annotate(
        place=Window(RowNumber(), partition_by=F("need_id"), order_by=[F("score").desc(), F("pk")])
    )
    found: dict[int, list[Pair]] = defaultdict(list)
    for pair in ranked.filter(place__lte=count).order_by("need_id", "place"):
        found[pair.need_id].append(pair)
    return found


def pairs_of(plan_need: Any, *, besides: Collection[int] = ()) -> QuerySet[Pair]:
    """All candidates of one need of a plan, best first, with their ties."""
    rows = Pair.objects.filter(need=plan_need).exclude(candidate_id__in=besides)
    rows = rows.select_related("candidate__profile__person", "candidate__achievement")
    return rows.prefetch_related("candidate__achievement__texts").order_by("-score", "candidate__position")


def loads_in(plan: AssignmentPlan, candidate_ids: Iterable[int] | None = None) -> Counter[int]:
    """Candidate → how many needs of this plan they hold."""
    rows = Assignment.objects.filter(need__plan=plan, state__in=[AssignmentState.PROPOSED, *ON_DESK])
    if candidate_ids is not None:
        rows = rows.filter(candidate_id__in=list(candidate_ids))
    return Counter(dict(rows.values_list("candidate_id").annotate(n=Count("pk")).order_by()))


def spread_of(plan: AssignmentPlan) -> dict[str, int]:
    """The least and the most that somebody in the pool has on the desk with this plan, and how many get nothing of it."""
    held = loads_in(plan)
    rows = list(plan.candidates.values_list("pk", "load"))
    desks = [load + held.get(pk, 0) for pk, load in rows]
    idle = sum(not held.get(pk) for pk, _load in rows)
    return {"least": min(desks, default=0), "most": max(desks, default=0), "idle": idle, "people": len(rows)}


def assignments_of_plan(plan: AssignmentPlan) -> QuerySet[Assignment]:
    rows = Assignment.objects.filter(need__plan=plan).select_related("need__plan", "need__need")
    return _with_candidate(rows).order_by("need__position", "-score", "pk")


def score_range(plan: AssignmentPlan) -> dict[str, int | None]:
    states = [AssignmentState.PROPOSED, *ON_DESK, AssignmentState.DONE]
    rows = Assignment.objects.filter(need__plan=plan, state__in=states)
    return rows.aggregate(least=Min("score"), most=Max("score"), filled=Count("pk"), points=Sum("score"))


def problem_of(plan: AssignmentPlan) -> tuple[Problem, list[int], list[int]]:
    """The plan in numbers, with the ids of its needs and candidates in the order of the rows and columns."""
    needs = list(plan.needs.order_by("position").values_list("pk", flat=True))
    people = list(plan.candidates.order_by("position"))
    row, column = {pk: n for n, pk in enumerate(needs)}, {one.pk: n for n, one in enumerate(people)}
    scores = [[0] * len(people) for _need in needs]
    tied = set()
    pairs = Pair.objects.filter(need__plan=plan).values_list("need_id", "candidate_id", "score", "ties")
    for need, candidate, score, ties in pairs:
        scores[row[need]][column[candidate]] = score
        if ties:
            tied.add((row[need], column[candidate]))
    room = tuple(max(0, min(one.capacity - one.load, plan.most_each)) for one in people)
    problem = Problem(
        tuple(map(tuple, scores)),
        frozenset(tied),
        room,
        tuple(one.load for one in people),
        plan.per_need,
        plan.spread,
        plan.raises_worst,
    )
    return problem, needs, [one.pk for one in people]


def assignments_visible_to(actor: Actor) -> QuerySet[Assignment]:
    """Those who run the plan see all of it; who was asked sees theirs, from the moment they are asked."""
    rows = Assignment.objects.select_related(
        "need__plan__organisation", "need__need__publisher", "candidate__profile__person", "candidate__achievement"
    )
    if actor.is_operator:
        return rows
    if actor.person_id is None:
        return rows.none()
    managed = [place for place, role in actor.posts if role in APPROVING_ROLES]
    mine = Q(candidate__profile__person_id=actor.person_id) | Q(candidate__achievement__owner_id__in=managed)
    return rows.filter(Q(need__plan__organisation_id__in=managed) | (mine & Q(asked_at__isnull=False)))


def get_assignment(code: str, *, actor: Actor, lock: bool = False) -> Assignment:
    rows = assignments_visible_to(actor)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def askees(assignment: Assignment) -> list[int]:
    """Ids of the people who may answer: the expert, or those in charge where the achievement belongs."""
    candidate = assignment.candidate
    if candidate.profile is not None:
        return [candidate.profile.person_id]
    return parties.approvers_of(candidate.achievement.owner_id) if candidate.achievement else []


def proposed_of(profile_ids: Iterable[int], *, plan_id: int) -> dict[int, int]:
    """Profile → places that are kept for them in one plan, not asked for yet."""
    rows = Assignment.objects.filter(
        candidate__profile_id__in=list(profile_ids), need__plan_id=plan_id, state=AssignmentState.PROPOSED
    )
    return dict(rows.values_list("candidate__profile_id").annotate(n=Count("pk")).order_by())


def runs(actor: Actor, assignment: Assignment) -> bool:
    """Those who run its plan see how it came about."""
    in_charge = actor.has_role(assignment.need.plan.organisation_id, *APPROVING_ROLES)
    return actor.is_operator or in_charge


def asked_of(actor: Actor) -> QuerySet[Assignment]:
    """What waits for the actor's answer, and what they took on or refused; the open ones first."""
    if actor.person_id is None:
        return Assignment.objects.none()
    managed = [place for place, role in actor.posts if role in APPROVING_ROLES]
    # Asked for each by itself: with OR over two tables the database would look at every assignment.
    own = Assignment.objects.filter(candidate__profile__person_id=actor.person_id).values("pk")
    for_place = Assignment.objects.filter(candidate__achievement__owner_id__in=managed).values("pk")
    rows = Assignment.objects.filter(is_any_of(own.union(for_place)), asked_at__isnull=False)
    rows = rows.select_related("need__plan", "need__need", "candidate__profile", "candidate__achievement")
    return rows.prefetch_related("need__need__texts").order_by("-asked_at", "-pk")


def overdue(before: date) -> list[int]:
    rows = Assignment.objects.filter(state=AssignmentState.ASKED, due_on__lt=before)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def stale_profiles(count: int) -> list[int]:
    """Listed experts whose words are older than their evidence."""
    rows = ExpertProfile.objects.filter(is_listed=True, indexed_revision__lt=F("revision"))
    return list(rows.order_by("pk").values_list("pk", flat=True)[:count])


def experts_of_achievement(achievement_id: int) -> list[int]:
    rows = ExpertAchievement.objects.filter(achievement_id=achievement_id)
    return list(rows.order_by("profile_id").values_list("profile_id", flat=True))


def is_public(need: Any) -> bool:
    return bool(need.state == ItemState.PUBLISHED)
