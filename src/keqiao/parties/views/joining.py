"""Finding one's organisation, asking to be let in, founding it, using an invitation."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, safe_next, signed_in
from keqiao.parties import forms, selectors, services
from keqiao.parties.types import OrganisationKind, roles_in

PER_PAGE = 20
FOUND = 10


@page
@signed_in
def find(request: HttpRequest) -> HttpResponse:
    """The first step: is it in the register? By credit code or by a part of a name."""
    wanted = request.GET.get("q", "").strip()[:60]
    rows = selectors.find_organisations(actor_of(request), name=wanted) if wanted else None
    shown = LongList(rows, FOUND).get_page(page_number(request.GET)) if rows is not None else None
    return render(request, "parties/find.html", {"tab": "me", "q": wanted, "page": shown})


@form_page
@signed_in
def ask(request: HttpRequest, code: str) -> HttpResponse:
    """Ask to be let in, in a role that makes sense there."""
    actor = actor_of(request)
    organisation = selectors.get_organisation(code, actor=actor)
    status = 200
    form = forms.join_form(organisation.kind, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        try:
            services.request_to_join(
                actor=actor, code=code, role=request.POST.get("role", ""), text=request.POST.get("text", "")
            )
        except DomainError as error:
            form.refuse(error)
            status = error.status
        else:
            return redirect("my_organisations")
    context = {"tab": "me", "organisation": organisation, "form": form, "has_roles": bool(roles_in(organisation.kind))}
    return render(request, "parties/ask.html", context, status=status)


@form_page
@signed_in
def found(request: HttpRequest) -> HttpResponse:
    """Enter an organisation that the register does not have; the operators verify it."""
    given = request.POST if request.method == "POST" else request.GET
    kind = given.get("kind", "") if given.get("kind", "") in OrganisationKind.values else OrganisationKind.ENTERPRISE
    form, status = forms.founding_form(kind, given), 200
    if request.method == "POST":
        names = ("name_zh", "name_en", "credit_code", "registration", "region", "role")
        try:
            verification = services.found_organisation(
                actor=actor_of(request),
                kind=given.get("kind", ""),
                licence=request.FILES.get("licence"),
                **{name: given.get(name, "") for name in names},
            )
        except DomainError as error:
            form.refuse(error)
            status = error.status
        else:
            return redirect("verification", code=verification.code)
    context = {"tab": "me", "form": form, "kind": kind, "kinds": forms.founding_kinds()}
    return render(request, "parties/found.html", context, status=status)


@require_POST
@signed_in
def decide(request: HttpRequest, code: str) -> HttpResponse:
    """Approve, decline or take back a request to join."""
    actor, step = actor_of(request), request.POST.get("step", "")
    if step == "approve":
        services.approve_join(actor=actor, code=code)
    elif step == "decline":
        services.decline_join(actor=actor, code=code, reason=request.POST.get("reason", ""))
    elif step == "take_back":
        services.take_back_join(actor=actor, code=code)
    else:
        raise NotFound
    return redirect(safe_next(request, request.POST.get("next", "/me/organisations")))


@page
@signed_in
def operators_requests(request: HttpRequest) -> HttpResponse:
    """Requests to join that nobody of the organisation can decide."""
    actor = actor_of(request)
    if not actor.is_operator:
        raise NotFound
    rows = selectors.join_requests_for_operators(actor)
    shown = LongList(rows, PER_PAGE).get_page(page_number(request.GET))
    return render(request, "parties/join_requests.html", {"tab": "me", "page": shown})


@form_page
@signed_in
def invitation(request: HttpRequest) -> HttpResponse:
    """What an invitation offers, and the button that accepts it. The token stays out of the path, which is logged."""
    actor = actor_of(request)
    token = (request.POST if request.method == "POST" else request.GET).get("t", "")
    try:
        found = selectors.get_invitation(token, actor=actor)
        if request.method == "POST":
            services.accept_invitation(actor=actor, token=token)
            return redirect("my_organisations")
    except DomainError as error:
        title = _("邀请用不了")
        return render(request, "error.html", {"title": title, "message": str(error)}, status=error.status)
    response = render(request, "parties/invitation.html", {"tab": "me", "invitation": found, "token": token})
    response["Referrer-Policy"] = "same-origin"  # no-referrer would also take the Origin of the form
    response["Cache-Control"] = "no-store"
    return response
