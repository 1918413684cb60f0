"""Opening an account: a user, the person behind it, and what they agreed to, together or not at all."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from keqiao.accounts import passwords, selectors
from keqiao.accounts.models import MobileNumber
from keqiao.accounts.types import REQUIRED, Channel, ConsentWay, Identity
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput
from keqiao.kernel.events import record
from keqiao.kernel.users import open_user
from keqiao.parties import selectors as parties
from keqiao.parties import services as people
from keqiao.parties.types import Actor

__all__ = ["sign_up"]

LONGEST_NAME = 80
CHINESE = re.compile(r"[\u3400-\u9fff]")


@command
def sign_up(
    *,
    actor: Actor,  # noqa: ARG001 -- a visitor, who becomes the person
    name: str,
    channel: str = "",
    address: str = "",
    password: str = "",
    identity: Identity | None = None,
    documents: list[str],
) -> Any:
    """Open an account for an address that was proved by a code, or for an identity from a provider. Returns the user.

    Without a password the account is protected by a passkey, a code, or the identity provider.
    """
    name = _name(name)
    _agreed(documents)
    if bool(address) == bool(identity):
        raise BadInput(field="address")
    if password:
        passwords.check(password)
    if address and selectors.account_of(channel, address) is not None:
        raise _taken()
    try:
        with transaction.atomic():
            user = _user(channel, address, password)
            if identity:
                SocialAccount.objects.create(
                    user=user, provider=identity.provider, uid=identity.uid, extra_data=identity.about
                )
    except IntegrityError:  # two browsers proved the same address
        raise _taken() from None
    person = people.register_person(actor=parties.system(), **{_language(name): name})
    person.user = user
    person.save(update_fields=["user"])
    himself = parties.actor_for(user)
    _give_consents(himself, documents)
    record("accounts.account_opened", person, actor=himself, way=channel or "federation")
    return user


def _give_consents(actor: Actor, documents: list[str]) -> None:
    from keqiao.accounts.services import consents

    consents.give_consents(actor=actor, person_id=actor.person_id or 0, documents=documents, how=ConsentWay.SIGN_UP)


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise BadInput(_("姓名不能为空，最长 80 个字，例如 许砚秋。"), field="name")
    return name


def _language(name: str) -> str:
    return "name_zh" if CHINESE.search(name) else "name_en"


def _agreed(documents: list[str]) -> None:
    """`documents`: keys of the versions that were shown; the required ones in force must be among them."""
    in_force = [row.key for row in selectors.agreements_in_force(clock.today()) if row.kind in REQUIRED]
    if not set(in_force) <= set(documents):
        raise BadInput(_("请先阅读并勾选同意用户协议和隐私政策。"), field="agreed")


def _taken() -> BadInput:
    return BadInput(_("这个地址刚刚注册了账号，请直接登录。"), field="address")


def _user(channel: str, address: str, password: str) -> Any:
    """The e-mail address is the user name, so that the database allows one account for it."""
    if channel == Channel.EMAIL:
        user = open_user(username=address, email=address, password=password or None)
        EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
        return user
    user = open_user(username=f"account-{uuid4().hex}", password=password or None)
    if channel == Channel.SMS:
        MobileNumber.objects.create(user=user, number=address, verified_at=clock.now())
    return user
