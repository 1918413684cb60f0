"""A table comes in: uploaded with errors, corrected, uploaded again; by mouse and by keyboard, on a screen and on a phone."""

import csv
import io

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HEADER = ["外部编号", "成果名称", "成果简介", "产业领域", "技术成熟度", "报价"]
WRONG = 7  # every seventh row has an error
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def rows(name, count, *, wrong):
    for n in range(count):
        price = "很多钱" if wrong and n % WRONG == 0 else "300–500万元"
        yield [f"{name}-{n}", f"耐酸纳滤膜 {name} {n}", "在 pH 1 下稳定运行。", "新材料", f"{n % 9 + 1}级", price]


def file_of(name, count, *, wrong):
    out = io.StringIO()
    csv.writer(out).writerows([HEADER, *rows(name, count, wrong=wrong)])
    return {"name": f"{name}.csv", "mimeType": "text/csv", "buffer": out.getvalue().encode("gb18030")}


def sign_in(page, lanjiang, email="shen@lut.example"):
    page.goto(f"{lanjiang}/sign-in")
    page.locator("input[type=email], input[name=username], input[name=login]").first.fill(email)
    page.locator("input[type=password]").first.fill("lanjiang-2026-demo")
    page.locator("input[type=password]").first.press("Enter")
    expect(page).not_to_have_url(f"{lanjiang}/sign-in")


def work(lanjiang):
    """What the worker would do: this city has none."""
    from keqiao.interchange import tasks
    from keqiao.interchange.models import Import

    job = Import.objects.order_by("pk").last()
    (tasks.validate_import if job.state == "uploaded" else tasks.apply_import)(import_id=job.pk)
    return job.code


def upload(page, lanjiang, file, button):
    page.goto(f"{lanjiang}/import")
    page.set_input_files("#file", files=[file])
    button = page.get_by_role("button", name=button)
    button.focus()
    button.press("Enter")
    expect(page.locator("#progress")).to_be_visible()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["screen", "phone"])
def test_a_table_with_errors_is_corrected_and_comes_in(page, lanjiang, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    name, count = f"LUT-{size[0]}", 70
    sign_in(page, lanjiang)
    upload(page, lanjiang, file_of(name, count, wrong=True), "上传并检查")
    code = work(lanjiang)
    # The page asks by itself; nobody reloads it.
    expect(page.get_by_role("heading", name="有错误的行")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("cell", name="“很多钱”不是金额。").first).to_be_visible()
    expect(page.get_by_role("button", name="导入 60 行")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert [v["id"] for v in Axe().run(page, options={"runOnly": WCAG}).response["violations"]] == []
    with page.expect_download() as caught:
        page.get_by_role("link", name="下载带错误列的 CSV").click()
    back = caught.value.path().read_text(encoding="utf-8-sig")
    assert (caught.value.suggested_filename, back.count("“很多钱”不是金额")) == (f"{code}-errors.csv", 10)

    page.get_by_role("button", name="导入 60 行").click()
    expect(page.get_by_text("正在导入")).not_to_have_count(0)
    work(lanjiang)
    expect(page.locator(".stages [aria-current]")).to_have_text("已完成", timeout=15_000)

    corrected = {"name": "改好.csv", "mimeType": "text/csv", "buffer": back.replace("很多钱,", "200万元,").encode()}
    upload(page, lanjiang, corrected, "上传并检查")
    work(lanjiang)
    expect(page.get_by_text("每一行都通过了检查。")).to_be_visible(timeout=15_000)
    page.get_by_role("button", name=f"导入 {count} 行").click()
    work(lanjiang)
    expect(page.locator(".stages [aria-current]")).to_have_text("已完成", timeout=15_000)
    assert [row.inner_text() for row in page.locator(".imp-counts dd").all()] == ["10", "0", "60", "0"]


def test_in_english_and_without_script(browser, lanjiang):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.add_cookies([{"name": "keqiao_language", "value": "en", "url": lanjiang}])
    page = context.new_page()
    sign_in(page, lanjiang, "lin@lut.example")
    upload(page, lanjiang, file_of("EN", 8, wrong=True), "Upload and check")
    expect(page.get_by_text("Checking: 0 rows read")).to_be_visible()
    work(lanjiang)
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_role("heading", name="Rows with errors")).to_be_visible()
    expect(page.get_by_role("cell", name="“很多钱” is not an amount.").first).to_be_visible()
    page.get_by_role("button", name="Import 6 rows").click()
    expect(page.get_by_text("Importing: 0 of 6 rows")).to_be_visible()
    work(lanjiang)
    page.get_by_role("link", name="Refresh").click()
    expect(page.locator(".stages [aria-current]")).to_have_text("Done")
    context.close()


@pytest.mark.parametrize("path", ["/import", "/export"])
def test_the_pages_are_accessible(page, lanjiang, path):
    sign_in(page, lanjiang, "admin@ltt.example")
    for theme in ("light", "dark"):
        page.context.add_cookies([{"name": "keqiao_theme", "value": theme, "url": lanjiang}])
        page.goto(lanjiang + path)
        for details in page.locator("details").all():
            details.locator("summary").click()
        assert [v["id"] for v in Axe().run(page, options={"runOnly": WCAG}).response["violations"]] == []
