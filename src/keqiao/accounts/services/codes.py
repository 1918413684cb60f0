"""One-time codes: made here, sent by a job, proved once."""

from __future__ import annotations

import hmac
import secrets as randomness
from datetime import timedelta

from django.utils.translation import get_language
from procrastinate.contrib.django import app

from keqiao.accounts import selectors
from keqiao.accounts.models import OneTimeCode
from keqiao.accounts.secrets import code_of, hashed, seal
from keqiao.accounts.types import (
    CODE_ATTEMPTS,
    CODE_MINUTES,
    ChannelClosed,
    Purpose,
)
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.parameters import parameter
from keqiao.parties.types import Actor

__all__ = ["forget_old_codes", "prove_code", "send_code"]

FOR_NOTHING = "nothing"  # a code that was never sent: it opens nothing, and the page looks the same
NEEDS_NO_ACCOUNT = {Purpose.SIGN_UP, Purpose.NEW_ADDRESS}
JOB = "keqiao.accounts.tasks.deliver_code"


@command
def send_code(*, actor: Actor, purpose: str, channel: str, address: str) -> OneTimeCode:  # noqa: ARG001 -- visitors too
    """Make a code and have it sent. Known and unknown addresses get the same answer, row and job.

    To an address that has an account already, a sign-up sends a word that it has one; to an address without one, a
    sign-in sends nothing.
    """
    if not selectors.is_open(channel):
        raise ChannelClosed
    is_known = selectors.account_of(channel, address) is not None
    is_meant = is_known != (purpose in NEEDS_NO_ACCOUNT)
    now = clock.now()
    # Earlier codes for the same purpose are void: only the last message counts.
    target = hashed(f"{channel}|{address}", use="target")
    OneTimeCode.objects.filter(target_hash=target, purpose=purpose, used_at=None).update(used_at=now)
    salt = randomness.token_hex(16)
    row = OneTimeCode.objects.create(
        purpose=purpose if is_meant else FOR_NOTHING,
        target_hash=target,
        code_hash=salt,
        sent_at=now,
        expires_at=now + timedelta(minutes=CODE_MINUTES),
    )
    kind = "code" if is_meant else "known" if is_known else "nobody"
    app.configure_task(JOB, queue="mail").defer(
        code_id=row.pk, kind=kind, sealed=seal(f"{channel}|{address}"), language=get_language() or "zh-hans"
    )
    return row


@command
def prove_code(*, actor: Actor, code_id: int, purpose: str, code: str) -> bool:  # noqa: ARG001 -- visitors too
    """Whether the code is right; a right one is used up. It answers instead of raising, so that a wrong one counts."""
    row = OneTimeCode.objects.select_for_update(no_key=True).filter(pk=code_id).first()
    if row is None or row.used_at is not None or row.attempts >= CODE_ATTEMPTS or row.expires_at <= clock.now():
        return False
    row.attempts += 1
    digits = "".join(c for c in code if c.isdigit())
    is_right = row.purpose == purpose and hmac.compare_digest(code_of(row), digits)
    if is_right:
        row.used_at = clock.now()
    row.save(update_fields=["attempts", "used_at"])
    return is_right


@command
def forget_old_codes(*, actor: Actor) -> int:  # noqa: ARG001 -- a job's actor
    """Codes are of no use after minutes; their rows go after the parameter's days."""
    days = parameter("accounts.codes_kept_days", on=clock.today())
    gone, _by_model = OneTimeCode.objects.filter(expires_at__lt=clock.now() - timedelta(days=days)).delete()
    return gone
