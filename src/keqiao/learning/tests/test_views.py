"""The operators' pages and an organisation's choice, through the site."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from keqiao.engagement.tests.factories import make_world
from keqiao.learning import selectors, services, training
from keqiao.learning.models import LearnedModel, TrainingRow
from keqiao.learning.tests.factories import make_city
from keqiao.matching import scoring
from keqiao.matching import selectors as matching
from keqiao.matching.tests.factories import make_match
from keqiao.parties.tests.factories import make_operator, user_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture(autouse=True)
def _forget():
    scoring.forget_weights()
    yield
    scoring.forget_weights()


def signed_in(actor):
    client = Client()
    client.force_login(user_of(actor), backend="django.contrib.auth.backends.ModelBackend")
    return client


def text(answer):
    return answer.content.decode()


def test_an_operator_trains_reads_the_card_promotes_and_takes_back():
    make_city(organisations=6)
    operator = make_operator()
    client = signed_in(operator)
    assert "平台的默认权重" in text(client.get("/admin/learning"))
    address = client.post("/admin/learning").url
    assert "正在训练" in text(client.get(address))
    assert client.post("/admin/learning").status_code == 409
    fragment = client.get(address, headers={"HX-Request": "true"})
    assert text(fragment).lstrip().startswith('<section id="progress"')
    model = LearnedModel.objects.get()
    training.train(model.pk)
    assert client.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    card = text(client.get(address))
    for shown in ("反事实估计", "判定集", "真实需求会怎样", "启用"):
        assert shown in card
    refused = client.post(address, {"go": "promote"})
    assert (refused.status_code, "请勾选" in text(refused)) == (422, True)
    assert client.post(address, {"go": "promote", "confirmed": "1"}).status_code == 302
    assert "正在使用" in text(client.get(address))
    about = text(client.get("/about/matching"))
    assert model.code in about
    assert client.post("/admin/learning/roll-back").status_code == 422
    assert client.post("/admin/learning/roll-back", {"confirmed": "1"}).status_code == 302
    assert model.code not in text(client.get("/about/matching"))
    assert client.post("/admin/learning/roll-back", {"confirmed": "1"}).status_code == 409


def test_a_training_is_stopped_from_its_page():
    client = signed_in(make_operator())
    address = client.post("/admin/learning").url
    assert client.post(address, {"go": "stop"}).status_code == 302
    assert "管理员停止了训练" in text(client.get(address))


def test_others_find_no_such_page():
    make_city(organisations=6)
    model = services.start_training(actor=make_operator())
    client = signed_in(make_world().asker)
    for address in ("/admin/learning", f"/admin/learning/{model.code}", "/admin/learning/roll-back"):
        assert client.get(address).status_code == 404
        assert client.post(address, {"confirmed": "1"}).status_code == 404
        assert Client().get(address).status_code == 302
    assert selectors.model_in_force() is None


def test_an_organisation_refuses_and_comes_back():
    world = make_world()
    address = f"/organisations/{world.need.publisher.code}/learning"
    client = signed_in(world.asker)
    assert client.post(address, {"go": "refuse"}).status_code == 302
    assert "不再记录" in text(client.get(address))
    client.get(f"/needs/{world.need.code}")
    assert TrainingRow.objects.count() == 0
    client.post(address, {"go": "resume"})
    client.get(f"/needs/{world.need.code}")
    assert TrainingRow.objects.count() == 1
    assert signed_in(world.owner).get(address).status_code == 404


def test_lists_say_where_each_match_was_shown():
    world = make_world()
    for score in (80, 70, 60):
        make_match(world.need, score=score)
    client = signed_in(world.asker)
    client.get(f"/needs/{world.need.code}")
    client.get(f"/needs/{world.need.code}/matches")
    client.get(f"/api/v1/needs/{world.need.code}/matches")
    assert list(TrainingRow.objects.order_by("position").values_list("position", "score")) == [
        (1, 90), (2, 80), (3, 70), (4, 60),
    ]  # fmt: skip
    signed_in(world.owner).get(f"/achievements/{world.achievement.code}")
    assert TrainingRow.objects.get(side="achievement").organisation_id == world.achievement.owner_id
    signed_in(world.owner).get(f"/needs/{world.need.code}")
    Client().get(f"/needs/{world.need.code}")
    assert TrainingRow.objects.count() == 5


@pytest.mark.slow
def test_the_record_costs_the_same_for_one_match_and_for_many(django_assert_max_num_queries):
    world = make_world()
    shown = matching.matches_of_need(world.need, actor=world.asker)
    for _n in range(20):
        make_match(world.need, score=70)
    many = matching.matches_of_need(world.need, actor=world.asker)
    given = {"actor": world.asker, "side": "need", "organisation_id": world.need.publisher_id}
    for matches in (shown, many):
        with django_assert_max_num_queries(5):  # a savepoint, whether they refused, one insert
            services.note_shown(matches=matches, **given)


@pytest.mark.slow
def test_pages_cost_the_same_for_few_models_and_for_many():
    make_city(organisations=6)
    operator = make_operator()
    client, costs = signed_in(operator), []
    for trainings in (1, 1):
        for _n in range(trainings):
            training.train(services.start_training(actor=operator).pk)
        with CaptureQueriesContext(connection) as counted:
            client.get("/admin/learning")
        costs.append(len(counted))
    assert costs[0] == costs[1]


def test_one_click_says_suitable_and_one_takes_it_back():
    world = make_world()
    client = signed_in(world.asker)
    address = f"/needs/{world.need.code}/matches/{world.achievement.code}"
    assert "已记为合适" in text(client.post(f"{address}/suitable", headers={"HX-Request": "true"}))
    assert client.post(f"{address}/suitable", {"next": f"/needs/{world.need.code}"}).url == f"/needs/{world.need.code}"
    assert "已记为合适" not in text(client.post(f"{address}/undo", headers={"HX-Request": "true"}))
