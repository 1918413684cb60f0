"""An organisation's own page for its people: what it says about itself, its members, its invitations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from keqiao.kernel import files
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, signed_in
from keqiao.parties import forms, policies, selectors, services
from keqiao.parties.types import roles_in

PER_PAGE = 20
MEMBERS_PER_PAGE = 50


def _managed(request: HttpRequest, code: str) -> Any:
    """The organisation, when the actor may see its management: its own people look, some of them also write."""
    actor = actor_of(request)
    organisation = selectors.get_described(code, actor=actor)
    if not policies.can_see_papers(actor, organisation):
        raise NotFound
    return organisation


def _about(request: HttpRequest, code: str, **changed: Any) -> dict[str, Any]:
    organisation = _managed(request, code)
    return {
        "nav": "organisations",
        "tab": "me",
        "part": "about",
        "organisation": organisation,
        "may_manage": policies.can_manage(actor_of(request), organisation),
        "verification": selectors.verification_of(organisation, actor=actor_of(request)),
        "form": forms.describing_form(organisation),
        "logo_form": forms.logo_form(),
        "alias_form": forms.alias_form(),
        "identifier_form": forms.identifier_form(),
        "qualification_form": forms.qualification_form(),
        "is_saved": "saved" in request.GET,
        **changed,
    }


@form_page
@signed_in
def manage(request: HttpRequest, code: str) -> HttpResponse:
    """Names, texts, region; below them aliases, identifiers and qualifications with forms of their own."""
    if request.method != "POST":
        return render(request, "parties/manage.html", _about(request, code))
    organisation, given = _managed(request, code), request.POST
    form = forms.describing_form(organisation, given)
    return _changed(
        request,
        code,
        {"form": form},
        lambda: services.rewrite_organisation(
            actor=actor_of(request), code=code, **{field.name: given.get(field.name, "") for field in form.fields}
        ),
    )


def _changed(request: HttpRequest, code: str, refused: dict[str, forms.Form], do: Callable[[], Any]) -> HttpResponse:
    """Back to the page, saying that it is saved; or the page again with what is wrong beside what was typed."""
    try:
        do()
    except DomainError as error:
        next(iter(refused.values())).refuse(error)
        return render(request, "parties/manage.html", _about(request, code, **refused), status=error.status)
    return redirect(f"/organisations/{code}/manage?saved=1")


@require_POST
@signed_in
def add_alias(request: HttpRequest, code: str) -> HttpResponse:
    refused = {"alias_form": forms.alias_form(request.POST)}
    name = request.POST.get("name", "")
    return _changed(request, code, refused, lambda: services.add_alias(actor=actor_of(request), code=code, name=name))


@require_POST
@signed_in
def remove_alias(request: HttpRequest, code: str) -> HttpResponse:
    services.remove_alias(actor=actor_of(request), code=code, name=request.POST.get("name", ""))
    return redirect(f"/organisations/{code}/manage?saved=1#aliases")


@require_POST
@signed_in
def add_identifier(request: HttpRequest, code: str) -> HttpResponse:
    given = request.POST
    return _changed(
        request,
        code,
        {"identifier_form": forms.identifier_form(given)},
        lambda: services.add_identifier(
            actor=actor_of(request), code=code, scheme=given.get("scheme", ""), value=given.get("value", "")
        ),
    )


@require_POST
@signed_in
def remove_identifier(request: HttpRequest, code: str) -> HttpResponse:
    given = request.POST
    services.remove_identifier(
        actor=actor_of(request), code=code, scheme=given.get("scheme", ""), value=given.get("value", "")
    )
    return redirect(f"/organisations/{code}/manage?saved=1#identifiers")


@require_POST
@signed_in
def put_qualification(request: HttpRequest, code: str) -> HttpResponse:
    given = request.POST
    return _changed(
        request,
        code,
        {"qualification_form": forms.qualification_form(given)},
        lambda: services.put_qualification(
            actor=actor_of(request),
            code=code,
            kind=given.get("kind", ""),
            number=given.get("number", ""),
            valid_until=forms.read_optional_day(given.get("valid_until", ""), "valid_until"),
            evidence=request.FILES.get("evidence"),
        ),
    )


@require_POST
@signed_in
def remove_qualification(request: HttpRequest, code: str) -> HttpResponse:
    services.remove_qualification(actor=actor_of(request), code=code, kind=request.POST.get("kind", ""))
    return redirect(f"/organisations/{code}/manage?saved=1#qualifications")


@require_POST
@signed_in
def put_logo(request: HttpRequest, code: str) -> HttpResponse:
    _managed(request, code)
    return _changed(
        request,
        code,
        {"logo_form": forms.logo_form()},
        lambda: services.put_logo(actor=actor_of(request), code=code, picture=request.FILES.get("logo")),
    )


@require_POST
@signed_in
def remove_logo(request: HttpRequest, code: str) -> HttpResponse:
    services.remove_logo(actor=actor_of(request), code=code)
    return redirect(f"/organisations/{code}/manage?saved=1#logo")


@require_safe
def logo(request: HttpRequest, code: str) -> HttpResponse:
    """Whoever sees the organisation sees it, once somebody verified whose it is."""
    actor = actor_of(request)
    organisation = selectors.get_organisation(code, actor=actor)
    if organisation.logo is None or not selectors.sees_logo(actor, organisation):
        raise NotFound
    with files.open_file(organisation.logo) as drawn:  # small: drawn by us
        response = HttpResponse(drawn.read(), content_type="image/png")
    is_for_all = organisation.is_verified and organisation.is_listed
    response["Cache-Control"] = "public, max-age=86400" if is_for_all else "private, no-store"
    return response


@page
@signed_in
def evidence(request: HttpRequest, code: str, kind: str) -> HttpResponse:
    """The scan of a certificate: for the organisation's own people and operators."""
    organisation = _managed(request, code)
    row = next((row for row in organisation.qualification_rows.all() if row.kind == kind), None)
    if row is None or row.evidence is None:
        raise NotFound
    return paper(row.evidence)


def paper(file: Any) -> HttpResponse:
    """Always saved, never shown inside the site: what somebody uploaded does not run here."""
    response = FileResponse(files.open_file(file), as_attachment=True, filename=file.name, content_type=file.media_type)
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return cast("HttpResponse", response)  # the stubs keep streamed answers apart


@page
@signed_in
def changes(request: HttpRequest, code: str) -> HttpResponse:
    """What was changed, by whom, from what to what."""
    organisation = _managed(request, code)
    shown = LongList(selectors.changes_of(organisation), PER_PAGE).get_page(page_number(request.GET))
    context = {
        "nav": "organisations",
        "tab": "me",
        "part": "changes",
        "organisation": organisation,
        "may_manage": policies.can_manage(actor_of(request), organisation),
        "page": shown,
    }
    return render(request, "parties/changes.html", context)


# --- members ----------------------------------------------------------------------------------------------------------


@page
@signed_in
def members(request: HttpRequest, code: str) -> HttpResponse:
    return render(request, "parties/members.html", _members(request, code))


def _members(request: HttpRequest, code: str, **changed: Any) -> dict[str, Any]:
    actor = actor_of(request)
    organisation = _managed(request, code)
    may_manage = policies.can_manage(actor, organisation)
    shown = LongList(selectors.members_of(organisation), MEMBERS_PER_PAGE).get_page(page_number(request.GET))
    return {
        "nav": "organisations",
        "tab": "me",
        "part": "members",
        "organisation": organisation,
        "may_manage": may_manage,
        "page": shown,
        "roles": [(role.value, role.label) for role in roles_in(organisation.kind, with_platform=actor.is_operator)],
        "requests": selectors.open_join_requests(organisation, actor=actor)[:PER_PAGE] if may_manage else [],
        "invitations": selectors.open_invitations(organisation)[:PER_PAGE] if may_manage else [],
        "form": forms.invitation_form(organisation.kind, with_platform=actor.is_operator),
        "link": request.session.pop("invitation_link", "") if request.method == "GET" else "",
        "sends_email": settings.SENDS_EMAIL,
        **changed,
    }


@require_POST
@signed_in
def change_member(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """Change the role, or end the post."""
    actor, given = actor_of(request), request.POST
    try:
        if given.get("step") == "end":
            successor = given.get("successor", "")
            services.end_post(
                actor=actor,
                code=code,
                number=number,
                successor=forms.read_id(successor, "successor") if successor else None,
            )
        elif given.get("step") == "role":
            services.change_role(actor=actor, code=code, number=number, role=given.get("role", ""))
        elif given.get("step") == "title":
            titles = {name: given.get(name, "") for name in ("title_zh", "title_en")}
            services.change_title(actor=actor, code=code, number=number, **titles)
        else:
            raise NotFound  # noqa: TRY301 -- an unknown step is a missing page
    except NotFound:
        raise
    except DomainError as error:
        return render(request, "parties/members.html", _members(request, code, problem=str(error)), status=error.status)
    return redirect("members", code=code)


@require_POST
@signed_in
def invite(request: HttpRequest, code: str) -> HttpResponse:
    """The link is shown once, on the page that follows."""
    actor, given = actor_of(request), request.POST
    organisation = _managed(request, code)
    form = forms.invitation_form(organisation.kind, given, with_platform=actor.is_operator)
    try:
        invited = services.invite(actor=actor, code=code, role=given.get("role", ""), email=given.get("email", ""))
    except DomainError as error:
        context = _members(request, code, form=form.refuse(error))
        return render(request, "parties/members.html", context, status=error.status)
    if not (invited.invitation.email and settings.SENDS_EMAIL):
        request.session["invitation_link"] = f"{settings.SITE_URL}{invited.path}"
    return redirect(f"/organisations/{code}/members#invitations")


@require_POST
@signed_in
def withdraw_invitation(request: HttpRequest, code: str, invitation_code: str) -> HttpResponse:
    services.withdraw_invitation(actor=actor_of(request), code=invitation_code)
    return redirect(f"/organisations/{code}/members#invitations")
