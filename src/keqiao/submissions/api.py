"""The API of drafts: a second view over the same commands. Handing in and review are in api_review.py."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import File, Form, Path, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field, StringConstraints

from keqiao.catalogue.types import AttachmentLevel
from keqiao.kernel import clock
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
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.parties import selectors as parties
from keqiao.submissions import selectors, services
from keqiao.submissions.content import problems_of
from keqiao.submissions.models import Submission
from keqiao.submissions.types import Origin, SubmissionKind

router = Router(tags=["submissions"])

SHAPE = "The shape is described in docs/guides; every key is optional in a draft. Amounts are whole minor units."
FileId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Organisation = Annotated[str, StringConstraints(max_length=24, pattern=r"^[A-Z0-9-]+$")]


class ContentProblem(Schema):
    field: str = Field(description="A path such as texts.zh.title or indicators.2.value.")
    message: str
    example: str


class DraftRow(Schema):
    code: str
    kind: str
    state: str
    organisation: str
    item: str | None = Field(description="The public item that this changes or became.")
    revision: int
    saved_at: datetime


class DraftOut(DraftRow):
    content: dict[str, Any]
    problems: list[ContentProblem] = Field(description="What stands in the way of submitting.")


class Drafts(PageOut):
    items: list[DraftRow]


class NewDraft(Schema):
    organisation: Organisation = Field(description="Code of an organisation that you work for.", examples=["DW-00001"])
    content: dict[str, Any] = Field(default_factory=dict, description=SHAPE)


class Changed(Schema):
    revision: int = Field(ge=1, le=2**31 - 1, description="The revision that you read: an older one is refused (409).")
    content: dict[str, Any] = Field(
        description="Keys given replace those of the draft; texts part by part; null removes."
    )


class FileIn(Schema):
    level: AttachmentLevel = Field(AttachmentLevel.SIGNED_IN, description="public, signed_in or nda")
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    proves: Annotated[str, StringConstraints(pattern=r"^(|trl|indicator:[0-9]{1,2})$")] = ""


@router.get("/drafts", response=answers(Drafts), summary="Your organisation's open drafts")
def list_drafts(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    actors = readers(request)
    if not actors:
        raise NotAllowed
    rows = selectors.open_drafts(next(iter(actors.values()))).filter(kind__in=list(actors))
    return paged(rows, page, per_page, each(row_out))


# --- needs --------------------------------------------------------------------------------------------------------------


@router.post("/drafts/needs", response=change_answers(DraftOut, 201), summary="Begin a need")
@needs_scope("needs:write")
def start_need(request: HttpRequest, draft: NewDraft) -> Any:
    return _start(request, "need", draft)


@router.post("/needs/{code}/draft", response=change_answers(DraftOut, 201), summary="Begin a new version of your need")
@needs_scope("needs:write")
def change_need(request: HttpRequest, code: Code) -> Any:
    return _change(request, "need", code)


@router.patch("/drafts/needs/{code}", response=change_answers(DraftOut), summary="Write on a need")
@needs_scope("needs:write")
def save_need(request: HttpRequest, code: Code, change: Changed) -> Any:
    return _save(request, "need", code, change)


@router.delete("/drafts/needs/{code}", response=change_answers(None, 204), summary="Throw a draft of a need away")
@needs_scope("needs:write")
def discard_need(request: HttpRequest, code: Code) -> Any:
    return _discard(request, "need", code)


@router.post("/drafts/needs/{code}/files", response=change_answers(DraftOut, 201), summary="Attach a file to a need")
@needs_scope("needs:write")
def attach_to_need(request: HttpRequest, code: Code, about: Form[FileIn], file: File[UploadedFile]) -> Any:
    return _attach(request, "need", code, about, file)


@router.delete(
    "/drafts/needs/{code}/files/{file_id}", response=change_answers(DraftOut), summary="Take a file out of a need"
)
@needs_scope("needs:write")
def drop_from_need(request: HttpRequest, code: Code, file_id: FileId) -> Any:
    return _drop(request, "need", code, file_id)


# --- research results ---------------------------------------------------------------------------------------------------


@router.post("/drafts/achievements", response=change_answers(DraftOut, 201), summary="Begin a research result")
@needs_scope("achievements:write")
def start_achievement(request: HttpRequest, draft: NewDraft) -> Any:
    return _start(request, "achievement", draft)


@router.post(
    "/achievements/{code}/draft",
    response=change_answers(DraftOut, 201),
    summary="Begin a new version of your research result",
)
@needs_scope("achievements:write")
def change_achievement(request: HttpRequest, code: Code) -> Any:
    return _change(request, "achievement", code)


@router.patch("/drafts/achievements/{code}", response=change_answers(DraftOut), summary="Write on a research result")
@needs_scope("achievements:write")
def save_achievement(request: HttpRequest, code: Code, change: Changed) -> Any:
    return _save(request, "achievement", code, change)


@router.delete(
    "/drafts/achievements/{code}",
    response=change_answers(None, 204),
    summary="Throw a draft of a research result away",
)
@needs_scope("achievements:write")
def discard_achievement(request: HttpRequest, code: Code) -> Any:
    return _discard(request, "achievement", code)


@router.post(
    "/drafts/achievements/{code}/files",
    response=change_answers(DraftOut, 201),
    summary="Attach a file to a research result",
)
@needs_scope("achievements:write")
def attach_to_achievement(request: HttpRequest, code: Code, about: Form[FileIn], file: File[UploadedFile]) -> Any:
    return _attach(request, "achievement", code, about, file)


@router.delete(
    "/drafts/achievements/{code}/files/{file_id}",
    response=change_answers(DraftOut),
    summary="Take a file out of a research result",
)
@needs_scope("achievements:write")
def drop_from_achievement(request: HttpRequest, code: Code, file_id: FileId) -> Any:
    return _drop(request, "achievement", code, file_id)


# After the paths above: the first that fits is taken, and `needs` would be read as a code.
@router.get("/drafts/{code}", response=answers(DraftOut), summary="One draft, with what is still missing")
def get_draft(request: HttpRequest, code: Code) -> dict[str, Any]:
    for kind, actor in readers(request).items():
        draft = selectors.get_submission(code, actor=actor)
        if draft.kind == kind:
            return draft_out(draft, actor)
    raise NotFound


def readers(request: HttpRequest) -> dict[str, Any]:
    """Kind → who reads it; a token reads only the kinds that it was granted."""
    actors = {str(kind): api_actor(request, f"{kind}s:read") for kind in SubmissionKind.values}
    return {kind: actor for kind, actor in actors.items() if actor.is_known}


# --- what both kinds share ----------------------------------------------------------------------------------------------


def _start(request: HttpRequest, kind: str, draft: NewDraft) -> Any:
    actor = api_actor(request)
    made = services.start_draft(
        actor=actor,
        kind=kind,
        organisation_id=parties.get_organisation(draft.organisation, actor=actor).pk,
        content=draft.content,
        origin=Origin.API,
    )
    return Status(201, draft_out(made, actor))


def _change(request: HttpRequest, kind: str, code: str) -> Any:
    actor = api_actor(request)
    return Status(201, draft_out(services.start_change(actor=actor, kind=kind, item_code=code), actor))


def _save(request: HttpRequest, kind: str, code: str, change: Changed) -> Any:
    check_kind(request, kind, code)
    actor = api_actor(request)
    saved = services.save_draft(actor=actor, code=code, revision=change.revision, content=change.content)
    return draft_out(saved, actor)


def _discard(request: HttpRequest, kind: str, code: str) -> Any:
    check_kind(request, kind, code)
    services.discard_draft(actor=api_actor(request), code=code)
    return Status(204, None)


def _attach(request: HttpRequest, kind: str, code: str, about: FileIn, file: UploadedFile) -> Any:
    check_kind(request, kind, code)
    actor = api_actor(request)
    saved = services.attach_file(
        actor=actor,
        code=code,
        name=file.name or "",
        file=file.file or file,
        level=about.level,
        title=about.title,
        proves=about.proves,
    )
    return Status(201, draft_out(saved, actor))


def _drop(request: HttpRequest, kind: str, code: str, file_id: int) -> Any:
    check_kind(request, kind, code)
    actor = api_actor(request)
    return draft_out(services.drop_file(actor=actor, code=code, file_id=file_id), actor)


def check_kind(request: HttpRequest, kind: str, code: str) -> None:
    """A scope for needs opens no research result."""
    if selectors.get_submission(code, actor=api_actor(request)).kind != kind:
        raise NotFound


def row_out(draft: Submission) -> dict[str, Any]:
    return {
        "code": draft.code,
        "kind": draft.kind,
        "state": draft.state,
        "organisation": draft.organisation.code,
        "item": getattr(draft.item, "code", None),
        "revision": draft.revision,
        "saved_at": draft.saved_at,
    }


def draft_out(draft: Submission, actor: Any) -> dict[str, Any]:
    content = selectors.content_seen_by(actor, draft)
    found = problems_of(draft.kind, content, today=clock.today())
    return {
        **row_out(draft),
        "content": content,
        "problems": [{"field": p.field, "message": p.message, "example": p.example} for p in found],
    }


router.add_router("", "keqiao.submissions.api_review.router")
router.add_router("", "keqiao.submissions.api_source.router")
