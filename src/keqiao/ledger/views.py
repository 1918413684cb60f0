"""Pages of books: parse, one command or selector, render."""

from __future__ import annotations

import base64
from datetime import date
from itertools import pairwise
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, DomainError, NotAllowed, NotFound
from keqiao.kernel.money import MINOR_DIGITS
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, signed_in
from keqiao.kernel.parameters import parameter
from keqiao.ledger import exporting, forms, selectors, services, sheets
from keqiao.ledger.models import Book
from keqiao.ledger.policies import can_keep_book, can_open_book
from keqiao.ledger.types import AccountKind, BadRows, Problem, Purpose

PER_PAGE = 50


def _shown(request: HttpRequest, code: str, tab: str, **more: Any) -> dict[str, Any]:
    """What every page of one book needs."""
    book = more.pop("book", None) or selectors.get_book(code, actor=actor_of(request))
    keeps = can_keep_book(actor_of(request), book)
    return {"tab": "me", "book": book, "book_tab": tab, "keeps": keeps, **more}


def _kept(request: HttpRequest, code: str, tab: str) -> dict[str, Any]:
    """What a page needs that only those who keep the book fill in."""
    shown = _shown(request, code, tab)
    if not shown["keeps"]:
        raise NotAllowed
    return shown


def _months(request: HttpRequest, book: Book) -> tuple[date, date]:
    """The first and last day that the reader chose; without a choice, the year to date."""
    latest = selectors.latest_month(book) or selectors.month_of(clock.machine_today())
    last = forms.read_month(request.GET.get("last", ""), latest, "last")
    first = forms.read_month(request.GET.get("first", ""), last.replace(month=1), "first")
    if first > last:
        raise BadInput(_("开始月份不能晚于结束月份。"), field="first")
    return first, selectors.month_end(last)


# --- books and accounts -----------------------------------------------------------------------------------------------


@page
@signed_in
def books(request: HttpRequest) -> HttpResponse:
    """The books that one keeps or audits."""
    actor = actor_of(request)
    found = list(selectors.books_visible_to(actor)[:PER_PAGE])
    can_open = actor.acting_for is not None and can_open_book(actor, actor.acting_for)
    has_one = any(book.organisation_id == actor.acting_for for book in found)
    return render(request, "ledger/books.html", {"tab": "me", "books": found, "opens": can_open and not has_one})


@require_POST
@signed_in
def open_book(request: HttpRequest) -> HttpResponse:
    place = actor_of(request).workplace
    if place is None:
        raise NotFound
    book = services.open_book(actor=actor_of(request), organisation_code=place.code)
    return redirect("book", code=book.code)


@form_page
@signed_in
def book(request: HttpRequest, code: str) -> HttpResponse:
    """The accounts and what they hold; a form for one more."""
    shown = _shown(request, code, "accounts")
    if request.method != "POST":
        return _accounts(request, shown)
    try:
        services.open_account(
            actor=actor_of(request),
            book_code=code,
            purpose=request.POST.get("purpose", ""),
            currency=request.POST.get("currency", ""),
            label=request.POST.get("label", ""),
        )
    except BadInput as problem:
        return _accounts(request, shown, problem)
    return redirect("book", code=code)


def _accounts(request: HttpRequest, shown: dict[str, Any], problem: DomainError | None = None) -> HttpResponse:
    held = selectors.balances(shown["book"], before=date.max)
    rows = [(account, held.get(account.pk, 0)) for account in selectors.accounts_of(shown["book"])]
    more = {
        "rows": rows,
        "purposes": Purpose,
        "currencies": sorted(MINOR_DIGITS),
        "closed_through": selectors.closed_through(shown["book"]),
        "chart": selectors.chart_of(shown["book"], on=clock.machine_today()),
        "form": request.POST,
        "problem": problem,
    }
    return render(request, "ledger/accounts.html", {**shown, **more}, status=problem.status if problem else 200)


@page
@signed_in
def statement(request: HttpRequest, code: str, number: str) -> HttpResponse:
    """明细账: the lines of an account, page by page, of everybody or of one party."""
    shown = _shown(request, code, "accounts")
    account = selectors.get_account(shown["book"], number)
    try:
        first, last = _months(request, shown["book"])
        party, who = forms.read_party(shown["book"], request.GET.get("party", ""), actor_of(request))
    except BadInput as problem:
        return render(request, "ledger/statement.html", {**shown, "account": account, "problem": problem}, status=422)
    after = request.GET.get("after", "")
    found = selectors.statement(account, first, last, party=party, after=after, most=PER_PAGE)
    more = {"account": account, "found": found, "first": first, "last": last, "who": who, "after": after}
    return render(request, "ledger/statement.html", {**shown, **more})


# --- entries ----------------------------------------------------------------------------------------------------------


@page
@signed_in
def entries(request: HttpRequest, code: str) -> HttpResponse:
    """The vouchers of a month, newest first."""
    shown = _shown(request, code, "entries")
    latest = selectors.latest_month(shown["book"]) or selectors.month_of(clock.machine_today())
    try:
        month = forms.read_month(request.GET.get("month", ""), latest)
    except BadInput as problem:
        return render(request, "ledger/entries.html", {**shown, "month": latest, "problem": problem}, status=422)
    rows = selectors.entries_of(shown["book"], month=month).select_related("posted_by", "reversed_by")
    found = LongList(rows, PER_PAGE).get_page(page_number(request.GET))
    return render(request, "ledger/entries.html", {**shown, "month": month, "page": found})


@form_page
@signed_in
def entry(request: HttpRequest, code: str, month: str, number: str) -> HttpResponse:
    """A voucher with its lines; a form to take it back."""
    shown = _shown(request, code, "entries")
    try:
        day = forms.read_month(month)
    except BadInput:
        raise NotFound from None
    if request.method == "POST":
        try:
            red = services.reverse_by_hand(
                actor=actor_of(request),
                book_code=code,
                month=day,
                number=int(number),
                why=request.POST.get("why", ""),
                key=request.POST.get("key", ""),
            )
        except DomainError as problem:
            if problem.status in {403, 404}:
                raise
            return _entry(request, shown, day, int(number), problem)
        return redirect("book_entry", code=code, month=f"{red.month:%Y-%m}", number=red.number)
    return _entry(request, shown, day, int(number))


def _entry(
    request: HttpRequest, shown: dict[str, Any], month: date, number: int, problem: DomainError | None = None
) -> HttpResponse:
    found = selectors.get_entry(shown["book"], month, number)
    lines = LongList(selectors.lines_of(found), PER_PAGE).get_page(page_number(request.GET))
    more = {"entry": found, "page": lines, "key": forms.fresh_key(), "problem": problem, "form": request.POST}
    return render(request, "ledger/entry.html", {**shown, **more}, status=problem.status if problem else 200)


@form_page
@signed_in
def post_entry(request: HttpRequest, code: str) -> HttpResponse:
    """Write a voucher."""
    shown = _kept(request, code, "entries")
    if request.method != "POST":
        return _post_page(request, shown)
    if "more" in request.POST:
        return _post_page(request, shown, more=forms.ROWS)
    try:
        draft = forms.read_draft(shown["book"], request.POST, actor_of(request))
        made = services.post_by_hand(actor=actor_of(request), book_code=code, draft=draft)
    except DomainError as problem:
        if problem.status in {403, 404}:
            raise
        return _post_page(request, shown, problem)
    return redirect("book_entry", code=code, month=f"{made.month:%Y-%m}", number=made.number)


def _post_page(
    request: HttpRequest, shown: dict[str, Any], problem: DomainError | None = None, *, more: int = 0
) -> HttpResponse:
    context = {
        "rows": forms.read_rows(request.POST, more=more),
        "accounts": selectors.accounts_of(shown["book"]).filter(closed_at=None),
        "form": request.POST,
        "key": request.POST.get("key") or forms.fresh_key(),
        "today": clock.machine_today(),
        "problem": problem,
    }
    return render(request, "ledger/post.html", {**shown, **context}, status=problem.status if problem else 200)


# --- what follows from the lines --------------------------------------------------------------------------------------


@page
@signed_in
def trial_balance(request: HttpRequest, code: str) -> HttpResponse:
    shown = _shown(request, code, "trial")
    try:
        first, last = _months(request, shown["book"])
    except BadInput as problem:
        return render(request, "ledger/trial_balance.html", {**shown, "problem": problem}, status=422)
    found = selectors.trial_balance(shown["book"], first, last)
    return render(request, "ledger/trial_balance.html", {**shown, "found": found, "first": first, "last": last})


@page
@signed_in
def ageing(request: HttpRequest, code: str) -> HttpResponse:
    """账龄: who owes how much, for how long; and whom the organisation owes."""
    shown = _shown(request, code, "ageing")
    today = clock.today()
    is_owed = request.GET.get("side") != "liability"
    limits = parameter("ledger.ageing_days", on=today)
    kind = AccountKind.ASSET if is_owed else AccountKind.LIABILITY
    aged = LongList(selectors.ageing(shown["book"], on=today, limits=limits, kinds=(kind,)), PER_PAGE)
    found = aged.get_page(page_number(request.GET))
    names = selectors.names_of([row.party for row in found])
    rows = [(row, names.get(row.party)) for row in found]
    more = {"rows": rows, "page": found, "is_owed": is_owed, "bands": _bands(limits), "today": today}
    return render(request, "ledger/ageing.html", {**shown, **more})


def _bands(limits: list[int]) -> list[str]:
    named = [_("未到期")]
    for low, high in pairwise(limits):
        named.append(_("逾期 %(low)s–%(high)s 天") % {"low": low + 1, "high": high})
    return [*named, _("逾期超过 %(days)s 天") % {"days": limits[-1]}]


# --- months, opening balances, exports --------------------------------------------------------------------------------


@form_page
@signed_in
def months(request: HttpRequest, code: str) -> HttpResponse:
    """Closed months, and the next one to close."""
    shown, problem = _shown(request, code, "months"), None
    if request.method == "POST":
        _kept(request, code, "months")
        try:
            through = forms.read_month(request.POST.get("month", ""))
            services.close_months(actor=actor_of(request), book_code=code, through=through)
        except BadInput as error:
            problem = error
        else:
            return redirect("book_months", code=code)
    first = selectors.first_open_month(shown["book"])
    over = first is not None and selectors.month_end(first) < clock.today()
    more = {
        "page": LongList(selectors.closings_of(shown["book"]), PER_PAGE).get_page(page_number(request.GET)),
        "next_month": first if over else None,
        "problem": problem,
    }
    return render(request, "ledger/months.html", {**shown, **more}, status=problem.status if problem else 200)


@form_page
@signed_in
def opening(request: HttpRequest, code: str) -> HttpResponse:
    """Balances of the book before this one, from a table."""
    shown = _kept(request, code, "months")
    if request.method != "POST":
        return _opening(request, shown)
    upload, content = request.FILES.get("file"), b""
    try:
        if upload is None or (upload.size or 0) > sheets.MOST_BYTES:
            raise BadInput(_("请选择一个不超过 2 MB 的 XLSX 或 CSV 文件，例如 期初余额.xlsx。"), field="file")
        content = upload.read()
        made = services.import_opening(
            actor=actor_of(request),
            book_code=code,
            rows=sheets.read_opening(content),
            booked_on=forms.read_day(request.POST.get("booked_on", "")),
            key=request.POST.get("key", ""),
        )
    except BadRows as problem:
        return _opening(request, shown, problem, wrong=problem.problems, report=_report(content, problem.problems))
    except DomainError as problem:
        if problem.status in {403, 404}:
            raise
        return _opening(request, shown, problem)
    return redirect("book_entry", code=code, month=f"{made.month:%Y-%m}", number=made.number)


def _report(content: bytes, problems: list[Problem]) -> dict[str, str]:
    """The sent file with what is wrong, inside the page itself: nothing of it is kept."""
    made, media = sheets.with_errors(content, problems)
    extension = "xlsx" if media == sheets.XLSX_TYPE else "csv"
    href = f"data:{media.split(';', maxsplit=1)[0]};base64,{base64.b64encode(made).decode()}"
    return {"href": href, "name": f"opening-errors.{extension}"}


def _opening(
    request: HttpRequest, shown: dict[str, Any], problem: DomainError | None = None, **found: Any
) -> HttpResponse:
    more = {
        **found,
        "columns": sheets.COLUMNS.values(),
        "purposes": Purpose,
        "key": request.POST.get("key") or forms.fresh_key(),
        "form": request.POST,
        "problem": problem,
    }
    return render(request, "ledger/opening.html", {**shown, **more}, status=problem.status if problem else 200)


@page
@signed_in
def opening_template(request: HttpRequest, code: str) -> HttpResponse:
    book = selectors.get_book(code, actor=actor_of(request))
    answer = HttpResponse(sheets.template(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{book.code}-opening.csv"'
    return answer


@page
@signed_in
def opening_workbook(request: HttpRequest, code: str) -> HttpResponse:
    book = selectors.get_book(code, actor=actor_of(request))
    answer = HttpResponse(sheets.template_workbook(), content_type=sheets.XLSX_TYPE)
    answer["Content-Disposition"] = f'attachment; filename="{book.code}-opening.xlsx"'
    return answer


@page
@signed_in
def export(request: HttpRequest, code: str, extension: str) -> HttpResponseBase:
    """The months that the reader chose, as a file."""
    book = selectors.get_book(code, actor=actor_of(request))
    first, last = _months(request, book)
    made = exporting.as_file(book, first, last, extension)
    return FileResponse(made, as_attachment=True, filename=exporting.file_name(book, first, last, extension))
