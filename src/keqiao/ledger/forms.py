"""What people type on the book's pages, as values."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http.request import QueryDict
from django.utils.translation import gettext as _

from keqiao.kernel.errors import BadInput
from keqiao.kernel.money import Money
from keqiao.ledger import selectors
from keqiao.ledger.models import Account, Book
from keqiao.ledger.selectors import Party
from keqiao.ledger.sheets import AMOUNT
from keqiao.ledger.types import Draft, Line
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

ROWS = 4
MOST_ROWS = 100
MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
FIELDS = ("account", "party", "debit", "credit", "memo")


def fresh_key() -> str:
    """Sent with a form, so that a form sent twice posts once."""
    return f"page:{secrets.token_urlsafe(12)}"


def read_month(text: str, default: date | None = None, field: str = "month") -> date:
    found = MONTH.fullmatch(text.strip())
    if found and int(found.group(1)) >= 1990:
        return date(int(found.group(1)), int(found.group(2)), 1)
    if default is not None and not text.strip():
        return default
    raise BadInput(_("“%(text)s”不是月份，例如 2026-03。") % {"text": text[:20]}, field=field)


def read_day(text: str, field: str = "booked_on") -> date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip()):
            return date.fromisoformat(text.strip())
    except ValueError:
        pass
    raise BadInput(_("“%(text)s”不是日期，例如 2026-03-10。") % {"text": text[:20]}, field=field)


def read_party(book: Book, text: str, actor: Actor) -> tuple[Party | None, Any]:
    """The party that an address names, by an organisation's code or by a line of this book; and its row."""
    if not text:
        return None, None
    if selectors.MARK.fullmatch(text):
        line = selectors.line_by_mark(book, text)
        if line.organisation or line.person:
            return Party(line.organisation_id, line.person_id), line.organisation or line.person
    organisation = parties.organisation_named(text, actor=actor)
    if organisation is None:
        raise BadInput(_("没有编号为“%(code)s”的单位，例如 DW-7K2M9QX4。") % {"code": text[:40]}, field="party")
    return Party(organisation.pk), organisation


@dataclass(frozen=True)
class Row:
    """One line of the form, as typed."""

    account: str = ""
    party: str = ""
    debit: str = ""
    credit: str = ""
    memo: str = ""

    @property
    def is_blank(self) -> bool:
        return not any((self.account, self.party, self.debit, self.credit, self.memo))


def read_rows(query: QueryDict, *, more: int = 0) -> list[Row]:
    columns = [query.getlist(name)[:MOST_ROWS] for name in FIELDS]
    count = max((len(column) for column in columns), default=0)
    rows = [
        Row(*(column[place].strip() if place < len(column) else "" for column in columns)) for place in range(count)
    ]
    return [*rows, *[Row()] * max(more, ROWS - len(rows))]


def read_draft(book: Book, query: QueryDict, actor: Actor) -> Draft:
    """An entry that somebody typed. Raises BadInput that names the line."""
    accounts = {account.number: account for account in selectors.accounts_of(book)}
    why = query.get("why", "").strip()
    typed = [(number, row) for number, row in enumerate(read_rows(query), start=1) if not row.is_blank]
    return Draft(
        why=why,
        key=query.get("key", ""),
        booked_on=read_day(query.get("booked_on", "")),
        lines=tuple(_line(number, row, accounts, actor, why) for number, row in typed),
    )


def _line(number: int, row: Row, accounts: dict[str, Account], actor: Actor, why: str) -> Line:
    account = accounts.get(row.account)
    if account is None:
        raise BadInput(_("第 %(number)s 行：请选一个科目。") % {"number": number}, field=f"lines.{number}.account")
    debit, credit = (_amount(number, text, account.currency) for text in (row.debit, row.credit))
    if bool(debit) == bool(credit):
        raise BadInput(
            _("第 %(number)s 行：借方和贷方要写一个，也只写一个，例如 1200.00。") % {"number": number},
            field=f"lines.{number}.amount",
        )
    organisation = parties.organisation_named(row.party, actor=actor) if row.party else None
    if row.party and organisation is None:
        raise BadInput(
            _("第 %(number)s 行：没有编号或统一社会信用代码为“%(party)s”的单位，例如 DW-7K2M9QX4。")
            % {"number": number, "party": row.party[:40]},
            field=f"lines.{number}.party",
        )
    return Line(
        account.number,
        Money(debit - credit, account.currency),
        row.memo or why,
        organisation_id=organisation.pk if organisation else None,
    )


def _amount(number: int, text: str, currency: str) -> int:
    if not text:
        return 0
    try:
        if AMOUNT.fullmatch(text):
            return Money.of(Decimal(text.replace(",", "")), currency).minor
    except (InvalidOperation, ValueError):
        pass
    raise BadInput(
        _("第 %(number)s 行：“%(text)s”不是金额。借方或贷方写大于 0 的数，例如 1200.00；更正用红字冲销。")
        % {"number": number, "text": text[:30]},
        field=f"lines.{number}.amount",
    )
