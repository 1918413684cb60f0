"""Search → need → why → achievement → its needs: by mouse, by keyboard, without script, on a phone."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

NEED = "耐酸高通量纳滤膜的规模化涂覆工艺"
RESULT = "界面聚合耐酸纳滤膜及卷对卷连续制备技术"


def the_way(page: Page, home: str, *, click) -> None:
    """The main path of the platform; `click` is how this visitor follows a link or presses a button."""
    page.goto(f"{home}/search?kind=need")
    page.get_by_role("main").get_by_role("textbox").first.fill("耐酸纳滤膜 涂覆")
    click(page.get_by_role("main").get_by_role("button", name=re.compile("查找")).first)
    # The list before the search names the need as well: a key pressed on that link is lost when the answer comes.
    expect(page).to_have_url(re.compile("[?&]q=%"))
    click(page.get_by_role("link", name=NEED).first)
    expect(page.get_by_role("heading", level=1)).to_have_text(NEED)
    assert "/needs/XQ-2026-01873" in page.url
    expect(page.get_by_role("main")).to_contain_text("为什么匹配")
    click(page.get_by_role("link", name="看成果全文").locator("visible=true").first)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "/achievements/CG-" in page.url
    needs = page.get_by_role("complementary").get_by_role("link").filter(has_text=re.compile("."))
    expect(page.get_by_role("main")).to_contain_text("谁可能需要它")
    assert needs.count() >= 1


def test_by_mouse(page, lanjiang):
    the_way(page, lanjiang, click=lambda it: it.click())


def test_by_keyboard(page, lanjiang):
    def press(it):
        it.focus()
        page.keyboard.press("Enter")
        page.wait_for_load_state()

    the_way(page, lanjiang, click=press)


def test_without_script(browser, lanjiang):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    the_way(context.new_page(), lanjiang, click=lambda it: it.click())
    context.close()


def test_on_a_phone(browser, lanjiang):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, locale="zh-CN")
    page = context.new_page()
    the_way(page, lanjiang, click=lambda it: it.tap())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_keyboard_reaches_every_match_in_the_list(page, lanjiang):
    """Arrow keys move through the matches; the panel follows."""
    page.goto(f"{lanjiang}/needs/XQ-2026-01873")
    tabs = page.get_by_role("tab")
    assert tabs.count() >= 2
    tabs.first.focus()
    page.keyboard.press("ArrowDown")
    expect(tabs.nth(1)).to_be_focused()
    expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")


def test_chips_can_be_removed_without_script(browser, lanjiang):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{lanjiang}/search?kind=achievement&q=耐酸纳滤膜，通量 15 LMH/bar 以上，TRL 6 以上")
    removals = page.get_by_role("link", name=re.compile("^移除"))
    before = removals.count()
    assert before >= 2
    removals.first.click()
    expect(page.get_by_role("link", name=re.compile("^移除"))).to_have_count(before - 1)
    context.close()


def test_nothing_fires_during_composition(page, lanjiang):
    """An input method that is composing keeps its Enter."""
    page.goto(f"{lanjiang}/search?kind=achievement")
    box = page.get_by_role("main").get_by_role("textbox").first
    box.focus()
    client = page.context.new_cdp_session(page)
    client.send("Input.imeSetComposition", {"text": "namo", "selectionStart": 4, "selectionEnd": 4})
    address = page.url
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert page.url == address or "q=" not in page.url


def test_sign_in_and_out_as_a_demo_account(page, lanjiang):
    page.goto(f"{lanjiang}/sign-in")
    page.get_by_label(re.compile("邮箱|电子邮")).fill("xu@chengyuan.example")
    page.get_by_label("密码").fill("wrong-password-1")
    page.get_by_role("main").get_by_role("button", name="登录").click()
    expect(page.get_by_role("main")).to_contain_text(re.compile("不正确|有误|不对"))
    page.get_by_label(re.compile("邮箱|电子邮")).fill("xu@chengyuan.example")
    page.get_by_label("密码").fill("lanjiang-2026-demo")
    page.get_by_role("main").get_by_role("button", name="登录").click()
    page.goto(f"{lanjiang}/me")
    expect(page.get_by_role("main")).to_contain_text("许砚秋")
    page.get_by_role("button", name="退出").first.click()
    page.goto(f"{lanjiang}/me")
    assert "/sign-in" in page.url


def test_language_and_theme_are_kept(page, lanjiang):
    page.goto(lanjiang)
    page.get_by_role("banner").get_by_role("button", name=re.compile("English")).click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto(f"{lanjiang}/needs/XQ-2026-01873")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("main")).to_contain_text("Why this match")
