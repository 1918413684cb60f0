"""What several pages share: a code on its way, limits, and the end of every sign-in. Knows requests, decides nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from keqiao.accounts import selectors, services
from keqiao.accounts.addresses import masked
from keqiao.accounts.models import OneTimeCode
from keqiao.accounts.secrets import code_of
from keqiao.accounts.types import REMEMBERED_SECONDS, ChannelClosed, Throttled, WrongCode
from keqiao.kernel.pages import actor_of, safe_next

PENDING = "accounts_pending"


@dataclass
class Pending:
    """A code that somebody was sent, and what it is for. Lies in the session, on the server."""

    purpose: str
    channel: str
    address: str
    code_id: int
    next: str = "/"
    is_proved: bool = False
    failed: bool = False

    @property
    def masked(self) -> str:
        return masked(self.address)


def pending_of(request: HttpRequest, purpose: str) -> Pending | None:
    found = request.session.get(PENDING)
    return Pending(**found) if found and found["purpose"] == purpose else None


def keep(request: HttpRequest, pending: Pending) -> None:
    request.session[PENDING] = asdict(pending)


def forget(request: HttpRequest) -> None:
    request.session.pop(PENDING, None)


def ip_of(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR", "")


def asked_next(request: HttpRequest) -> str:
    """Where to go afterwards: only a path of this site."""
    return safe_next(request, request.POST.get("next", "") or request.GET.get("next", "/"))


def count(request: HttpRequest, action: str, address: str) -> None:
    services.count_attempt(actor=actor_of(request), action=action, address=address, ip=ip_of(request))


def forgive(request: HttpRequest, action: str, address: str) -> None:
    services.forgive_attempt(actor=actor_of(request), action=action, address=address, ip=ip_of(request))


# --- codes ------------------------------------------------------------------------------------------------------------


def start(request: HttpRequest, purpose: str, channel: str, address: str, *, next_path: str) -> None:
    """Send a code and remember it. Raises ChannelClosed, Throttled."""
    if not selectors.is_open(channel):
        raise ChannelClosed(field="address")
    count(request, "send_code", address)
    row = services.send_code(actor=actor_of(request), purpose=purpose, channel=channel, address=address)
    keep(request, Pending(purpose, channel, address, row.pk, next_path))


def again(request: HttpRequest, pending: Pending) -> None:
    start(request, pending.purpose, pending.channel, pending.address, next_path=pending.next)


def prove(request: HttpRequest, pending: Pending, code: str) -> None:
    """Take the code. Raises WrongCode, Throttled."""
    count(request, "prove_code", pending.address)
    if not services.prove_code(actor=actor_of(request), code_id=pending.code_id, purpose=pending.purpose, code=code):
        raise WrongCode(field="code")
    forgive(request, "prove_code", pending.address)
    pending.is_proved = True
    keep(request, pending)


def shown_instead(pending: Pending) -> dict[str, Any] | None:
    """On a demo site that sends nothing: the code itself, or why there is none. Nothing on any other site."""
    if selectors.sends(pending.channel) or not selectors.is_demo():
        return None
    row = OneTimeCode.objects.filter(pk=pending.code_id).first()
    is_meant = row is not None and row.purpose == pending.purpose
    return {"code": code_of(row) if row and is_meant else "", "purpose": pending.purpose}


# --- the end of every sign-in -----------------------------------------------------------------------------------------


def enter(
    request: HttpRequest, user: Any, *, way: str, next_path: str, is_remembered: bool = False, is_new: bool = False
) -> HttpResponse:
    """Sign in, after the second step where there is one. Django changes the session's key."""
    request.session.set_expiry(REMEMBERED_SECONDS if is_remembered else 0)
    forget(request)
    record_authentication(request, user, method="mfa" if way == "passkey" else way, **_passkey(way))
    return perform_login(request, Login(user=user, redirect_url=next_path, signup=is_new))


def _passkey(way: str) -> dict[str, Any]:
    """In allauth's words: a passkey is a sign-in without password, and needs no second step."""
    return {"type": "webauthn", "passwordless": True} if way == "passkey" else {}


# --- answers ----------------------------------------------------------------------------------------------------------


def form_answer(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A page with a form; a throttled one says so in its status as well."""
    error = context.get("error")
    response = render(request, template, context, status=429 if isinstance(error, Throttled) else 200)
    if isinstance(error, Throttled):
        response["Retry-After"] = str(error.seconds)
    response["Cache-Control"] = "no-store, private"
    return response


def site_url() -> str:
    return str(settings.SITE_URL)
