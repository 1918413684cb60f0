"""The API of public notices (公示)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, StringConstraints

from keqiao.kernel import public_notices as notices
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
from keqiao.kernel.models import Objection, PublicNotice
from keqiao.web.presentation import Said
from keqiao.web.public_notices import facts_of, people_of, within

router = Router(tags=["public notices"])
READ, WRITE = "notices:read", "notices:write"
MOST_OBJECTIONS = 200

Text = Annotated[str, StringConstraints(min_length=1, max_length=notices.LONGEST_TEXT)]


class PublicNoticeOut(Schema):
    code: str
    kind: str
    title_zh: str
    title_en: str
    audience: str
    state: str
    opened_at: datetime
    last_day: date = Field(description="Objections are taken until the end of this day.")
    rule: str
    is_provisional: bool = Field(description="A working day on the way is not announced yet.")


class PublicNotices(PageOut):
    items: list[PublicNoticeOut]


class ObjectionOut(Schema):
    code: str
    text: str
    made_at: datetime
    due_on: date
    outcome: str
    answer: str


class WholeNotice(PublicNoticeOut):
    facts: list[dict[str, Any]]
    people: list[dict[str, Any]]
    objections: list[ObjectionOut] = Field(description="Your own; all of them, if you answer them.")


class ObjectionIn(Schema):
    text: Text


class PublicAnswerIn(Schema):
    outcome: Literal["upheld", "dismissed"]
    answer: Text


def notice_out(row: PublicNotice) -> dict[str, Any]:
    names = ("code", "kind", "title_zh", "title_en", "audience", "state", "opened_at", "is_provisional")
    return {**{name: getattr(row, name) for name in names}, "last_day": notices.last_day(row), "rule": row.rule_text}


def objection_out(row: Objection) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("code", "text", "made_at", "due_on", "outcome", "answer")}


def _whole(code: str, actor: Any) -> dict[str, Any]:
    row = notices.get(code, actor=actor, within=within(actor))
    return {
        **notice_out(row),
        "facts": [{"name": name, "values": [_text(value) for value in values]} for name, values in facts_of(row)],
        "people": [{"name": str(person or ""), "amount": amount} for person, amount in people_of(row)],
        "objections": [objection_out(each) for each in notices.objections_visible_to(actor, row)[:MOST_OBJECTIONS]],
    }


def _text(value: Any) -> str:
    return value.text if isinstance(value, Said) else str(value)


@router.get("/public-notices", response=answers(PublicNotices), summary="Public notices that are open to you")
def list_public_notices(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    actor = api_actor(request, READ)
    return paged(notices.visible_to(actor, within=within(actor)), page, per_page, each(notice_out))


@router.get("/public-notices/{code}", response=answers(WholeNotice), summary="A public notice")
def get_public_notice(request: HttpRequest, code: Code) -> dict[str, Any]:
    return _whole(code, api_actor(request, READ))


@router.post("/public-notices/{code}/objections", response=change_answers(ObjectionOut, 201), summary="Object")
@needs_scope(WRITE)
def object_to(request: HttpRequest, code: Code, given: ObjectionIn) -> Any:
    actor = api_actor(request)
    return Status(201, objection_out(notices.object_to(actor=actor, code=code, text=given.text, within=within(actor))))


@router.post(
    "/public-notices/{code}/objections/{objection}/answer",
    response=change_answers(ObjectionOut),
    summary="Uphold or dismiss an objection",
)
@needs_scope(WRITE)
def answer_objection(request: HttpRequest, code: Code, objection: Code, given: PublicAnswerIn) -> Any:
    row = notices.answer_objection(
        actor=api_actor(request), code=code, objection_code=objection, outcome=given.outcome, answer=given.answer
    )
    return objection_out(row)
