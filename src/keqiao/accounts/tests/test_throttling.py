"""Limits: who is stopped, for how long, and who is not."""

import threading
from datetime import timedelta

import pytest
from django.db import close_old_connections
from django.db.models import F

from keqiao.accounts import services
from keqiao.accounts.models import AttemptCount
from keqiao.accounts.tests.factories import SECRET, last_code, make_account
from keqiao.accounts.types import LIMITS, Throttled
from keqiao.parties import selectors as parties

VISITOR = parties.visitor()


def attempt(address="xu@example.org", ip="192.0.2.1", action="sign_in"):
    services.count_attempt(actor=VISITOR, action=action, address=address, ip=ip)


def sign_in(client, password, address="xu@example.org", **headers):
    return client.post("/sign-in", {"username": address, "password": password}, **headers)


@pytest.mark.django_db
def test_the_sixth_attempt_says_how_long_to_wait():
    for _ in range(5):
        attempt()
    with pytest.raises(Throttled) as refused:
        attempt()
    assert 290 <= refused.value.seconds <= 300
    assert "5 分钟" in str(refused.value)
    attempt(ip="192.0.2.2")  # another place is not stopped by it
    attempt(address="other@example.org")


@pytest.mark.django_db
def test_a_refused_attempt_does_not_make_the_window_longer():
    for _ in range(5):
        attempt()
    before = set(AttemptCount.objects.values_list("key", "times", "ends_at"))
    for _ in range(3):
        with pytest.raises(Throttled):
            attempt()
    assert set(AttemptCount.objects.values_list("key", "times", "ends_at")) == before


@pytest.mark.django_db
def test_when_the_window_is_over_one_may_try_again():
    for _ in range(5):
        attempt()
    AttemptCount.objects.update(ends_at=F("ends_at") - timedelta(hours=2))
    attempt()


@pytest.mark.django_db
def test_one_place_cannot_try_many_addresses():
    for n in range(50):
        attempt(address=f"{n}@example.org")
    with pytest.raises(Throttled):
        attempt(address="one-more@example.org")


@pytest.mark.django_db
def test_many_places_cannot_try_one_address():
    for n in range(30):
        attempt(ip=f"198.51.100.{n}")
    with pytest.raises(Throttled):
        attempt(ip="203.0.113.9")


@pytest.mark.django_db
def test_nothing_readable_is_kept():
    attempt(address="secret@example.org", ip="192.0.2.77")
    assert not [row.key for row in AttemptCount.objects.all() if "secret" in row.key or "192" in row.key[:3]]


@pytest.mark.django_db
@pytest.mark.parametrize("action", sorted(LIMITS))
def test_every_action_has_a_limit_per_place(action):
    assert any("ip" in limit.per for limit in LIMITS[action])


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_count_as_ten():
    refused = []

    def run():
        try:
            attempt()
        except Throttled:
            refused.append(1)
        finally:
            close_old_connections()

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5


# --- on the page ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_throttled_sign_in_refuses_the_right_password_too_and_a_new_password_opens_it(client, sends):
    make_account()
    for _ in range(5):
        assert "不正确" in sign_in(client, "wrong-password").content.decode()
    stopped = sign_in(client, SECRET)
    assert stopped.status_code == 429
    assert 0 < int(stopped["Retry-After"]) <= 300
    html = stopped.content.decode()
    assert "分钟后再试" in html
    assert "/reset-password" in html
    client.post("/reset-password", {"address": "xu@example.org"})
    client.post("/reset-password/code", {"code": last_code()})
    answer = client.post("/reset-password/new", {"password": "another long phrase"})
    assert answer["Location"] == "/"
    client.post("/sign-out")
    assert sign_in(client, "another long phrase")["Location"] == "/"


@pytest.mark.django_db
def test_a_good_sign_in_is_not_counted(client):
    make_account()
    for _ in range(8):
        assert sign_in(client, SECRET).status_code == 302
        client.post("/sign-out")


@pytest.mark.django_db
def test_codes_to_one_address_are_limited_however_many_places_ask(client, sends):
    answers = [
        client.post("/sign-up", {"address": "victim@example.org"}, REMOTE_ADDR=f"198.51.100.{n}") for n in range(6)
    ]
    assert [answer.status_code for answer in answers] == [302] * 5 + [429]


@pytest.mark.django_db
def test_guessing_codes_is_limited(client, sends):
    client.post("/sign-up", {"address": "new@example.org"})
    statuses = []
    for _ in range(21):
        statuses.append(client.post("/sign-up/code", {"code": "000000"}).status_code)
    assert statuses[:20] == [200] * 20
    assert statuses[20] == 429


@pytest.mark.django_db
def test_english_says_it_too(client):
    make_account()
    client.cookies["keqiao_language"] = "en"
    for _ in range(5):
        sign_in(client, "wrong-password")
    assert "minutes" in sign_in(client, SECRET).content.decode()
