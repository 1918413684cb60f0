"""The life of a book: finance opens, posts, takes back, reads and closes; an auditor reads and may not post.

In both languages; by mouse, by keyboard alone, on a phone, and without script.
"""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WAYS = {
    "mouse": {"viewport": {"width": 1440, "height": 900}},
    "keyboard": {"viewport": {"width": 1440, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "without script": {"viewport": {"width": 1440, "height": 900}, "java_script_enabled": False},
}


@pytest.fixture
def people(lanjiang, django_db_blocker):
    """A university of its own beside the city, with a finance officer, an auditor and somebody who owes it money."""
    from django.db import connections

    from keqiao.ledger.tests.factories import make_finance
    from keqiao.parties.models import Person
    from keqiao.parties.tests.factories import make_organisation
    from keqiao.parties.types import Role

    with django_db_blocker.unblock():
        home, debtor = make_organisation(kind="university"), make_organisation()
        made = make_finance(home), make_finance(home, Role.AUDITOR)
        emails = [Person.objects.get(pk=actor.person_id).user.email for actor in made]
        connections.close_all()
    return *emails, debtor.code


class Visit:
    """One person at one browser, who presses things by the mouse, a finger or the keyboard."""

    def __init__(self, browser, site, email, language, way):
        self.way, self.site = way, site
        self.page = browser.new_context(locale="zh-CN", **WAYS[way]).new_page()
        self.page.goto(f"{site}/sign-in?lang={language}")
        self.fill("#id_username", email)
        self.fill("#id_password", "lanjiang-2026-demo")
        self.press("#sign-in-button")
        expect(self.page).not_to_have_url(re.compile("/sign-in"))

    def go(self, path):
        self.page.goto(self.site + path)
        return self.page.locator("main")

    def fill(self, selector, text, nth=0):
        place = self.page.locator(selector).nth(nth)
        if self.way == "keyboard" and place.get_attribute("type") != "date":
            place.focus()
            self.page.keyboard.insert_text(text)
        else:
            place.fill(text)

    def choose(self, selector, value, nth=0):
        place = self.page.locator(selector).nth(nth)
        if self.way != "keyboard":
            place.select_option(value)
            return
        place.focus()
        values = place.locator("option").evaluate_all("all => all.map(one => one.value)")
        self.page.keyboard.press("Home")
        for _step in range(values.index(value)):
            self.page.keyboard.press("ArrowDown")
        assert place.input_value() == value

    def press(self, selector):
        place = self.page.locator(selector).first
        if self.way == "keyboard":
            place.focus()
            self.page.keyboard.press("Enter")
        elif self.way == "phone":
            place.tap()
        else:
            place.click()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("way", WAYS)
def test_a_book_is_kept_and_audited(browser, lanjiang, people, way, language):
    finance_email, auditor_email, debtor = people
    finance = Visit(browser, lanjiang, finance_email, language, way)
    finance.go("/books")
    finance.press("form[action='/books/open'] button")
    expect(finance.page).to_have_url(re.compile(r"/books/ZB-"))
    book = "/" + finance.page.url.split("/", 3)[3]

    for count, purpose in enumerate(("bank", "receivable", "conversion_income"), start=1):
        finance.choose("select[name=purpose]", purpose)
        finance.press("main form[method=post] button.btn--primary")
        expect(finance.page.locator("main tbody tr")).to_have_count(count)
    expect(finance.page.locator("main")).to_contain_text("1212.01")

    finance.go(f"{book}/post")
    finance.fill("input[name=why]", "=SUM(应收许可费)")
    finance.fill("input[name=booked_on]", "2026-03-10")
    finance.choose("select[name=account]", "1212.01")
    finance.fill("input[name=party]", debtor)
    finance.fill("input[name=debit]", "1,200.50")
    finance.choose("select[name=account]", income_number(finance), nth=1)
    finance.fill("input[name=credit]", "1200.00", nth=1)
    finance.press("main form[method=post] button.btn--primary")
    expect(finance.page.locator("[role=alert]")).to_contain_text("0.50")  # does not balance, and nothing is lost
    expect(finance.page.locator("input[name=debit]").first).to_have_value("1,200.50")
    finance.page.locator("input[name=credit]").nth(1).fill("")
    finance.fill("input[name=credit]", "1200.50", nth=1)
    finance.press("main form[method=post] button.btn--primary")
    expect(finance.page).to_have_url(re.compile(r"/entries/2026-03/1$"))
    expect(finance.page.locator("main")).to_contain_text("1,200.50")

    expect(finance.go(f"{book}/accounts/1212.01?first=2026-03&last=2026-03")).to_contain_text("1,200.50")
    expect(finance.go(f"{book}/ageing")).to_contain_text("1,200.50")
    expect(finance.go(f"{book}/trial-balance?first=2026-01&last=2026-12")).to_contain_text("1,200.50")

    auditor = Visit(browser, lanjiang, auditor_email, language, way)
    for page in ("", "/entries", "/entries/2026-03/1", "/trial-balance", "/ageing", "/months", "/opening"):
        auditor.go(f"{book}{page}")
        expect(auditor.page.locator("h1")).to_be_visible()
        expect(auditor.page.locator("main form[method=post]")).to_have_count(0)
    auditor.go(f"{book}/entries")
    expect(auditor.page.locator(f"a[href='{book}/post']")).to_have_count(0)

    finance.go(f"{book}/entries/2026-03/1")
    finance.fill("main form[method=post] [name=why]", "金额记错")
    finance.press("main form[method=post] button")
    expect(finance.page).to_have_url(re.compile(r"/entries/2026-\d\d/\d+$"))
    expect(finance.page.locator("main")).to_contain_text("-1,200.50")
    expect(auditor.go(f"{book}/ageing")).not_to_contain_text("1,200.50")

    finance.go(f"{book}/months")
    finance.press("main form[method=post] button")
    expect(finance.page.locator("main table")).to_contain_text("2026-03")
    finance.go(f"{book}/post")
    finance.fill("input[name=why]", "补记")
    finance.page.locator("input[name=booked_on]").fill("2026-03-11")
    for place, (account, side) in enumerate((("1002.01", "debit"), (income_number(finance), "credit"))):
        finance.choose("select[name=account]", account, nth=place)
        finance.fill(f"input[name={side}]", "1", nth=place)
    finance.press("main form[method=post] button.btn--primary")
    expect(finance.page.locator("[role=alert]")).to_contain_text("2026-03-31")


def income_number(visit):
    """What the chart of this kind of organisation calls income of conversion."""
    return next(
        value
        for value in visit.page.locator("select[name=account]")
        .first.locator("option")
        .evaluate_all("all => all.map(one => one.value)")
        if value.startswith(("4", "6"))
    )
