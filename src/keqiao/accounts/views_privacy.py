"""Pages of agreements and of one's own data: consents, a copy to take away, erasure, and who looked."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from keqiao.accounts import confirming, selectors, services
from keqiao.accounts.types import OPTIONAL, REQUIRED, AgreementKind
from keqiao.accounts.views_security import confirmed
from keqiao.kernel import clock, files
from keqiao.kernel.errors import DomainError
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, safe_next, signed_in
from keqiao.kernel.parameters import parameter

LATER = "accounts_agreement_later"  # this session has put off the newer agreement
PER_PAGE = 20
EXPORTS_SHOWN = 5
CONFIRM_WORDS = ("注销", "ERASE")


# --- agreements -------------------------------------------------------------------------------------------------------


@page
def agreement(request: HttpRequest, kind: str) -> HttpResponse:
    """One text in the version in force, or in the one asked for; every version stays readable."""
    versions = list(selectors.agreement_versions(kind).defer("text_zh", "text_en")[:PER_PAGE])
    today = clock.machine_today()
    in_force = next((row for row in versions if row.first_on <= today), None)
    asked = request.GET.get("version", "")
    row = selectors.get_agreement(f"{kind}-{asked}") if asked else in_force
    if row is None:
        raise Http404
    context = {
        "kind": AgreementKind(kind),
        "row": row,
        "in_force": in_force,
        "versions": versions,
        "today": today,
        "is_required": kind in REQUIRED,
    }
    return render(request, "accounts/agreement.html", context)


def moved_agreement(request: HttpRequest, kind: str) -> HttpResponse:  # noqa: ARG001 -- Django's signature
    return redirect("agreement", kind=kind, permanent=True)


@never_cache
@form_page
@signed_in
def agree(request: HttpRequest) -> HttpResponse:
    """Asked once a session when a newer version is in force. Not a trap: it can be put off, and reading goes on."""
    actor = actor_of(request)
    back = safe_next(request, request.POST.get("next") or request.GET.get("next", "/me/privacy"))
    if request.method == "POST":
        if "later" in request.POST:
            request.session[LATER] = True
        else:
            documents = request.POST.getlist("document")
            services.give_consents(actor=actor, person_id=actor.person_id, documents=documents)
        return redirect(back)
    waiting = {row.pk for row in selectors.missing_consents(actor.person_id, clock.today())}
    rows = [row for row in selectors.agreements_in_force(clock.today()) if row.pk in waiting]
    return render(request, "accounts/privacy_agree.html", {"tab": "me", "rows": rows, "next": back})


# --- one's own data ---------------------------------------------------------------------------------------------------


@never_cache
@page
@signed_in
def privacy(request: HttpRequest) -> HttpResponse:
    return _privacy(request)


def _privacy(request: HttpRequest, problem: DomainError | None = None) -> HttpResponse:
    actor, today, now = actor_of(request), clock.today(), clock.now()
    states = selectors.consent_states(actor.person_id, today)
    context = {
        "tab": "me",
        "problem": problem,
        "required": [state for state in states if state.agreement.kind in REQUIRED],
        "optional": [state for state in states if state.agreement.kind in OPTIONAL],
        "ledger": _part(request, "ledger", selectors.ledger_of(actor.person_id)),
        "exports": [
            {"row": row, "is_open": row.state == "ready" and row.expires_at is not None and row.expires_at > now}
            for row in selectors.exports_of(actor)[:EXPORTS_SHOWN]
        ],
        "export_days": parameter("accounts.export_kept_days", on=today),
        "erasure": selectors.erasure_of(actor.person_id),
        "erasure_days": parameter("accounts.erasure_wait_days", on=today),
        "seen": _part(request, "seen", selectors.standing_ins_for(actor.person_id)),
    }
    status = problem.status if problem else 200
    return render(request, "accounts/privacy.html", context, status=status)


def _part(request: HttpRequest, name: str, rows: QuerySet[Any]) -> Any:
    return LongList(rows, PER_PAGE).get_page(page_number(request.GET, name))


@require_POST
@signed_in
def change_consent(request: HttpRequest) -> HttpResponse:
    actor, document = actor_of(request), request.POST.get("document", "")
    try:
        if request.POST.get("answer") == "give":
            services.give_consents(actor=actor, person_id=actor.person_id, documents=[document])
        else:
            services.withdraw_consent(actor=actor, person_id=actor.person_id, document=document)
    except DomainError as problem:
        return _privacy(request, problem)
    return redirect("/me/privacy#consents")


@require_POST
@signed_in
def ask_export(request: HttpRequest) -> HttpResponse:
    try:
        services.ask_for_export(actor=actor_of(request))
    except DomainError as problem:
        return _privacy(request, problem)
    return redirect("/me/privacy#export")


@never_cache
@page
@signed_in
def download_export(request: HttpRequest, export_id: int) -> FileResponse:
    """Only for its owner, and only until it expires."""
    export = selectors.get_export(export_id, actor=actor_of(request), now=clock.now())
    assert export.file is not None  # a constraint of the table, for a copy that is ready
    assert export.done_at is not None
    made_on = export.done_at.astimezone(clock.site_zone()).date().isoformat()
    return FileResponse(
        files.open_file(export.file),
        as_attachment=True,
        filename=f"keqiao-{made_on}.zip",
        content_type="application/zip",
    )


@never_cache
@form_page
@signed_in
@confirmed
def erase(request: HttpRequest) -> HttpResponse:
    """After a fresh confirmation of who it is: what will happen, and a word to type."""
    actor, problem = actor_of(request), ""
    if request.method == "POST":
        if request.POST.get("word", "").strip().upper() not in CONFIRM_WORDS:
            problem = _("请原样填写“注销”，表示您确实要注销。")
        else:
            try:
                services.ask_for_erasure(actor=actor, is_confirmed=confirming.is_confirmed(request))
            except DomainError as error:
                problem = str(error)
            else:
                return redirect("/me/privacy#erasure")
    context = {
        "tab": "me",
        "days": parameter("accounts.erasure_wait_days", on=clock.today()),
        "erasure": selectors.erasure_of(actor.person_id),
        "problem": problem,
    }
    return render(request, "accounts/privacy_erase.html", context, status=422 if problem else 200)


@require_POST
@signed_in
def cancel_erasure(request: HttpRequest) -> HttpResponse:
    try:
        services.cancel_erasure(actor=actor_of(request))
    except DomainError as problem:
        return _privacy(request, problem)
    return redirect("/me/privacy#erasure")
