"""Commands: months are closed, in order, by somebody of the organisation's finance."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import connection
from django.utils.translation import gettext as _

from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput
from keqiao.kernel.events import record
from keqiao.kernel.money import Money
from keqiao.ledger import selectors
from keqiao.ledger.models import Account, Book, Closing
from keqiao.ledger.services._shared import _own_book
from keqiao.ledger.services.posting import _post
from keqiao.ledger.types import AccountKind, Draft, EntryKind, Line, Purpose
from keqiao.parties.types import Actor

CHECKPOINTS = """
INSERT INTO ledger_checkpoint (account_id, organisation_id, person_id, last_on, balance, debit, credit)
SELECT account_id, organisation_id, person_id, %(last)s, sum(balance), sum(debit), sum(credit) FROM (
    SELECT account_id, organisation_id, person_id, balance, 0 AS debit, 0 AS credit
    FROM ledger_checkpoint JOIN ledger_account a ON a.id = account_id
    WHERE a.book_id = %(book)s AND last_on = %(before)s
    UNION ALL
    SELECT account_id, organisation_id, person_id, amount,
        CASE WHEN (amount > 0) <> is_red THEN amount ELSE 0 END,
        CASE WHEN (amount > 0) <> is_red THEN 0 ELSE -amount END
    FROM ledger_line JOIN ledger_account a ON a.id = account_id
    WHERE a.book_id = %(book)s AND booked_on BETWEEN %(first)s AND %(last)s
) AS moved
GROUP BY account_id, organisation_id, person_id
HAVING sum(balance) <> 0 OR sum(debit) <> 0 OR sum(credit) <> 0
"""


@command
def close_months(*, actor: Actor, book_code: str, through: date) -> list[Closing]:
    """Close every open month up to that of `through`. In December, income and expenses are carried to the surplus."""
    book = _own_book(actor, book_code)
    last_on = selectors.month_end(through)
    today = clock.today()
    if last_on >= today:
        words = {"month": f"{through:%Y-%m}"}
        raise BadInput(_("%(month)s 还没有过完，月末之后才能结账。") % words, field="month")
    month = selectors.first_open_month(book)
    if month is None:
        raise BadInput(_("账上还没有凭证，没有可以结的月份。"), field="month")
    if month > last_on:
        words = {"month": f"{through:%Y-%m}"}
        raise BadInput(_("%(month)s 已经结账，或在第一张凭证之前。") % words, field="month")
    closed = []
    while month <= last_on:
        closed.append(_close(actor, book, month))
        month = selectors.next_month(month)
    return closed


def _close(actor: Actor, book: Book, month: date) -> Closing:
    last_on = selectors.month_end(month)
    if month.month == 12:
        _carry(actor, book, last_on)
    closing = Closing.objects.create(book=book, last_on=last_on, closed_at=clock.now(), closed_by_id=actor.person_id)
    values: dict[str, int | date] = {
        "book": book.pk,
        "first": month,
        "last": last_on,
        "before": month - timedelta(days=1),
    }
    with connection.cursor() as cursor:
        cursor.execute(CHECKPOINTS, values)
    record("ledger.month_closed", closing, actor=actor, book_id=book.pk, last_on=last_on.isoformat())
    return closing


def _carry(actor: Actor, book: Book, last_on: date) -> None:
    """年末结转: what the year's income and expenses left goes to the surplus, so that the next year begins at nothing."""
    accounts = {
        row.pk: row for row in Account.objects.filter(book=book, kind__in=[AccountKind.INCOME, AccountKind.EXPENSE])
    }
    held = selectors.balances(book, before=last_on + timedelta(days=1), accounts=accounts, by_party=True)
    why = f"{last_on.year} 年末结转"  # records are kept in Chinese, whoever closes
    lines, left = [], dict[str, int]()
    for (account_id, party), balance in sorted(
        held.items(), key=lambda row: (accounts[row[0][0]].number, str(row[0][1]))
    ):
        account = accounts[account_id]
        left[account.currency] = left.get(account.currency, 0) + balance
        lines.append(
            Line(
                account.number,
                Money(-balance, account.currency),
                why,
                organisation_id=party.organisation_id,
                person_id=party.person_id,
            )
        )
    lines += [Line(Purpose.NET_ASSETS, Money(sum_, currency), why) for currency, sum_ in left.items() if sum_]
    if lines:
        draft = Draft(why=why, key=f"carry:{last_on.year}", lines=tuple(lines), booked_on=last_on)
        _post(actor, book, draft, EntryKind.CARRY)
