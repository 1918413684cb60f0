"""One's own data from consent to erasure, standing in for a user, and a site that becomes another city's."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PASSWORD = "lanjiang-2026-demo"
REASON = "用户来电称看不到已提交的需求，核对页面显示。"


@pytest.fixture
def newcomer(lanjiang, django_db_blocker):
    """Somebody with an account who has agreed to nothing yet."""
    from keqiao.parties.tests.factories import make_person

    with django_db_blocker.unblock():
        person = make_person(name_zh="祁暮云", email="qi.muyun@example.org")
        person.user.set_password(PASSWORD)  # with the site's own hash, whatever tests before this one used
        person.user.save()
        yield person
        person.refresh_from_db()
        if person.user.is_active:  # the test broke before the end
            person.user.is_active = False
            person.user.username = f"gone-{person.pk}"
            person.user.save()


def sign_in(page: Page, home: str, email: str, password: str = PASSWORD) -> None:
    page.goto(f"{home}/sign-in?next=/me")
    page.locator("input[name=username]").first.fill(email)
    page.locator("input[type=password]").first.fill(password)
    page.get_by_role("main").get_by_role("button", name="登录", exact=True).first.click()
    expect(page).to_have_url(re.compile("/me$"))


def the_way(page: Page, home: str, blocker, person, *, click) -> None:
    from keqiao.accounts import tasks
    from keqiao.accounts.models import DataExport, ErasureRequest
    from keqiao.kernel import clock

    sign_in(page, home, person.user.email)
    click(page.get_by_role("link", name="去阅读"))
    expect(page.get_by_role("heading", level=1)).to_have_text("请阅读新版本的协议")
    click(page.get_by_role("button", name="我已阅读并同意"))
    expect(page).to_have_url(re.compile("/me$"))
    expect(page.get_by_role("link", name="去阅读")).to_have_count(0)

    page.goto(f"{home}/me/privacy")
    click(page.get_by_role("button", name="同意 电子邮件摘要"))
    expect(page.get_by_role("button", name="撤回 电子邮件摘要")).to_be_visible()
    click(page.get_by_role("button", name="申请一份数据副本"))
    expect(page.locator("#export")).to_contain_text("排队中")
    with blocker.unblock():
        tasks.make_export(export_id=DataExport.objects.filter(person=person).latest("pk").pk)
    page.goto(f"{home}/me/privacy")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("下载 ")).click()
    assert re.fullmatch(r"keqiao-\d{4}-\d{2}-\d{2}\.zip", download.value.suggested_filename)

    for calls_off in (True, False):
        page.goto(f"{home}/me/privacy")
        click(page.get_by_role("link", name="注销账号…"))
        expect(page.get_by_role("heading", level=1)).to_have_text("注销账号")
        page.get_by_label("填写“注销”以确认").fill("注销")
        click(page.get_by_role("button", name="申请注销"))
        expect(page.locator("#erasure")).to_contain_text("您已申请注销")
        if calls_off:
            click(page.get_by_role("button", name="撤销注销申请"))
            expect(page.get_by_role("link", name="注销账号…")).to_be_visible()
    with blocker.unblock():
        ErasureRequest.objects.filter(person=person, cancelled_at=None).update(
            due_at=clock.now() - timedelta(seconds=1)
        )
        tasks.erase_people(timestamp=0)
    page.goto(f"{home}/me/privacy")
    expect(page).to_have_url(re.compile("/sign-in"))
    with blocker.unblock():
        person.refresh_from_db()
        assert str(person) == "已注销用户"


@pytest.fixture
def other_page(browser):
    """A page on which a refusal (422) is part of the way: browsers log it as an error."""
    context = browser.new_context(locale="zh-CN", reduced_motion="reduce")
    yield context.new_page()
    context.close()


def press(it):
    it.focus()
    it.page.keyboard.press("Enter")


def test_from_consent_to_erasure_by_mouse(page, lanjiang, newcomer, django_db_blocker):
    the_way(page, lanjiang, django_db_blocker, newcomer, click=lambda it: it.click())


def test_from_consent_to_erasure_by_keyboard_without_script(browser, lanjiang, newcomer, django_db_blocker):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    the_way(context.new_page(), lanjiang, django_db_blocker, newcomer, click=press)
    context.close()


def test_an_administrator_stands_in_and_ends_it(other_page, lanjiang):
    page = other_page
    sign_in(page, lanjiang, "admin@ltt.example")
    page.goto(f"{lanjiang}/admin/standing-in")
    page.get_by_label("找用户").fill("林若川")
    page.get_by_role("main").get_by_role("button", name="查找").click()
    expect(page.get_by_role("radio", name=re.compile("林若川"))).to_be_checked()
    page.get_by_label("原因").fill("太短")
    page.get_by_role("button", name="开始代登录").click()
    expect(page.get_by_role("alert")).to_contain_text("请写明原因")
    page.get_by_label("原因").fill(REASON)
    page.get_by_role("button", name="开始代登录").click()
    banner = page.get_by_text(re.compile("您正在代登录查看 林若川 的页面"))
    expect(banner).to_be_visible()
    page.goto(f"{lanjiang}/needs")
    expect(banner).to_be_visible()
    page.goto(f"{lanjiang}/me/privacy")
    expect(page.locator("#seen")).to_contain_text(REASON)
    page.get_by_role("button", name="结束", exact=True).click()
    expect(page).to_have_url(re.compile("/admin/standing-in$"))
    expect(banner).to_have_count(0)
    expect(page.locator("tbody tr").first).to_contain_text(REASON)


def test_the_site_becomes_another_citys(other_page, lanjiang):
    page = other_page
    sign_in(page, lanjiang, "admin@ltt.example")
    page.goto(f"{lanjiang}/admin/site")
    try:
        page.get_by_label("站点名称（中文）").fill("云津成果桥")
        page.get_by_label("联系邮箱").fill("nobody")
        page.get_by_role("button", name="保存").click()
        expect(page.get_by_role("alert")).to_contain_text("联系邮箱写成")
        expect(page.get_by_label("站点名称（中文）")).to_have_value("云津成果桥")
        page.get_by_label("联系邮箱").fill("help@example.org")
        page.get_by_role("button", name="保存").click()
        expect(page.get_by_text("已保存")).to_be_visible()
        page.goto(f"{lanjiang}/about/data")
        expect(page).to_have_title(re.compile("云津成果桥 Keqiao$"))
        expect(page.get_by_role("contentinfo")).to_contain_text("help@example.org")
    finally:
        page.goto(f"{lanjiang}/admin/site")
        page.get_by_label("站点名称（中文）").fill("科桥")
        page.get_by_label("联系邮箱").fill("")
        page.get_by_role("button", name="保存").click()
        expect(page.get_by_text("已保存")).to_be_visible()
