"""What every context's part of the API shares: refusals, pages of a list, dates, scopes of a token.

A context's `api.py` makes a `ninja.Router`; the web layer mounts it under /api/v1. Signed-in browsers may read; what
changes data needs a token whose scopes were granted for it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Annotated, Any

from django.core import signing
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja import Path as InPath
from ninja import Query, Schema
from ninja.operation import Operation
from pydantic import BeforeValidator, Field

from keqiao.kernel.errors import BadInput, DomainError, NotAllowed
from keqiao.kernel.pages import AtLeast, counted, counted_and_cut

MOST_PER_PAGE = 100
LAST_PAGE = 500  # deep paging is for exports

Code = Annotated[str, InPath(max_length=24, pattern=r"^[A-Z0-9-]+$", examples=["XQ-2026-01873"])]
PageNumber = Annotated[int, Query(ge=1, le=LAST_PAGE, description="Page, from 1.")]
After = Annotated[
    str, Query(max_length=200, description="Cursor: `next_after` of the page before; `page` is then ignored.")
]
CURSOR_SALT = "keqiao.api.cursor"
PerPage = Annotated[int, Query(ge=1, le=MOST_PER_PAGE, description="Items on a page.")]


def _iso(text: Any) -> Any:
    """Pydantic would read a bare number as seconds since 1970."""
    if isinstance(text, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("a date such as 2026-11-20")
    return text


IsoDate = Annotated[date, BeforeValidator(_iso)]


class FieldProblem(Schema):
    field: str
    detail: str
    example: str | None = None


class Problem(Schema):
    """What went wrong (RFC 9457): `code` for programs, `title` and `detail` for people, in the language asked for."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = Field(None, description="The field of the request that cannot be used.")
    example: str | None = Field(None, description="A value that the field would take.")
    errors: list[FieldProblem] | None = Field(
        None, description="All fields that cannot be used, when there are several."
    )


TotalIsExact = Annotated[
    bool,
    Field(
        description="false: there are more than `total`. Rows are counted up to 10,000, so that long lists are fast."
    ),
]


class PageOut(Schema):
    total: int
    total_is_exact: TotalIsExact = True
    page: int
    per_page: int


class DeepPageOut(Schema):
    """A page of a list of any length: `next_after` leads on, however deep."""

    total: int | None = Field(None, description="null when read on with `after`: counting again would cost as much.")
    total_is_exact: TotalIsExact = True
    page: int
    per_page: int
    next_after: str | None = Field(None, description="Pass it as `after` to read on; null at the end.")


# Reading is refused in these ways; changing in a few more.
REFUSALS: Mapping[int, Any] = {
    400: Problem,
    401: Problem,
    403: Problem,
    404: Problem,
    422: Problem,
    429: Problem,
    503: Problem,
}
CHANGE_REFUSALS: Mapping[int, Any] = {**REFUSALS, 409: Problem, 412: Problem, 413: Problem, 415: Problem}


def answers(success: Any) -> dict[int, Any]:
    """The answers of an operation that reads."""
    return {200: success, **REFUSALS}


def file_answer(description: str, *media_types: str) -> dict[str, Any]:
    """What the document says of an operation that answers with a file."""
    content = {media: {"schema": {"type": "string", "format": "binary"}} for media in media_types}
    return {"responses": {200: {"description": description, "content": content}}}


def change_answers(success: Any, status: int = 200) -> dict[int, Any]:
    """The answers of an operation that changes something."""
    return {status: success, **CHANGE_REFUSALS}


def _made_once(make: Callable[[Operation, Any], Any]) -> Callable[[Operation, Any], Any]:
    """Ninja makes a class for every status of every operation: two thousand, twenty times the same. They are only read."""
    made: dict[Any, Any] = {}

    def once(operation: Operation, answer: Any) -> Any:
        if answer not in made:
            made[answer] = make(operation, answer)
        return made[answer]

    return once


# A process has the API at hand after 0.7 s in the place of 1.8, with 23 MB in the place of 65.
setattr(Operation, "_create_response_model", _made_once(Operation._create_response_model))  # noqa: B010, SLF001 -- ninja has no public place for it


@dataclass(frozen=True)
class ShownPage:
    """Which page an operation gave: the frame of the API writes the Link header from it."""

    page: int
    per_page: int
    total: int | None
    next_after: str | None = None


shown_page: ContextVar[ShownPage | None] = ContextVar("shown_page", default=None)


def page_of(items: list[Any], *, total: int, page: int, per_page: int) -> dict[str, Any]:
    """One page whose items the caller has counted and cut."""
    shown_page.set(ShownPage(page, per_page, total))
    return {**_told(total), "page": page, "per_page": per_page, "items": items}


def _told(total: int | None) -> dict[str, Any]:
    return {"total": total, "total_is_exact": not isinstance(total, AtLeast)}


def paged(rows: Any, page: int, per_page: int, show: Callable[[Sequence[Any]], list[Any]]) -> dict[str, Any]:
    """One page of a queryset; `show` turns its rows into plain values, all at once."""
    first = (page - 1) * per_page
    total, rows = counted_and_cut(rows, first, first + per_page)
    return page_of(show(list(rows)), total=total, page=page, per_page=per_page)


def deep_paged(
    rows: Any,
    page: int,
    per_page: int,
    after: str,
    show: Callable[[Sequence[Any]], list[Any]],
    *,
    by: str,
    known_total: int | None = None,
) -> dict[str, Any]:
    """As `paged`, and with a cursor to walk a list of any length at the same cost a page.

    `rows` are in the order (-by, -id), which has an index, and their `code` is unique. The cursor is signed, so that
    nobody asks about a row that was never shown to them. `known_total`: the length of a list that was counted ahead.
    """
    total = None if after else counted(rows) if known_total is None else known_total
    first = 0 if after else (page - 1) * per_page
    if after:
        rows = _behind(rows, after, by)
    cut = list(rows[first : first + per_page + 1])
    shown = cut[:per_page]
    next_after = _cursor(shown[-1], by) if len(cut) > per_page else None
    shown_page.set(ShownPage(page, per_page, total, next_after))
    return {**_told(total), "page": page, "per_page": per_page, "next_after": next_after, "items": show(shown)}


def _cursors() -> signing.Signer:
    """Without the time: the same rows give the same answer, and so the same ETag."""
    return signing.Signer(salt=CURSOR_SALT)


def _cursor(row: Any, by: str) -> str:
    return _cursors().sign_object([getattr(row, by).isoformat(), row.code])


def _behind(rows: Any, after: str, by: str) -> Any:
    try:
        stamp, code = _cursors().unsign_object(after)
    except signing.BadSignature:
        raise BadInput(_("游标 after 不对：请原样使用上一页给出的 next_after。"), field="after") from None
    moment = datetime.fromisoformat(stamp)
    last_id = rows.model.objects.filter(code=code).values_list("pk", flat=True).first()
    if last_id is None:  # erased meanwhile: rather a row twice than a row lost
        return rows.filter(**{f"{by}__lte": moment})
    return rows.filter(Q(**{f"{by}__lt": moment}) | Q(**{by: moment, "pk__lt": last_id}))


def each(show: Callable[[Any], Any]) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda rows: [show(row) for row in rows]


def api_actor(request: HttpRequest, scope: str = "") -> Any:
    """Who asks. With a scope such as `needs:read`: a token without it sees only what a visitor sees.

    So does a token when no scope is named at all, here or by `needs_scope`: what nobody thought of is not granted.
    """
    scopes = getattr(request, "token_scopes", None)
    if scopes is not None and (scope or getattr(request, "scope_asked", "")) not in scopes:
        return request.visitor  # type: ignore[attr-defined]  # set by the frame of the API
    return request.actor  # type: ignore[attr-defined]  # set by the WhoActs middleware


class TokenNeeded(DomainError):
    """The operation is for tokens; a signed-in browser may only read."""

    status = 401
    message = _("需要访问令牌：请在请求头里写 Authorization: Bearer kq_…。")


class ScopeMissing(NotAllowed):
    """The token was not granted this scope."""

    message = _("访问令牌没有这项权限。")

    def __init__(self, scope: str) -> None:
        super().__init__(_("访问令牌没有 %(scope)s 权限，请到“我的—访问令牌”另建一个。") % {"scope": scope})
        self.scope = scope


def needs_scope(scope: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Only with a token that carries the scope, such as `needs:write`. Put it below ninja's decorator.

    The scope is also written on the function, from where the permission matrix and the API's description read it.
    """

    def wrap(operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def checked(request: HttpRequest, *given: Any, **named: Any) -> Any:
            scopes = getattr(request, "token_scopes", None)
            if scopes is None:
                raise TokenNeeded
            if scope not in scopes:
                raise ScopeMissing(scope)
            request.scope_asked = scope  # type: ignore[attr-defined]  # for api_actor
            return operation(request, *given, **named)

        # Ninja would look for the names in the annotations here, where they are not known.
        checked.__signature__ = inspect.signature(operation, eval_str=True)  # type: ignore[attr-defined]
        checked.scope = scope  # type: ignore[attr-defined]
        return checked

    return wrap
