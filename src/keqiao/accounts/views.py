"""Signing in and out: password, passkey, code, second step."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.decorators import login_stage_required
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.socialaccount.adapter import get_adapter as federation
from django.contrib.auth import authenticate, logout
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from keqiao.accounts import flows, seen, selectors, services
from keqiao.accounts.addresses import read_address
from keqiao.accounts.forms import AddressForm, CodeForm, CredentialForm, SecondStepForm, SignInForm
from keqiao.accounts.types import Channel, Purpose, Throttled, WrongCode
from keqiao.kernel.errors import BadInput, DomainError
from keqiao.kernel.pages import form_page
from keqiao.parties import selectors as parties

# --- password ---------------------------------------------------------------------------------------------------------


@sensitive_post_parameters("password")
@form_page
def sign_in(request: HttpRequest) -> HttpResponse:
    form = SignInForm(request.POST or None)
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            return _sign_in(request, form.cleaned_data)
        except DomainError as refusal:
            error = refusal
            form.refuse(refusal)
    return flows.form_answer(request, "accounts/sign_in.html", {**_entrance(request), "form": form, "error": error})


def _sign_in(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    typed = given["username"].strip()
    flows.count(request, "sign_in", typed)
    user = authenticate(request, username=_user_name(typed), password=given["password"])
    if user is None:
        raise BadInput(
            _("手机号、电子邮箱或密码不正确。请检查大小写，例如 xu@chengyuan.example；忘记密码可以用验证码登录或重设。")
        )
    flows.forgive(request, "sign_in", typed)
    return flows.enter(
        request, user, way="password", next_path=flows.asked_next(request), is_remembered=given["remember"]
    )


def _user_name(typed: str) -> str:
    """An unknown address goes through the password hasher too: the time tells nothing."""
    try:
        account = selectors.account_of(*read_address(typed))
    except BadInput:
        return typed
    return str(account.username) if account else typed


def _entrance(request: HttpRequest) -> dict[str, Any]:
    return {
        "tab": "me",
        "next": flows.asked_next(request),
        "accounts": selectors.demo_accounts(),
        "channels": selectors.open_channels(),
        "providers": _providers(request),
        "federation": request.GET.get("federation", "") == "failed",
    }


def _providers(request: HttpRequest) -> list[dict[str, str]]:
    to = urlencode({"next": flows.asked_next(request)})
    apps = federation().list_apps(request)
    return [{"name": app.name, "link": f"{app.get_provider(request).get_login_url(request)}?{to}"} for app in apps]


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    ended = request.session.session_key
    logout(request)
    seen.forget(ended)
    return redirect("home")


# --- passkey ----------------------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "POST"])
def passkey(request: HttpRequest) -> HttpResponse:
    """GET: the question for the browser's dialogue. POST: its answer."""
    if request.method == "GET":
        return JsonResponse({"options": webauthn.begin_authentication(None)})
    form = CredentialForm(request.POST)
    try:
        flows.count(request, "passkey", "")
        row = _answered(form)
    except (DomainError, ValidationError) as refusal:
        text = str(refusal) if isinstance(refusal, Throttled) else _("通行密钥没有通过，请再试一次，或换一种方式登录。")
        context = {**_entrance(request), "form": SignInForm(), "error": refusal, "problem": text}
        return flows.form_answer(request, "accounts/sign_in.html", context)
    flows.forgive(request, "passkey", "")
    row.record_usage()
    return flows.enter(request, row.user, way="passkey", next_path=flows.asked_next(request))


def _answered(form: CredentialForm) -> Any:
    """The passkey that answered. Raises ValidationError, WrongCode."""
    if not form.is_valid() or not isinstance(form.cleaned_data["credential"], dict):
        raise WrongCode
    credential = form.cleaned_data["credential"]
    try:
        webauthn.parse_authentication_response(credential)
        user = webauthn.extract_user_from_response(credential)
        row = webauthn.complete_authentication(user, credential)
    except (KeyError, AttributeError, TypeError, ValueError):  # the shape is whatever somebody posted
        raise WrongCode from None
    if not row.user.is_active:
        raise WrongCode
    return row


# --- code -------------------------------------------------------------------------------------------------------------


@form_page
def sign_in_by_code(request: HttpRequest) -> HttpResponse:
    return ask_address(request, Purpose.SIGN_IN, "accounts/sign_in_code.html", "sign_in_code", action="sign_in")


@form_page
def enter_sign_in_code(request: HttpRequest) -> HttpResponse:
    def then(pending: flows.Pending) -> HttpResponse:
        user = selectors.account_of(pending.channel, pending.address)
        if user is None:
            return redirect("sign_in")
        flows.forgive(request, "sign_in", pending.address)
        return flows.enter(request, user, way="code", next_path=pending.next)

    return ask_code(request, Purpose.SIGN_IN, "sign_in_by_code", then)


def ask_address(request: HttpRequest, purpose: str, template: str, then: str, *, action: str) -> HttpResponse:
    """Where to send a code. Every address gets the same answer."""
    form = AddressForm(request.POST or None, channels=selectors.open_channels())
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            channel, address = read_address(form.cleaned_data["address"])
            flows.count(request, action, address)
            flows.start(request, purpose, channel, address, next_path=flows.asked_next(request))
            return redirect(then)
        except DomainError as refusal:
            error = refusal
            form.refuse(refusal)
    return flows.form_answer(request, template, {**_entrance(request), "form": form, "error": error})


def ask_code(request: HttpRequest, purpose: str, before: str, then: Any) -> HttpResponse:
    """The code that was sent. `before`: where one begins again; `then(pending)`: what a right code leads to."""
    pending = flows.pending_of(request, purpose)
    if pending is None:
        return redirect(before)
    form = CodeForm(request.POST if request.method == "POST" and "again" not in request.POST else None)
    error: DomainError | None = None
    try:
        if "again" in request.POST:
            flows.again(request, pending)
            return HttpResponseRedirect(f"{request.path}?sent=again")
        if request.method == "POST" and form.is_valid():
            flows.prove(request, pending, form.cleaned_data["code"])
            return then(pending)
    except DomainError as refusal:
        error = refusal
        if form.is_bound:
            form.refuse(refusal)
    context = {
        "tab": "me",
        "form": form,
        "error": error,
        "problem": str(error) if error and not form.is_bound else "",
        "pending": pending,
        "is_email": pending.channel == Channel.EMAIL,
        "instead": flows.shown_instead(pending),
        "sent_again": request.GET.get("sent") == "again",
        "back": before,
    }
    return flows.form_answer(request, "accounts/code.html", context)


# --- second step ------------------------------------------------------------------------------------------------------


@login_stage_required(stage="mfa_authenticate", redirect_urlname="sign_in")
@form_page
def second_step(request: HttpRequest) -> HttpResponse:
    form = SecondStepForm(request.POST or None)
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            return _second_step(request, form.cleaned_data["code"])
        except DomainError as refusal:
            error = refusal
            form.refuse(refusal)
    return flows.form_answer(request, "accounts/second_step.html", {"tab": "me", "form": form, "error": error})


def _second_step(request: HttpRequest, code: str) -> HttpResponse:
    stage = request._login_stage  # type: ignore[attr-defined]  # noqa: SLF001 -- allauth puts it there
    user = stage.login.user
    flows.count(request, "second_step", f"account:{user.pk}")
    way = services.prove_second_step(actor=parties.actor_for(user), code=code)
    if not way:
        raise WrongCode(
            _("验证码不对或已用过。请填验证器里当前的 6 位数字，例如 402716，或一个没用过的恢复码。"), field="code"
        )
    flows.forgive(request, "second_step", f"account:{user.pk}")
    record_authentication(request, user, "mfa", type=way)
    return stage.exit()
