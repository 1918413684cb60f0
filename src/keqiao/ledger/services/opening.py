"""Commands: a book begins with the balances of the one before it."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext as _

from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput
from keqiao.kernel.money import Money
from keqiao.ledger import sheets
from keqiao.ledger.models import Entry
from keqiao.ledger.services._shared import _own_book
from keqiao.ledger.services.posting import _post
from keqiao.ledger.types import Draft, EntryKind, Line, Purpose
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

WHY = "期初余额"  # records are kept in Chinese, whoever imports


@command
def import_opening(*, actor: Actor, book_code: str, rows: list[sheets.OpeningRow], booked_on: date, key: str) -> Entry:
    """All rows or none. A book has one opening entry; to import again, reverse it first."""
    book = _own_book(actor, book_code)
    lines = []
    for row in rows:
        lines.append(
            Line(
                Purpose(row.purpose),
                Money(row.minor, row.currency),
                row.why or WHY,
                organisation_id=_party(actor, row),
                label=row.label,
                due_on=row.due_on,
            )
        )
    others = Entry.objects.filter(book=book, kind=EntryKind.OPENING, reversed_by=None).exclude(key=key)
    if others.exists():
        raise BadInput(_("期初余额已经导入过。要重新导入，请先冲销那张期初凭证。"), field="file")
    draft = Draft(why=WHY, key=key, lines=tuple(lines), booked_on=booked_on)
    return _post(actor, book, draft, EntryKind.OPENING)


def _party(actor: Actor, row: sheets.OpeningRow) -> int | None:
    if not row.party:
        return None
    found = parties.organisation_named(row.party, actor=actor)
    if found is None:
        words = {"row": row.number, "party": row.party[:40]}
        raise BadInput(
            _("第 %(row)s 行：没有编号或统一社会信用代码为“%(party)s”的单位，例如 DW-7K2M9QX4。") % words, field="party"
        )
    return found.pk
