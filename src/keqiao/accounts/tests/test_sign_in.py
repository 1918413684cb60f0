"""Signing in: who comes in, who does not, and what they may learn."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth import get_user_model

from keqiao.accounts import services
from keqiao.accounts.tests.factories import SECRET, actor_of, last_code, make_account, run_jobs, sent_mails
from keqiao.kernel.models import Event
from keqiao.parties.tests.factories import PASSWORD, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def totp(step=0, key=KEY):
    return format_hotp_value(hotp_value(key, int(time.time()) // 30 + step))


def with_second_step(user):
    """Recovery codes of an account that turned the app on a while ago: the code of this moment is not used up."""
    codes = services.activate_totp(actor=actor_of(user), secret=KEY, code=totp())
    row = Authenticator.objects.get(user=user, type="totp")
    row.data["last_counter"] = 1
    row.save()
    return codes


def is_in(client):
    return client.get("/me").status_code == 200


def test_password_opens_and_the_session_key_changes(client):
    make_person(email="xu@example.org")
    session = client.session
    session["kept"] = 1
    session.save()
    client.cookies["keqiao_session"] = session.session_key
    answer = client.post("/sign-in", {"username": "XU@example.org ", "password": PASSWORD, "next": "/me"})
    assert (answer.status_code, answer["Location"]) == (302, "/me")
    assert client.session.session_key != session.session_key
    assert is_in(client)


@pytest.mark.parametrize(
    ("username", "password"),
    [("xu@example.org", "wrong-password"), ("nobody@example.org", SECRET), ("xu", SECRET), ("+8613800138000", SECRET)],
)
def test_one_answer_for_every_failure(client, username, password):
    make_account()
    answer = client.post("/sign-in", {"username": username, "password": password})
    assert answer.status_code == 200
    assert "电子邮箱或密码不正确" in answer.content.decode()
    assert not is_in(client)


def test_a_closed_account_does_not_open(client, sends):
    user = make_account()
    get_user_model().objects.update(is_active=False)
    assert client.post("/sign-in", {"username": "xu@example.org", "password": SECRET}).status_code == 200
    client.post("/sign-in/code", {"address": "xu@example.org"})
    run_jobs()
    assert sent_mails() == []
    assert client.post("/sign-in/code/enter", {"code": last_code()}).status_code == 200
    assert not is_in(client)
    assert user.person.pk


@pytest.mark.parametrize(("remember", "seconds"), [({"remember": "on"}, 14 * 24 * 3600), ({}, 0)])
def test_stay_signed_in_or_until_the_browser_closes(client, remember, seconds):
    make_account()
    answer = client.post("/sign-in", {"username": "xu@example.org", "password": SECRET, **remember})
    cookie = answer.cookies["keqiao_session"]
    assert int(cookie["max-age"] or 0) == seconds


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_next_stays_here(client, sends, target):
    make_account()
    answer = client.post("/sign-in", {"username": "xu@example.org", "password": SECRET, "next": target})
    assert answer["Location"] == "/"
    client.post("/sign-out")
    client.post("/sign-in/code", {"address": "xu@example.org", "next": target})
    assert client.post("/sign-in/code/enter", {"code": last_code()})["Location"] == "/"


def test_a_code_opens(client, sends):
    make_account(channel="sms", address="+8613800138000")
    assert client.post("/sign-in/code", {"address": "13800138000", "next": "/me"})["Location"] == "/sign-in/code/enter"
    assert client.post("/sign-in/code/enter", {"code": last_code()})["Location"] == "/me"
    assert is_in(client)


def test_a_code_for_something_else_does_not_open(client, sends):
    make_account()
    client.post("/reset-password", {"address": "xu@example.org"})
    client.post("/reset-password/code", {"code": last_code()})
    assert client.get("/sign-in/code/enter")["Location"] == "/sign-in/code"
    assert not is_in(client)


# --- second step ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["password", "code"])
def test_the_second_step_is_asked_for_after_the_first(client, sends, way):
    with_second_step(make_account())
    if way == "password":
        first = client.post("/sign-in", {"username": "xu@example.org", "password": SECRET, "next": "/needs"})
    else:
        client.post("/sign-in/code", {"address": "xu@example.org", "next": "/needs"})
        first = client.post("/sign-in/code/enter", {"code": last_code()})
    assert first["Location"] == "/sign-in/second-step"
    assert not is_in(client)
    assert client.get("/sign-in/second-step").status_code == 200
    wrong = client.post("/sign-in/second-step", {"code": "000000"})
    assert "验证码不对或已用过" in wrong.content.decode()
    assert not is_in(client)
    assert client.post("/sign-in/second-step", {"code": totp()})["Location"] == "/needs"
    assert is_in(client)


def test_there_is_no_second_step_without_a_first(client):
    with_second_step(make_account())
    assert client.get("/sign-in/second-step")["Location"] == "/sign-in"
    assert client.post("/sign-in/second-step", {"code": totp()})["Location"] == "/sign-in"
    assert not is_in(client)


def test_a_code_of_the_app_works_once():
    user = make_account()
    with_second_step(user)
    code = totp()
    prove = lambda given: services.prove_second_step(actor=actor_of(user), code=given)  # noqa: E731 -- said three times
    assert [prove(code), prove(code), prove(totp(-1))] == ["totp", "", ""]


def test_a_recovery_code_works_once_and_its_owner_is_told(client):
    user = make_account()
    codes = with_second_step(user)
    for expected in (302, 200):
        client.post("/sign-in", {"username": "xu@example.org", "password": SECRET})
        answer = client.post("/sign-in/second-step", {"code": codes[3]})
        assert answer.status_code == expected
        assert is_in(client) == (expected == 302)
        client.post("/sign-out")
    event = Event.objects.get(name="accounts.recovery_code_used")
    assert event.data == {"left": 9}


def test_guessing_the_second_step_is_limited(client):
    with_second_step(make_account())
    client.post("/sign-in", {"username": "xu@example.org", "password": SECRET})
    statuses = [client.post("/sign-in/second-step", {"code": "000000"}).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert client.post("/sign-in/second-step", {"code": totp()}).status_code == 429


def test_the_key_of_the_app_is_kept_sealed():
    with_second_step(make_account())
    row = Authenticator.objects.get(type="totp")
    assert KEY not in str(row.data)


# --- out --------------------------------------------------------------------------------------------------------------


def test_out_and_nothing_is_left(client):
    from allauth.usersessions.models import UserSession

    make_account()
    client.post("/sign-in", {"username": "xu@example.org", "password": SECRET})
    assert UserSession.objects.count() == 1
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out")["Location"] == "/"
    assert UserSession.objects.count() == 0
    assert not is_in(client)


# --- passkey: what a browser never sends ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "credential",
    ["", "{", "[]", "{}", "null", '"x"', '{"response": {}}', '{"response": {"userHandle": "MQ"}}',
     '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"MQ"}}',
     '{"response": {"userHandle": "////"}}', '{"response": []}', '{"response": {"userHandle": 7}}'],
)  # fmt: skip
def test_rubbish_instead_of_a_passkey_gets_a_clear_page(client, credential):
    make_account()
    assert client.get("/sign-in/passkey").json()["options"]["publicKey"]["userVerification"] == "required"
    answer = client.post("/sign-in/passkey", {"credential": credential})
    assert answer.status_code == 200
    assert "通行密钥没有通过" in answer.content.decode()
    assert not is_in(client)
