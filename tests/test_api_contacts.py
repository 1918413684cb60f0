"""The API of engagement: the same commands by token, the same silence about what is hidden."""

import json

import pytest

from keqiao.engagement.models import Contact, MatchFeedback, SavedSearch
from keqiao.engagement.tests.factories import PDF, a_key, make_world
from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.parties.tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
ALL = ["contacts:read", "contacts:write", "feedback:write"]


class Caller:
    """A program with a person's token."""

    def __init__(self, client, person, scopes=ALL):
        self.client = client
        self.headers = bearer(make_token(person=person, scopes=scopes)[1])

    def __call__(self, method, address, body=None, **given):
        if body is not None:
            given |= {"data": json.dumps(body), "content_type": "application/json"}
        answer = self.client.generic(method, f"/api/v1{address}", headers=self.headers, **given)
        return answer.status_code, (answer.json() if answer.content and not answer.streaming else None)


def test_a_contact_from_sending_to_closing(client):
    world = make_world()
    asker, owner = Caller(client, world.manager), Caller(client, world.officer)
    body = {"need": world.need.code, "achievement": world.achievement.code, "text": "请问测试条件？", "key": a_key()}
    status, sent = asker("POST", "/contacts", body)
    assert (status, sent["state"], sent["other"]["organisation"]) == (201, "sent", world.achievement.owner.code)
    assert asker("POST", "/contacts", body)[1]["code"] == sent["code"]
    at = f"/contacts/{sent['code']}"
    assert owner("GET", "/contacts?box=mine")[1]["total"] == 1
    assert owner("POST", f"{at}/accept")[1]["state"] == "accepted"
    assert owner("POST", f"{at}/decline", {"reason": "nonsense"})[0] == 422
    people = owner("GET", f"{at}/colleagues")[1]["items"]
    assert [row["name_zh"] for row in people] == [world.colleague.name_zh]
    assert owner("POST", f"{at}/hand-over", {"person": people[0]["id"]})[1]["state"] == "handed_over"
    assert owner("POST", f"{at}/answer", {"text": "25 ℃。", "key": a_key()})[1]["state"] == "answered"
    status, message = asker("POST", f"{at}/messages", {"text": "谢谢。", "key": a_key()})
    assert (status, message["number"], message["text"]) == (201, 3, "谢谢。")
    thread = owner("GET", f"{at}/messages")[1]
    assert [row["number"] for row in thread["items"]] == [1, 2, 3]
    assert asker("POST", f"{at}/broker", {"person": None})[0] == 200
    assert owner("POST", f"{at}/broker/answer", {"agrees": False})[0] == 200
    assert asker("POST", f"{at}/close")[1]["state"] == "closed"
    assert asker("POST", f"{at}/withdraw")[0] == 409
    stranger = Caller(client, make_person(organisation=make_organisation()))
    for method, address in (("GET", at), ("GET", f"{at}/messages"), ("POST", f"{at}/close"), ("GET", f"{at}/files/1")):
        assert stranger(method, address)[0] == 404


def test_files_go_and_come(client):
    from django.core.files.uploadedfile import SimpleUploadedFile

    world = make_world()
    asker = Caller(client, world.manager)
    body = {"need": world.need.code, "achievement": world.achievement.code, "text": "请问？", "key": a_key()}
    code = asker("POST", "/contacts", body)[1]["code"]
    for content, status in ((PDF, 201), (b"MZ", 422)):
        given = {"file": SimpleUploadedFile("报告.pdf", content), "key": a_key()}
        answer = client.post(f"/api/v1/contacts/{code}/files", given, headers=asker.headers)
        assert answer.status_code == status
    file = asker("GET", f"/contacts/{code}/messages")[1]["items"][1]["files"][0]
    assert (file["name"], file["media_type"], file["size"]) == ("报告.pdf", "application/pdf", len(PDF))
    answer = client.get(file["url"], headers=asker.headers)
    assert b"".join(answer.streaming_content) == PDF


def test_scopes_are_asked_for(client):
    world = make_world()
    reads = Caller(client, world.manager, ["contacts:read"])
    other = Caller(client, world.manager, ["needs:read"])
    pair = {"need": world.need.code, "achievement": world.achievement.code, "text": "请问？", "key": a_key()}
    assert reads("POST", "/contacts", pair)[0] == 403
    assert reads("GET", "/contacts")[0] == 200
    assert other("GET", "/contacts")[0] == 403
    assert client.get("/api/v1/contacts").status_code == 403
    assert client.post("/api/v1/contacts", pair, content_type="application/json").status_code == 401
    assert Contact.objects.count() == 0


def test_feedback_and_saved_searches(client):
    world = make_world()
    asker = Caller(client, world.manager)
    at = f"/needs/{world.need.code}/matches/{world.achievement.code}/feedback"
    status, row = asker("PUT", at, {"is_suitable": False, "reason": "price"})
    assert (status, row["side"], row["shown_position"], row["reason"]) == (200, "need", 1, "price")
    assert asker("GET", "/feedback")[1]["total"] == 1
    assert asker("PUT", at, {"is_suitable": False, "reason": "nonsense"})[0] == 422
    assert asker("DELETE", at)[0] == 204
    assert MatchFeedback.objects.get().is_suitable is None
    status, saved = asker("POST", "/saved-searches", {"query": "kind=need&q=膜"})
    assert (status, saved["name"]) == (201, "膜")
    assert asker("POST", "/saved-searches", {"query": "x=1"})[0] == 422
    assert asker("GET", "/saved-searches")[1]["total"] == 1
    stranger = Caller(client, make_person(organisation=make_organisation()))
    assert stranger("DELETE", f"/saved-searches/{saved['id']}")[0] == 404
    assert asker("DELETE", f"/saved-searches/{saved['id']}")[0] == 204
    assert SavedSearch.objects.count() == 0


def test_the_record_of_answers_is_public_and_says_when_it_knows_too_little(client):
    world = make_world()
    answer = client.get(f"/api/v1/organisations/{world.achievement.owner.code}/answers")
    assert answer.json() == {"cases": 0, "is_known": False, "answered_in_time": None, "median_days": None}
