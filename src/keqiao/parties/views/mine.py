"""One's own organisations, profile and substitutes."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.http import require_POST

from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.pages import (
    LANGUAGE_COOKIE,
    LongList,
    actor_of,
    form_page,
    page,
    page_number,
    remember,
    safe_next,
    signed_in,
)
from keqiao.parties import forms, selectors, services
from keqiao.parties.types import Actor

PER_PAGE = 20


@page
@signed_in
def organisations(request: HttpRequest) -> HttpResponse:
    """Where one works, whom one acts for, what one has asked for, who stands in for whom."""
    return render(request, "parties/mine.html", _mine(request))


def _mine(request: HttpRequest) -> dict[str, object]:
    actor = actor_of(request)
    posts: dict[int, list[object]] = {}
    for post in selectors.posts_of(actor):
        posts.setdefault(post.organisation_id, []).append(post)
    place = actor.workplace
    absences = selectors.absences_in(place.organisation_id, person_id=actor.person_id) if place else []
    return {
        "tab": "me",
        "places": [(one, posts.get(one.organisation_id, [])) for one in actor.workplaces],
        "here": "/me/organisations",
        "requests": LongList(selectors.own_join_requests(actor), PER_PAGE).get_page(page_number(request.GET)),
        "verifications": selectors.own_verifications(actor)[:PER_PAGE],
        "absences": absences,
        "stood_in_for": selectors.people_by_id(place.standing_in_for).values() if place else [],
        "form": forms.absence_form(_colleagues(actor)) if place else None,
    }


def _colleagues(actor: Actor) -> list[tuple[str, str]]:
    return [(str(person.pk), str(person)) for person in selectors.colleagues_of(actor)]


@require_POST
@signed_in
def act_for(request: HttpRequest) -> HttpResponse:
    """Choose which of one's organisations to act for; kept in the session."""
    wanted = request.POST.get("code", "")
    place = next((one for one in actor_of(request).workplaces if one.code == wanted), None)
    if place is None:
        raise NotFound
    request.session[selectors.ACTING_FOR] = place.organisation_id
    return redirect(safe_next(request, request.POST.get("next", "/me/organisations")))


@require_POST
@signed_in
def leave(request: HttpRequest, code: str) -> HttpResponse:
    services.leave_organisation(actor=actor_of(request), code=code)
    return redirect("my_organisations")


@require_POST
@signed_in
def add_absence(request: HttpRequest) -> HttpResponse:
    """Name a colleague of the organisation that one acts for now."""
    actor, given = actor_of(request), request.POST
    place = actor.workplace
    if place is None:
        raise NotFound
    form = forms.absence_form(_colleagues(actor), given)
    try:
        services.name_substitute(
            actor=actor,
            code=place.code,
            substitute_id=forms.read_id(given.get("substitute", ""), "substitute"),
            first_on=forms.read_day(given.get("first_on", ""), "first_on"),
            last_on=forms.read_day(given.get("last_on", ""), "last_on"),
        )
    except DomainError as error:
        return render(request, "parties/mine.html", {**_mine(request), "form": form.refuse(error)}, status=error.status)
    return redirect("/me/organisations#absences")


@require_POST
@signed_in
def end_absence(request: HttpRequest, absence_id: int) -> HttpResponse:
    services.end_absence(actor=actor_of(request), absence_id=absence_id)
    return redirect("/me/organisations#absences")


@form_page
@signed_in
def profile(request: HttpRequest) -> HttpResponse:
    """Names, title, ORCID, expertise, language; and what of it is public."""
    actor, given = actor_of(request), request.POST if request.method == "POST" else None
    form = forms.profile_form(selectors.get_person(actor), settings.LANGUAGES, given)
    if given is None:
        return render(request, "parties/profile.html", {"tab": "me", "form": form, "is_saved": "saved" in request.GET})
    names = ("name_zh", "name_en", "title_zh", "title_en", "orcid", "expertise", "language")
    try:
        person = services.rewrite_profile(
            actor=actor, shown=given.getlist("shown"), **{name: given.get(name, "") for name in names}
        )
    except DomainError as error:
        return render(request, "parties/profile.html", {"tab": "me", "form": form.refuse(error)}, status=error.status)
    response = redirect("/me/profile?saved=1")
    if person.language:
        translation.activate(person.language)
        remember(request, response, LANGUAGE_COOKIE, person.language)
    return response
