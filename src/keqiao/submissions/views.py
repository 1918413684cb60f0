"""Pages of review, of a submission and of complaints: parse, ask a selector or run a command, render."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as items
from keqiao.catalogue.types import CLOSING, WITHDRAWING
from keqiao.kernel import clock, files
from keqiao.kernel.errors import BadInput, DomainError, NotAllowed, NotFound
from keqiao.kernel.pages import LongList, actor_of, counted, form_page, page, page_number, signed_in
from keqiao.submissions import forms, selectors, services, showing
from keqiao.submissions.changes import title_of, unconfirmed
from keqiao.submissions.models import Submission
from keqiao.submissions.policies import can_write
from keqiao.submissions.types import (
    ComplaintReason,
    ComplaintState,
    DeclineReason,
    NoteKind,
    ReviewStep,
    SubmissionKind,
    SubmissionState,
)
from keqiao.submissions.workflow import WRITABLE, complaint_workflow, submission_workflow

PER_PAGE = 20


# --- queues -----------------------------------------------------------------------------------------------------------


@page
@signed_in
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for review, of the platform or of the actor's organisation."""
    actor = actor_of(request)
    sides = selectors.review_sides(actor)
    if not sides:
        raise NotAllowed
    asked = forms.read_queue(request.GET, sides)
    rows = selectors.review_queue(
        actor, asked.side, state=asked.state, kind=asked.kind, days=asked.days, reviewer=asked.reviewer
    )
    shown = LongList(rows, PER_PAGE).get_page(page_number(request.GET))
    loads, today = selectors.review_loads(actor, asked.side), clock.today()
    context = {
        "tab": "me",
        "asked": asked,
        "sides": [(side, side.label) for side in sides],
        "states": [(state, state.label) for state in selectors.SHOWN_STATES[asked.side]],
        "kinds": SubmissionKind.choices,
        "page": shown,
        "rows": [
            (row, title_of(selectors.content_seen_by(actor, row), showing.reader_language()), _is_late(row, today))
            for row in shown
        ],
        "pages": shown.paginator.get_elided_page_range(shown.number),
        "loads": loads,
        "waiting": sum(load.count for load in loads),
        "overdue": sum(load.overdue for load in loads),
        "unclaimed": sum(load.count for load in loads if load.person is None),
        "oldest": min((load.oldest for load in loads if load.oldest), default=None),
        "now": clock.now(),
        "complaints": counted(selectors.complaint_queue(actor)) if ReviewStep.PLATFORM in sides else None,
        "waiver": selectors.waiver_of(actor.acting_for) if actor.acting_for else None,
    }
    return render(request, "submissions/queue.html", context)


def _is_late(row: Submission, today: Any) -> bool:
    return row.due_on is not None and row.due_on < today and row.decided_at is None


# --- one submission under review --------------------------------------------------------------------------------------


@page
@signed_in
def review(request: HttpRequest, code: str) -> HttpResponse:
    return _review_page(request, code)


def _review_page(request: HttpRequest, code: str, error: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    found = selectors.get_submission(code, actor=actor)
    if not selectors.review_rows_of(actor).filter(pk=found.pk).exists():
        raise NotFound
    content = selectors.content_seen_by(actor, found)
    public = selectors.content_before(found)
    compared = forms.read_comparison(request.GET, found, public)
    notes = list(selectors.notes_of(found))
    actions = [step.name for step in submission_workflow.open_to(actor, found) if step.name in REVIEW_ACTIONS]
    mine = found.reviewer_id == actor.person_id
    context = {
        "tab": "me",
        "submission": found,
        "title": title_of(content, showing.reader_language()) or found.code,
        "sections": showing.sections(
            content,
            before=compared.content,
            confirmed_before=public,
            questions=[note for note in notes if note.kind == NoteKind.QUESTION],
            files=selectors.files_seen_by(found, content, actor=actor),
            assets=showing.assets_of(content, found.organisation_id),
        ),
        "compared": compared,
        "suggested": [code for _name, code in unconfirmed(content, public)],
        "notes": showing.record(notes, actor),
        "stages": showing.stages(found),
        "actions": set(actions),
        "is_mine": mine,
        "is_claimed_by_other": bool(found.reviewer_id) and not mine,
        "colleagues": selectors.may_be_handed_to(found, actor) if actions else [],
        "reasons": DeclineReason.choices,
        "is_late": _is_late(found, clock.today()),
        "posted": request.POST,
        "error": error,
    }
    return render(request, "submissions/review.html", context, status=error.status if error else 200)


REVIEW_ACTIONS = {"approve", "return_to_author", "send_back", "accept", "decline"}


def _given(request: HttpRequest) -> dict[str, Any]:
    return {"revision": forms.whole(request.POST.get("revision", "")), "text": request.POST.get("text", "")}


COMMANDS: dict[str, Callable[[HttpRequest, str], Any]] = {
    "claim": lambda r, code: services.claim(actor=actor_of(r), code=code, takes_over=r.POST.get("takes_over") == "yes"),
    "hand-over": lambda r, code: services.hand_over(
        actor=actor_of(r), code=code, person_id=forms.drawn(r.POST.get("person", "")), text=r.POST.get("text", "")
    ),
    "promise": lambda r, code: services.promise_date(
        actor=actor_of(r), code=code, due_on=forms.day(r.POST.get("due_on", ""), "due_on")
    ),
    "approve": lambda r, code: services.approve(actor=actor_of(r), code=code, **_given(r)),
    "return": lambda r, code: services.return_to_author(
        actor=actor_of(r), code=code, **_given(r), questions=forms.questions(r.POST)
    ),
    "send-back": lambda r, code: services.send_back(
        actor=actor_of(r), code=code, **_given(r), questions=forms.questions(r.POST)
    ),
    "accept": lambda r, code: services.accept(
        actor=actor_of(r), code=code, **_given(r), confirms_classification=r.POST.get("confirms") == "yes"
    ),
    "decline": lambda r, code: services.decline(
        actor=actor_of(r), code=code, **_given(r), reason=r.POST.get("reason", "")
    ),
}


@require_POST
@signed_in
def decide(request: HttpRequest, code: str, action: str) -> HttpResponse:
    """One step of a review; a refusal shows the page again with what was typed."""
    if action not in COMMANDS:
        raise NotFound
    try:
        COMMANDS[action](request, code)
    except (NotFound, NotAllowed):
        raise
    except DomainError as error:
        return _review_page(request, code, error)
    return redirect("review", code=code)


# --- the author's page ------------------------------------------------------------------------------------------------


@page
@signed_in
def submission_list(request: HttpRequest) -> HttpResponse:
    """What one and one's colleagues have handed in or are writing."""
    shown = LongList(selectors.submissions_of(actor_of(request)), PER_PAGE).get_page(page_number(request.GET))
    context = {
        "tab": "me",
        "page": shown,
        "rows": [(row, title_of(row.content, showing.reader_language())) for row in shown],
        "pages": shown.paginator.get_elided_page_range(shown.number),
    }
    return render(request, "submissions/submissions.html", context)


@page
@signed_in
def submission(request: HttpRequest, code: str) -> HttpResponse:
    return _submission_page(request, code)


def _submission_page(request: HttpRequest, code: str, error: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    found = selectors.get_submission(code, actor=actor)
    if not can_write(actor, found):
        raise NotFound
    notes = list(selectors.notes_of(found))
    waiting = {question.pk for question in selectors.open_questions(found)}
    is_returned = found.state == SubmissionState.RETURNED
    context = {
        "tab": "me",
        "submission": found,
        "title": title_of(found.content, showing.reader_language()) or found.code,
        "stages": showing.stages(found),
        "sections": showing.sections(
            found.content,
            before=found.returned_content if is_returned else selectors.content_before(found),
            files=selectors.files_seen_by(found, found.content, actor=actor),
            assets=showing.assets_of(found.content, found.organisation_id),
        ),
        "notes": showing.record(notes, actor),
        "questions": [note for note in notes if note.pk in waiting] if is_returned else [],
        "returned": next((n for n in reversed(notes) if n.kind == NoteKind.RETURN), None) if is_returned else None,
        "edit_url": f"/post/{found.code}" if found.state in WRITABLE else "",
        "declined": next((n for n in reversed(notes) if n.kind == NoteKind.DECLINE), None),
        "actions": {step.name for step in submission_workflow.open_to(actor, found)},
        "posted": request.POST,
        "error": error,
    }
    return render(request, "submissions/submission.html", context, status=error.status if error else 200)


def _submit(request: HttpRequest, code: str) -> None:
    if request.POST.get("agreed") != "1":
        raise BadInput(_("提交前请确认内容不含国家秘密和他人商业秘密。"), field="agreed")
    services.submit(actor=actor_of(request), code=code, revision=forms.whole(request.POST.get("revision", "")))


AUTHOR_COMMANDS: dict[str, Callable[[HttpRequest, str], Any]] = {
    "submit": _submit,
    "take-back": lambda r, code: services.take_back(actor=actor_of(r), code=code),
    "answer": lambda r, code: services.answer_question(
        actor=actor_of(r),
        code=code,
        number=forms.drawn(r.POST.get("question", "")),
        text=r.POST.get("text", ""),
    ),
}


@require_POST
@signed_in
def act(request: HttpRequest, code: str, action: str) -> HttpResponse:
    """One step of the author's side."""
    if action not in AUTHOR_COMMANDS:
        raise NotFound
    try:
        AUTHOR_COMMANDS[action](request, code)
    except (NotFound, NotAllowed):
        raise
    except DomainError as error:
        return _submission_page(request, code, error)
    return redirect("submission", code=code)


@page
@signed_in
def submission_file(request: HttpRequest, code: str, file_id: int) -> FileResponse:
    """A file of a submission, to be saved: never shown by the browser on this site."""
    actor = actor_of(request)
    found = selectors.get_submission(code, actor=actor)
    stored = selectors.files_seen_by(found, selectors.content_seen_by(actor, found), actor=actor).get(file_id)
    if stored is None:
        raise NotFound
    return _saved(stored)


def _saved(stored: Any) -> FileResponse:
    response = FileResponse(
        files.open_file(stored), as_attachment=True, filename=stored.name, content_type=stored.media_type
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


# --- the organisation's waiver ----------------------------------------------------------------------------------------


@form_page
@signed_in
def waiver(request: HttpRequest) -> HttpResponse:
    """Does the organisation review its own people's submissions, or does it leave that to the platform?"""
    actor, error = actor_of(request), None
    place = actor.acting_for
    if ReviewStep.ORGANISATION not in selectors.review_sides(actor) or place is None:
        raise NotAllowed
    if request.method == "POST":
        try:
            if request.POST.get("action") == "end":
                services.end_waiver(actor=actor, organisation_id=place)
            else:
                services.waive_review(actor=actor, organisation_id=place, reason=request.POST.get("reason", ""))
            return redirect("review_waiver")
        except DomainError as problem:
            error = problem
    context = {"tab": "me", "waiver": selectors.waiver_of(place), "place": actor.workplace, "error": error}
    return render(request, "submissions/waiver.html", context, status=error.status if error else 200)


# --- items: renew, close, withdraw ------------------------------------------------------------------------------------

ITEM_COMMANDS: dict[tuple[str, str], Callable[..., Any]] = {
    ("need", "renew"): items.renew_need,
    ("need", "close"): items.close_need,
    ("need", "withdraw"): items.withdraw_need,
    ("achievement", "renew"): items.renew_achievement,
    ("achievement", "close"): items.close_achievement,
    ("achievement", "withdraw"): items.withdraw_achievement,
}
REASONS = {"close": CLOSING, "withdraw": WITHDRAWING}


@require_POST
@signed_in
def run_item(request: HttpRequest, kind: str, code: str, action: str) -> HttpResponse:
    """The owner's people renew, close or withdraw what is public; the two latter with a reason."""
    reasons, reason = REASONS.get(action), request.POST.get("reason", "")
    if reasons is not None and reason not in reasons:
        raise BadInput(_("请从列表里选一个原因，例如“不再需要或不再提供”。"), field="reason")
    given = {} if reasons is None else {"reason": reason}
    ITEM_COMMANDS[kind, action](actor=actor_of(request), code=code, **given)
    return redirect(kind, code=code)


# --- complaints -------------------------------------------------------------------------------------------------------


@form_page
@signed_in
def complain(request: HttpRequest, kind: str, code: str) -> HttpResponse:
    actor, error = actor_of(request), None
    get = catalogue.get_need if kind == SubmissionKind.NEED else catalogue.get_achievement
    item: Any = get(code, actor=actor)
    if item.state not in catalogue.PUBLIC_STATES:
        raise NotFound
    if request.method == "POST":
        given = request.FILES.get("file")
        try:
            made = services.make_complaint(
                actor=actor,
                kind=kind,
                item_code=code,
                reason=request.POST.get("reason", ""),
                text=request.POST.get("text", ""),
                file=given,
                file_name=given.name or "" if given else "",
            )
            return redirect("complaint", code=made.code)
        except NotFound:
            raise
        except DomainError as problem:
            error = problem
    context = {
        "item": item,
        "kind": kind,
        "reasons": ComplaintReason.choices,
        "posted": request.POST,
        "error": error,
        "days": selectors.complaint_days(),
    }
    return render(request, "submissions/complain.html", context, status=error.status if error else 200)


@page
@signed_in
def complaints(request: HttpRequest) -> HttpResponse:
    """One's own complaints, and those about one's organisation's items."""
    actor = actor_of(request)
    shown = LongList(selectors.own_complaints(actor), PER_PAGE).get_page(page_number(request.GET))
    context = {
        "tab": "me",
        "page": shown,
        "pages": shown.paginator.get_elided_page_range(shown.number),
        "me": actor.person_id,
    }
    return render(request, "submissions/complaints.html", context)


@page
@signed_in
def complaint_queue(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if not actor.is_operator:
        raise NotAllowed
    state = request.GET.get("state", "")
    state = state if state in ComplaintState.values else ""
    shown = LongList(selectors.complaint_queue(actor, state=state), PER_PAGE).get_page(page_number(request.GET))
    context = {
        "tab": "me",
        "page": shown,
        "pages": shown.paginator.get_elided_page_range(shown.number),
        "state": state,
        "states": ComplaintState.choices,
        "today": clock.today(),
    }
    return render(request, "submissions/complaint_queue.html", context)


@page
@signed_in
def complaint(request: HttpRequest, code: str) -> HttpResponse:
    return _complaint_page(request, code)


def _complaint_page(request: HttpRequest, code: str, error: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    found = selectors.get_complaint(code, actor=actor)
    is_owner = actor.works_for(found.owner_id)
    context = {
        "tab": "me",
        "complaint": found,
        "item": found.item,
        "kind": "need" if found.need_id else "achievement",
        "stages": showing.complaint_stages(found),
        "actions": {step.name for step in complaint_workflow.open_to(actor, found)},
        "sees_who": selectors.is_complainant_seen_by(actor, found),
        "is_mine": found.complainant_id == actor.person_id,
        "is_owner": is_owner,
        "may_state_view": is_owner and found.state == ComplaintState.IN_REVIEW,
        "is_late": found.due_on is not None and found.due_on < clock.today() and found.decided_at is None,
        "posted": request.POST,
        "error": error,
    }
    return render(request, "submissions/complaint.html", context, status=error.status if error else 200)


COMPLAINT_COMMANDS: dict[str, Callable[[HttpRequest, str], Any]] = {
    "take-up": lambda r, code: services.take_up_complaint(actor=actor_of(r), code=code),
    "uphold": lambda r, code: services.uphold_complaint(
        actor=actor_of(r), code=code, answer=r.POST.get("answer", ""), owner_answer=r.POST.get("owner_answer", "")
    ),
    "dismiss": lambda r, code: services.dismiss_complaint(
        actor=actor_of(r), code=code, answer=r.POST.get("answer", ""), owner_answer=r.POST.get("owner_answer", "")
    ),
    "take-back": lambda r, code: services.take_back_complaint(actor=actor_of(r), code=code),
    "state-view": lambda r, code: services.state_view(actor=actor_of(r), code=code, text=r.POST.get("text", "")),
}


@require_POST
@signed_in
def act_on_complaint(request: HttpRequest, code: str, action: str) -> HttpResponse:
    if action not in COMPLAINT_COMMANDS:
        raise NotFound
    try:
        COMPLAINT_COMMANDS[action](request, code)
    except (NotFound, NotAllowed):
        raise
    except DomainError as error:
        return _complaint_page(request, code, error)
    return redirect("complaint", code=code)


@page
@signed_in
def complaint_file(request: HttpRequest, code: str) -> FileResponse:
    """The complainant's file: for who may know the complainant."""
    actor = actor_of(request)
    found = selectors.get_complaint(code, actor=actor)
    if found.file is None or not selectors.is_complainant_seen_by(actor, found):
        raise NotFound
    return _saved(found.file)
