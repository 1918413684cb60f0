"""What may be seen of experts, plans and assignments. A hidden thing looks like a missing one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import ItemState
from keqiao.experts import expertise
from keqiao.experts.expertise import Query
from keqiao.experts.models import (
    Assignment,
    AssignmentPlan,
    Availability,
    DeclaredConflict,
    ExpertAchievement,
    ExpertPaper,
    ExpertProfile,
    ExpertWord,
    Pair,
)
from keqiao.experts.types import (
    ON_DESK,
    AssignmentState,
    Evidence,
    EvidenceKind,
    Found,
    PlanKind,
    Problem,
    Reason,
    Tie,
)
from keqiao.kernel import clock
from keqiao.kernel.errors import NotFound
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import APPROVING_ROLES, Actor, Role

LEAST_SCORE = 15  # of 100: below, the words in common are those that any two texts have
MOST_FOUND = 500
REASONS = 3  # shown of each expert
SHOWN_WORDS = 8

# --- profiles ---------------------------------------------------------------------------------------------------------


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
    rows = experts_visible_to(actor).filter(is_listed=True)
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
    return _one(profile.papers.filter(pk=paper_id))


def get_period(profile: ExpertProfile, period_id: int) -> Availability:
    return _one(profile.periods.filter(pk=period_id))


def get_conflict(profile: ExpertProfile, conflict_id: int) -> DeclaredConflict:
    return _one(profile.conflicts.filter(pk=conflict_id))


def _one(rows: QuerySet[Any]) -> Any:
    found = rows.first()
    if found is None:
        raise NotFound
    return found


# --- evidence ---------------------------------------------------------------------------------------------------------


def _of_achievement(item: Any) -> Evidence:
    texts = {text.lang: text for text in item.texts.all()}
    words = (*item.keywords_zh, *item.keywords_en)
    parts = [part for text in texts.values() for part in (text.title, text.problem, text.how, text.summary)]
    return Evidence(
        EvidenceKind.ACHIEVEMENT,
        item.pk,
        texts["zh"].title if "zh" in texts else "",
        texts["en"].title if "en" in texts else "",
        tuple(filter(None, (*parts, "，".join(words)))),
        item.code,
    )


def _of_need(need: Any) -> Evidence:
    texts = {text.lang: text for text in need.texts.all()}
    return Evidence(
        EvidenceKind.SOLVED,
        need.pk,
        texts["zh"].title if "zh" in texts else "",
        texts["en"].title if "en" in texts else "",
        tuple(filter(None, need_texts(need).values())),
        need.code,
    )


def need_texts(need: Any) -> dict[str, str]:
    """Language → what the need says of its subject."""
    words = {"zh": "，".join(need.keywords_zh), "en": ", ".join(need.keywords_en)}
    return {
        text.lang: "\n".join(
            filter(
                None,
                (
                    *[text.title] * expertise.TITLE_COUNTS,
                    text.problem,
                    text.background,
                    text.wanted,
                    words.get(text.lang, ""),
                ),
            )
        )
        for text in need.texts.all()
    }


# --- finding ----------------------------------------------------------------------------------------------------------


def query_of(need: Any) -> Query:
    """The need's words against those of all listed experts."""
    asked = expertise.asked_words(need_texts(need))
    rows = ExpertWord.objects.filter(token__in=list(asked)).values_list("token").annotate(n=Sum("count")).order_by()
    size = ExpertProfile.objects.filter(is_listed=True).aggregate(n=Sum("words"))["n"] or 0
    return Query.of(asked, dict(rows), size)


def scores(query: Query, *, among: Collection[int] | None = None) -> dict[int, int]:
    """Profile → points, best first; those with too little in common are not there. In the database: one read of the
    inverted file.
    """
    if not query.weights:
        return {}
    sql = """
        SELECT word.profile_id, SUM(asked.weight * LN(1 + asked.odds * word.share)) AS score
        FROM UNNEST(%s::text[], %s::float8[], %s::float8[]) AS asked (token, weight, odds)
        JOIN experts_expertword word ON word.token = asked.token
        WHERE %s::bigint[] IS NULL OR word.profile_id = ANY (%s::bigint[])
        GROUP BY word.profile_id ORDER BY score DESC, word.profile_id LIMIT %s
    """
    tokens = list(query.weights)
    ids = None if among is None else list(among)
    most = MOST_FOUND if ids is None else max(len(ids), 1)
    given: Any = [tokens, [query.weights[t] for t in tokens], [query.odds[t] for t in tokens], ids, ids, most]
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        rows = cursor.fetchall()
    found = {profile_id: query.points(score) for profile_id, score in rows}
    return {profile_id: points for profile_id, points in found.items() if points >= LEAST_SCORE}


def experts_for(need: Any, *, actor: Actor) -> tuple[Query, list[tuple[int, int]]]:
    """(profile, points) of those who fit a need the actor may see, best first. Reasons come with `shown_experts`."""
    query = query_of(need)
    points = scores(query)
    visible = set(experts_visible_to(actor).filter(pk__in=points).values_list("pk", flat=True))
    return query, [(pk, score) for pk, score in points.items() if pk in visible]


def shown_experts(query: Query, ranked: Sequence[tuple[int, int]], *, actor: Actor, need: Any = None) -> list[Found]:
    """One page of experts with their reasons; with ties and load for those who may assign the need."""
    ids = [pk for pk, _score in ranked]
    rows = experts_visible_to(actor).filter(pk__in=ids).prefetch_related("papers")
    profiles = {profile.pk: profile for profile in rows}
    evidence = evidence_of_each(profiles.values())
    sees_ties = need is not None and sees_ties_of(actor, need)
    ties = ties_between([need], list(profiles.values())) if sees_ties else {}
    loads, room = loads_of(ids), capacities(profiles.values(), on=clock.today())
    return [
        Found(
            profiles[pk],
            score,
            reasons(query, evidence[pk]),
            tuple(ties.get((need.pk, pk), ())) if sees_ties else (),
            loads.get(pk, 0),
            room.get(pk, 0),
        )
        for pk, score in ranked
        if pk in profiles
    ]


def sees_ties_of(actor: Actor, need: Any) -> bool:
    """Who is tied to a publisher gives the publisher away: only for its own people and for operators."""
    return actor.is_operator or actor.works_for(need.publisher_id)


def evidence_of_each(profiles: Iterable[Any]) -> dict[int, list[Evidence]]:
    """All that speaks for each expert: public texts, and what they say of themselves. For one page of them at once."""
    rows = {profile.pk: profile for profile in profiles}
    works = _works_of_each(rows)
    done = Assignment.objects.filter(candidate__profile_id__in=rows, state=AssignmentState.DONE)
    solved: dict[int, set[int]] = defaultdict(set)
    for profile_id, need_id in done.values_list("candidate__profile_id", "need__need_id"):
        solved[profile_id].add(need_id)
    ids = {pk for found in solved.values() for pk in found}
    needs = {
        need.pk: _of_need(need)
        for need in catalogue.needs_visible_to(parties.visitor()).filter(pk__in=ids).prefetch_related("texts")
    }
    found: dict[int, list[Evidence]] = {}
    for pk, profile in rows.items():
        own = [*works.get(pk, ())]
        own += [
            Evidence(EvidenceKind.PAPER, row.pk, row.title, "", (row.title, row.abstract), "", row.doi, row.year)
            for row in profile.papers.all()
        ]
        own += [needs[need_id] for need_id in sorted(solved[pk]) if need_id in needs]
        said = (profile.statement_zh, profile.statement_en, "，".join(profile.person.expertise))
        if any(said):
            own.append(Evidence(EvidenceKind.STATEMENT, pk, texts=tuple(filter(None, said))))
        found[pk] = own
    return found


def _works_of_each(profiles: Mapping[int, Any]) -> dict[int, list[Evidence]]:
    """The claimed achievements of several experts that are public and whose teams still name them."""
    claims = list(ExpertAchievement.objects.filter(profile_id__in=profiles).values_list("profile_id", "achievement_id"))
    items = {item.pk: item for item in catalogue.public_achievements([achievement for _profile, achievement in claims])}
    worked: dict[int, set[int]] = defaultdict(set)
    for person_id, organisation_id in parties.tenures_ever([profile.person_id for profile in profiles.values()]):
        worked[person_id].add(organisation_id)
    found: dict[int, list[Evidence]] = defaultdict(list)
    for profile_id, achievement_id in sorted(claims):
        item, person = items.get(achievement_id), profiles[profile_id].person
        if item is not None and _names(item, person, worked[person.pk]):
            found[profile_id].append(_of_achievement(item))
    return found


def _names(item: Any, person: Any, places: set[int]) -> bool:
    """Does the team name this person? By name only where they worked: elsewhere it may be a namesake."""
    names = {name for name in (person.name_zh, person.name_en) if name}
    here = item.owner_id in places
    return any(
        row.person_id == person.pk or (here and bool(names & {row.name_zh, row.name_en})) for row in item.team.all()
    )


def reasons(query: Query, evidence: Sequence[Evidence]) -> tuple[Reason, ...]:
    """The evidence that counts most, with its words and best sentence."""
    weighed = []
    for one in evidence:
        common = query.words_of(expertise.words(one.text))
        weighed.append((sum(gain for _token, gain in common), one, common))
    whole = sum(gain for gain, _one, _common in weighed)
    weighed.sort(key=lambda row: -row[0])
    return tuple(
        Reason(
            one,
            round(100 * gain / whole),
            tuple(dict.fromkeys(expertise.as_written(token, one.texts) for token in _telling(common))),
            expertise.passage(query, one.text),
        )
        for gain, one, common in weighed[:REASONS]
        if gain > 0
    )


def reasons_of_pair(need: Any, assignment: Assignment, *, actor: Actor) -> tuple[Reason, ...]:
    """Why the expert of an assignment fits, as they are now; achievements have their match."""
    profile = assignment.candidate.profile
    if profile is None:
        return ()
    rows = with_papers([profile.pk], actor=actor)
    return reasons(query_of(need), evidence_of_each(rows)[profile.pk]) if rows else ()


def _telling(common: Sequence[tuple[str, float]]) -> list[str]:
    """The words to show: numbers and single letters say nothing by themselves."""
    return [token for token, _gain in common if len(token) > 1 and not token.isdigit()][:SHOWN_WORDS]


# --- load and ties ----------------------------------------------------------------------------------------------------


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


# --- plans ------------------------------------------------------------------------------------------------------------


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
    return _one(plan_needs(plan).filter(need__code=need_code))


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


# --- assignments ------------------------------------------------------------------------------------------------------


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
    mine = Q(candidate__profile__person_id=actor.person_id) | Q(candidate__achievement__owner_id__in=managed)
    rows = Assignment.objects.filter(mine, asked_at__isnull=False)
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
