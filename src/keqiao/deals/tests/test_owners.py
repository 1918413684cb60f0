"""Several owners of one result, each by its own law and rule, and ownership that completers were assigned."""

import pytest

from keqiao.catalogue import services as catalogue
from keqiao.catalogue.types import Assigned, Part
from keqiao.deals import selectors, services
from keqiao.deals.services.agreeing import DealDraft
from keqiao.deals.tests.factories import confirm, end_notice, make_world, pay_all, pay_in, prepare
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def world(rules):
    return make_world()


def test_co_owners_divide_their_own_part_by_their_own_rule(world):
    """60 : 40; each rewards its own people, and sees its own sheet alone."""
    other = make_organisation(kind="institute")
    theirs = make_actor(organisation=other, role=Role.CONVERSION_OFFICER)
    partner = make_actor(organisation=other, role=Role.RESEARCHER)
    people = [*world.team[:2], partner]
    parts = [Part(actor.person_id, bp) for actor, bp in zip(people, (4000, 2000, 4000), strict=True)]
    catalogue.propose_shares(
        actor=world.officer, achievement_code=world.result.code, contributors=parts, based_on=1,
        owners=[Part(world.home.pk, 6000), Part(other.pk, 4000)],
    )  # fmt: skip
    for actor in people:
        catalogue.sign_shares(actor=actor, achievement_code=world.result.code, number=2)
    with pytest.raises(BadInput):  # the deal of before knows the first owner only
        prepare(world)
    world.deal = services.open_deal(
        actor=world.officer,
        draft=DealDraft(
            title_zh="共有成果许可", mode="licence", pricing="listing", results=[(world.result.code, 10_000)],
            other_party=world.buyer.code, signed_on=world.deal.signed_on, jurisdiction="CN-SH",
        ),
    )  # fmt: skip
    world.receipt = pay_in(world, "1000000.00", charges=({"kind": "vat", "amount": 0},), milestone=None)
    mine = prepare(world)
    law = services.prepare(actor=theirs, code=world.deal.code, receipt_number=1, rule_code="")
    assert {row.person_id: row.amount for row in mine.confirmations.all()} == {
        people[0].person_id: 280_000_00, people[1].person_id: 140_000_00,
    }  # fmt: skip
    assert [row.person_id for row in law.confirmations.all()] == [partner.person_id]
    gross = [sum(line.amount for line in row.lines.filter(step="gross")) for row in (mine, law)]
    assert gross == [600_000_00, 400_000_00]
    assert [selectors.distributions_visible_to(actor).count() for actor in (world.officer, theirs)] == [1, 1]
    with pytest.raises(NotFound):
        services.approve(actor=world.officer, code=law.code)


def co_owned(world, other, partner, people, shares):
    """A new version: 60 % here, 40 % there."""
    parts = [Part(actor.person_id, bp) for actor, bp in zip(people, shares, strict=True)]
    catalogue.propose_shares(
        actor=world.officer, achievement_code=world.result.code, contributors=parts, based_on=1,
        owners=[Part(world.home.pk, 6000), Part(other.pk, 4000)],
    )  # fmt: skip
    for actor in people:
        catalogue.sign_shares(actor=actor, achievement_code=world.result.code, number=2)


def test_each_owner_divides_by_the_law_of_its_own_province(world):
    """Shanghai and Zhejiang: the floor, and what transfer staff get, differ in one deal."""
    other = make_organisation(kind="institute", region="330106")
    theirs = make_actor(organisation=other, role=Role.CONVERSION_OFFICER)
    partner = make_actor(organisation=other, role=Role.RESEARCHER)
    co_owned(world, other, partner, [*world.team[:2], partner], (4000, 2000, 4000))
    world.deal = services.open_deal(
        actor=world.officer,
        draft=DealDraft(
            title_zh="共有成果许可", mode="licence", pricing="auction", results=[(world.result.code, 10_000)],
            other_party=world.buyer.code, signed_on=world.deal.signed_on, jurisdiction="CN-SH",
        ),
    )  # fmt: skip
    laws = {row.organisation_id: row.jurisdiction for row in world.deal.owners.all()}
    assert laws == {world.home.pk: "", other.pk: "CN-ZJ"}
    world.receipt = pay_in(world, "1000000.00", charges=({"kind": "vat", "amount": 0},), milestone=None)
    mine = prepare(world, rule="")
    law = services.prepare(actor=theirs, code=world.deal.code, receipt_number=1, rule_code="")
    rewards = [row.lines.get(step="reward") for row in (mine, law)]
    assert [(row.rate, row.amount) for row in rewards] == [("1/2", 300_000_00), ("7/10", 280_000_00)]
    assert [row.lines.filter(step="staff").count() for row in (mine, law)] == [0, 1]
    assert law.lines.get(step="staff").amount == 14_000_00
    with pytest.raises(WrongState):
        services.choose_law(actor=theirs, code=world.deal.code, jurisdiction="CN-BJ")
    services.withdraw(actor=theirs, code=law.code, reason="改用北京的规则")
    for actor in (world.finance, partner):
        with pytest.raises(NotAllowed):
            services.choose_law(actor=actor, code=world.deal.code, jurisdiction="CN-BJ")
    with pytest.raises(BadInput):
        services.choose_law(actor=theirs, code=world.deal.code, jurisdiction="XX")
    services.choose_law(actor=theirs, code=world.deal.code, jurisdiction="CN-BJ")
    again = services.prepare(actor=theirs, code=world.deal.code, receipt_number=1, rule_code="")
    assert again.lines.get(step="reward").amount == 200_000_00


def test_where_a_region_lies():
    from keqiao.deals.places import jurisdiction_of

    assert [jurisdiction_of(region) for region in ("33", "330106", "CN-31", "", "LJ01", "990000")] == [
        "CN-ZJ", "CN-ZJ", "CN-SH", "", "", "",
    ]  # fmt: skip


def assign(world, *assigned, team, based_on=1):
    parts = [Part(actor.person_id, bp) for actor, bp in team]
    catalogue.propose_shares(
        actor=world.officer, achievement_code=world.result.code, contributors=parts, based_on=based_on,
        assigned=[Assigned(actor.person_id, world.home.pk, bp, choice) for actor, bp, choice in assigned],
    )  # fmt: skip
    for actor, _bp in team:
        catalogue.sign_shares(actor=actor, achievement_code=world.result.code, number=based_on + 1)


def test_a_completer_who_was_assigned_ownership_has_it_beside_the_units_part(world):
    """40 % of the ownership: 40 % of net income; the rest of the team share the reward of the unit's 60 %."""
    owner, *others = world.team
    assign(world, (owner, 4000, "ownership"), team=[(others[0], 6000), (others[1], 4000)])
    distribution = prepare(world)
    net = 1_880_000_00
    amounts = {row.person_id: row.amount for row in distribution.confirmations.all()}
    assert amounts == {
        owner.person_id: net * 4 // 10, others[0].person_id: net * 6 * 7 * 6 // 1000, others[1].person_id: net * 6 * 7 * 4 // 1000,
    }  # fmt: skip
    assert [line.step for line in distribution.lines.filter(person_id=owner.person_id)] == ["owner"]
    confirm(world, distribution)
    services.approve(actor=world.officer, code=distribution.code)
    distribution.refresh_from_db()
    end_notice(distribution)
    assert pay_all(world, distribution).state == "paid"
    again = prepare_with_refusal(world, owner)
    assert "所有权份额" in str(again)


def prepare_with_refusal(world, owner):
    """Who lives by the ownership has no part of the unit's reward."""
    assign(world, (owner, 4000, "ownership"), team=[(owner, 5000), (world.team[1], 5000)], based_on=2)
    world.receipt = pay_in(world, "10.00", charges=({"kind": "vat", "amount": 0},))
    with pytest.raises(BadInput) as refused:
        prepare(world)
    return refused.value


@pytest.mark.parametrize(
    "assigned", [[("x", 10_001)], [("x", 6000), ("y", 6000)], [("x", 1), ("x", 1)], [("stranger", 10)], [("x", 0)]]
)
def test_no_more_is_assigned_than_is_owned(world, assigned):
    people = {"x": world.team[0], "y": world.team[1], "stranger": make_actor()}
    with pytest.raises(BadInput) as refused:
        assign(world, *[(people[who], bp, "ownership") for who, bp in assigned], team=[(world.team[2], 10_000)])
    assert refused.value.field == "assigned"
