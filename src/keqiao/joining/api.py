"""The API of joining: ask, answer, leave, and what was asked by and of one's organisation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, StrictBool, StringConstraints

from keqiao.joining import selectors, services
from keqiao.kernel.api import (
    Code,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    needs_scope,
    paged,
)
from keqiao.kernel.errors import NotAllowed

router = Router(tags=["joining"])
READ, WRITE = "contacts:read", "contacts:write"


class SharingIn(Schema):
    shows_name: StrictBool = Field(default=False, description="To the owner and, once accepted, to everybody.")
    note: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""


class SharingAnswerIn(Schema):
    accepts: StrictBool


class JoiningOut(Schema):
    code: str
    need: str | None
    achievement: str | None
    state: str
    name_zh: str = Field(description="Who asked; described only where it does not show its name to you.")
    name_en: str
    organisation: str | None
    is_own: bool
    note: str
    asked_at: datetime
    decided_at: datetime | None


class Joinings(PageOut):
    items: list[JoiningOut]


class SharedNameOut(Schema):
    organisation: str
    name_zh: str
    name_en: str


class SharedOut(Schema):
    """How many others share the item, and those among them that show their name."""

    count: int
    named: list[SharedNameOut]


def reader(request: HttpRequest) -> Any:
    actor = api_actor(request, READ)
    if not actor.is_known:
        raise NotAllowed
    return actor


@router.get("/joinings", response=answers(Joinings), summary="What was asked by and of your organisation")
def list_joinings(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    actor = reader(request)
    rows = selectors.joinings_visible_to(actor)
    return paged(rows, page, per_page, lambda found: [joining_out(row, actor) for row in found])


@router.get("/needs/{code}/joinings", response=answers(SharedOut), summary="How many share a need")
def shared_need(request: HttpRequest, code: Code) -> dict[str, Any]:
    return _shared(request, "need", code)


@router.get("/achievements/{code}/joinings", response=answers(SharedOut), summary="How many share a research result")
def shared_achievement(request: HttpRequest, code: Code) -> dict[str, Any]:
    return _shared(request, "achievement", code)


@router.post("/needs/{code}/joinings", response=change_answers(JoiningOut, 201), summary="This need is ours as well")
@needs_scope(WRITE)
def join_need(request: HttpRequest, code: Code, given: SharingIn) -> Any:
    return _ask(request, "need", code, given)


@router.post(
    "/achievements/{code}/joinings", response=change_answers(JoiningOut, 201), summary="This result is our work as well"
)
@needs_scope(WRITE)
def join_achievement(request: HttpRequest, code: Code, given: SharingIn) -> Any:
    return _ask(request, "achievement", code, given)


@router.post("/joinings/{code}/answer", response=change_answers(JoiningOut), summary="Accept or decline")
@needs_scope(WRITE)
def answer_joining(request: HttpRequest, code: Code, given: SharingAnswerIn) -> dict[str, Any]:
    actor = api_actor(request)
    return joining_out(services.answer_join(actor=actor, code=code, accepts=given.accepts), actor)


@router.post("/joinings/{code}/leave", response=change_answers(JoiningOut), summary="Take back, or leave")
@needs_scope(WRITE)
def leave_joining(request: HttpRequest, code: Code) -> dict[str, Any]:
    actor = api_actor(request)
    return joining_out(services.leave_join(actor=actor, code=code), actor)


def _ask(request: HttpRequest, kind: str, code: str, given: SharingIn) -> Any:
    actor = api_actor(request)
    row = services.ask_to_join(actor=actor, kind=kind, code=code, shows_name=given.shows_name, note=given.note)
    return Status(201, joining_out(row, actor))


def _shared(request: HttpRequest, kind: str, code: str) -> dict[str, Any]:
    found = selectors.shared_by(selectors.get_item(kind, code, actor=api_actor(request)))
    named = [{"organisation": one, "name_zh": zh, "name_en": en} for one, zh, en in found.named]
    return {"count": found.count, "named": named}


def joining_out(row: Any, actor: Any) -> dict[str, Any]:
    face = selectors.face_of(row, actor=actor)
    return {
        "code": row.code,
        "need": row.need.code if row.need else None,
        "achievement": row.achievement.code if row.achievement else None,
        "state": row.state,
        "name_zh": face.name_zh,
        "name_en": face.name_en,
        "organisation": face.organisation_code or None,
        "is_own": actor.works_for(row.organisation_id),
        "note": row.note,
        "asked_at": row.asked_at,
        "decided_at": row.decided_at,
    }
