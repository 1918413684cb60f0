"""Two enterprises with the same need become one: asked without a name, accepted, counted."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NEED = "XQ-2026-01873"


def signed_in(browser, site, email, *, script=True):
    page = browser.new_context(locale="zh-CN", java_script_enabled=script).new_page()
    page.goto(f"{site}/sign-in")
    page.locator("#id_username").fill(email)
    page.locator("#id_password").fill("lanjiang-2026-demo")
    page.locator("#sign-in-button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


@pytest.fixture
def draft(lanjiang, django_db_blocker):
    """The transfer officer writes down the enterprise's need once more; what the test makes is taken away again."""
    from django.contrib.auth import get_user_model
    from django.db import connections

    from keqiao.catalogue.models import Need
    from keqiao.joining.models import Joining
    from keqiao.parties.selectors import actor_for
    from keqiao.submissions import services

    with django_db_blocker.unblock():
        author = actor_for(get_user_model().objects.get(email="shen@lut.example"))
        text = Need.objects.get(code=NEED).texts.get(lang="zh")
        content = {"texts": {"zh": {"title": text.title, "problem": text.problem, "wanted": text.wanted}}}
        made = services.start_draft(actor=author, kind="need", organisation_id=author.acting_for, content=content)
        connections.close_all()
    yield made.code
    with django_db_blocker.unblock():
        Joining.objects.filter(person__user__email="shen@lut.example").delete()
        services.discard_draft(actor=author, code=made.code)
        connections.close_all()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_draft_that_says_the_same_leads_to_joining(browser, lanjiang, draft, script):
    asker = signed_in(browser, lanjiang, "shen@lut.example", script=script)
    asker.goto(f"{lanjiang}/post/{draft}/check")
    asker.get_by_role("link", name=f"加入它 {NEED}").click()
    expect(asker).to_have_url(re.compile(f"/needs/{NEED}/join"))
    asker.get_by_label("给对方的说明").fill("我们的浸出液含氟，其余相同。")
    asker.get_by_role("button", name="申请加入").press("Enter")
    expect(asker.get_by_text("已发出申请")).to_be_visible()

    owner = signed_in(browser, lanjiang, "xu@chengyuan.example", script=script)
    owner.goto(f"{lanjiang}/me/joins")
    row = owner.get_by_role("listitem").filter(has_text="我们的浸出液含氟")
    expect(row).to_contain_text("不公开名称")
    row.get_by_role("button", name=re.compile("^接受")).click()
    expect(owner.get_by_text("已接受")).to_be_visible()

    visitor = browser.new_context(locale="zh-CN").new_page()
    visitor.goto(f"{lanjiang}/needs/{NEED}")
    expect(visitor.get_by_text("另有 1 家单位有同样的需求")).to_be_visible()
    asker.goto(f"{lanjiang}/me/joins?box=ours")
    asker.get_by_role("button", name=re.compile("^退出")).click()
    expect(asker.get_by_text("已退出。")).to_be_visible()
