"""What every request passes: an id in the logs, headers, clean input, the actor, errors as answers."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout

from keqiao.accounts import standing
from keqiao.kernel import measures
from keqiao.kernel.errors import DomainError
from keqiao.parties import selectors as parties
from keqiao.web.problems import of_error, problem, title_of

Answer = Callable[[HttpRequest], HttpResponse]
request_id: ContextVar[str] = ContextVar("request_id", default="")
actor_id: ContextVar[int | None] = ContextVar("actor_id", default=None)
log = logging.getLogger("keqiao.request")
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

CONTENT_SECURITY = (
    "default-src 'self'; script-src 'self'; style-src-elem 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self' {live}; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


class RequestLog:
    """One structured line per request, with its id, the actor's id, status and milliseconds."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id.set(given if REQUEST_ID.fullmatch(given) else uuid4().hex)
        actor_id.set(None)
        began = time.monotonic()
        with measures.span("request") as span:
            response = self.get_response(request)
            seconds = time.monotonic() - began
            measures.note_request(span, request.method or "", _route(request), response.status_code, seconds)
        response["X-Request-ID"] = request_id.get()
        took = round(seconds * 1000, 1)
        # The path without its query: what people search for is theirs.
        log.info(
            "request",
            extra={"method": request.method, "path": request.path, "status": response.status_code, "ms": took},
        )
        return response


def _route(request: HttpRequest) -> str:
    """The pattern that the address fits, not the address: it names nobody, and there are not many."""
    match = request.resolver_match
    return f"/{match.route}" if match else ""


class SecurityHeaders:
    """Content security policy: scripts and style sheets from this site only."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        live = "" if settings.LIVE_URL == settings.SITE_URL else settings.LIVE_URL
        response.setdefault("Content-Security-Policy", CONTENT_SECURITY.format(live=live))
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response


class CleanInput:
    """NUL cannot be stored by the database: such a request is refused before anything reads it."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path or any(
            "\x00" in v for values in request.GET.lists() for v in (values[0], *values[1])
        ):
            raise BadRequest("NUL")
        return self.get_response(request)


class WhoActs:
    """`request.actor`, worked out when first asked for."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: self.find(request))  # type: ignore[attr-defined]
        return self.get_response(request)

    @staticmethod
    def find(request: HttpRequest) -> parties.Actor:
        own = parties.actor_for(request.user, acting_for=request.session.get(parties.ACTING_FOR))
        actor_id.set(own.person_id)
        # Staff who stand in for a user see that user's pages; the log keeps naming the staff.
        request.standing_in, actor = standing.seen_by(request, own)  # type: ignore[attr-defined]
        return actor


class DomainErrors:
    """The one place where a domain error becomes a page or problem+json (RFC 9457)."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse | None:
        if isinstance(exc, (OperationalError, InterfaceError, PoolTimeout)):
            log.warning("the database is away", extra={"path": request.path, "error": type(exc).__name__})
            return away(request)
        if not isinstance(exc, DomainError):
            return None
        if request.path.startswith("/api/"):
            return of_error(exc)
        return render(request, "error.html", {"title": title_of(exc.status), "message": str(exc)}, status=exc.status)


def away(request: HttpRequest) -> HttpResponse:
    """The database is being restarted: said without asking it anything."""
    if request.path.startswith("/api/"):
        return problem(503, "Busy", _("数据库正在恢复，请稍后再试。"))
    return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": "5"})
