"""Commands: entries are posted and reversed. The book is locked first; then the key, the month and the accounts are read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.money import Money
from keqiao.ledger import selectors
from keqiao.ledger.models import Account, Book, Entry
from keqiao.ledger.policies import can_keep_book
from keqiao.ledger.services._shared import _first_book_of, _known_currency, _lock, _make_account, _own_book
from keqiao.ledger.types import (
    LARGEST,
    LONGEST_KEY,
    LONGEST_WHY,
    MOST_LINES,
    AccountClosed,
    AlreadyReversed,
    Draft,
    EntryKind,
    HeldTooLittle,
    KeyUsed,
    Line,
    MonthClosed,
    Purpose,
    Unbalanced,
)
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

EARLIEST = date(1990, 1, 1)


@command
def post(*, actor: Actor, organisation_id: int, draft: Draft) -> Entry:
    """Post an entry in the organisation's book, which opens with its first. The same key posts once.

    For commands of other contexts, which have asked whether the actor may: no page and no address leads here. Who posts
    in several books in one transaction takes them in the order of their organisations' ids.
    """
    _check_words(draft)
    taken = _take(draft, organisation_id=organisation_id)
    if taken is None:
        taken = _again(draft, _first_book_of(actor, organisation_id))
    return _post_taken(actor, taken, draft)


@command
def post_by_hand(*, actor: Actor, book_code: str, draft: Draft) -> Entry:
    """Post an entry that somebody of the organisation's finance wrote."""
    return _post(actor, _own_book(actor, book_code), draft)


@command
def reverse(*, actor: Actor, entry_id: int, why: str, key: str, booked_on: date | None = None) -> Entry:
    """Take an entry back by a red one of the same lines. For commands of other contexts, as `post`."""
    entry = Entry.objects.get(pk=entry_id)
    return _reverse(actor, _lock(entry.book_id), entry, why=why, key=key, booked_on=booked_on)


@command
def reverse_by_hand(
    *, actor: Actor, book_code: str, month: date, number: int, why: str, key: str, booked_on: date | None = None
) -> Entry:
    """Take an entry back, as somebody of the organisation's finance. What came from elsewhere is taken back there."""
    book = selectors.get_book(book_code, actor=actor)
    entry = selectors.get_entry(book, month, number)
    if not can_keep_book(actor, book):
        raise NotAllowed
    if entry.cause:
        words = {"cause": entry.cause}
        raise NotAllowed(_("这张凭证由业务 %(cause)s 自动生成：请在那项业务里更正，账随之冲销。") % words)
    return _reverse(actor, _lock(book.pk), entry, why=why, key=key, booked_on=booked_on)


# --- what both do -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Taken:
    """A book that was locked, and what stood in it then: postings into one book wait for each other."""

    book: Book
    now: datetime
    today: date
    day: date  # of the entry
    closed_through: date | None
    last_number: int  # of the day's month
    before: Entry | None  # what the same key posted
    accounts: list[Account]  # that the lines name


def _take(draft: Draft, *, book: Book | None = None, organisation_id: int | None = None) -> _Taken | None:
    """Lock the book and read it, all in one question (migration 0003). None: the organisation has no book of its own.

    Without a day: today's, or that of what the key posted before.
    """
    names = [name for name in {str(line.account) for line in draft.lines} if "\0" not in name]
    values: list[Any] = [book and book.pk, organisation_id, draft.key, draft.booked_on, str(clock.site_zone()), names]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM ledger_take(%s, %s, %s, %s, %s, %s::text[])", values)
        row = cursor.fetchone()
    if row is None:
        return None
    pk, code, owner_id, standard, opened_at, now, today, closed_through, last_number, before_id, accounts = row
    before = Entry.objects.get(pk=before_id) if before_id is not None else None
    return _Taken(
        book or Book(pk, code, owner_id, standard, opened_at),
        now,
        today,
        draft.booked_on or (before.booked_on if before is not None else today),
        closed_through,
        last_number or 0,
        before,
        [Account(**account) for account in json.loads(accounts)],
    )


def _again(draft: Draft, book: Book) -> _Taken:
    taken = _take(draft, book=book)
    if taken is None:
        raise NotFound
    return taken


@dataclass(frozen=True)
class _Ready:
    """A line with its account."""

    account: Account
    line: Line
    is_red: bool = False


def _post(actor: Actor, book: Book, draft: Draft, kind: EntryKind = EntryKind.ORDINARY) -> Entry:
    """In a book that was asked for already."""
    _check_words(draft)
    return _post_taken(actor, _again(draft, book), draft, kind)


def _post_taken(actor: Actor, taken: _Taken, draft: Draft, kind: EntryKind = EntryKind.ORDINARY) -> Entry:
    booked_on = _check_day(taken)
    _check_lines(draft.lines)
    ready = _with_accounts(taken, draft.lines)
    digest = _digest(taken.book, booked_on, draft, kind, ready)
    if taken.before is not None:
        return _same(taken.before, digest)
    _check_open(ready)
    _check_balance(ready)
    _check_escrow(ready)
    return _write(actor, taken, draft, kind, ready, digest)


def _reverse(actor: Actor, book: Book, entry: Entry, *, why: str, key: str, booked_on: date | None) -> Entry:
    """The book is locked."""
    draft = Draft(why=why, key=key, booked_on=booked_on, cause=entry.cause)
    _check_words(draft)
    taken = _again(draft, book)
    day = _check_day(taken)
    ready = [
        _Ready(
            row.account,
            Line(
                row.account.number,
                Money(-row.amount, row.account.currency),
                draft.why,
                organisation_id=row.organisation_id,
                person_id=row.person_id,
                due_on=row.due_on,
            ),
            is_red=True,
        )
        for row in selectors.lines_of(entry)
    ]
    digest = _digest(book, day, draft, EntryKind.REVERSAL, ready)
    if taken.before is not None:
        return _same(taken.before, digest)
    if entry.kind in {EntryKind.REVERSAL, EntryKind.CARRY}:
        raise BadInput(_("红字凭证和年末结转凭证不能再冲销：请另记一张凭证。"), field="entry")
    if Entry.objects.filter(reverses=entry).exists():
        raise AlreadyReversed
    if day < entry.booked_on:
        words = {"date": entry.booked_on.isoformat()}
        raise BadInput(_("冲销日期不能早于原凭证日期 %(date)s。") % words, field="booked_on")
    _check_escrow(ready)
    return _write(actor, taken, draft, EntryKind.REVERSAL, ready, digest, reverses=entry)


# Entry and lines in one statement, at whose end the trigger looks at the lines together.
WRITE = """
WITH entry AS (
    INSERT INTO ledger_entry (book_id, month, number, booked_on, kind, why, cause, key, digest, line_count, reverses_id,
        posted_at, posted_by_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id, booked_on),
lines AS (
    INSERT INTO ledger_line (entry_id, booked_on, position, account_id, organisation_id, person_id, due_on, amount, is_red,
        why)
    SELECT entry.id, entry.booked_on, l.* FROM entry, json_to_recordset(%s) AS l (position int, account_id bigint,
        organisation_id bigint, person_id bigint, due_on date, amount bigint, is_red bool, why text))
SELECT id FROM entry
"""


def _write(
    actor: Actor,
    taken: _Taken,
    draft: Draft,
    kind: EntryKind,
    ready: Sequence[_Ready],
    digest: str,
    reverses: Entry | None = None,
) -> Entry:
    _check_month(taken)
    entry = Entry(
        book=taken.book,
        month=selectors.month_of(taken.day),
        number=taken.last_number + 1,
        booked_on=taken.day,
        kind=kind,
        why=draft.why,
        cause=draft.cause,
        key=draft.key,
        digest=digest,
        line_count=len(ready),
        reverses=reverses,
        posted_at=taken.now,
        posted_by_id=actor.person_id,
    )
    entry.pk = _insert(entry, ready)
    facts: dict[str, Any] = {"reverses_id": reverses.pk} if reverses else {}
    record("ledger.entry_posted", entry, actor=actor, at=taken.now, book_id=taken.book.pk, digest=digest, **facts)
    return entry


def _insert(entry: Entry, ready: Sequence[_Ready]) -> int:
    lines = [
        {
            "position": position,
            "account_id": row.account.pk,
            "organisation_id": row.line.organisation_id,
            "person_id": row.line.person_id,
            "due_on": row.line.due_on,
            "amount": row.line.amount.minor,
            "is_red": row.is_red,
            "why": row.line.why,
        }
        for position, row in enumerate(ready, start=1)
    ]
    values: list[Any] = [
        entry.book_id,
        entry.month,
        entry.number,
        entry.booked_on,
        str(entry.kind),
        entry.why,
        entry.cause,
        entry.key,
        entry.digest,
        entry.line_count,
        entry.reverses_id,
        entry.posted_at,
        entry.posted_by_id,
        json.dumps(lines, ensure_ascii=False, default=date.isoformat),
    ]
    with connection.cursor() as cursor:
        cursor.execute(WRITE, values)
        return int(cursor.fetchone()[0])


# --- checks, each with a message for people ---------------------------------------------------------------------------


def _check_words(draft: Draft) -> None:
    for field, text, most in (
        ("why", draft.why, LONGEST_WHY),
        ("key", draft.key, LONGEST_KEY),
        ("cause", draft.cause, 80),
    ):
        if field != "cause" and not text.strip():
            raise BadInput(_("请填写，例如“收到 A 公司技术转让费首付款”。"), field=field)
        if len(text) > most:
            raise BadInput(_("太长：最多 %(most)s 个字。") % {"most": most}, field=field)
        if "\0" in text:
            raise BadInput(_("不能含有空字符。"), field=field)


def _check_lines(lines: Sequence[Line]) -> None:
    if not 2 <= len(lines) <= MOST_LINES:
        words = {"count": len(lines), "most": MOST_LINES}
        raise BadInput(_("一张凭证有 2 到 %(most)s 行分录，这里是 %(count)s 行。") % words, field="lines")
    for number, line in enumerate(lines, start=1):
        where = f"lines.{number}"
        if not 0 < abs(line.amount.minor) <= LARGEST:
            most = Money(LARGEST, line.amount.currency).major
            raise BadInput(
                _("第 %(number)s 行：金额不能是 0，也不能超过 %(most)s，例如 1200.00。")
                % {"number": number, "most": f"{most:,}"},
                field=f"{where}.amount",
            )
        if not line.why.strip() or len(line.why) > LONGEST_WHY or "\0" in line.why:
            words = {"number": number, "most": LONGEST_WHY}
            raise BadInput(_("第 %(number)s 行：请写摘要，最多 %(most)s 个字。") % words, field=f"{where}.why")
        if line.organisation_id is not None and line.person_id is not None:
            raise BadInput(
                _("第 %(number)s 行：往来对方是一家单位或一个人，不能都写。") % {"number": number}, field=where
            )


def _with_accounts(taken: _Taken, lines: Sequence[Line]) -> list[_Ready]:
    """Accounts that a purpose names are opened when they are missing; a number must be there."""
    by_number = {account.number: account for account in taken.accounts}
    by_purpose = {(account.purpose, account.currency, account.label): account for account in taken.accounts}
    ready = []
    for number, line in enumerate(lines, start=1):
        currency = line.amount.currency
        if isinstance(line.account, Purpose):
            key = (line.account.value, currency, line.label)
            if key not in by_purpose:
                opened = _known_currency(currency)
                by_purpose[key] = _make_account(taken.book, line.account, opened, line.label, on=taken.day)
            account = by_purpose[key]
        else:
            account = _numbered(by_number, line, number)
        _check_account(account, line, number)
        ready.append(_Ready(account, line))
    _check_parties(lines)
    return ready


def _numbered(by_number: dict[str, Account], line: Line, number: int) -> Account:
    field = f"lines.{number}.account"
    if line.account not in by_number:
        words = {"number": number, "account": str(line.account)[:20], "example": next(iter(by_number), "1002.01")}
        raise BadInput(_("第 %(number)s 行：没有编号为“%(account)s”的科目，例如 %(example)s。") % words, field=field)
    account = by_number[line.account]
    if account.currency != line.amount.currency:
        words = {"number": number, "account": str(account), "currency": account.currency}
        raise BadInput(_("第 %(number)s 行：科目 %(account)s 的币种是 %(currency)s。") % words, field=field)
    return account


def _check_account(account: Account, line: Line, number: int) -> None:
    if account.has_party and line.organisation_id is None and line.person_id is None:
        words = {"number": number, "account": str(account)}
        raise BadInput(
            _("第 %(number)s 行：科目 %(account)s 要写往来对方，例如单位编号 DW-7K2M9QX4。") % words,
            field=f"lines.{number}.party",
        )


def _check_open(ready: Sequence[_Ready]) -> None:
    for number, row in enumerate(ready, start=1):
        if row.account.closed_at is not None:
            words = {"number": number, "account": str(row.account)}
            raise AccountClosed(
                _("第 %(number)s 行：科目 %(account)s 已经停用，不能再记账。") % words, field=f"lines.{number}.account"
            )


def _check_parties(lines: Sequence[Line]) -> None:
    organisations = {line.organisation_id for line in lines if line.organisation_id is not None}
    people = {line.person_id for line in lines if line.person_id is not None}
    missing_organisations = organisations - set(parties.codes_by_id(organisations)) if organisations else set()
    missing_people = people - set(parties.people_by_id(people)) if people else set()
    if missing_organisations or missing_people:
        raise BadInput(_("没有这个往来对方。请写平台上的单位编号，例如 DW-7K2M9QX4。"), field="party")


def _check_balance(ready: Sequence[_Ready]) -> None:
    """Zero in each currency, for escrow and own money apart."""
    sums: dict[tuple[str, bool], int] = defaultdict(int)
    for row in ready:
        sums[row.account.currency, row.account.is_escrow] += row.line.amount.minor
    for (currency, is_escrow), sum_ in sums.items():
        if sum_:
            side = _("代管资金") if is_escrow else _("自有资金")
            words = {"side": side, "currency": currency, "amount": f"{Money(sum_, currency).major:,}"}
            raise Unbalanced(
                _("%(side)s %(currency)s 借贷不平，相差 %(amount)s。每个币种、自有与代管资金分别借贷相等。") % words,
                field="lines",
            )


def _check_escrow(ready: Sequence[_Ready]) -> None:
    """Nobody's escrow falls below zero. The book is locked, so nobody else pays out meanwhile."""
    changed: dict[tuple[int, selectors.Party | None], int] = defaultdict(int)
    accounts = {row.account.pk: row.account for row in ready if row.account.is_escrow}
    if not accounts:
        return
    for row in ready:
        if row.account.is_escrow:
            changed[row.account.pk, selectors.held_for(row.account, row.line.organisation_id, row.line.person_id)] += (
                row.line.amount.minor
            )
    for (account_id, party), change in changed.items():
        account = accounts[account_id]
        is_payout = change > 0 if account.purpose == Purpose.HELD else change < 0
        if is_payout and _would_owe(account, selectors.balance_now(account, party), change):
            raise HeldTooLittle(field="lines")


def _would_owe(account: Account, balance: int, change: int) -> bool:
    after = balance + change
    return after > 0 if account.purpose == Purpose.HELD else after < 0


def _check_day(taken: _Taken) -> date:
    if not EARLIEST <= taken.day <= taken.today:
        words = {"first": EARLIEST.isoformat(), "last": taken.today.isoformat()}
        raise BadInput(_("凭证日期应在 %(first)s 与今天 %(last)s 之间。") % words, field="booked_on")
    return taken.day


def _check_month(taken: _Taken) -> None:
    if taken.closed_through is not None and taken.day <= taken.closed_through:
        words = {"date": taken.closed_through.isoformat()}
        raise MonthClosed(_("账已结到 %(date)s，不能再记这一天。请把凭证日期写在之后。") % words, field="booked_on")


def _same(before: Entry, digest: str) -> Entry:
    if before.digest != digest:
        raise KeyUsed(field="key")
    return before


def _digest(book: Book, booked_on: date, draft: Draft, kind: EntryKind, ready: Sequence[_Ready]) -> str:
    return selectors.digest_of(
        book.code,
        booked_on,
        kind,
        draft.why,
        draft.cause,
        [
            [
                row.account.number,
                row.line.amount.minor,
                row.account.currency,
                row.line.organisation_id,
                row.line.person_id,
                row.line.due_on.isoformat() if row.line.due_on else None,
                row.is_red,
                row.line.why,
            ]
            for row in ready
        ],
    )
