"""The API does what the pages do, with a token whose scopes were granted for it."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from keqiao.catalogue.tests.factories import make_achievement
from keqiao.integrations.tests.factories import make_token
from keqiao.interchange import tasks
from keqiao.interchange.models import Import
from keqiao.interchange.tests.factories import csv_file, make_importer, make_tables, row, staged
from keqiao.parties.models import Organisation, Person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tables(rules):
    make_tables()


def headers_of(actor, *scopes):
    _token, secret = make_token(
        person=Person.objects.get(pk=actor.person_id),
        organisation=Organisation.objects.get(pk=actor.acting_for),
        scopes=scopes,
    )
    return {"Authorization": f"Bearer {secret}"}


def test_upload_report_apply_export(client):
    actor = make_importer()
    headers = headers_of(actor, "import:write", "export:read")
    file = SimpleUploadedFile("成果.csv", csv_file(row(1), row(2, 报价="300")))
    answer = client.post("/api/v1/imports", {"kind": "achievements", "file": file}, headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (201, "uploaded")
    code = answer.json()["code"]
    tasks.validate_import(import_id=Import.objects.get().pk)
    told = client.get(f"/api/v1/imports/{code}", headers=headers).json()
    assert (told["state"], told["ready"], told["wrong"], told["rows_total"]) == ("validated", 1, 1, 2)
    report = client.get(f"/api/v1/imports/{code}/report", headers={**headers, "Accept-Language": "en"}).json()
    assert report["items"] == [
        {
            "row": 3,
            "state": "wrong",
            "problems": [
                {
                    "column": "报价",
                    "problem": "“300” has no unit.",
                    "example": "3000000 CNY, 50000 EUR, negotiable",
                }
            ],
        }
    ]
    assert client.post(f"/api/v1/imports/{code}/apply", headers=headers).json()["state"] == "applying"
    tasks.apply_import(import_id=Import.objects.get().pk)
    assert client.get("/api/v1/imports", headers=headers).json()["items"][0]["added"] == 1
    make_achievement(owner_id=actor.acting_for, title="膜")
    exported = client.get("/api/v1/exports/achievements?own=true", headers=headers)
    assert exported.status_code == 200, exported.content
    lines = b"".join(exported.streaming_content)
    assert [json.loads(line)["title"] for line in lines.splitlines()] == ["膜"]


def test_without_the_scope_nothing_goes_in_or_out(client):
    actor = make_importer()
    job = staged(actor, csv_file(row(1)))
    weak = headers_of(actor, "needs:read")
    asked = [
        client.get("/api/v1/imports", headers=weak),
        client.get(f"/api/v1/imports/{job.code}", headers=weak),
        client.post(f"/api/v1/imports/{job.code}/apply", headers=weak),
        client.get("/api/v1/exports/needs", headers=weak),
    ]
    assert [answer.status_code for answer in asked] == [403] * 4
    assert Import.objects.get().state == "validated"


def test_another_persons_import_is_not_there(client):
    job = staged(make_importer(), csv_file(row(1)))
    headers = headers_of(make_importer(), "import:write")
    asked = [
        client.get(f"/api/v1/imports/{job.code}", headers=headers),
        client.get(f"/api/v1/imports/{job.code}/report", headers=headers),
        client.post(f"/api/v1/imports/{job.code}/apply", headers=headers),
        client.post(f"/api/v1/imports/{job.code}/cancel", headers=headers),
        client.put(f"/api/v1/imports/{job.code}/mapping", {"mapping": {}}, "application/json", headers=headers),
    ]
    assert [answer.status_code for answer in asked] == [404] * 5


def test_a_bad_file_is_a_problem_with_its_field(client):
    headers = headers_of(make_importer(), "import:write")
    file = SimpleUploadedFile("成果.csv", b"%PDF-1.7")
    answer = client.post("/api/v1/imports", {"kind": "achievements", "file": file}, headers=headers)
    assert (answer.status_code, Import.objects.count()) == (422, 0)
    assert "PDF" in answer.json()["detail"]
