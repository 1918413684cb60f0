"""A need in five steps: with an error, a lost connection, another device, two tabs, no script. In every way: test_journeys_whole.py."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect.set_options(timeout=15_000)  # a draft is matched anew with every page: slow on a busy machine

PASSWORD = "lanjiang-2026-demo"
PROBLEM = "现用商品纳滤膜在 pH 1–2 的酸性浸出液里约三个月截留率跌破 85%，一年更换四次。要求水通量不低于 15 LMH/bar，寿命超过 360 天。"


def sign_in(page: Page, home: str, email: str = "xu@chengyuan.example") -> None:
    page.goto(f"{home}/sign-in")
    page.locator("input[type=email], input[name=username], input[name=login]").first.fill(email)
    page.locator("input[type=password]").first.fill(PASSWORD)
    page.locator("input[type=password]").first.press("Enter")
    expect(page).not_to_have_url(re.compile("/sign-in"))


def begin(page: Page, home: str, kind: str = "发布需求") -> str:
    page.goto(f"{home}/post")
    page.get_by_role("main").get_by_role("button", name=re.compile(f"^{kind}")).click()
    expect(page).to_have_url(re.compile(r"/post/SB-[A-Z0-9]+/1$"))
    page.wait_for_load_state()  # with its script, also for who goes offline now
    return page.url.removesuffix("/1")


def saved(page: Page) -> None:
    expect(page.locator("#saved")).to_contain_text(re.compile(r"已保存 \d\d:\d\d"))
    expect(page.locator("#saved")).not_to_have_class(re.compile("is-(busy|off)"))


def on_step(page: Page, number: int) -> None:
    expect(page).to_have_url(re.compile(rf"/post/SB-[A-Z0-9]+/{number}(#.*)?$"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def the_way(page: Page, press, title: str) -> None:
    """From the first step to the last; `press` is how this author presses a button."""

    def following():
        press(page.get_by_role("button", name=re.compile("^下一步：")))

    page.get_by_label("标题", exact=True).fill(title)
    page.get_by_label("现在怎么做，卡在哪里", exact=True).fill(PROBLEM)
    page.get_by_role("combobox", name="领域").select_option("materials")
    following()
    on_step(page, 2)
    # An error: an indicator without its target, named at the top and at the field.
    row = page.locator("[data-row], .mrow2[role=group]").first
    row.get_by_label("名称", exact=True).fill("锂透过率")
    following()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("指标第 1 项 目标")
    expect(summary).to_contain_text("例如 15")
    target = page.locator("#f-indicators-0-value")
    expect(target).to_have_attribute("aria-invalid", "true")
    target.fill("92")
    following()
    on_step(page, 3)
    page.get_by_label("从", exact=True).fill("300")
    page.get_by_label("到", exact=True).fill("500")
    page.get_by_role("radio", name=re.compile("^金额")).check()
    page.get_by_role("checkbox", name=re.compile("^普通许可")).check()
    page.get_by_role("textbox", name=re.compile("^截止")).fill("2099-01-31")
    following()
    on_step(page, 4)
    page.get_by_role("radio", name=re.compile("^仅对匹配到的团队公开")).check()
    following()
    on_step(page, 5)
    main = page.get_by_role("main")
    expect(main).to_contain_text("锂透过率 ≥ 92")
    expect(main).to_contain_text("300–500")
    expect(main).to_contain_text("2099-01-31")
    page.get_by_role("checkbox", name=re.compile("不含国家秘密")).check()


def submit(page: Page, press) -> None:
    press(page.get_by_role("button", name="提交审核"))
    expect(page).to_have_url(re.compile(r"/submissions/SB-[A-Z0-9]+$"))


@pytest.fixture
def author(browser):
    """A page whose console may speak of a refused form (422) without failing the test."""
    context = browser.new_context(locale="zh-CN")
    yield context.new_page()
    context.close()


def test_by_mouse(author, lanjiang):
    page = author
    sign_in(page, lanjiang)
    begin(page, lanjiang)
    the_way(page, lambda it: it.click(), "耐酸纳滤膜的卷对卷涂覆")
    expect(page.get_by_role("heading", name="可能匹配的成果")).to_be_visible()
    submit(page, lambda it: it.click())


def test_without_script(browser, lanjiang):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    sign_in(page, lanjiang)
    begin(page, lanjiang)
    the_way(page, lambda it: it.click(), "耐酸纳滤膜，没有脚本")
    context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_figure_of_the_text_is_taken_over(browser, lanjiang, script):
    """Pressed, it is a row of its own; what was typed on the page stays, and it is not offered again."""
    context = browser.new_context(java_script_enabled=script, locale="zh-CN")
    page = context.new_page()
    sign_in(page, lanjiang)
    address = begin(page, lanjiang)
    page.get_by_label("标题", exact=True).fill("耐酸纳滤膜，正文里有指标")
    page.get_by_label("现在怎么做，卡在哪里", exact=True).fill(PROBLEM)
    page.get_by_role("combobox", name="领域").select_option("materials")
    page.get_by_role("button", name=re.compile("^下一步：")).click()
    on_step(page, 2)
    page.locator("#f-indicators-0-name_zh").fill("锂透过率")
    page.locator("#f-indicators-0-value").fill("92")
    if script:  # pressed while what was typed is on its way
        expect(page.locator("#saved")).to_contain_text("正在保存")
    figure = page.get_by_role("button", name=re.compile("水通量.*15"))
    figure.click()
    row = page.locator("#f-indicators-1-name_zh")
    expect(row).to_have_value(re.compile("水通量"))
    expect(page.locator("#f-indicators-1-value")).to_have_value("15")
    expect(page.locator("#f-indicators-1-comparator")).to_have_value(">=")
    expect(page.locator("#f-indicators-1-unit")).to_have_value("LMH/bar")
    expect(page.locator("#f-indicators-0-name_zh")).to_have_value("锂透过率")
    expect(page.locator("#f-indicators-0-value")).to_have_value("92")
    expect(figure).to_have_count(0)
    on_step(page, 2)
    page.goto(f"{address}/2")
    expect(page.locator("#f-indicators-1-value")).to_have_value("15")
    expect(page.locator("#errs")).to_have_count(0)
    context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_draft_is_checked_mended_and_checked_again(browser, lanjiang, script):
    """From the finding back to its field; with a number in its sentence the word is no finding any more."""
    context = browser.new_context(java_script_enabled=script, locale="zh-CN")
    page = context.new_page()
    sign_in(page, lanjiang)
    address = begin(page, lanjiang)
    page.get_by_label("标题", exact=True).fill("耐酸纳滤膜，草稿先检查")
    problem = page.get_by_label("现在怎么做，卡在哪里", exact=True)
    problem.fill("酸性浸出液要用高性能的纳滤膜。希望尽快更换。")
    with page.expect_navigation():  # to the same address: the field, which is asked for, is still open
        page.get_by_role("button", name=re.compile("^下一步：")).click()
    on_step(page, 1)
    page.get_by_role("link", name="检查", exact=True).click()
    expect(page).to_have_url(f"{address}/check")
    vague = page.get_by_role("region", name="换成一个数").get_by_role("listitem")
    expect(vague).to_have_count(2)
    finding = vague.filter(has=page.get_by_text("高性能", exact=True))
    expect(finding).to_contain_text("酸性浸出液要用高性能的纳滤膜")
    finding.get_by_role("link", name="现在怎么做，卡在哪里").click()
    on_step(page, 1)
    expect(page).to_have_url(re.compile(rf"#{problem.get_attribute('id')}$"))
    expect(problem).to_be_in_viewport()
    problem.fill("酸性浸出液要用高性能的纳滤膜，水通量不低于 15 LMH/bar。希望尽快更换。")
    with page.expect_navigation():
        page.get_by_role("button", name=re.compile("^下一步：")).click()
    on_step(page, 1)
    page.get_by_role("link", name="检查", exact=True).click()
    expect(page).to_have_url(f"{address}/check")
    expect(vague).to_have_count(1)
    expect(vague).to_contain_text("希望尽快更换")
    expect(page.get_by_role("main")).not_to_contain_text("高性能")
    context.close()


def test_saved_while_writing_and_resumed_on_another_device(page, browser, lanjiang):
    sign_in(page, lanjiang)
    address = begin(page, lanjiang)
    page.get_by_label("标题", exact=True).fill("写到一半的标题")
    saved(page)
    page.get_by_role("button", name=re.compile("^下一步：|^指标")).first.click()
    page.goto(f"{address}/2")
    page.locator("#f-indicators-0-name_zh").fill("水通量")
    saved(page)
    context = browser.new_context(locale="zh-CN")
    other = context.new_page()
    sign_in(other, lanjiang)
    other.goto(address)
    on_step(other, 2)
    expect(other.locator("#f-indicators-0-name_zh")).to_have_value("水通量")
    other.goto(f"{address}/1")
    expect(other.get_by_label("标题", exact=True)).to_have_value("写到一半的标题")
    context.close()


def test_a_lost_connection_loses_nothing(browser, lanjiang):
    context = browser.new_context(locale="zh-CN")  # its console speaks of the lost connection
    page = context.new_page()
    sign_in(page, lanjiang)
    address = begin(page, lanjiang)
    page.get_by_label("标题", exact=True).fill("断网之前")
    saved(page)
    context.set_offline(True)
    page.get_by_label("现在怎么做，卡在哪里", exact=True).fill("断网时写的问题，不能丢。")
    expect(page.locator("#saved")).to_contain_text("离线，内容保留在本机")
    page.get_by_role("button", name=re.compile("^下一步：")).click()
    expect(page.locator("#saved")).to_contain_text("离线，内容保留在本机")
    on_step(page, 1)
    assert len(page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('keqiao-draft:'))")) == 1
    context.set_offline(False)
    saved(page)
    assert page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('keqiao-draft:'))") == []
    page.goto(f"{address}/1")
    expect(page.get_by_label("现在怎么做，卡在哪里", exact=True)).to_have_value("断网时写的问题，不能丢。")
    context.close()


def test_what_was_kept_here_comes_back_after_the_page_was_closed(browser, lanjiang):
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    sign_in(page, lanjiang)
    address = begin(page, lanjiang)
    context.set_offline(True)
    page.get_by_label("标题", exact=True).fill("关掉页面之前写的")
    expect(page.locator("#saved")).to_contain_text("离线，内容保留在本机")
    page.close()
    context.set_offline(False)
    page = context.new_page()
    page.goto(f"{address}/1")
    expect(page.get_by_label("标题", exact=True)).to_have_value("关掉页面之前写的")
    saved(page)
    context.close()


def test_two_tabs_are_shown_side_by_side(browser, lanjiang):
    context = browser.new_context(locale="zh-CN")  # a refused save is an error in the console
    first = context.new_page()
    sign_in(first, lanjiang)
    address = begin(first, lanjiang)
    second = context.new_page()
    second.goto(f"{address}/1")
    first.get_by_label("标题", exact=True).fill("第一页的标题")
    saved(first)
    second.get_by_label("标题", exact=True).fill("第二页的标题")
    expect(second.locator("#saved")).to_contain_text("已在别处保存过")
    second.get_by_role("button", name="比较两份内容").click()
    expect(second.get_by_role("heading", level=1)).to_have_text("两份不同的内容")
    expect(second.get_by_role("group", name="标题")).to_contain_text("第一页的标题")
    second.get_by_role("radio", name=re.compile("这里写的")).check()
    second.get_by_role("button", name="按所选保存").click()
    on_step(second, 1)
    expect(second.get_by_label("标题", exact=True)).to_have_value("第二页的标题")
    context.close()


def test_an_achievement_in_five_steps(page, lanjiang):
    sign_in(page, lanjiang, "lin@lut.example")
    begin(page, lanjiang, "发布成果")
    page.get_by_label("标题", exact=True).fill("界面聚合耐酸纳滤膜")
    page.get_by_label("摘要", exact=True).fill("在 pH 1 下稳定一年的纳滤膜，水通量 18.2 LMH/bar，可卷对卷连续制备。")
    page.get_by_role("combobox", name="领域").select_option("materials")
    for number in (2, 3, 4, 5):
        page.get_by_role("button", name=re.compile("^下一步：")).click()
        on_step(page, number)
    expect(page.get_by_role("main")).to_contain_text("界面聚合耐酸纳滤膜")
