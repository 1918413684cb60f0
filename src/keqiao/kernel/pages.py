"""What every context's views share: who acts, pages that are read, forms that are sent, the page of a list."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.http.request import QueryDict
from django.shortcuts import redirect
from django.utils import translation
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.http import require_http_methods, require_safe

from keqiao.kernel import site
from keqiao.kernel.picking import are_picked, is_any_of

View = Callable[..., HttpResponseBase]
YEAR = 365 * 24 * 3600
LANGUAGES = {"zh": "zh-hans", "zh-hans": "zh-hans", "en": "en"}
LANGUAGE_COOKIE = "keqiao_language"
LAST_PAGE = 10_000
PER_PAGE = 20
MOST_COUNTED = 10_000  # rows of a list; nobody turns five hundred pages


def actor_of(request: HttpRequest) -> Any:
    return request.actor  # type: ignore[attr-defined]  # set by the WhoActs middleware


def page(view: View) -> View:
    """A page that is read. `?lang=en` shows it in that language, and the reader stays in it."""
    return require_safe(_in_asked_language(view))


def form_page(view: View) -> View:
    """A page with a form: read with GET, sent with POST."""
    return require_http_methods(["GET", "HEAD", "POST"])(_in_asked_language(view))


def signed_in(view: View) -> View:
    """Only for people with an account; others are led to sign-in and back. Put it below `page` or `form_page`."""

    @wraps(view)
    def shown(request: HttpRequest, *given: Any, **named: Any) -> HttpResponseBase:
        if not actor_of(request).is_known:
            return redirect(f"/sign-in?{urlencode({'next': request.get_full_path()})}")
        return view(request, *given, **named)

    return shown


def _in_asked_language(view: View) -> View:
    @wraps(view)
    def shown(request: HttpRequest, *given: Any, **named: Any) -> HttpResponseBase:
        language = LANGUAGES.get(request.GET.get("lang", ""), "")
        language = language if language in site.languages() else ""
        if language:
            translation.activate(language)
            request.LANGUAGE_CODE = language  # as LocaleMiddleware does
        response = view(request, *given, **named)
        if language:
            remember(request, response, LANGUAGE_COOKIE, language)
        return response

    return shown


def remember(request: HttpRequest, response: HttpResponseBase, name: str, value: str) -> None:
    """A preference of this browser, kept for a year."""
    response.set_cookie(name, value, YEAR, samesite="Lax", secure=request.is_secure())


def page_number(query: QueryDict, name: str = "page") -> int:
    text = query.get(name, "1")
    return min(max(int(text), 1), LAST_PAGE) if text.isascii() and text.isdigit() and len(text) < 9 else 1


class AtLeast(int):
    """A count that stopped: there are so many, and more. It is written with a plus sign."""

    def __str__(self) -> str:
        return f"{int(self):,}+"

    def __add__(self, other: int) -> AtLeast:
        return AtLeast(int(self) + int(other))

    __radd__ = __add__


def counted(rows: Any) -> int:
    """How many rows, up to MOST_COUNTED of them."""
    if not isinstance(rows, QuerySet):
        return len(rows)
    if rows.query.is_sliced or rows.query.distinct_fields:
        return rows.count()
    found = rows.order_by()[: MOST_COUNTED + 1].count()
    return AtLeast(MOST_COUNTED) if found > MOST_COUNTED else found


def cut(rows: Any, first: int, last: int) -> Any:
    """A part of a list. The database picks its rows by their order alone and joins what is shown of them afterwards:
    asked in one breath it may join everything before it sorts, and a million rows are joined for twenty.
    """
    if not isinstance(rows, QuerySet) or not rows.query.select_related or rows.query.is_sliced or rows.query.distinct:
        return rows[first:last]
    return _those(rows, is_any_of(rows.values("pk")[first:last]))


def counted_and_cut(rows: Any, first: int, last: int) -> tuple[int, Any]:
    """`counted`, and `cut`. Which rows are picked by their keys is worked out once for both."""
    if not isinstance(rows, QuerySet) or rows.query.is_sliced or last > MOST_COUNTED or not are_picked(rows):
        return counted(rows), cut(rows, first, last)
    keys = list(rows.values_list("pk", flat=True)[: MOST_COUNTED + 1])
    total = AtLeast(MOST_COUNTED) if len(keys) > MOST_COUNTED else len(keys)
    return total, _those(rows, Q(pk__in=keys[first:last]))


def _those(rows: Any, condition: Any) -> Any:
    """The same, of these keys alone."""
    those = rows.all()
    if not any(
        getattr(getattr(table, "join_field", None), "multiple", False) for table in rows.query.alias_map.values()
    ):
        those.query.clear_where()  # what was asked of the rows is answered
    return those.filter(condition)


class LongList(Paginator):
    """Pages of a list that may be very long: it is counted up to MOST_COUNTED rows, so that a page takes as long however
    many there are. What lies behind is found by searching and by filters.
    """

    @cached_property
    def count(self) -> int:
        return counted(self.object_list)

    def get_page(self, number: float | str | None) -> Page[Any]:
        """Counts and cuts together: the page that is asked for is nearly always there."""
        if not isinstance(number, int) or number < 1:
            return super().get_page(number)
        first = (number - 1) * self.per_page
        self.count, rows = counted_and_cut(self.object_list, first, first + self.per_page)
        return Page(rows, number, self) if first == 0 or 0 < first < self.count else super().get_page(number)

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        return Page(cut(self.object_list, first, first + self.per_page), number, self)

    @cached_property
    def num_pages(self) -> int:
        pages = super().num_pages
        return AtLeast(pages) if isinstance(self.count, AtLeast) else pages


def page_of(rows: Any, number: int, per_page: int = PER_PAGE) -> tuple[Page[Any], dict[str, Any]]:
    """One page of a list, and what `_pager.html` wants to know of it."""
    found = LongList(rows, per_page).get_page(number)
    near = found.paginator.get_elided_page_range(found.number, on_each_side=2, on_ends=1)
    return found, {
        "total": found.paginator.count,
        "page": found.number,
        "page_count": found.paginator.num_pages,
        "first": found.start_index(),
        "last": found.end_index(),
        "pages": [number if isinstance(number, int) else None for number in near],
    }


def shown_page(
    rows: Any, request: HttpRequest, per_page: int = PER_PAGE, name: str = "page"
) -> tuple[Page[Any], dict[str, Any]]:
    """The page that the address asks for by `name`."""
    return page_of(rows, page_number(request.GET, name), per_page)


def safe_next(request: HttpRequest, target: str) -> str:
    """Only addresses of this site, written as a path."""
    ok = target.startswith("/") and url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    return target if ok else "/"


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
