"""The work of the training job: rows → points → card → differences on real needs. It writes through commands alone.

Killed anywhere, it begins anew from the rows that there were when the training was asked for and that have not changed
since; only the last step leaves something, and that all at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Q

from keqiao.catalogue import selectors as catalogue
from keqiao.engagement.types import DeclineReason, UnsuitableReason
from keqiao.kernel import clock
from keqiao.kernel.parameters import parameter
from keqiao.learning import judged, learner, services
from keqiao.learning.learner import CHOSEN, SHOWN, UNSUITABLE, Example, Pairs, Rules
from keqiao.learning.models import LearnedModel, TrainingRow
from keqiao.learning.selectors import ANSWERED, refused_organisations
from keqiao.learning.types import ModelState, Step, Trouble
from keqiao.matching import selectors as matching
from keqiao.matching.selectors import Fits
from keqiao.matching.types import Stone
from keqiao.parties import selectors as parties

ANSWER, DEAL = 3, 4  # grades above CHOSEN
LOOKED_AT = 10  # places of a list that the comparison on real needs is about
NEEDS_SHOWN = 20  # on the card, those that change most
CHUNK = 50  # needs compared between two reports
COLUMNS = (
    "need_id", "achievement_id", "side", "organisation_id", "person_id", "position", "score", "has_unmet", "fits",
    "is_suitable", "reason", "contacted_at", "answered_at", "declined_at", "decline_reason", "signed_at",
)  # fmt: skip


class Stopped(Exception):
    """An operator stopped it."""


class NothingLearned(Exception):
    """The rows do not lead to points that could be put in force; the card says how far it came."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble)
        self.trouble = trouble


@dataclass(frozen=True)
class Gathered:
    examples: list[Example]
    answers: int
    organisations: int
    people: int
    shown: int
    first_at: datetime
    last_at: datetime


def train(model_id: int) -> None:
    model = LearnedModel.objects.filter(pk=model_id, state=ModelState.TRAINING).first()
    if model is None:
        return  # done, or stopped
    card: dict[str, Any] = {}
    try:
        points, differences = _train(model, card)
    except Stopped:
        return
    except NothingLearned as nothing:
        services.fail_training(actor=parties.system(), model_id=model.pk, trouble=nothing.trouble, card=card)
        return
    services.finish_training(
        actor=parties.system(), model_id=model.pk, points=by_stone(points), card=card, differences=differences
    )


def _train(model: LearnedModel, card: dict[str, Any]) -> tuple[tuple[int, ...], list[dict[str, Any]]]:
    """The points and the differences; the card is written on the way."""
    _at(model, Step.GATHERING)
    gathered = gather(model.asked_at)
    before = matching.points_in_force()
    now, rules = in_order(before.plain), read_rules()
    card |= {
        "data": _data(gathered),
        "before": before.plain,
        "before_name": before.name,
        "shipped": by_stone(rules.shipped),
    }
    _is_enough(gathered)
    _at(model, Step.LEARNING)
    eta = learner.position_bias(gathered.examples)
    pairs = learner.preferences(gathered.examples, eta)
    points = learner.learn(pairs, rules)
    card["method"] = _method(eta, pairs, rules)
    if points == now:
        raise NothingLearned(Trouble.SAME)
    _at(model, Step.JUDGING)
    estimate = learner.cross_fitted(gathered.examples, rules, now, eta)
    card["estimate"] = {name: round(value, 4) for name, value in asdict(estimate).items()}
    card["judged"] = {
        "needs": len(judged.judged_needs()),
        "before": round(judged.ndcg(now), 4),
        "after": round(judged.ndcg(points), 4),
    }
    card["needs"], differences = _compare(model, now, points)
    return points, differences


def _is_enough(gathered: Gathered) -> None:
    """Few organisations would be seen through the points; few answers teach nothing."""
    today = clock.today()
    if gathered.organisations < parameter("learning.least_organisations", on=today):
        raise NothingLearned(Trouble.FEW_ORGANISATIONS)
    if gathered.answers < parameter("learning.least_answers", on=today):
        raise NothingLearned(Trouble.FEW_ANSWERS)


def _method(eta: float, pairs: Pairs, rules: Rules) -> dict[str, Any]:
    return {
        "eta": round(eta, 2),
        "voters": pairs.organisations,
        "preferences": len(pairs.weights),
        "trimmed_percent": round(100 * rules.trimmed),
        "most_change": rules.most_change,
        "shrinkage": round(learner.shrinkage(pairs), 2),
        "most_weight": learner.MOST_WEIGHT,
    }


def _at(model: LearnedModel, step: Step, done: int = 0, total: int = 0) -> None:
    if not services.note_progress(actor=parties.system(), model_id=model.pk, step=step, done=done, total=total):
        raise Stopped


def in_order(points: dict[str, int]) -> tuple[int, ...]:
    return tuple(points.get(str(stone), 0) for stone in Stone)


def by_stone(points: Sequence[int]) -> dict[str, int]:
    return {str(stone): value for stone, value in zip(Stone, points, strict=True)}


def read_rules() -> Rules:
    today = clock.today()
    return Rules(
        shipped=in_order(matching.points_that_ship().plain),
        most_change=parameter("learning.most_change_points", on=today),
        least_points=1,  # a stone without points is not computed, and nothing could be learned of it again
        trimmed=parameter("learning.trimmed_percent", on=today) / 100,
    )


# --- rows to examples -------------------------------------------------------------------------------------------------


def gather(until: datetime) -> Gathered:
    """The lists in which somebody did something, of verified organisations that take part."""
    first = until - timedelta(days=parameter("learning.window_days", on=clock.today()))
    rows = TrainingRow.objects.filter(touched_at__range=(first, until), organisation__is_verified=True)
    rows = rows.exclude(organisation__in=refused_organisations().values("organisation"))
    answered = rows.filter(ANSWERED, person__isnull=False)
    needs = set(answered.filter(side="need").values_list("need_id", flat=True))
    achievements = set(answered.filter(side="achievement").values_list("achievement_id", flat=True))
    of_lists = Q(side="need", need__in=needs) | Q(side="achievement", achievement__in=achievements)
    found = _newest(rows.filter(of_lists).order_by("pk").values(*COLUMNS).iterator(chunk_size=2_000))
    examples = [_example(row) for row in found]
    told = [e for e in examples if e.grade != SHOWN]
    return Gathered(
        examples,
        len(told),
        len({e.organisation for e in told}),
        len({e.person for e in told}),
        len(examples),
        first,
        until,
    )


def _newest(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Of a match that was shown under several versions the one that was answered, else the last."""
    kept: dict[tuple[str, int, int], dict[str, Any]] = {}
    for row in rows:
        key = (row["side"], row["need_id"], row["achievement_id"])
        if key not in kept or row["person_id"] is not None or kept[key]["person_id"] is None:
            kept[key] = row
    return kept.values()


def _example(row: dict[str, Any]) -> Example:
    item = row["need_id"] if row["side"] == "need" else row["achievement_id"]
    return Example(
        organisation=row["organisation_id"],
        person=row["person_id"],
        shelf=(row["side"], item),
        fits=tuple(row["fits"]),
        has_unmet=row["has_unmet"],
        score=row["score"],
        position=row["position"],
        grade=grade(row),
    )


def grade(row: dict[str, Any]) -> int:
    """What the side made of the match. That it knew it already says nothing about how well it fits."""
    if row["person_id"] is None:
        return SHOWN
    if row["signed_at"]:
        return DEAL
    if row["is_suitable"] is False:
        return SHOWN if row["reason"] == UnsuitableReason.KNOWN else UNSUITABLE
    if row["answered_at"]:
        return ANSWER
    if row["declined_at"] and row["decline_reason"] == DeclineReason.NOT_FITTING:
        return SHOWN  # one side thought it fits, the other did not
    return CHOSEN if row["is_suitable"] or row["contacted_at"] else SHOWN


def _data(gathered: Gathered) -> dict[str, Any]:
    grades = learner.counts_by_grade(gathered.examples)
    return {
        "first_on": gathered.first_at.date().isoformat(),
        "last_on": gathered.last_at.date().isoformat(),
        "shown": gathered.shown,
        "answers": gathered.answers,
        "organisations": gathered.organisations,
        "people": gathered.people,
        "unsuitable": grades.get(UNSUITABLE, 0),
        "chosen": grades.get(CHOSEN, 0),
        "answered": grades.get(ANSWER, 0),
        "signed": grades.get(DEAL, 0),
    }


# --- real needs -------------------------------------------------------------------------------------------------------


def _compare(
    model: LearnedModel, before: Sequence[int], after: Sequence[int]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The orders of real needs' lists by both points, in a sample that is the same when the job runs again."""
    ids = list(catalogue.published_ids("need").values_list("pk", flat=True))
    most = parameter("learning.needs_compared", on=clock.today())
    ids = sorted(random.Random(model.pk).sample(ids, min(most, len(ids))))  # noqa: S311 -- a sample, not a secret
    changed: list[dict[str, Any]] = []
    compared = new_first = 0
    overlap = 0.0
    for start in range(0, len(ids), CHUNK):
        _at(model, Step.COMPARING, start, len(ids))
        for need_id, rows in by_need(matching.fits_of_needs(ids[start : start + CHUNK])):
            moves, same, is_new_first = list_changes(rows, before, after)
            compared += 1
            overlap += same
            new_first += is_new_first
            if moves:
                changed.append({"need": need_id, "moves": moves})
    changed.sort(key=lambda row: (-sum(abs(move[1] - move[2]) for move in row["moves"]), row["need"]))
    figures = {
        "compared": compared,
        "changed": len(changed),
        "new_first": new_first,
        "overlap": round(overlap / compared, 4) if compared else None,
    }
    return figures, changed[:NEEDS_SHOWN]


def by_need(rows: Sequence[Fits]) -> Iterator[tuple[int, list[Fits]]]:
    for need_id, found in groupby(rows, key=lambda row: row.need_id):
        yield need_id, list(found)


def list_changes(
    rows: Sequence[Fits], before: Sequence[int], after: Sequence[int]
) -> tuple[list[list[int]], float, bool]:
    """Moves among the places that are looked at, share of them that stay there, whether another comes first."""
    scores = [[learner.total(row.fits, points) for row in rows] for points in (before, after)]
    places = [_places(rows, found) for found in scores]
    moves = [
        [row.achievement_id, places[0][at], places[1][at], scores[0][at], scores[1][at]]
        for at, row in enumerate(rows)
        if places[0][at] != places[1][at] and min(places[0][at], places[1][at]) <= LOOKED_AT
    ]
    moves.sort(key=lambda move: move[2])
    top = [{at for at in range(len(rows)) if found[at] <= LOOKED_AT} for found in places]
    first = [found.index(1) for found in places]
    return moves, len(top[0] & top[1]) / len(top[0]), first[0] != first[1]


def _places(rows: Sequence[Fits], scores: Sequence[int]) -> list[int]:
    order = sorted(range(len(rows)), key=lambda at: (rows[at].has_unmet, -scores[at], rows[at].achievement_id))
    found = [0] * len(rows)
    for place, at in enumerate(order, 1):
        found[at] = place
    return found
