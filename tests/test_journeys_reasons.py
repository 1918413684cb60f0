"""The reasons of a match: a passage in its place, several side by side, several together, and what would change it."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

NEED = "/needs/XQ-2026-01873"
MEMBRANE, GAUGE, MONOMER = "CG-2026-00642", "CG-2024-3002208", "CG-2024-1309153"


def test_a_reason_leads_to_its_place_in_the_text(page: Page, lanjiang):
    page.goto(f"{lanjiang}{NEED}/matches/{MEMBRANE}")
    quote = page.locator(".cites blockquote.is-supply").first
    said = quote.locator("p").inner_text()
    quote.get_by_role("link").click()
    expect(page).to_have_url(re.compile(rf"/achievements/{MEMBRANE}.*#cited$"))
    assert re.sub(r"\s", "", page.locator("#cited").inner_text()) == re.sub(r"\s", "", said)


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False])
def test_several_are_compared(browser, lanjiang, script):
    context = browser.new_context(java_script_enabled=script, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{lanjiang}{NEED}")
    page.get_by_role("link", name="选几项并排对比").click()
    for code in (MEMBRANE, MONOMER):
        page.locator(f'input[name="with"][value="{code}"]').check()
    page.get_by_role("button", name="并排对比").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("并排对比")
    expect(page.get_by_role("table")).to_contain_text("18.2 LMH/bar")
    expect(page.get_by_role("table")).to_contain_text("16.4 LMH/bar")
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False])
def test_results_of_a_search_are_compared(browser, lanjiang, script):
    context = browser.new_context(java_script_enabled=script, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{lanjiang}/search?q=耐酸纳滤膜，通量 15 LMH/bar 以上")
    for code in (MEMBRANE, MONOMER):
        page.locator(f'input[name="with"][value="{code}"]').check()
    if script:
        expect(page.get_by_text("已选 2 项对比")).to_be_in_viewport()
    page.get_by_role("button", name="并排对比").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("并排对比")
    expect(page.get_by_role("table")).to_contain_text("纯水通量 18.2 LMH/bar")
    expect(page.get_by_role("table")).to_contain_text("120 万元")
    page.get_by_role("link", name="另选几项").click()
    expect(page.locator('input[name="with"]:checked')).to_have_count(2)
    page.get_by_role("link", name="清空").click()
    expect(page.locator('input[name="with"]:checked')).to_have_count(0)
    expect(page.get_by_text("勾选 2 到 4 项")).to_be_visible()
    context.close()


@pytest.mark.slow
def test_picks_stay_while_leafing_and_filtering(page: Page, lanjiang):
    page.goto(f"{lanjiang}/achievements")
    page.locator('input[name="with"]').first.focus()
    page.keyboard.press("Space")
    page.get_by_role("link", name="下一页").click()
    expect(page.get_by_text("已选 1 项对比")).to_be_visible()
    page.locator('input[name="with"]:not([type="hidden"])').first.check()
    page.locator("#sort").select_option("trl")
    expect(page).to_have_url(re.compile(r"sort=trl"))
    expect(page.get_by_text("已选 2 项对比")).to_be_visible()
    page.get_by_role("button", name="并排对比").click()
    expect(page.locator("thead th")).to_have_count(3)


@pytest.mark.slow
def test_a_combination_and_what_would_change_it_for_the_needs_own_people(page: Page, lanjiang):
    page.goto(f"{lanjiang}/sign-in")
    page.locator("#id_username").fill("xu@chengyuan.example")
    page.locator("#id_password").fill("lanjiang-2026-demo")
    page.locator("#sign-in-button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    page.goto(f"{lanjiang}{NEED}")
    expect(page.get_by_role("heading", name="怎样会有更多匹配")).to_be_visible()
    page.get_by_role("link", name="看组合方案").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("组合方案")
    expect(page.get_by_role("main")).to_contain_text("①")
    # The city's own contacts may have begun with one of the two: every owner has one way or the other.
    ways = page.get_by_role("link", name=re.compile("联系这一家|打开对话"))
    assert ways.count() == 2
    page.goto(f"{lanjiang}/contacts/new?need=XQ-2026-01873&achievement={GAUGE}")
    expect(page.get_by_role("main")).to_contain_text("狭缝涂布")
