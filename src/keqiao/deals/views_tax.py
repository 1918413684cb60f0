"""One's own estimate of tax. Wages are sent by POST, so that they stand in no address and no log; they are not kept."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from keqiao.deals import estimating, forms, selectors, tax
from keqiao.kernel.errors import BadInput, DomainError
from keqiao.kernel.pages import actor_of, form_page, signed_in


@form_page
@signed_in
def own_tax(request: HttpRequest, code: str) -> HttpResponse:
    mine = selectors.own_confirmation(actor_of(request), code)
    problem: DomainError | None = None
    estimate = None
    try:
        asked = forms.read_taxed_person(request.POST) if request.method == "POST" else tax.Person(wages=None)
        estimate = estimating.own_estimate(mine, asked)
    except BadInput as found:
        problem = found
    context = {
        "tab": "me",
        "mine": mine,
        "row": mine.distribution,
        "on": estimating.paid_or_today(mine),
        "estimate": estimate,
        "is_estimated": estimating.is_estimated(mine),
        "asks_wages": estimating.asks_wages(mine),
        "residences": tax.Residence.choices,
        "months": range(1, tax.MONTHS + 1),
        "problem": problem,
        "form": request.POST,
    }
    return render(request, "deals/own_tax.html", context, status=problem.status if problem else 200)
