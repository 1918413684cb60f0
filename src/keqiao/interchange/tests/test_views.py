"""The pages: upload, report, mapping, files back, lists; with what they cost and whom they refuse."""

import csv
import io
from datetime import date

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from keqiao.interchange import tasks
from keqiao.interchange.models import Import
from keqiao.interchange.tests.factories import (
    HEADER,
    applied,
    csv_file,
    make_importer,
    make_tables,
    row,
    staged,
    start,
    xlsx_file,
)
from keqiao.interchange.tests.old_workbook import old_workbook
from keqiao.kernel.models import StoredFile
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_operator
from keqiao.submissions.models import Submission

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tables(rules):
    make_tables()


def client_of(actor, language="zh-hans"):
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id).user)
    client.cookies["keqiao_language"] = language
    return client


def upload(client, data, name="成果.csv", **fields):
    return client.post("/import", {"kind": "achievements", "file": SimpleUploadedFile(name, data), **fields})


def book_of(response):
    return openpyxl.load_workbook(io.BytesIO(b"".join(response.streaming_content)))


def text_of(response):
    return (b"".join(response.streaming_content) if response.streaming else response.content).decode("utf-8")


def test_upload_report_apply():
    actor = make_importer()
    client = client_of(actor)
    answer = upload(client, csv_file(row(1), row(2, 报价="很多钱"), row(3)))
    job = Import.objects.get()
    assert (answer.status_code, answer.url) == (302, f"/import/{job.code}")
    assert "正在检查" in client.get(answer.url).content.decode()
    tasks.validate_import(import_id=job.pk)
    page = client.get(answer.url).content.decode()
    assert "导入 2 行" in page
    assert "第 3 行" in page
    assert "“很多钱”不是金额。" in page
    assert client.post(f"/import/{job.code}/apply").url == f"/import/{job.code}"
    assert "HX-Refresh" not in client.get(f"/import/{job.code}/progress", headers={"HX-Request": "true"})
    tasks.apply_import(import_id=job.pk)
    assert client.get(f"/import/{job.code}/progress", headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert client.get(f"/import/{job.code}/progress").url == f"/import/{job.code}"
    assert "成果.csv" in client.get("/import").content.decode()


def test_the_report_is_in_the_readers_language():
    actor = make_importer()
    job = staged(actor, csv_file(row(1, 报价="很多钱")))
    page = client_of(actor, "en").get(f"/import/{job.code}").content.decode()
    assert "is not an amount" in page
    assert "Row 2" in page


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("空.csv", b"", "文件是空的"),
        ("图.xlsx", b"\x89PNG\r\n", "这是 PNG 文件"),
        ("页.xls", b"<html><table>", "这是网页或 XML 文件"),
    ],
)
def test_a_file_that_is_not_taken_says_why_and_leaves_nothing(name, data, said):
    answer = upload(client_of(make_importer()), data, name)
    assert answer.status_code == 422
    assert said in answer.content.decode() or "请选择一个文件" in answer.content.decode()
    assert (Import.objects.count(), StoredFile.objects.count()) == (0, 0)


def test_no_file_is_said(rules):
    answer = client_of(make_importer()).post("/import", {"kind": "achievements"})
    assert (answer.status_code, "请选择一个文件" in answer.content.decode()) == (422, True)


def test_more_than_the_limit_is_read_past_and_never_stored(monkeypatch):
    from keqiao.interchange import uploads

    monkeypatch.setattr(uploads, "LARGEST", 100_000)
    answer = upload(client_of(make_importer()), csv_file(row(1)) + b" " * 200_000)
    assert answer.status_code == 422
    assert "超过 50 MB" in answer.content.decode()
    assert StoredFile.objects.count() == 0


def test_the_form_is_protected_against_forgery():
    actor = make_importer()
    client = Client(enforce_csrf_checks=True)
    client.force_login(Person.objects.get(pk=actor.person_id).user)
    assert upload(client, csv_file(row(1))).status_code == 403
    assert Import.objects.count() == 0


def test_columns_are_mapped_on_a_page():
    actor = make_importer()
    client = client_of(actor)
    answer = upload(client, csv_file(["膜", "稳定。", "新材料"], header=["题目叫什么", "说明", "产业领域"]))
    job = Import.objects.get()
    assert answer.url == f"/import/{job.code}/columns"
    assert "稳定。" in client.get(answer.url).content.decode()
    refused = client.post(answer.url, {"c0": "title", "c1": "", "c2": "field"})
    assert (refused.status_code, "还缺必填的列：成果简介" in refused.content.decode()) == (422, True)
    assert client.post(answer.url, {"c0": "title", "c1": "summary", "c2": "field"}).url == f"/import/{job.code}"
    tasks.validate_import(import_id=job.pk)
    assert Import.objects.get().ready == 1


def test_the_file_comes_back_with_a_column_of_errors_and_goes_in_again():
    actor = make_importer()
    job = applied(actor, csv_file(row(1), row(2, 技术成熟度="十二级", 成果简介="=1+1")))
    back = text_of(client_of(actor).get(f"/import/{job.code}/errors.csv"))
    rows = list(csv.reader(io.StringIO(back.removeprefix("\ufeff"))))
    assert rows[0] == [*HEADER, "错误"]
    assert rows[1][-1] == ""
    assert rows[2][-1] == "技术成熟度：“十二级”不是 1 到 9 级的成熟度。 例如 TRL 6"
    assert rows[2][2] == "'=1+1"
    again = applied(actor, back.replace("十二级", "六级").encode("utf-8"))
    assert (again.added, again.unchanged, again.wrong) == (1, 1, 0)


def test_the_file_comes_back_as_a_workbook():
    actor = make_importer()
    job = staged(actor, xlsx_file(row(1, 技术成熟度=12)), name="成果.xlsx")
    answer = client_of(actor, "en").get(f"/import/{job.code}/errors.xlsx")
    sheet = book_of(answer).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == (*HEADER, "Errors")
    assert rows[1][-1].startswith("技术成熟度")


def test_an_old_workbook_comes_in_and_its_wrong_rows_come_back():
    """Dates, numbers, 万元 and Chinese as cells of a sheet kept since 2003; corrected in the file that came back."""
    header = ["外部编号", "需求名称", "要解决的问题", "产业领域", "预算", "截止日期", "成熟度要求", "指标"]
    good = [101, "耐酸纳滤膜的涂覆", "现用膜三个月失效。", "新材料", "200万元", date(2030, 6, 30), 6, "希望：寿命≥3 年"]
    old = [102, "旧的", "过期。", "新材料", "50–80万元", date(2020, 1, 1), 12, "水通量≥15 弗隆每旬"]
    actor = make_importer(kind="enterprise")
    client = client_of(actor)
    answer = client.post(
        "/import", {"kind": "needs", "file": SimpleUploadedFile("需求.xls", old_workbook([header, good, old]))}
    )
    job = Import.objects.get()
    assert (answer.status_code, job.format, job.is_mapped) == (302, "xls", True)
    tasks.validate_import(import_id=job.pk)
    assert client.post(f"/import/{job.code}/apply").status_code == 302
    tasks.apply_import(import_id=job.pk)
    content = Submission.objects.get(kind="need").content
    assert {name: content[name] for name in ("external_id", "deadline", "trl_min", "price_low", "currency")} == {
        "external_id": "101",
        "deadline": "2030-06-30",
        "trl_min": 6,
        "price_low": 200_000_000,
        "currency": "CNY",
    }
    assert content["texts"]["zh"]["title"] == "耐酸纳滤膜的涂覆"
    back = text_of(client.get(f"/import/{job.code}/errors.csv"))
    wrong = list(csv.DictReader(io.StringIO(back.removeprefix("\ufeff"))))[1]
    assert [part.split("：")[0] for part in wrong["错误"].split("；")] == ["成熟度要求", "指标", "截止日期"]
    corrected = back.replace("2020-01-01,12", "2030-01-01,5").replace("水通量≥15 弗隆每旬", "水通量≥15 LMH/bar")
    again = applied(actor, corrected.encode(), kind="needs", name="改好.csv")
    assert (again.added, again.unchanged, again.wrong) == (1, 1, 0)


@pytest.mark.parametrize("kind", ["achievements", "needs", "assets", "people", "organisations"])
def test_templates_are_files_whose_columns_are_known(kind):
    client = client_of(make_operator())
    header = text_of(client.get(f"/import/templates/{kind}.csv"))
    from keqiao.interchange.columns import TABLES
    from keqiao.interchange.mapping import match, missing

    names = next(csv.reader(io.StringIO(header.removeprefix("\ufeff"))))
    assert list(match(kind, names).values()) == [column.name for column in TABLES[kind]]
    assert missing(kind, match(kind, names)) == []
    book = book_of(client.get(f"/import/templates/{kind}.xlsx"))
    assert book.sheetnames == [kind, "说明", "代码表"]
    assert [cell.value for cell in book.worksheets[0][1]] == names
    assert book.properties.creator == "Keqiao"


def test_another_persons_import_is_not_there():
    actor = make_importer()
    job = staged(actor, csv_file(row(1, 报价="?")))
    stranger = client_of(make_operator())
    paths = ["", "/progress", "/columns", "/errors.csv"]
    assert [stranger.get(f"/import/{job.code}{path}").status_code for path in paths] == [404] * 4
    assert [stranger.post(f"/import/{job.code}/{step}").status_code for step in ("apply", "cancel", "columns")] == [
        404
    ] * 3
    assert job.code not in stranger.get("/import").content.decode()
    for path in ("/import", f"/import/{job.code}", "/export", "/export/file?kind=needs"):
        assert Client().get(path).status_code == 302
    assert Import.objects.get().state == "validated"


def test_somebody_without_an_organisation_is_told_so():
    page = client_of(make_actor()).get("/import")
    assert (page.status_code, "加入一家单位之后" in page.content.decode()) == (200, True)


def test_lists_cost_the_same_for_one_row_and_for_three(django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    actor = make_importer()
    client = client_of(actor)
    job = staged(actor, csv_file(row(1, 报价="?")))
    costs = []
    for more in (0, 2):
        for _n in range(more):
            start(actor, csv_file(row(1)))
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get("/import")
        costs.append(len(asked))
    three = staged(actor, csv_file(*(row(n, 报价="?") for n in range(3))))
    for each in (job, three):
        with CaptureQueriesContext(connection) as asked:
            client.get(f"/import/{each.code}")
        costs.append(len(asked))
    assert costs[0] == costs[1]
    assert costs[2] == costs[3]


def test_lists_are_paged():
    actor = make_importer()
    for _n in range(21):
        start(actor, csv_file(row(1)))
    client = client_of(actor)
    assert (
        client.get("/import")
        .content.decode()
        .count('<th scope="row">\n                                        <a class="t"')
        == 20
    )
    assert "/import/DR-" in client.get("/import?page=2").content.decode()
    job = staged(actor, csv_file(*(row(n, 报价="?") for n in range(60))))
    assert "第 52 行" in client.get(f"/import/{job.code}?page=2").content.decode()
