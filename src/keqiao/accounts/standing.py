"""Whose pages a request shows: one's own, or those of the user that an operator stands in for.

The session keeps the id alone; the row says until when. `request.user` stays the operator. Pages of the account itself
(password, passkeys, sessions, tokens) are closed meanwhile (web/standing_in.py).
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from keqiao.accounts import selectors
from keqiao.accounts.models import StandingIn
from keqiao.kernel import clock
from keqiao.parties.types import Actor

KEY = "standing_in"


def begin(request: HttpRequest, row: StandingIn) -> None:
    request.session[KEY] = row.pk


def end(request: HttpRequest) -> None:
    request.session.pop(KEY, None)


def is_on(request: HttpRequest) -> bool:
    """Asked of the session alone: it may be over by now."""
    return KEY in request.session


def seen_by(request: HttpRequest, own: Actor) -> tuple[StandingIn | None, Actor]:
    """The standing-in that goes on and the actor whose pages are shown; otherwise none, and one's own."""
    found = request.session.get(KEY) if own.person_id is not None else None
    if found is None:
        return None, own
    shown: Any = selectors.standing_in_of(own, found, clock.now())
    return shown or (None, own)
