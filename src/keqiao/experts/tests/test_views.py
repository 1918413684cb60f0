"""The pages: what they show, what they cost and whom they refuse."""

import pytest
from django.test import Client

from keqiao.experts import services, tasks
from keqiao.experts.models import Assignment, AssignmentPlan, ExpertProfile
from keqiao.experts.tests.factories import (
    BEARING,
    MEMBRANE,
    actor_of,
    index,
    make_expert,
    make_needs,
    make_plan,
    make_work,
)
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_post
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


def client_of(actor):
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id).user)
    client.cookies["keqiao_language"] = "zh-hans"
    return client


def says(answer):
    return answer.content.decode()


def test_the_way_from_a_form_to_an_answer():
    experts, needs = [make_expert(text) for text in (MEMBRANE, BEARING)], make_needs()[:2]
    second = make_expert(MEMBRANE)
    operator = client_of(make_operator())
    made = operator.post(
        "/assignments/plans/new",
        {"title": "十一月", "kind": "experts", "needs": [need.code for need in needs], "key": "a-key-of-the-form"},
    )
    plan = AssignmentPlan.objects.get()
    assert made.url == f"/assignments/plans/{plan.code}"
    assert "正在算：0 / 2 项需求" in says(operator.get(made.url))
    tasks.compute_plan(plan_id=plan.pk)
    assert operator.get(f"{made.url}/progress", headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    page = says(operator.get(made.url))
    assert "确认并通知 2 份" in page
    assert "次优" in page
    first = Assignment.objects.get(need__need=needs[0])
    other = ({experts[0].code, second.code} - {first.candidate.profile.code}).pop()
    choose = f"{made.url}/needs/{needs[0].code}"
    assert "可派" in says(operator.get(choose))
    refused = operator.post(f"{choose}/assign", {"who": other, "reason": "", "instead_of": first.code})
    assert (refused.status_code, "写明改派的理由" in says(refused)) == (422, True)
    operator.post(f"{choose}/assign", {"who": other, "reason": "做过中试", "instead_of": first.code})
    assert "做过中试" in says(operator.get(made.url))
    operator.post(f"{made.url}/confirm")
    rows = {row.candidate.profile.code: row for row in Assignment.objects.filter(state="asked")}
    assert set(rows) == {other, experts[1].code}
    accepting = client_of(actor_of(ExpertProfile.objects.get(code=other)))
    assert "为什么找您" in says(accepting.get(f"/assignments/{rows[other].code}"))
    accepting.post(f"/assignments/{rows[other].code}/accept")
    assert "您已接受" in says(accepting.get(f"/assignments/{rows[other].code}"))
    declining = client_of(actor_of(experts[1]))
    declining.post(f"/assignments/{rows[experts[1].code].code}/decline", {"reason": "busy", "note": "下月再说"})
    page = says(operator.get(made.url))
    assert "手上的事太多" in page
    assert "下月再说" in page


def test_the_entry_of_ones_own_step_by_step():
    expert = make_expert(statement="", is_listed=False)
    work = make_work(expert, claim=False)
    client = client_of(actor_of(expert))
    assert work.code in says(client.get("/me/expert"))
    refused = client.post("/me/expert/listing", {"go": "join"})
    assert refused.status_code == 409
    client.post("/me/expert", {"statement_zh": "做膜分离。", "capacity": "3", "works": [work.code]})
    client.post("/me/expert/papers", {"title": "耐酸纳滤膜", "doi": "10.1000/abc", "year": "2024"})
    client.post("/me/expert/periods", {"first_on": "2030-01-01", "last_on": "2030-02-01", "period_capacity": "0"})
    client.post("/me/expert/conflicts", {"organisation": work.owner.name_zh, "kind": "contract"})
    client.post("/me/expert/listing", {"go": "join"})
    expert.refresh_from_db()
    counts = [expert.papers.count(), expert.periods.count(), expert.conflicts.count(), expert.works.count()]
    assert (expert.is_listed, expert.capacity, counts) == (True, 3, [1, 1, 1, 1])
    page = says(client_of(make_actor()).get(f"/experts/{expert.code}"))
    assert "做膜分离。" in page
    assert "耐酸纳滤膜" in page
    client.post(f"/me/expert/papers/{expert.papers.get().pk}/delete")
    client.post(f"/me/expert/periods/{expert.periods.get().pk}/delete")
    client.post(f"/me/expert/conflicts/{expert.conflicts.get().pk}/delete")
    client.post("/me/expert/listing", {"go": "leave"})
    expert.refresh_from_db()
    assert (expert.is_listed, expert.papers.count(), expert.periods.count(), expert.conflicts.count()) == (
        False,
        0,
        0,
        0,
    )


@pytest.mark.parametrize(
    ("address", "given", "message"),
    [
        ("/me/expert", {"capacity": "viele"}, "填一个整数"),
        ("/me/expert/papers", {"title": ""}, "填论文或著作的题名"),
        ("/me/expert/periods", {"first_on": "x"}, "日期写成 2026-11-20 的样子"),
        ("/me/expert/conflicts", {"organisation": "没有这家", "kind": "kin"}, "没有找到这家单位"),
    ],
)
def test_what_cannot_be_read_comes_back_with_the_reason(address, given, message):
    answer = client_of(make_actor()).post(address, given)
    assert (answer.status_code, message in says(answer)) == (422, True)


def test_ties_stand_on_the_page_of_those_who_may_know():
    need = make_needs()[0]
    expert = make_expert(MEMBRANE)
    make_post(expert.person, need.publisher)
    address = f"/needs/{need.code}/experts"
    assert "在需求单位任职" in says(client_of(make_operator()).get(address))
    assert "需要回避" not in says(client_of(make_actor(organisation=make_organisation())).get(address))


def test_what_an_expert_has_on_the_desk_is_for_those_who_assign_and_for_themselves():
    need = make_needs()[0]
    expert = make_expert(MEMBRANE)
    researcher = make_actor(organisation=make_organisation(), role=Role.RESEARCHER)
    readers = {"operator": make_operator(), "expert": actor_of(expert), "researcher": researcher}
    own, listed = f"/experts/{expert.code}", f"/needs/{need.code}/experts"
    seen = {
        name: ("今天手上" in says(client_of(actor).get(own)), "手上 0" in says(client_of(actor).get(listed)))
        for name, actor in readers.items()
    }
    assert seen == {"operator": (True, True), "expert": (True, True), "researcher": (False, False)}


def test_visitors_are_led_to_sign_in_and_strangers_find_nothing():
    plan = make_plan(make_needs()[:1], expert_codes=[make_expert(MEMBRANE).code])
    assert Client().get("/experts").status_code == 302
    stranger = client_of(make_actor(organisation=make_organisation(), role=Role.RESEARCHER))
    row = Assignment.objects.get()
    addresses = ("plans", "plans/new", f"plans/{plan.code}", row.code)
    assert [stranger.get(f"/assignments/{place}").status_code for place in addresses] == [404] * 4
    for step in ("confirm", "cancel"):
        assert stranger.post(f"/assignments/plans/{plan.code}/{step}").status_code == 404
    assert stranger.post(f"/assignments/{row.code}/accept").status_code == 404


def test_rows_cost_no_further_queries(django_assert_max_num_queries):
    """1 and 3 rows alike, on every list."""
    needs = make_needs()
    operator = client_of(make_operator())

    def cost(address):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert operator.get(address).status_code == 200
        return len(queries)

    first = make_expert(MEMBRANE, statement="膜")
    make_work(first)
    index(first)
    plan = make_plan(needs[:1])
    addresses = ["/experts", f"/needs/{needs[0].code}/experts", "/assignments/plans"]
    pages = [f"/assignments/plans/{plan.code}", f"/assignments/plans/{plan.code}/needs/{needs[0].code}"]
    before = [cost(address) for address in (*addresses, *pages)]
    for _n in range(2):
        more = make_expert(MEMBRANE, BEARING, statement="膜")
        make_work(more)
        index(more)
    bigger = make_plan(needs)
    pages = [f"/assignments/plans/{bigger.code}", f"/assignments/plans/{bigger.code}/needs/{needs[0].code}"]
    assert [cost(address) for address in (*addresses, *pages)] == before


def test_the_list_of_ones_own_assignments_costs_the_same():
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    expert = make_expert(MEMBRANE, BEARING, capacity=5)
    counts = []
    for needs in (make_needs()[:1], make_needs()):
        plan = make_plan(needs, most_each=5, spread=0)
        services.confirm_plan(actor=parties.actor_for(plan.made_by.user), code=plan.code)
        client = client_of(actor_of(expert))
        with CaptureQueriesContext(connection) as queries:
            client.get("/assignments")
        counts.append(len(queries))
    assert Assignment.objects.filter(candidate__profile=expert, state="asked").count() > 2
    assert counts[0] == counts[1]
