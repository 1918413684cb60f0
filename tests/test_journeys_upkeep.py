"""What may no longer hold: found by the night's job, told, and answered with one click; with and without script."""

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.test_journeys_joining import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def neglected(lanjiang, django_db_blocker):
    """An enterprise of this test with three needs whose deadline has passed, after the night's job. (e-mail, codes)."""
    from django.db import connections

    from keqiao.alerts import tasks
    from keqiao.alerts.models import StaleItem
    from keqiao.catalogue.models import Need
    from keqiao.catalogue.tests.factories import make_need
    from keqiao.kernel import clock
    from keqiao.parties.tests.factories import make_organisation, make_person

    with django_db_blocker.unblock():
        before = list(StaleItem.objects.values_list("pk", flat=True))
        home = make_organisation()
        user = make_person(organisation=home).user
        user.set_password("lanjiang-2026-demo")
        user.save(update_fields=["password"])
        past = clock.today() - timedelta(days=30)
        needs = [make_need(publisher=home, title=title, deadline=past) for title in ("还要的", "要延长的", "不要了的")]
        tasks.find_stale_items(timestamp=0)
        connections.close_all()
    yield user.email, [need.code for need in needs]
    with django_db_blocker.unblock():
        # The city's other pages are as they were: no new lines of upkeep, and no needs of an enterprise that nobody knows.
        StaleItem.objects.exclude(pk__in=before).delete()
        Need.objects.filter(publisher=home).update(state="withdrawn")
        connections.close_all()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_from_the_notice_to_an_answer_for_each(browser, lanjiang, neglected, script, django_db_blocker):
    email, codes = neglected
    page = signed_in(browser, lanjiang, email, script=script)
    page.goto(f"{lanjiang}/me/notices")
    page.get_by_text("需要您确认是否仍然有效").first.click()
    expect(page).to_have_url(re.compile("/me/upkeep"))
    rows = page.locator("main .marks > li")
    expect(rows.filter(has_text="截止日期已过")).to_have_count(3)
    if script:
        results = Axe().run(page, options={"runOnly": WCAG})
        assert [violation["id"] for violation in results.response["violations"]] == []
    page.get_by_role("button", name=f"仍然有效 {codes[0]}").press("Enter")
    expect(page.get_by_text("已确认仍然有效，一段时间内不再询问。")).to_be_visible()
    page.get_by_role("button", name=f"续期 {codes[1]}").press("Enter")
    expect(page.get_by_text("已续期。")).to_be_visible()
    page.get_by_role("button", name=f"撤回 {codes[2]}").press("Enter")
    expect(page.get_by_text("已撤回，不再公开。")).to_be_visible()
    expect(page.get_by_role("heading", name="没有需要维护的条目")).to_be_visible()

    page.get_by_role("link", name="回到工作台").click()
    expect(page).to_have_url(re.compile("/me$"))
    reader = browser.new_context(locale="zh-CN", java_script_enabled=script).new_page()
    assert [reader.goto(f"{lanjiang}/needs/{code}").status for code in codes] == [200, 200, 404]
    the_next_night(django_db_blocker)
    page.goto(f"{lanjiang}/me/upkeep")  # the deadlines are still past, but both were answered for
    expect(page.get_by_role("heading", name="没有需要维护的条目")).to_be_visible()


def the_next_night(django_db_blocker):
    from django.db import connections

    from keqiao.alerts import tasks

    with django_db_blocker.unblock():
        tasks.find_stale_items(timestamp=0)
        connections.close_all()
