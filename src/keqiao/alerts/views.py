"""Pages of alerts: what one watches, what one was told and why, and the link that stops a watch."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from keqiao.accounts import selectors as accounts
from keqiao.alerts import preview, selectors, services, showing, stopping
from keqiao.alerts.mailing import CONSENT
from keqiao.alerts.types import Cadence, Scheme, Subject, words_of
from keqiao.catalogue import selectors as catalogue
from keqiao.kernel import clock, parameters
from keqiao.kernel.errors import BadInput
from keqiao.kernel.pages import actor_of, form_page, page, safe_next, shown_page, signed_in
from keqiao.parties import selectors as parties

RULES = ("recommendation.without_personal_traits", "recommendation.switched_off_at_once")


@page
@signed_in
def alerts(request: HttpRequest) -> HttpResponse:
    return _alerts(request)


def _alerts(request: HttpRequest, problem: BadInput | None = None) -> HttpResponse:
    actor, today = actor_of(request), clock.today()
    found, pager = shown_page(selectors.watches_of(actor), request)
    named = showing.watches_seen(list(found))
    watches: list[dict[str, Any]] = [{"seen": seen, "words": words_of(seen.watch.threshold)} for seen in named]
    context = {
        "tab": "me",
        "side": "alerts",
        "watches": watches,
        "pager": pager,
        "recommends": selectors.wants_recommendations(actor.person_id),
        "rules": [parameters.find(key, on=today, jurisdiction="CN") for key in RULES],
        "gets_mail": accounts.has_consent(actor.person_id, CONSENT, today),
        "fields": catalogue.table("field"),
        "schemes": [row for row in Scheme.choices if row[0] != Scheme.FIELD],
        "cadences": Cadence.choices,
        "digests": list(selectors.digests_of(actor)[:5]),
        "own_home": actor.workplace,
        "watches_own": any(
            row["seen"].watch.subject == Subject.OWN
            and row["seen"].watch.is_active
            and row["seen"].watch.home_id == actor.acting_for
            for row in watches
        ),
        "problem": problem,
        "typed": request.POST,
        "done": request.GET.get("done", ""),
    }
    return render(request, "alerts/alerts.html", context, status=problem.status if problem else 200)


@require_POST
@signed_in
def recommendation(request: HttpRequest) -> HttpResponse:
    services.choose_recommendations(actor=actor_of(request), wanted=request.POST.get("wanted") == "1")
    return redirect("/me/alerts?done=recommendation#recommendation")


@require_POST
@signed_in
def start_watch(request: HttpRequest) -> HttpResponse:
    """From a form of this page, or from the button of an item or an organisation, which is then shown again."""
    sent = request.POST
    try:
        watch = services.start_watch(
            actor=actor_of(request),
            subject=sent.get("subject", ""),
            of=sent.get("of", ""),
            scheme=sent.get("scheme", ""),
            threshold=_points(sent.get("threshold", "")),
            cadence=sent.get("cadence", ""),
        )
    except BadInput as problem:
        return _alerts(request, problem)
    return redirect(safe_next(request, sent.get("next", "") or f"/me/alerts/watches/{watch.code}?done=started"))


@form_page
@signed_in
def watch(request: HttpRequest, code: str) -> HttpResponse:
    """One watch: its threshold, with what each would have brought, and its cadence. `?threshold=` tries one out."""
    actor, problem = actor_of(request), None
    row = selectors.get_watch(code, actor=actor)
    given = request.POST if request.method == "POST" else request.GET
    threshold = row.threshold
    try:
        threshold = _points(given.get("threshold", ""), row.threshold)
        if request.method == "POST":
            services.change_watch(actor=actor, code=code, threshold=threshold, cadence=given.get("cadence", ""))
            return redirect(f"/me/alerts/watches/{code}?done=saved")
    except BadInput as error:
        problem, threshold = error, row.threshold
    (seen,) = showing.watches_seen([row])
    context = {
        "tab": "me",
        "side": "alerts",
        "seen": seen,
        "because": showing.because_text(seen, _language()),
        "threshold": threshold,
        "words": words_of(threshold),
        "preview": preview.preview(row, threshold),
        "days": preview.DAYS,
        "cadences": Cadence.choices,
        "problem": problem,
        "typed": given.get("threshold", ""),
        "done": request.GET.get("done", ""),
    }
    return render(request, "alerts/watch.html", context, status=problem.status if problem else 200)


@require_POST
@signed_in
def stop_watch(request: HttpRequest, code: str) -> HttpResponse:
    services.stop_watch(actor=actor_of(request), code=code)
    return redirect(safe_next(request, request.POST.get("next", "") or "/me/alerts?done=stopped"))


@require_POST
@signed_in
def resume_watch(request: HttpRequest, code: str) -> HttpResponse:
    services.resume_watch(actor=actor_of(request), code=code)
    return redirect("/me/alerts?done=resumed")


@page
@signed_in
def history(request: HttpRequest) -> HttpResponse:
    """Everything that one was told and may still see."""
    actor = actor_of(request)
    found, pager = shown_page(selectors.told_to(actor), request)
    lines = showing.lines_of(list(found), actor=actor)
    context = {"lines": _with_texts(lines), "pager": pager, "hidden": len(found) - len(lines)}
    return render(request, "alerts/history.html", {"tab": "me", "side": "alerts", **context})


@page
@signed_in
def digest(request: HttpRequest, code: str) -> HttpResponse:
    actor = actor_of(request)
    row = selectors.get_digest(code, actor=actor)
    found, pager = shown_page(selectors.told_in(row), request)
    lines = showing.lines_of(list(found), actor=actor)
    context = {"digest": row, "lines": _with_texts(lines), "pager": pager, "hidden": len(found) - len(lines)}
    return render(request, "alerts/digest.html", {"tab": "me", "side": "alerts", **context})


# No cookie and no token of a form: the signed link of a mail is the right to do it, and mail programs post it themselves.
@csrf_exempt
@form_page
def stop_by_link(request: HttpRequest) -> HttpResponse:
    token = request.GET.get("t", "") or request.POST.get("t", "")
    (seen,) = showing.watches_seen([selectors.get_watch_to_stop(stopping.read(token))])
    is_done = request.method == "POST"
    if is_done:
        services.stop_watch_by_link(actor=parties.visitor(), token=token)
    context = {"token": token, "is_done": is_done, "why": showing.because_text(seen, _language())}
    return render(request, "alerts/stop.html", context)


def _with_texts(lines: list[showing.Line]) -> list[dict[str, Any]]:
    language = _language()
    return [
        {"line": line, "because": [(one, showing.because_text(one, language)) for one in line.because]}
        for line in lines
    ]


def _language() -> str:
    return "en" if (translation.get_language() or "").startswith("en") else "zh"


def _points(text: str, otherwise: Any = None) -> Any:
    """A whole number as it was typed; full-width digits too."""
    text = text.strip()
    if not text:
        return otherwise
    if not text.isdecimal() or len(text) > 3 or int(text) > 100:
        raise BadInput(_("分数是 0 到 100 的整数，例如 60。"), field="threshold")
    return int(text)
