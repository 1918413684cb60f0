"""From a receipt to money: officer, three contributors (one left, one contests), finance and auditor, in both languages."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def world(lanjiang, django_db_blocker):
    """A university of its own beside the city, whose result is not public: nothing of the city changes."""
    from django.db import connections

    from keqiao.accounts import services as consents
    from keqiao.accounts.types import REQUIRED, ConsentWay
    from keqiao.deals.tests.factories import make_world
    from keqiao.parties import selectors as parties
    from keqiao.parties.models import Person, Post

    with django_db_blocker.unblock():
        made = make_world(state="draft", published_at=None)
        Post.objects.filter(person_id=made.team[2].person_id).update(ended_on="2026-10-01")  # left the institution
        consents.give_consents(
            actor=parties.system(), person_id=made.team[0].person_id, documents=REQUIRED, how=ConsentWay.DEMO
        )
        emails = {actor: Person.objects.get(pk=actor.person_id).user.email for actor in
                  (made.officer, made.finance, made.auditor, *made.team)}  # fmt: skip
        connections.close_all()
    return made, emails


def signed_in(browser, site, email, language):
    page = browser.new_context(locale="zh-CN").new_page()
    page.goto(f"{site}/sign-in?lang={language}")
    page.locator("#id_username").fill(email)
    page.locator("#id_password").fill("lanjiang-2026-demo")
    page.locator("#sign-in-button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_receipt_is_divided_contested_approved_shown_and_paid(browser, lanjiang, world, django_db_blocker, language):
    made, emails = world

    def visit(actor):
        return signed_in(browser, lanjiang, emails[actor], language)

    officer = visit(made.officer)
    officer.goto(f"{lanjiang}/deals")
    officer.locator(f"a[href='/deals/{made.deal.code}']").click()
    officer.locator("a[href$='/receipts/1/divide']").click()
    officer.locator("#f-second").select_option("")
    officer.locator("form[method=get] button").click()
    expect(officer.locator("#compared")).to_be_visible()
    officer.locator("main form[method=post] button").first.click()
    officer.wait_for_url("**/distributions/*")
    sheet = officer.url.split("?", maxsplit=1)[0]
    code = sheet.rsplit("/", 1)[1]

    for actor in (made.team[0], made.team[2]):
        page = visit(actor)
        page.goto(f"{lanjiang}/me/money")
        page.locator(f"a[href='/me/money/{code}']").click()
        page.locator("button[value=confirm]").press("Enter")
        expect(page.locator("button[value=confirm]")).to_have_count(0)
    contests = visit(made.team[1])
    contests.goto(f"{lanjiang}/me/money/{code}")
    expect(contests.locator("main")).to_contain_text("394,800.00")
    expect(contests.locator("main")).not_to_contain_text("658,000.00")
    contests.locator("details summary").click()
    contests.locator("#f-reason").fill("应为 40%")
    contests.locator("button[value=contest]").click()
    officer.goto(sheet)
    officer.locator("textarea[name=reply]").fill("按签署的比例")
    officer.locator("form[action*='/contests/'] button").click()
    contests.goto(f"{lanjiang}/me/money/{code}")
    expect(contests.locator("main")).to_contain_text("按签署的比例")
    contests.locator("button[value=confirm]").click()

    officer.goto(sheet)
    officer.locator("form[action$='/approve'] button").click()
    expect(officer.locator("a[href^='/public-notices/']")).to_be_visible()
    officer.locator("a[href^='/public-notices/']").click()
    expect(officer.locator("main")).to_contain_text("1,316,000.00")
    with django_db_blocker.unblock():
        from django.db import connections

        from keqiao.deals.models import Distribution
        from keqiao.deals.tests.factories import end_notice

        end_notice(Distribution.objects.get(code=code))
        connections.close_all()

    finance = visit(made.finance)
    finance.goto(sheet)
    for left in (4, 3, 2, 1):
        expect(finance.locator("form[action$='/pay']")).to_have_count(left)
        finance.locator("form[action$='/pay'] button").first.click()
    expect(finance.locator("form[action$='/pay']")).to_have_count(0)
    auditor = visit(made.auditor)
    auditor.goto(sheet)
    expect(auditor.locator("main")).to_contain_text("1,316,000.00")
    expect(auditor.locator("main form")).to_have_count(0)
    auditor.locator("a[href*='/entries/']").first.click()
    expect(auditor.locator("main")).to_contain_text(code)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_price_is_shown_objected_to_and_signed_on(browser, lanjiang, world, django_db_blocker, language):
    made, emails = world
    officer = signed_in(browser, lanjiang, emails[made.officer], language)
    officer.goto(f"{lanjiang}/deals")
    officer.locator("a[href='/price-notices']").click()
    officer.locator("a[href='/price-notices/new']").first.click()
    officer.locator("#f-title_zh").fill("轴承寿命预测普通许可")
    officer.locator("#f-mode").select_option("licence")
    officer.locator("#f-amount").fill("1200000")
    officer.locator("input[name=result]").first.fill(made.result.code)
    officer.locator("main form[method=post] button").press("Enter")
    officer.wait_for_url("**/public-notices/*")
    notice = officer.url.split("?", maxsplit=1)[0]
    expect(officer.locator("main")).to_contain_text("1,200,000.00 CNY")

    colleague = signed_in(browser, lanjiang, emails[made.team[0]], language)
    colleague.goto(f"{lanjiang}/public-notices")
    colleague.locator(f"a[href='/public-notices/{notice.rsplit('/', 1)[1]}']").click()
    colleague.locator("#f-text").fill("价格偏低")
    colleague.locator("#object button, section[aria-labelledby=object] button").first.click()
    expect(colleague.locator("main")).to_contain_text("价格偏低")
    officer.goto(notice)
    officer.locator("input[name=outcome][value=dismissed]").check()
    officer.locator("textarea[name=answer]").fill("已委托评估")
    officer.locator("form[action*='/objections/'] button").click()
    with django_db_blocker.unblock():
        from django.db import connections

        from keqiao.deals.models import PriceNotice
        from keqiao.deals.tests.test_pricing import over

        row = over(PriceNotice.objects.get(notice__code=notice.rsplit("/", 1)[1]))
        connections.close_all()

    officer.goto(f"{lanjiang}/deals/new")
    officer.locator("#f-title_zh").fill("轴承寿命预测普通许可合同")
    officer.locator("#f-mode").select_option("licence")
    officer.locator("#f-pricing").select_option("agreement")
    officer.locator("#f-other_party").fill(made.buyer.code)
    officer.locator("#f-signed_on").fill(officer.evaluate("new Date().toISOString().slice(0, 10)"))
    officer.locator("#f-amount").fill("1200000")
    officer.locator("input[name=result]").first.fill(made.result.code)
    officer.locator("main form[method=post] button").click()
    expect(officer.locator("[role=alert]").first).to_be_visible()  # nothing is signed on no notice
    officer.locator("#f-price_notice").select_option(row.code)
    officer.locator("main form[method=post] button").click()
    officer.wait_for_url("**/deals/HT-*")
    expect(officer.locator("main")).to_contain_text(row.code)


def test_a_contributor_without_an_account_is_named_and_joins_by_the_link(browser, lanjiang, world):
    made, emails = world
    officer = signed_in(browser, lanjiang, emails[made.officer], "zh")
    officer.goto(f"{lanjiang}/achievements/{made.result.code}/shares")
    officer.locator("#f-name_zh").fill("韩墨言")
    officer.locator("button[value=name]").click()
    link = officer.locator("code.brk").inner_text()
    himself = signed_in(browser, lanjiang, emails[made.team[1]], "zh")
    himself.goto(f"{lanjiang}{link[link.index('/contributors') :]}")
    expect(himself.locator("main")).to_contain_text("韩墨言")
    himself.locator("main form button").press("Enter")
    officer.reload()
    expect(officer.locator("main")).to_contain_text("已加入")
