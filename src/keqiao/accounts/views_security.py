"""What protects one's account: seen and changed by its owner only, after a fresh confirmation."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal import auth as totp_secrets
from allauth.mfa.webauthn.internal import auth as webauthn
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from keqiao.accounts import browsers, confirming, flows, seen, selectors, services
from keqiao.accounts.addresses import read_address
from keqiao.accounts.forms import AddressForm, CodeForm, ConfirmForm, CredentialForm, PasskeyNameForm, PasswordForm
from keqiao.accounts.types import Channel, Purpose, WrongCode
from keqiao.accounts.views import ask_code
from keqiao.kernel.errors import BadInput, DomainError
from keqiao.kernel.pages import actor_of, form_page, page, signed_in

View = Callable[..., HttpResponse]


def confirmed(view: View) -> View:
    """Ask again who it is when the last proof is old; come back afterwards. Put it below `signed_in`."""

    @wraps(view)
    def shown(request: HttpRequest, *given: Any, **named: Any) -> HttpResponse:
        if confirming.is_confirmed(request):
            return view(request, *given, **named)
        back = request.get_full_path() if request.method == "GET" else reverse("security")
        return redirect(f"{reverse('confirm')}?{urlencode({'next': back})}")

    return shown


# --- the page ---------------------------------------------------------------------------------------------------------


@never_cache
@page
@signed_in
def security(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    is_shared = selectors.is_shared(request.user)
    own = selectors.protection_of(actor)
    rows = selectors.sessions_of(actor)
    if is_shared:  # other visitors' devices are theirs
        rows = rows.filter(session_key=_key(request))
    context = {
        "tab": "me",
        "own": own,
        "sessions": [
            {"row": row, "browser": browsers.name_of(row.user_agent), "here": row.session_key == _key(request)}
            for row in rows[: selectors.SESSIONS_SHOWN]
        ],
        "is_shared": is_shared,
        "done": request.GET.get("done", ""),
        "problem": request.GET.get("problem", ""),
        "linkable": [] if is_shared else _linkable(request, own),
        "channels": selectors.open_channels(),
    }
    return flows.form_answer(request, "accounts/security.html", context)


def _linkable(request: HttpRequest, own: selectors.Protection) -> list[dict[str, str]]:
    """Providers of this site that the account is not linked to."""
    from keqiao.accounts.views_federation import link_key

    linked = {identity.provider for identity in own.linked}
    return [
        {"name": name, "link": f"{reverse('link_identity', args=[key])}?key={link_key(request, key)}"}
        for key, name in selectors.provider_names().items()
        if key not in linked
    ]


def _key(request: HttpRequest) -> str:
    return request.session.session_key or ""


def _done(what: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('security')}?{urlencode({'done': what})}")


# --- is it still you --------------------------------------------------------------------------------------------------


@sensitive_post_parameters("password")
@never_cache
@form_page
@signed_in
def confirm(request: HttpRequest) -> HttpResponse:
    own = selectors.protection_of(actor_of(request))
    form = ConfirmForm(request.POST or None)
    error: DomainError | None = None
    try:
        if "code" in request.POST:
            return _send_confirmation(request, own)
        if request.method == "POST" and own.has_password and form.is_valid():
            return _confirm_by_password(request, form.cleaned_data["password"])
    except DomainError as refusal:
        error = refusal
        form.refuse(refusal)
    context = {"tab": "me", "own": own, "form": form, "error": error, "next": flows.asked_next(request)}
    return flows.form_answer(request, "accounts/confirm.html", context)


def _confirm_by_password(request: HttpRequest, password: str) -> HttpResponse:
    account = f"account:{request.user.pk}"
    flows.count(request, "second_step", account)
    if not request.user.check_password(password):
        raise BadInput(_("密码不正确，请再试一次。"), field="password")
    flows.forgive(request, "second_step", account)
    confirming.confirm(request)
    return redirect(flows.asked_next(request))


def _send_confirmation(request: HttpRequest, own: selectors.Protection) -> HttpResponse:
    channel, address = (Channel.EMAIL, own.email) if own.email else (Channel.SMS, own.number)
    flows.start(request, Purpose.CONFIRM, channel, address, next_path=flows.asked_next(request))
    return redirect("confirm_code")


@never_cache
@form_page
@signed_in
def confirm_code(request: HttpRequest) -> HttpResponse:
    def then(pending: flows.Pending) -> HttpResponse:
        confirming.confirm(request)
        flows.forget(request)
        return redirect(pending.next)

    return ask_code(request, Purpose.CONFIRM, "confirm", then)


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def confirm_passkey(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return JsonResponse({"options": webauthn.begin_authentication(request.user)})
    form = CredentialForm(request.POST)
    try:
        flows.count(request, "passkey", "")
        if not form.is_valid():
            raise WrongCode
        webauthn.parse_authentication_response(form.cleaned_data["credential"])
        row = webauthn.complete_authentication(request.user, form.cleaned_data["credential"])
    except (DomainError, ValidationError, KeyError, AttributeError, TypeError, ValueError):
        return redirect(f"{reverse('confirm')}?{urlencode({'next': flows.asked_next(request)})}")
    flows.forgive(request, "passkey", "")
    row.record_usage()
    confirming.confirm(request)
    return redirect(flows.asked_next(request))


# --- password ---------------------------------------------------------------------------------------------------------


@sensitive_post_parameters("password")
@form_page
@signed_in
@confirmed
def password(request: HttpRequest) -> HttpResponse:
    form = PasswordForm(request.POST or None)
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            user = services.set_password(actor=actor_of(request), password=form.cleaned_data["password"])
        except DomainError as refusal:
            error = refusal
            form.refuse(refusal)
        else:
            before = _key(request)
            update_session_auth_hash(request, user)  # this session goes on under a new key, the others end
            seen.move(before, _key(request))
            return _done("password")
    return flows.form_answer(request, "accounts/password.html", {"tab": "me", "form": form, "error": error})


# --- addresses --------------------------------------------------------------------------------------------------------


@form_page
@signed_in
@confirmed
def address(request: HttpRequest) -> HttpResponse:
    form = AddressForm(request.POST or None, channels=selectors.open_channels())
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            channel, typed = read_address(form.cleaned_data["address"])
            flows.start(request, Purpose.NEW_ADDRESS, channel, typed, next_path=reverse("security"))
            return redirect("address_code")
        except DomainError as refusal:
            error = refusal
            form.refuse(refusal)
    context = {"tab": "me", "form": form, "error": error, "channels": selectors.open_channels()}
    return flows.form_answer(request, "accounts/address.html", context)


@form_page
@signed_in
@confirmed
def address_code(request: HttpRequest) -> HttpResponse:
    def then(pending: flows.Pending) -> HttpResponse:
        services.change_address(actor=actor_of(request), channel=pending.channel, address=pending.address)
        flows.forget(request)
        return _done("address")

    return ask_code(request, Purpose.NEW_ADDRESS, "address", then)


# --- passkeys ---------------------------------------------------------------------------------------------------------


@never_cache
@form_page
@signed_in
@confirmed
def add_passkey(request: HttpRequest) -> HttpResponse:
    error: DomainError | None = None
    if request.method == "POST":
        try:
            _register(request)
        except DomainError as refusal:
            error = refusal
        else:
            return redirect(flows.asked_next(request)) if request.POST.get("next") else _done("passkey")
    context = {"tab": "me", "error": error, "next": flows.asked_next(request), "is_first": "next" in request.GET}
    return flows.form_answer(request, "accounts/add_passkey.html", context)


def _register(request: HttpRequest) -> None:
    form = CredentialForm(request.POST)
    refused = BadInput(_("通行密钥没有添加成功，请再试一次。"))
    if not form.is_valid() or not isinstance(form.cleaned_data["credential"], dict):
        raise refused
    credential = form.cleaned_data["credential"]
    try:
        webauthn.parse_registration_response(credential)
        found = webauthn.complete_registration(credential)
    except (ValidationError, KeyError, AttributeError, TypeError, ValueError):  # whatever somebody posted
        raise refused from None
    if not found.is_user_verified():
        raise refused
    name = form.cleaned_data["name"] or browsers.name_of(request.headers.get("User-Agent", ""))
    services.add_passkey(actor=actor_of(request), name=name, credential=credential)


@never_cache
@require_safe
@signed_in
@confirmed
def passkey_options(request: HttpRequest) -> HttpResponse:
    """For the browser's dialogue; the key must be able to sign in alone."""
    return JsonResponse({"options": webauthn.begin_registration(request.user, passwordless=True)})


@require_POST
@signed_in
@confirmed
def remove_passkey(request: HttpRequest, passkey_id: int) -> HttpResponse:
    services.remove_passkey(actor=actor_of(request), passkey_id=passkey_id)
    return _done("passkey-removed")


@never_cache
@form_page
@signed_in
@confirmed
def rename_passkey(request: HttpRequest, passkey_id: int) -> HttpResponse:
    passkey = selectors.get_passkey(passkey_id, actor=actor_of(request))
    form = PasskeyNameForm(request.POST or None, initial={"name": passkey.name})
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_passkey(actor=actor_of(request), passkey_id=passkey_id, name=form.cleaned_data["name"])
            return _done("passkey-renamed")
        except DomainError as refusal:
            error = refusal
            form.refuse(refusal)
    context = {"tab": "me", "form": form, "error": error, "passkey": passkey}
    return flows.form_answer(request, "accounts/passkey_name.html", context)


# --- from elsewhere ---------------------------------------------------------------------------------------------------


@require_POST
@signed_in
@confirmed
def unlink_identity(request: HttpRequest, reference: str) -> HttpResponse:
    services.unlink_identity(actor=actor_of(request), reference=reference)
    return _done("unlinked")


# --- second step ------------------------------------------------------------------------------------------------------


@never_cache
@form_page
@signed_in
@confirmed
def totp(request: HttpRequest) -> HttpResponse:
    if selectors.has_second_step(request.user):
        return redirect("security")
    secret = totp_secrets.get_totp_secret()
    form = CodeForm(request.POST or None)
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            codes = services.activate_totp(actor=actor_of(request), secret=secret, code=form.cleaned_data["code"])
        except DomainError as refusal:
            error = refusal
            form.refuse(refusal)
        else:
            totp_secrets.clear_totp_secret(request)
            return _shown_once(request, codes)
    url = get_adapter().build_totp_url(request.user, secret)
    context = {
        "tab": "me",
        "form": form,
        "error": error,
        "secret": " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        "picture": mark_safe(_drawn(get_adapter().build_totp_svg(url))),  # noqa: S308 -- made by the QR library
    }
    return flows.form_answer(request, "accounts/totp.html", context)


def _drawn(svg: str) -> str:
    """Without the XML declaration; the text beside it says the same."""
    return svg[svg.index("<svg") :].replace("<svg", '<svg aria-hidden="true"', 1)


def _shown_once(request: HttpRequest, codes: list[str]) -> HttpResponse:
    return flows.form_answer(request, "accounts/recovery_codes.html", {"tab": "me", "codes": codes})


@require_POST
@signed_in
@confirmed
def remove_totp(request: HttpRequest) -> HttpResponse:
    services.deactivate_totp(actor=actor_of(request))
    return _done("totp-removed")


@never_cache
@require_POST
@signed_in
@confirmed
def recovery_codes(request: HttpRequest) -> HttpResponse:
    return _shown_once(request, services.renew_recovery_codes(actor=actor_of(request)))


# --- sessions ---------------------------------------------------------------------------------------------------------


@require_POST
@signed_in
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    services.end_session(actor=actor_of(request), session_id=session_id)
    return _done("session")


@require_POST
@signed_in
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    services.end_other_sessions(actor=actor_of(request), keep=_key(request))
    return _done("sessions")
