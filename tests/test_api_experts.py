"""The API of experts: the same commands by token, the same silence about what is hidden."""

import pytest

from keqiao.experts import tasks
from keqiao.experts.models import Assignment, AssignmentPlan
from keqiao.experts.tests.factories import BEARING, MEMBRANE, make_expert, make_needs
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person, make_post
from keqiao.parties.types import Role
from tests.test_api_contacts import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
ALL = ["assignments:read", "assignments:write"]


def caller(client, person_id):
    return Caller(client, Person.objects.get(pk=person_id), ALL)


def test_from_a_plan_to_an_answer(client):
    experts, needs = [make_expert(text) for text in (MEMBRANE, BEARING, MEMBRANE)], make_needs()[:2]
    operator = caller(client, make_operator().person_id)
    body = {"kind": "experts", "title": "十一月", "needs": [need.code for need in needs], "key": "key-of-the-plan"}
    status, plan = operator("POST", "/assignment-plans", body)
    assert (status, plan["state"], plan["needs"]) == (201, "computing", 2)
    assert operator("POST", "/assignment-plans", body)[1]["code"] == plan["code"]
    tasks.compute_plan(plan_id=AssignmentPlan.objects.get().pk)
    at = f"/assignment-plans/{plan['code']}"
    assert operator("GET", at)[1]["state"] == "ready"
    rows = operator("GET", f"{at}/assignments")[1]["items"]
    assert [row["need"] for row in rows] == [need.code for need in needs]
    other = ({experts[0].code, experts[2].code} - {rows[0]["candidate"]}).pop()
    change = {"need": needs[0].code, "candidate": other, "instead_of": rows[0]["code"], "reason": "做过中试"}
    status, changed = operator("POST", f"{at}/assign", change)
    assert (status, changed["candidate"], changed["override_reason"]) == (201, other, "做过中试")
    assert operator("POST", f"{at}/confirm")[1]["state"] == "confirmed"
    mine = Assignment.objects.get(need__need=needs[1], state="asked")
    expert = caller(client, mine.candidate.profile.person_id)
    assert [row["code"] for row in expert("GET", "/assignments")[1]["items"]] == [mine.code]
    seen = expert("GET", f"/assignments/{mine.code}")[1]
    assert (seen["next_best"], seen["why_not"]) == (None, "")  # whom else the plan thought of is not theirs to know
    assert expert("POST", f"/assignments/{mine.code}/accept")[1]["state"] == "accepted"
    assert expert("POST", f"/assignments/{mine.code}/decline", {"reason": "nonsense"})[0] == 422
    assert expert("POST", f"/assignments/{mine.code}/finish")[0] == 403
    assert operator("POST", f"/assignments/{mine.code}/finish")[1]["state"] == "done"


def test_experts_of_a_need_with_their_ties_for_those_who_may_know(client):
    need = make_needs()[0]
    expert = make_expert(MEMBRANE)
    make_post(expert.person, need.publisher)
    operator = caller(client, make_operator().person_id)
    stranger = caller(client, make_person(organisation=make_organisation()).pk)
    address = f"/needs/{need.code}/experts"
    assert operator("GET", address)[1]["items"][0]["ties"] == ["employed"]
    found = stranger("GET", address)[1]["items"][0]
    assert (found["expert"]["code"], found["ties"], found["reasons"][0]["kind"]) == (expert.code, [], "paper")
    assert operator("GET", address)[1]["items"][0]["load"] == 0
    researcher = caller(client, make_actor(organisation=make_organisation(), role=Role.RESEARCHER).person_id)
    told = researcher("GET", address)[1]["items"][0]
    assert (told["load"], told["capacity"]) == (None, None)
    assert client.get("/api/v1/experts").status_code == 404
    assert stranger("GET", "/assignment-plans")[1]["total"] == 0
