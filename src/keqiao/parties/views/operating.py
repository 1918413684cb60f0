"""The operators' part: the queue of verifications, one verification (also for its founder), merges."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from keqiao.kernel import clock
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, signed_in
from keqiao.parties import forms, selectors, services
from keqiao.parties.types import VerificationState
from keqiao.parties.views.managing import paper
from keqiao.parties.workflow import verification_workflow

PER_PAGE = 20


@page
@signed_in
def verifications(request: HttpRequest) -> HttpResponse:
    """What waits, the earliest promise first; or what was asked back, approved, declined."""
    state = request.GET.get("state", "")
    state = state if state in VerificationState.values else VerificationState.OPEN.value
    rows = selectors.verification_queue(actor_of(request), state=state)
    shown = LongList(rows, PER_PAGE).get_page(page_number(request.GET))
    context = {
        "tab": "me",
        "page": shown,
        "state": state,
        "states": VerificationState.choices,
        "today": clock.today(),
    }
    return render(request, "parties/verifications.html", context)


@form_page
@signed_in
def verification(request: HttpRequest, code: str) -> HttpResponse:
    if request.method != "POST":
        return render(request, "parties/verification.html", _verification(request, code))
    actor, given = actor_of(request), request.POST
    step, text = given.get("step", ""), given.get("text", "")
    try:
        if step == "approve":
            services.approve_verification(actor=actor, code=code)
        elif step == "ask":
            services.ask_founder(actor=actor, code=code, text=text)
        elif step == "decline":
            services.decline_verification(actor=actor, code=code, reason=text)
        elif step == "answer":
            services.answer_verification(actor=actor, code=code, text=text, licence=request.FILES.get("licence"))
        else:
            raise NotFound  # noqa: TRY301 -- an unknown step is a missing page
    except NotFound:
        raise
    except DomainError as error:
        context = _verification(request, code, given)
        context["form"].refuse(error)
        return render(request, "parties/verification.html", context, status=error.status)
    return redirect("verification", code=code)


def _verification(request: HttpRequest, code: str, given: Any = None) -> dict[str, Any]:
    actor = actor_of(request)
    found = selectors.get_verification(code, actor=actor)
    steps = {step.name for step in verification_workflow.open_to(actor, found)}
    if "answer" in steps:
        form = forms.text_form("verification", "text", _("答复"), _("例如：已重新上传清晰的执照。"), given)
        form.fields.append(
            forms.Field("licence", _("新的扫描件"), hint=_("PDF、PNG 或 JPEG"), kind="file", is_optional=True)
        )
    else:
        hint = _("补充要求或不通过的理由；对方会看到")
        form = forms.text_form("verification", "text", _("写给对方"), hint, given)
    return {
        "tab": "me",
        "verification": found,
        "organisation": found.organisation,
        "identifiers": found.organisation.identifiers.all(),
        "notes": found.notes.all(),
        "stages": verification_workflow.stages(found),
        "steps": steps,
        "form": form,
        "is_own": not actor.is_operator or found.applicant_id == actor.person_id,
    }


@page
@signed_in
def licence(request: HttpRequest, code: str) -> HttpResponse:
    """The scan: for the founder, the organisation's own people and operators."""
    found = selectors.get_verification(code, actor=actor_of(request))
    if found.licence is None:
        raise NotFound
    return paper(found.licence)


@form_page
@signed_in
def merges(request: HttpRequest) -> HttpResponse:
    """Merge two entries that are one organisation, and the record of it."""
    actor, given = actor_of(request), request.POST if request.method == "POST" else request.GET
    rows = selectors.merges(actor)
    form = forms.merge_form(given)
    status = 200
    if request.method == "POST":
        try:
            services.merge_organisations(
                actor=actor,
                kept_code=given.get("kept", "").strip(),
                gone_code=given.get("gone", "").strip(),
                reason=given.get("reason", ""),
            )
        except DomainError as error:
            form.refuse(error)
            status = error.status
        else:
            return redirect("merges")
    shown = LongList(rows, PER_PAGE).get_page(page_number(request.GET))
    return render(request, "parties/merges.html", {"tab": "me", "form": form, "page": shown}, status=status)


@require_POST
@signed_in
def undo_merge(request: HttpRequest, code: str) -> HttpResponse:
    services.undo_merge(actor=actor_of(request), code=code)
    return redirect("merges")
