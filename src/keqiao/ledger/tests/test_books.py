"""What follows from the lines: statements, ages, trial balances, exports, the check; and that it always adds up."""

import io
import subprocess
import sys
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.money import Money
from keqiao.ledger import checking, exporting, selectors, services
from keqiao.ledger.models import Account, Checkpoint, Closing, Entry, EntryLine
from keqiao.ledger.selectors import Party
from keqiao.ledger.tests.factories import (
    DAY,
    SYSTEM,
    a_key,
    claim,
    deposit,
    income,
    make_book,
    make_finance,
    post,
    refund,
    settle,
)
from keqiao.ledger.types import AccountKind, Draft, Purpose, TooMuch, credit, debit
from keqiao.parties import services as parties_services
from keqiao.parties.tests.factories import make_operator, make_organisation
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
YEAR = (date(2026, 1, 1), date(2026, 12, 31))
LIMITS = [0, 30, 90, 180, 365]


@pytest.fixture
def book(rules):
    return make_book()


def test_statement_is_read_page_by_page(book):
    party = make_organisation()
    post(book, claim(party, "100.00", on=date(2026, 1, 5)))
    post(book, claim(make_organisation(), "7.00", on=date(2026, 1, 5)))
    services.close_months(actor=SYSTEM, book_code=book.code, through=date(2026, 1, 1))
    for amount in ("1.00", "2.00", "3.00"):
        post(book, settle(party, amount, on=date(2026, 2, 3)))
    post(book, claim(party, "50.00", on=date(2026, 2, 4)))
    account = Account.objects.get(purpose="receivable")
    asked = {"party": Party(organisation_id=party.pk), "most": 2}
    first = selectors.statement(account, date(2026, 2, 1), date(2026, 2, 28), **asked)
    assert (first.sums.opening, first.sums.debit, first.sums.credit, first.sums.closing) == (10000, 5000, 600, 14400)
    assert [(row.line.amount, row.balance) for row in first.lines] == [(-100, 9900), (-200, 9700)]
    second = selectors.statement(account, date(2026, 2, 1), date(2026, 2, 28), after=first.next_after, **asked)
    assert (second.brought, second.next_after) == (9700, None)
    assert [(row.line.amount, row.balance) for row in second.lines] == [(-300, 9400), (5000, 14400)]
    with pytest.raises(NotFound):
        selectors.statement(Account.objects.get(purpose="bank"), *YEAR, after=first.next_after)


def test_merged_parties_have_one_statement_and_one_age(book):
    a, b = make_organisation(), make_organisation()
    post(book, claim(a, "10.00"))
    post(book, claim(b, "5.00"))
    parties_services.merge_organisations(actor=make_operator(), kept_code=a.code, gone_code=b.code)
    found = selectors.statement(Account.objects.get(purpose="receivable"), *YEAR, party=Party(organisation_id=a.pk))
    assert found.sums.closing == 1500
    aged = selectors.ageing(book, on=DAY, limits=LIMITS, kinds=(AccountKind.ASSET,))
    assert [(row.party, row.total) for row in aged] == [(Party(organisation_id=a.pk), 1500)]


def test_payments_settle_what_is_oldest(book):
    party = make_organisation()
    for amount, due in (("100.00", date(2025, 1, 1)), ("60.00", date(2026, 2, 20)), ("30.00", date(2026, 5, 1))):
        post(book, claim(party, amount, on=date(2025, 1, 1), due_on=due))
    post(book, settle(party, "120.00"))
    (row,) = selectors.ageing(book, on=DAY, limits=LIMITS, kinds=(AccountKind.ASSET,))
    assert (row.parts, row.total) == ((3000, 4000, 0, 0, 0, 0), 7000)
    post(book, settle(party, "80.00"))
    (row,) = selectors.ageing(book, on=DAY, limits=LIMITS, kinds=(AccountKind.ASSET,))
    assert row.parts == (-1000, 0, 0, 0, 0, 0)


def test_trial_balance_is_the_same_before_and_after_closing(book):
    post(book, income("100.00", on=date(2026, 1, 5)))
    wrong = post(book, income("5.00", on=date(2026, 1, 6)))
    services.reverse(actor=SYSTEM, entry_id=wrong.pk, why="记错", key="r", booked_on=date(2026, 1, 7))
    post(book, income("9.00", on=date(2026, 2, 6), currency="USD"))

    def found():
        trial = selectors.trial_balance(book, *YEAR)
        assert trial.is_balanced
        rows = [(r.account.number, r.sums.opening, r.sums.debit, r.sums.credit, r.sums.closing) for r in trial.rows]
        return rows, {name: (t.debit, t.credit) for name, t in trial.totals.items()}

    before = found()
    services.close_months(actor=SYSTEM, book_code=book.code, through=date(2026, 2, 1))
    assert found() == before == (
        [
            ("1002.01", 0, 10000, 0, 10000),
            ("1002.02", 0, 900, 0, 900),
            ("4101.01", 0, 0, 10000, -10000),
            ("4101.02", 0, 0, 900, -900),
        ],
        {"CNY": (10000, 10000), "USD": (900, 900)},
    )  # fmt: skip


def test_books_are_seen_by_finance_and_auditors_of_the_organisation(book):
    def sees(actor):
        return [row.code for row in selectors.books_visible_to(actor)]

    home = book.organisation
    assert sees(make_finance(home)) == sees(make_finance(home, Role.AUDITOR)) == [book.code]
    for stranger in (make_finance(), make_operator(), make_finance(home, Role.CONVERSION_OFFICER)):
        assert sees(stranger) == []


# --- exports ----------------------------------------------------------------------------------------------------------


def busy(book):
    """A book with a bit of everything."""
    party, fee = make_organisation(name_zh='甲“乙\\丙"公司'), Money.of("50.00")
    post(book, claim(party, "100.00", on=date(2025, 11, 5), due_on=date(2025, 12, 5)))
    post(book, settle(party, "40.00", on=date(2025, 12, 5)))
    post(book, deposit(party, on=date(2026, 1, 5)))
    post(book, refund(party, "450.00", on=date(2026, 1, 6)))
    post(book, income("7", on=date(2026, 1, 7), currency="JPY", cause="HT-1", why='=1+1 "引号" \\ 换\n行'))
    wrong = post(
        book,
        Draft(
            "费用",
            a_key(),
            (debit(Purpose.ADMIN_EXPENSE, fee, "费"), credit(Purpose.BANK, fee, "费")),
            date(2026, 1, 8),
        ),
    )
    services.reverse(actor=SYSTEM, entry_id=wrong.pk, why="记错", key=a_key(), booked_on=date(2026, 2, 1))
    services.close_months(actor=SYSTEM, book_code=book.code, through=date(2026, 1, 1))
    post(book, income("1.00", on=date(2026, 3, 1)))


def bean_check(text, tmp_path):
    file = Path(tmp_path, "book.beancount")
    file.write_text(text, encoding="utf-8")
    program = Path(sys.executable).parent / "bean-check"
    done = subprocess.run([program, file], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_bean_check_accepts_the_book(book, tmp_path):
    busy(book)
    whole = "".join(exporting.beancount(book, date(2025, 11, 1), date(2026, 3, 31)))
    part = "".join(exporting.beancount(book, date(2026, 1, 1), date(2026, 1, 31)))
    assert bean_check(whole, tmp_path) == (0, "")
    assert bean_check(part, tmp_path) == (0, "")
    assert whole.count(" balance ") > 5
    wrong = whole.replace("60.00 ~ 0 CNY", "60.01 ~ 0 CNY")
    assert wrong != whole
    assert bean_check(wrong, tmp_path)[0] == 1
    with pytest.raises(TooMuch):
        list(exporting.beancount(book, date(2025, 11, 1), date(2026, 3, 31), most=3))


def test_workbook_is_laid_out_for_accountants(book):
    busy(book)
    out = io.BytesIO()
    exporting.workbook(book, date(2026, 1, 1), date(2026, 2, 28), out)
    found = load_workbook(out)
    trial, journal = found["科目余额表"], found["序时账"]
    assert trial["A1"].value == "科目余额表"
    assert [cell.value for cell in trial[3]][:8:2] == ["科目编码", "币种", None, None]
    total = [[c.value for c in row] for row in trial.iter_rows(min_row=5) if row[0].value == "合计"]
    for row in total:
        assert row[3] == row[4]
        assert row[5] == row[6]
        assert row[7] == row[8]
    memo = next(row for row in journal.iter_rows(min_row=4) if str(row[2].value).startswith("=1+1"))
    assert (memo[2].data_type, memo[1].value, float(memo[7].value)) == ("s", "记-3", 7.0)
    assert {row[9].value for row in journal.iter_rows(min_row=4)} == {"记账", "红字冲销"}


# --- the check --------------------------------------------------------------------------------------------------------


def test_check_finds_nothing_in_a_busy_book(book):
    busy(book)
    assert list(checking.check()) == []


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE ledger_line SET amount = amount + 1 WHERE amount = 7", {"the entry does not balance"}),
        ("DELETE FROM ledger_line WHERE position = 2", {"the entry has another number of lines than it says"}),
        ("UPDATE ledger_entry SET number = number + 1 WHERE number = 4", {"numbers in the month have gaps"}),
        ("UPDATE ledger_entry SET why = '别的' WHERE number = 1", {"the entry says something else than was posted"}),
        ("UPDATE ledger_checkpoint SET debit = debit + 1", {"the checkpoint is not the sum of the lines"}),
        ("DELETE FROM ledger_checkpoint WHERE last_on = '2026-01-31'", {"the checkpoint is not the sum of the lines"}),
        ("DELETE FROM ledger_closing WHERE last_on = '2025-12-31'", {"a month was left out of the closings"}),
        ("UPDATE ledger_closing SET closed_at = '2020-01-01'", {"an entry came after its month was closed"}),
        ("DELETE FROM kernel_event", {"its event vouches for something else"}),
    ],
)  # fmt: skip
def test_check_finds_what_was_tampered_with(book, sql, found):
    busy(book)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("ledger_line", "ledger_entry", "ledger_checkpoint", "ledger_closing", "kernel_event"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql)
    assert {finding.what for finding in checking.check()} >= found


def test_check_names_the_entry(book):
    entry = post(book, income())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE ledger_line DISABLE TRIGGER USER")
        cursor.execute("UPDATE ledger_line SET amount = amount + 1 WHERE position = 1")
    named = {finding.where for finding in checking.check() if finding.what == "the entry does not balance"}
    assert named == {f"{book.code} {entry}"}


# --- it always adds up ------------------------------------------------------------------------------------------------

DAYS = st.dates(date(2025, 11, 1), date(2026, 4, 30))
AMOUNTS = st.integers(1, 10**9).map(lambda minor: Money(minor).major).map(str)
COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["income", "dollars", "claim", "settle", "deposit", "refund"]), AMOUNTS, DAYS, st.booleans()),
        st.tuples(st.just("reverse"), st.integers(0, 30), DAYS, st.booleans()),
        st.tuples(st.just("close"), st.none(), DAYS, st.booleans()),
    ),
    min_size=1,
    max_size=14,
)  # fmt: skip


def carry_out(book, parties, command):
    name, given_, day, is_first = command
    party = parties[0 if is_first else 1]
    if name == "reverse":
        entries = list(Entry.objects.filter(book=book).order_by("pk"))
        if entries:
            entry = entries[given_ % len(entries)]
            services.reverse(actor=SYSTEM, entry_id=entry.pk, why="冲销", key=a_key(), booked_on=day)
    elif name == "close":
        services.close_months(actor=SYSTEM, book_code=book.code, through=day)
    elif name in {"income", "dollars"}:
        post(book, income(given_, on=day, currency="USD" if name == "dollars" else "CNY"))
    else:
        make = {"claim": claim, "settle": settle, "deposit": deposit, "refund": refund}[name]
        post(book, make(party, given_, on=day))


@settings(max_examples=10)
@given(commands=COMMANDS)
def test_any_sequence_of_commands_keeps_the_book_at_zero(commands):
    book, parties = make_book(), [make_organisation(), make_organisation()]
    for command in commands:
        try:
            carry_out(book, parties, command)
        except DomainError:
            continue
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    assert list(checking.check()) == []
    for day in (date(2025, 12, 31), date(2026, 2, 1), date(2030, 1, 1)):
        assert selectors.balances(book, before=day, by_party=True) == replayed(book, day)
    trial = selectors.trial_balance(book, date(2025, 11, 1), date(2026, 4, 30))
    assert trial.is_balanced


def replayed(book, before):
    """Every balance from the lines alone."""
    found = defaultdict(int)
    for line in EntryLine.objects.filter(entry__book=book, booked_on__lt=before):
        found[line.account_id, Party(line.organisation_id, line.person_id)] += line.amount
    return {key: balance for key, balance in found.items() if balance}


def test_check_sees_closings_and_checkpoints(book):
    """So that the property above speaks of something."""
    busy(book)
    assert (Closing.objects.count(), Checkpoint.objects.count() > 5) == (3, True)
