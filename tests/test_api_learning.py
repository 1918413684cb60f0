"""The API of learning: points for everybody, training for operators, an organisation's own choice."""

import json

import pytest

from keqiao.engagement.tests.factories import make_world
from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.learning import training
from keqiao.learning.models import LearnedModel
from keqiao.learning.tests.factories import make_city
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


class Caller:
    """A program with a person's token."""

    def __init__(self, client, person, *scopes):
        self.client = client
        self.headers = bearer(make_token(person=person, scopes=list(scopes))[1])

    def __call__(self, method, address, body=None):
        given = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        answer = self.client.generic(method, f"/api/v1{address}", headers=self.headers, **given)
        return answer.status_code, answer.json()


def test_an_operators_program_trains_promotes_and_takes_back(client):
    make_city(organisations=6)
    person = make_person(organisation=make_organisation(kind="exchange"), role=Role.ADMINISTRATOR)
    operator = Caller(client, person, "learning:read", "learning:write")
    status, started = operator("POST", "/learning/models")
    assert (status, started["state"], started["points"]) == (202, "training", None)
    assert operator("POST", "/learning/models")[0] == 409
    training.train(LearnedModel.objects.get().pk)
    at = f"/learning/models/{started['code']}"
    found = operator("GET", at)[1]
    assert (found["state"], found["organisations"], sum(found["points"].values())) == ("ready", 6, 100)
    assert operator("GET", "/learning/models")[1]["total"] == 1
    assert operator("GET", "/learning/rows")[1]["items"][0]["shown"] == 48
    assert operator("POST", f"{at}/promote", {"has_read_card": False})[0] == 422
    assert operator("POST", f"{at}/promote", {"has_read_card": True})[1]["state"] == "in_force"
    held = client.get("/api/v1/matching/points").json()
    assert (held["name"], held["is_learned"], held["points"]) == (found["code"], True, found["points"])
    assert operator("POST", "/learning/roll-back", {"is_confirmed": True})[1]["is_learned"] is False
    assert operator("POST", "/learning/roll-back", {"is_confirmed": True})[0] == 409
    assert operator("POST", f"{at}/stop")[0] == 409


def test_nobody_else_sees_or_changes_any_of_it(client):
    stranger = Caller(client, make_world().manager, "learning:read", "learning:write")
    assert stranger("GET", "/learning/models")[1]["total"] == 0
    assert stranger("GET", "/learning/rows")[0] == 403
    assert stranger("POST", "/learning/models")[0] == 403
    assert stranger("GET", "/learning/models/MX-0")[0] == 404
    assert stranger("POST", "/learning/roll-back", {"is_confirmed": True})[0] == 403


def test_an_organisation_decides_by_program(client):
    world = make_world()
    at = f"/organisations/{world.need.publisher.code}/learning"
    own = Caller(client, world.manager, "organisations:read", "organisations:write")
    assert own("GET", at)[1]["takes_part"] is True
    assert own("PUT", at, {"takes_part": False})[1]["takes_part"] is False
    assert own("PUT", at, {"takes_part": True})[1]["refused_at"] is None
    assert Caller(client, world.officer, "organisations:read")("GET", at)[0] == 404
