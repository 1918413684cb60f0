"""The accounts' part of what the platform holds about a person: how they get in, what they agreed to, who looked."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db.models import CASCADE

from keqiao.accounts import selectors
from keqiao.accounts.models import DataExport, StandingIn
from keqiao.accounts.sweeping import sweep
from keqiao.accounts.types import ExportState
from keqiao.kernel import files
from keqiao.kernel.models import StoredFile
from keqiao.kernel.personal import BLANK
from keqiao.parties import selectors as parties


def export(person_id: int) -> dict[str, Any]:
    user = get_user_model().objects.filter(person__pk=person_id).first()
    return {
        "account": _account(user) if user else None,
        "consents": [
            {
                "document": line.agreement.key,
                "sha256": line.agreement.digest,
                "is_given": line.is_given,
                "at": line.at.isoformat(),
                "how": line.how,
            }
            for line in selectors.ledger_of(person_id)
        ],
        "seen_by_staff": [
            {
                "reason": row.reason,
                "began_at": row.began_at.isoformat(),
                "ended_at": (row.ended_at or row.ends_at).isoformat(),
            }
            for row in selectors.standing_ins_for(person_id)
        ],
    }


def _account(user: Any) -> dict[str, Any]:
    """No secrets: neither hashes nor keys help their owner anywhere else."""
    ways = Authenticator.objects.filter(user=user).order_by("created_at", "pk")
    sessions = UserSession.objects.filter(user=user).order_by("created_at", "pk")
    return {
        "email": selectors.email_of(user),
        "number": selectors.number_of(user),
        "has_password": user.has_usable_password(),
        "protection": [{"kind": row.type, "added_at": row.created_at.isoformat()} for row in ways],
        "sessions": [
            {
                "ip": row.ip,
                "browser": row.user_agent,
                "began_at": row.created_at.isoformat(),
                "last_seen_at": row.last_seen_at.isoformat(),
            }
            for row in sessions
        ],
    }


def erase(person_id: int) -> None:
    """Sessions end, ways in go, files go, words about the person go. The ledger of consents holds ids and stays."""
    identity = selectors.identity_of(person_id)
    sweep(identity, parties.organisations_of_person(person_id))
    StandingIn.objects.filter(person_id=person_id).update(reason=BLANK)
    for row in DataExport.objects.filter(person_id=person_id).exclude(state=ExportState.EXPIRED):
        file, row.file, row.state = row.file, None, ExportState.EXPIRED
        row.save(update_fields=["file", "state"])
        if file is not None:
            files.discard(file)
    for kept in StoredFile.objects.filter(stored_by_id=person_id):
        name = identity.scrubbed(kept.name)
        if name != kept.name:
            kept.name = name
            kept.save(update_fields=["name"])
    user = get_user_model().objects.filter(person__pk=person_id).first()
    if user is not None:
        _end_sessions(user)
        _remove_what_hangs_on(user)


def _end_sessions(user: Any) -> None:
    """Those that are listed by their key, and any other by what is in it: a session may be older than the list."""
    keys = set(UserSession.objects.filter(user=user).values_list("session_key", flat=True))
    for session in Session.objects.iterator(chunk_size=1_000):
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            keys.add(session.session_key)
    Session.objects.filter(session_key__in=keys).delete()


def _remove_what_hangs_on(user: Any) -> None:
    """Every row that would go with the account goes now: addresses, numbers, passkeys, linked identities, sessions."""
    for field in user._meta.get_fields(include_hidden=True):  # noqa: SLF001 -- Django's documented model API
        relation = getattr(field, "remote_field", None)
        if field.auto_created and not field.concrete and getattr(field, "on_delete", None) is CASCADE and relation:
            field.related_model._base_manager.filter(**{relation.name: user}).delete()  # noqa: SLF001 -- as above
