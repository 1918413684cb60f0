"""What may be seen of books. A hidden thing looks like a missing one.

A balance is the sum of the lines: that of the last closed month's checkpoint and of what was booked since.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db.models import Case, F, Max, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from keqiao.kernel.errors import NotFound
from keqiao.kernel.models import Parameter
from keqiao.kernel.parameters import find
from keqiao.ledger.models import Account, Book, Checkpoint, Closing, Entry, EntryLine
from keqiao.ledger.types import READING_ROLES, AccountKind
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

# Turnover on each side: a red line lowers its own side instead of raising the other.
DEBIT = Q(amount__gt=0, is_red=False) | Q(amount__lt=0, is_red=True)


@dataclass(frozen=True)
class Party:
    """Whose claim or debt: an organisation, a person, or nobody's."""

    organisation_id: int | None = None
    person_id: int | None = None

    @property
    def is_somebody(self) -> bool:
        return self.organisation_id is not None or self.person_id is not None


@dataclass
class Sums:
    """Of one account over a time: minor units; balances are positive on the debit side."""

    opening: int = 0
    debit: int = 0
    credit: int = 0

    @property
    def closing(self) -> int:
        return self.opening + self.debit - self.credit

    @property
    def is_nothing(self) -> bool:
        return not (self.opening or self.debit or self.credit)


# --- books, accounts, entries -----------------------------------------------------------------------------------------


def books_visible_to(actor: Actor) -> QuerySet[Book]:
    """Those of the organisation in which one keeps or audits books, with those of organisations merged into it."""
    rows = Book.objects.select_related("organisation").order_by("id")
    if actor.is_system:
        return rows
    homes = {place for place, role in actor.posts if role in READING_ROLES}
    return rows.filter(organisation_id__in=parties.merged_into(homes)) if homes else rows.none()


def get_book(code: str, *, actor: Actor) -> Book:
    found = books_visible_to(actor).filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def book_of(organisation_id: int, *, actor: Actor) -> Book | None:
    return books_visible_to(actor).filter(organisation_id=organisation_id).first()


def accounts_of(book: Book) -> QuerySet[Account]:
    return Account.objects.filter(book=book).order_by("number")


def chart_of(book: Book, *, on: date) -> Parameter:
    """The rule by which accounts are numbered, with its source, and whether it was compared with the text."""
    return find(f"ledger.chart.{book.standard}", on=on)


def get_account(book: Book, number: str) -> Account:
    found = Account.objects.filter(book=book, number=number).first()
    if found is None:
        raise NotFound
    return found


def entries_of(book: Book, *, month: date | None = None) -> QuerySet[Entry]:
    """Newest first."""
    rows = Entry.objects.filter(book=book)
    if month is not None:
        rows = rows.filter(month=month)
    return rows.order_by("-month", "-number")


def get_entry(book: Book, month: date, number: int) -> Entry:
    rows = Entry.objects.select_related("posted_by", "reverses", "reversed_by")
    found = rows.filter(book=book, month=month, number=number).first()
    if found is None:
        raise NotFound
    return found


def lines_of(entry: Entry) -> QuerySet[EntryLine]:
    rows = EntryLine.objects.filter(entry=entry).select_related("account", "organisation", "person")
    return rows.order_by("position")


MARK = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])-([0-9]{1,9})\.([0-9]{1,9})")


def mark_of(line: EntryLine) -> str:
    """How addresses name a line: 2026-03-17.2, the second line of voucher 17 of that month."""
    return f"{line.entry}.{line.position}"


def line_by_mark(book: Book, mark: str) -> EntryLine:
    found = MARK.fullmatch(mark)
    if found is None or int(found.group(1)) == 0:
        raise NotFound
    year, month, number, position = map(int, found.groups())
    rows = EntryLine.objects.filter(
        entry__book=book, entry__month=date(year, month, 1), entry__number=number, position=position
    )
    line = rows.select_related("entry", "account", "organisation", "person").first()
    if line is None:
        raise NotFound
    return line


def entry_by_key(book: Book, key: str) -> Entry | None:
    return Entry.objects.filter(book=book, key=key).first()


# --- months -----------------------------------------------------------------------------------------------------------


def month_of(day: date) -> date:
    return day.replace(day=1)


def month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def next_month(day: date) -> date:
    return month_end(day) + timedelta(days=1)


def closed_through(book: Book) -> date | None:
    """The last day of the last closed month."""
    return Closing.objects.filter(book=book).order_by("-last_on").values_list("last_on", flat=True).first()


def closed_through_of(books: Iterable[Book]) -> dict[int, date]:
    """The same of several books at once, by their ids; without those that never closed a month."""
    rows = Closing.objects.filter(book__in=list(books)).values_list("book_id").annotate(Max("last_on"))
    return dict(rows.order_by())


def first_open_month(book: Book) -> date | None:
    """The month after the last closed one, else that of the first entry."""
    closed = closed_through(book)
    if closed is not None:
        return closed + timedelta(days=1)
    return Entry.objects.filter(book=book).order_by("month").values_list("month", flat=True).first()


def closings_of(book: Book) -> QuerySet[Closing]:
    return Closing.objects.filter(book=book).select_related("closed_by").order_by("-last_on")


def latest_month(book: Book) -> date | None:
    return Entry.objects.filter(book=book).order_by("-month").values_list("month", flat=True).first()


# --- sums -------------------------------------------------------------------------------------------------------------


def _of(rows: Any, party: Party | None) -> Any:
    """Of one party, with what was merged into it."""
    if party is None or not party.is_somebody:
        return rows
    if party.person_id is not None:
        return rows.filter(person_id=party.person_id)
    return rows.filter(organisation_id__in=parties.merged_into({party.organisation_id or 0}))


def _checkpoint_before(book: Book, day: date) -> date | None:
    rows = Closing.objects.filter(book=book, last_on__lt=day).order_by("-last_on")
    return rows.values_list("last_on", flat=True).first()


def balances(
    book: Book,
    *,
    before: date,
    accounts: Iterable[int] | None = None,
    party: Party | None = None,
    by_party: bool = False,
) -> dict[Any, int]:
    """Account id → balance of all that was booked before a day; with `by_party`: (account id, Party) → balance."""
    checkpoint = _checkpoint_before(book, before)
    wanted = Q(account__book=book) if accounts is None else Q(account_id__in=list(accounts))
    fields = ("account_id", "organisation_id", "person_id") if by_party else ("account_id",)
    found: dict[Any, int] = defaultdict(int)
    lines = _of(EntryLine.objects.filter(wanted, booked_on__lt=before), party)
    if checkpoint is not None:
        lines = lines.filter(booked_on__gt=checkpoint)
        kept = _of(Checkpoint.objects.filter(wanted, last_on=checkpoint), party)
        for row in kept.values(*fields).annotate(sum=Sum("balance")).order_by():
            found[_key(row, by_party=by_party)] += int(row["sum"])
    for row in lines.values(*fields).annotate(sum=Sum("amount")).order_by():
        found[_key(row, by_party=by_party)] += int(row["sum"])
    return {key: sum_ for key, sum_ in found.items() if sum_}


def _key(row: dict[str, Any], *, by_party: bool) -> Any:
    if not by_party:
        return row["account_id"]
    return row["account_id"], Party(row["organisation_id"], row["person_id"])


def turnovers(
    book: Book, first: date, last: date, *, accounts: Iterable[int] | None = None, party: Party | None = None
) -> dict[int, tuple[int, int]]:
    """Account id → what was booked on its debit and credit side in whole months, from `first` to `last`."""
    wanted = Q(account__book=book) if accounts is None else Q(account_id__in=list(accounts))
    closed = closed_through(book)
    found: dict[int, tuple[int, int]] = {}
    lines = _of(EntryLine.objects.filter(wanted, booked_on__gte=first, booked_on__lte=last), party)
    if closed is not None:
        lines = lines.filter(booked_on__gt=closed)
        kept = _of(Checkpoint.objects.filter(wanted, last_on__gte=first, last_on__lte=min(last, closed)), party)
        for row in kept.values("account_id").annotate(d=Sum("debit"), c=Sum("credit")).order_by():
            found[row["account_id"]] = (int(row["d"]), int(row["c"]))
    sums = lines.values("account_id").annotate(
        d=Coalesce(Sum("amount", filter=DEBIT), 0), c=Coalesce(Sum(-F("amount"), filter=~DEBIT), 0)
    )
    for row in sums.order_by():
        debit, credit = found.get(row["account_id"], (0, 0))
        found[row["account_id"]] = (debit + int(row["d"]), credit + int(row["c"]))
    return found


def sums_of(
    book: Book, first: date, last: date, *, accounts: Iterable[int] | None = None, party: Party | None = None
) -> dict[int, Sums]:
    """Opening balance and turnover of each account over whole months."""
    chosen = None if accounts is None else list(accounts)
    found: dict[int, Sums] = defaultdict(Sums)
    for account_id, opening in balances(book, before=first, accounts=chosen, party=party).items():
        found[account_id].opening = opening
    for account_id, (debit, credit) in turnovers(book, first, last, accounts=chosen, party=party).items():
        found[account_id].debit, found[account_id].credit = debit, credit
    return found


@dataclass(frozen=True)
class TrialRow:
    account: Account
    sums: Sums


@dataclass
class TrialBalance:
    """Every account that holds or moved something, by currency, and the totals that must be nothing."""

    first: date
    last: date
    rows: list[TrialRow]
    totals: dict[str, Sums] = field(default_factory=dict)

    @property
    def is_balanced(self) -> bool:
        return all(not t.opening and t.debit == t.credit for t in self.totals.values())


def trial_balance(book: Book, first: date, last: date) -> TrialBalance:
    """科目余额表 of whole months."""
    sums = sums_of(book, first, last)
    rows = [
        TrialRow(account, sums[account.pk])
        for account in accounts_of(book)
        if account.pk in sums and not sums[account.pk].is_nothing
    ]
    found = TrialBalance(first, last, rows)
    for row in rows:
        total = found.totals.setdefault(row.account.currency, Sums())
        total.opening += row.sums.opening
        total.debit += row.sums.debit
        total.credit += row.sums.credit
    return found


# --- statements -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StatementLine:
    line: EntryLine
    balance: int


@dataclass(frozen=True)
class Statement:
    """明细账 of an account (with one party): a page of lines with the balance after each."""

    account: Account
    sums: Sums  # over the whole time
    brought: int  # the balance before the first line of this page
    lines: list[StatementLine]
    next_after: str | None  # the mark of the line after which the next page begins


def statement(
    account: Account, first: date, last: date, *, party: Party | None = None, after: str = "", most: int = 50
) -> Statement:
    """A page costs the same wherever it is: it starts from the checkpoint before it."""
    book = account.book
    sums = sums_of(book, first, last, accounts=[account.pk], party=party).get(account.pk, Sums())
    rows = _of(EntryLine.objects.filter(account=account, booked_on__gte=first, booked_on__lte=last), party)
    brought = sums.opening
    if after:
        mark = line_by_mark(book, after)
        if mark.account_id != account.pk:
            raise NotFound
        same_day = EntryLine.objects.filter(account=account, booked_on=mark.booked_on, pk__lte=mark.pk)
        brought = balances(book, before=mark.booked_on, accounts=[account.pk], party=party).get(account.pk, 0)
        brought += _of(same_day, party).aggregate(sum=Sum("amount"))["sum"] or 0
        rows = rows.filter(booked_on__gte=mark.booked_on).exclude(booked_on=mark.booked_on, pk__lte=mark.pk)
    found = list(rows.select_related("entry", "organisation", "person").order_by("booked_on", "pk")[: most + 1])
    lines, balance = [], brought
    for line in found[:most]:
        balance += line.amount
        lines.append(StatementLine(line, balance))
    return Statement(account, sums, brought, lines, mark_of(found[most - 1]) if len(found) > most else None)


# --- ageing -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aged:
    """What one party owes or is owed on an account, by how long it has been due."""

    account: Account
    party: Party
    parts: tuple[int, ...]  # one more than the limits: not yet due and up to the first, …, beyond the last

    @property
    def total(self) -> int:
        return sum(self.parts)


def ageing(book: Book, *, on: date, limits: list[int], kinds: tuple[AccountKind, ...]) -> list[Aged]:
    """Balances of parties at the end of a day, by age: payments settle what is oldest first."""
    accounts = {row.pk: row for row in accounts_of(book).filter(has_party=True, kind__in=kinds)}
    held = balances(book, before=on + timedelta(days=1), accounts=accounts, by_party=True)
    owed: dict[tuple[int, Party], int] = {}
    for (account_id, party), balance in _merged(held).items():
        sign = 1 if AccountKind(accounts[account_id].kind).is_debit else -1
        if balance * sign:
            owed[account_id, party] = balance * sign
    raised = _raised(on, limits, owed, accounts)
    return [
        Aged(accounts[account_id], party, _aged(balance, raised.get((account_id, party), [0] * (len(limits) + 1))))
        for (account_id, party), balance in sorted(owed.items(), key=lambda row: (accounts[row[0][0]].number, -row[1]))
    ]


def names_of(found: Iterable[Party]) -> dict[Party, Any]:
    """The organisation or person of each party, all at once."""
    asked = list(found)
    organisations = parties.organisations_by_id({p.organisation_id for p in asked if p.organisation_id is not None})
    people = parties.people_by_id({p.person_id for p in asked if p.person_id is not None})
    return {
        p: organisations.get(p.organisation_id or 0) if p.organisation_id is not None else people.get(p.person_id or 0)
        for p in asked
    }


def held_for(account: Account, organisation_id: int | None, person_id: int | None) -> Party | None:
    """Whose part of an escrow account a line changes; the bank's is held as a whole."""
    return Party(organisation_id, person_id) if account.has_party else None


def balance_now(account: Account, party: Party | None = None) -> int:
    """Of all that was booked."""
    return balances(account.book, before=date.max, accounts=[account.pk], party=party).get(account.pk, 0)


def digest_of(book: str, booked_on: date, kind: str, why: str, cause: str, lines: list[list[Any]]) -> str:
    """What an entry says, for its event: the chain of seals then vouches for it."""
    said = json.dumps([book, booked_on.isoformat(), str(kind), why, cause, lines], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def digest_now(entry: Entry) -> str:
    """The digest of what an entry says now; ask with its book, lines and their accounts at hand."""
    rows = sorted(entry.lines.all(), key=lambda row: row.position)
    lines = [
        [
            row.account.number,
            row.amount,
            row.account.currency,
            row.organisation_id,
            row.person_id,
            row.due_on.isoformat() if row.due_on else None,
            row.is_red,
            row.why,
        ]
        for row in rows
    ]
    return digest_of(entry.book.code, entry.booked_on, entry.kind, entry.why, entry.cause, lines)


def _merged(held: dict[tuple[int, Party], int]) -> dict[tuple[int, Party], int]:
    """Organisations that have become one owe together."""
    became = parties.final_organisations({p.organisation_id for _a, p in held if p.organisation_id is not None})
    found: dict[tuple[int, Party], int] = defaultdict(int)
    for (account_id, party), balance in held.items():
        organisation_id = became.get(party.organisation_id) if party.organisation_id is not None else None
        found[account_id, Party(organisation_id, party.person_id)] += balance
    return {key: balance for key, balance in found.items() if balance}


def _raised(
    on: date, limits: list[int], owed: dict[tuple[int, Party], int], accounts: dict[int, Account]
) -> dict[tuple[int, Party], list[int]]:
    """What raised the balance of each, by age of the day it was due. The oldest part is what is left, so it is not asked."""
    oldest = on - timedelta(days=limits[-1])
    wanted = EntryLine.objects.annotate(due=Coalesce("due_on", "booked_on")).filter(
        Q(organisation__isnull=False) | Q(person__isnull=False),
        account_id__in={account_id for account_id, _party in owed},
        due__gte=oldest,
        booked_on__lte=on,
    )
    bands = [When(due__gte=on - timedelta(days=limit), then=Value(place)) for place, limit in enumerate(limits)]
    sums = (
        wanted.annotate(place=Case(*bands))
        .values("account_id", "organisation_id", "person_id", "place")
        .annotate(d=Coalesce(Sum("amount", filter=DEBIT), 0), c=Coalesce(Sum(-F("amount"), filter=~DEBIT), 0))
        .order_by()
    )
    rows = list(sums)
    became = parties.final_organisations({row["organisation_id"] for row in rows if row["organisation_id"] is not None})
    found: dict[tuple[int, Party], list[int]] = defaultdict(lambda: [0] * (len(limits) + 1))
    for row in rows:
        is_debit = AccountKind(accounts[row["account_id"]].kind).is_debit
        organisation_id = became.get(row["organisation_id"]) if row["organisation_id"] is not None else None
        key = row["account_id"], Party(organisation_id, row["person_id"])
        found[key][row["place"]] += row["d"] if is_debit else row["c"]
    return found


def _aged(balance: int, raised: list[int]) -> tuple[int, ...]:
    """The newest claims make up the balance; an overpayment (below zero) stands in the first part."""
    parts, rest = [0] * len(raised), balance
    if rest < 0:
        return (rest, *parts[1:])
    for place, sum_ in enumerate(raised):
        parts[place] = min(rest, max(sum_, 0))
        rest -= parts[place]
    parts[-1] += rest
    return tuple(parts)
