"""The API of organisations and the people in them."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.kernel.identifiers import make_credit_code
from keqiao.parties import selectors, services
from keqiao.parties.models import Organisation, Person, Post
from keqiao.parties.tests.factories import PDF, make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
SCOPES = ["organisations:read", "organisations:write"]


@pytest.fixture
def ask(client):
    """Somebody's call with a token of their own."""
    secrets = {}

    def call(person, verb, path, payload=None):
        if person.pk not in secrets:
            secrets[person.pk] = make_token(person=person, scopes=SCOPES)[1]
        return (
            getattr(client, verb)(
                f"/api/v1{path}",
                json.dumps(payload or {}),
                content_type="application/json",
                headers=bearer(secrets[person.pk]),
            )
            if verb != "get"
            else client.get(f"/api/v1{path}", headers=bearer(secrets[person.pk]))
        )

    return call


def test_the_register_finds_aliases_and_redirects(client):
    kept, gone = make_organisation(name_zh="澜江膜业"), make_organisation(name_zh="老膜厂")
    services.merge_organisations(actor=selectors.system(), kept_code=kept.code, gone_code=gone.code)
    found = client.get("/api/v1/organisations", {"name": "老膜"}).json()
    assert [row["code"] for row in found["items"]] == [kept.code]
    answer = client.get(f"/api/v1/organisations/{gone.code}")
    assert (answer.status_code, answer["Location"]) == (301, f"/api/v1/organisations/{kept.code}")
    one = client.get(f"/api/v1/organisations/{kept.code}").json()
    assert (one["aliases"], one["is_verified"]) == (["老膜厂"], True)
    assert client.get("/api/v1/organisations/DW-0").status_code == 404


def test_from_asking_to_leaving(ask):
    organisation = make_organisation(kind="university")
    officer = make_person(organisation=organisation, role=Role.CONVERSION_OFFICER)
    newcomer = make_person()
    place = f"/organisations/{organisation.code}"
    assert ask(newcomer, "post", f"{place}/join-requests", {"role": "bank_officer"}).json()["field"] == "role"
    made = ask(newcomer, "post", f"{place}/join-requests", {"role": "researcher"})
    assert (made.status_code, made.json()["state"]) == (201, "open")
    assert ask(newcomer, "post", f"/join-requests/{made.json()['code']}/approve").status_code == 403
    assert ask(officer, "post", f"/join-requests/{made.json()['code']}/approve").json()["state"] == "approved"
    members = ask(officer, "get", f"{place}/members").json()["items"]
    assert [row["role"] for row in members] == ["conversion_officer", "researcher"]
    assert ask(make_person(), "get", f"{place}/members").status_code == 404
    changed = ask(officer, "patch", f"{place}/members/{members[1]['number']}", {"role": "rd_manager"}).json()
    assert changed["role"] == "rd_manager"
    assert ask(officer, "delete", f"{place}/members/{changed['number']}").status_code == 204
    last = ask(officer, "delete", f"{place}/members/{members[0]['number']}")
    assert (last.status_code, last.json()["code"]) == (409, "NobodyLeft")
    assert Post.objects.filter(ended_on=None).count() == 1


def test_invitations(ask):
    organisation = make_organisation()
    manager, newcomer = make_person(organisation=organisation), make_person()
    place = f"/organisations/{organisation.code}/invitations"
    made = ask(manager, "post", place, {"role": "researcher"}).json()
    token = made["url"].split("t=")[1]
    assert ask(newcomer, "get", place).status_code == 404
    assert ask(newcomer, "delete", f"/invitations/{made['code']}").status_code == 404
    assert ask(newcomer, "post", "/invitations/accept", {"token": token}).json()["state"] == "used"
    assert ask(newcomer, "post", "/invitations/accept", {"token": token}).json()["code"] == "InvitationUsed"
    second = ask(manager, "post", place, {"role": "researcher", "email": "wang@example.org"}).json()
    assert [row["code"] for row in ask(manager, "get", place).json()["items"]] == [second["code"]]
    assert ask(manager, "delete", f"/invitations/{second['code']}").status_code == 204


def test_founding_and_verifying(client, ask, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    founder = make_person()
    operator = make_person(organisation=make_organisation(kind="agency"), role=Role.ADMINISTRATOR)
    _token, secret = make_token(person=founder, scopes=SCOPES)
    fields = {"kind": "enterprise", "name_zh": "新膜", "credit_code": make_credit_code("api")}
    made = client.post(
        "/api/v1/organisations",
        {**fields, "licence": SimpleUploadedFile("a.pdf", PDF)},
        headers=bearer(secret),
    )
    assert (made.status_code, made.json()["state"]) == (201, "open")
    code = made.json()["code"]
    assert ask(make_person(), "get", f"/verifications/{code}").status_code == 404
    assert ask(founder, "post", f"/verifications/{code}/approve").status_code == 403
    assert [row["code"] for row in ask(operator, "get", "/verifications").json()["items"]] == [code]
    assert ask(operator, "post", f"/verifications/{code}/ask", {"text": "看不清"}).json()["state"] == "asked"
    assert ask(founder, "post", f"/verifications/{code}/answer", {"text": "已重传"}).json()["state"] == "open"
    assert ask(operator, "post", f"/verifications/{code}/approve").json()["state"] == "approved"
    assert Organisation.objects.get(code=made.json()["organisation"]).is_verified


def test_describing(ask):
    organisation = make_organisation()
    manager = make_person(organisation=organisation)
    place = f"/organisations/{organisation.code}"
    assert ask(manager, "patch", place, {"name_en": "Membranes"}).json()["name_en"] == "Membranes"
    assert ask(manager, "post", f"{place}/aliases", {"name": "老膜厂"}).json()["aliases"] == ["老膜厂"]
    wrong = ask(manager, "post", f"{place}/identifiers", {"scheme": "lei", "value": "529900T8BM49AURSDO54"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "value")
    assert ask(make_person(), "patch", place, {"name_en": "x"}).status_code == 403
    assert Person.objects.count() == 2
