"""One's own estimate of tax. Wages are sent by POST, so that they stand in no address and no log; they are not kept."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from keqiao.deals import estimating, forms, selectors, tax
from keqiao.deals.types import SHARES, ReceiptKind
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, DomainError
from keqiao.kernel.pages import actor_of, form_page, signed_in

CASH = frozenset({ReceiptKind.PAYMENT, ReceiptKind.PROFIT})
TAXED = frozenset({"CNY", SHARES})  # the tables are in yuan


@form_page
@signed_in
def own_tax(request: HttpRequest, code: str) -> HttpResponse:
    mine = selectors.own_confirmation(actor_of(request), code)
    payment = next(iter(mine.distribution.own_payments), None)  # type: ignore[attr-defined]  # the selector's prefetch
    on = (payment and payment.paid_on) or clock.machine_today()
    problem: DomainError | None = None
    estimate, is_estimated = None, mine.amount >= 0 and mine.distribution.unit in TAXED
    if is_estimated:
        try:
            asked = forms.read_taxed_person(request.POST) if request.method == "POST" else tax.Person(wages=None)
            estimate = estimating.own_estimate(mine, asked, on=on)
        except BadInput as found:
            problem = found
    context = {
        "tab": "me",
        "mine": mine,
        "row": mine.distribution,
        "on": on,
        "estimate": estimate,
        "is_estimated": is_estimated,
        "asks_wages": is_estimated and mine.distribution.unit != SHARES and mine.distribution.receipt.kind in CASH,
        "residences": tax.Residence.choices,
        "months": range(1, tax.MONTHS + 1),
        "problem": problem,
        "form": request.POST,
    }
    return render(request, "deals/own_tax.html", context, status=problem.status if problem else 200)
