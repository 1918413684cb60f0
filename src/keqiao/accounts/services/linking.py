"""Commands: ways in from elsewhere that hang on an account, and the names of its passkeys."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from keqiao.accounts import selectors
from keqiao.accounts.services.protecting import LONGEST_NAME, _locked, _tell
from keqiao.accounts.types import Identity, LastWayIn, LinkedElsewhere
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotFound
from keqiao.kernel.events import record
from keqiao.parties.types import Actor

__all__ = ["link_identity", "rename_passkey", "unlink_identity"]


@command
def link_identity(*, actor: Actor, identity: Identity) -> SocialAccount:
    """Sign in with this identity too, from now on. One that belongs to another account stays there."""
    user = _locked(actor)
    known = SocialAccount.objects.filter(provider=identity.provider, uid=identity.uid)
    row = known.first()
    if row is None:
        row = _link(user, identity)
        _tell(
            actor,
            record("accounts.identity_linked", row, actor=actor),
            "关联了单位账号",
            "An account elsewhere was linked",
        )
    if row.user_id != user.pk:
        raise LinkedElsewhere
    return row


def _link(user: Any, identity: Identity) -> SocialAccount:
    try:
        with transaction.atomic():
            return SocialAccount.objects.create(
                user=user, provider=identity.provider, uid=identity.uid, extra_data=identity.about
            )
    except IntegrityError:  # somebody else's browser was faster
        raise LinkedElsewhere from None


@command
def unlink_identity(*, actor: Actor, reference: str) -> None:
    """Only one's own, and never the last way in. One of a provider that the site no longer offers leads nowhere."""
    user = _locked(actor)
    row = next((one for one in user.socialaccount_set.all() if selectors.identity_reference(one.pk) == reference), None)
    if row is None:
        raise NotFound
    if row.provider in selectors.provider_names() and selectors.protection_of(actor).ways_in < 2:
        raise LastWayIn
    _tell(
        actor,
        record("accounts.identity_unlinked", row, actor=actor),
        "解除了单位账号",
        "An account elsewhere was unlinked",
    )
    row.delete()


@command
def rename_passkey(*, actor: Actor, passkey_id: int, name: str) -> None:
    """So that one knows which device it is on."""
    user = _locked(actor)
    row = Authenticator.objects.filter(user=user, pk=passkey_id, type=Authenticator.Type.WEBAUTHN).first()
    if row is None:
        raise NotFound
    name = " ".join(name.replace("\x00", "").split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise BadInput(_("名称为 1 至 %(most)d 个字，例如“办公室电脑”。") % {"most": LONGEST_NAME}, field="name")
    if name != row.data["name"]:
        row.data["name"] = name
        row.save(update_fields=["data"])
        record("accounts.passkey_renamed", row, actor=actor)
