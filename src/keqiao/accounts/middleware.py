"""When a session was last seen, noted at most every ten minutes."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

EVERY_SECONDS = 600
STAMP = "accounts_seen"


class SeenSessions:
    """The stamp lies in the session, which is read anyway: most requests cost no query. For what is shown only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        session = request.session
        # Only a session that was read: an anonymous page needs none, and a public one varies by no cookie.
        if session.accessed and STAMP in session and time.time() - session[STAMP] > EVERY_SECONDS:
            from keqiao.accounts import seen

            seen.note(request)
        return response
