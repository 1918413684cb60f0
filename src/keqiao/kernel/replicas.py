"""Lists and statistics may be read from replicas of the database; what one has written oneself is always seen.

Three rules, and no more:

- A view that carries `@may_lag` may show what was true `KEQIAO_REPLICA_LAG` seconds ago, never anything older: a replica is
  asked only when it has replayed what the primary had written at some moment within those seconds. No clocks of two
  machines are compared, and no rights beyond reading are needed.
- A browser that sent something carries a cookie for a second longer than that; with it, it reads from the primary.
- Everything else is the primary's: whoever acts, sessions, commands, transactions, the kernel, tokens that may write.

A replica that does not answer is left alone for some seconds, and the page is made again from the primary.
"""

from __future__ import annotations

import inspect
import logging
import random
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from math import ceil
from typing import Any, TypeVar, cast

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections
from django.http import HttpRequest, HttpResponse
from psycopg_pool import PoolTimeout

from keqiao.kernel.commands import is_inside_command

log = logging.getLogger(__name__)
WROTE = "keqiao_wrote"  # the cookie of a browser that sent something a moment ago
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
READING = ":read"  # how the scopes end that change nothing
LEFT_ALONE = 5.0  # seconds for which a replica that failed is not asked
ASKED_AGAIN = 0.1  # seconds between two questions to a replica that is behind
ON_ITS_WAY = 0.3  # seconds that what was just written may take, for operators' figures
AWAY = (OperationalError, InterfaceError, PoolTimeout)

# Positions in the log of changes as plain numbers. What is committed is on disk; the place of insertion may stand behind a
# page's header that an idle replica never reaches.
WRITTEN = "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint"
REPLAYED = """
SELECT pg_is_in_recovery(), (pg_last_wal_replay_lsn() - '0/0')::bigint,
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
"""

View = TypeVar("View", bound=Callable[..., Any])
_chosen: ContextVar[str | None] = ContextVar("the replica that this view reads", default=None)


class NoReplica(OperationalError):
    """What answers at a replica's address takes writes itself: it follows nobody."""


# --- who may read from one --------------------------------------------------------------------------------------------


def may_lag(view: View) -> View:
    """Mark a view that only lists or counts. Stands next to the function; who asks is worked out before it runs."""

    @wraps(view)
    def shown(request: HttpRequest, *given: Any, **named: Any) -> Any:
        alias = choose() if settings.REPLICAS and is_free(request) else None
        if alias is None:
            return view(request, *given, **named)
        before = _chosen.set(alias)
        try:
            return view(request, *given, **named)
        except AWAY as trouble:
            leave_alone(alias, trouble)
        finally:
            _chosen.reset(before)
        return view(request, *given, **named)

    # Ninja would look for the names in the annotations here, where they are not known.
    shown.__signature__ = inspect.signature(view, eval_str=True)  # type: ignore[attr-defined]
    return cast("View", shown)


def is_free(request: HttpRequest) -> bool:
    """May this request read what is some seconds old? Asked of the primary: who acts, and by which token."""
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        request.actor.is_known  # type: ignore[attr-defined]  # noqa: B018 -- works out session, account and posts
    scopes: frozenset[str] = getattr(request, "token_scopes", frozenset())
    return request.method in SAFE and WROTE not in request.COOKIES and all(scope.endswith(READING) for scope in scopes)


class Marker:
    """Middleware: the browser that sends something reads from the primary until every replica in use has it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.REPLICAS:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in SAFE and "Authorization" not in request.headers:
            response.set_cookie(
                WROTE,
                "1",
                ceil(settings.REPLICA_LAG) + 1,  # it begins after the commit, and a browser may round down
                path=settings.SESSION_COOKIE_PATH,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response


class Router:
    """Django's question where to read and write. Writing, and whatever belongs to it, is the primary's."""

    def db_for_read(self, model: Any, **_hints: Any) -> str:
        alias = _chosen.get()
        if alias is None or model._meta.app_label not in settings.MAY_LAG:  # noqa: SLF001 -- Django's public name
            return DEFAULT_DB_ALIAS
        return DEFAULT_DB_ALIAS if is_inside_command() or connection.in_atomic_block else alias

    def db_for_write(self, _model: Any, **_hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool:
        return True  # all are the same database

    def allow_migrate(self, alias: str, _app_label: str, **_hints: Any) -> bool:
        return alias == DEFAULT_DB_ALIAS


# --- which one is fresh enough ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Known:
    """What this process knows of a replica. It only ever replays further, so what it had replayed stays true."""

    replayed: int = -1
    asked: float = 0.0  # by this process's clock
    alone_until: float = 0.0


_known: dict[str, _Known] = {}
_marks: list[tuple[float, int]] = []  # when the primary was asked, and what it had written: the last two
_asking = threading.Lock()


def choose() -> str | None:
    """A replica that shows nothing older than REPLICA_LAG seconds; None: read from the primary."""
    needed = _written_lately()
    aliases = list(settings.REPLICAS)
    random.shuffle(aliases)  # they share the work
    return next((alias for alias in aliases if _has_replayed(alias, needed)), None)


def _written_lately() -> int:
    """What the primary had written at a moment within the last REPLICA_LAG seconds: asked twice in that time, the older
    answer counts, so that a replica has half the time to follow and no request waits for it.
    """
    now = time.monotonic()
    if not _marks or now - _marks[-1][0] > settings.REPLICA_LAG / 2:
        with connection.cursor() as cursor:
            cursor.execute(WRITTEN)
            _marks[:] = [*_marks[-1:], (now, cursor.fetchone()[0])]
    return next(written for at, written in list(_marks) if now - at <= settings.REPLICA_LAG)


def _has_replayed(alias: str, needed: int) -> bool:
    now, known = time.monotonic(), _known.get(alias, _Known())
    if now < known.alone_until:
        return False
    if known.replayed >= needed:
        return True
    if now - known.asked < ASKED_AGAIN or not _asking.acquire(blocking=False):
        return False  # nobody waits while another request asks
    try:
        replayed, _age = _ask(alias)
    except AWAY as trouble:
        leave_alone(alias, trouble)
        return False
    finally:
        _asking.release()
    _known[alias] = _Known(replayed, now)
    return replayed >= needed


def _ask(alias: str) -> tuple[int, float | None]:
    """How far it is, and how long ago the last change that it shows was committed."""
    with connections[alias].cursor() as cursor:
        cursor.execute(REPLAYED)
        is_replica, replayed, age = cursor.fetchone()
    if not is_replica:
        raise NoReplica(f"{alias} is not a replica")
    return int(replayed or 0), age


def leave_alone(alias: str, trouble: Exception) -> None:
    """What it had replayed is forgotten too: it may come back as another one."""
    log.warning("a replica is left alone", extra={"replica": alias, "error": type(trouble).__name__})
    _known[alias] = _Known(alone_until=time.monotonic() + LEFT_ALONE)
    _part_from(alias)


def _part_from(alias: str) -> None:
    """Kept connections go too: a replica that became the primary keeps those it had, and nobody would look for the new one."""
    connections[alias].close()
    connections[alias].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's


def forget() -> None:
    """As a process that has just begun."""
    _known.clear()
    _marks.clear()


# --- how they do: for operators -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    alias: str
    place: str  # host and port, without name and password
    trouble: str = ""  # "": it follows; "away"; "no_replica"
    bytes_behind: int | None = None
    seconds_behind: float | None = None  # None: it is away, or has replayed nothing since it began

    @property
    def is_used(self) -> bool:
        """Shown as one that pages read from."""
        return self.seconds_behind is not None and self.seconds_behind <= settings.REPLICA_LAG


def standings() -> list[Standing]:
    """Asked now, each of them."""
    if not settings.REPLICAS:
        return []
    with connection.cursor() as cursor:
        cursor.execute(WRITTEN)
        written = int(cursor.fetchone()[0])
    return [_standing(alias, written) for alias in settings.REPLICAS]


def _standing(alias: str, written: int) -> Standing:
    set_so = connections[alias].settings_dict
    place = f"{set_so['HOST'] or 'localhost'}:{set_so['PORT'] or 5432}"
    try:
        replayed, age = _ask(alias)
        if replayed < written:  # it may be on its way: the age of what came before says nothing of that
            time.sleep(ON_ITS_WAY)
            replayed, age = _ask(alias)
    except AWAY as trouble:
        _part_from(alias)
        return Standing(alias, place, "no_replica" if isinstance(trouble, NoReplica) else "away")
    behind = max(0, written - replayed)
    return Standing(alias, place, bytes_behind=behind, seconds_behind=0.0 if behind == 0 else age)
