"""The API of books: a second view over the same commands. Amounts are minor units (fen, cents); debits are positive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.http import FileResponse, HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field, StringConstraints

from keqiao.kernel import clock
from keqiao.kernel.api import (
    Code,
    IsoDate,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    each,
    file_answer,
    needs_scope,
    page_of,
    paged,
)
from keqiao.kernel.errors import BadInput
from keqiao.kernel.money import Money
from keqiao.kernel.parameters import parameter
from keqiao.ledger import exporting, forms, selectors, services
from keqiao.ledger.models import Account, Book, Closing, Entry, EntryLine
from keqiao.ledger.sheets import OpeningRow
from keqiao.ledger.types import LARGEST, LONGEST_KEY, LONGEST_WHY, MOST_LINES, AccountKind, Draft, Line, Purpose
from keqiao.parties import selectors as parties

router = Router(tags=["books"])
READ, WRITE = "books:read", "books:write"
LARGEST_NUMBER = 2**31 - 1

MonthText = Annotated[
    str, StringConstraints(pattern=r"^(199[0-9]|2[0-9]{3})-(0[1-9]|1[0-2])$"), Field(examples=["2026-03"])
]
MonthPath = Annotated[str, Path(pattern=r"^(199[0-9]|2[0-9]{3})-(0[1-9]|1[0-2])$", examples=["2026-03"])]
MonthQuery = Annotated[str, Query(pattern=r"^((199[0-9]|2[0-9]{3})-(0[1-9]|1[0-2]))?$", examples=["2026-03"])]
EntryNumber = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]
AccountPath = Annotated[str, Path(max_length=20, pattern=r"^[0-9]{4}\.[0-9]{2,}$", examples=["1002.01"])]
AccountNumber = Annotated[
    str, StringConstraints(max_length=20, pattern=r"^[0-9]{4}\.[0-9]{2,}$"), Field(examples=["1002.01"])
]
PartyCode = Annotated[str, StringConstraints(max_length=24, pattern=r"^[A-Z0-9-]*$")]
Why = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_WHY)]
Key = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_KEY),
    Field(description="Chosen by the sender: the same key posts once.", examples=["2026-03-10/17"]),
]


class BookOut(Schema):
    code: str
    organisation: str
    standard: str
    closed_through: date | None


class Books(PageOut):
    items: list[BookOut]


class AccountOut(Schema):
    number: str
    name_zh: str
    purpose: str
    kind: str
    currency: str
    is_escrow: bool
    has_party: bool = Field(description="Every line names whose claim or debt it is.")
    is_closed: bool
    balance_minor: int = Field(description="Of all that was booked; positive on the debit side.")


class Accounts(Schema):
    items: list[AccountOut]


class LineOut(Schema):
    account: str
    currency: str
    amount_minor: int = Field(description="Positive: debit. Negative: credit.")
    is_red: bool = Field(description="A correction that lowers its own side.")
    organisation: str | None = Field(description="Code of the party, when it is an organisation.")
    due_on: date | None
    why: str


class EntryOut(Schema):
    month: str
    number: int
    booked_on: date
    kind: str
    why: str
    cause: str
    posted_at: datetime
    digest: str
    line_count: int


class EntryWithLines(EntryOut):
    lines: list[LineOut] = Field(description="The first 5,000 lines: no entry has more.")


class Entries(PageOut):
    items: list[EntryOut]


class LineIn(Schema):
    account: AccountNumber
    amount_minor: Annotated[int, Field(ge=-LARGEST, le=LARGEST, description="Positive: debit. Negative: credit.")]
    why: Annotated[str, StringConstraints(max_length=LONGEST_WHY)] = Field("", description="Empty: as the entry's.")
    organisation: PartyCode = Field("", description="Code of the party.")
    due_on: IsoDate | None = None


class EntryIn(Schema):
    booked_on: IsoDate
    why: Why
    key: Key
    lines: Annotated[list[LineIn], Field(min_length=2, max_length=500)]


class ReverseIn(Schema):
    why: Why
    key: Key
    booked_on: IsoDate | None = Field(None, description="Without: today.")


class AccountIn(Schema):
    purpose: Annotated[str, StringConstraints(max_length=20)] = Field(examples=["bank"])
    currency: Annotated[str, StringConstraints(max_length=3)] = "CNY"
    label: Annotated[str, StringConstraints(max_length=60)] = ""


class CloseIn(Schema):
    through: MonthText


class ClosedOut(Schema):
    months: list[str]


class ClosingOut(Schema):
    month: str
    closed_at: datetime


class Closings(PageOut):
    items: list[ClosingOut]


class OpeningRowIn(Schema):
    purpose: Purpose = Field(examples=["bank"])
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "CNY"
    amount_minor: Annotated[int, Field(ge=-LARGEST, le=LARGEST, description="Positive: debit. Negative: credit.")]
    label: Annotated[str, StringConstraints(max_length=60)] = ""
    organisation: PartyCode = Field("", description="Code of the party, where the account is of parties.")
    due_on: IsoDate | None = None
    why: Annotated[str, StringConstraints(max_length=LONGEST_WHY)] = ""


class OpeningIn(Schema):
    booked_on: IsoDate
    key: Key
    rows: Annotated[list[OpeningRowIn], Field(min_length=2, max_length=MOST_LINES)]


class AgedOut(Schema):
    account: str
    currency: str
    organisation: str | None = Field(description="Code of the party; null for a person.")
    total_minor: int
    parts_minor: list[int] = Field(description="Not yet due, overdue up to each of `limits`, and beyond the last.")


class Ageing(PageOut):
    on: date
    limits: list[int] = Field(description="Days overdue.")
    items: list[AgedOut]


class TrialRowOut(Schema):
    account: str
    name_zh: str
    currency: str
    opening_minor: int
    debit_minor: int
    credit_minor: int
    closing_minor: int


class TrialOut(Schema):
    first: date
    last: date
    is_balanced: bool
    rows: list[TrialRowOut]


class StatementLineOut(LineOut):
    month: str
    number: int
    booked_on: date
    balance_minor: int


class StatementOut(Schema):
    opening_minor: int
    debit_minor: int
    credit_minor: int
    closing_minor: int
    brought_minor: int = Field(description="The balance before the first line of this page.")
    lines: list[StatementLineOut]
    next_after: str | None = Field(description="Pass it as `after` to read on; null at the end.")


def _books_out(books: Sequence[Book]) -> list[dict[str, Any]]:
    closed = selectors.closed_through_of(books)
    return [
        {
            "code": book.code,
            "organisation": book.organisation.code,
            "standard": book.standard,
            "closed_through": closed.get(book.pk),
        }
        for book in books
    ]


def entry_out(entry: Entry) -> dict[str, Any]:
    names = ("number", "booked_on", "kind", "why", "cause", "posted_at", "digest", "line_count")
    return {"month": f"{entry.month:%Y-%m}", **{name: getattr(entry, name) for name in names}}


def line_out(line: EntryLine, account: Account) -> dict[str, Any]:
    return {
        "account": account.number,
        "currency": account.currency,
        "amount_minor": line.amount,
        "is_red": line.is_red,
        "organisation": line.organisation.code if line.organisation else None,
        "due_on": line.due_on,
        "why": line.why,
    }


def _with_lines(entry: Entry) -> dict[str, Any]:
    return {**entry_out(entry), "lines": [line_out(row, row.account) for row in selectors.lines_of(entry)]}


MONTHS_AS_FILE = file_answer(
    "The book's months as a file: tables of Chinese accounting (XLSX), or Beancount text",
    *exporting.MEDIA_TYPES.values(),
)


def _months(book: Book, first: str, last: str) -> tuple[date, date]:
    latest = selectors.latest_month(book) or selectors.month_of(clock.today())
    end = forms.read_month(last, latest, "last")
    begin = forms.read_month(first, end.replace(month=1), "first")
    if begin > end:
        raise BadInput(field="first")
    return begin, selectors.month_end(end)


@router.get("/books", response=answers(Books), summary="Books that you keep or audit")
def list_books(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.books_visible_to(api_actor(request, READ)), page, per_page, _books_out)


class BookIn(Schema):
    organisation: PartyCode = Field(description="Code of the organisation whose finance officer you are.")


@router.post(
    "/books", response=change_answers(BookOut, 201), summary="Open the book of an organisation, or find the one it has"
)
@needs_scope(WRITE)
def open_book(request: HttpRequest, given: BookIn) -> Any:
    book = services.open_book(actor=api_actor(request), organisation_code=given.organisation)
    return Status(201, _books_out([book])[0])


@router.get("/books/{code}/accounts", response=answers(Accounts), summary="Accounts and what they hold")
def list_accounts(request: HttpRequest, code: Code) -> dict[str, Any]:
    book = selectors.get_book(code, actor=api_actor(request, READ))
    held = selectors.balances(book, before=date.max)
    return {"items": [_account_out(row, held.get(row.pk, 0)) for row in selectors.accounts_of(book)]}


def _account_out(row: Account, balance: int) -> dict[str, Any]:
    names = ("number", "name_zh", "purpose", "kind", "currency", "is_escrow", "has_party")
    return {
        **{name: getattr(row, name) for name in names},
        "is_closed": row.closed_at is not None,
        "balance_minor": balance,
    }


@router.post("/books/{code}/accounts", response=change_answers(AccountOut, 201), summary="Open an account")
@needs_scope(WRITE)
def open_account(request: HttpRequest, code: Code, given: AccountIn) -> Any:
    account = services.open_account(actor=api_actor(request), book_code=code, **given.dict())
    return Status(201, _account_out(account, 0))


@router.post(
    "/books/{code}/accounts/{number}/closing",
    response=change_answers(AccountOut, 201),
    summary="Close an account that holds nothing",
)
@needs_scope(WRITE)
def close_account(request: HttpRequest, code: Code, number: AccountPath) -> Any:
    return Status(201, _account_out(services.close_account(actor=api_actor(request), book_code=code, number=number), 0))


@router.get("/books/{code}/entries", response=answers(Entries), summary="Entries, newest first")
def list_entries(
    request: HttpRequest, code: Code, month: MonthQuery = "", page: PageNumber = 1, per_page: PerPage = 20
) -> dict[str, Any]:
    book = selectors.get_book(code, actor=api_actor(request, READ))
    rows = selectors.entries_of(book, month=forms.read_month(month) if month else None)
    return paged(rows, page, per_page, each(entry_out))


@router.get(
    "/books/{code}/entries/{month}/{number}", response=answers(EntryWithLines), summary="An entry with its lines"
)
def get_entry(request: HttpRequest, code: Code, month: MonthPath, number: EntryNumber) -> dict[str, Any]:
    book = selectors.get_book(code, actor=api_actor(request, READ))
    return _with_lines(selectors.get_entry(book, forms.read_month(month), number))


@router.post("/books/{code}/entries", response=change_answers(EntryWithLines, 201), summary="Post an entry")
@needs_scope(WRITE)
def post_entry(request: HttpRequest, code: Code, given: EntryIn) -> Any:
    """Balanced in each currency, for escrow and own money apart. The same key posts once."""
    actor = api_actor(request)
    book = selectors.get_book(code, actor=actor)
    currencies = dict(selectors.accounts_of(book).values_list("number", "currency"))
    draft = Draft(
        why=given.why,
        key=given.key,
        booked_on=given.booked_on,
        lines=tuple(
            Line(
                row.account,
                Money(row.amount_minor, currencies.get(row.account, "CNY")),
                row.why or given.why,
                organisation_id=_organisation(row.organisation, actor, number),
                due_on=row.due_on,
            )
            for number, row in enumerate(given.lines, start=1)
        ),
    )
    return Status(201, _with_lines(services.post_by_hand(actor=actor, book_code=code, draft=draft)))


def _organisation(code: str, actor: Any, number: int) -> int | None:
    if not code:
        return None
    found = parties.organisation_named(code, actor=actor)
    if found is None:
        raise BadInput(field=f"lines.{number}.organisation")
    return found.pk


@router.post(
    "/books/{code}/entries/{month}/{number}/reversal",
    response=change_answers(EntryWithLines, 201),
    summary="Take an entry back by a red one",
)
@needs_scope(WRITE)
def reverse_entry(request: HttpRequest, code: Code, month: MonthPath, number: EntryNumber, given: ReverseIn) -> Any:
    red = services.reverse_by_hand(
        actor=api_actor(request),
        book_code=code,
        month=forms.read_month(month),
        number=number,
        why=given.why,
        key=given.key,
        booked_on=given.booked_on,
    )
    return Status(201, _with_lines(red))


@router.get("/books/{code}/trial-balance", response=answers(TrialOut), summary="Trial balance of whole months")
def trial_balance(request: HttpRequest, code: Code, first: MonthQuery = "", last: MonthQuery = "") -> dict[str, Any]:
    book = selectors.get_book(code, actor=api_actor(request, READ))
    found = selectors.trial_balance(book, *_months(book, first, last))
    rows = [
        {
            "account": row.account.number,
            "name_zh": row.account.name_zh,
            "currency": row.account.currency,
            "opening_minor": row.sums.opening,
            "debit_minor": row.sums.debit,
            "credit_minor": row.sums.credit,
            "closing_minor": row.sums.closing,
        }
        for row in found.rows
    ]
    return {"first": found.first, "last": found.last, "is_balanced": found.is_balanced, "rows": rows}


@router.get("/books/{code}/accounts/{number}", response=answers(StatementOut), summary="Statement of an account")
def statement(
    request: HttpRequest,
    code: Code,
    number: AccountPath,
    first: MonthQuery = "",
    last: MonthQuery = "",
    party: Annotated[str, Query(max_length=24, pattern=r"^[A-Z0-9-]*$", description="Code of an organisation.")] = "",
    after: Annotated[str, Query(max_length=30, description="Cursor: `next_after` of the page before.")] = "",
    per_page: PerPage = 20,
) -> dict[str, Any]:
    actor = api_actor(request, READ)
    book = selectors.get_book(code, actor=actor)
    account = selectors.get_account(book, number)
    whose, _row = forms.read_party(book, party, actor)
    begin, end = _months(book, first, last)
    found = selectors.statement(account, begin, end, party=whose, after=after, most=per_page)
    return {
        "opening_minor": found.sums.opening,
        "debit_minor": found.sums.debit,
        "credit_minor": found.sums.credit,
        "closing_minor": found.sums.closing,
        "brought_minor": found.brought,
        "next_after": found.next_after,
        "lines": [
            {
                **line_out(row.line, account),
                "month": f"{row.line.entry.month:%Y-%m}",
                "number": row.line.entry.number,
                "booked_on": row.line.booked_on,
                "balance_minor": row.balance,
            }
            for row in found.lines
        ],
    }


@router.get(
    "/books/{code}/export", response=answers(None), summary="Whole months as a file", openapi_extra=MONTHS_AS_FILE
)
def export_book(
    request: HttpRequest,
    code: Code,
    as_: Annotated[Literal["xlsx", "beancount"], Query(alias="as")] = "xlsx",
    first: MonthQuery = "",
    last: MonthQuery = "",
) -> Any:
    """At most 20,000 lines at once: ask for fewer months, or let the operator run `keqiao ledger export`."""
    book = selectors.get_book(code, actor=api_actor(request, READ))
    begin, end = _months(book, first, last)
    made = exporting.as_file(book, begin, end, as_)
    name = exporting.file_name(book, begin, end, as_)
    return FileResponse(made, as_attachment=True, filename=name, content_type=exporting.MEDIA_TYPES[as_])


@router.post("/books/{code}/closings", response=change_answers(ClosedOut, 201), summary="Close months, for good")
@needs_scope(WRITE)
def close_months(request: HttpRequest, code: Code, given: CloseIn) -> Any:
    closed = services.close_months(actor=api_actor(request), book_code=code, through=forms.read_month(given.through))
    return Status(201, {"months": [f"{row.last_on:%Y-%m}" for row in closed]})


@router.get("/books/{code}/closings", response=answers(Closings), summary="Closed months, newest first")
def list_closings(request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    book = selectors.get_book(code, actor=api_actor(request, READ))
    return paged(selectors.closings_of(book), page, per_page, each(_closing_out))


def _closing_out(row: Closing) -> dict[str, Any]:
    return {"month": f"{row.last_on:%Y-%m}", "closed_at": row.closed_at}


@router.post(
    "/books/{code}/opening", response=change_answers(EntryWithLines, 201), summary="Bring in the opening balances"
)
@needs_scope(WRITE)
def import_opening(request: HttpRequest, code: Code, given: OpeningIn) -> Any:
    """All rows or none; they balance. A book has one opening entry: to bring others in, reverse it first."""
    rows = [
        OpeningRow(
            number,
            row.purpose.value,
            row.currency,
            row.amount_minor,
            label=row.label,
            party=row.organisation,
            due_on=row.due_on,
            why=row.why,
        )
        for number, row in enumerate(given.rows, start=1)
    ]
    made = services.import_opening(
        actor=api_actor(request), book_code=code, rows=rows, booked_on=given.booked_on, key=given.key
    )
    return Status(201, _with_lines(made))


@router.get("/books/{code}/ageing", response=answers(Ageing), summary="Who owes how much, and for how long")
def ageing(
    request: HttpRequest,
    code: Code,
    side: Annotated[Literal["asset", "liability"], Query(description="What is owed to the book, or by it.")] = "asset",
    page: PageNumber = 1,
    per_page: PerPage = 20,
) -> dict[str, Any]:
    book = selectors.get_book(code, actor=api_actor(request, READ))
    on = clock.today()
    limits = parameter("ledger.ageing_days", on=on)
    found = selectors.ageing(book, on=on, limits=limits, kinds=(AccountKind(side),))
    shown = found[(page - 1) * per_page : page * per_page]
    return {**page_of(_aged_out(shown), total=len(found), page=page, per_page=per_page), "on": on, "limits": limits}


def _aged_out(rows: Sequence[selectors.Aged]) -> list[dict[str, Any]]:
    names = selectors.names_of(row.party for row in rows)
    return [
        {
            "account": row.account.number,
            "currency": row.account.currency,
            "organisation": names[row.party].code if row.party.organisation_id is not None else None,
            "total_minor": row.total,
            "parts_minor": row.parts,
        }
        for row in rows
    ]
