"""The organisation's consent and the operators' account, through the site."""

import pytest
from django.test import Client

from keqiao.inference import selectors
from keqiao.inference.models import Call, Consent
from keqiao.inference.tests.factories import agree, make_approver, use_chat, use_embeddings
from keqiao.kernel.models import Event
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, user_of
from keqiao.parties.types import Role

pytestmark = pytest.mark.django_db
AGREED = {"go": "agree", "agreed": "1", "model": "chat-1", "host": "memory:"}


def signed_in(actor):
    client = Client()
    client.force_login(user_of(actor), backend="django.contrib.auth.backends.ModelBackend")
    return client


def make_call(organisation=None):
    return Call.objects.create(
        service="chat", task="drafting", model="chat-1", host="h", organisation=organisation, tokens_in=5, micros=7
    )


def test_consent_is_off_given_shown_and_withdrawn(settings):
    use_chat(settings)
    actor, organisation = make_approver()
    client, address = signed_in(actor), f"/organisations/{organisation.code}/models"
    assert "不发送" in client.get(address).content.decode()
    refused = client.post(address, {"go": "agree"})
    assert (refused.status_code, Consent.objects.count()) == (422, 0)
    assert client.post(address, {**AGREED, "model": "chat-0"}).status_code == 409  # it changed while one was reading
    assert client.post(address, AGREED).status_code == 302
    given = selectors.consent_of(organisation.pk)
    assert (given.given_by_id, given.model, given.host) == (actor.person_id, "chat-1", "memory:")
    assert "memory:" in client.get(address).content.decode()
    assert client.post(address, AGREED).status_code == 409
    assert client.post(address, {"go": "withdraw"}).status_code == 302
    assert not selectors.has_consent(organisation.pk)
    assert [event.name for event in Event.objects.filter(name__startswith="inference.").order_by("pk")] == [
        "inference.consent_given",
        "inference.consent_withdrawn",
    ]


@pytest.mark.parametrize(("who", "status"), [("researcher", 403), ("stranger", 404), ("operator", 403)])
def test_nobody_else_agrees_for_an_organisation(settings, who, status):
    use_chat(settings)
    organisation = make_organisation()
    actor = {
        "researcher": lambda: make_actor(organisation=organisation, role=Role.RESEARCHER),
        "stranger": lambda: make_approver()[0],
        "operator": make_operator,
    }[who]()
    client, address = signed_in(actor), f"/organisations/{organisation.code}/models"
    assert client.post(address, AGREED).status_code == status
    assert client.post(address, {"go": "withdraw"}).status_code == status
    assert client.get(address).status_code == (404 if who == "stranger" else 200)
    assert Consent.objects.count() == 0


def test_without_a_model_there_is_nothing_to_agree_to():
    actor, organisation = make_approver()
    client, address = signed_in(actor), f"/organisations/{organisation.code}/models"
    assert "没有接入外部模型" in client.get(address).content.decode()
    assert client.post(address, AGREED).status_code == 503


def test_operators_see_what_is_set_up_what_it_costs_and_who_agreed(settings):
    use_chat(settings, "https://models.example.org/v1", key="secret")
    use_embeddings(settings)
    organisation = make_organisation()
    agree(organisation)
    make_call(organisation)
    page = signed_in(make_operator()).get("/admin/models").content.decode()
    for said in ("models.example.org", "chat-1", "vectors-1", organisation.name_zh, "0.000007", "从文件起草"):
        assert said in page
    assert "secret" not in page
    assert signed_in(make_approver()[0]).get("/admin/models").status_code == 404


def test_lists_cost_the_same_queries_however_long(settings, django_assert_max_num_queries):
    use_chat(settings)
    client = signed_in(make_operator())
    counts = []
    for _time in range(2):
        with django_assert_max_num_queries(40) as asked:
            client.get("/admin/models")
        counts.append(len(asked))
        for _n in range(3):
            agree(make_organisation())
            make_call()
    assert counts[0] + 2 >= counts[1]  # the first page has no rows: their parts are read in one query each


def test_readiness_says_how_models_do(settings):
    use_embeddings(settings)
    assert Client().get("/readyz").json()["models"] == {"embeddings": "ok", "chat": "off"}
