"""A budget that is not for everybody stands in no column that lists, filters, the index or matching read."""

import pytest
from django.db import IntegrityError, transaction

from keqiao.catalogue import selectors, services
from keqiao.catalogue.models import Need, PrivateBudget
from keqiao.catalogue.services import NeedDraft
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
AMOUNT = {"price_kind": "amount", "price_low": 300_000_000, "price_high": 500_000_000, "currency": "CNY"}
NOTHING = {"price_kind": "unknown", "price_low": None, "price_high": None, "currency": "CNY"}


def add(publisher, **fields):
    fields = {"field": "materials", **AMOUNT, **fields, "publisher_id": publisher.pk}
    actor = make_actor(organisation=publisher)
    draft = NeedDraft(fields, {"zh": {"title": "耐酸膜", "problem": "三个月失效。"}})
    need = services.add_need(actor=actor, draft=draft)
    return services.publish_need(actor=make_operator(), code=need.code), draft


def columns(need):
    return Need.objects.values(*NOTHING).get(pk=need.pk)


def seen(need, actor, told=()):
    return {
        pk: row.price_high
        for pk, row in selectors.private_budgets([need], actor=actor, told=lambda _: set(told)).items()
    }


@pytest.mark.parametrize("shown", ["matched", "hidden"])
def test_the_columns_of_the_need_say_nothing(shown):
    need, _draft = add(make_organisation(), budget_shown=shown)
    assert columns(need) == NOTHING
    assert selectors.whole_price(need) == {**AMOUNT, "budget_shown": shown}


def test_a_budget_for_everybody_is_in_the_columns():
    need, _draft = add(make_organisation(), budget_shown="shown")
    assert columns(need) == AMOUNT
    assert PrivateBudget.objects.count() == 0
    assert selectors.whole_price(need) == {**AMOUNT, "budget_shown": "shown"}


@pytest.mark.parametrize(
    ("shown", "told", "is_seen"), [("hidden", True, False), ("matched", True, True), ("matched", False, False)]
)
def test_who_sees_it(shown, told, is_seen):
    publisher = make_organisation()
    need, _draft = add(publisher, budget_shown=shown)
    whole = {need.pk: 500_000_000}
    other = make_actor(organisation=make_organisation())
    assert seen(need, other, {need.pk} if told else ()) == (whole if is_seen else {})
    assert seen(need, parties.visitor(), {need.pk}) == {}
    for insider in (make_actor(organisation=publisher), make_operator()):
        assert seen(need, insider) == whole


def test_a_new_version_changes_who_sees_it():
    need, draft = add(make_organisation(), budget_shown="hidden")
    operator = make_operator()
    services.rewrite_need(
        actor=operator, code=need.code, draft=NeedDraft({**draft.fields, "budget_shown": "shown"}, draft.texts)
    )
    assert columns(need) == AMOUNT
    assert PrivateBudget.objects.count() == 0
    services.rewrite_need(
        actor=operator, code=need.code, draft=NeedDraft({**draft.fields, "budget_shown": "matched"}, draft.texts)
    )
    assert columns(need) == NOTHING
    assert PrivateBudget.objects.values_list("shown", "price_low").get() == ("matched", 300_000_000)
    assert "300000000" not in str(list(Event.objects.values_list("data")))


def test_many_needs_at_once():
    publisher = make_organisation()
    fields = {"publisher_id": publisher.pk, "state": "published", "published_at": "2026-11-01T00:00Z", **AMOUNT}
    text = {"zh": {"title": "膜", "problem": "问题"}}
    drafts = [NeedDraft({**fields, "budget_shown": shown}, text) for shown in ("shown", "hidden", "matched")]
    needs = services.load_items(actor=make_operator(), needs=drafts)
    assert [columns(need)["price_kind"] for need in needs] == ["amount", "unknown", "unknown"]
    assert list(PrivateBudget.objects.order_by("pk").values_list("need_id", "shown")) == [
        (needs[1].pk, "hidden"),
        (needs[2].pk, "matched"),
    ]


def test_one_that_is_for_everybody_cannot_be_kept_apart():
    need, _draft = add(make_organisation(), budget_shown="shown")
    with pytest.raises(IntegrityError), transaction.atomic():
        PrivateBudget.objects.create(need=need, shown="shown", **AMOUNT)


def test_the_queries_do_not_grow(django_assert_num_queries):
    publisher = make_organisation()
    needs = [add(publisher, budget_shown="matched")[0] for _ in range(3)]
    actor = make_actor(organisation=publisher)
    with django_assert_num_queries(1):
        assert len(selectors.private_budgets(needs, actor=actor)) == 3
