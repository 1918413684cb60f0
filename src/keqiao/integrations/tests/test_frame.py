"""The frame of the API: scopes, problems, idempotency, versions, pages, rates."""

import json
import threading
import time

import pytest
from django.db import connection

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.integrations import rates
from keqiao.integrations.models import RateCount, StoredAnswer, Token, Webhook
from keqiao.integrations.tests.factories import bearer, make_token, make_webhook
from keqiao.kernel import clock, pages
from keqiao.kernel.models import Parameter
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
WEBHOOKS = "/api/v1/webhooks"


@pytest.fixture
def ours():
    return make_organisation()


@pytest.fixture
def person(ours):
    return make_person(organisation=ours, role=Role.RD_MANAGER)


@pytest.fixture
def token(person):
    return make_token(person=person)


def body(ours, **fields):
    return {"organisation": ours.code, "url": "https://example.org/a", "kinds": ["need.published"], **fields}


def send(client, secret, payload, verb="post", path=WEBHOOKS, **headers):
    call = getattr(client, verb)
    return call(path, json.dumps(payload), content_type="application/json", headers={**bearer(secret), **headers})


# --- who asks ---------------------------------------------------------------------------------------------------------


def test_without_a_token_401_and_without_the_scope_403(client, person, ours):
    client.force_login(person.user)
    answer = client.post(WEBHOOKS, json.dumps(body(ours)), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (401, "TokenNeeded")
    _token, secret = make_token(person=person, scopes=["webhooks:read"])
    answer = send(client, secret, body(ours))
    assert (answer.status_code, answer.json()["code"]) == (403, "ScopeMissing")
    assert 'scope="webhooks:write"' in answer["WWW-Authenticate"]
    assert not Webhook.objects.exists()


def test_what_a_token_may_not_see_looks_missing(client):
    ours = make_organisation()
    person = make_person(organisation=ours)
    draft = make_need(publisher=ours, state="draft")
    narrow, wide = make_token(person=person, scopes=["achievements:read"])[1], make_token(person=person)[1]
    seen = client.get(f"/api/v1/needs/{draft.code}", headers=bearer(wide))
    hidden = client.get(f"/api/v1/needs/{draft.code}", headers=bearer(narrow))
    missing = client.get("/api/v1/needs/XQ-404", headers=bearer(narrow))
    assert (seen.status_code, hidden.status_code) == (200, 404)
    assert hidden.content == missing.content


def test_staff_who_stand_in_are_visitors(client, person, ours, monkeypatch):
    from dataclasses import replace

    from keqiao.parties import selectors as parties

    draft = make_need(publisher=ours, state="draft")
    actor = parties.actor_for(person.user)
    for only_reads, status in ((False, 200), (True, 404)):
        monkeypatch.setattr(
            "keqiao.web.middleware.WhoActs.find",
            staticmethod(lambda request, r=only_reads: replace(actor, only_reads=r)),
        )
        assert client.get(f"/api/v1/needs/{draft.code}").status_code == status


def test_other_ways_to_sign_in_are_refused(client):
    answer = client.get("/api/v1/needs", headers={"Authorization": "Basic YTpi"})
    assert (answer.status_code, answer.json()["code"]) == (401, "BadToken")


# --- problems ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "address", "status"),
    [
        ("get", "/api/v1/nothing", 404),
        ("get", "/api/v1/needs/XQ-404", 404),
        ("patch", "/api/v1/rules", 405),
        ("get", "/api/v1/needs?page=x", 422),
        ("get", "/api/v1/needs?after=x", 422),
    ],
)
def test_refusals_are_problems_in_the_language_asked_for(client, verb, address, status):
    said = {}
    for language in ("zh-CN", "en"):
        answer = getattr(client, verb)(address, headers={"Accept-Language": language})
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
        found = answer.json()
        assert found.keys() >= {"type", "title", "status", "detail", "code"}
        said[language] = found["title"]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said["zh-CN"])


def test_the_field_and_an_example_are_named(client):
    found = client.get("/api/v1/rules?on=yesterday").json()
    assert (found["code"], found["field"], found["example"]) == ("BadInput", "on", "2026-11-20")


def test_several_fields_are_all_named(client, token):
    found = send(client, token[1], {"url": 5, "kinds": []}).json()
    assert {row["field"] for row in found["errors"]} == {"organisation", "url", "kinds"}


def test_broken_json_and_strange_bodies(client, token):
    _token, secret = token
    answer = client.post(WEBHOOKS, "{", content_type="application/json", headers=bearer(secret))
    assert (answer.status_code, answer.json()["code"]) == (400, "BadRequest")
    answer = client.post(WEBHOOKS, "<a/>", content_type="text/xml", headers=bearer(secret))
    assert (answer.status_code, answer.json()["code"]) == (415, "UnsupportedType")


def test_too_large_a_body(client, token, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    for headers in ({}, {"Idempotency-Key": "k"}):
        answer = send(client, token[1], {"url": "x" * 200}, **headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "TooLarge")


def test_a_bug_is_a_problem_too_and_leaves_nothing(client, token, ours, monkeypatch):
    from keqiao.integrations import api

    def breaks(row):
        raise RuntimeError("a bug")

    monkeypatch.setattr(api, "webhook_out", breaks)
    client.raise_request_exception = False
    answer = send(client, token[1], body(ours), **{"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (500, "Broken")
    assert "a bug" not in answer.content.decode()
    assert (Webhook.objects.count(), StoredAnswer.objects.count()) == (0, 0)


# --- idempotency ------------------------------------------------------------------------------------------------------


def test_the_same_request_is_carried_out_once(client, token, ours):
    first, second = (send(client, token[1], body(ours), **{"Idempotency-Key": "k1"}) for _n in range(2))
    assert (first.status_code, second.status_code, first.content) == (201, 201, second.content)
    assert (first.has_header("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (False, "true")
    assert (Webhook.objects.count(), StoredAnswer.objects.count()) == (1, 1)


def test_another_request_with_the_key_is_refused(client, token, ours):
    send(client, token[1], body(ours), **{"Idempotency-Key": "k1"})
    answer = send(client, token[1], body(ours, url="https://example.org/b"), **{"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (422, "IdempotencyConflict")
    assert Webhook.objects.count() == 1


def test_keys_belong_to_their_token(client, person, ours):
    for _n in range(2):
        assert send(client, make_token(person=person)[1], body(ours), **{"Idempotency-Key": "k"}).status_code == 201
    assert Webhook.objects.count() == 2


def test_refusals_are_not_stored(client, token, ours):
    assert send(client, token[1], body(ours, kinds=["x"]), **{"Idempotency-Key": "k"}).status_code == 422
    assert send(client, token[1], body(ours), **{"Idempotency-Key": "k"}).status_code == 201


@pytest.mark.parametrize("key", ["", "é", "a b", "x" * 201])
def test_a_strange_key_is_refused(client, token, ours, key):
    answer = send(client, token[1], body(ours), **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"], Webhook.objects.count()) == (422, "Idempotency-Key", 0)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_time_one_is_carried_out(client, token, ours, monkeypatch, rules):
    from django.test import Client

    from keqiao.integrations import api

    inside, go = threading.Event(), threading.Event()
    real = api.webhook_out

    def slowly(row):
        inside.set()
        assert go.wait(20)
        return real(row)

    monkeypatch.setattr(api, "webhook_out", slowly)
    answers = {}

    def ask(name):
        try:
            answers[name] = send(Client(), token[1], body(ours), **{"Idempotency-Key": "k"})
        finally:
            connection.close()

    first = threading.Thread(target=ask, args=("first",))
    first.start()
    assert inside.wait(20)
    ask_again = threading.Thread(target=ask, args=("second",))
    ask_again.start()
    ask_again.join(20)
    go.set()
    first.join(20)
    assert (answers["second"].status_code, answers["second"]["Retry-After"]) == (409, "1")
    assert answers["first"].status_code == 201
    assert Webhook.objects.count() == 1
    assert send(client, token[1], body(ours), **{"Idempotency-Key": "k"})["Idempotency-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_a_crash_before_the_commit_leaves_neither_work_nor_answer(client, token, ours, monkeypatch, rules):
    """The process dies after the command and after the answer was written down, just before the commit."""
    from keqiao.integrations import idempotency

    real = idempotency._keep

    def dies(*given):
        real(*given)
        with connection.cursor() as cursor:  # as when the process or the database is killed
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(idempotency, "_keep", dies)
    answer = send(client, token[1], body(ours), **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    connection.close()
    assert (Webhook.objects.count(), StoredAnswer.objects.count()) == (0, 0)
    monkeypatch.setattr(idempotency, "_keep", real)
    assert send(client, token[1], body(ours), **{"Idempotency-Key": "k"}).status_code == 201
    assert (Webhook.objects.count(), StoredAnswer.objects.count()) == (1, 1)


def test_old_answers_are_forgotten(client, token, ours):
    from datetime import timedelta

    from keqiao.integrations import idempotency

    send(client, token[1], body(ours), **{"Idempotency-Key": "old"})
    StoredAnswer.objects.update(created_at=clock.now() - timedelta(days=4))
    send(client, token[1], body(ours), **{"Idempotency-Key": "new"})
    assert idempotency.forget_old() == 1
    assert list(StoredAnswer.objects.values_list("key", flat=True)) == ["new"]


# --- versions ---------------------------------------------------------------------------------------------------------


def test_unchanged_is_304_and_a_change_is_seen(client):
    need = make_need()
    first = client.get(f"/api/v1/needs/{need.code}")
    again = client.get(f"/api/v1/needs/{need.code}", headers={"If-None-Match": f'W/"x", {first["ETag"]}'})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert again["Cache-Control"] == first["Cache-Control"] == "private, no-cache"
    need.texts.update(title="改过的标题")
    assert client.get(f"/api/v1/needs/{need.code}", headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_the_version_differs_by_what_the_asker_may_see(client, ours, person):
    from keqiao.catalogue.types import Shown

    need = make_need(publisher=ours, publisher_shown=Shown.HIDDEN)
    address = f"/api/v1/needs/{need.code}"
    mine = client.get(address, headers=bearer(make_token(person=person)[1]))
    assert mine["ETag"] != client.get(address)["ETag"]
    assert {"Authorization", "Cookie", "Accept-Language"} <= {name.strip() for name in mine["Vary"].split(",")}


def test_if_match_guards_against_lost_changes(client, token, ours):
    webhook = make_webhook(organisation=ours)
    path = f"{WEBHOOKS}/{webhook.code}"
    version = client.get(path, headers=bearer(token[1]))["ETag"]
    change = {"kinds": ["need.closed"]}
    first = send(client, token[1], change, "patch", path, **{"If-Match": version})
    assert (first.status_code, first["ETag"]) == (200, client.get(path, headers=bearer(token[1]))["ETag"])
    stale = send(client, token[1], {"kinds": ["need.expired"]}, "patch", path, **{"If-Match": version})
    assert (stale.status_code, stale.json()["code"]) == (412, "Stale")
    webhook.refresh_from_db()
    assert webhook.kinds == ["need.closed"]
    next_one = send(client, token[1], {"kinds": ["need.expired"]}, "patch", path, **{"If-Match": first["ETag"]})
    assert next_one.status_code == 200
    assert send(client, token[1], change, "patch", f"{WEBHOOKS}/HD-X", **{"If-Match": "*"}).status_code == 412


# --- pages ------------------------------------------------------------------------------------------------------------


def test_pages_carry_links(client):
    for _n in range(5):
        make_need()
    answer = client.get("/api/v1/needs?page=2&per_page=2")
    links = dict(part.split(">; rel=")[::-1] for part in answer["Link"].split(", "))
    assert links.keys() == {'"first"', '"prev"', '"next"'}
    assert links['"prev"'].endswith("/api/v1/needs?per_page=2&page=1")
    assert (answer.json()["total"], answer.json()["total_is_exact"]) == (5, True)


def test_a_long_list_is_counted_up_to_a_bound_and_still_leads_on(client, monkeypatch):
    monkeypatch.setattr(pages, "MOST_COUNTED", 3)
    for _n in range(5):
        make_organisation()
    answer = client.get("/api/v1/organisations?page=2&per_page=2")
    assert (answer.json()["total"], answer.json()["total_is_exact"], len(answer.json()["items"])) == (3, False, 2)
    assert 'page=3>; rel="next"' in answer["Link"]


@pytest.mark.parametrize(("kind", "make"), [("needs", make_need), ("achievements", make_achievement)])
def test_a_cursor_reaches_everything_once(client, kind, make):
    made = {make().code for _n in range(7)}  # all published in the same second
    seen, address = [], f"/api/v1/{kind}?per_page=2"
    for _n in range(10):
        answer = client.get(address).json()
        seen += [row["code"] for row in answer["items"]]
        if not answer["next_after"]:
            break
        address = f"/api/v1/{kind}?per_page=2&after={answer['next_after']}"
    assert (len(seen), set(seen)) == (7, made)


def test_a_cursor_that_was_not_given_out_is_refused(client):
    make_need(), make_need()
    given = client.get("/api/v1/needs?per_page=1").json()["next_after"]
    answer = client.get(f"/api/v1/needs?after={given[:-1]}{'A' if given[-1] != 'A' else 'B'}")
    assert (answer.status_code, answer.json()["field"]) == (422, "after")


# --- rates ------------------------------------------------------------------------------------------------------------


def limit(kind, value):
    """Not in the last seconds of a minute: the count begins anew with the next one."""
    while time.time() % 60 > 55:
        time.sleep(0.1)
    Parameter.objects.filter(key=rates.PARAMETERS[kind]).update(value=value)


def test_a_token_that_asks_too_often_waits(client, token):
    limit("token", 2)
    answers = [client.get("/api/v1/needs", headers=bearer(token[1])) for _n in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert [a["RateLimit-Remaining"] for a in answers] == ["1", "0", "0"]
    assert answers[2]["RateLimit-Limit"] == "2"
    assert 0 < int(answers[2]["Retry-After"]) <= 60
    assert answers[2].json()["code"] == "UsedUp"
    assert client.get("/api/v1/needs").status_code == 200


def test_the_tokens_of_a_person_share_the_persons_limit(client, person):
    limit("person", 2)
    asked = [client.get("/api/v1/needs", headers=bearer(make_token(person=person)[1])) for _n in range(3)]
    assert [a.status_code for a in asked] == [200, 200, 429]


def test_visitors_are_counted_by_address_and_so_are_bad_tokens(client):
    limit("address", 3)
    assert client.get("/api/v1/needs").status_code == 200
    bad = [client.get("/api/v1/needs", headers=bearer("kq_guess")) for _n in range(3)]
    assert [a.status_code for a in bad] == [401, 401, 429]
    assert client.get("/api/v1/needs").status_code == 429
    assert client.get("/api/v1/needs", REMOTE_ADDR="192.0.2.7").status_code == 200


def test_a_new_minute_begins_anew(client, token):
    limit("token", 1)
    assert client.get("/api/v1/needs", headers=bearer(token[1])).status_code == 200
    RateCount.objects.update(minute=1)
    assert client.get("/api/v1/needs", headers=bearer(token[1])).status_code == 200
    RateCount.objects.update(minute=1)
    rates.forget_old()
    assert not RateCount.objects.exists()


def test_without_parameters_nothing_is_limited(client, token):
    Parameter.objects.filter(key__in=rates.PARAMETERS.values()).delete()
    assert not client.get("/api/v1/needs", headers=bearer(token[1])).has_header("RateLimit-Limit")


def test_tokens_cascade_to_stored_answers(client, token, ours):
    send(client, token[1], body(ours), **{"Idempotency-Key": "k"})
    Token.objects.all().delete()
    assert not StoredAnswer.objects.exists()


def test_the_version_of_a_page_of_a_list_is_the_same_a_minute_later(client, monkeypatch):
    """The place to go on is signed without the time."""
    for n in range(2):
        make_need(title=f"需求 {n}")
    moments = iter(range(1_800_000_000, 1_900_000_000, 60))
    monkeypatch.setattr("django.core.signing.time.time", lambda: next(moments))
    first = client.get("/api/v1/needs?per_page=1")
    assert first.json()["next_after"]
    again = client.get("/api/v1/needs?per_page=1", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
