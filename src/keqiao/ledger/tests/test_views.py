"""Pages of books, through the client."""

import base64
import re
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from keqiao.ledger import selectors, services
from keqiao.ledger.models import Book, Closing, Entry
from keqiao.ledger.tests.factories import DAY, SYSTEM, claim, income, make_book, make_finance, post, settle
from keqiao.parties.tests.factories import make_operator, make_organisation, user_of
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def book(rules):
    return make_book()


@pytest.fixture
def finance(book, client):
    actor = make_finance(book.organisation)
    client.force_login(user_of(actor))
    return actor


def pages(book):
    return [
        f"/books/{book.code}{rest}"
        for rest in (
            "", "/accounts/1002.01?first=2026-01&last=2026-12", "/entries", "/entries/2026-03/1", "/post", "/trial-balance",
            "/ageing", "/ageing?side=liability", "/months", "/opening", "/opening/template", "/opening/template.xlsx", "/export.xlsx", "/export.beancount",
        )
    ]  # fmt: skip


def test_finance_and_auditors_read_every_page_and_nobody_else(book, client):
    post(book, claim(make_organisation()))
    post(book, income())
    for actor, status in (
        (make_finance(book.organisation), 200),
        (make_finance(book.organisation, Role.AUDITOR), 200),
        (make_finance(), 404),
        (make_finance(book.organisation, Role.CONVERSION_OFFICER), 404),
        (make_operator(), 404),
    ):
        client.force_login(user_of(actor))
        found = {page: client.get(page).status_code for page in pages(book)}
        forms = {f"/books/{book.code}/post", f"/books/{book.code}/opening"}  # an auditor reads
        assert {found[page] for page in found.keys() - forms} == {status}
        assert {found[page] for page in forms} == {
            403 if actor.has_role(book.organisation_id, Role.AUDITOR) else status
        }


def test_auditor_sees_no_form_and_may_post_nothing(book, client):
    post(book, income())
    client.force_login(user_of(make_finance(book.organisation, Role.AUDITOR)))
    for page in ("", "/entries/2026-03/1", "/months"):
        assert 'class="btn btn--primary"' not in client.get(f"/books/{book.code}{page}").content.decode()
    for page, given in (
        ("", {"purpose": "bank", "currency": "CNY"}),
        ("/entries/2026-03/1", {"why": "x", "key": "k"}),
        ("/months", {"month": "2026-03"}),
        ("/months", {}),
        ("/post", {}),
        ("/opening", {}),
    ):
        assert client.post(f"/books/{book.code}{page}", given).status_code == 403
    assert (Entry.objects.count(), Closing.objects.count()) == (1, 0)


def test_a_book_is_opened_on_the_page(client):
    actor = make_finance()
    client.force_login(user_of(actor))
    assert "为本单位建账" in client.get("/books").content.decode()
    answer = client.post("/books/open")
    book = Book.objects.get()
    assert (answer["Location"], book.organisation_id) == (f"/books/{book.code}", actor.acting_for)
    assert "为本单位建账" not in client.get("/books").content.decode()


def test_the_chart_of_accounts_says_its_source_and_that_it_is_not_confirmed(book, finance, client):
    shown = client.get(f"/books/{book.code}").content.decode()
    assert "财会〔2017〕25号" in shown
    assert "待核对" in shown


def typed(*rows, **more):
    columns = dict(
        zip(("account", "party", "debit", "credit", "memo"), map(list, zip(*rows, strict=True)), strict=True)
    )
    return {"booked_on": "2026-03-10", "why": "付检测费", "key": "page:1", **columns, **more}


def test_an_entry_is_typed_posted_once_and_taken_back(book, finance, client):
    services.open_account(actor=finance, book_code=book.code, purpose="bank")
    services.open_account(actor=finance, book_code=book.code, purpose="direct_cost")
    given = typed(("5001.01", "", "1,200.50", "", ""), ("1002.01", "", "", "1200.50", "转账"), ("", "", "", "", ""))
    for _twice in range(2):
        answer = client.post(f"/books/{book.code}/post", given)
        assert answer["Location"] == f"/books/{book.code}/entries/2026-03/1"
    entry = Entry.objects.get()
    assert [(row.amount, row.why) for row in selectors.lines_of(entry)] == [(120050, "付检测费"), (-120050, "转账")]
    shown = client.get(answer["Location"]).content.decode()
    key = re.search(r'name="key" value="([^"]+)"', shown).group(1)
    for _twice in range(2):
        answer = client.post(f"/books/{book.code}/entries/2026-03/1", {"why": "记错", "key": key})
        assert answer.status_code == 302
    assert Entry.objects.count() == 2
    assert "已被冲销" in client.get(f"/books/{book.code}/entries/2026-03/1").content.decode()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("1002.01", "", "1", "", ""), ("1002.01", "", "", "2", "")], "借贷不平，相差 -1.00"),
        ([("1002.01", "", "1", "1", ""), ("1002.01", "", "", "2", "")], "第 1 行：借方和贷方要写一个"),
        ([("1002.01", "", "abc", "", ""), ("1002.01", "", "", "2", "")], "“abc”不是金额"),
        ([("1002.01", "", "-5", "", ""), ("1002.01", "", "", "2", "")], "“-5”不是金额。借方或贷方写大于 0 的数"),
        ([("1002.01", "", "99999999999999", "", ""), ("1002.01", "", "", "2", "")], "也不能超过 10,000,000,000,000"),
        ([("1002.01", "DW-0", "1", "", ""), ("1002.01", "", "", "1", "")], "第 1 行：没有编号"),
        ([("", "", "1", "", ""), ("1002.01", "", "", "1", "")], "第 1 行：请选一个科目"),
    ],
)
def test_what_was_typed_wrong_comes_back_with_the_reason(book, finance, client, rows, words):
    services.open_account(actor=finance, book_code=book.code, purpose="bank")
    answer = client.post(f"/books/{book.code}/post", typed(*rows))
    shown = answer.content.decode()
    assert (answer.status_code, Entry.objects.count()) == (422, 0)
    assert words in shown
    assert 'value="付检测费"' in shown


def test_more_lines_keep_what_was_typed(book, finance, client):
    shown = client.post(f"/books/{book.code}/post", typed(("", "", "7.77", "", ""), more="1")).content.decode()
    assert 'value="7.77"' in shown
    assert shown.count('name="debit"') == 5


def test_months_are_closed_on_the_page(book, finance, client):
    post(book, income())
    assert 'value="2026-03"' in client.get(f"/books/{book.code}/months").content.decode()
    assert client.post(f"/books/{book.code}/months", {"month": "2099-01"}).status_code == 422
    assert client.post(f"/books/{book.code}/months", {"month": "2026-03"}).status_code == 302
    assert Closing.objects.get().closed_by_id == finance.person_id


def test_opening_balances_are_sent_as_a_file(book, finance, client):
    def send(text):
        file = SimpleUploadedFile("期初.csv", text.encode("gb18030"))
        return client.post(f"/books/{book.code}/opening", {"booked_on": "2026-01-01", "key": "page:o", "file": file})

    assert send("用途,借方余额,贷方余额\nbank,1,\nnet_assets,,2\n").status_code == 422
    assert send("用途,借方余额,贷方余额\nbank,1,\nnet_assets,,1\n").status_code == 302
    assert Entry.objects.get().kind == "opening"


def test_a_wrong_table_comes_back_with_its_errors(book, finance, client):
    text = "用途,往来单位,借方余额,贷方余额\nreceivable,DW-0,1,\nreceivable,,1,\nnet_assets,,,2\n"
    file = SimpleUploadedFile("期初.csv", text.encode())
    answer = client.post(f"/books/{book.code}/opening", {"booked_on": "2026-01-01", "key": "page:o", "file": file})
    shown = answer.content.decode()
    assert (answer.status_code, Entry.objects.count()) == (422, 0)
    assert "第 2 行：没有编号" in shown
    assert "第 3 行：科目 应收账款 要写往来对方" in shown
    back = base64.b64decode(re.search(r'href="data:text/csv;base64,([^"]+)"', shown).group(1)).decode("utf-8-sig")
    assert back.splitlines()[1].startswith("receivable,DW-0,1,,第 2 行")
    assert client.get(f"/books/{book.code}/opening/template.xlsx").content.startswith(b"PK")


def test_a_statement_of_one_party_is_asked_by_a_line(book, finance, client):
    party, other = make_organisation(name_zh="甲公司"), make_organisation(name_zh="乙公司")
    post(book, claim(party))
    post(book, claim(other))
    asked = f"/books/{book.code}/accounts/1212.01?first=2026-01&last=2026-12"
    assert "乙公司" in client.get(asked).content.decode()
    for mark in ("2026-03-1.1", party.code):
        shown = client.get(f"{asked}&party={mark}").content.decode()
        assert ("甲公司" in shown, "乙公司" in shown) == (True, False)
    for wrong in ("first=2026-13", "first=2027-01&last=2026-01", "party=DW-0"):
        assert client.get(f"/books/{book.code}/accounts/1212.01?{wrong}").status_code == 422


def test_lists_cost_the_same_for_one_row_and_three(book, finance, client, django_assert_num_queries):
    def cost(page):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as queries:
            assert client.get(page).status_code == 200
        return len(queries)

    party = make_organisation()
    post(book, claim(party))
    asked = [page for page in pages(book) if "export" not in page and "template" not in page]
    before = {page: cost(page) for page in asked if "1002.01" not in page}
    for _n in range(2):
        post(book, claim(make_organisation()))
        post(book, settle(party, "1.00"))
    assert {page: cost(page) for page in before} == before
    assert max(before.values()) < 25


def test_exports_say_when_they_are_too_long(book, finance, client, monkeypatch):
    monkeypatch.setattr("keqiao.ledger.exporting.MOST_LINES_ON_THE_WEB", 1)
    post(book, income())
    answer = client.get(f"/books/{book.code}/export.xlsx")
    assert (answer.status_code, "导出的分录太多" in answer.content.decode()) == (422, True)


def test_closed_month_is_said_at_the_form(book, finance, client):
    services.open_account(actor=finance, book_code=book.code, purpose="bank")
    post(book, income())
    services.close_months(actor=SYSTEM, book_code=book.code, through=DAY)
    answer = client.post(f"/books/{book.code}/post", typed(("1002.01", "", "1", "", ""), ("1002.01", "", "", "1", "")))
    assert (answer.status_code, "账已结到 2026-03-31" in answer.content.decode()) == (409, True)
    assert selectors.closed_through(book) == date(2026, 3, 31)
