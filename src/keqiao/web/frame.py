"""The frame around every request to the API: who asks, how often, once only, and which version is meant.

It stands innermost of the middleware, so that whatever a view answers passes through it. Pages of the site pass by.
"""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Callable
from urllib.parse import urlencode

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from psycopg_pool import PoolTimeout

from keqiao.integrations import idempotency, rates
from keqiao.integrations import selectors as integrations
from keqiao.integrations.services import tokens
from keqiao.integrations.types import BadToken, Stale, TooMany
from keqiao.kernel import clock
from keqiao.kernel.api import LAST_PAGE, ShownPage, shown_page
from keqiao.kernel.errors import DomainError
from keqiao.kernel.pages import AtLeast
from keqiao.parties import selectors as parties
from keqiao.web import problems

Answer = Callable[[HttpRequest], HttpResponse]
log = logging.getLogger("keqiao.api")
API = "/api/"
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
BODIES = frozenset({"application/json", "multipart/form-data", "application/x-www-form-urlencoded"})


class ApiFrame:
    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(API):
            return self.get_response(request)
        shown_page.set(None)
        rate: rates.Rate | None = None
        try:
            who_asks(request)
            rate = count(request)
            answer = self.changed(request) if request.method in CHANGING else self.read(request)
        except DomainError as error:
            if isinstance(error, BadToken) and (rate := count_address(request)) and rate.is_used_up:
                error = UsedUp(rate)
            rate = getattr(error, "rate", rate)
            answer = problems.of_error(error)
        except (OperationalError, InterfaceError, PoolTimeout) as trouble:
            log.warning("the database is away", extra={"path": request.path, "error": type(trouble).__name__})
            answer = problems.problem(503)
        answer = as_problem(answer)
        say_rate(answer, rate)
        answer.setdefault("Cache-Control", "private, no-cache" if answer.status_code in {200, 304} else "no-store")
        patch_vary_headers(answer, ["Accept-Language", "Authorization", "Cookie", "Keqiao-Organisation"])
        return answer

    def read(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        link(request, answer)
        if answer.status_code != 200 or answer.streaming:
            return answer
        answer["ETag"] = etag_of(answer)
        if names(request.headers.get("If-None-Match", ""), answer["ETag"], weakly=True):
            unchanged = HttpResponse(status=304)
            for name in ("ETag", "Link"):
                if name in answer:
                    unchanged[name] = answer[name]
            del unchanged["Content-Type"]
            return unchanged
        return answer

    def changed(self, request: HttpRequest) -> HttpResponse:
        if has_strange_body(request):
            return problems.problem(415)
        token, key = getattr(request, "token", None), request.headers.get("Idempotency-Key")
        if token is None or key is None:
            return self.carry_out(request)
        try:
            return idempotency.once(token, key, request, lambda: self.carry_out(request))
        except RequestDataTooBig:
            return problems.problem(413)

    def carry_out(self, request: HttpRequest) -> HttpResponse:
        wanted = request.headers.get("If-Match", "")
        if not wanted or getattr(request, "token", None) is None:
            return self.get_response(request)
        with transaction.atomic():  # until the commit, nobody else changes this address by its version
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [request.path])
            if not names(wanted, self.version_of(request), weakly=False):
                raise Stale
            answer = self.get_response(request)
            if answer.status_code >= 500:
                transaction.set_rollback(True)
            elif answer.status_code < 300 and (version := self.version_of(request)):
                answer["ETag"] = version
            return answer

    def version_of(self, request: HttpRequest) -> str:
        """The ETag that reading this address gives now; empty when it cannot be read."""
        reading = copy.copy(request)
        reading.method = "GET"
        answer = self.get_response(reading)
        return etag_of(answer) if answer.status_code == 200 and not answer.streaming else ""


# --- who asks ---------------------------------------------------------------------------------------------------------


def who_asks(request: HttpRequest) -> None:
    """A token, or the browser's session for reading. Sets actor, visitor, token and token_scopes on the request."""
    request.visitor = parties.visitor()  # type: ignore[attr-defined]  # see kernel.api.api_actor
    given = request.headers.get("Authorization")
    if given is None:
        if getattr(request.actor, "only_reads", False):  # type: ignore[attr-defined]  # staff standing in
            request.actor = request.visitor  # type: ignore[attr-defined]
        return
    kind, _space, secret = given.partition(" ")
    if kind.lower() != "bearer":
        raise BadToken
    token = integrations.token_by_secret(secret.strip())
    organisation = request.headers.get("Keqiao-Organisation", "").strip()
    request.actor = integrations.actor_of_token(token, organisation)  # type: ignore[attr-defined]
    request.token = token  # type: ignore[attr-defined]
    request.token_scopes = frozenset(token.scopes)  # type: ignore[attr-defined]
    note_actor(token.person_id)
    if token.last_used_on != clock.machine_today():
        tokens.note_use(actor=request.actor, token_id=token.pk)  # type: ignore[attr-defined]


def note_actor(person_id: int) -> None:
    """For the log line of the request."""
    from keqiao.web.middleware import actor_id

    actor_id.set(person_id)


# --- how often --------------------------------------------------------------------------------------------------------


class UsedUp(TooMany):
    def __init__(self, rate: rates.Rate) -> None:
        super().__init__()
        self.rate = rate


def count(request: HttpRequest) -> rates.Rate | None:
    token, person_id = getattr(request, "token", None), request.actor.person_id  # type: ignore[attr-defined]
    askers: dict[str, object] = {}
    if token is not None:
        askers["token"] = token.pk
    if person_id is not None:
        askers["person"] = person_id
    rate = rates.count(askers) if askers else count_address(request)
    if rate is not None and rate.is_used_up:
        raise UsedUp(rate)
    return rate


def count_address(request: HttpRequest) -> rates.Rate | None:
    """Visitors, and tokens that are refused: so that nobody tries them out by the thousand."""
    return rates.count({"address": request.META.get("REMOTE_ADDR", "")})


def say_rate(answer: HttpResponse, rate: rates.Rate | None) -> None:
    if rate is None:
        return
    answer["RateLimit-Limit"] = str(rate.limit)
    answer["RateLimit-Remaining"] = str(max(0, rate.remaining))
    answer["RateLimit-Reset"] = str(rate.reset)
    if answer.status_code == 429:
        answer["Retry-After"] = str(rate.reset)


# --- which version ----------------------------------------------------------------------------------------------------


def etag_of(answer: HttpResponse) -> str:
    """Strong: of the very bytes, so that it differs by revision, by language and by what the asker may see."""
    return f'"{hashlib.sha256(answer.content).hexdigest()[:32]}"'


def names(header: str, etag: str, *, weakly: bool) -> bool:
    """Does an If-Match or If-None-Match name this version?"""
    if not header or not etag:
        return False
    tags = [tag.strip() for tag in header.split(",")]
    if weakly:
        tags = [tag.removeprefix("W/") for tag in tags]
    return "*" in tags or etag in tags


def link(request: HttpRequest, answer: HttpResponse) -> None:
    """Link headers of a page of a list: first, prev, next."""
    page = shown_page.get()
    if page is None or answer.status_code != 200:
        return
    to: dict[str, dict[str, str]] = {"first": {}}
    if page.next_after:
        to["next"] = {"after": page.next_after}
    elif _goes_on(page):
        to["next"] = {"page": str(page.page + 1)}
    if page.page > 1 and not request.GET.get("after"):
        to["prev"] = {"page": str(page.page - 1)}
    rest = [(name, value) for name, value in request.GET.lists() if name not in {"page", "after"}]
    asked = [(name, one) for name, values in rest for one in values]
    root = request.build_absolute_uri(request.path)
    parts = []
    for relation, where in to.items():
        query = urlencode([*asked, *where.items()])
        parts.append(f'<{root}{"?" if query else ""}{query}>; rel="{relation}"')
    answer["Link"] = ", ".join(parts)


def _goes_on(page: ShownPage) -> bool:
    """A list that is longer than it was counted has rows behind what was counted."""
    if page.total is None:
        return False
    return page.page * page.per_page < page.total or (isinstance(page.total, AtLeast) and page.page < LAST_PAGE)


# --- the rest ---------------------------------------------------------------------------------------------------------


def has_strange_body(request: HttpRequest) -> bool:
    """A body in a type that no operation reads."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return length.isdigit() and int(length) > 0 and (request.content_type or "").lower() not in BODIES


def as_problem(answer: HttpResponse) -> HttpResponse:
    """Whatever refused, and however: the client reads problem+json."""
    status = answer.status_code
    if status < 400 or answer.get("Content-Type", "").startswith(problems.JSON):
        return answer
    said = problems.problem(status)
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in answer:
            said[name] = answer[name]
    return said
