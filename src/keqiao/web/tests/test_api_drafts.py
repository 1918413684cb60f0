"""Drafts through the API."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from keqiao.catalogue.tests.factories import make_need
from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.submissions.models import Submission
from keqiao.submissions.tests.factories import NEED, PDF, make_draft, make_field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
WRITE = ("needs:read", "needs:write")


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    make_field()


@pytest.fixture
def organisation():
    return make_organisation(code="DW-7")


@pytest.fixture
def me(organisation):
    return make_person(organisation=organisation)


def token(me, organisation, *scopes):
    return bearer(make_token(person=me, organisation=organisation, scopes=scopes)[1])


def test_a_need_is_begun_written_and_read(client, me, organisation):
    headers = token(me, organisation, *WRITE)
    made = client.post(
        "/api/v1/drafts/needs", {"organisation": "DW-7", "content": {"trl_min": 6}}, "application/json", headers=headers
    )
    assert made.status_code == 201, made.content
    code = made.json()["code"]
    assert {problem["field"] for problem in made.json()["problems"]} == {"field", "texts.zh.title", "texts.zh.problem"}
    path = f"/api/v1/drafts/needs/{code}"
    saved = client.patch(path, {"revision": 1, "content": NEED}, "application/json", headers=headers)
    assert (saved.status_code, saved.json()["revision"], saved.json()["problems"]) == (200, 2, [])
    assert Submission.objects.get().origin == "api"
    late = client.patch(path, {"revision": 1, "content": {"trl_min": 1}}, "application/json", headers=headers)
    assert (late.status_code, late.json()["code"]) == (409, "SavedElsewhere")
    assert client.get(f"/api/v1/drafts/{code}", headers=headers).json()["content"] == NEED
    assert [row["code"] for row in client.get("/api/v1/drafts", headers=headers).json()["items"]] == [code]
    attached = client.post(
        f"{path}/files", {"level": "nda", "file": SimpleUploadedFile("报告.pdf", PDF)}, headers=headers
    )
    assert attached.status_code == 201, attached.content
    file_id = attached.json()["content"]["attachments"][0]["file_id"]
    dropped = client.delete(f"{path}/files/{file_id}", headers=headers)
    assert dropped.json()["content"]["attachments"] == []
    assert client.delete(path, headers=headers).status_code == 204
    assert client.get("/api/v1/drafts", headers=headers).json()["total"] == 0


@pytest.mark.parametrize(
    ("content", "status"),
    [({"nonsense": 1}, 422), ({"texts": []}, 422), ({"attachments": [{"file_id": 1}]}, 422), ([], 422)],
)
def test_other_shapes_are_refused(client, me, organisation, content, status):
    answer = client.post(
        "/api/v1/drafts/needs",
        {"organisation": "DW-7", "content": content},
        "application/json",
        headers=token(me, organisation, *WRITE),
    )
    assert (answer.status_code, Submission.objects.count()) == (status, 0)


def test_scopes_are_kept_apart(client, me, organisation):
    needs = token(me, organisation, *WRITE)
    results = token(me, organisation, "achievements:write", "achievements:read")
    body = {"organisation": "DW-7", "content": {}}
    assert client.post("/api/v1/drafts/needs", body, "application/json", headers=results).status_code == 403
    assert client.post("/api/v1/drafts/achievements", body, "application/json", headers=needs).status_code == 403
    assert client.post("/api/v1/drafts/needs", body, "application/json").status_code == 401
    code = client.post("/api/v1/drafts/needs", body, "application/json", headers=needs).json()["code"]
    assert client.get(f"/api/v1/drafts/{code}", headers=results).status_code == 404
    assert client.get("/api/v1/drafts", headers=results).json()["total"] == 0
    change = {"revision": 1, "content": {}}
    wrong = client.patch(f"/api/v1/drafts/achievements/{code}", change, "application/json", headers=results)
    assert wrong.status_code == 404


def test_foreign_organisations_and_drafts(client, me, organisation):
    headers = token(me, organisation, *WRITE)
    make_organisation(code="DW-8")
    foreign = make_draft()
    body = {"organisation": "DW-8", "content": {}}
    assert client.post("/api/v1/drafts/needs", body, "application/json", headers=headers).status_code == 403
    assert client.get(f"/api/v1/drafts/{foreign.code}", headers=headers).status_code == 404
    change = {"revision": 1, "content": {}}
    path = f"/api/v1/drafts/needs/{foreign.code}"
    assert client.patch(path, change, "application/json", headers=headers).status_code == 404
    assert client.delete(path, headers=headers).status_code == 404
    assert client.get("/api/v1/drafts").status_code in {401, 403}


def test_a_new_version_of_ones_own_need(client, me, organisation):
    need = make_need(publisher=organisation, title="旧标题", field="materials")
    headers = token(me, organisation, *WRITE)
    made = client.post(f"/api/v1/needs/{need.code}/draft", headers=headers)
    assert (made.status_code, made.json()["item"]) == (201, need.code)
    assert made.json()["content"]["texts"]["zh"]["title"] == "旧标题"
    assert client.post(f"/api/v1/needs/{make_need().code}/draft", headers=headers).status_code == 403
