"""Commands of the ledger, through the door; and what the database refuses whoever writes."""

import csv
import io
from datetime import date, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import DatabaseError, connection, transaction

from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, DomainError, NotAllowed, NotFound
from keqiao.kernel.models import Event
from keqiao.kernel.money import Money
from keqiao.ledger import selectors, services
from keqiao.ledger.models import Account, Checkpoint, Closing, Entry, EntryLine
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
from keqiao.ledger.types import (
    AccountClosed,
    AlreadyReversed,
    Draft,
    HeldTooLittle,
    KeyUsed,
    MonthClosed,
    Purpose,
    Unbalanced,
    credit,
    debit,
)
from keqiao.parties import services as parties_services
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
FAR = date(2030, 1, 1)


@pytest.fixture
def book(rules):
    return make_book()


def balances(book):
    """Account number → minor units."""
    held = selectors.balances(book, before=FAR)
    return {account.number: held[account.pk] for account in selectors.accounts_of(book) if account.pk in held}


def at_commit():
    """What the database checks at the commit, now."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


# --- posting ----------------------------------------------------------------------------------------------------------


def test_entry_says_who_when_and_why(book):
    actor = make_finance(book.organisation)
    entry = post(book, income("1234.56", key="k1", cause="HT-2026-1"), actor=actor)
    at_commit()
    lines = [(str(row.account), row.amount, row.why) for row in selectors.lines_of(entry)]
    assert lines == [
        ("1002.01 银行存款", 123456, "收到技术转让费"),
        ("4101.01 事业收入—成果转化", -123456, "收到技术转让费"),
    ]
    assert (str(entry), entry.posted_by_id, entry.booked_on, entry.cause) == (
        "2026-03-1",
        actor.person_id,
        DAY,
        "HT-2026-1",
    )
    event = Event.objects.get(name="ledger.entry_posted")
    assert event.data == {"book_id": book.pk, "digest": entry.digest}


def test_numbers_run_in_each_month(book):
    days = [DAY, DAY, date(2026, 4, 1), DAY]
    assert [str(post(book, income(on=day))) for day in days] == ["2026-03-1", "2026-03-2", "2026-04-1", "2026-03-3"]


def test_the_same_key_posts_once(book):
    first, again = (post(book, income(key="k")) for _n in range(2))
    assert (first.pk, Entry.objects.count()) == (again.pk, 1)
    with pytest.raises(KeyUsed):
        post(book, income("2.00", key="k"))
    other = make_book()
    assert post(other, income(key="k")).pk != first.pk


def test_the_same_key_is_answered_after_the_month_was_closed(book):
    first = post(book, income(key="k"))
    services.close_months(actor=SYSTEM, book_code=book.code, through=DAY)
    assert post(book, income(key="k")).pk == first.pk


def lines(*amounts, purpose=Purpose.BANK):
    return tuple(debit(purpose, Money(minor), "行") for minor in amounts)


@pytest.mark.parametrize(
    ("draft", "error", "field"),
    [
        (Draft("为何", "k", lines(100, -99), DAY), Unbalanced, "lines"),
        (Draft("为何", "k", (debit(Purpose.BANK, Money(5), "x"), credit(Purpose.FEE_INCOME, Money(5, "USD"), "x")), DAY), Unbalanced, "lines"),
        (Draft("为何", "k", (debit(Purpose.ESCROW_BANK, Money(5), "x"), credit(Purpose.FEE_INCOME, Money(5), "x")), DAY), Unbalanced, "lines"),
        (Draft("为何", "k", lines(100), DAY), BadInput, "lines"),
        (Draft("为何", "k", lines(0, 0), DAY), BadInput, "lines.1.amount"),
        (Draft("为何", "k", lines(10**15 + 1, -(10**15) - 1), DAY), BadInput, "lines.1.amount"),
        (Draft("为何", "k", (debit("9999.01", Money(5), "x"), credit(Purpose.BANK, Money(5), "x")), DAY), BadInput, "lines.1.account"),
        (Draft("为何", "k", (debit(Purpose.RECEIVABLE, Money(5), "x"), credit(Purpose.BANK, Money(5), "x")), DAY), BadInput, "lines.1.party"),
        (Draft("为何", "k", (debit(Purpose.BANK, Money(5), "x", organisation_id=2**40), credit(Purpose.BANK, Money(5), "x")), DAY), BadInput, "party"),
        (Draft("", "k", lines(5, -5), DAY), BadInput, "why"),
        (Draft("为何", "", lines(5, -5), DAY), BadInput, "key"),
        (Draft("为何", "k" * 121, lines(5, -5), DAY), BadInput, "key"),
        (Draft("为\0何", "k", lines(5, -5), DAY), BadInput, "why"),
        (Draft("为何", "k", (debit(Purpose.BANK, Money(5), " "), credit(Purpose.BANK, Money(5), "x")), DAY), BadInput, "lines.1.why"),
        (Draft("为何", "k", lines(5, -5), date(1989, 12, 31)), BadInput, "booked_on"),
        (Draft("为何", "k", lines(5, -5), date(2999, 1, 1)), BadInput, "booked_on"),
    ],
)  # fmt: skip
def test_bad_entries_are_refused_and_leave_nothing(book, draft, error, field):
    with pytest.raises(error) as refused, transaction.atomic():
        post(book, draft)
    assert (refused.value.field, Entry.objects.count(), Account.objects.count()) == (field, 0, 0)


def test_only_finance_of_the_organisation_posts_by_hand(book):
    draft = income()
    auditor = make_finance(book.organisation, Role.AUDITOR)
    with pytest.raises(NotAllowed):
        services.post_by_hand(actor=auditor, book_code=book.code, draft=draft)
    for stranger in (make_finance(), make_operator(), make_actor(organisation=book.organisation, role=Role.RESEARCHER)):
        with pytest.raises(NotFound):
            services.post_by_hand(actor=stranger, book_code=book.code, draft=draft)
    assert services.post_by_hand(actor=make_finance(book.organisation), book_code=book.code, draft=draft).number == 1


def test_several_accounts_of_one_purpose(book):
    finance = make_finance(book.organisation)
    account = services.open_account(
        actor=finance, book_code=book.code, purpose="bank", currency="USD", label="工行 1234"
    )
    assert str(account) == "1002.01 银行存款（工行 1234） USD"
    with pytest.raises(BadInput):
        services.open_account(actor=finance, book_code=book.code, purpose="bank", currency="USD", label="工行 1234")
    for purpose, currency, field in (("gold", "CNY", "purpose"), ("bank", "XAU", "currency")):
        with pytest.raises(BadInput) as refused:
            services.open_account(actor=finance, book_code=book.code, purpose=purpose, currency=currency)
        assert refused.value.field == field


def test_closed_account_takes_no_line_and_must_hold_nothing(book):
    finance = make_finance(book.organisation)
    entry = post(book, income())
    with pytest.raises(BadInput, match="还有余额"):
        services.close_account(actor=finance, book_code=book.code, number="1002.01")
    services.reverse(actor=SYSTEM, entry_id=entry.pk, why="记错", key=a_key())
    services.close_account(actor=finance, book_code=book.code, number="1002.01")
    with pytest.raises(AccountClosed):
        post(book, income())


# --- reversal ---------------------------------------------------------------------------------------------------------


def test_reversal_takes_back_in_red(book):
    entry = post(book, income("10.00"))
    red = services.reverse(actor=SYSTEM, entry_id=entry.pk, why="金额记错", key="r", booked_on=DAY)
    again = services.reverse(actor=SYSTEM, entry_id=entry.pk, why="金额记错", key="r", booked_on=DAY)
    at_commit()
    assert (red.kind, red.reverses_id, again.pk) == ("reversal", entry.pk, red.pk)
    sums = selectors.sums_of(book, date(2026, 3, 1), date(2026, 3, 31))
    assert {(s.opening, s.debit, s.credit) for s in sums.values()} == {(0, 0, 0)}
    with pytest.raises(AlreadyReversed):
        services.reverse(actor=SYSTEM, entry_id=entry.pk, why="再冲", key="r2")
    with pytest.raises(BadInput):
        services.reverse(actor=SYSTEM, entry_id=red.pk, why="冲红字", key="r3")


def test_reversal_is_not_before_its_entry(book):
    entry = post(book, income())
    with pytest.raises(BadInput):
        services.reverse(actor=SYSTEM, entry_id=entry.pk, why="记错", key="r", booked_on=DAY - timedelta(days=1))


def test_what_came_from_elsewhere_is_taken_back_there(book):
    post(book, income(cause="HT-2026-1"))
    post(book, income())
    finance = make_finance(book.organisation)
    given = {"actor": finance, "book_code": book.code, "month": date(2026, 3, 1), "why": "记错"}
    with pytest.raises(NotAllowed, match="HT-2026-1"):
        services.reverse_by_hand(number=1, key="r1", **given)
    assert services.reverse_by_hand(number=2, key="r2", **given).kind == "reversal"
    with pytest.raises(NotFound):
        services.reverse_by_hand(number=99, key="r3", **given)


# --- escrow -----------------------------------------------------------------------------------------------------------


def test_escrow_is_paid_out_only_to_whom_it_belongs(book):
    a, b = make_organisation(), make_organisation()
    paid_in = post(book, deposit(a, "500.00"))
    post(book, deposit(b, "300.00"))
    with pytest.raises(HeldTooLittle), transaction.atomic():
        post(book, refund(a, "500.01"))
    with pytest.raises(HeldTooLittle), transaction.atomic():
        post(book, refund(make_organisation(), "0.01"))
    post(book, refund(a, "200.00"))
    with pytest.raises(HeldTooLittle), transaction.atomic():
        services.reverse(actor=SYSTEM, entry_id=paid_in.pk, why="记错", key="r")
    assert balances(book) == {"1891.01": 60000, "2901.01": -60000}


def test_fee_out_of_escrow_takes_four_lines(book):
    party, fee = make_organisation(), Money.of("50.00")
    post(book, deposit(party))
    entry = post(
        book,
        Draft("保证金转服务费", "fee", (
            debit(Purpose.HELD, fee, "转出", organisation_id=party.pk),
            credit(Purpose.ESCROW_BANK, fee, "转出"),
            debit(Purpose.BANK, fee, "服务费"),
            credit(Purpose.FEE_INCOME, fee, "服务费"),
        ), DAY),
    )  # fmt: skip
    assert entry.line_count == 4
    assert balances(book) == {"1002.01": 5000, "1891.01": 45000, "2901.01": -45000, "4609.01": -5000}


# --- closing ----------------------------------------------------------------------------------------------------------


def test_closed_month_takes_nothing_and_keeps_its_sums(book):
    party = make_organisation()
    post(book, claim(party, "100.00", on=date(2026, 1, 5)))
    post(book, settle(party, "40.00", on=date(2026, 3, 5)))
    before = balances(book)
    closings = services.close_months(actor=make_finance(book.organisation), book_code=book.code, through=DAY)
    assert [c.last_on for c in closings] == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]
    assert balances(book) == before == {"1002.01": 4000, "1212.01": 6000, "4101.01": -10000}
    kept = Checkpoint.objects.filter(last_on=date(2026, 3, 31)).order_by("account__number")
    assert [(c.account.number, c.organisation_id, c.balance, c.debit, c.credit) for c in kept] == [
        ("1002.01", None, 4000, 4000, 0),
        ("1212.01", party.pk, 6000, 0, 4000),
        ("4101.01", None, -10000, 0, 0),
    ]
    with pytest.raises(MonthClosed):
        post(book, income(on=date(2026, 3, 31)))
    assert post(book, income(on=date(2026, 4, 1))).number == 1


def test_what_cannot_be_closed(book):
    finance = make_finance(book.organisation)

    def close(through):
        services.close_months(actor=finance, book_code=book.code, through=through)

    with pytest.raises(BadInput, match="没有可以结"):
        close(DAY)
    post(book, income())
    with pytest.raises(BadInput, match="还没有过完"):
        close(clock.today())
    close(DAY)
    with pytest.raises(BadInput, match="已经结账"):
        close(DAY)
    with pytest.raises(NotAllowed):
        services.close_months(actor=make_finance(book.organisation, Role.AUDITOR), book_code=book.code, through=DAY)
    assert Closing.objects.count() == 1


def test_reversal_of_a_closed_month_stands_in_an_open_one(book):
    entry = post(book, income())
    services.close_months(actor=SYSTEM, book_code=book.code, through=DAY)
    with pytest.raises(MonthClosed):
        services.reverse(actor=SYSTEM, entry_id=entry.pk, why="记错", key="r", booked_on=DAY)
    assert services.reverse(actor=SYSTEM, entry_id=entry.pk, why="记错", key="r").booked_on == clock.today()
    assert balances(book) == {}


def test_december_carries_the_year_to_the_surplus(book):
    post(book, income("100.00", on=date(2025, 12, 5)))
    post(book, income("7.00", on=date(2025, 12, 6), currency="USD"))
    cost = Money.of("30.00")
    spent = (debit(Purpose.DIRECT_COST, cost, "检测费"), credit(Purpose.BANK, cost, "检测费"))
    post(book, Draft("检测费", "c", spent, date(2025, 12, 7)))
    services.close_months(actor=SYSTEM, book_code=book.code, through=date(2025, 12, 1))
    at_commit()
    assert balances(book) == {"1002.01": 7000, "1002.02": 700, "3001.01": -7000, "3001.02": -700}
    carried = Entry.objects.get(kind="carry")
    assert (carried.booked_on, carried.line_count) == (date(2025, 12, 31), 5)


# --- opening ----------------------------------------------------------------------------------------------------------

OPENING = '用途,币种,往来单位,借方余额,贷方余额,到期日,摘要\n银行存款,,,"1,000.00",,,\nreceivable,CNY,{party},200,,2026-01-31,\n累计盈余,,,,1200.00,,上年结余\n'


def read(text):
    from keqiao.ledger.sheets import read_opening

    return read_opening(text.encode())


def test_opening_balances_are_imported_whole(book):
    party, finance = make_organisation(), make_finance(book.organisation)
    given = {"actor": finance, "book_code": book.code, "booked_on": date(2026, 1, 1)}
    rows = read(OPENING.format(party=party.code))
    entry = services.import_opening(rows=rows, key="o", **given)
    assert services.import_opening(rows=rows, key="o", **given).pk == entry.pk
    assert (entry.kind, balances(book)) == ("opening", {"1002.01": 100000, "1212.01": 20000, "3001.01": -120000})
    with pytest.raises(BadInput, match="已经导入"):
        services.import_opening(rows=rows, key="o2", **given)
    services.reverse(actor=SYSTEM, entry_id=entry.pk, why="重新导入", key="r")
    services.import_opening(rows=rows, key="o2", **given)


def workbook(*rows):
    from openpyxl import Workbook

    made, out = Workbook(), io.BytesIO()
    for row in rows:
        made.active.append(row)
    made.save(out)
    return out.getvalue()


def test_a_workbook_is_read_like_a_table():
    from keqiao.ledger.sheets import read_opening, template_workbook

    head = ("用途", "币种", "借方余额", "贷方余额", "到期日")
    rows = read_opening(
        workbook(
            head,
            ("银行存款", None, 0.1 + 0.2, None, datetime.fromisoformat("2026-01-31")),
            (),
            ("net_assets", "CNY", None, "0.30"),
        )
    )
    assert [(row.number, row.minor, row.due_on) for row in rows] == [(2, 30, date(2026, 1, 31)), (4, -30, None)]
    assert sum(row.minor for row in read_opening(template_workbook())) == 0


def test_all_that_is_wrong_comes_back_in_the_file_that_was_sent():
    from openpyxl import load_workbook

    from keqiao.ledger.sheets import read_opening, with_errors
    from keqiao.ledger.types import BadRows

    rows = [
        ("用途", "备注", "借方余额", "贷方余额"),
        ("黄金", "甲", "一元", ""),
        ("bank", "乙", "1", ""),
        ("bank", "丙", "", ""),
    ]
    table = "\n".join(",".join(row) for row in rows)
    for content in (table.encode("gb18030"), workbook(*rows)):
        with pytest.raises(BadRows, match=r"第 2 行：没有“黄金”.*共 3 处错误") as caught:
            read_opening(content)
        back, _media = with_errors(content, caught.value.problems)
        if content.startswith(b"PK"):
            found = [
                [str(cell or "") for cell in row]
                for row in load_workbook(io.BytesIO(back)).active.iter_rows(values_only=True)
            ]
        else:
            found = list(csv.reader(io.StringIO(back.decode("utf-8-sig"))))
        assert [row[:4] for row in found] == [list(row) for row in rows]
        assert found[0][4] == "错误"
        assert ("黄金" in found[1][4], "一元" in found[1][4], found[2][4], "要写一个" in found[3][4]) == (
            True,
            True,
            "",
            True,
        )
        once_more, _media = with_errors(back, [])  # a report sent back: its column is used again
        assert len(once_more) < len(back)


@pytest.mark.parametrize("content", [b"PK\x03\x04 no zip", b"\xd0\xcf\x11\xe0 old", b"\x00\x01"])
def test_files_that_are_no_table_are_refused(content):
    from keqiao.ledger.sheets import read_opening

    with pytest.raises(BadInput, match=r"\.xlsx"):
        read_opening(content)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "文件是空的"),
        ("用途,借方余额\n", "缺少列：贷方余额"),
        ("用途,借方余额,贷方余额,用途\n", "出现了两次"),
        ("用途,借方余额,贷方余额\nbank,1,\n", "应有 2 到"),
        ("用途,借方余额,贷方余额\n黄金,1,\nbank,,1\n", "第 2 行：没有“黄金”"),
        ("用途,借方余额,贷方余额\nbank,1,\nbank,,一元\n", "第 3 行的贷方余额“一元”"),
        ("用途,借方余额,贷方余额\nbank,-1,\nbank,,1\n", "第 2 行的借方余额“-1”"),
        ("用途,借方余额,贷方余额\nbank,1.001,\nbank,,1\n", "第 2 行的借方余额“1.001”"),
        ("用途,借方余额,贷方余额\nbank,1,1\nbank,,1\n", "第 2 行：借方余额和贷方余额要写一个"),
        ("用途,币种,借方余额,贷方余额\nbank,XAU,1,\nbank,,,1\n", "第 2 行：币种“XAU”"),
        ("用途,到期日,借方余额,贷方余额\nbank,2026-02-30,1,\nbank,,,1\n", "第 2 行的到期日"),
    ],
)
def test_bad_tables_are_refused_by_row_and_column(text, words):
    with pytest.raises(BadInput, match=words):
        read(text)


def test_opening_that_does_not_balance_or_names_nobody(book):
    given = {"actor": SYSTEM, "book_code": book.code, "booked_on": date(2026, 1, 1), "key": "o"}
    with pytest.raises(Unbalanced, match=r"相差 1\.00"), transaction.atomic():
        services.import_opening(rows=read("用途,借方余额,贷方余额\nbank,2,\nnet_assets,,1\n"), **given)
    with pytest.raises(BadInput, match="第 3 行：没有编号"), transaction.atomic():
        services.import_opening(rows=read(OPENING.format(party="DW-NOBODY")), **given)
    assert Entry.objects.count() == 0


# --- what the database promises ---------------------------------------------------------------------------------------


def raw_entry(book, *, number=1, line_count=2, day=DAY, key="raw"):
    return Entry.objects.create(
        book=book, month=day.replace(day=1), number=number, booked_on=day, kind="ordinary", why="x", key=key,
        digest="0" * 64, line_count=line_count, posted_at=clock.now(),
    )  # fmt: skip


def raw_lines(entry, account, *amounts, first=1):
    EntryLine.objects.bulk_create(
        EntryLine(entry=entry, position=n, account=account, booked_on=entry.booked_on, amount=a, is_red=False, why="x")
        for n, a in enumerate(amounts, start=first)
    )


def raw_posting(book, account, *amounts):
    with transaction.atomic():
        raw_lines(raw_entry(book, number=2), account, *amounts)
        at_commit()


def test_database_refuses_what_does_not_balance(book):
    post(book, income())
    account = Account.objects.get(purpose="bank")
    for amounts in ((5, -4), (5, -5, 0), (5,)):
        with pytest.raises(DatabaseError):
            raw_posting(book, account, *amounts)
    raw_posting(book, account, 5, -5)


def test_database_refuses_lines_that_come_later_or_belong_elsewhere(book):
    entry = post(book, income())
    account, other = Account.objects.get(purpose="bank"), make_book()
    post(other, income())
    foreign = Account.objects.get(purpose="bank", book=other)
    for given in ((account, 3), (account, 1)):
        with pytest.raises(DatabaseError), transaction.atomic():
            raw_lines(entry, given[0], 5, -5, first=given[1])
    with pytest.raises(DatabaseError), transaction.atomic():
        raw_lines(raw_entry(book, number=2), foreign, 5, -5)


def test_database_refuses_changes_and_closed_months(book):
    entry = post(book, income())
    services.close_months(actor=SYSTEM, book_code=book.code, through=DAY)
    for sql in (
        "UPDATE ledger_line SET amount = amount * 2",
        "DELETE FROM ledger_line",
        "UPDATE ledger_entry SET why = 'y'",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_closing",
        "UPDATE ledger_checkpoint SET balance = 0",
        "UPDATE ledger_account SET currency = 'USD'",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    with pytest.raises(DatabaseError, match="month is closed"), transaction.atomic():
        raw_entry(book, number=2)
    assert Entry.objects.get().pk == entry.pk


# --- at once ----------------------------------------------------------------------------------------------------------


def at_once(*calls):
    """Run them in threads that begin together: what each gave, or the error that it raised."""
    ready, outcomes = Barrier(len(calls)), [None] * len(calls)

    def run(number, call):
        try:
            ready.wait(10)
            outcomes[number] = call()
        except DomainError as error:
            outcomes[number] = type(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=given) for given in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_same_key_at_once_posts_once():
    organisation = make_organisation()
    drafts = [income(key="k") for _n in range(6)]
    found = at_once(
        *(lambda d=d: services.post(actor=SYSTEM, organisation_id=organisation.pk, draft=d) for d in drafts)
    )
    assert {entry.pk for entry in found} == {Entry.objects.get().pk}


@pytest.mark.django_db(transaction=True)
def test_month_closed_while_posting():
    """Each entry is either in the month's checkpoint or refused."""
    book = make_book()
    post(book, income("1.00"))
    posts = [lambda: post(book, income("1.00")) for _n in range(6)]
    found = at_once(
        *posts[:3], lambda: services.close_months(actor=SYSTEM, book_code=book.code, through=DAY), *posts[3:]
    )
    refused = found.count(MonthClosed)
    assert Entry.objects.count() == 1 + 6 - refused
    bank = Checkpoint.objects.get(account__purpose="bank")
    assert bank.balance == 100 * Entry.objects.count()
    assert sorted(Entry.objects.values_list("number", flat=True)) == list(range(1, Entry.objects.count() + 1))


@pytest.mark.django_db(transaction=True)
def test_held_money_is_refunded_once_by_two_at_once():
    book, party = make_book(), make_organisation()
    post(book, deposit(party))
    found = at_once(*(lambda: post(book, refund(party)) for _n in range(2)))
    assert found.count(HeldTooLittle) == 1
    assert balances(book) == {}


# --- merges and people ------------------------------------------------------------------------------------------------


def test_book_follows_a_merged_organisation_and_comes_back(book):
    post(book, income())
    kept, operator = make_organisation(kind="university"), make_operator()
    merge = parties_services.merge_organisations(actor=operator, kept_code=kept.code, gone_code=book.organisation.code)
    services.move_book(actor=SYSTEM, from_id=book.organisation_id, merge_id=merge.pk)
    assert selectors.get_book(book.code, actor=make_finance(kept)).organisation_id == kept.pk
    parties_services.undo_merge(actor=operator, code=merge.code)
    services.move_book_back(actor=SYSTEM, merge_id=merge.pk)
    assert selectors.get_book(book.code, actor=SYSTEM).organisation_id == book.organisation_id


def test_both_books_are_seen_where_both_had_one(book):
    other = make_book()
    merge = parties_services.merge_organisations(
        actor=make_operator(), kept_code=other.organisation.code, gone_code=book.organisation.code
    )
    services.move_book(actor=SYSTEM, from_id=book.organisation_id, merge_id=merge.pk)
    finance = make_finance(other.organisation)
    assert {row.code for row in selectors.books_visible_to(finance)} == {book.code, other.code}
    assert services.post_by_hand(actor=finance, book_code=book.code, draft=income()).number == 1


def test_a_persons_lines_are_in_their_export(book):
    from keqiao.ledger import holdings

    person, money = make_person(), Money.of("80.00")
    owed = (
        debit(Purpose.REWARD_EXPENSE, money, "奖励"),
        credit(Purpose.REWARD_PAYABLE, money, "奖励", person_id=person.pk),
    )
    post(book, Draft("奖励", "k", owed, DAY))
    assert [(row["account"], row["amount_minor"]) for row in holdings.export(person.pk)["lines"]] == [
        ("应付职工薪酬—成果转化奖励", -8000)
    ]
