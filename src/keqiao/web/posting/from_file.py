"""Drafts from a pasted text or a file: give it, watch the job, answer for what no person wrote; translations on request."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from keqiao.catalogue import selectors as catalogue
from keqiao.inference import selectors as inference
from keqiao.inference.types import Service
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.files import FileTooLarge
from keqiao.kernel.pages import actor_of, form_page, is_htmx, page, signed_in
from keqiao.parties import selectors as parties
from keqiao.submissions import selectors as submissions
from keqiao.submissions import services, suggestions
from keqiao.submissions.models import Source, Submission, Suggestion
from keqiao.submissions.policies import can_write
from keqiao.submissions.showing import problem_said
from keqiao.submissions.sketching import Finding, content_from
from keqiao.submissions.types import SourceState
from keqiao.submissions.workflow import WRITABLE
from keqiao.web.posting import presentation
from keqiao.web.posting.views import takes_files
from keqiao.web.presentation import Words

ANSWERS = ("confirmed", "dropped")


@takes_files
@form_page
@signed_in
def begin(request: HttpRequest) -> HttpResponse:
    """Paste a text or choose a file."""
    actor, problem = actor_of(request), None
    houses = list({post.organisation_id: post.organisation for post in parties.posts_of(actor)}.values())
    if request.method == "POST":
        organisation = next((o for o in houses if o.code == request.POST.get("organisation")), None)
        if organisation is None:
            raise NotFound
        try:
            return redirect("from_file_progress", _given(request, organisation.pk).code)
        except DomainError as error:
            problem = error
    found = inference.provider(Service.CHAT)
    context = {
        "tab": "post",
        "houses": houses,
        "problem": problem,
        "given": request.POST,
        "provider": found,
        "agreed": {house.code for house in houses if found and inference.has_consent(house.pk)},
    }
    return render(request, "posting/from_file.html", context, status=problem.status if problem else 200)


def _given(request: HttpRequest, organisation_id: int) -> Any:
    if request.watch.is_too_large:  # type: ignore[attr-defined]  # set by takes_files
        raise FileTooLarge(field="file")
    upload, post = request.FILES.get("file"), request.POST
    return services.start_from_source(
        actor=actor_of(request),
        kind=post.get("kind", "need"),
        organisation_id=organisation_id,
        text=post.get("text", ""),
        file=(upload.file or upload) if upload else None,
        file_name=(upload.name or "") if upload else "",
        asks_model=post.get("model") == "1",
    )


@page
@signed_in
def progress(request: HttpRequest, code: str) -> HttpResponse:
    """How far the job is. A script asks again every two seconds; a draft that is there is shown."""
    source = submissions.get_source(code, actor=actor_of(request))
    made = source.submission if source.state == SourceState.DONE else None
    if is_htmx(request) and (made or source.state == SourceState.FAILED):
        return HttpResponse(headers={"HX-Refresh": "true"})
    if made is not None:
        return redirect("draft_confirm", made.code)
    context = {
        "tab": "post",
        "source": source,
        "stages": _stages(source),
        "failed": source.state == SourceState.FAILED,
        "problem": problem_said(source.problem) if source.state == SourceState.FAILED else "",
    }
    template = "posting/_source.html" if is_htmx(request) else "posting/from_file_progress.html"
    return render(request, template, context)


def _stages(source: Source) -> list[dict[str, Any]]:
    steps = [SourceState.WAITING, SourceState.READING, SourceState.DRAFTING, SourceState.DONE]
    if not source.file_name:
        steps.remove(SourceState.READING)
    here = steps.index(SourceState(source.state)) if source.state in steps else 0
    return [
        {"label": step.label, "status": "done" if n < here else "current" if n == here else "todo"}
        for n, step in enumerate(steps)
    ]


@form_page
@signed_in
def confirm(request: HttpRequest, code: str) -> HttpResponse:
    """Every value that no person wrote, beside the words it came from: confirm it or drop it."""
    draft = _own(request, code)
    if request.method == "POST":
        services.answer_suggestions(actor=actor_of(request), code=code, answers=_answers(request, draft))
        return redirect("draft_confirm", code)
    return _confirm_page(request, draft)


def _answers(request: HttpRequest, draft: Submission) -> dict[int, str]:
    """Of the values that still wait; a field stands under the reference of its value."""
    given = {row.pk: request.POST.get(f"s{suggestions.reference(row)}") for row in suggestions.open_suggestions(draft)}
    return {pk: answer for pk, answer in given.items() if answer in ANSWERS}


def _own(request: HttpRequest, code: str) -> Submission:
    draft = submissions.get_submission(code, actor=actor_of(request))
    if draft.state not in WRITABLE or not can_write(actor_of(request), draft):
        raise NotFound
    return draft


def _confirm_page(request: HttpRequest, draft: Submission, problem: DomainError | None = None) -> HttpResponse:
    rows = suggestions.open_suggestions(draft)
    words = Words(catalogue.table)
    source = draft.sources.order_by("-pk").first()
    languages = {lang for lang, text in (draft.content.get("texts") or {}).items() if text.get("title")}
    context = {
        "tab": "post",
        "draft": draft,
        "title": presentation.title_of(draft.content),
        "rows": [_row(draft.kind, row, words) for row in rows],
        "source": source,
        "note": problem_said(source.problem) if source and source.problem and not _is_by_model(rows) else "",
        "provider": inference.provider(Service.CHAT),
        "agreed": inference.has_consent(draft.organisation_id),
        "to": "en" if languages == {"zh"} else "zh" if languages == {"en"} else "",
        "problem": problem,
    }
    return render(request, "posting/confirm.html", context, status=problem.status if problem else 200)


def _is_by_model(rows: list[Suggestion]) -> bool:
    return any(row.model for row in rows)


def _row(kind: str, row: Suggestion, words: Words) -> dict[str, Any]:
    """As the summary of the last step says it."""
    said = presentation.summary(kind, content_from([Finding(row.field, row.value, 0, 0)]), words, {})
    lang = row.field.split(".")[1] if row.field.startswith("texts.") else ""
    label = said[0].label if said else presentation.label_of(kind, row.field)
    lines = [line for one in said for line in one.lines]
    return {"row": row, "reference": suggestions.reference(row), "label": label, "lines": lines, "lang": lang}


@require_POST
@signed_in
def translate(request: HttpRequest, code: str) -> HttpResponse:
    draft = _own(request, code)
    try:
        language = request.POST.get("language", "")
        source = services.ask_translation(actor=actor_of(request), code=code, language=language)
    except DomainError as error:
        return _confirm_page(request, draft, error)
    return redirect("from_file_progress", source.code)
