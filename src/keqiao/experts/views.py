"""Pages of experts and assignments: parse, one command or selector, render."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from keqiao.catalogue import selectors as catalogue
from keqiao.experts import forms, policies, selectors, services, showing
from keqiao.experts.types import DeclaredTie, DeclineReason, PlanKind
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.pages import actor_of, form_page, is_htmx, page, shown_page, signed_in
from keqiao.kernel.replicas import may_lag


def post(view: Callable[..., HttpResponse]) -> Callable[..., Any]:
    """A step that is sent, by somebody who is signed in."""
    return require_POST(signed_in(view))


# --- finding ----------------------------------------------------------------------------------------------------------


@page
@signed_in
@may_lag
def experts(request: HttpRequest) -> HttpResponse:
    """The directory: everybody who agreed to be found."""
    actor, asked = actor_of(request), request.GET
    word = asked.get("q", "").replace("\x00", "").strip()[:40]
    kind = PlanKind.BROKERS if asked.get("kind") == PlanKind.BROKERS else PlanKind.EXPERTS
    found, pager = shown_page(selectors.listed_experts(actor, kind=kind, word=word), request)
    rows = showing.directory(list(found))
    context = {"tab": "me", "side": "experts", "rows": rows, "pager": pager, "word": word, "kind": kind}
    return render(request, "experts/experts.html", context)


@page
@signed_in
def expert(request: HttpRequest, code: str) -> HttpResponse:
    actor = actor_of(request)
    profile = selectors.get_expert(code, actor=actor)
    return render(request, "experts/expert.html", {"tab": "me", "side": "experts", **showing.expert(profile, actor)})


@page
@signed_in
def experts_for_need(request: HttpRequest, code: str) -> HttpResponse:
    """Who could solve a need, with the reasons; and for those who may know, who must keep out of it."""
    actor = actor_of(request)
    need = catalogue.get_need(code, actor=actor)
    query, ranked = selectors.experts_for(need, actor=actor)
    found, pager = shown_page(ranked, request, 10)
    shown = selectors.shown_experts(query, list(found), actor=actor, need=need)
    context = {
        "nav": "needs",
        "tab": "needs",
        "need": need,
        "rows": showing.found(shown),
        "pager": pager,
        "sees_ties": selectors.sees_ties_of(actor, need),
        "may_plan": selectors.may_plan_need(actor, need),
    }
    return render(request, "experts/for_need.html", context)


# --- one's own entry --------------------------------------------------------------------------------------------------


@form_page
@signed_in
def own(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _own_page(request)
    given = request.POST
    try:
        services.rewrite_expert(
            actor=actor_of(request),
            statement_zh=given.get("statement_zh", ""),
            statement_en=given.get("statement_en", ""),
            capacity=forms.number(given.get("capacity", ""), "capacity"),
            works=given.getlist("works"),
        )
    except DomainError as error:
        return _own_page(request, error)
    return redirect("/me/expert?saved=1")


def _own_page(request: HttpRequest, error: DomainError | None = None) -> HttpResponse:
    context = {
        "tab": "me",
        "side": "expert",
        "error": error,
        "given": request.POST if error else {},
        "is_saved": "saved" in request.GET,
        "tie_kinds": DeclaredTie.choices,
        **showing.own(actor_of(request)),
    }
    return render(request, "experts/own.html", context, status=error.status if error else 200)


@post
def add_paper(request: HttpRequest) -> HttpResponse:
    given = request.POST

    def run() -> None:
        services.add_paper(
            actor=actor_of(request),
            title=given.get("title", ""),
            doi=given.get("doi", ""),
            year=forms.optional_number(given.get("year", ""), "year"),
            abstract=given.get("abstract", ""),
        )

    return _own_step(request, run, "papers")


@post
def remove_paper(request: HttpRequest, paper_id: int) -> HttpResponse:
    return _own_step(request, lambda: services.remove_paper(actor=actor_of(request), paper_id=paper_id), "papers")


@post
def add_period(request: HttpRequest) -> HttpResponse:
    given = request.POST

    def run() -> None:
        services.add_period(
            actor=actor_of(request),
            first_on=forms.day(given.get("first_on", ""), "first_on"),
            last_on=forms.day(given.get("last_on", ""), "last_on"),
            capacity=forms.number(given.get("period_capacity", ""), "period_capacity"),
        )

    return _own_step(request, run, "periods")


@post
def remove_period(request: HttpRequest, period_id: int) -> HttpResponse:
    return _own_step(request, lambda: services.remove_period(actor=actor_of(request), period_id=period_id), "periods")


@post
def declare_conflict(request: HttpRequest) -> HttpResponse:
    given = request.POST

    def run() -> None:
        services.declare_conflict(
            actor=actor_of(request),
            organisation_code=forms.organisation(given.get("organisation", ""), actor_of(request)),
            kind=given.get("kind", ""),
            last_on=forms.optional_day(given.get("until", ""), "until"),
            note=given.get("note", ""),
        )

    return _own_step(request, run, "conflicts")


@post
def remove_conflict(request: HttpRequest, conflict_id: int) -> HttpResponse:
    return _own_step(
        request, lambda: services.remove_conflict(actor=actor_of(request), conflict_id=conflict_id), "conflicts"
    )


@post
def change_listing(request: HttpRequest) -> HttpResponse:
    """Agree to be found, or take it back."""
    step = services.unlist_expert if request.POST.get("go") == "leave" else services.list_expert
    return _own_step(request, lambda: step(actor=actor_of(request)), "listing")


def _own_step(request: HttpRequest, run: Callable[[], Any], place: str) -> HttpResponse:
    try:
        run()
    except NotFound:
        raise
    except DomainError as error:
        return _own_page(request, error)
    return redirect(f"/me/expert?saved=1#{place}")


# --- plans ------------------------------------------------------------------------------------------------------------


@page
@signed_in
def plans(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if not policies.can_plan(actor):
        raise NotFound
    found, pager = shown_page(selectors.plans_visible_to(actor).order_by("-pk"), request)
    return render(request, "experts/plans.html", {"tab": "me", "side": "plans", "plans": found, "pager": pager})


@form_page
@signed_in
def new_plan(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if not policies.can_plan(actor):
        raise NotFound
    if request.method != "POST":
        return _plan_form(request)
    given = request.POST
    try:
        plan = services.make_plan(
            actor=actor,
            kind=given.get("kind", ""),
            title=given.get("title", ""),
            need_codes=[*given.getlist("needs"), *forms.codes(given.get("more_needs", ""))],
            expert_codes=forms.codes(given.get("experts", "")),
            key=given.get("key", "")[:64] or uuid4().hex,
            **forms.wishes(given),
        )
    except DomainError as error:
        return _plan_form(request, error)
    return redirect("assignment_plan", code=plan.code)


def _plan_form(request: HttpRequest, error: DomainError | None = None) -> HttpResponse:
    given = request.POST if error else request.GET
    found, pager = shown_page(selectors.needs_to_plan(actor_of(request)), request, 30)
    context = {
        "tab": "me",
        "side": "plans",
        "error": error,
        "given": given,
        "chosen": given.getlist("needs"),
        "needs": found,
        "pager": pager,
        "kinds": PlanKind.choices,
        "key": request.POST.get("key") or uuid4().hex,
        "wishes": forms.shown_wishes(given),
    }
    return render(request, "experts/new_plan.html", context, status=error.status if error else 200)


@page
@signed_in
def plan(request: HttpRequest, code: str) -> HttpResponse:
    return _plan_page(request, code)


def _plan_page(request: HttpRequest, code: str, error: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    found = selectors.get_plan(code, actor=actor)
    needs, pager = shown_page(selectors.plan_needs(found), request)
    context = {"tab": "me", "side": "plans", "pager": pager, "error": error, **showing.plan(found, list(needs), actor)}
    return render(request, "experts/plan.html", context, status=error.status if error else 200)


@page
@signed_in
def plan_progress(request: HttpRequest, code: str) -> HttpResponse:
    """The part that moves, asked for every two seconds; when it stops moving the page is loaded anew."""
    found = selectors.get_plan(code, actor=actor_of(request))
    if not is_htmx(request):
        return redirect("assignment_plan", code=code)
    answer = render(request, "experts/_progress.html", showing.progress(found))
    if not showing.is_moving(found):
        answer["HX-Refresh"] = "true"
    return answer


@page
@signed_in
def plan_need(request: HttpRequest, code: str, need_code: str) -> HttpResponse:
    """All candidates of one need, why each was not taken, and the form to take another."""
    return _plan_need_page(request, code, need_code)


def _plan_need_page(request: HttpRequest, code: str, need_code: str, error: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    found = selectors.get_plan(code, actor=actor)
    row = selectors.get_plan_need(found, need_code)
    pairs, pager = shown_page(selectors.pairs_of(row), request)
    context = {
        "tab": "me",
        "side": "plans",
        "pager": pager,
        "error": error,
        "given": request.POST,
        **showing.plan_need(found, row, list(pairs), actor),
    }
    return render(request, "experts/plan_need.html", context, status=error.status if error else 200)


@post
def assign_by_hand(request: HttpRequest, code: str, need_code: str) -> HttpResponse:
    given = request.POST
    try:
        services.assign_by_hand(
            actor=actor_of(request),
            code=code,
            need_code=need_code,
            who=given.get("who", "").strip(),
            reason=given.get("reason", ""),
            instead_of=given.get("instead_of", ""),
        )
    except NotFound:
        raise
    except DomainError as error:
        return _plan_need_page(request, code, need_code, error)
    return redirect(f"/assignments/plans/{code}#{need_code}")


@post
def plan_step(request: HttpRequest, code: str, step: str) -> HttpResponse:
    actor = actor_of(request)
    steps: dict[str, Callable[[], Any]] = {
        "confirm": lambda: services.confirm_plan(actor=actor, code=code),
        "cancel": lambda: services.cancel_plan(actor=actor, code=code),
        "again": lambda: services.compute_again(actor=actor, code=code, **forms.wishes(request.POST)),
    }
    if step not in steps:
        raise NotFound
    try:
        steps[step]()
    except NotFound:
        raise
    except DomainError as error:
        return _plan_page(request, code, error)
    return redirect("assignment_plan", code=code)


# --- assignments ------------------------------------------------------------------------------------------------------


@page
@signed_in
def assignments(request: HttpRequest) -> HttpResponse:
    """What the actor was asked to take on."""
    found, pager = shown_page(selectors.asked_of(actor_of(request)), request)
    return render(
        request, "experts/assignments.html", {"tab": "me", "side": "assignments", "rows": found, "pager": pager}
    )


@page
@signed_in
def assignment(request: HttpRequest, code: str) -> HttpResponse:
    return _assignment_page(request, code)


def _assignment_page(request: HttpRequest, code: str, error: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    row = selectors.get_assignment(code, actor=actor)
    context = {
        "tab": "me",
        "side": "assignments",
        "error": error,
        "given": request.POST,
        "decline_reasons": DeclineReason.choices,
        **showing.assignment(row, actor),
    }
    return render(request, "experts/assignment.html", context, status=error.status if error else 200)


@post
def assignment_step(request: HttpRequest, code: str, step: str) -> HttpResponse:
    actor, given = actor_of(request), request.POST
    refusal = {"reason": given.get("reason", ""), "note": given.get("note", "")}
    steps: dict[str, Callable[[], Any]] = {
        "accept": lambda: services.accept_assignment(actor=actor, code=code),
        "decline": lambda: services.decline_assignment(actor=actor, code=code, **refusal),
        "finish": lambda: services.finish_assignment(actor=actor, code=code),
        "ask": lambda: services.ask_proposed(actor=actor, code=code),
        "drop": lambda: services.drop_assignment(actor=actor, code=code),
    }
    if step not in steps:
        raise NotFound
    try:
        steps[step]()
    except NotFound:
        raise
    except DomainError as error:
        return _assignment_page(request, code, error)
    return redirect(_after(request, code))


def _after(request: HttpRequest, code: str) -> str:
    """Whoever runs the plan goes back to it."""
    place = request.POST.get("next", "")
    return place if place.startswith("/assignments/plans/") else f"/assignments/{code}"
