"""Pages of outside models: what an organisation agreed to and what was sent for it; the account for operators."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from keqiao.inference import policies, selectors, services
from keqiao.inference.types import Service, Task
from keqiao.kernel.errors import BadInput, DomainError, NotFound
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, signed_in
from keqiao.parties import selectors as parties

PER_PAGE = 20


@form_page
@signed_in
def organisation_models(request: HttpRequest, code: str) -> HttpResponse:
    """Does the organisation let its unpublished text go to the site's chat model?"""
    actor = actor_of(request)
    organisation = parties.get_organisation(code, actor=actor)
    if not policies.can_see_consent(actor, organisation):
        raise NotFound
    problem: DomainError | None = None
    if request.method == "POST":
        try:
            _decide(request, code)
            return redirect("organisation_models", code=code)
        except DomainError as error:
            problem = error
    found = selectors.provider(Service.CHAT)
    given = selectors.consent_of(organisation.pk)
    shown = LongList(selectors.calls_of(organisation.pk), PER_PAGE).get_page(page_number(request.GET))
    context = {
        "nav": "organisations",
        "tab": "me",
        "part": "models",
        "organisation": organisation,
        "may_decide": policies.can_consent(actor, organisation),
        "provider": found,
        "given": given,
        "holds": selectors.has_consent(organisation.pk),
        "before": list(selectors.consents_before(organisation.pk)[:PER_PAGE]),
        "page": shown,
        "problem": problem,
    }
    return render(request, "inference/organisation.html", context, status=problem.status if problem else 200)


def _decide(request: HttpRequest, code: str) -> None:
    actor = actor_of(request)
    if request.POST.get("go") == "withdraw":
        services.withdraw_consent(actor=actor, organisation_code=code)
        return
    if request.POST.get("agreed") != "1":
        raise BadInput(_("请先勾选“我代表本单位同意”。"), field="agreed")
    read = request.POST.get("model", ""), request.POST.get("host", "")
    services.give_consent(actor=actor, organisation_code=code, to=read)


@page
@signed_in
def models_for_operators(request: HttpRequest) -> HttpResponse:
    """What is set up, how it does, what it costs this month, who agreed."""
    actor = actor_of(request)
    if not actor.is_operator:
        raise NotFound
    shown = LongList(selectors.latest_calls(actor), PER_PAGE).get_page(page_number(request.GET))
    health = selectors.health()
    spent, cap = selectors.spent_this_month(), selectors.cap()
    use = [
        {**row, "name": Task(row["task"]).label, "yuan": _yuan(row["cost"])} for row in selectors.use_this_month(actor)
    ]
    rows: list[Any] = []
    for service in Service:
        found = selectors.provider(service)
        rows.append((service, found, health[service], selectors.circuit(service) if found else None))
    context = {
        "tab": "me",
        "here_tab": "models",
        "services": rows,
        "searches": (found := selectors.provider(Service.EMBEDDINGS)) and selectors.may_send_searches(found),
        "spent": _yuan(spent),
        "cap": _yuan(cap),
        "share": min(100, round(100 * spent / cap)) if cap else None,
        "use": use,
        "consents": list(selectors.consents_in_force(actor)[:100]),
        "page": shown,
    }
    return render(request, "inference/operators.html", context)


def _yuan(micros: int) -> str:
    """Yuan with as many places as say something: a call may cost a thousandth of a fen."""
    whole, dot, rest = f"{micros / 1_000_000:,.6f}".partition(".")
    return whole + dot + rest[:2] + rest[2:].rstrip("0")
