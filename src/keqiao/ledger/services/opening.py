"""Commands: a book begins with the balances of the one before it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from django.utils.translation import gettext as _

from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput
from keqiao.kernel.money import Money
from keqiao.ledger import sheets
from keqiao.ledger.models import Entry
from keqiao.ledger.services._shared import _known_currency, _own_book
from keqiao.ledger.services.posting import _post
from keqiao.ledger.types import OF_PARTIES, BadRows, Draft, EntryKind, Line, Problem, Purpose
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

WHY = "期初余额"  # records are kept in Chinese, whoever imports


@command
def import_opening(*, actor: Actor, book_code: str, rows: list[sheets.OpeningRow], booked_on: date, key: str) -> Entry:
    """All rows or none. A book has one opening entry; to import again, reverse it first."""
    book = _own_book(actor, book_code)
    for currency in {row.currency for row in rows}:
        _known_currency(currency)
    named = _parties(actor, rows)
    lines = [
        Line(
            Purpose(row.purpose),
            Money(row.minor, row.currency),
            row.why or WHY,
            organisation_id=named.get(row.party),
            label=row.label,
            due_on=row.due_on,
        )
        for row in rows
    ]
    others = Entry.objects.filter(book=book, kind=EntryKind.OPENING, reversed_by=None).exclude(key=key)
    if others.exists():
        raise BadInput(_("期初余额已经导入过。要重新导入，请先冲销那张期初凭证。"), field="file")
    draft = Draft(why=WHY, key=key, lines=tuple(lines), booked_on=booked_on)
    return _post(actor, book, draft, EntryKind.OPENING)


def _parties(actor: Actor, rows: list[sheets.OpeningRow]) -> dict[str, int]:
    """Whom the rows name, by what is written. Rows that name nobody, or that must and do not, are all said at once."""
    found = parties.organisations_named({row.party for row in rows if row.party}, actor=actor)
    problems = [Problem(row.number, "party", text) for row in rows if (text := _party_problem(row, found))]
    if problems:
        raise BadRows(problems)
    return {text: organisation.pk for text, organisation in found.items()}


def _party_problem(row: sheets.OpeningRow, found: Collection[str]) -> str:
    if row.party and row.party not in found:
        words = {"row": row.number, "party": row.party[:40]}
        return _("第 %(row)s 行：没有编号或统一社会信用代码为“%(party)s”的单位，例如 DW-7K2M9QX4。") % words
    if not row.party and row.purpose in OF_PARTIES:
        words = {"number": row.number, "account": Purpose(row.purpose).label}
        return _("第 %(number)s 行：科目 %(account)s 要写往来对方，例如单位编号 DW-7K2M9QX4。") % words
    return ""
