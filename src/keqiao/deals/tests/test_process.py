"""From a receipt to money in the book, through the commands."""

import threading
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from keqiao.catalogue import services as catalogue
from keqiao.catalogue.types import Part
from keqiao.deals import selectors, services
from keqiao.deals.models import Deal, Distribution, Payment, Receipt
from keqiao.deals.services.agreeing import DealDraft, MilestoneDraft, ReceiptDraft
from keqiao.deals.states import (
    AlreadyDistributed,
    BeneficiaryApproves,
    KeyOfAnother,
    PersonErased,
    SharesChanged,
    SharesMissing,
)
from keqiao.deals.tests.factories import SYSTEM, confirm, end_notice, make_world, pay_all, pay_in, payable, prepare
from keqiao.kernel import clock, personal, public_notices
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event
from keqiao.ledger import selectors as ledger
from keqiao.ledger import services as books
from keqiao.ledger.models import Account, Entry
from keqiao.ledger.tests.factories import income, post
from keqiao.ledger.types import MonthClosed
from keqiao.parties.models import Post
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
PEOPLE = [658_000_00, 394_800_00, 263_200_00]


@pytest.fixture
def world(rules):
    return make_world()


def held(world):
    """Purpose → balance of the institution's book."""
    accounts = Account.objects.filter(book__organisation=world.home)
    return {row.purpose: ledger.balance_now(row) for row in accounts if ledger.balance_now(row)}


def test_a_receipt_is_divided_confirmed_approved_shown_and_paid(world):
    Post.objects.filter(person_id=world.team[2].person_id).update(ended_on=date(2026, 10, 1))  # left the institution
    distribution = prepare(world)
    assert [row.amount for row in distribution.confirmations.all()] == PEOPLE
    assert distribution.state == "confirming"
    confirm(world, distribution)
    assert distribution.state == "confirmed"
    services.approve(actor=world.officer, code=distribution.code)
    distribution.refresh_from_db()
    assert (distribution.state, distribution.notice.state, Entry.objects.count()) == ("in_notice", "open", 0)
    end_notice(distribution)
    assert distribution.state == "payable"
    assert sorted(row.amount for row in distribution.payments.all()) == sorted([*PEOPLE, 60_000_00])
    assert held(world) == {
        "bank": 1_940_000_00, "conversion_income": -2_000_000_00, "reward_expense": 1_316_000_00,
        "reward_payable": -1_316_000_00, "direct_cost": 120_000_00, "payable": -60_000_00,
    }  # fmt: skip
    pay_all(world, distribution)
    assert (distribution.state, held(world)["bank"]) == ("paid", 1_940_000_00 - 1_316_000_00 - 60_000_00)
    assert "reward_payable" not in held(world)
    names = list(Event.objects.filter(name__startswith="deals.").order_by("id").values_list("name", flat=True))
    assert names[-1] == "deals.distribution_paid"


def test_a_contributor_contests_is_answered_and_confirms(world):
    distribution = prepare(world)
    services.confirm_line(actor=world.team[0], code=distribution.code)
    with pytest.raises(BadInput):
        services.contest_line(actor=world.team[1], code=distribution.code, reason=" ")
    services.contest_line(actor=world.team[1], code=distribution.code, reason="应为 40%")
    services.confirm_line(actor=world.team[2], code=distribution.code)
    distribution.refresh_from_db()
    assert distribution.state == "contested"
    with pytest.raises(WrongState):
        services.approve(actor=world.officer, code=distribution.code)
    services.answer_contest(actor=world.officer, code=distribution.code, confirmation_number=2, reply="按签署的比例")
    services.confirm_line(actor=world.team[1], code=distribution.code)
    distribution.refresh_from_db()
    assert distribution.state == "confirmed"


def test_nothing_is_divided_before_all_have_signed_and_once_for_each_receipt():
    unsigned = make_world(signed=False)
    with pytest.raises(SharesMissing):
        prepare(unsigned)
    world = make_world()
    first = prepare(world)
    with pytest.raises(AlreadyDistributed):
        prepare(world)
    services.withdraw(actor=world.officer, code=first.code, reason="金额登记有误")
    assert prepare(world).state == "confirming"


def test_shares_that_were_edited_meanwhile_make_the_sheet_void(world):
    distribution = prepare(world)
    services.confirm_line(actor=world.team[0], code=distribution.code)
    parts = [Part(actor.person_id, bp) for actor, bp in zip(world.team, (4000, 3000, 3000), strict=True)]
    catalogue.propose_shares(actor=world.officer, achievement_code=world.result.code, contributors=parts, based_on=1)
    services.confirm_line(actor=world.team[1], code=distribution.code)  # proposed is not yet in force
    for actor in world.team:
        catalogue.sign_shares(actor=actor, achievement_code=world.result.code, number=2)
    with pytest.raises(SharesChanged):
        services.confirm_line(actor=world.team[2], code=distribution.code)


def test_a_beneficiary_does_not_approve_and_others_may_not(world):
    Post.objects.create(person_id=world.team[0].person_id, organisation=world.home, role=Role.CONVERSION_OFFICER)
    from keqiao.parties.tests.factories import again

    distribution = confirm(world, prepare(world))
    with pytest.raises(BeneficiaryApproves):
        services.approve(actor=again(world.team[0]), code=distribution.code)
    for actor in (world.finance, world.auditor):
        with pytest.raises(NotAllowed):
            services.approve(actor=actor, code=distribution.code)
    for actor in (world.team[1], make_operator(), make_actor(organisation=world.buyer)):
        with pytest.raises(NotFound):
            services.approve(actor=actor, code=distribution.code)


def test_an_objection_that_is_upheld_stops_the_sheet_and_it_is_made_anew(world):
    distribution = confirm(world, prepare(world))
    services.approve(actor=world.officer, code=distribution.code)
    distribution.refresh_from_db()
    colleague = make_actor(organisation=world.home, role=Role.RESEARCHER)
    objection = public_notices.object_to(
        actor=colleague, code=distribution.notice.code, text="第二完成人没有参加", within=[world.home.pk]
    )
    public_notices.answer_objection(
        actor=world.officer,
        code=distribution.notice.code,
        objection_code=objection.code,
        outcome="upheld",
        answer="属实",
    )
    services.announcement_stopped(actor=SYSTEM, distribution_id=distribution.pk)
    distribution.refresh_from_db()
    assert distribution.state == "stopped"
    services.withdraw(actor=world.officer, code=distribution.code, reason="异议成立")
    assert prepare(world).state == "confirming"


def test_a_correction_reverses_and_pays_only_the_difference(world):
    distribution = pay_all(world, payable(world))
    services.reverse(actor=world.second_officer, code=distribution.code, reason="比例更正")
    parts = [Part(actor.person_id, bp) for actor, bp in zip(world.team, (4000, 4000, 2000), strict=True)]
    catalogue.propose_shares(actor=world.officer, achievement_code=world.result.code, contributors=parts, based_on=1)
    for actor in world.team:
        catalogue.sign_shares(actor=actor, achievement_code=world.result.code, number=2)
    second = payable(world)
    orders = {row.person_id: row.amount for row in second.payments.all()}
    assert orders == {world.team[0].person_id: -131_600_00, world.team[1].person_id: 131_600_00}
    pay_all(world, second)
    assert held(world) == {
        "bank": 564_000_00, "conversion_income": -2_000_000_00, "reward_expense": 1_316_000_00, "direct_cost": 120_000_00,
    }  # fmt: skip


def test_instalments_and_a_refund_are_divided_under_the_same_terms(world):
    pay_all(world, payable(world))
    zero = ({"kind": "vat", "amount": 0},)
    world.receipt = pay_in(world, "1000000.01", charges=zero, name="第二笔")
    second = pay_all(world, payable(world))
    world.receipt = pay_in(world, "-500000.00", charges=zero, name="退款")
    third = payable(world)
    assert all(row.amount < 0 for row in third.payments.all())
    total = sum(row.amount for row in Payment.objects.filter(person_id=world.team[0].person_id))
    assert total == sum(
        row.lines.get(person_id=world.team[0].person_id).amount for row in (*Distribution.objects.all(),)
    )
    assert second.state == "paid"


def test_an_erased_person_is_not_paid_and_the_rest_is(world):
    distribution = payable(world)
    gone = world.team[1].person_id
    personal.erase(gone)
    payment = distribution.payments.get(person_id=gone)
    assert payment.state == "withheld"
    with pytest.raises(PersonErased):
        services.pay(actor=world.finance, code=payment.code)
    assert pay_all(world, distribution).state == "paid"
    assert personal.export_of(gone)["deals"]["payments"][0]["state"] == "withheld"


def test_who_sees_what(world):
    distribution = prepare(world)
    stranger = make_actor(organisation=make_organisation(kind="university"), role=Role.CONVERSION_OFFICER)
    colleague = make_actor(organisation=world.home, role=Role.RESEARCHER)
    buyer = make_actor(organisation=world.buyer)
    actors = (world.officer, world.finance, world.auditor, world.team[0], buyer, stranger, colleague, make_operator())
    deals = [selectors.deals_visible_to(actor).count() for actor in actors]
    sheets = [selectors.distributions_visible_to(actor).count() for actor in actors]
    own = [selectors.own_confirmations(actor).count() for actor in actors]
    assert deals == [1, 1, 1, 1, 1, 0, 0, 0]
    assert sheets == [1, 1, 1, 0, 0, 0, 0, 0]
    assert own == [0, 0, 0, 1, 0, 0, 0, 0]
    mine = selectors.own_confirmation(world.team[0], distribution.code)
    people = {line.person_id for line in selectors.own_lines(mine)}
    assert people == {None, world.team[0].person_id}
    with pytest.raises(NotFound):
        services.confirm_line(actor=colleague, code=distribution.code)


def test_a_key_records_one_receipt(world):
    first = pay_in(world, "10.00", key="k", charges=())
    assert pay_in(world, "10.00", key="k", charges=()) == first
    with pytest.raises(KeyOfAnother):
        pay_in(world, "10.01", key="k", charges=())
    assert Receipt.objects.filter(deal=world.deal).count() == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": "0.00"}, "amount"), ({"currency": "XYZ"}, "currency"), ({"currency": "USD"}, "rate"), ({"kind": "profit", "year": 2026}, "kind"),
        ({"received_on": date(2026, 8, 13)}, "received_on"), ({"kind": "gift"}, "kind"), ({"milestone": 9}, "milestone"),
        ({"charges": ({"kind": "bribe", "amount": 1},)}, "charges.1"), ({"kind": "profit"}, "year"), ({"name": ""}, "name"),
    ],
)  # fmt: skip
def test_a_receipt_that_cannot_be_is_refused(world, change, field):
    with pytest.raises(BadInput) as refused:
        pay_in(world, **{"amount": "10.00", **change})
    assert (refused.value.field, Receipt.objects.count()) == (field, 1)


def race(*calls):
    """All at once; what each raised, or None."""
    start, found = threading.Barrier(len(calls)), [None] * len(calls)

    def go(place, call):
        start.wait()
        try:
            call()
        except Exception as problem:  # noqa: BLE001 -- the test looks at it
            found[place] = problem
        connection.close()

    threads = [threading.Thread(target=go, args=row) for row in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
def test_the_same_confirmation_and_the_same_payment_twice_at_once(world):
    distribution = prepare(world)
    for actor in world.team[:2]:
        services.confirm_line(actor=actor, code=distribution.code)
    last = world.team[2]
    assert race(*[lambda: services.confirm_line(actor=last, code=distribution.code)] * 3) == [None] * 3
    assert Event.objects.filter(name="deals.distribution_confirmed").count() == 1
    services.approve(actor=world.officer, code=distribution.code)
    distribution.refresh_from_db()
    end_notice(distribution)
    code = distribution.payments.first().code
    assert race(*[lambda: services.pay(actor=world.finance, code=code)] * 3) == [None] * 3
    assert Entry.objects.filter(key=f"deals:{code}").count() == 1


@pytest.mark.django_db(transaction=True)
def test_shares_come_into_force_while_the_last_one_confirms(world):
    """Either the sheet was confirmed under the old shares, or it was refused: never confirmed under shares that are gone."""
    distribution = prepare(world)
    parts = [Part(actor.person_id, bp) for actor, bp in zip(world.team, (4000, 3000, 3000), strict=True)]
    catalogue.propose_shares(actor=world.officer, achievement_code=world.result.code, contributors=parts, based_on=1)
    for actor in world.team[:2]:
        services.confirm_line(actor=actor, code=distribution.code)
        catalogue.sign_shares(actor=actor, achievement_code=world.result.code, number=2)
    last = world.team[2]
    found = race(
        lambda: services.confirm_line(actor=last, code=distribution.code),
        lambda: catalogue.sign_shares(actor=last, achievement_code=world.result.code, number=2),
    )
    distribution.refresh_from_db()
    assert found[1] is None
    assert (found[0] is None, distribution.state) in {(True, "confirmed"), (False, "confirming")}
    if distribution.state == "confirmed":
        with pytest.raises(SharesChanged):
            services.approve(actor=world.officer, code=distribution.code)


def test_merged_organisations_keep_their_deals(world):
    from keqiao.deals.services import moving

    other = make_organisation(kind="university")
    world.home.merged_into = other
    world.home.save(update_fields=["merged_into"])
    moving.move_deals(actor=SYSTEM, from_id=world.home.pk, merge_id=1)
    officer = make_actor(organisation=other, role=Role.CONVERSION_OFFICER)
    assert selectors.deals_visible_to(officer).get() == world.deal
    world.home.merged_into = None
    world.home.save(update_fields=["merged_into"])
    moving.move_deals_back(actor=SYSTEM, merge_id=1)
    assert Deal.objects.get().owners.get().organisation_id == world.home.pk


@pytest.mark.django_db(transaction=True)
def test_a_month_is_closed_while_it_is_paid_in(world):
    """Either the payment came first, or it was refused and still waits: never a payment in a closed month."""
    payment = payable(world).payments.first()
    book = Account.objects.filter(book__organisation=world.home)[0].book
    last = clock.today().replace(day=1) - timedelta(days=1)
    post(book, income(on=last))
    found = race(
        lambda: books.close_months(actor=world.finance, book_code=book.code, through=last),
        lambda: services.pay(actor=world.finance, code=payment.code, paid_on=last),
    )
    payment.refresh_from_db()
    assert found[0] is None
    assert (type(found[1]), payment.state) in {(type(None), "paid"), (MonthClosed, "waiting")}
    with pytest.raises(MonthClosed):
        services.pay(actor=world.finance, code=payment.distribution.payments.last().code, paid_on=last)
    assert Payment.objects.filter(state="paid").count() == Entry.objects.filter(key__startswith="deals:ZF").count()


@pytest.mark.parametrize("mode", ["equity", "implementation"])
def test_a_percentage_for_a_broker_is_refused_where_no_price_is_paid(mode):
    with pytest.raises(BadInput) as refused:
        make_world(mode=mode, receipt=False)
    assert refused.value.field == "broker_rate"
    assert make_world(mode=mode, receipt=False, broker=False).deal.broker is None


def test_a_foreign_receipt_names_whose_rate_it_is(world):
    with pytest.raises(BadInput) as refused:
        pay_in(world, "10.00", currency="USD", rate=Decimal("7.1234"))
    assert refused.value.field == "rate_source"
    world.receipt = pay_in(
        world,
        "10.00",
        currency="USD",
        rate=Decimal("7.1234"),
        rate_source="中间价",
        charges=({"kind": "vat", "amount": 0},),
    )
    cited = prepare(world).lines.get(step="gross").bases
    assert [(row["article"], row["source"]) for row in cited if row["source"]] == [("USD 7.1234", "中间价")]


def test_the_book_ties_to_the_sheet_to_the_fen(world):
    """Each kind of line is in the book once: what is left in the bank is what the sheet leaves the unit."""
    world.receipt = pay_in(
        world, "999999.99",
        charges=(
            {"kind": "vat", "amount": 56_603_77}, {"kind": "surtax", "amount": 6_792_45}, {"kind": "valuation", "amount": 33_333_33},
            {"kind": "upkeep", "amount": 1_01}, {"kind": "venue", "amount": 7},
        ),
    )  # fmt: skip
    distribution = pay_all(world, payable(world))

    def on_sheet(*steps):
        return sum(line.amount for line in distribution.lines.all() if line.step in steps)

    balances = held(world)
    assert balances["conversion_income"] == -on_sheet("gross")
    assert balances["tax_expense"] == -balances["tax_payable"] == on_sheet("tax")
    assert balances["direct_cost"] == on_sheet("cost", "upkeep", "broker")
    assert balances["reward_expense"] == on_sheet("contributor", "staff", "owner")
    assert balances["bank"] - on_sheet("tax") == on_sheet("part")
    services.reverse(actor=world.officer, code=distribution.code, reason="更正")
    assert set(held(world)) == {"bank", "reward_payable", "payable"}  # what was paid stays paid, and is asked back


def test_what_transfer_staff_get_is_divided_among_named_people(world):
    """By the law of Zhejiang 5 % of the reward; they confirm and are paid as everybody else."""
    services.choose_law(actor=world.officer, code=world.deal.code, jurisdiction="CN-ZJ")
    staff = [make_actor(organisation=world.home, role=Role.RESEARCHER) for _n in range(2)]
    named = [(staff[0].person_id, 6000), (staff[1].person_id, 4000)]

    def divide(people, rule=""):
        return services.prepare(
            actor=world.officer, code=world.deal.code, receipt_number=1, rule_code=rule, staff=people
        )

    for wrong in ([(world.buyer.pk, 10_000)], [(staff[0].person_id, 9999)], [(staff[0].person_id, 5000)] * 2):
        with pytest.raises(BadInput) as refused:
            divide(wrong)
        assert refused.value.field == "staff"
    distribution = divide(named)
    reward = distribution.lines.get(step="reward").amount
    amounts = {row.person_id: row.amount for row in distribution.confirmations.all()}
    assert sum(amounts.values()) == reward
    assert [amounts[person] for person, _bp in named] == [reward * 3 // 100, reward * 2 // 100]
    for actor in [*world.team, *staff]:
        services.confirm_line(actor=actor, code=distribution.code)
    services.approve(actor=world.officer, code=distribution.code)
    distribution.refresh_from_db()
    end_notice(distribution)
    pay_all(world, distribution)
    assert {row.person_id for row in distribution.payments.all()} >= {person for person, _bp in named}
    services.reverse(actor=world.officer, code=distribution.code, reason="更正")
    services.choose_law(actor=world.officer, code=world.deal.code, jurisdiction="CN-SH")
    with pytest.raises(BadInput) as refused:
        divide(named)
    assert refused.value.field == "staff"


def test_the_head_of_the_unit_gets_money_and_no_shares(world):
    """What the head may not hold is refused with its article; where shares stay with the unit, cash is given."""
    head, other = world.team[:2]
    parts = [Part(head.person_id, 5000, is_head=True), Part(other.person_id, 5000)]
    catalogue.propose_shares(actor=world.officer, achievement_code=world.result.code, contributors=parts, based_on=1)
    for actor in (head, other):
        catalogue.sign_shares(actor=actor, achievement_code=world.result.code, number=2)

    def divide(equity_as):
        world.deal = services.open_deal(
            actor=world.officer,
            draft=DealDraft(
                title_zh="作价入股", mode="equity", pricing="listing", results=[(world.result.code, 10_000)],
                other_party=world.buyer.code, signed_on=world.deal.signed_on, jurisdiction="CN-SH", equity_as=equity_as,
            ),
        )  # fmt: skip
        world.receipt = services.record_receipt(
            actor=world.officer, code=world.deal.code, key="shares",
            draft=ReceiptDraft(name="股份", received_on=date(2026, 9, 1), amount=1_000_000, kind="shares"),
        )  # fmt: skip
        return prepare(world)

    with pytest.raises(BadInput) as refused:
        divide("shares")
    assert "正职" in str(refused.value)
    kept = divide("proceeds")
    assert kept.confirmations.count() == 0
    world.receipt = services.record_receipt(
        actor=world.officer, code=world.deal.code, key="dividend",
        draft=ReceiptDraft(name="分红", received_on=date(2026, 10, 1), amount=100_000_00, kind="dividend"),
    )  # fmt: skip
    assert {row.person_id: row.amount for row in prepare(world).confirmations.all()} == {
        head.person_id: 35_000_00, other.person_id: 35_000_00,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title_en": "a\0"}, "title_en"), ({"registration_number": "1\0", "registered_on": date(2026, 9, 2)}, "registration_number"),
        ({"noticed_where": "网\0", "noticed_from": date(2026, 7, 1), "noticed_to": date(2026, 7, 31)}, "noticed_where"),
        ({"milestones": (MilestoneDraft("首付", condition="长" * 301),)}, "milestones.1"), ({"equity_as": "gift"}, "equity_as"),
        ({"first_profitable_year": 1900}, "first_profitable_year"), ({"produced_on": date(1900, 1, 1)}, "produced_on"),
    ],
)  # fmt: skip
def test_a_deal_that_cannot_be_kept_is_refused_whole(world, change, field):
    given = {
        "title_zh": "二", "mode": "licence", "pricing": "listing", "results": [(world.result.code, 10_000)],
        "other_party": world.buyer.code, "signed_on": date(2026, 9, 1),
    }  # fmt: skip
    with pytest.raises(BadInput) as refused:
        services.open_deal(actor=world.officer, draft=DealDraft(**{**given, **change}))
    assert (refused.value.field, Deal.objects.count()) == (field, 1)
