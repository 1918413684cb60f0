"""Opening an account, and getting back into one."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.internal.flows.signup import clear_pending_signup, get_pending_signup
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters

from keqiao.accounts import flows, selectors, services
from keqiao.accounts.forms import AgreeForm, DetailsForm, PasswordForm
from keqiao.accounts.types import REQUIRED, Identity, Purpose
from keqiao.accounts.views import ask_address, ask_code
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, DomainError
from keqiao.kernel.pages import actor_of, form_page, safe_next
from keqiao.parties import selectors as parties

# --- sign-up ----------------------------------------------------------------------------------------------------------


@form_page
def sign_up(request: HttpRequest) -> HttpResponse:
    if actor_of(request).is_known:
        return redirect(flows.asked_next(request))
    return ask_address(request, Purpose.SIGN_UP, "accounts/sign_up.html", "sign_up_code", action="sign_up")


@form_page
def sign_up_code(request: HttpRequest) -> HttpResponse:
    return ask_code(request, Purpose.SIGN_UP, "sign_up", lambda _pending: redirect("sign_up_details"))


@sensitive_post_parameters("password")
@form_page
def sign_up_details(request: HttpRequest) -> HttpResponse:
    pending = flows.pending_of(request, Purpose.SIGN_UP)
    if pending is None or not pending.is_proved:
        return redirect("sign_up")
    form = DetailsForm(request.POST or None)
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            return _open(request, pending, form.cleaned_data)
        except DomainError as refusal:
            error = refusal
            form.refuse(refusal)
    context = {"tab": "me", "form": form, "error": error, "pending": pending, "agreements": _agreements()}
    return flows.form_answer(request, "accounts/sign_up_details.html", context)


def _agreements() -> list[Any]:
    """The versions that one agrees to by ticking."""
    return [row for row in selectors.agreements_in_force(clock.today()) if row.kind in REQUIRED]


def _open(request: HttpRequest, pending: flows.Pending, given: dict[str, Any]) -> HttpResponse:
    by_passkey = request.POST.get("way") == "passkey"
    if not by_passkey and not given["password"]:
        raise BadInput(DetailsForm.NO_PASSWORD, field="password")
    user = services.sign_up(
        actor=actor_of(request),
        name=given["name"],
        channel=pending.channel,
        address=pending.address,
        password="" if by_passkey else given["password"],
        documents=request.POST.getlist("document"),
    )
    flows.forgive(request, "sign_up", pending.address)
    onward = pending.next
    if by_passkey:
        onward = f"{reverse('add_passkey')}?{urlencode({'next': pending.next})}"
    return flows.enter(request, user, way="code", next_path=onward, is_new=True)


@form_page
def sign_up_federated(request: HttpRequest) -> HttpResponse:
    """The first visit from an identity provider."""
    found = get_pending_signup(request)
    if found is None or actor_of(request).is_known:
        return redirect("sign_in")
    form = AgreeForm(request.POST or None, initial={"name": found.account.extra_data.get("name", "")})
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            return _open_federated(request, found, form.cleaned_data["name"])
        except DomainError as refusal:
            error = refusal
            form.refuse(refusal)
    context = {"tab": "me", "form": form, "error": error, "provider": found.provider.name, "agreements": _agreements()}
    return flows.form_answer(request, "accounts/sign_up_federated.html", context)


def _open_federated(request: HttpRequest, found: Any, name: str) -> HttpResponse:
    about = {key: value for key, value in found.account.extra_data.items() if key != "name"}
    user = services.sign_up(
        actor=actor_of(request),
        name=name,
        identity=Identity(found.account.provider, found.account.uid, about),
        documents=request.POST.getlist("document"),
    )
    clear_pending_signup(request)
    onward = safe_next(request, found.state.get("next") or "/")
    return flows.enter(request, user, way="socialaccount", next_path=onward, is_new=True)


# --- forgotten password -----------------------------------------------------------------------------------------------


@form_page
def reset_password(request: HttpRequest) -> HttpResponse:
    return ask_address(request, Purpose.RESET, "accounts/reset.html", "reset_code", action="reset")


@form_page
def reset_code(request: HttpRequest) -> HttpResponse:
    return ask_code(request, Purpose.RESET, "reset_password", lambda _pending: redirect("reset_new"))


@sensitive_post_parameters("password")
@form_page
def reset_new(request: HttpRequest) -> HttpResponse:
    pending = flows.pending_of(request, Purpose.RESET)
    user = selectors.account_of(pending.channel, pending.address) if pending and pending.is_proved else None
    if pending is None or user is None:
        return redirect("reset_password")
    form = PasswordForm(request.POST or None)
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            user = services.set_password(actor=parties.actor_for(user), password=form.cleaned_data["password"])
        except DomainError as refusal:
            error = refusal
            form.refuse(refusal)
        else:
            # Whoever forgot a password has tried some: the way in is open again.
            for action in ("sign_in", "reset"):
                flows.forgive(request, action, pending.address)
            return flows.enter(request, user, way="code", next_path=pending.next)
    return flows.form_answer(
        request, "accounts/password.html", {"tab": "me", "form": form, "error": error, "is_reset": True}
    )
