"""Pages for operators who stand in for a user: find the person, say why, look, end it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from keqiao.accounts import selectors, services, standing
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.pages import LongList, actor_of, form_page, page_number, signed_in
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties

PER_PAGE = 20
PEOPLE_SHOWN = 20


@never_cache
@form_page
@signed_in
def stand_in(request: HttpRequest) -> HttpResponse:
    """The people that were asked for, the form, and the record of every standing-in."""
    actor, problem = actor_of(request), None
    if not actor.is_operator:
        raise NotFound
    if request.method == "POST":
        try:
            row = services.begin_standing_in(
                actor=actor,
                person_id=_whole(request.POST.get("person", "")),
                reason=request.POST.get("reason", ""),
                minutes=_whole(request.POST.get("minutes", "")),
            )
        except (BadInput, NotAllowed) as error:
            problem = error
        else:
            standing.begin(request, row)
            return redirect("/me")
    asked = (request.POST.get("q") or request.GET.get("q", "")).replace("\x00", "").strip()[:80]
    context = {
        "tab": "me",
        "q": asked,
        "people": list(selectors.people_to_stand_in_for(actor, asked)[:PEOPLE_SHOWN]),
        "given": request.POST,
        "problem": problem,
        "most": parameter("accounts.standing_in_minutes", on=clock.today()),
        "page": LongList(selectors.standing_ins(actor), PER_PAGE).get_page(page_number(request.GET)),
    }
    return render(request, "accounts/standing_in.html", context, status=problem.status if problem else 200)


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


@require_POST
def end_standing_in(request: HttpRequest) -> HttpResponse:
    """As oneself again: the command is the operator's own."""
    own = parties.actor_for(request.user)
    standing.end(request)
    if own.is_known:
        services.end_standing_in(actor=own)
    return redirect("standing_in")
