"""Files and cells that mean harm, through the page and the API, in both languages: a clear answer, and nothing is left."""

import io
import re
import zipfile
from collections import Counter

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from keqiao.catalogue.models import IPAsset
from keqiao.catalogue.tests.factories import make_achievement
from keqiao.integrations.tests.factories import make_token
from keqiao.interchange import exporting, tasks
from keqiao.interchange.columns import TABLES
from keqiao.interchange.exporting import Wanted
from keqiao.interchange.models import Import, ImportRow
from keqiao.interchange.tests.factories import csv_file, make_importer, make_tables, row, staged
from keqiao.interchange.tests.test_readers import REFUSED
from keqiao.kernel import files
from keqiao.kernel.models import StoredFile
from keqiao.parties import selectors as parties
from keqiao.parties.models import Invitation, Organisation, Person
from keqiao.parties.tests.factories import make_operator
from keqiao.submissions.models import Submission

pytestmark = pytest.mark.django_db
HAN = re.compile(r"[\u4e00-\u9fff]")
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
MADE = (Import, ImportRow, StoredFile, Submission, Organisation, Person, Invitation, IPAsset)
MISTAKES = ["pdf", "web page", "white space", "name twice", "ten thousand columns", "zip of something"]
ATTACKS = ["macros", "macro type", "macro sheets", "laughs", "laughs in UTF-16", "outer entity", "many parts"]
OLD = ["xls with macros", "encrypted xlsx", "word", "broken xls"]


def bomb():
    """60 MB of nothing in 60 kB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
        with book.open("xl/worksheets/sheet1.xml", "w") as part:
            for _n in range(60):
                part.write(b"\0" * 1_000_000)
    return out.getvalue()


HOSTILE = {name: REFUSED[name][0] for name in (*MISTAKES, *ATTACKS, *OLD)}


def counted():
    return {model: model.objects.count() for model in MADE}


def kept():
    """Files in the data folder: what is refused leaves no bytes."""
    return sorted(path.name for path in files.path_of("00" * 32).parents[1].rglob("*") if path.is_file())


@pytest.fixture
def somebody(rules, settings, tmp_path):
    make_tables()
    settings.DATA_DIR = tmp_path
    return make_importer()


def client_of(actor, language):
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id).user)
    client.cookies["keqiao_language"] = language
    return client


def error_of(answer):
    """What stands at the field of the file; the summary above leads to it and says the same."""
    page = answer.content.decode()
    said = re.search(r'<span class="err">.*?</svg>\s*(.*?)</span>', page, re.DOTALL)[1].strip()
    assert f'<a href="#file">{said}</a>' in page
    return said


@pytest.mark.parametrize("name", [*HOSTILE, "zip bomb"])
def test_a_hostile_file_is_answered_at_its_field_and_leaves_nothing(somebody, name):
    data = HOSTILE.get(name) or bomb()
    before = counted()
    said = {}
    for language in ("zh-hans", "en"):
        answer = client_of(somebody, language).post(
            "/import", {"kind": "achievements", "file": SimpleUploadedFile("成果.xlsx", data)}
        )
        assert answer.status_code == 422
        said[language] = error_of(answer)
    assert HAN.search(said["zh-hans"])
    assert not HAN.search(said["en"])
    assert all(len(re.split(r"[。.]", text.strip("。."))) > 1 for text in said.values())  # the problem, then what to do
    assert (counted(), kept()) == (before, [])
    _token, secret = make_token(
        person=Person.objects.get(pk=somebody.person_id),
        organisation=Organisation.objects.get(pk=somebody.acting_for),
        scopes=("import:write",),
    )
    problem = Client().post(
        "/api/v1/imports",
        {"kind": "achievements", "file": SimpleUploadedFile("成果.xlsx", data)},
        headers={"Authorization": f"Bearer {secret}", "Accept-Language": "en"},
    )
    assert (problem.status_code, problem["Content-Type"]) == (422, "application/problem+json")
    assert problem.json()["detail"].replace("'", "&#x27;") == said["en"]
    assert problem.json()["field"] == "file"
    assert (counted(), kept()) == (before, [])


@pytest.mark.slow
def test_more_than_50_mb_is_answered_and_not_kept(somebody):
    data = b"a,b\r\n" + b"x,y\r\n" * (files.LARGEST // 5)
    before = counted()
    for language, word in (("zh-hans", "超过 50 MB"), ("en", "50 MB")):
        answer = client_of(somebody, language).post(
            "/import", {"kind": "needs", "file": SimpleUploadedFile("大.csv", data)}
        )
        assert (answer.status_code, word in error_of(answer)) == (422, True)
    assert (counted(), kept()) == (before, [])


@pytest.mark.parametrize("kind", TABLES)
def test_markup_in_every_cell_is_named_or_kept_as_text_and_never_shown_as_markup(somebody, kind):
    operator = make_operator()
    names = [column.zh for column in TABLES[kind]]
    before = Counter(counted())
    job = staged(operator, csv_file([SCRIPT] * len(names), header=names), kind=kind, name=f"{SCRIPT}.csv")
    assert (job.ready, job.wrong) == (0, 1)
    told = {problem["column"] for problem in job.staged.get().problems}
    shaped = {column.name for column in TABLES[kind] if column.shape not in {"text", "words", "team", "indicators"}}
    assert shaped - told <= {"credit_code"} - told | {"assets"} - told
    for language in ("zh-hans", "en"):
        client = client_of(operator, language)
        pages = [client.get(path) for path in (f"/import/{job.code}", "/import", f"/import/{job.code}/columns")]
        for page in pages:
            assert page.status_code == 200
            assert b"<script>alert" not in page.content
            assert b"<img src=x" not in page.content
        assert b"&lt;script&gt;alert(1)" in pages[0].content
    assert client.post(f"/import/{job.code}/apply").status_code == 409
    tasks.apply_import(import_id=job.pk)
    after = counted()
    assert {model for model in MADE if after[model] != before[model]} == {Import, ImportRow, StoredFile}


def test_an_error_names_row_column_problem_and_example_in_both_languages(somebody):
    job = staged(somebody, csv_file(row(1), row(2, 报价="300", 指标="水通量≥15 弗隆每旬", 技术成熟度="十二级")))
    for language, wanted in (
        ("zh-hans", ("第 3 行", "报价", "“300”没有写单位。", "300万元")),
        ("en", ("Row 3", "报价", "“300” has no unit.", "3000000 CNY")),
    ):
        page = client_of(somebody, language).get(f"/import/{job.code}").content.decode()
        assert [word for word in wanted if word not in page] == []


def test_what_is_withdrawn_while_an_export_runs_does_not_go_out(somebody, monkeypatch):
    """Rows are read some at a time: consent that is taken back holds from the next rows on."""
    monkeypatch.setattr(exporting, "AT_ONCE", 1)
    first, second, third = (make_achievement(owner_id=somebody.acting_for, title=f"膜 {n}") for n in range(3))
    rows = exporting.rows_for(make_importer(), Wanted(kind="achievements"))
    assert next(rows)["code"] == first.code
    second.state = "withdrawn"
    second.save(update_fields=["state"])
    assert [row["code"] for row in rows] == [third.code]
    people = exporting.rows_for(parties.system(), Wanted(kind="people"))
    names = [next(people)["name_zh"]]
    Person.objects.exclude(name_zh=names[0]).update(name_zh="已注销", name_en="")
    assert {row["name_zh"] for row in people} <= {"已注销", names[0]}
