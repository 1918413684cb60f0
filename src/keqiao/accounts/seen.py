"""Notes that a session is in use. Not a command: it changes nothing that anybody decides on."""

from __future__ import annotations

import time

from allauth.usersessions.models import UserSession
from django.db.models.functions import Now
from django.http import HttpRequest

from keqiao.accounts.middleware import STAMP


def begin(request: HttpRequest) -> None:
    request.session[STAMP] = int(time.time())


def note(request: HttpRequest) -> None:
    begin(request)
    UserSession.objects.filter(session_key=request.session.session_key).update(last_seen_at=Now())


def forget(session_key: str | None) -> None:
    """Signed out: the session is gone, and so is its row."""
    if session_key:
        UserSession.objects.filter(session_key=session_key).delete()


def move(before: str, after: str) -> None:
    """A new password changed the key of this session; the others are gone."""
    rows = UserSession.objects.filter(session_key=before)
    for user_id in rows.values_list("user_id", flat=True)[:1]:
        UserSession.objects.filter(user_id=user_id).exclude(session_key=before).delete()
    rows.update(session_key=after)
