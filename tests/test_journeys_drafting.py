"""A need from a file to its review: by mouse with a Word file, and without script from a pasted text."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from keqiao.submissions import tasks
from keqiao.submissions.models import Source
from keqiao.submissions.tests.test_sketching import NEED
from keqiao.submissions.tests.test_sourcing import docx
from tests.test_journeys_posting import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("KEQIAO_SHOTS", "")  # a folder for pictures, when somebody wants to look


def shot(page: Page, name: str) -> None:
    if not SHOTS:
        return
    for theme in ("light", "dark"):
        page.context.add_cookies([{"name": "keqiao_theme", "value": theme, "url": page.url}])
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.reload()
            page.screenshot(path=str(Path(SHOTS) / f"{name}-{theme}-{width}.png"), full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})


def work(django_db_blocker) -> None:
    """What a worker does, for what waits; Playwright has the loop of this thread."""
    with django_db_blocker.unblock():
        for source_id in Source.objects.filter(state="waiting").values_list("pk", flat=True):
            tasks.work_on_source(source_id=source_id)


def from_source_to_checked(page: Page, home: str, give, django_db_blocker, name: str) -> str:
    page.goto(f"{home}/post")
    page.get_by_role("link", name="从文件起草").click()
    shot(page, f"{name}-give")
    give()
    page.get_by_role("button", name="起草", exact=True).click()
    expect(page).to_have_url(re.compile(r"/post/from-file/YG-"))
    expect(page.get_by_role("status")).to_contain_text("排队中")
    shot(page, f"{name}-wait")
    work(django_db_blocker)
    page.get_by_role("link", name="看看好了没有").click()
    expect(page).to_have_url(re.compile(r"/post/SB-[A-Z0-9]+/confirm$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("核对起草的内容")
    shot(page, f"{name}-confirm")
    code = page.url.split("/")[-2]
    page.goto(f"{home}/post/{code}/1")
    expect(page.get_by_label("标题", exact=False).first).to_have_value("耐酸纳滤膜的规模化涂覆")
    shot(page, f"{name}-form")
    page.get_by_role("link", name="对照原文逐项核对").click()
    for confirm in page.locator("input[type=radio][value=confirmed]").all():
        confirm.check()
    page.get_by_role("button", name="保存核对结果").click()
    expect(page.get_by_text("都核对过了")).to_be_visible()
    return code


def test_from_a_word_file_to_a_checked_draft(page, lanjiang, django_db_blocker, tmp_path):
    file = tmp_path / "技术需求.docx"
    file.write_bytes(docx(*NEED.split("\n")).getvalue())
    sign_in(page, lanjiang)
    give = lambda: page.locator("#f-file").set_input_files(file)  # noqa: E731 -- as the other journey gives its text
    from_source_to_checked(page, lanjiang, give, django_db_blocker, "file")


def test_from_a_pasted_text_without_a_script(browser, lanjiang, django_db_blocker):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    sign_in(page, lanjiang)
    from_source_to_checked(page, lanjiang, lambda: page.locator("#f-text").fill(NEED), django_db_blocker, "text")
    context.close()


def test_an_organisation_sees_whether_its_texts_may_be_sent(page, lanjiang):
    sign_in(page, lanjiang)
    page.goto(f"{lanjiang}/organisations/DW-00001/models")
    expect(page.get_by_text("本站没有接入外部模型").first).to_be_visible()
    shot(page, "consent")
