"""Pages of deals, through the client."""

import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from keqiao.deals.models import Deal, Distribution, Receipt, RewardRule
from keqiao.deals.tests.factories import end_notice, make_world, pay_in, payable, prepare
from keqiao.kernel.models import Objection
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, user_of
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def world(rules):
    return make_world()


def as_(client, actor):
    client.force_login(user_of(actor))
    return client


def statuses(client, actor, addresses):
    as_(client, actor)
    return [client.get(address).status_code for address in addresses]


def test_every_page_is_for_whom_it_concerns_and_missing_for_others(world, client):
    row = payable(world)
    addresses = [
        f"/deals/{world.deal.code}", f"/deals/{world.deal.code}/receipts/new", f"/deals/{world.deal.code}/receipts/1/divide",
        f"/distributions/{row.code}", f"/distributions/{row.code}/payroll.csv", f"/me/money/{row.code}",
        f"/achievements/{world.result.code}/shares", f"/public-notices/{row.notice.code}",
    ]  # fmt: skip
    stranger = make_actor(organisation=make_organisation(kind="university"), role=Role.CONVERSION_OFFICER)
    assert statuses(client, world.officer, addresses) == [200, 200, 200, 200, 200, 404, 200, 200]
    assert statuses(client, world.finance, addresses) == [200, 200, 404, 200, 200, 404, 200, 404]
    assert statuses(client, world.auditor, addresses) == [200, 404, 404, 200, 200, 404, 200, 404]
    assert statuses(client, world.team[0], addresses) == [200, 404, 404, 404, 404, 200, 200, 404]
    assert statuses(client, make_actor(organisation=world.buyer), addresses) == [200, *[404] * 7]
    assert statuses(client, stranger, addresses) == [404] * 8
    assert statuses(client, make_operator(), addresses) == [404] * 8


def test_the_other_party_sees_what_it_paid_and_a_contributor_only_the_own_line(world, client):
    row = prepare(world)
    shown = as_(client, make_actor(organisation=world.buyer)).get(f"/deals/{world.deal.code}").content.decode()
    assert "2,000,000.00" in shown
    assert "1,316,000.00" not in shown
    assert row.code not in shown
    shown = as_(client, world.team[0]).get(f"/me/money/{row.code}").content.decode()
    assert "658,000.00" in shown
    assert "1,316,000.00" in shown
    assert "394,800.00" not in shown
    assert "394,800.00" not in client.get(f"/deals/{world.deal.code}").content.decode()


def test_an_english_reader_sees_our_own_grounds_in_english_and_laws_by_their_titles(world, client):
    row = prepare(world)
    client.cookies["keqiao_language"] = "en"
    shown = as_(client, world.team[0]).get(f"/me/money/{row.code}").content.decode()
    assert "Parts the contributors signed" in shown
    assert "贡献人签署的分配比例" not in shown
    assert '<span lang="zh-CN">' in shown
    assert "促进科技成果转化" in shown


def test_from_the_rule_to_payment_on_the_pages(world, client):
    as_(client, world.officer)
    given = {
        "name": "新办法", "article": "第一条", "published_on": "2026-01-01", "reward": "80",
        "part_kind": ["school"], "part": ["学校"], "part_share": ["20"],
    }  # fmt: skip
    assert client.post("/reward-rules", {**given, "part_share": ["19.99"]}).status_code == 422
    assert client.post("/reward-rules", given).status_code == 302
    new = RewardRule.objects.get(name="新办法")
    divide = f"/deals/{world.deal.code}/receipts/1/divide"
    compared = client.get(divide, {"rule": [world.rule.code, new.code]}).content.decode()
    assert "1,316,000.00" in compared
    assert "1,504,000.00" in compared
    assert Distribution.objects.count() == 0
    row = client.post(divide, {"rule": world.rule.code})["Location"]
    code = row.rsplit("/", 1)[1]
    assert "sankey" in client.get(row).content.decode()
    as_(client, world.team[1]).post(f"/me/money/{code}", {"answer": "contest", "reason": "应为 40%"})
    as_(client, world.officer).post(f"{row}/contests/2", {"reply": "按签署的比例"})
    for actor in world.team:
        assert as_(client, actor).post(f"/me/money/{code}", {"answer": "confirm"}).status_code == 302
    assert as_(client, world.finance).post(f"{row}/approve").status_code == 403
    assert as_(client, world.officer).post(f"{row}/approve").status_code == 302
    made = Distribution.objects.get()
    notice = f"/public-notices/{made.notice.code}"
    colleague = make_actor(organisation=world.home, role=Role.RESEARCHER)
    shown = as_(client, colleague).get(notice).content.decode()
    assert "1,316,000.00" in shown
    assert "658,000.00" in shown
    assert client.post(notice, {"text": "份额不对"}).status_code == 302
    objection = Objection.objects.get()
    answer = f"{notice}/objections/{objection.code}"
    assert client.post(answer, {"outcome": "dismissed", "answer": "x"}).status_code == 404
    assert as_(client, world.officer).post(answer, {"outcome": "dismissed", "answer": "经核实无误"}).status_code == 302
    end_notice(made)
    as_(client, world.finance)
    for payment in made.payments.all():
        assert client.post(f"/payments/{payment.code}/pay").status_code == 302
    made.refresh_from_db()
    assert made.state == "paid"
    book = load_workbook(io.BytesIO(client.get(f"{row}/payroll.xlsx").content))
    assert len(list(book.active.rows)) == 4
    assert as_(client, world.officer).post(f"{row}/reverse", {"reason": "更正"}).status_code == 302


def test_a_deal_and_a_receipt_are_entered_on_the_page(world, client):
    as_(client, world.officer)
    given = {
        "title_zh": "第二份", "mode": "licence", "pricing": "listing", "other_party": world.buyer.code,
        "signed_on": "2026-09-01", "currency": "CNY", "amount": "1,000.00", "result": [world.result.code, ""],
        "weight": ["", ""], "milestone": ["首付"], "milestone_amount": ["500"], "milestone_due": [""],
        "milestone_condition": [""],
    }  # fmt: skip
    assert client.post("/deals/new", {**given, "signed_on": "下周"}).status_code == 422
    address = client.post("/deals/new", given)["Location"]
    made = Deal.objects.get(title_zh="第二份")
    assert (made.amount, made.milestones.get().amount) == (100_000, 50_000)
    assert client.post(f"{address}/registration", {"number": "X1", "registered_on": "2026-09-02"}).status_code == 302
    receipt = {
        "name": "首付", "kind": "payment", "received_on": "2026-10-01", "amount": "500.00", "currency": "CNY", "key": "k",
        "milestone": "1", "charge_kind": ["vat", ""], "charge_amount": ["0", ""], "charge_note": ["", ""],
    }  # fmt: skip
    for _twice in range(2):
        assert client.post(f"{address}/receipts/new", receipt).status_code == 302
    assert Receipt.objects.filter(deal=made).get().charges[0]["kind"] == "vat"
    assert client.post(f"{address}/settle").status_code == 302


def test_shares_are_proposed_and_signed_on_the_page(world, client):
    address = f"/achievements/{world.result.code}/shares"
    as_(client, world.officer)
    options = client.get(address).context["people"]
    key = {person.pk: name for name, person in options.items()}
    given = {
        "number": "1", "step": "propose", "person": [key[actor.person_id] for actor in world.team],
        "share": ["50", "30", "19.99"],
    }  # fmt: skip
    assert client.post(address, given).status_code == 422
    assert client.post(address, {**given, "share": ["50", "30", "20"]}).status_code == 302
    as_(client, world.team[0])
    assert client.post(address, {"number": "2", "step": "sign"}).status_code == 302
    as_(client, world.team[1])
    assert client.post(address, {"number": "2", "step": "refuse", "reason": "应为 40%"}).status_code == 302


def counted(client, address, queries):
    client.get(address)
    with queries() as found:
        assert client.get(address).status_code == 200
    return len(found)


@pytest.fixture
def cost(client):
    def measured(actor, address):
        as_(client, actor)
        return counted(client, address, lambda: CaptureQueriesContext(connection))

    return measured


@pytest.mark.slow
@pytest.mark.slow
def test_a_sheet_costs_the_same_for_three_people_and_for_twelve(cost):
    def costs(*shares):
        world = make_world(shares=shares)
        row = payable(world)
        addresses = [
            (world.officer, f"/distributions/{row.code}"), (world.finance, f"/distributions/{row.code}"),
            (world.officer, f"/distributions/{row.code}/payroll.csv"), (world.officer, f"/deals/{world.deal.code}"),
            (world.officer, f"/deals/{world.deal.code}/receipts/1/divide"), (world.team[0], f"/me/money/{row.code}"),
            (world.officer, f"/achievements/{world.result.code}/shares"), (world.officer, f"/public-notices/{row.notice.code}"),
        ]  # fmt: skip
        return [cost(*each) for each in addresses]

    assert costs(5000, 3000, 2000) == costs(1200, *[800] * 11)


@pytest.mark.slow
def test_rules_and_public_notices_cost_the_same_however_many(world, cost):
    from keqiao.deals import services
    from keqiao.deals.services.pricing import PriceDraft

    draft = PriceDraft("许可", "licence", [world.result.code], 100_00)
    rule = {
        "actor": world.officer, "organisation_code": world.home.code, "name": "办法", "article": "", "reward_bp": 7000,
        "published_on": world.rule.published_on, "parts": (("school", "学校", 3000),),
    }  # fmt: skip
    pages = [(world.officer, "/reward-rules"), (world.officer, "/public-notices")]
    services.show_price(actor=world.officer, draft=draft)
    before = [cost(*each) for each in pages]
    for _n in range(2):
        services.add_rule(**rule)
        services.show_price(actor=world.officer, draft=draft)
    assert [cost(*each) for each in pages] == before


@pytest.mark.slow
def test_lists_cost_the_same_however_long(world, cost):
    prepare(world)
    pages = [(world.officer, "/deals"), (world.officer, f"/deals/{world.deal.code}"), (world.team[0], "/me/money")]
    before = [cost(*each) for each in pages]
    for _n in range(2):
        world.receipt = pay_in(world, "1000.00", charges=({"kind": "vat", "amount": 0},))
        prepare(world)
    assert [cost(*each) for each in pages] == before
