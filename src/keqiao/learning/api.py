"""The API of learning: the points in force for everybody, rows and models for operators, an organisation's choice."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, StrictBool

from keqiao.kernel.api import (
    Code,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    each,
    needs_scope,
    paged,
)
from keqiao.kernel.errors import NotFound
from keqiao.learning import policies, selectors, services
from keqiao.learning.models import LearnedModel
from keqiao.matching import selectors as matching
from keqiao.parties import selectors as parties

router = Router(tags=["learning"])
READ, WRITE, ORGANISATION = "learning:read", "learning:write", "organisations:write"


class Points(Schema):
    """Whole points of the six stones; they add up to 100."""

    technology: int
    indicators: int
    maturity: int
    modes: int
    price: int
    region: int


class PointsOut(Schema):
    points: Points
    default: Points = Field(description="Those that ship, from the rule pack in force.")
    name: str = Field(
        description="A rule pack with its first day, or the code of a learned model.", examples=["keqiao-2026-01-01"]
    )
    is_learned: bool
    since: date | datetime


class MonthOut(Schema):
    month: date = Field(description="Its first day.")
    shown: int
    suitable: int
    unsuitable: int
    contacted: int
    answered: int
    declined: int
    signed: int


class RowsOut(Schema):
    items: list[MonthOut]


class EstimateOut(Schema):
    """Share of held-back preferences ordered rightly, and the 95 % interval of the difference."""

    before: float
    after: float
    low: float
    high: float
    organisations: int
    choices: int


class ModelOut(Schema):
    code: str
    state: str
    step: str
    done: int
    total: int
    trouble: str
    asked_at: datetime
    trained_at: datetime | None
    promoted_at: datetime | None
    retired_at: datetime | None
    points: Points | None
    before: Points | None
    estimate: EstimateOut | None
    judged_before: float | None = Field(description="nDCG@10 on the judged needs.")
    judged_after: float | None
    organisations: int | None
    answers: int | None


class Models(PageOut):
    items: list[ModelOut]


class PromoteIn(Schema):
    has_read_card: StrictBool


class RollBackIn(Schema):
    is_confirmed: StrictBool


class ParticipationOut(Schema):
    takes_part: bool
    refused_at: datetime | None
    rows: int
    answers: int


class ParticipationIn(Schema):
    takes_part: StrictBool


@router.get(
    "/matching/points", response=answers(PointsOut), summary="The points of the stones in force, and since when"
)
def get_points(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001 -- ninja's signature
    held = matching.points_in_force()
    return {
        "points": held.plain,
        "default": matching.points_that_ship().plain,
        "name": held.name,
        "is_learned": held.is_own,
        "since": held.since,
    }


@router.get("/learning/rows", response=answers(RowsOut), summary="Rows by month and kind; for operators")
@needs_scope(READ)
def list_rows(request: HttpRequest) -> dict[str, Any]:
    months = selectors.rows_by_month(api_actor(request))
    return {"items": [{"month": row.first_on, **row.counts} for row in months]}


@router.get("/learning/models", response=answers(Models), summary="Learned models, newest first; for operators")
@needs_scope(READ)
def list_models(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.models_visible_to(api_actor(request)), page, per_page, each(model_out))


@router.get("/learning/models/{code}", response=answers(ModelOut), summary="One model with its figures; for operators")
@needs_scope(READ)
def get_model(request: HttpRequest, code: Code) -> dict[str, Any]:
    return model_out(selectors.get_model(code, actor=api_actor(request)))


@router.post("/learning/models", response=change_answers(ModelOut, 202), summary="Train a model in the background")
@needs_scope(WRITE)
def start_training(request: HttpRequest) -> Any:
    return Status(202, model_out(services.start_training(actor=api_actor(request))))


@router.post("/learning/models/{code}/stop", response=change_answers(ModelOut), summary="Stop a training")
@needs_scope(WRITE)
def stop_training(request: HttpRequest, code: Code) -> dict[str, Any]:
    return model_out(services.stop_training(actor=api_actor(request), code=code))


@router.post("/learning/models/{code}/promote", response=change_answers(ModelOut), summary="Put its points in force")
@needs_scope(WRITE)
def promote_model(request: HttpRequest, code: Code, given: PromoteIn) -> dict[str, Any]:
    return model_out(services.promote_model(actor=api_actor(request), code=code, has_read_card=given.has_read_card))


@router.post("/learning/roll-back", response=change_answers(PointsOut), summary="Back to the points before")
@needs_scope(WRITE)
def roll_back(request: HttpRequest, given: RollBackIn) -> dict[str, Any]:
    services.roll_back(actor=api_actor(request), is_confirmed=given.is_confirmed)
    return get_points(request)


@router.get(
    "/organisations/{code}/learning", response=answers(ParticipationOut), summary="Does your organisation take part?"
)
def get_participation(request: HttpRequest, code: Code) -> dict[str, Any]:
    actor = api_actor(request, "organisations:read")
    organisation = parties.get_organisation(code, actor=actor)
    if not policies.can_see_participation(actor, organisation):
        raise NotFound
    return participation_out(organisation.pk)


@router.put(
    "/organisations/{code}/learning", response=change_answers(ParticipationOut), summary="Take part, or take no part"
)
@needs_scope(ORGANISATION)
def set_participation(request: HttpRequest, code: Code, given: ParticipationIn) -> dict[str, Any]:
    actor = api_actor(request)
    decide = services.resume_participation if given.takes_part else services.refuse_participation
    decide(actor=actor, organisation_code=code)
    return participation_out(parties.get_organisation(code, actor=actor).pk)


def participation_out(organisation_id: int) -> dict[str, Any]:
    refusal = selectors.refusal_of(organisation_id)
    return {
        "takes_part": refusal is None,
        "refused_at": refusal.refused_at if refusal else None,
        **selectors.rows_of_organisation(organisation_id),
    }


def model_out(model: LearnedModel) -> dict[str, Any]:
    plain = ("code", "state", "step", "done", "total", "trouble", "asked_at", "trained_at", "promoted_at", "retired_at")
    card = model.card
    judged, data = card.get("judged", {}), card.get("data", {})
    return {
        **{name: getattr(model, name) for name in plain},
        "points": model.points or None,
        "before": card.get("before"),
        "estimate": card.get("estimate"),
        "judged_before": judged.get("before"),
        "judged_after": judged.get("after"),
        "organisations": data.get("organisations"),
        "answers": data.get("answers"),
    }
