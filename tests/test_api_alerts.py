"""The API of alerts and of joining: the same commands by token."""

from datetime import timedelta

import pytest

from keqiao.alerts.models import Watch
from keqiao.alerts.tests.factories import find, send
from keqiao.engagement.tests.factories import make_world
from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.kernel import clock
from keqiao.parties.tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


def test_watches_alerts_and_the_switch(client):
    now = clock.now()
    world = make_world(published_at=now, updated_at=now)
    scopes = ("me:read", "me:write")
    token = bearer(make_token(person=world.manager, scopes=scopes)[1])
    told = {"content_type": "application/json", "headers": token}
    made = client.post("/api/v1/watches", {"subject": "own", "cadence": "at_once"}, **told)
    assert (made.status_code, made.json()["threshold"], made.json()["name_zh"]) == (201, 60, "澄源试验膜业")
    code = made.json()["code"]
    Watch.objects.update(since=clock.now() - timedelta(days=1))
    changed = client.patch(f"/api/v1/watches/{code}", {"threshold": 80}, **told)
    assert (changed.json()["threshold"], changed.json()["cadence"]) == (80, "at_once")
    steps = client.get(f"/api/v1/watches/{code}/preview", headers=token).json()["steps"]
    assert {row["threshold"]: row["count"] for row in steps}[80] == 1
    find(world.need)
    send(world.asker, "at_once")
    (row,) = client.get("/api/v1/alerts", headers=token).json()["items"]
    assert (row["need"], row["score"], row["because"][0]["watch"]) == (world.need.code, 90, code)
    assert client.put("/api/v1/me/recommendation", {"wanted": False}, **told).json() == {"wanted": False}
    assert client.get("/api/v1/me/recommendation", headers=token).json() == {"wanted": False}
    assert client.delete(f"/api/v1/watches/{code}", headers=token).status_code == 204
    assert client.get(f"/api/v1/watches/{code}", headers=token).json()["is_active"] is False
    other = bearer(make_token(person=make_person(), scopes=scopes)[1])
    assert client.get(f"/api/v1/watches/{code}", headers=other).status_code == 404
    assert client.post("/api/v1/watches", {"subject": "own", "threshold": 101}, **told).status_code == 422
    assert client.get("/api/v1/watches").status_code == 403


def test_joining_by_token(client):
    world = make_world()
    other = make_person(organisation=make_organisation())
    scopes = ("contacts:read", "contacts:write")
    mine, theirs = (bearer(make_token(person=person, scopes=scopes)[1]) for person in (other, world.manager))
    address = f"/api/v1/needs/{world.need.code}/joinings"
    made = client.post(address, {"note": "工况相同"}, content_type="application/json", headers=mine)
    assert (made.status_code, made.json()["is_own"]) == (201, True)
    assert client.post(address, {}, content_type="application/json", headers=mine).status_code == 409
    (row,) = client.get("/api/v1/joinings", headers=theirs).json()["items"]
    assert (row["organisation"], row["note"]) == (None, "工况相同")
    at = f"/api/v1/joinings/{row['code']}"
    assert client.post(f"{at}/leave", headers=theirs).status_code == 403
    accepted = client.post(f"{at}/answer", {"accepts": True}, content_type="application/json", headers=theirs)
    assert accepted.json()["state"] == "accepted"
    assert client.get(address).json() == {"count": 1, "named": []}
    assert client.post(f"{at}/leave", headers=mine).json()["state"] == "left"
