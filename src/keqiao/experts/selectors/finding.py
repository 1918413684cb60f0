"""Experts for a need, with the evidence that speaks for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import Sum

from keqiao.catalogue import selectors as catalogue
from keqiao.experts import expertise
from keqiao.experts.expertise import Query
from keqiao.experts.models import (
    Assignment,
    ExpertAchievement,
    ExpertProfile,
    ExpertWord,
)
from keqiao.experts.selectors.load import capacities, loads_of, sees_load, ties_between
from keqiao.experts.selectors.profiles import experts_visible_to, with_papers
from keqiao.experts.types import (
    AssignmentState,
    Evidence,
    EvidenceKind,
    Found,
    Reason,
)
from keqiao.kernel import clock
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

LEAST_SCORE = 15  # of 100: below, the words in common are those that any two texts have
MOST_FOUND = 500
REASONS = 3  # shown of each expert
SHOWN_WORDS = 8


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
    told = {pk for pk, profile in profiles.items() if sees_load(actor, profile)}
    return [
        Found(
            profiles[pk],
            score,
            reasons(query, evidence[pk]),
            tuple(ties.get((need.pk, pk), ())) if sees_ties else (),
            loads.get(pk, 0) if pk in told else None,
            room.get(pk, 0) if pk in told else None,
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
