"""A budget for some only: who sees it on the page and by the API, and that nothing else can be told from it."""

import re

import pytest
from django.core.cache import cache
from django.test import Client

from keqiao.catalogue.models import PrivateBudget
from keqiao.engagement import services as engagement
from keqiao.engagement.tests.factories import make_contact, make_world
from keqiao.matching import gathering
from keqiao.matching.models import Match
from keqiao.matching.types import Price
from keqiao.parties.tests.factories import make_operator, make_organisation, make_person
from keqiao.submissions.models import Submission
from keqiao.submissions.tests.factories import NEED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
FIGURE = re.compile(rb"4,?321")  # 万元


def keep(need, shown):
    budget = {"price_kind": "amount", "price_low": 43_210_000_00, "price_high": 43_210_000_00, "currency": "CNY"}
    return PrivateBudget.objects.create(need=need, shown=shown, **budget)


def client_of(person=None):
    client = Client()
    if person is not None:
        client.force_login(person.user)
    return client


def says(answer):
    body = b"".join(answer) if answer.streaming else answer.content
    return FIGURE.search(body) is not None


def sees(client, need):
    """Is the figure on the need's page, and does the API say the same?"""
    cache.clear()
    on_page = says(client.get(f"/needs/{need.code}"))
    by_api = client.get(f"/api/v1/needs/{need.code}").json()
    assert (by_api["price"]["high_minor"] == 43_210_000_00) is on_page
    assert (by_api["budget_shown"] != "shown") is on_page
    return on_page


@pytest.fixture
def world():
    return make_world()


@pytest.mark.parametrize("shown", ["matched", "hidden"])
def test_its_own_people_and_operators_see_it_and_strangers_do_not(world, shown):
    keep(world.need, shown)
    operator = make_operator()
    assert sees(client_of(world.manager), world.need)
    assert sees(client_of(type(world.manager).objects.get(pk=operator.person_id)), world.need)
    for stranger in (None, make_person(organisation=make_organisation())):
        assert not sees(client_of(stranger), world.need)


def test_a_team_that_matches_well_sees_what_is_for_such_teams(world):
    kept = keep(world.need, "matched")
    assert sees(client_of(world.officer), world.need)
    Match.objects.update(score=30)
    assert not sees(client_of(world.officer), world.need)
    Match.objects.update(score=90)
    kept.shown = "hidden"
    kept.save()
    assert not sees(client_of(world.officer), world.need)


def test_a_team_in_talks_sees_it_and_a_first_letter_opens_nothing(world):
    keep(world.need, "matched")
    Match.objects.all().delete()
    asked = make_contact(world, by="achievement")
    assert not sees(client_of(world.officer), world.need)
    assert not says(client_of(world.officer).get(f"/contacts/{asked.code}"))
    engagement.accept_contact(actor=world.asker, code=asked.code)
    assert sees(client_of(world.officer), world.need)
    assert says(client_of(world.officer).get(f"/contacts/{asked.code}"))
    assert not sees(client_of(world.colleague), world.need)  # of the same university, but not in the thread


def test_who_is_contacted_by_the_needs_side_sees_it_at_once(world):
    keep(world.need, "matched")
    Match.objects.all().delete()
    make_contact(world, by="need")
    assert sees(client_of(world.officer), world.need)


def test_matching_reads_a_need_without_a_budget(world):
    keep(world.need, "hidden")
    facts = gathering.need_facts(world.need, gathering.Regions())
    assert facts.budget == Price()


def test_who_sees_the_budget_is_told_how_the_price_stands_to_it(world):
    keep(world.need, "hidden")
    world.achievement.price_kind, world.achievement.price_low, world.achievement.price_high = "amount", 100, 200
    world.achievement.save()
    said = "对方的报价在这份预算之内"
    address = f"/needs/{world.need.code}/matches/{world.achievement.code}"
    assert said in client_of(world.manager).get(address).content.decode()
    assert said not in client_of(world.officer).get(address).content.decode()
    assert said not in Client().get(address).content.decode()


def test_no_version_shows_a_budget_that_is_kept_back_now_or_was_then(world):
    content = {**NEED, "price_kind": "amount", "price_low": 43_210_000_00, "price_high": 43_210_000_00}
    for version, more in enumerate(({}, {"budget_shown": "hidden"}, {"price_low": 100, "price_high": 100}), start=1):
        Submission.objects.create(
            code=f"SB-B{version}", kind="need", state="accepted", organisation=world.need.publisher, author=world.manager,
            need=world.need, version=version, content={**content, **more}, decided_at=world.need.published_at,
        )  # fmt: skip
    address = f"/needs/{world.need.code}/versions"
    assert not says(Client().get(address))
    assert says(client_of(world.manager).get(address))


def test_its_own_people_export_it_and_nobody_else(world):
    keep(world.need, "matched")
    for person, gets_it in ((world.manager, True), (world.officer, False)):
        answer = client_of(person).get("/export/file?kind=needs&format=csv")
        assert answer.status_code == 200
        assert says(answer) is gets_it
