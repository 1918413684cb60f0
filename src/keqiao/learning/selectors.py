"""Reads of the learning context. Rows and models are the operators'; points in force are everybody's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncMonth

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel import clock
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.learning.models import LearnedModel, Refusal, TrainingRow
from keqiao.learning.types import ModelState, Month, Move, NeedMoves, RowKind
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

MONTHS = 12
MOMENT = {
    RowKind.SHOWN: "shown_at",
    RowKind.SUITABLE: "marked_at",
    RowKind.UNSUITABLE: "marked_at",
    RowKind.CONTACTED: "contacted_at",
    RowKind.ANSWERED: "answered_at",
    RowKind.DECLINED: "declined_at",
    RowKind.SIGNED: "signed_at",
}
ONLY = {
    RowKind.SUITABLE: Q(is_suitable=True),
    RowKind.UNSUITABLE: Q(is_suitable=False),
    RowKind.ANSWERED: Q(contacted_at__isnull=False),  # always so; the index is of these
    RowKind.DECLINED: Q(contacted_at__isnull=False),
}
ANSWERED = Q(is_suitable__isnull=False) | Q(contacted_at__isnull=False) | Q(signed_at__isnull=False)


# --- rows -------------------------------------------------------------------------------------------------------------


def rows_by_month(actor: Actor) -> list[Month]:
    """Of the last twelve months, the latest first. Numbers alone."""
    _operators_only(actor)
    first = _months_ago(MONTHS - 1)
    found: dict[date, dict[str, int]] = {}
    for kind, moment in MOMENT.items():
        rows = TrainingRow.objects.filter(ONLY.get(kind, Q()), **{f"{moment}__date__gte": first})
        months = rows.annotate(month=TruncMonth(moment, tzinfo=clock.site_zone())).values("month")
        for row in months.annotate(count=Count("pk")).order_by("month"):
            found.setdefault(row["month"].date(), dict.fromkeys(RowKind.values, 0))[kind.value] = row["count"]
    return [Month(month, found[month]) for month in sorted(found, reverse=True)]


def _months_ago(months: int) -> date:
    today = clock.today()
    whole = today.year * 12 + today.month - 1 - months
    return date(whole // 12, whole % 12 + 1, 1)


def refused_organisations() -> QuerySet[Refusal]:
    return Refusal.objects.filter(ended_at=None)


def refusal_of(organisation_id: int) -> Refusal | None:
    rows = refused_organisations().filter(organisation_id=organisation_id)
    return rows.select_related("refused_by").first()


def count_refusals(actor: Actor) -> int:
    _operators_only(actor)
    return refused_organisations().count()


def rows_of_organisation(organisation_id: int) -> dict[str, int]:
    """How many rows of the organisation there are, and how many of them say something."""
    counts = TrainingRow.objects.filter(organisation_id=organisation_id).aggregate(
        rows=Count("pk"), answers=Count("pk", filter=ANSWERED)
    )
    return dict(counts)


# --- models -----------------------------------------------------------------------------------------------------------


def models_visible_to(actor: Actor) -> QuerySet[LearnedModel]:
    rows = LearnedModel.objects.all() if actor.is_operator else LearnedModel.objects.none()
    return rows.order_by("-asked_at", "-id")


def get_model(code: str, *, actor: Actor, lock: bool = False) -> LearnedModel:
    rows = models_visible_to(actor).filter(code=code)
    rows = (
        rows.select_for_update(of=("self",), no_key=True)
        if lock
        else rows.select_related("asked_by", "promoted_by", "follows")
    )
    found = rows.first()
    if found is None:
        raise NotFound
    return found


def model_in_force(*, lock: bool = False) -> LearnedModel | None:
    rows = LearnedModel.objects.filter(state=ModelState.IN_FORCE)
    return (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()


def training_now() -> LearnedModel | None:
    return LearnedModel.objects.filter(state=ModelState.TRAINING).first()


def differences_of(model: LearnedModel) -> list[NeedMoves]:
    """What would rise and fall on real needs: only of what everybody may see now, whoever reads it."""
    everybody = parties.visitor()
    needs = _by_id(catalogue.needs_visible_to(everybody), (row["need"] for row in model.differences))
    wanted = {move[0] for row in model.differences for move in row["moves"]}
    achievements = _by_id(catalogue.achievements_visible_to(everybody), wanted)
    found = []
    for row in model.differences:
        moves = tuple(Move(achievements[move[0]], *move[1:]) for move in row["moves"] if move[0] in achievements)
        if row["need"] in needs and moves:
            found.append(NeedMoves(needs[row["need"]], moves))
    return found


def _by_id(rows: QuerySet[Any], ids: Iterable[int]) -> dict[int, Any]:
    return {row.pk: row for row in rows.filter(pk__in=set(ids)).prefetch_related("texts")}


def _operators_only(actor: Actor) -> None:
    if not actor.is_operator:
        raise NotAllowed
