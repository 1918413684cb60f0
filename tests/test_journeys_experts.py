"""An operator plans, reads why, overrides one and confirms; one expert accepts, another declines, the next is asked.

By mouse in Chinese, on a phone in English, and without script.
"""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.test_journeys_contact import visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPERATOR = "admin@ltt.example"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def worker(django_db_blocker):
    """Does what the job would: the city's site has no worker."""

    def work(code):
        from keqiao.experts import tasks
        from keqiao.experts.models import AssignmentPlan

        with django_db_blocker.unblock():
            tasks.compute_plan(plan_id=AssignmentPlan.objects.get(code=code).pk)

    return work


@pytest.fixture
def asked(django_db_blocker):
    """E-mail address → code of the assignment that waits for their answer, in a plan."""

    def look(code):
        from keqiao.experts.models import Assignment

        with django_db_blocker.unblock():
            rows = Assignment.objects.filter(need__plan__code=code, state="asked").order_by("pk")
            return [
                (row.candidate.profile.person.user.email, row.code)
                for row in rows.select_related("candidate__profile__person__user")
            ]

    return look


def is_accessible(page):
    results = Axe().run(page, options={"runOnly": WCAG})
    assert [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in results.response["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def walk(browser, home, worker, asked, *, language="zh-hans", **given):
    with visitor(browser, home, OPERATOR, language=language, **given) as page:
        page.goto(f"{home}/assignments/plans/new")
        is_accessible(page)
        page.locator("#title").fill("浏览器里的派单")
        boxes = page.locator("input[name=needs]")
        wanted = fitting_needs(page, home)
        page.goto(f"{home}/assignments/plans/new")
        page.locator("#title").fill("浏览器里的派单")
        page.locator("#more_needs").fill("\n".join(wanted))
        assert boxes.count() > 3
        page.locator("form[action='/assignments/plans/new'] button").last.click()
        page.wait_for_url(re.compile(r"/assignments/plans/PD-"))
        code = page.url.rsplit("/", 1)[1]
        is_accessible(page)
        worker(code)
        page.goto(f"{home}/assignments/plans/{code}")
        is_accessible(page)
        expect(page.locator(".plan-needs > li")).to_have_count(2)
        first = page.locator(".plan-needs > li").first
        before = first.locator(".place b").first.inner_text()
        first.locator(".plan-need a[href*='/assignments/plans/']").click()
        is_accessible(page)
        page.locator("input[name=who]").first.check()
        page.locator("#reason").fill("对方指定")
        page.locator("form[action$='/assign'] button").click()
        page.wait_for_url(re.compile(rf"/assignments/plans/{code}#"))
        first = page.locator(".plan-needs > li").first
        expect(first).to_contain_text("对方指定")
        assert first.locator(".place b").first.inner_text() != before
        page.locator("form[action$='/confirm'] button").click()
        expect(page.locator("form[action$='/confirm']")).to_have_count(0)
        waiting = asked(code)
        assert len(waiting) == 2
        (accepting, accepted), (declining, declined) = waiting
        answer(browser, home, accepting, accepted, "accept", language=language, **given)
        answer(browser, home, declining, declined, "decline", language=language, **given)
        page.goto(f"{home}/assignments/plans/{code}")
        expect(page.locator(".place.is-accepted")).to_have_count(1)
        expect(page.locator(".place.is-declined")).to_have_count(1)
        ask = page.locator("form[action$='/ask'] button")
        if ask.count():  # in this small city perhaps nobody else fits
            ask.first.click()
            expect(page.locator(".place.is-asked")).to_have_count(1)


def fitting_needs(page, home):
    """Two needs for which at least two experts are found."""
    page.goto(f"{home}/assignments/plans/new")
    codes = page.locator("input[name=needs]").evaluate_all("boxes => boxes.map(box => box.value)")
    found = []
    for code in ["XQ-2026-01873", *codes]:
        page.goto(f"{home}/needs/{code}/experts")
        if code not in found and page.locator(".experts > li:not(.is-tied)").count() > 2:
            found.append(code)
        if len(found) == 2:
            return found
    raise AssertionError("the city has too few experts")


def answer(browser, home, email, code, step, **given):
    with visitor(browser, home, email, **given) as page:
        page.goto(f"{home}/assignments")
        is_accessible(page)
        page.locator(f"a[href='/assignments/{code}']").click()
        is_accessible(page)
        if step == "decline":
            page.locator("details > summary").last.click()
            page.locator("#reason").select_option("busy")
            page.locator("#note").fill("下个月才有空")
        page.locator(f"form[action$='/{step}'] button").click()
        expect(page.locator("form[action$='/accept']")).to_have_count(0)


def test_by_mouse(browser, lanjiang, worker, asked):
    walk(browser, lanjiang, worker, asked)


def test_on_a_phone_in_english(browser, lanjiang, worker, asked):
    walk(browser, lanjiang, worker, asked, language="en", **PHONE)


def test_without_script(browser, lanjiang, worker, asked):
    with visitor(browser, lanjiang, "lin@lut.example", java_script_enabled=False) as page:
        page.goto(f"{lanjiang}/me/expert")
        page.locator("details summary").first.click()
        page.locator("#title").fill("无脚本也能添加的论文")
        page.locator("form[action='/me/expert/papers'] button").click()
        expect(page.locator("#papers")).to_contain_text("无脚本也能添加的论文")
        page.locator("button[name=go]").click()
        expect(page.locator("button[value=join]")).to_have_count(1)
        page.locator("button[name=go]").click()
        expect(page.locator("button[value=leave]")).to_have_count(1)
