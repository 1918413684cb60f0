"""The second step: an authenticator app (TOTP, RFC 6238) and recovery codes."""

from __future__ import annotations

import hmac
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth import get_user_model

from keqiao.accounts import selectors
from keqiao.accounts.secrets import unseal
from keqiao.accounts.types import WrongCode
from keqiao.kernel import notices
from keqiao.kernel.commands import command
from keqiao.kernel.errors import WrongState
from keqiao.kernel.events import record
from keqiao.parties.types import Actor

__all__ = ["activate_totp", "deactivate_totp", "prove_second_step", "renew_recovery_codes"]

KINDS = Authenticator.Type


@command
def activate_totp(*, actor: Actor, secret: str, code: str) -> list[str]:
    """Bind an authenticator app that shows the right code; recovery codes come with it and are shown once."""
    user = _locked(actor)
    if selectors.has_second_step(user):
        raise WrongState
    counter = _counter_of(secret, code)
    if counter is None:
        raise WrongCode
    row = TOTP.activate(user, secret).instance
    row.data["last_counter"] = counter
    row.save(update_fields=["data"])
    _tell(actor, record("accounts.totp_activated", row, actor=actor), "已开启动态验证码", "Authenticator app turned on")
    return _new_recovery_codes(user)


@command
def deactivate_totp(*, actor: Actor) -> None:
    """The app and its recovery codes go together."""
    user = _locked(actor)
    row = Authenticator.objects.filter(user=user, type=KINDS.TOTP).first()
    if row is None:
        raise WrongState
    _tell(
        actor, record("accounts.totp_deactivated", row, actor=actor), "已关闭动态验证码", "Authenticator app turned off"
    )
    Authenticator.objects.filter(user=user, type__in=[KINDS.TOTP, KINDS.RECOVERY_CODES]).delete()


@command
def renew_recovery_codes(*, actor: Actor) -> list[str]:
    """New ones; the old ones are void. Shown once."""
    user = _locked(actor)
    if not selectors.has_second_step(user):
        raise WrongState
    codes = _new_recovery_codes(user)
    row = Authenticator.objects.get(user=user, type=KINDS.RECOVERY_CODES)
    _tell(actor, record("accounts.recovery_codes_renewed", row, actor=actor), "已更换恢复码", "Recovery codes renewed")
    return codes


@command
def prove_second_step(*, actor: Actor, code: str) -> str:
    """Which kind of code it is, totp or recovery_codes; empty when it is wrong. Each works once."""
    user = selectors.account_by_actor(actor)
    rows = {row.type: row for row in Authenticator.objects.filter(user=user).select_for_update()}
    app, recovery = rows.get(KINDS.TOTP), rows.get(KINDS.RECOVERY_CODES)
    digits = "".join(c for c in code if c.isdigit())
    if app and (counter := _counter_of(unseal(app.data["secret"]), digits, after=app.data.get("last_counter", 0))):
        app.data["last_counter"] = counter
        app.save(update_fields=["data"])
        app.record_usage()
        return str(KINDS.TOTP)
    if app and recovery and RecoveryCodes(recovery).validate_code(digits):
        recovery.record_usage()
        left = len(RecoveryCodes(Authenticator.objects.get(pk=recovery.pk)).get_unused_codes())
        event = record("accounts.recovery_code_used", recovery, actor=actor, left=left)
        _tell(actor, event, f"用掉了一个恢复码，还剩 {left} 个", f"A recovery code was used, {left} left")
        return str(KINDS.RECOVERY_CODES)
    return ""


def _counter_of(secret: str, code: str, *, after: int = 0) -> int | None:
    """The time step whose code this is, later than the last one used."""
    digits = "".join(c for c in code if c.isdigit())
    for counter in yield_hotp_counters_from_time():
        if counter > after and hmac.compare_digest(format_hotp_value(hotp_value(secret, counter)), digits):
            return counter
    return None


def _new_recovery_codes(user: Any) -> list[str]:
    Authenticator.objects.filter(user=user, type=KINDS.RECOVERY_CODES).delete()
    made = RecoveryCodes.activate(user)
    made.mark_as_viewed()
    return made.generate_codes()


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
