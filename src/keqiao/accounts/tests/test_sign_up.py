"""Opening an account, in the pages and by the command."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model

from keqiao.accounts import services
from keqiao.accounts.models import MobileNumber
from keqiao.accounts.tests.factories import (
    SECRET,
    agreed,
    code_in,
    last_code,
    make_account,
    run_jobs,
    sent_mails,
    sent_texts,
)
from keqiao.accounts.types import Identity
from keqiao.kernel.errors import BadInput
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
VISITOR = parties.visitor()
DETAILS = {"name": "许砚秋", "password": SECRET, "agreed": "on", "way": "password"}


def details(**changes):
    return {**DETAILS, "document": agreed(), **changes}


def prove_address(client, address):
    answer = client.post("/sign-up", {"address": address, "next": "/needs"})
    assert answer["Location"] == "/sign-up/code"
    run_jobs()
    code = code_in((sent_mails() or sent_texts())[-1][1])
    assert client.post("/sign-up/code", {"code": code})["Location"] == "/sign-up/details"


def counts():
    return get_user_model().objects.count(), Person.objects.count(), EmailAddress.objects.count(), Event.objects.count()


def test_by_e_mail_from_end_to_end(client, sends):
    prove_address(client, "New@Example.org")
    answer = client.post("/sign-up/details", details())
    assert answer["Location"] == "/needs"
    user = get_user_model().objects.get()
    assert (user.username, user.email, user.check_password(SECRET)) == ("new@example.org", "new@example.org", True)
    assert (user.person.name_zh, user.person.name_en) == ("许砚秋", "")
    assert EmailAddress.objects.values_list("email", "verified").get() == ("new@example.org", True)
    event = Event.objects.get(name="accounts.account_opened")
    assert (event.actor_id, event.data) == (user.person.pk, {"way": "email"})
    assert client.get("/me").status_code == 200


def test_by_mobile_number_and_then_in_with_it(client, sends):
    prove_address(client, "138 0013 8000")
    client.post("/sign-up/details", details(name="Lin Ruochuan"))
    user = get_user_model().objects.get()
    assert (user.person.name_en, user.email) == ("Lin Ruochuan", "")
    assert MobileNumber.objects.get().number == "+8613800138000"
    assert "13800138000" not in user.username
    client.post("/sign-out")
    answer = client.post("/sign-in", {"username": "13800138000", "password": SECRET})
    assert answer["Location"] == "/"


def test_known_and_unknown_addresses_look_the_same(client, sends):
    make_account(address="xu@example.org")
    pages = []
    for address in ("xu@example.org", "yu@example.org"):
        assert client.post("/sign-up", {"address": address})["Location"] == "/sign-up/code"
        html = client.get("/sign-up/code").content.decode()
        pages.append(html.replace("y***", "x***"))
        wrong = client.post("/sign-up/code", {"code": "000000"})
        assert "不对或已失效" in wrong.content.decode()
    token = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')
    assert token.sub("", pages[0]) == token.sub("", pages[1])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"agreed": ""}, "同意"),
        ({"name": " "}, "姓名"),
        ({"password": "short"}, "至少 10 个字符"),
        ({"password": ""}, "至少 10 个字符"),
        ({"password": "password12"}, "太常见"),
    ],
)
def test_refusals_name_the_field_and_open_nothing(client, sends, changes, field):
    prove_address(client, "new@example.org")
    before = counts()
    answer = client.post("/sign-up/details", details(**changes))
    assert answer.status_code == 200
    assert field in answer.content.decode()
    assert counts() == before
    assert client.get("/me").status_code == 302


def test_no_account_without_a_proved_address(client, sends):
    before = counts()
    assert client.post("/sign-up/details", details())["Location"] == "/sign-up"
    client.post("/sign-up", {"address": "new@example.org"})
    assert client.post("/sign-up/details", details())["Location"] == "/sign-up"
    assert client.post("/reset-password/new", {"password": SECRET})["Location"] == "/reset-password"
    assert counts() == before


def test_the_terms_in_force_must_be_those_that_were_shown():
    from keqiao.accounts.models import Agreement

    for kind in ("agreement", "privacy"):
        Agreement.objects.create(kind=kind, first_on="2026-01-01", text_zh="# 文", text_en="# Text", digest="x")
    before = counts()
    for documents in ([], ["agreement-2026-01-01"], ["agreement-2020-01-01", "privacy-2026-01-01"]):
        with pytest.raises(BadInput):
            services.sign_up(
                actor=VISITOR, name="许砚秋", channel="email", address="a@example.org", documents=documents
            )
    assert counts() == before
    user = make_account()
    from keqiao.accounts.models import Consent

    assert sorted(Consent.objects.values_list("agreement__kind", "how", "person_id")) == [
        ("agreement", "sign_up", user.person.pk),
        ("privacy", "sign_up", user.person.pk),
    ]


def test_one_account_per_address(client, sends):
    make_account(address="xu@example.org")
    make_account(channel="sms", address="+8613800138000")
    before = counts()
    for channel, address in (("email", "xu@example.org"), ("sms", "+8613800138000")):
        with pytest.raises(BadInput):
            make_account(channel=channel, address=address)
    assert counts() == before


def test_an_account_is_for_an_address_or_an_identity(client):
    identity = Identity("lut", "pair-1", {})
    for given in ({}, {"channel": "email", "address": "a@example.org", "identity": identity}):
        with pytest.raises(BadInput):
            services.sign_up(actor=VISITOR, name="许砚秋", documents=agreed(), **given)


def test_two_browsers_with_one_address_open_one_account(client, sends):
    prove_address(client, "new@example.org")
    make_account(address="new@example.org")
    before = counts()
    answer = client.post("/sign-up/details", details())
    assert "刚刚注册了账号" in answer.content.decode()
    assert counts() == before


def test_without_a_password_by_passkey_it_goes_on_to_make_one(client, sends):
    prove_address(client, "new@example.org")
    answer = client.post("/sign-up/details", details(password="", way="passkey"))
    assert answer["Location"] == "/me/security/passkeys/add?next=%2Fneeds"
    assert not get_user_model().objects.get().has_usable_password()
    html = client.get(answer["Location"]).content.decode()
    assert 'name="next" value="/needs"' in html
    assert "<noscript>" in html


def test_a_site_that_sends_nothing_says_so(client):
    html = client.get("/sign-up").content.decode()
    assert "不能发送验证码" in html
    assert "发送验证码</button>" not in html
    answer = client.post("/sign-up", {"address": "new@example.org"})
    assert "没有开通" in answer.content.decode()


def test_only_mail(client, sends):
    sends.SMS_URL = ""
    assert "没有短信通道" in client.get("/sign-up").content.decode()
    assert "没有开通" in client.post("/sign-up", {"address": "13800138000"}).content.decode()


def test_a_demo_shows_the_code_on_the_page(client, demo):
    client.post("/sign-up", {"address": "new@example.org"})
    html = client.get("/sign-up/code").content.decode()
    assert f'id="demo-code">{last_code()}<' in html
    client.post("/sign-up/code", {"code": last_code()})
    assert client.post("/sign-up/details", details())["Location"] == "/"
    client.post("/sign-out")
    client.post("/sign-up", {"address": "new@example.org"})
    html = client.get("/sign-up/code").content.decode()
    assert "demo-code" not in html
    assert "已有账号" in html


def test_a_site_that_sends_never_shows_the_code(client, sends, demo):
    client.post("/sign-up", {"address": "new@example.org"})
    assert last_code() not in client.get("/sign-up/code").content.decode()


def test_send_again_replaces_the_code(client, sends):
    client.post("/sign-up", {"address": "new@example.org"})
    first = last_code()
    assert client.post("/sign-up/code", {"again": "1"})["Location"] == "/sign-up/code?sent=again"
    assert "作废" in client.get("/sign-up/code?sent=again").content.decode()
    if first != last_code():
        assert client.post("/sign-up/code", {"code": first}).status_code == 200
    assert client.post("/sign-up/code", {"code": last_code()}).status_code == 302
