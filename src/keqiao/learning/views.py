"""Pages of learning: the operators' overview and cards, and whether an organisation takes part."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from keqiao.kernel import clock
from keqiao.kernel.errors import DomainError, NotAllowed, NotFound
from keqiao.kernel.pages import LongList, actor_of, form_page, is_htmx, page_number, signed_in
from keqiao.kernel.parameters import parameter
from keqiao.learning import policies, selectors, services, showing
from keqiao.learning.types import ModelState, RowKind
from keqiao.matching import selectors as matching
from keqiao.parties import selectors as parties

PER_PAGE = 20
View = Callable[..., HttpResponseBase]


def operators_only(view: View) -> View:
    """Others find no such page. Put it below `signed_in`."""

    @wraps(view)
    def shown(request: HttpRequest, *given: Any, **named: Any) -> HttpResponseBase:
        if not policies.can_operate(actor_of(request)):
            raise NotFound
        return view(request, *given, **named)

    return shown


@never_cache
@form_page
@signed_in
@operators_only
def overview(request: HttpRequest) -> HttpResponse:
    """The points in force, the rows, the models; and the button that trains."""
    actor = actor_of(request)
    problem: DomainError | None = None
    if request.method == "POST":
        try:
            model = services.start_training(actor=actor)
            return redirect("learned_model", code=model.code)
        except NotAllowed:
            raise
        except DomainError as error:
            problem = error
    return _overview(request, problem)


@never_cache
@form_page
@signed_in
@operators_only
def take_back(request: HttpRequest) -> HttpResponse:
    """Back to the points before; asked for on the overview, confirmed by a tick."""
    if request.method != "POST":
        return redirect("learning")
    try:
        services.roll_back(actor=actor_of(request), is_confirmed=request.POST.get("confirmed") == "1")
    except NotAllowed:
        raise
    except DomainError as error:
        return _overview(request, error)
    return redirect("/admin/learning?rolled_back=1")


def _overview(request: HttpRequest, problem: DomainError | None) -> HttpResponse:
    actor = actor_of(request)
    held, shipped, today = matching.points_in_force(), matching.points_that_ship(), clock.today()
    shown = LongList(selectors.models_visible_to(actor), PER_PAGE).get_page(page_number(request.GET))
    in_force = selectors.model_in_force()
    context = {
        "tab": "me",
        "here_tab": "learning",
        "held": held,
        "points": showing.points_rows(held.points, shipped.points),
        "in_force": in_force,
        "falls_back_to": in_force.follows if in_force else None,
        "training": selectors.training_now(),
        "kinds": RowKind.choices,
        "months": [(row.first_on, list(row.counts.values())) for row in selectors.rows_by_month(actor)],
        "refusals": selectors.count_refusals(actor),
        "least_organisations": parameter("learning.least_organisations", on=today),
        "least_answers": parameter("learning.least_answers", on=today),
        "page": shown,
        "models": [(row, showing.estimate_seen(row), showing.verdict(row)) for row in shown],
        "to_compute": matching.count_stale_needs(),
        "rolled_back": "rolled_back" in request.GET and problem is None,
        "problem": problem,
    }
    return render(request, "learning/overview.html", context, status=problem.status if problem else 200)


@never_cache
@form_page
@signed_in
@operators_only
def model_card(request: HttpRequest, code: str) -> HttpResponse:
    """The card of a model, or how far its training is. A script asks again every two seconds."""
    actor, problem = actor_of(request), None
    if request.method == "POST":
        try:
            _decide(request, code)
            return redirect("learned_model", code=code)
        except (NotFound, NotAllowed):
            raise
        except DomainError as error:
            problem = error
    model = selectors.get_model(code, actor=actor)
    is_training = model.state == ModelState.TRAINING
    if is_htmx(request) and not is_training:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = {
        "tab": "me",
        "here_tab": "learning",
        "model": model,
        "stages": showing.stages(model),
        "card": model.card,
        "points": showing.stone_rows(model),
        "estimate": showing.estimate_seen(model),
        "verdict": showing.verdict(model),
        "differences": [] if is_training else selectors.differences_of(model),
        "can_promote": model.state in {ModelState.READY, ModelState.RETIRED},
        "is_about_now": model.card.get("before") == matching.points_in_force().plain,
        "to_compute": matching.count_stale_needs() if model.state == ModelState.IN_FORCE else 0,
        "problem": problem,
    }
    template = "learning/_progress.html" if is_htmx(request) else "learning/model.html"
    return render(request, template, context, status=problem.status if problem else 200)


def _decide(request: HttpRequest, code: str) -> None:
    actor = actor_of(request)
    if request.POST.get("go") == "stop":
        services.stop_training(actor=actor, code=code)
        return
    services.promote_model(actor=actor, code=code, has_read_card=request.POST.get("confirmed") == "1")


@form_page
@signed_in
def participation(request: HttpRequest, code: str) -> HttpResponse:
    """Does the organisation let what it made of its matches teach the points?"""
    actor = actor_of(request)
    organisation = parties.get_organisation(code, actor=actor)
    if not policies.can_see_participation(actor, organisation):
        raise NotFound
    if request.method == "POST":
        decide = services.refuse_participation if request.POST.get("go") == "refuse" else services.resume_participation
        decide(actor=actor, organisation_code=code)
        return redirect("organisation_learning", code=code)
    context = {
        "nav": "organisations",
        "tab": "me",
        "part": "learning",
        "organisation": organisation,
        "may_decide": policies.can_decide_participation(actor, organisation),
        "refusal": selectors.refusal_of(organisation.pk),
        "counts": selectors.rows_of_organisation(organisation.pk),
        "window_days": parameter("learning.window_days", on=clock.today()),
    }
    return render(request, "learning/organisation.html", context)
