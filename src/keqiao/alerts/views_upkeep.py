"""Pages of upkeep: public items that may no longer hold, with one click for each answer."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from keqiao.alerts import selectors, services
from keqiao.alerts.types import StaleReason
from keqiao.kernel.pages import actor_of, page, shown_page, signed_in

STEPS = {
    "renew": services.renew_stale_item,
    "withdraw": services.withdraw_stale_item,
    "confirm": services.confirm_item,
}


@page
@signed_in
def upkeep(request: HttpRequest) -> HttpResponse:
    """One's own organisation's; operators choose to see everybody's."""
    actor = actor_of(request)
    everybody = request.GET.get("box") == "all" and actor.is_operator
    reason = request.GET.get("reason", "")
    rows = selectors.stale_visible_to(actor) if everybody else selectors.own_stale(actor)
    if reason in StaleReason.values:
        rows = rows.filter(reason=reason)
    found, pager = shown_page(rows, request)
    context = {
        "tab": "me",
        "side": "upkeep",
        "rows": list(found),
        "everybody": everybody,
        "reason": reason,
        "reasons": StaleReason.choices,
        "done": request.GET.get("done", ""),
        "pager": pager,
    }
    return render(request, "alerts/upkeep.html", context)


@require_POST
@signed_in
def take_step(request: HttpRequest, code: str, step: str) -> HttpResponse:
    STEPS[step](actor=actor_of(request), code=code)
    box = "&box=all" if request.POST.get("box") == "all" else ""
    return redirect(f"/me/upkeep?done={step}{box}")
