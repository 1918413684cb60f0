"""What protects an account: password, passkeys, addresses, sessions."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from keqiao.accounts import passwords, selectors
from keqiao.accounts.models import MobileNumber
from keqiao.accounts.types import Channel, LastWayIn
from keqiao.kernel import clock, notices
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotFound
from keqiao.kernel.events import record
from keqiao.parties.types import Actor

__all__ = [
    "add_passkey",
    "change_address",
    "end_other_sessions",
    "end_session",
    "remove_passkey",
    "set_password",
]

LONGEST_NAME = 40


@command
def set_password(*, actor: Actor, password: str) -> Any:
    """A new password; every other session ends, since Django's sessions hang on it. Returns the account."""
    user = _locked(actor)
    passwords.check(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    _tell(actor, record("accounts.password_changed", user, actor=actor), "密码已修改", "Your password was changed")
    return user


@command
def add_passkey(*, actor: Actor, name: str, credential: dict[str, Any]) -> Authenticator:
    """A passkey whose registration the browser and we have just completed."""
    user = _locked(actor)
    name = " ".join(name.split())[:LONGEST_NAME] or _("通行密钥")
    row = WebAuthn.add(user, name, credential).instance
    _tell(actor, record("accounts.passkey_added", row, actor=actor), "添加了通行密钥", "A passkey was added")
    return row


@command
def remove_passkey(*, actor: Actor, passkey_id: int) -> None:
    """Only one's own, and never the last way in."""
    user = _locked(actor)
    row = Authenticator.objects.filter(user=user, pk=passkey_id, type=Authenticator.Type.WEBAUTHN).first()
    if row is None:
        raise NotFound
    if selectors.protection_of(actor).ways_in < 2:
        raise LastWayIn
    _tell(actor, record("accounts.passkey_removed", row, actor=actor), "移除了通行密钥", "A passkey was removed")
    row.delete()


@command
def change_address(*, actor: Actor, channel: str, address: str) -> None:
    """Take a new e-mail address or mobile number, proved by a code, in the place of the old one."""
    user = _locked(actor)
    if selectors.account_of(channel, address) is not None:
        raise _taken()
    try:
        with transaction.atomic():
            if channel == Channel.EMAIL:
                _take_email(user, address)
            else:
                MobileNumber.objects.update_or_create(
                    user=user, defaults={"number": address, "verified_at": clock.now()}
                )
    except IntegrityError:
        raise _taken() from None
    event = record("accounts.address_changed", user, actor=actor, channel=str(channel))
    _tell(actor, event, "联系方式已更换", "Your contact address was changed")


@command
def end_session(*, actor: Actor, session_id: int) -> None:
    """One of one's own sessions; the browser that had it is signed out at its next step."""
    own = selectors.own_account(actor)
    row = selectors.sessions_of(actor).filter(pk=session_id).first()
    if row is None:
        raise NotFound
    row.end()
    record("accounts.session_ended", own, actor=actor, count=1)


@command
def end_other_sessions(*, actor: Actor, keep: str) -> int:
    """All but the one with this key. How many."""
    own = selectors.own_account(actor)
    rows = list(selectors.sessions_of(actor).exclude(session_key=keep))
    for row in rows:
        row.end()
    record("accounts.session_ended", own, actor=actor, count=len(rows))
    return len(rows)


def _take_email(user: Any, address: str) -> None:
    """The user name of an account with an address is the address: the database allows it once."""
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
    user.username = user.email = address
    user.save(update_fields=["username", "email"])


def _taken() -> BadInput:
    return BadInput(_("这个地址刚刚注册了账号，请换一个。"), field="address")


def _locked(actor: Actor) -> Any:
    """One's own account; two changes at once wait for each other."""
    user = selectors.own_account(actor)
    return get_user_model().objects.select_for_update(no_key=True).get(pk=user.pk)


def _tell(actor: Actor, event: Any, zh: str, en: str) -> None:
    notices.tell(
        actor=actor,
        person_id=actor.person_id or 0,
        kind="accounts.security",
        key=f"accounts.security:{event.pk}",
        title_zh=zh,
        title_en=en,
        link="/me/security",
    )
