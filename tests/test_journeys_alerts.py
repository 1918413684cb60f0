"""Watching, being told and why, and stopping with one click: as its user walks it, with and without script."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NEED = "XQ-2026-01873"


def sign_in(page: Page, site: str, email: str) -> None:
    page.goto(f"{site}/sign-in")
    page.locator("#id_username").fill(email)
    page.locator("#id_password").fill("lanjiang-2026-demo")
    page.locator("#sign-in-button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


@pytest.fixture
def told(lanjiang, django_db_blocker):
    """What the worker does after the need's matches were computed. The code of the message; rows go afterwards."""
    from django.db import connections

    from keqiao.alerts import services
    from keqiao.alerts.models import Choice, Digest, Watch
    from keqiao.catalogue.models import Need
    from keqiao.parties.selectors import system

    def work() -> str:
        with django_db_blocker.unblock():
            watch = Watch.objects.get(need__code=NEED, person__user__email="lin@lut.example")
            Watch.objects.filter(pk=watch.pk).update(since="2020-01-01T00:00:00Z")
            services.find_alerts(actor=system(), kind="need", ids=[Need.objects.get(code=NEED).pk])
            made = services.send_digest(actor=system(), person_id=watch.person_id, cadence=watch.cadence)
            connections.close_all()
        assert made
        return f"{made.code} {watch.code}"

    yield work
    with django_db_blocker.unblock():
        Watch.objects.filter(person__user__email="lin@lut.example").delete()
        Digest.objects.filter(person__user__email="lin@lut.example").delete()
        Choice.objects.filter(person__user__email="lin@lut.example").delete()
        connections.close_all()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_from_watching_to_stopping(browser, lanjiang, told, script):
    from keqiao.alerts import stopping

    context = browser.new_context(java_script_enabled=script, locale="zh-CN")
    page = context.new_page()
    sign_in(page, lanjiang, "lin@lut.example")
    page.goto(f"{lanjiang}/needs/{NEED}")
    page.get_by_role("button", name="关注", exact=True).click()
    expect(page.get_by_text("已开始关注")).to_be_visible()
    points = page.get_by_label("多少分起告诉我")
    points.fill("")
    points.press_sequentially("30")
    points.press("Tab")
    page.get_by_role("button", name="先看看会有多少").press("Enter")
    expect(page).to_have_url(re.compile("threshold=30"))
    expect(page.get_by_role("table")).to_contain_text("现在看的")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.get_by_text("已保存，立即生效。")).to_be_visible()

    digest, watch = told().split()
    page.goto(f"{lanjiang}/me/notices")
    page.get_by_text("今日关注汇总").first.click()
    page.goto(f"{lanjiang}/me/alerts/{digest}")
    line = page.get_by_role("listitem").filter(has_text="新的匹配").first
    expect(line).to_contain_text("您关注“")
    expect(line).to_contain_text(re.compile(r"\d+ 分"))
    line.get_by_role("link", name=re.compile("为什么匹配")).click()
    expect(page).to_have_url(re.compile(f"/needs/{NEED}/matches/"))

    link = stopping.link(watch)
    stranger = browser.new_context(java_script_enabled=script, locale="zh-CN").new_page()  # a mail, signed out
    stranger.goto(lanjiang + link[link.index("/alerts/stop") :])
    stranger.get_by_role("button", name="停止").click()
    expect(stranger.get_by_text("已停止：")).to_be_visible()
    page.goto(f"{lanjiang}/me/alerts")
    expect(page.get_by_role("button", name=re.compile("^重新开始"))).to_be_visible()
    page.get_by_role("button", name="关闭个性化推荐").click()
    page.goto(f"{lanjiang}/me")
    expect(page.get_by_role("heading", name="最新公开")).to_be_visible()
    context.close()
