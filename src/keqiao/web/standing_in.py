"""While staff stand in for a user, nothing is sent: every request that could change something is refused here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from keqiao.accounts import standing
from keqiao.kernel.errors import OnlyReads
from keqiao.web.problems import of_error, title_of

READING = frozenset({"GET", "HEAD", "OPTIONS"})
# What ends it, and what changes this browser only.
OPEN = frozenset({"/standing-in/end", "/sign-out", "/preferences"})
# How the user gets in, and keys that act for the user, are nobody else's to see.
CLOSED = ("/me/security", "/me/tokens", "/me/webhooks")


class OnlyReading:
    """Also when its time is over: a page that was opened as the user must not be sent as the operator."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _given: Any, _named: Any) -> HttpResponse | None:
        if request.path_info in OPEN or not standing.is_on(request):
            return None
        reads = request.method in READING
        if reads and not request.path_info.startswith(CLOSED):
            return None
        error = OnlyReads(_("代登录期间不显示账号安全和令牌。")) if reads else OnlyReads()
        request.actor.is_known  # type: ignore[attr-defined]  # noqa: B018 -- works out who acts, and whether it goes on
        if getattr(request, "standing_in", None) is None:
            standing.end(request)
            if reads:
                return None
            error = OnlyReads(_("代登录的时间已到，这一步没有办理。现在显示的是您自己的账号。"))
        if request.path_info.startswith("/api/"):
            return of_error(error)
        return render(request, "error.html", {"title": title_of(error.status), "message": str(error)}, status=403)
