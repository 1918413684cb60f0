"""The API of review and complaints: a second view over the same commands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field, StrictBool, StringConstraints

from keqiao.kernel.api import (
    Code,
    IsoDate,
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
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.submissions import selectors, services
from keqiao.submissions.types import ComplaintReason, DeclineReason, ReviewStep, SubmissionState

router = Router(tags=["review"])
REVIEW, COMPLAIN = "review:write", "feedback:write"
KINDS = ("need", "achievement")

Words = Annotated[str, StringConstraints(max_length=4_000)]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1, description="The one that you looked at.")]
Number = Annotated[int, Path(ge=1, le=2**53 - 1)]


class ReviewNoteOut(Schema):
    """One line of the record. Names of people are not part of it."""

    id: int
    kind: str
    step: str
    at: datetime
    field: str
    text: str
    reason: str
    due_on: date | None
    answers: int | None = Field(None, description="The question that an answer belongs to.")


class SubmissionRow(Schema):
    code: str
    kind: str
    state: str
    organisation: str
    item: str | None
    revision: int
    skipped: str
    submitted_at: datetime | None
    due_on: date | None
    is_claimed: bool


class ReviewOut(SubmissionRow):
    content: dict[str, Any]
    unconfirmed: list[str] = Field(description="Classes that were only suggested; accepting confirms them.")
    notes: list[ReviewNoteOut]


class Queue(PageOut):
    items: list[SubmissionRow]


class WordsIn(Schema):
    revision: Revision
    text: Words = ""


class QuestionIn(Schema):
    field: Annotated[str, StringConstraints(max_length=80)]
    text: Words


class ReturnIn(WordsIn):
    questions: Annotated[list[QuestionIn], Field(max_length=30)] = Field(default_factory=list)


class AcceptIn(WordsIn):
    confirms_classification: StrictBool = False


class DeclineIn(WordsIn):
    reason: DeclineReason


class RevisionIn(Schema):
    revision: Revision


class DateIn(Schema):
    due_on: IsoDate


class ClaimIn(Schema):
    takes_over: StrictBool = False


class AnswerIn(Schema):
    text: Words


class ComplaintIn(Schema):
    reason: ComplaintReason
    text: Words


class ComplaintOut(Schema):
    """A complaint. Who made it is not part of it."""

    code: str
    item: str
    state: str
    reason: str
    text: str
    made_at: datetime
    due_on: date | None
    answer: str = Field(description="To you: as who complained, or as the owner of the item.")


class Complaints(PageOut):
    items: list[ComplaintOut]


# --- reading ----------------------------------------------------------------------------------------------------------


def reader(request: HttpRequest) -> Any:
    actor = api_actor(request, REVIEW)
    if not actor.is_known:
        raise NotAllowed
    return actor


@router.get("/reviews", response=answers(Queue), summary="What waits for your review")
def list_reviews(
    request: HttpRequest,
    side: Annotated[ReviewStep, Query(description="Your organisation's queue, or the platform's.")],
    state: Annotated[SubmissionState | None, Query(description="Without it: what waits.")] = None,
    page: PageNumber = 1,
    per_page: PerPage = 20,
) -> dict[str, Any]:
    actor = reader(request)
    if side not in selectors.review_sides(actor):
        raise NotAllowed
    rows = selectors.review_queue(actor, side, state=state or "")
    return paged(rows, page, per_page, each(row_out))


@router.get("/reviews/{code}", response=answers(ReviewOut), summary="One submission with its record")
def get_review(request: HttpRequest, code: Code) -> dict[str, Any]:
    return shown(reader(request), code)


def shown(actor: Any, code: str) -> dict[str, Any]:
    found = selectors.get_submission(code, actor=actor)
    content = selectors.content_seen_by(actor, found)
    return {
        **row_out(found),
        "content": content,
        "unconfirmed": selectors.unconfirmed_classes(found, content),
        "notes": [
            {
                "id": note.number,
                "kind": note.kind,
                "step": note.step,
                "at": note.at,
                "field": note.field,
                "text": note.text,
                "reason": note.reason,
                "due_on": note.due_on,
                "answers": note.question.number if note.question else None,
            }
            for note in selectors.notes_of(found)
        ],
    }


def row_out(row: Any) -> dict[str, Any]:
    return {
        "code": row.code,
        "kind": row.kind,
        "state": row.state,
        "organisation": row.organisation.code,
        "item": row.item.code if row.item else None,
        "revision": row.revision,
        "skipped": row.skipped,
        "submitted_at": row.submitted_at,
        "due_on": row.due_on,
        "is_claimed": row.reviewer_id is not None,
    }


# --- the author's side ------------------------------------------------------------------------------------------------


def for_author(kind: str) -> None:
    """The operations of one kind: each kind has a scope of its own."""
    scope, place = needs_scope(f"{kind}s:write"), f"/drafts/{kind}s/{{code}}"

    def of_kind(request: HttpRequest, code: str) -> Any:
        actor = api_actor(request)
        if selectors.get_submission(code, actor=actor).kind != kind:
            raise NotFound
        return actor

    @router.post(
        f"{place}/submit", response=change_answers(ReviewOut), summary="Hand in", operation_id=f"submit_{kind}"
    )
    @scope
    def submit(request: HttpRequest, code: Code, given: RevisionIn) -> dict[str, Any]:
        actor = of_kind(request, code)
        services.submit(actor=actor, code=code, revision=given.revision)
        return shown(actor, code)

    @router.post(
        f"{place}/take-back", response=change_answers(ReviewOut), summary="Take back", operation_id=f"take_back_{kind}"
    )
    @scope
    def take_back(request: HttpRequest, code: Code) -> dict[str, Any]:
        actor = of_kind(request, code)
        services.take_back(actor=actor, code=code)
        return shown(actor, code)

    @router.post(
        f"{place}/questions/{{number}}/answer",
        response=change_answers(ReviewOut),
        summary="Answer a reviewer's question",
        operation_id=f"answer_question_{kind}",
    )
    @scope
    def answer_question(request: HttpRequest, code: Code, number: Number, given: AnswerIn) -> dict[str, Any]:
        actor = of_kind(request, code)
        services.answer_question(actor=actor, code=code, number=number, text=given.text)
        return shown(actor, code)


for _kind in KINDS:
    for_author(_kind)


# --- the reviewers' side ----------------------------------------------------------------------------------------------


@router.post("/reviews/{code}/claim", response=change_answers(ReviewOut), summary="Say that you review it")
@needs_scope(REVIEW)
def claim(request: HttpRequest, code: Code, given: ClaimIn) -> dict[str, Any]:
    services.claim(actor=api_actor(request), code=code, takes_over=given.takes_over)
    return shown(api_actor(request), code)


@router.post("/reviews/{code}/promise", response=change_answers(ReviewOut), summary="Promise an answer by a day")
@needs_scope(REVIEW)
def promise_date(request: HttpRequest, code: Code, given: DateIn) -> dict[str, Any]:
    services.promise_date(actor=api_actor(request), code=code, due_on=given.due_on)
    return shown(api_actor(request), code)


@router.post("/reviews/{code}/approve", response=change_answers(ReviewOut), summary="Agree for the organisation")
@needs_scope(REVIEW)
def approve(request: HttpRequest, code: Code, given: WordsIn) -> dict[str, Any]:
    services.approve(actor=api_actor(request), code=code, revision=given.revision, text=given.text)
    return shown(api_actor(request), code)


@router.post("/reviews/{code}/return", response=change_answers(ReviewOut), summary="Send back with questions")
@needs_scope(REVIEW)
def give_back(request: HttpRequest, code: Code, given: ReturnIn) -> dict[str, Any]:
    """By the organisation or by the platform, whoever has it now."""
    actor = api_actor(request)
    found = selectors.get_submission(code, actor=actor)
    at_platform = found.state == SubmissionState.PLATFORM_REVIEW
    command = services.send_back if at_platform else services.return_to_author
    questions = [question.model_dump() for question in given.questions]
    command(actor=actor, code=code, revision=given.revision, text=given.text, questions=questions)
    return shown(actor, code)


@router.post("/reviews/{code}/accept", response=change_answers(ReviewOut), summary="Accept and publish")
@needs_scope(REVIEW)
def accept(request: HttpRequest, code: Code, given: AcceptIn) -> dict[str, Any]:
    services.accept(
        actor=api_actor(request),
        code=code,
        revision=given.revision,
        text=given.text,
        confirms_classification=given.confirms_classification,
    )
    return shown(api_actor(request), code)


@router.post("/reviews/{code}/decline", response=change_answers(ReviewOut), summary="Decline with a reason")
@needs_scope(REVIEW)
def decline(request: HttpRequest, code: Code, given: DeclineIn) -> dict[str, Any]:
    services.decline(actor=api_actor(request), code=code, revision=given.revision, reason=given.reason, text=given.text)
    return shown(api_actor(request), code)


# --- complaints -------------------------------------------------------------------------------------------------------


def complaint_out(row: Any, actor: Any) -> dict[str, Any]:
    is_mine = row.complainant_id == actor.person_id
    return {
        "code": row.code,
        "item": row.item.code,
        "state": row.state,
        "reason": row.reason,
        "text": row.text,
        "made_at": row.made_at,
        "due_on": row.due_on,
        "answer": row.answer if is_mine else row.owner_answer,
    }


@router.get("/complaints", response=answers(Complaints), summary="Yours, and those about your organisation's items")
def list_complaints(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    actor = api_actor(request, "me:read")
    if not actor.is_known:
        raise NotAllowed
    return paged(selectors.own_complaints(actor), page, per_page, each(lambda row: complaint_out(row, actor)))


@router.post("/{kind}/{code}/complaints", response=change_answers(ComplaintOut, 201), summary="Complain about an item")
@needs_scope(COMPLAIN)
def make_complaint(
    request: HttpRequest,
    kind: Annotated[str, Path(pattern="^(needs|achievements)$")],
    code: Code,
    given: ComplaintIn,
) -> Any:
    actor = api_actor(request)
    made = services.make_complaint(
        actor=actor, kind=kind.removesuffix("s"), item_code=code, reason=given.reason, text=given.text
    )
    return Status(201, complaint_out(made, actor))


@router.post("/complaints/{code}/take-back", response=change_answers(ComplaintOut), summary="Take a complaint back")
@needs_scope(COMPLAIN)
def take_back_complaint(request: HttpRequest, code: Code) -> dict[str, Any]:
    actor = api_actor(request)
    return complaint_out(services.take_back_complaint(actor=actor, code=code), actor)
