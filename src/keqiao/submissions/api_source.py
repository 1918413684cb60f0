"""The API of drafts that are made from a text or a file, of translations, and of the answers to what no person wrote."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import File, Form, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field, StringConstraints

from keqiao.kernel.api import Code, answers, api_actor, change_answers, needs_scope
from keqiao.kernel.errors import NotFound
from keqiao.parties import selectors as parties
from keqiao.submissions import selectors, services, suggestions
from keqiao.submissions.api import DraftOut, Organisation, check_kind, draft_out, readers
from keqiao.submissions.extracting import MOST_CHARACTERS
from keqiao.submissions.models import Source
from keqiao.submissions.policies import can_write
from keqiao.submissions.showing import problem_said
from keqiao.submissions.types import SubmissionKind
from keqiao.submissions.workflow import WRITABLE

router = Router(tags=["submissions"])
MODEL = "Ask the site's chat model too, where your organisation agreed; otherwise rules alone read the text."


class SourceOut(Schema):
    code: str
    purpose: Literal["drafting", "translation"]
    kind: Literal["need", "achievement"]
    state: Literal["waiting", "reading", "drafting", "done", "failed"] = Field(
        description="A job works on it: ask again until it is done or failed."
    )
    draft: str | None = Field(description="Code of the draft that was made or translated.")
    problem: str = Field(description="Why it failed, or why nothing of a model is in it; empty otherwise.")
    made_at: datetime


class SourceText(Schema):
    organisation: Organisation = Field(description="Code of an organisation that you work for.", examples=["DW-00001"])
    text: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS + 1_000)]
    asks_model: bool = Field(False, description=MODEL)


class SourceFile(Schema):
    organisation: Organisation
    asks_model: bool = Field(False, description=MODEL)


class TranslationIn(Schema):
    language: Literal["zh", "en"] = Field(description="The language to translate title and main text into.")


class SuggestionOut(Schema):
    id: str
    field: str = Field(description="A path in the draft's content.")
    value: Any = Field(description="What stands there: text, a number, a list or a row of indicators.")
    by: Literal["rules", "model"]
    model: str
    passage: str = Field(description="The words of the text that it was taken from.")


class SuggestionsOut(Schema):
    draft: str
    items: list[SuggestionOut]


class AnswersIn(Schema):
    answers: dict[str, Literal["confirmed", "dropped"]] = Field(
        max_length=200, description="Id of a suggestion → your answer. Dropped takes the value out of the draft."
    )


@router.get(
    "/drafts/{code}/suggestions",
    response=answers(SuggestionsOut),
    summary="What in a draft no person has answered for: it cannot be handed in before",
)
def list_suggestions(request: HttpRequest, code: Code) -> dict[str, Any]:
    for kind, actor in readers(request).items():
        draft = selectors.get_submission(code, actor=actor)
        if draft.kind == kind and draft.state in WRITABLE and can_write(actor, draft):
            return {"draft": code, "items": [suggestion_out(row) for row in suggestions.open_suggestions(draft)]}
    raise NotFound


def of_kind(kind: str) -> None:
    """The operations of one kind, under its scope."""
    place, scope, name = f"/drafts/{kind}s", needs_scope(f"{kind}s:write"), f"a {kind}"

    @router.post(
        f"/sources/{kind}s",
        response=change_answers(SourceOut, 202),
        summary=f"Have a draft of {name} made from a text",
        operation_id=f"draft_{kind}_from_text",
    )
    @scope
    def from_text(request: HttpRequest, given: SourceText) -> Any:
        actor = api_actor(request)
        organisation = parties.get_organisation(given.organisation, actor=actor)
        source = services.start_from_source(
            actor=actor,
            kind=kind,
            organisation_id=organisation.pk,
            text=given.text,
            asks_model=given.asks_model,
        )
        return Status(202, source_out(source))

    @router.post(
        f"/sources/{kind}s/file",
        response=change_answers(SourceOut, 202),
        summary=f"Have a draft of {name} made from a file: DOCX, PDF or TXT",
        operation_id=f"draft_{kind}_from_file",
    )
    @scope
    def from_file(request: HttpRequest, given: Form[SourceFile], file: File[UploadedFile]) -> Any:
        actor = api_actor(request)
        organisation = parties.get_organisation(given.organisation, actor=actor)
        source = services.start_from_source(
            actor=actor,
            kind=kind,
            organisation_id=organisation.pk,
            file=file.file or file,
            file_name=file.name or "",
            asks_model=given.asks_model,
        )
        return Status(202, source_out(source))

    @router.post(
        f"{place}/{{code}}/translate",
        response=change_answers(SourceOut, 202),
        summary=f"Have title and main text of {name} translated by the model",
        operation_id=f"translate_{kind}",
    )
    @scope
    def translate(request: HttpRequest, code: Code, given: TranslationIn) -> Any:
        check_kind(request, kind, code)
        source = services.ask_translation(actor=api_actor(request), code=code, language=given.language)
        return Status(202, source_out(source))

    @router.post(
        f"{place}/{{code}}/suggestions",
        response=change_answers(DraftOut),
        summary=f"Answer for values in {name} that no person wrote",
        operation_id=f"answer_suggestions_{kind}",
    )
    @scope
    def answer(request: HttpRequest, code: Code, given: AnswersIn) -> dict[str, Any]:
        check_kind(request, kind, code)
        actor = api_actor(request)
        draft = selectors.get_submission(code, actor=actor)
        ids = {suggestions.reference(row): row.pk for row in suggestions.open_suggestions(draft)}
        if not set(given.answers) <= set(ids):
            raise NotFound
        said = {ids[reference]: value for reference, value in given.answers.items()}
        return draft_out(services.answer_suggestions(actor=actor, code=code, answers=said), actor)


for _kind in SubmissionKind.values:
    of_kind(_kind)


# After the paths above: the first that fits is taken, and `needs` would be read as a code.
@router.get("/sources/{code}", response=answers(SourceOut), summary="How far a draft from a text or a translation is")
def get_source(request: HttpRequest, code: Code) -> dict[str, Any]:
    for kind, actor in readers(request).items():
        source = selectors.find_source(code, actor=actor)
        if source is not None and source.kind == kind:
            return source_out(source)
    raise NotFound


def source_out(source: Source) -> dict[str, Any]:
    return {
        "code": source.code,
        "purpose": source.purpose,
        "kind": source.kind,
        "state": source.state,
        "draft": source.submission.code if source.submission else None,
        "problem": problem_said(source.problem) if source.problem else "",
        "made_at": source.made_at,
    }


def suggestion_out(row: Any) -> dict[str, Any]:
    return {
        "id": suggestions.reference(row),
        "field": row.field,
        "value": row.value,
        "by": row.by,
        "model": row.model,
        "passage": row.passage,
    }
