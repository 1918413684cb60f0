"""A book with few and with many lines, and posting: `python bench/ledger.py [--few 10000] [--many 1000000] [--rounds 15]`.

Fills a book in a database of its own (build/bench-ledger) by SQL over sixty months in one transaction, whose every promise
the database checks at COMMIT; closes all but the last by the ordinary command, and asks its pages in one process; then again
with the larger number. The figures are the ratio of the medians, what a line costs in one large transaction, and entries
posted a second by the ordinary command, one after another, each its own durable commit.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST = date(2021, 11, 1)  # the first of sixty months, the last of which is open
LAST_CLOSED = date(2026, 9, 1)
# Two lines an entry: bank against income, or a claim on one of a hundred parties against income.
FILL = """
    INSERT INTO ledger_entry (book_id, month, number, booked_on, kind, why, cause, key, digest, line_count, posted_at)
    SELECT {book}, m, row_number() OVER (PARTITION BY m ORDER BY n), m + (n % 28)::int, 'ordinary', '入账', '', 'fill:' || n,
        repeat('0', 64), 2, now()
    FROM (SELECT n, ('{first}'::date + (n % 60) * interval '1 month')::date AS m FROM generate_series(1, {count}) n) x;
    INSERT INTO ledger_line (entry_id, position, account_id, organisation_id, booked_on, amount, is_red, why)
    SELECT e.id, p, CASE WHEN p = 2 THEN {income} WHEN e.number % 2 = 0 THEN {claims} ELSE {bank} END,
        CASE WHEN p = 1 AND e.number % 2 = 0
            THEN (ARRAY(SELECT id FROM parties_organisation ORDER BY id))[1 + e.number % 100] END,
        e.booked_on, CASE p WHEN 1 THEN 100 + e.number % 900 ELSE -100 - e.number % 900 END, false, '入账'
    FROM ledger_entry e, generate_series(1, 2) p WHERE e.book_id = {book} AND e.key LIKE 'fill:%'
"""
BATCHES, BATCH = 15, 100
COMMIT = "a line of one large transaction"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=10_000, help="lines")
    parser.add_argument("--many", type=int, default=1_000_000, help="lines")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "bench-ledger")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    os.environ |= {"KEQIAO_DATA": str(args.data), "KEQIAO_LOG_LEVEL": "ERROR", "KEQIAO_ALLOWED_HOSTS": "testserver"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
    from keqiao.runtime import postgres
    from keqiao.runtime.environment import read_environment

    postgres.remove(read_environment())  # what an interrupted run left
    with postgres.using(read_environment()):
        text, is_good = run(args)
    postgres.remove(read_environment())
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return 0 if is_good else 1


def run(args: argparse.Namespace) -> tuple[str, bool]:
    import django

    django.setup()
    from django.core.management import call_command

    from keqiao.kernel import parameters
    from keqiao.parties import selectors as parties
    from keqiao.parties.tests.factories import make_organisation

    call_command("migrate", verbosity=0)
    parameters.load_packs(actor=parties.system())
    for _n in range(101):
        make_organisation()
    few, many = (measured(lines, args.rounds) for lines in (args.few, args.many))
    speed = posting()
    head = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    ratios = {name: many[name] / few[name] for name in few}
    rows = [f"| {name} | {few[name]:.1f} | {many[name]:.1f} | {ratios[name]:.2f} |" for name in few if name != COMMIT]
    lines = [
        f"A book of {args.few:,} and of {args.many:,} lines over 60 months, 59 closed; median of {args.rounds}; {head}",
        "",
        "| page | few, ms | many, ms | ratio |",
        "|---|---|---|---|",
        *rows,
        "",
        f"One transaction, µs a line: {few[COMMIT]:.0f} of {args.few:,}, {many[COMMIT]:.0f} of {args.many:,}: {ratios[COMMIT]:.2f}",
        "",
        f"| a second, one client, durable; load of the machine {os.getloadavg()[0]:.1f} | median | fastest batch |",
        "|---|---|---|",
        *(f"| {name} | {median:,.0f} | {fastest:,.0f} |" for name, (median, fastest) in speed.items()),
    ]
    return "\n".join(lines) + "\n", max(ratios.values()) <= 2 and speed["two lines"][0] >= 300


def measured(lines: int, rounds: int) -> dict[str, float]:
    """Page → median milliseconds, in a new book of so many lines."""
    from django.db import connection, transaction
    from django.test import Client

    from keqiao.ledger import services
    from keqiao.ledger.models import Account
    from keqiao.ledger.tests.factories import SYSTEM, make_finance
    from keqiao.parties.tests.factories import user_of

    finance = make_finance()
    book = services.open_book(actor=finance, organisation_code=finance.workplace.code)
    for purpose in ("bank", "receivable", "conversion_income"):
        services.open_account(actor=finance, book_code=book.code, purpose=purpose)
    ids = dict(Account.objects.filter(book=book).values_list("purpose", "pk"))
    began = time.monotonic()
    with transaction.atomic(), connection.cursor() as cursor:
        given = {"bank": ids["bank"], "claims": ids["receivable"], "income": ids["conversion_income"]}
        cursor.execute(FILL.format(book=book.pk, first=FIRST, count=lines // 2, **given))
    committed = time.monotonic() - began
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE ledger_line, ledger_entry")
    print(f"{lines:,} lines in {committed:.0f} s", file=sys.stderr)
    began = time.monotonic()
    services.close_months(actor=SYSTEM, book_code=book.code, through=LAST_CLOSED)
    print(f"59 months closed in {time.monotonic() - began:.0f} s", file=sys.stderr)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE ledger_checkpoint, ledger_closing")
    client = Client()
    client.force_login(user_of(finance))
    return {**ask(client, book.code, rounds), COMMIT: committed * 1_000_000 / lines}


def ask(client, code: str, rounds: int) -> dict[str, float]:
    from keqiao.ledger import selectors
    from keqiao.ledger.models import Book

    book = Book.objects.get(code=code)
    claims = f"/books/{code}/accounts/{book.accounts.get(purpose='receivable').number}"
    bank = f"/books/{code}/accounts/{book.accounts.get(purpose='bank').number}"
    third = selectors.statement(book.accounts.get(purpose="bank"), date(2024, 1, 1), date(2024, 12, 31)).next_after
    pages = {
        "statement, the whole time": f"{bank}?first=2021-11&last=2026-10",
        "statement, the open month": f"{bank}?first=2026-10&last=2026-10",
        "statement, second page of a month": f"{bank}?first=2024-01&last=2024-12&after={third}",
        "statement, one party": f"{claims}?first=2021-11&last=2026-10&party=2024-01-2.1",
        "accounts": f"/books/{code}",
        "trial balance": f"/books/{code}/trial-balance?first=2021-11&last=2026-10",
        "entries of a month": f"/books/{code}/entries?month=2024-01",
        "ageing": f"/books/{code}/ageing",
    }
    times: dict[str, list[float]] = {name: [] for name in pages}
    for turn in range(rounds + 1):
        for name, address in pages.items():
            began = time.perf_counter()
            answer = client.get(address)
            took = (time.perf_counter() - began) * 1000
            assert answer.status_code == 200, (address, answer.status_code)
            if turn:
                times[name].append(took)
    return {name: statistics.median(found) for name, found in times.items()}


def posting() -> dict[str, tuple[float, float]]:
    """Entries a second into one book, each its own durable commit: the median and the fastest of the batches.

    Beside them, batch by batch, commits of one row in a bare table: what the disk and the neighbours leave.
    """
    from django.db import connection

    from keqiao.ledger.tests.factories import claim, income, make_book, make_organisation, post

    book, party = make_book(), make_organisation()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_bare (n int)")

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO bench_bare VALUES (1)")

    kinds = {
        "two lines": lambda: post(book, income()),
        "with a party": lambda: post(book, claim(party)),
        "bare commits of one row": bare,
    }

    rates: dict[str, list[float]] = {name: [] for name in kinds}
    for batch in range(BATCHES + 1):
        for name, do in kinds.items():
            began = time.monotonic()
            for _n in range(BATCH):
                do()
            if batch:  # the first opens the accounts
                rates[name].append(BATCH / (time.monotonic() - began))
    return {name: (statistics.median(found), max(found)) for name, found in rates.items()}


if __name__ == "__main__":
    sys.exit(main())
