"""One's own estimate of tax, and what payroll is told."""

import csv
import io
from datetime import date

import pytest

from keqiao.deals.tests.factories import make_world, payable, prepare
from keqiao.parties.models import Post
from keqiao.parties.tests.factories import user_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def world(rules):
    return make_world()


def ask(client, actor, row, given=None):
    client.force_login(user_of(actor))
    address = f"/me/money/{row.code}/tax"
    return client.get(address) if given is None else client.post(address, given)


def test_a_contributor_estimates_with_wages_that_are_not_kept(world, client):
    row = prepare(world)  # 658,000 for the first contributor; half counts
    shown = ask(client, world.team[0], row).content.decode()
    assert "329,000.00" in shown
    assert "不知道您今年的工资" in shown
    wages = {"income": "250,000", "months": "11", "deductions": "40000", "residence": "resident"}
    shown = ask(client, world.team[0], row, wages).content.decode()
    assert "78,200.00" in shown
    assert "579,800.00" in shown
    assert "78,200.00" not in ask(client, world.team[0], row).content.decode()
    assert ask(client, world.officer, row).status_code == 404


def test_whoever_left_is_taxed_as_an_outside_worker(world, client):
    row = prepare(world)
    Post.objects.filter(person_id=world.team[2].person_id).update(ended_on=date(2026, 11, 1))
    shown = ask(client, world.team[2], row).content.decode()
    assert "没有减半：不是本单位人员" in shown
    assert "210,560.00" in shown  # 263,200 less a fifth


@pytest.mark.parametrize(
    "given", [{"months": "x"}, {"months": "13", "income": "1"}, {"income": "abc"}, {"residence": "moon"}]
)
def test_wages_that_cannot_be_are_refused_on_the_page(world, client, given):
    row = prepare(world)
    assert ask(client, world.team[0], row, {"months": "1", **given}).status_code == 422


def test_payroll_is_told_what_counts_and_why_not_half(world, client):
    row = payable(world)
    Post.objects.filter(person_id=world.team[2].person_id).update(ended_on=date(2026, 11, 1))
    client.force_login(user_of(world.finance))
    text = client.get(f"/distributions/{row.code}/payroll.csv").content.decode("utf-8-sig")
    counted = [line[-2:] for line in csv.reader(io.StringIO(text))][1:]
    assert counted == [["329000.00", ""], ["197400.00", ""], ["263200.00", "不是本单位人员，不按工资薪金计税"]]


def test_an_estimate_costs_the_same_queries_whoever_asks(world, client, django_assert_max_num_queries):
    row = prepare(world)
    ask(client, world.team[0], row)
    with django_assert_max_num_queries(24):
        ask(client, world.team[0], row)
