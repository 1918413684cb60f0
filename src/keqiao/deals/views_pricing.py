"""Pages of prices that an institution means to agree (定价公示)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from keqiao.deals import forms, selectors, services
from keqiao.deals.policies import can_open_deal
from keqiao.deals.types import Mode
from keqiao.kernel import public_notices
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.money import MINOR_DIGITS
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, signed_in

PER_PAGE = 20


@page
@signed_in
def price_notices(request: HttpRequest) -> HttpResponse:
    """What one's institution shows or has shown, and how it ended."""
    actor = actor_of(request)
    if not selectors.reading_homes(actor):
        raise NotFound
    found = LongList(selectors.price_notices_visible_to(actor), PER_PAGE).get_page(page_number(request.GET))
    context = {
        "tab": "me",
        "page": found,
        "rows": [(row, public_notices.last_day(row.notice)) for row in found],
        "opens": actor.acting_for is not None and can_open_deal(actor, actor.acting_for),
    }
    return render(request, "deals/price_notices.html", context)


@form_page
@signed_in
def new_price_notice(request: HttpRequest) -> HttpResponse:
    """Show a price before it is agreed."""
    actor = actor_of(request)
    if actor.acting_for is None or not can_open_deal(actor, actor.acting_for):
        raise NotFound
    problem: DomainError | None = None
    if request.method == "POST":
        try:
            made = services.show_price(actor=actor, draft=forms.read_price(request.POST))
        except DomainError as error:
            if error.status == 404:
                raise
            problem = error
        else:
            return redirect("public_notice", code=made.notice.code)
    context = {
        "tab": "me",
        "form": request.POST,
        "problem": problem,
        "modes": Mode,
        "currencies": sorted(MINOR_DIGITS),
        "results": forms.rows_of(request.POST, ("result",), forms.RESULTS),
    }
    return render(request, "deals/new_price_notice.html", context, status=problem.status if problem else 200)


@require_POST
@signed_in
def withdraw_price(request: HttpRequest, code: str) -> HttpResponse:
    services.withdraw_price(actor=actor_of(request), code=code)
    return redirect("price_notices")
