"""Pages of a distribution, for officers and finance; and of one's own money, for contributors."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from keqiao.catalogue import selectors as catalogue
from keqiao.deals import forms, payrolls, selectors, services, showing
from keqiao.deals.papers import paper
from keqiao.deals.policies import can_approve, can_pay, can_prepare
from keqiao.deals.states import Answer, DistributionState
from keqiao.deals.views import refused
from keqiao.deals.workflow import distribution_workflow
from keqiao.kernel.errors import DomainError
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, signed_in

PER_PAGE = 20
LINES = 200
COMMANDS = {"withdraw": services.withdraw, "reverse": services.reverse}
ANSWERING = (DistributionState.CONFIRMING, DistributionState.CONTESTED)


@page
@signed_in
def distribution(request: HttpRequest, code: str) -> HttpResponse:
    """The sheet line by line, who said what, what is paid."""
    return _distribution(request, code)


def _distribution(request: HttpRequest, code: str, problem: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    found = selectors.get_distribution(code, actor=actor)
    lines = list(selectors.lines_of(found))
    page_of_lines = LongList(lines, LINES).get_page(page_number(request.GET))
    payments = list(selectors.payments_of(found)[:LINES])
    confirmations = list(selectors.confirmations_of(found)[:LINES])
    context = {
        "tab": "me",
        "row": found,
        "deal": found.deal,
        "problem": problem,
        "stages": distribution_workflow.stages(found),
        "page": page_of_lines,
        "pictures": showing.pictures(lines),
        "picture_words": showing.picture_words(lines, found.unit),
        "unconfirmed": showing.unconfirmed(found, lines),
        "confirmations": confirmations,
        "absent": catalogue.out_of_reach(row.person_id for row in confirmations if row.answer != Answer.CONFIRMED),
        "payments": payments,
        "approves": can_approve(actor, found) and found.state == DistributionState.CONFIRMED,
        "answers": can_prepare(actor, found),
        "pays": can_pay(actor, found) and found.state == DistributionState.PAYABLE,
        "open": {each.name for each in distribution_workflow.open_to(actor, found)},
        "form": request.POST,
    }
    return render(request, "deals/distribution.html", context, status=problem.status if problem else 200)


@require_POST
@signed_in
def step(request: HttpRequest, code: str, step: str) -> HttpResponse:
    """Approve, withdraw or reverse."""
    try:
        if step == "approve":
            services.approve(actor=actor_of(request), code=code)
        else:
            COMMANDS[step](actor=actor_of(request), code=code, reason=request.POST.get("reason", ""))
    except DomainError as problem:
        if problem.status == 404:
            raise
        return _distribution(request, code, problem)
    return redirect("distribution", code=code)


@require_POST
@signed_in
def contest(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """An officer's reply to somebody who contests."""
    try:
        services.answer_contest(
            actor=actor_of(request), code=code, confirmation_number=number, reply=request.POST.get("reply", "")
        )
    except DomainError as problem:
        refused(problem)
        return _distribution(request, code, problem)
    return redirect("distribution", code=code)


@require_POST
@signed_in
def pay(request: HttpRequest, code: str) -> HttpResponse:
    """Finance says that an order is paid."""
    payment = selectors.get_payment(code, actor=actor_of(request))
    try:
        text = request.POST.get("paid_on", "").strip()
        services.pay(actor=actor_of(request), code=code, paid_on=forms.read_day(text, "paid_on") if text else None)
    except DomainError as problem:
        refused(problem)
        return _distribution(request, payment.distribution.code, problem)
    return redirect("distribution", code=payment.distribution.code)


@require_POST
@signed_in
def confirm_for(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """An officer confirms for somebody without an account, with a document."""
    try:
        services.confirm_line_for(
            actor=actor_of(request), code=code, confirmation_number=number, evidence=request.FILES.get("evidence")
        )
    except DomainError as problem:
        if problem.status == 404:
            raise
        return _distribution(request, code, problem)
    return redirect("distribution", code=code)


@require_POST
@signed_in
def release(request: HttpRequest, code: str) -> HttpResponse:
    """A document says to whom to pay somebody who has not joined."""
    payment = selectors.get_payment(code, actor=actor_of(request))
    try:
        services.release_payment(actor=actor_of(request), code=code, evidence=request.FILES.get("evidence"))
    except DomainError as problem:
        refused(problem)
        return _distribution(request, payment.distribution.code, problem)
    return redirect("distribution", code=payment.distribution.code)


@page
@signed_in
def evidence(request: HttpRequest, code: str, of: str, name: str) -> HttpResponse:
    """The document by which somebody was answered for."""
    return paper(selectors.get_evidence(code, of, name, actor=actor_of(request)))


@page
@signed_in
def payroll(request: HttpRequest, code: str, extension: str) -> HttpResponse:
    """What the institution's payroll needs, as a file."""
    return payrolls.as_download(selectors.get_distribution(code, actor=actor_of(request)), extension)


# --- one's own ----------------------------------------------------------------------------------------------------------


@page
@signed_in
def own_money(request: HttpRequest) -> HttpResponse:
    """Statement: what one gets by every distribution, and what is paid."""
    actor = actor_of(request)
    found = LongList(selectors.own_confirmations(actor), PER_PAGE).get_page(page_number(request.GET))
    context = {"tab": "me", "page": found, "totals": selectors.own_totals(actor)}
    return render(request, "deals/own_money.html", context)


@form_page
@signed_in
def own_line(request: HttpRequest, code: str) -> HttpResponse:
    """One's own line with its rule, base and total; confirm or contest."""
    problem: DomainError | None = None
    if request.method == "POST":
        problem = _answer(request, code)
        if problem is None:
            return redirect("own_line", code=code)
    mine = selectors.own_confirmation(actor_of(request), code)
    lines = selectors.own_lines(mine)
    context: dict[str, Any] = {
        "tab": "me",
        "mine": mine,
        "row": mine.distribution,
        "lines": lines,
        "unconfirmed": showing.unconfirmed(mine.distribution, lines),
        "payment": next(iter(mine.distribution.own_payments), None),  # type: ignore[attr-defined]  # the selector's prefetch
        "confirms": mine.answer != Answer.CONFIRMED and mine.distribution.state in ANSWERING,
        "contests": mine.answer == Answer.WAITING and mine.distribution.state in ANSWERING,
        "problem": problem,
        "form": request.POST,
    }
    return render(request, "deals/own_line.html", context, status=problem.status if problem else 200)


def _answer(request: HttpRequest, code: str) -> DomainError | None:
    actor = actor_of(request)
    try:
        if request.POST.get("answer") == "contest":
            services.contest_line(actor=actor, code=code, reason=request.POST.get("reason", ""))
        else:
            services.confirm_line(actor=actor, code=code)
    except DomainError as problem:
        refused(problem)
        return problem
    return None
