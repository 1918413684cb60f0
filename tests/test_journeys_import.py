"""A table comes in: uploaded with errors, corrected, uploaded again; by mouse and by keyboard, on a screen and on a phone."""

import csv
import io
import time
from collections import Counter

import openpyxl
import pytest
from axe_playwright_python.sync_playwright import Axe
from openpyxl.cell import WriteOnlyCell
from playwright.sync_api import expect

from keqiao.interchange.tests.old_workbook import old_workbook

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
    with page.expect_download() as caught:
        page.get_by_role("link", name="CSV with the errors").click()
    back = caught.value.path().read_text(encoding="utf-8-sig")
    page.get_by_role("button", name="Import 6 rows").click()
    expect(page.get_by_text("Importing: 0 of 6 rows")).to_be_visible()
    work(lanjiang)
    page.get_by_role("link", name="Refresh").click()
    expect(page.locator(".stages [aria-current]")).to_have_text("Done")

    corrected = {"name": "right.csv", "mimeType": "text/csv", "buffer": back.replace("很多钱,", "200万元,").encode()}
    upload(page, lanjiang, corrected, "Upload and check")
    work(lanjiang)
    page.get_by_role("link", name="Refresh").click()
    page.get_by_role("button", name="Import 8 rows").click()
    work(lanjiang)
    page.get_by_role("link", name="Refresh").click()
    expect(page.locator(".stages [aria-current]")).to_have_text("Done")
    assert [row.inner_text() for row in page.locator(".imp-counts dd").all()] == ["2", "0", "6", "0"]
    context.close()


def tab_to(page, target, most=120):
    """As somebody without a mouse goes there: by Tab alone."""
    target.wait_for()
    for _step in range(most):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {target}")


def test_a_table_is_corrected_and_comes_in_wholly_by_keyboard(page, lanjiang):
    name, count = "KEYS", 14
    sign_in(page, lanjiang)

    def send(file):
        page.goto(f"{lanjiang}/import")
        tab_to(page, page.locator("#file"))
        with page.expect_file_chooser() as asked:
            page.keyboard.press("Space")
        asked.value.set_files(files=[file])
        tab_to(page, page.get_by_role("button", name="上传并检查"))
        page.keyboard.press("Enter")
        expect(page.locator("#progress")).to_be_visible()
        work(lanjiang)

    send(file_of(name, count, wrong=True))
    link = page.get_by_role("link", name="下载带错误列的 CSV")
    expect(link).to_be_visible(timeout=15_000)
    tab_to(page, link)
    with page.expect_download() as caught:
        page.keyboard.press("Enter")
    back = caught.value.path().read_text(encoding="utf-8-sig")
    send({"name": "改好.csv", "mimeType": "text/csv", "buffer": back.replace("很多钱,", "200万元,").encode()})
    button = page.get_by_role("button", name=f"导入 {count} 行")
    expect(button).to_be_visible(timeout=15_000)
    tab_to(page, button)
    page.keyboard.press("Enter")
    expect(page.get_by_text("正在导入")).not_to_have_count(0)
    work(lanjiang)
    expect(page.locator(".stages [aria-current]")).to_have_text("已完成", timeout=15_000)
    assert [row.inner_text() for row in page.locator(".imp-counts dd").all()] == [str(count), "0", "0", "0"]


# --- 5,000 rows of three kinds, with every sort of mistake, in three formats -------------------------------------------

MARKUP = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
FORMULA = '=HYPERLINK("https://evil.example","点")'
NEEDS = ["外部编号", "需求名称", "要解决的问题", "产业领域", "预算", "截止日期", "指标"]
RESULTS = ["外部编号", "成果名称", "成果简介", "产业领域", "技术成熟度", "报价", "公开日期", "指标"]
RIGHTS = ["外部编号", "类型", "申请号", "名称", "状态", "申请日", "到期日"]
EVERY = 50  # one row of each sort of mistake in so many


def need(n):
    title = {6: f"{MARKUP} 需求 {n}", 7: f"{FORMULA}{n}"}.get(n % EVERY, f"酸性浸出液里的膜 {n}")
    return [f"XQ-{n}", title, "现用膜三个月失效。", "新材料", "200万元", "2030年6月30日", "希望：寿命≥3 年"]


def result(n):
    title = {6: f"{MARKUP} 成果 {n}", 7: f"{FORMULA}{n}"}.get(n % EVERY, f"耐酸纳滤膜 {n}")
    return [
        f"CG-{n}",
        title,
        "在 pH 1 下稳定。",
        "新材料",
        f"{n % 9 + 1}级",
        "300–500万元",
        "2026-03-01",
        "水通量≥15 LMH/bar",
    ]


def right(n):
    return [
        f"ZL-{n}",
        "发明专利",
        checked(f"20131{n + 600_000:07d}"),
        f"一种膜 {n}",
        "授权",
        "2013-12-18",
        "2033-12-18",
    ]


def checked(number):
    """With its check digit (ZC 0006-2003)."""
    weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
    digit = sum(int(figure) * weight for figure, weight in zip(number, weights, strict=True)) % 11
    return f"{number}.{'X' if digit == 10 else digit}"


def wrong_digit(number):
    return number[:-1] + ("0" if number[-1] != "0" else "1")


# In which column which rows are wrong, how, and what is said of it.
MISTAKES = {
    "needs": {
        1: (5, lambda _cell: "2030年2月30日", "没有“2030年2月30日”这一天。"),
        2: (6, lambda _cell: "水通量≥15 弗隆每旬", "不认识单位“弗隆每旬”。确实要用就加引号：“弗隆每旬”。"),
        3: (4, lambda _cell: "500–300万元", "“500–300万元”的上限低于下限。"),
        4: (4, lambda _cell: MARKUP, "不是金额。"),
    },
    "achievements": {
        1: (6, lambda _cell: "2026-02-30", "没有“2026-02-30”这一天。"),
        2: (7, lambda _cell: "水通量≥15 弗隆每旬", "不认识单位“弗隆每旬”。确实要用就加引号：“弗隆每旬”。"),
        3: (5, lambda _cell: FORMULA, "不是金额。"),
        4: (4, lambda _cell: "十二级", "“十二级”不是 1 到 9 级的成熟度。"),
    },
    "assets": {
        1: (2, wrong_digit, "不对，请核对数字和校验位。"),
        2: (6, lambda _cell: "2003-12-18", "到期日不晚于申请日。"),
        3: (1, lambda _cell: MARKUP, "这个选项。"),
    },
}


def is_good(kind, cells):
    return int(cells[0].split("-")[1]) % EVERY not in MISTAKES[kind]


def spoilt(kind, n, cells):
    if n % EVERY in MISTAKES[kind]:
        place, spoil, _said = MISTAKES[kind][n % EVERY]
        cells = [spoil(cell) if at == place else cell for at, cell in enumerate(cells)]
    return cells


def packed(form, header, table):
    if form == "csv":
        out = io.StringIO()
        csv.writer(out).writerows([header, *table])
        return out.getvalue().encode("gb18030")
    if form == "xls":
        return old_workbook([header, *table])
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("数据")
    for cells in [header, *table]:
        sheet.append([text_cell(sheet, cell) for cell in cells])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def text_cell(sheet, text):
    """As text, also where openpyxl would see a formula: that is how a person pastes it."""
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    return cell


def unpacked(path):
    """Header and rows of the file that came back."""
    data = path.read_bytes()
    if data.startswith(b"PK"):
        sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True).worksheets[0]
        width = len(next(sheet.iter_rows(values_only=True)))
        rows = sheet.iter_rows(values_only=True, max_col=width)
        table = [[str(cell or "") for cell in (*row, *[""] * (width - len(row)))] for row in rows]
    else:
        table = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    return table[0], table[1:]


@pytest.mark.parametrize(
    ("kind", "form", "header", "make", "count", "email"),
    [
        ("needs", "xlsx", NEEDS, need, 2_000, "xu@chengyuan.example"),
        ("achievements", "csv", RESULTS, result, 2_500, "shen@lut.example"),
        ("assets", "xls", RIGHTS, right, 500, "shen@lut.example"),
    ],
)
def test_five_thousand_mixed_rows_come_in_once_each(page, lanjiang, kind, form, header, make, count, email):
    spent = Counter()
    good = {make(n)[0]: make(n) for n in range(count)}
    table = [spoilt(kind, n, cells) for n, cells in enumerate(good.values())]
    mistakes = Counter(n % EVERY for n in range(count) if n % EVERY in MISTAKES[kind])
    wrong = sum(mistakes.values())
    mime = {"csv": "text/csv", "xls": "application/vnd.ms-excel"}.get(form, "application/octet-stream")

    def timed(name, act, *given, **named):
        began = time.monotonic()
        found = act(*given, **named)
        spent[name] += time.monotonic() - began
        return found

    def send(name, data):
        page.goto(f"{lanjiang}/import?kind={kind}")
        page.set_input_files("#file", files=[{"name": f"{name}.{form}", "mimeType": mime, "buffer": data}])
        page.get_by_role("button", name="上传并检查").press("Enter")
        expect(page.locator("#progress")).to_be_visible(timeout=60_000)

    def press(name):
        page.get_by_role("button", name=name).press("Enter")
        timed("applied", work, lanjiang)
        expect(page.locator(".stages [aria-current]")).to_have_text("已完成", timeout=60_000)
        return [int(row.inner_text().replace(",", "")) for row in page.locator(".imp-counts dd").all()]

    sign_in(page, lanjiang, email)
    timed("sent", send, "混合", packed(form, header, table))
    code = timed("checked", work, lanjiang)
    expect(page.get_by_role("heading", name="有错误的行")).to_be_visible(timeout=60_000)
    # The report: the first spoilt row with its number as the spreadsheet counts, its column, and an example.
    first = page.locator("table tbody tr").first
    place, _spoil, said = MISTAKES[kind][1]
    expect(first).to_contain_text("第 3 行")
    expect(first).to_contain_text(header[place])
    expect(first).to_contain_text(said)
    shown = FORMULA if kind == "achievements" else MARKUP
    assert shown[:20] in page.locator("main").inner_text()  # what was in the cell is shown as text
    page.goto(f"{lanjiang}/import/{code}?page={-(-wrong // 50)}")
    expect(page.locator("table tbody tr").last).to_be_visible()
    page.goto(f"{lanjiang}/import/{code}")
    with page.expect_download(timeout=120_000) as caught:
        page.get_by_role("link", name=f"下载带错误列的 {'XLSX' if form == 'xlsx' else 'CSV'}").press("Enter")
    names, back = timed("read back", unpacked, caught.value.path())
    assert (names, len(back)) == ([*header, "错误"], count)
    told = Counter(int(cells[0].split("-")[1]) % EVERY for cells in back if cells[-1])
    assert told == mistakes
    for cells in back:
        sort = int(cells[0].split("-")[1]) % EVERY
        if cells[-1]:
            assert MISTAKES[kind][sort][2] in cells[-1]
    assert not any(cell.startswith(("=", "+", "@")) for cells in back for cell in cells)  # neutralised on the way out

    assert press(f"导入 {count - wrong} 行") == [count - wrong, 0, 0, wrong]
    assert in_the_platform(kind, good) == {name: cells[1] for name, cells in good.items() if is_good(kind, cells)}

    corrected = [good[cells[0]] if cells[-1] else cells[:-1] for cells in back]
    timed("sent", send, "改好", packed(form, header, corrected))
    timed("checked", work, lanjiang)
    expect(page.get_by_text("每一行都通过了检查。")).to_be_visible(timeout=60_000)
    assert press(f"导入 {count} 行") == [wrong, 0, count - wrong, 0]
    assert in_the_platform(kind, good) == {name: cells[1] for name, cells in good.items()}
    assert page.evaluate("window.broken") is None
    print(kind, {name: round(seconds, 1) for name, seconds in spent.items()})


def in_the_platform(kind, good):
    """External id → title of what the rows became; a double would be two of one id."""
    from keqiao.catalogue.models import IPAsset
    from keqiao.interchange.models import ImportedThing
    from keqiao.submissions.models import Submission

    if kind == "assets":
        rows = dict(IPAsset.objects.filter(number__in=[cells[2] for cells in good.values()]).values_list("pk", "kind"))
        things = ImportedThing.objects.filter(kind=kind, became_id__in=rows).values_list("key", "became_id")
        assert len(rows) == len(things)
        return {key: {"invention": "发明专利"}[rows[pk]] for key, pk in things}
    found = list(Submission.objects.filter(external_id__in=good, origin="import").values_list("external_id", "content"))
    assert len(found) == len({external_id for external_id, _content in found})
    return {external_id: content["texts"]["zh"]["title"] for external_id, content in found}


@pytest.mark.parametrize("path", ["/import", "/export"])
def test_the_pages_are_accessible(page, lanjiang, path):
    sign_in(page, lanjiang, "admin@ltt.example")
    for theme in ("light", "dark"):
        page.context.add_cookies([{"name": "keqiao_theme", "value": theme, "url": lanjiang}])
        page.goto(lanjiang + path)
        for details in page.locator("details").all():
            details.locator("summary").click()
        assert [v["id"] for v in Axe().run(page, options={"runOnly": WCAG}).response["violations"]] == []
