"""A price found by agreement is shown before the deal is signed."""

from datetime import date, timedelta

import pytest

from keqiao.deals import selectors, services
from keqiao.deals.models import Deal, PriceNotice
from keqiao.deals.services.agreeing import DealDraft
from keqiao.deals.services.pricing import PriceDraft
from keqiao.deals.states import PriceNotShown
from keqiao.deals.tests.factories import SYSTEM, make_world
from keqiao.kernel import clock, public_notices
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, Notice, PublicNotice
from keqiao.parties.tests.factories import make_actor, make_organisation, user_of
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def world(rules):
    return make_world(receipt=False)


def show(world, **change):
    draft = {"title_zh": "轴承寿命预测独占许可", "mode": "licence", "results": [world.result.code], "amount": 100_00}
    return services.show_price(actor=world.officer, draft=PriceDraft(**{**draft, **change}))


def over(row, *, days_ago=1):
    """As if its days had passed, `days_ago` days ago."""
    now = clock.now()
    closes = now.replace(hour=16, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)  # midnight in Shanghai
    PublicNotice.objects.filter(pk=row.notice_id).update(opened_at=closes - timedelta(days=16), closes_at=closes)
    public_notices.pass_notice(actor=SYSTEM, notice_id=row.notice_id)
    row.notice.refresh_from_db()
    return row


def sign(world, **change):
    given = {
        "title_zh": "许可", "mode": "licence", "pricing": "agreement", "results": [(world.result.code, 10_000)],
        "other_party": world.buyer.code, "signed_on": clock.today(), "amount": 100_00, "jurisdiction": "CN-SH",
    }  # fmt: skip
    return services.open_deal(actor=world.officer, draft=DealDraft(**{**given, **change}))


def refused(world, **change):
    with pytest.raises(BadInput) as found:
        sign(world, **change)
    return found.value


def test_an_agreed_price_is_shown_first_and_then_signed(world):
    before = Deal.objects.count()
    missing = refused(world)
    assert isinstance(missing, PriceNotShown)
    assert "第十八条" in str(missing)
    row = show(world)
    assert (row.notice.state, row.notice.days, row.notice.audience) == ("open", 15, "unit")
    assert [fact[0] for fact in row.notice.facts] == ["name", "intended_price"]
    assert refused(world, price_notice=row.code).field == "price_notice"  # still open
    over(row)
    assert Deal.objects.count() == before
    deal = sign(world, price_notice=row.code)
    assert selectors.shown_price_of(deal).price_notice == row
    assert list(Event.objects.filter(name="deals.price_shown").values_list("data__notice_id", flat=True)) == [
        row.notice_id
    ]


def test_the_deal_is_what_was_shown(world):
    row = over(show(world))
    last = public_notices.last_day(row.notice)
    assert refused(world, price_notice=row.code, signed_on=last).field == "signed_on"
    assert sign(world, price_notice=row.code, signed_on=last + timedelta(days=1)).pk
    assert refused(world, price_notice=row.code, amount=99_99).field == "amount"
    assert refused(world, price_notice=row.code, mode="transfer").field == "price_notice"
    assert refused(world, price_notice=row.code, currency="USD").field == "price_notice"
    assert refused(world, price_notice="DJ-2026-NONE00").field == "price_notice"
    theirs = make_world(receipt=False)
    assert refused(world, price_notice=over(show(theirs)).code).field == "price_notice"


def test_an_objection_that_holds_or_a_withdrawal_leaves_nothing_to_sign_on(world):
    colleague = make_actor(organisation=world.home, role=Role.RESEARCHER)
    row = show(world)
    objection = public_notices.object_to(actor=colleague, code=row.notice.code, text="价格过低", within=[world.home.pk])
    public_notices.answer_objection(
        actor=world.officer, code=row.notice.code, objection_code=objection.code, outcome="upheld", answer="属实"
    )
    row.notice.refresh_from_db()
    assert row.notice.state == "stopped"
    assert refused(world, price_notice=row.code).field == "price_notice"
    again = show(world)
    with pytest.raises(NotAllowed):
        services.withdraw_price(actor=world.finance, code=again.code)
    with pytest.raises(NotFound):
        services.withdraw_price(actor=colleague, code=again.code)
    services.withdraw_price(actor=world.officer, code=again.code)
    with pytest.raises(WrongState):
        services.withdraw_price(actor=world.officer, code=again.code)


def test_a_price_shown_outside_names_days_and_place(world):
    outside = {"noticed_from": date(2026, 7, 1), "noticed_to": date(2026, 7, 16), "noticed_where": "校内网"}
    assert refused(world, **{**outside, "noticed_where": ""}).field == "noticed_where"
    assert refused(world, **{**outside, "noticed_to": date(2026, 7, 15)}).field == "noticed_to"
    assert refused(world, **outside, signed_on=date(2026, 7, 16)).field == "signed_on"
    assert sign(world, **outside).shown_price.place == "校内网"


@pytest.mark.parametrize("change", [{"pricing": "listing"}, {"mode": "service"}, {"signed_on": date(2015, 9, 30)}])
def test_what_the_rule_does_not_ask_for(world, change):
    assert sign(world, **change).pk


def test_zhejiang_asks_for_more_and_shows_it_to_everybody(world):
    world.home.region = "330106"
    world.home.save(update_fields=["region"])
    with pytest.raises(BadInput) as found:
        show(world)
    assert found.value.field == "abstract"
    row = show(world, abstract="一种方法", is_related=True)
    assert row.notice.audience == "public"
    assert [fact[0] for fact in row.notice.facts] == ["name", "abstract", "way", "intended_price", "related_party"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": None}, "amount"), ({"amount": -1}, "amount"), ({"mode": "gift"}, "mode"), ({"currency": "XYZ"}, "currency"),
        ({"title_zh": " "}, "title_zh"), ({"results": []}, "results"), ({"results": ["CG-NONE"]}, "results"),
        ({"abstract": "长" * 2001}, "abstract"),
    ],
)  # fmt: skip
def test_a_notice_that_would_show_nothing_is_refused(world, change, field):
    with pytest.raises(BadInput) as found:
        show(world, **change)
    assert (found.value.field, PriceNotice.objects.count()) == (field, 0)


def test_officers_hear_of_objections_and_ends_and_objectors_of_answers(world):
    from keqiao.deals import subscribers

    colleague = make_actor(organisation=world.home, role=Role.RESEARCHER)
    row = show(world)
    objection = public_notices.object_to(actor=colleague, code=row.notice.code, text="价格过低", within=[world.home.pk])
    public_notices.answer_objection(
        actor=world.officer, code=row.notice.code, objection_code=objection.code, outcome="dismissed", answer="已评估"
    )
    over(row)
    heard = {
        "kernel.objection_made": subscribers.objection_made, "kernel.objection_answered": subscribers.objection_answered,
        "kernel.public_notice_passed": subscribers.public_notice_passed,
    }  # fmt: skip
    for event in Event.objects.filter(name__in=heard):
        heard[event.name](event)
    told = {(row.kind, row.person_id) for row in Notice.objects.filter(kind__startswith="deals.")}
    officers = {world.officer.person_id, world.second_officer.person_id}
    assert {person for kind, person in told if kind == "deals.objection_made"} == officers
    assert {person for kind, person in told if kind == "deals.price_passed"} == officers
    assert ("deals.objection_answered", colleague.person_id) in told


def test_pages_and_who_sees_them(world, client):
    client.force_login(user_of(world.officer))
    given = {
        "title_zh": "许可",
        "mode": "licence",
        "amount": "1000.00",
        "currency": "CNY",
        "result": [world.result.code, ""],
    }
    assert client.post("/price-notices/new", {**given, "amount": ""}).status_code == 422
    address = client.post("/price-notices/new", given)["Location"]
    shown = client.get(address).content.decode()
    assert "1,000.00 CNY" in shown
    assert "协议定价公示" in shown
    row = PriceNotice.objects.get()
    assert row.code in client.get("/price-notices").content.decode()
    stranger = make_actor(organisation=make_organisation(kind="university"), role=Role.CONVERSION_OFFICER)
    for actor, statuses in ((world.auditor, [200, 404]), (stranger, [200, 200]), (world.team[0], [404, 404])):
        client.force_login(user_of(actor))
        assert [client.get(at).status_code for at in ("/price-notices", "/price-notices/new")] == statuses
        assert row.code not in client.get("/price-notices").content.decode() or actor is world.auditor
        assert client.post(f"/price-notices/{row.code}/withdraw").status_code in {403, 404}
    client.force_login(user_of(world.officer))
    assert client.post(f"/price-notices/{row.code}/withdraw").status_code == 302


@pytest.mark.slow
def test_the_list_costs_the_same_however_long(world, client):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.force_login(user_of(world.officer))

    def cost():
        client.get("/price-notices")
        with CaptureQueriesContext(connection) as found:
            client.get("/price-notices")
        return len(found)

    show(world)
    before = cost()
    for _n in range(2):
        show(world)
    assert cost() == before
