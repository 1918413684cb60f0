"""What every context's part of the API shares: refusals, pages of a list, dates, scopes of a token.

A context's `api.py` makes a `ninja.Router`; the web layer mounts it under /api/v1. Signed-in browsers may read; what
changes data needs a token whose scopes were granted for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import wraps
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path as InPath
from ninja import Query, Schema
from pydantic import BeforeValidator

from keqiao.kernel.errors import NotAllowed

MOST_PER_PAGE = 100
LAST_PAGE = 500  # deep paging is for exports

Code = Annotated[str, InPath(max_length=24, pattern=r"^[A-Z0-9-]+$", examples=["XQ-2026-01873"])]
PageNumber = Annotated[int, Query(ge=1, le=LAST_PAGE, description="Page, from 1.")]
PerPage = Annotated[int, Query(ge=1, le=MOST_PER_PAGE, description="Items on a page.")]


def _iso(text: Any) -> Any:
    """Pydantic would read a bare number as seconds since 1970."""
    if isinstance(text, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("a date such as 2026-11-20")
    return text


IsoDate = Annotated[date, BeforeValidator(_iso)]


class Problem(Schema):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class PageOut(Schema):
    total: int
    page: int
    per_page: int


# Reading is refused in these ways; changing in two more, and it may have to wait.
REFUSALS: Mapping[int, Any] = {400: Problem, 401: Problem, 403: Problem, 404: Problem, 422: Problem, 429: Problem}
CHANGE_REFUSALS: Mapping[int, Any] = {**REFUSALS, 409: Problem, 503: Problem}


def answers(success: Any) -> dict[int, Any]:
    """The answers of an operation that reads."""
    return {200: success, **REFUSALS}


def change_answers(success: Any, status: int = 200) -> dict[int, Any]:
    """The answers of an operation that changes something."""
    return {status: success, **CHANGE_REFUSALS}


def paged(rows: Any, page: int, per_page: int, show: Callable[[Sequence[Any]], list[Any]]) -> dict[str, Any]:
    """One page of a queryset; `show` turns its rows into plain values, all at once."""
    first = (page - 1) * per_page
    return {
        "total": rows.count(),
        "page": page,
        "per_page": per_page,
        "items": show(list(rows[first : first + per_page])),
    }


def each(show: Callable[[Any], Any]) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda rows: [show(row) for row in rows]


def api_actor(request: HttpRequest) -> Any:
    return request.actor  # type: ignore[attr-defined]  # set by the WhoActs middleware


def needs_scope(scope: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Only with a token that carries the scope, such as `needs:write`. Put it below ninja's decorator.

    The scope is also written on the function, from where the permission matrix and the API's description read it.
    """

    def wrap(operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def checked(request: HttpRequest, *given: Any, **named: Any) -> Any:
            if scope not in getattr(request, "token_scopes", frozenset()):
                raise NotAllowed
            return operation(request, *given, **named)

        checked.scope = scope  # type: ignore[attr-defined]
        return checked

    return wrap
