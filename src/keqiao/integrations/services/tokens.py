"""Commands: access tokens."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, time, timedelta

from django.contrib.auth.hashers import check_password
from django.utils.translation import gettext as _

from keqiao.integrations.models import Token
from keqiao.integrations.policies import can_hold_tokens
from keqiao.integrations.selectors import digest_of, tokens_of
from keqiao.integrations.types import SCOPES, TOKEN_PREFIX
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties.types import Actor

HINT = 8


@command
def make_token(
    *,
    actor: Actor,
    name: str,
    scopes: Iterable[str],
    days: int,
    organisation_id: int | None = None,
    account: object = None,
    password: str = "",
) -> tuple[Token, str]:
    """A new token and its secret, which is shown this once.

    `account` is the Django user whose password confirms a token with wide scopes; accounts without a password (passkey
    only, sign-in from elsewhere) are not asked.
    """
    if actor.person_id is None or not can_hold_tokens(actor):
        raise NotAllowed
    chosen = _known_scopes(scopes)
    today = clock.today()
    name = " ".join(name.split())
    if not name or len(name) > 60:
        raise BadInput(_("给令牌起个名字，1 至 60 个字，例如“夜间同步”。"), field="name")
    longest = int(parameter("integrations.token_days", on=today))
    if not 1 <= days <= longest:
        raise BadInput(_("有效期为 1 至 %(most)s 天，例如 90。") % {"most": longest}, field="days")
    if organisation_id is not None and organisation_id not in {place.organisation_id for place in actor.workplaces}:
        raise BadInput(_("只能绑定您任职的单位。"), field="organisation")
    _confirm(account, password, chosen)
    most = int(parameter("integrations.tokens_per_person", on=today))
    if tokens_of(actor).filter(revoked_at=None, expires_at__gt=clock.now()).count() >= most:
        raise BadInput(_("最多同时持有 %(most)s 个令牌，请先停用不用的。") % {"most": most}, field="name")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(
        person_id=actor.person_id,
        organisation_id=organisation_id,
        name=name,
        digest=digest_of(secret),
        hint=secret[:HINT],
        scopes=chosen,
        expires_at=datetime.combine(today + timedelta(days=days + 1), time(), clock.site_zone()),
    )
    record("integrations.token_made", token, actor=actor, scopes=chosen)
    return token, secret


def _known_scopes(scopes: Iterable[str]) -> list[str]:
    asked = set(scopes)
    if not asked or asked - SCOPES.keys():
        raise BadInput(_("至少选一项权限，例如 needs:read。"), field="scopes")
    return [name for name in SCOPES if name in asked]


def _confirm(account: object, password: str, scopes: list[str]) -> None:
    kept = getattr(account, "password", "")
    is_asked = any(SCOPES[name].is_wide for name in scopes) and account is not None
    if is_asked and getattr(account, "has_usable_password", lambda: False)() and not check_password(password, kept):
        raise BadInput(_("这些权限可以改动数据：请再输一次登录密码。"), field="password")


@command
def revoke_token(*, actor: Actor, token_id: int) -> None:
    """Only one's own; nothing is accepted with it from now on."""
    token = tokens_of(actor).select_for_update(of=("self",), no_key=True).filter(pk=token_id).first()
    if token is None:
        raise NotFound
    if token.revoked_at is None:
        token.revoked_at = clock.now()
        token.save(update_fields=["revoked_at"])
        record("integrations.token_revoked", token, actor=actor)


@command
def note_use(*, actor: Actor, token_id: int) -> None:
    """The day of the last use: written once a day."""
    tokens_of(actor).filter(pk=token_id).order_by().update(last_used_on=clock.today())
