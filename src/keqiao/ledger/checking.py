"""Is every book in order? Everything is added up again from the lines alone; nothing is believed that was kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from keqiao.kernel.models import Event
from keqiao.ledger import selectors
from keqiao.ledger.models import Entry


@dataclass(frozen=True)
class Finding:
    """Something that does not hold: where, and what."""

    where: str
    what: str


# What must not be found, each with the words for it. A row's first column says where.
QUERIES = {
    "the entry does not balance": """
        SELECT b.code || ' ' || to_char(e.month, 'YYYY-MM') || '-' || e.number
        FROM ledger_entry e JOIN ledger_book b ON b.id = e.book_id
        JOIN ledger_line l ON l.entry_id = e.id JOIN ledger_account a ON a.id = l.account_id
        GROUP BY b.code, e.id, a.currency, a.is_escrow HAVING sum(l.amount) <> 0""",
    "the entry has another number of lines than it says": """
        SELECT b.code || ' ' || to_char(e.month, 'YYYY-MM') || '-' || e.number
        FROM ledger_entry e JOIN ledger_book b ON b.id = e.book_id LEFT JOIN ledger_line l ON l.entry_id = e.id
        GROUP BY b.code, e.id HAVING count(l.id) <> e.line_count""",
    "a line does not fit its entry or account": """
        SELECT b.code || ' ' || to_char(e.month, 'YYYY-MM') || '-' || e.number
        FROM ledger_line l JOIN ledger_entry e ON e.id = l.entry_id JOIN ledger_book b ON b.id = e.book_id
        JOIN ledger_account a ON a.id = l.account_id
        WHERE a.book_id <> e.book_id OR l.booked_on <> e.booked_on OR l.position > e.line_count
        OR (a.has_party AND l.organisation_id IS NULL AND l.person_id IS NULL)""",
    "the book is not at zero": """
        SELECT b.code || ' ' || a.currency || CASE WHEN a.is_escrow THEN ' escrow' ELSE '' END
        FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id JOIN ledger_book b ON b.id = a.book_id
        GROUP BY b.code, a.currency, a.is_escrow HAVING sum(l.amount) <> 0""",
    "numbers in the month have gaps": """
        SELECT b.code || ' ' || to_char(e.month, 'YYYY-MM') FROM ledger_entry e JOIN ledger_book b ON b.id = e.book_id
        GROUP BY b.code, e.month HAVING max(e.number) <> count(*) OR min(e.number) <> 1""",
    "an entry came after its month was closed": """
        SELECT b.code || ' ' || to_char(e.month, 'YYYY-MM') || '-' || e.number
        FROM ledger_entry e JOIN ledger_book b ON b.id = e.book_id JOIN ledger_closing c ON c.book_id = b.id
        WHERE date_trunc('month', c.last_on)::date = e.month AND e.posted_at > c.closed_at""",
    "a month was left out of the closings": """
        SELECT b.code || ' ' || to_char(c.last_on, 'YYYY-MM') FROM (
            SELECT book_id, last_on, lag(last_on) OVER (PARTITION BY book_id ORDER BY last_on) AS before
            FROM ledger_closing) c JOIN ledger_book b ON b.id = c.book_id
        WHERE c.before IS NOT NULL AND c.before + 1 <> date_trunc('month', c.last_on)::date""",
    "the checkpoint is not the sum of the lines": """
        WITH moved AS (
            SELECT a.book_id, l.account_id, l.organisation_id, l.person_id,
                (date_trunc('month', l.booked_on) + interval '1 month - 1 day')::date AS last_on, sum(l.amount) AS amount,
                sum(l.amount) FILTER (WHERE (l.amount > 0) <> l.is_red) AS debit,
                -sum(l.amount) FILTER (WHERE (l.amount > 0) = l.is_red) AS credit
            FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id GROUP BY 1, 2, 3, 4, 5),
        held AS (
            SELECT DISTINCT book_id, account_id, organisation_id, person_id FROM moved),
        expected AS (
            SELECT h.account_id, h.organisation_id, h.person_id, c.last_on,
                sum(sum(coalesce(m.amount, 0))) OVER (
                    PARTITION BY h.account_id, h.organisation_id, h.person_id ORDER BY c.last_on)
                    AS balance,
                coalesce(sum(m.debit), 0) AS debit, coalesce(sum(m.credit), 0) AS credit
            FROM held h JOIN ledger_closing c ON c.book_id = h.book_id LEFT JOIN moved m ON m.account_id = h.account_id
                AND m.last_on = c.last_on AND m.organisation_id IS NOT DISTINCT FROM h.organisation_id
                AND m.person_id IS NOT DISTINCT FROM h.person_id
            GROUP BY h.account_id, h.organisation_id, h.person_id, c.last_on)
        SELECT b.code || ' ' || a.number || ' ' || to_char(coalesce(x.last_on, k.last_on), 'YYYY-MM')
        FROM (SELECT * FROM expected WHERE balance <> 0 OR debit <> 0 OR credit <> 0) x
        FULL JOIN ledger_checkpoint k ON k.account_id = x.account_id AND k.last_on = x.last_on
            AND coalesce(k.organisation_id, -1) = coalesce(x.organisation_id, -1)
            AND coalesce(k.person_id, -1) = coalesce(x.person_id, -1)
        JOIN ledger_account a ON a.id = coalesce(x.account_id, k.account_id) JOIN ledger_book b ON b.id = a.book_id
        WHERE (x.balance, x.debit, x.credit) IS DISTINCT FROM (k.balance, k.debit, k.credit)""",
    "a reversal does not mirror its entry": """
        SELECT b.code || ' ' || to_char(e.month, 'YYYY-MM') || '-' || e.number
        FROM ledger_entry e JOIN ledger_book b ON b.id = e.book_id JOIN ledger_entry o ON o.id = e.reverses_id
        JOIN ledger_line l ON l.entry_id IN (e.id, o.id)
        GROUP BY b.code, e.id, e.book_id, o.book_id, l.account_id, l.organisation_id, l.person_id
        HAVING sum(l.amount) <> 0 OR e.book_id <> o.book_id""",
    "more escrow was paid out than is held": """
        SELECT b.code || ' ' || a.number FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id
        JOIN ledger_book b ON b.id = a.book_id WHERE a.is_escrow
        GROUP BY b.code, a.number, a.purpose, CASE WHEN a.has_party THEN l.organisation_id END,
            CASE WHEN a.has_party THEN l.person_id END
        HAVING CASE WHEN a.purpose = 'held' THEN sum(l.amount) > 0 ELSE sum(l.amount) < 0 END""",
}
AT_ONCE = 1_000


def check() -> Iterator[Finding]:
    """Every thing that does not hold, in all books."""
    for what, sql in QUERIES.items():
        with connection.cursor() as cursor:
            cursor.execute(sql)
            yield from (Finding(str(row[0]), what) for row in cursor.fetchall())
    yield from _digests()


def _digests() -> Iterator[Finding]:
    """What an entry says is what was posted, and what the sealed event vouches for."""
    entries = Entry.objects.select_related("book").prefetch_related("lines__account").order_by("pk")
    for entry in entries.iterator(chunk_size=AT_ONCE):
        if selectors.digest_now(entry) != entry.digest:
            yield Finding(f"{entry.book.code} {entry}", "the entry says something else than was posted")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT b.code || ' ' || to_char(e.month, 'YYYY-MM') || '-' || e.number FROM ledger_entry e "
            "JOIN ledger_book b ON b.id = e.book_id LEFT JOIN kernel_event v ON v.name = 'ledger.entry_posted' "
            "AND v.subject = 'ledger.entry:' || e.id WHERE v.data->>'digest' IS DISTINCT FROM e.digest"
        )
        yield from (Finding(str(row[0]), "its event vouches for something else") for row in cursor.fetchall())


def counted() -> tuple[int, int]:
    """How many entries, and how many events that vouch for them."""
    return Entry.objects.count(), Event.objects.filter(name="ledger.entry_posted").count()
