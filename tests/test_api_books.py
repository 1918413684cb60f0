"""The API of books: the same commands by token, the same silence about what is hidden."""

import io
import json
from datetime import date

import pytest
from openpyxl import load_workbook

from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.ledger import exporting, services
from keqiao.ledger.models import Closing, Entry
from keqiao.ledger.tests.factories import make_book, make_finance
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_organisation
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def book(rules):
    return make_book()


def caller(client, actor, scopes=("books:read", "books:write")):
    headers = bearer(make_token(person=Person.objects.get(pk=actor.person_id), scopes=list(scopes))[1])

    def call(method, address, body=None):
        given = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        answer = client.generic(method, f"/api/v1{address}", headers=headers, **given)
        return answer.status_code, answer.json()

    return call


def entry(*lines, key="k", **more):
    names = ("account", "amount_minor", "organisation")
    rows = [dict(zip(names, line, strict=False)) for line in lines]
    return {"booked_on": "2026-03-10", "why": "许可费", "key": key, "lines": rows, **more}


def test_a_book_from_the_first_account_to_the_closed_month(client, book):
    call, at, party = caller(client, make_finance(book.organisation)), f"/books/{book.code}", make_organisation()
    for purpose in ("bank", "receivable", "conversion_income"):
        status, account = call("POST", f"{at}/accounts", {"purpose": purpose})
        assert (status, account["balance_minor"]) == (201, 0)
    body = entry(("1212.01", 10_000, party.code), ("4101.01", -10_000))
    status, posted = call("POST", f"{at}/entries", body)
    assert (status, posted["month"], posted["number"], posted["lines"][0]["organisation"]) == (
        201,
        "2026-03",
        1,
        party.code,
    )
    assert call("POST", f"{at}/entries", body) == (201, posted)
    assert call("POST", f"{at}/entries", {**body, "why": "别的"})[0] == 409
    assert call("POST", f"{at}/entries", entry(("1002.01", 1), ("4101.01", -2), key="k2"))[0] == 422
    assert call("POST", f"{at}/entries", entry(("1002.01", 4_000), ("1212.01", -4_000, party.code), key="k3"))[0] == 201
    status, found = call("GET", f"{at}/accounts/1212.01?party={party.code}&per_page=1")
    assert (found["closing_minor"], found["lines"][0]["balance_minor"]) == (6_000, 10_000)
    second = call("GET", f"{at}/accounts/1212.01?per_page=1&after={found['next_after']}")[1]
    assert (second["brought_minor"], second["lines"][0]["balance_minor"], second["next_after"]) == (10_000, 6_000, None)
    status, trial = call("GET", f"{at}/trial-balance?first=2026-03&last=2026-03")
    assert (trial["is_balanced"], len(trial["rows"])) == (True, 3)
    assert call("POST", f"{at}/closings", {"through": "2026-03"}) == (201, {"months": ["2026-03"]})
    assert call("POST", f"{at}/entries", entry(("1002.01", 1), ("4101.01", -1), key="k4"))[0] == 409
    status, red = call("POST", f"{at}/entries/2026-03/1/reversal", {"why": "记错", "key": "r"})
    assert (status, red["kind"], [row["amount_minor"] for row in red["lines"]]) == (201, "reversal", [-10_000, 10_000])
    assert call("GET", f"{at}/entries")[1]["total"] == 3
    assert call("GET", f"{at}/entries/2026-03/1")[1]["digest"] == posted["digest"]
    assert call("GET", "/books")[1]["items"][0]["closed_through"] == "2026-03-31"


def test_opening_balances_ages_and_closed_months(client, book):
    call, at, party = caller(client, make_finance(book.organisation)), f"/books/{book.code}", make_organisation()
    debt = {"purpose": "receivable", "amount_minor": 500, "organisation": party.code, "due_on": "2026-02-01"}
    body = {"booked_on": "2026-01-31", "key": "o", "rows": [debt, {"purpose": "net_assets", "amount_minor": -500}]}
    for wrong in (
        {**body, "rows": [{**debt, "organisation": "DW-0"}, body["rows"][1]]},
        {**body, "rows": [{**debt, "currency": "XAU"}, body["rows"][1]]},
        {**body, "rows": [debt, debt]},
    ):
        assert call("POST", f"{at}/opening", wrong)[0] == 422
    status, made = call("POST", f"{at}/opening", body)
    assert (status, made["kind"], call("POST", f"{at}/opening", body)) == (201, "opening", (201, made))
    status, found = call("GET", f"{at}/ageing")
    assert [(row["organisation"], row["total_minor"]) for row in found["items"]] == [(party.code, 500)]
    assert (sum(found["items"][0]["parts_minor"]), len(found["items"][0]["parts_minor"])) == (
        500,
        len(found["limits"]) + 1,
    )
    assert call("GET", f"{at}/ageing?side=liability")[1]["items"] == []
    call("POST", f"{at}/closings", {"through": "2026-02"})
    assert [row["month"] for row in call("GET", f"{at}/closings")[1]["items"]] == ["2026-02", "2026-01"]
    assert [row["closed_through"] for row in call("GET", "/books")[1]["items"]] == ["2026-02-28"]


def test_months_leave_as_the_same_file_that_the_page_gives(client, book):
    actor, at, party = make_finance(book.organisation), f"/books/{book.code}", make_organisation()
    call = caller(client, actor)
    for purpose in ("receivable", "conversion_income"):
        call("POST", f"{at}/accounts", {"purpose": purpose})
    call("POST", f"{at}/entries", entry(("1212.01", 10_000, party.code), ("4101.01", -10_000)))
    headers = bearer(make_token(person=Person.objects.get(pk=actor.person_id), scopes=["books:read"])[1])
    months = "first=2026-03&last=2026-03"
    text = client.get(f"/api/v1{at}/export?as=beancount&{months}", headers=headers)
    assert text["Content-Disposition"] == f'attachment; filename="{book.code}-202603-202603.beancount"'
    first, last = date(2026, 3, 1), date(2026, 3, 31)
    assert text.getvalue().decode() == "".join(exporting.beancount(book, first, last))
    table = client.get(f"/api/v1{at}/export?{months}", headers=headers)
    assert table["Content-Type"] == exporting.MEDIA_TYPES["xlsx"]
    journal = load_workbook(io.BytesIO(table.getvalue()))["序时账"]
    assert [row[7] for row in journal.iter_rows(min_row=4, values_only=True)] == [100, None]
    assert call("GET", f"{at}/export?as=pdf")[0] == 422
    assert call("GET", f"{at}/export?first=2026-04&last=2026-03")[1]["field"] == "first"
    assert caller(client, make_finance())("GET", f"{at}/export")[0] == 404


def test_books_are_hidden_from_others_and_from_tokens_without_the_scope(client, book):
    services.open_account(actor=make_finance(book.organisation), book_code=book.code, purpose="bank")
    addresses = ["/accounts", "/accounts/1002.01", "/entries", "/trial-balance", "/ageing", "/closings"]
    for actor, scopes in (
        (make_finance(), ["books:read"]),
        (make_finance(book.organisation, Role.RESEARCHER), ["books:read"]),
        (make_finance(book.organisation), ["me:read"]),
    ):
        call = caller(client, actor, scopes)
        assert {call("GET", f"/books/{book.code}{address}")[0] for address in addresses} == {404}
        assert call("GET", "/books")[1]["total"] == 0
    auditor = caller(client, make_finance(book.organisation, Role.AUDITOR))
    assert {auditor("GET", f"/books/{book.code}{address}")[0] for address in addresses} == {200}
    assert auditor("POST", f"/books/{book.code}/closings", {"through": "2026-03"})[0] == 403
    reader = caller(client, make_finance(book.organisation), ["books:read"])
    assert reader("POST", f"/books/{book.code}/entries", entry(("1002.01", 1), ("1002.01", -1)))[0] == 403
    assert (Entry.objects.count(), Closing.objects.count()) == (0, 0)


def test_a_book_is_opened_once_and_an_empty_account_closed(client, rules):
    organisation = make_organisation()
    call = caller(client, make_finance(organisation))
    status, opened = call("POST", "/books", {"organisation": organisation.code})
    assert (status, opened["organisation"]) == (201, organisation.code)
    assert call("POST", "/books", {"organisation": organisation.code})[1]["code"] == opened["code"]
    assert call("POST", "/books", {"organisation": make_organisation().code})[0] == 403
    at = f"/books/{opened['code']}/accounts"
    bank, income = (call("POST", at, {"purpose": name})[1]["number"] for name in ("bank", "conversion_income"))
    body = entry((bank, 100), (income, -100))
    assert call("POST", f"/books/{opened['code']}/entries", body)[0] == 201
    status, refused = call("POST", f"{at}/{bank}/closing")
    assert (status, refused["field"]) == (422, "number")
    assert call("POST", f"/books/{opened['code']}/entries/2026-03/1/reversal", {"why": "重记", "key": "r"})[0] == 201
    assert call("POST", f"{at}/{bank}/closing")[1]["is_closed"]
    assert call("POST", f"{at}/9999.01/closing")[0] == 404
