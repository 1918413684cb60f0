"""What protects an account: seen and changed by its owner only, after a fresh confirmation."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import get_user_model
from django.test import Client

from keqiao.accounts import services
from keqiao.accounts.confirming import STAMP
from keqiao.accounts.models import MobileNumber
from keqiao.accounts.tests.factories import SECRET, actor_of, last_code, make_account
from keqiao.accounts.tests.test_sign_in import KEY, totp, with_second_step
from keqiao.accounts.types import Identity, LastWayIn, SharedAccount
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
NEW = "another long phrase"
AGENT = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36 Edg/131.0"
# address, what is sent
GUARDED = [
    ("/me/security/password", "get"),
    ("/me/security/password", "post"),
    ("/me/security/address", "get"),
    ("/me/security/address/code", "post"),
    ("/me/security/passkeys/add", "get"),
    ("/me/security/passkeys/add", "post"),
    ("/me/security/passkeys/options", "get"),
    ("/me/security/passkeys/1/remove", "post"),
    ("/me/security/passkeys/1/name", "get"),
    ("/me/security/passkeys/1/name", "post"),
    ("/me/security/identities/1/remove", "post"),
    ("/me/security/totp", "get"),
    ("/me/security/totp", "post"),
    ("/me/security/totp/remove", "post"),
    ("/me/security/recovery-codes", "post"),
]


def sign_in(client, address="xu@example.org", **headers):
    answer = client.post("/sign-in", {"username": address, "password": SECRET}, **headers)
    assert answer.status_code == 302
    return client


def grow_old(client):
    session = client.session
    session[STAMP] -= 3600
    session.save()


def make_passkey(user, name="办公室电脑"):
    """As the browser's would be stored; it answers no question."""
    return Authenticator.objects.create(user=user, type="webauthn", data={"name": name, "credential": {}})


# --- who --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "method"), [*GUARDED, ("/me/security", "get"), ("/me/security/confirm", "get")])
def test_visitors_are_led_to_sign_in(client, address, method):
    answer = getattr(client, method)(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize(("address", "method"), GUARDED)
def test_an_old_proof_is_asked_for_again(client, address, method):
    make_account()
    grow_old(sign_in(client))
    answer = getattr(client, method)(address)
    back = "%2Fme%2Fsecurity" if method == "post" else address.replace("/", "%2F")
    assert answer["Location"] == f"/me/security/confirm?next={back}"
    assert Event.objects.filter(name__startswith="accounts.").exclude(name="accounts.account_opened").count() == 0


def test_confirming_by_password(client):
    make_account()
    grow_old(sign_in(client))
    wrong = client.post("/me/security/confirm", {"password": "wrong-password", "next": "/me/security/totp"})
    assert "密码不正确" in wrong.content.decode()
    assert client.get("/me/security/totp").status_code == 302
    right = client.post("/me/security/confirm", {"password": SECRET, "next": "/me/security/totp"})
    assert right["Location"] == "/me/security/totp"
    assert client.get("/me/security/totp").status_code == 200


def test_confirming_by_code(client, sends):
    make_account()
    grow_old(sign_in(client))
    assert client.post("/me/security/confirm", {"code": "1", "next": "/me/security/totp"})["Location"] == (
        "/me/security/confirm/code"
    )
    assert client.post("/me/security/confirm/code", {"code": last_code()})["Location"] == "/me/security/totp"
    assert client.get("/me/security/totp").status_code == 200


def test_guessing_the_password_there_is_limited(client):
    make_account()
    grow_old(sign_in(client))
    tries = [client.post("/me/security/confirm", {"password": "wrong"}).status_code for _ in range(6)]
    assert tries == [200] * 5 + [429]


@pytest.mark.parametrize("credential", ["", "[]", "{}", '{"response": {}}'])
def test_rubbish_confirms_nothing(client, credential):
    make_account()
    grow_old(sign_in(client))
    client.get("/me/security/confirm/passkey")
    answer = client.post("/me/security/confirm/passkey", {"credential": credential})
    assert answer["Location"].startswith("/me/security/confirm")
    assert client.get("/me/security/totp").status_code == 302


@pytest.mark.parametrize("actor", [parties.visitor(), parties.system()])
def test_commands_are_for_people(actor):
    for refused in (
        lambda: services.set_password(actor=actor, password=NEW),
        lambda: services.add_passkey(actor=actor, name="x", credential={}),
        lambda: services.change_address(actor=actor, channel="email", address="a@example.org"),
        lambda: services.rename_passkey(actor=actor, passkey_id=1, name="x"),
        lambda: services.link_identity(actor=actor, identity=Identity("lut", "1", {})),
        lambda: services.unlink_identity(actor=actor, reference="1"),
        lambda: services.activate_totp(actor=actor, secret=KEY, code=totp()),
        lambda: services.renew_recovery_codes(actor=actor),
    ):
        with pytest.raises(NotAllowed):
            refused()


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_lists_what_there_is(client):
    user = make_account()
    with_second_step(user)
    make_passkey(user)
    client.post("/sign-in", {"username": "xu@example.org", "password": SECRET}, HTTP_USER_AGENT=AGENT)
    client.post("/sign-in/second-step", {"code": totp()}, HTTP_USER_AGENT=AGENT)
    html = client.get("/me/security").content.decode()
    for words in (
        "xu@example.org",
        "办公室电脑",
        "还没有用过",
        "动态验证码已开启",
        "还有 10 个恢复码",
        "Edge · Windows",
        "这一台",
        "未知",
    ):
        assert words in html
    client.cookies["keqiao_language"] = "en"
    assert "10 recovery codes are unused" in client.get("/me/security").content.decode()


def test_a_passkey_is_given_another_name(client):
    user = make_account()
    row = make_passkey(user)
    sign_in(client)
    page = client.get(f"/me/security/passkeys/{row.pk}/name").content.decode()
    assert 'value="办公室电脑"' in page
    answer = client.post(f"/me/security/passkeys/{row.pk}/name", {"name": "  家里的  手机 "})
    assert answer["Location"] == "/me/security?done=passkey-renamed"
    row.refresh_from_db()
    assert (row.data["name"], row.data["credential"]) == ("家里的 手机", {})
    assert Event.objects.get(name="accounts.passkey_renamed").data == {}
    assert "名称已保存" in client.get("/me/security?done=passkey-renamed").content.decode()


@pytest.mark.parametrize("name", ["", "   ", "长" * 41])
def test_a_name_that_is_none_is_refused(client, name):
    row = make_passkey(make_account())
    page = sign_in(client).post(f"/me/security/passkeys/{row.pk}/name", {"name": name}).content.decode()
    assert "例如“办公室电脑”" in page
    row.refresh_from_db()
    assert row.data["name"] == "办公室电脑"


def test_nobody_names_anothers_passkey(client):
    row = make_passkey(make_account(address="shen@example.org"))
    make_account()
    sign_in(client)
    for answer in (client.get(f"/me/security/passkeys/{row.pk}/name"),
                   client.post(f"/me/security/passkeys/{row.pk}/name", {"name": "x"})):  # fmt: skip
        assert answer.status_code == 404
    with pytest.raises(NotFound):
        services.rename_passkey(
            actor=actor_of(get_user_model().objects.get(username="xu@example.org")), passkey_id=row.pk, name="x"
        )


def test_one_and_three_rows_cost_the_same(client, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    user = make_account()
    sign_in(client)
    make_passkey(user)
    with CaptureQueriesContext(connection) as few:
        client.get("/me/security")
    for n in range(2):
        make_passkey(user, f"key {n}")
        sign_in(Client())
    with CaptureQueriesContext(connection) as many:
        client.get("/me/security")
    assert len(few) == len(many)


# --- password ---------------------------------------------------------------------------------------------------------


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(client):
    make_account()
    sign_in(client)
    other = sign_in(Client())
    assert client.post("/me/security/password", {"password": NEW})["Location"] == "/me/security?done=password"
    assert client.get("/me").status_code == 200
    assert other.get("/me").status_code == 302
    assert list(UserSession.objects.values_list("session_key", flat=True)) == [client.session.session_key]
    assert "其他设备上的登录已结束" in client.get("/me/security?done=password").content.decode()


def test_a_bad_password_is_refused(client):
    make_account()
    answer = sign_in(client).post("/me/security/password", {"password": "1234567890"})
    assert "太常见" in answer.content.decode()
    assert get_user_model().objects.get().check_password(SECRET)


# --- addresses --------------------------------------------------------------------------------------------------------


def test_another_e_mail_replaces_the_old_one(client, sends):
    user = make_account()
    sign_in(client).post("/me/security/address", {"address": "New@example.org"})
    assert client.post("/me/security/address/code", {"code": last_code()})["Location"] == "/me/security?done=address"
    user.refresh_from_db()
    assert (user.username, user.email) == ("new@example.org", "new@example.org")
    assert list(EmailAddress.objects.values_list("email", "verified")) == [("new@example.org", True)]
    event = Event.objects.get(name="accounts.address_changed")
    assert event.data == {"channel": "email"}


def test_a_mobile_number_is_added(client, sends):
    make_account()
    sign_in(client).post("/me/security/address", {"address": "13800138000"})
    client.post("/me/security/address/code", {"code": last_code()})
    assert MobileNumber.objects.get().number == "+8613800138000"


def test_somebody_elses_address_is_not_had_and_not_told(client, sends):
    make_account()
    make_account(address="lin@example.org", name="林若川")
    sign_in(client)
    assert client.post("/me/security/address", {"address": "lin@example.org"})["Location"] == (
        "/me/security/address/code"
    )
    assert client.post("/me/security/address/code", {"code": last_code()}).status_code == 200
    with pytest.raises(BadInput):
        services.change_address(
            actor=actor_of(get_user_model().objects.get(username="xu@example.org")),
            channel="email",
            address="lin@example.org",
        )
    assert EmailAddress.objects.get(email="lin@example.org").user.username == "lin@example.org"


# --- passkeys ---------------------------------------------------------------------------------------------------------


def test_a_passkey_is_removed_by_its_owner_only(client):
    user, other = make_account(), make_account(address="lin@example.org", name="林若川")
    own, foreign = make_passkey(user), make_passkey(other)
    sign_in(client)
    assert client.post(f"/me/security/passkeys/{foreign.pk}/remove").status_code == 404
    assert client.post("/me/security/passkeys/999/remove").status_code == 404
    assert Authenticator.objects.count() == 2
    assert client.post(f"/me/security/passkeys/{own.pk}/remove")["Location"] == "/me/security?done=passkey-removed"
    assert list(Authenticator.objects.all()) == [foreign]


def test_the_last_way_in_stays():
    user = make_account(password="")
    key = make_passkey(user)
    with pytest.raises(LastWayIn):
        services.remove_passkey(actor=actor_of(user), passkey_id=key.pk)
    assert Authenticator.objects.count() == 1
    with pytest.raises(NotFound):  # the app is no passkey
        services.remove_passkey(actor=actor_of(user), passkey_id=0)


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"response": {}}',
        '{"response": {"clientDataJSON": "e30", "attestationObject": "AA"}, "id": "AA", "rawId": "AA", "type": "public-key"}',
    ],
)
def test_rubbish_adds_no_passkey(client, credential):
    make_account()
    sign_in(client)
    options = client.get("/me/security/passkeys/options").json()["options"]["publicKey"]
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    answer = client.post("/me/security/passkeys/add", {"credential": credential, "name": "x"})
    assert "没有添加成功" in answer.content.decode()
    assert Authenticator.objects.count() == 0


# --- second step ------------------------------------------------------------------------------------------------------


def test_turning_the_app_on_shows_recovery_codes_once(client):
    make_account()
    sign_in(client)
    html = client.get("/me/security/totp").content.decode()
    secret = client.session["mfa.totp.secret"]
    assert " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)) in html
    assert "<svg" in html
    assert "不对或已失效" in client.post("/me/security/totp", {"code": "000000"}).content.decode()
    assert Authenticator.objects.count() == 0
    shown = client.post("/me/security/totp", {"code": totp(key=secret)})
    assert shown.content.decode().count("<li><code>") == 10
    assert "no-store" in shown["Cache-Control"]
    assert client.get("/me/security/totp")["Location"] == "/me/security"
    assert "mfa.totp.secret" not in client.session


def test_renewed_codes_void_the_old_ones(client):
    user = make_account()
    old = with_second_step(user)
    actor = actor_of(user)
    new = services.renew_recovery_codes(actor=actor)
    assert set(old) & set(new) == set()
    assert services.prove_second_step(actor=actor, code=old[0]) == ""
    assert services.prove_second_step(actor=actor, code=new[0]) == "recovery_codes"


def test_off_takes_the_recovery_codes_along(client):
    user = make_account()
    codes = with_second_step(user)
    actor = actor_of(user)
    services.deactivate_totp(actor=actor)
    assert Authenticator.objects.count() == 0
    assert services.prove_second_step(actor=actor, code=codes[0]) == ""
    for refused in (services.deactivate_totp, services.renew_recovery_codes):
        with pytest.raises(WrongState):
            refused(actor=actor)


def test_twice_on_is_refused():
    user = make_account()
    with_second_step(user)
    with pytest.raises(WrongState):
        services.activate_totp(actor=actor_of(user), secret=KEY, code=totp())
    assert Authenticator.objects.filter(type="totp").count() == 1


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_one_session_or_all_others_end(client):
    make_account()
    sign_in(client)
    others = [sign_in(Client()) for _ in range(3)]
    rows = {row.session_key: row.pk for row in UserSession.objects.all()}
    assert client.post(f"/me/security/sessions/{rows[others[0].session.session_key]}/end").status_code == 302
    assert [other.get("/me").status_code for other in others] == [302, 200, 200]
    client.post("/me/security/sessions/end-others")
    assert [other.get("/me").status_code for other in others] == [302, 302, 302]
    assert client.get("/me").status_code == 200
    assert [event.data for event in Event.objects.filter(name="accounts.session_ended").order_by("id")] == [
        {"count": 1},
        {"count": 2},
    ]


def test_nobody_ends_anothers_session(client):
    make_account()
    make_account(address="lin@example.org", name="林若川")
    sign_in(client)
    other = sign_in(Client(), "lin@example.org")
    row = UserSession.objects.get(session_key=other.session.session_key)
    assert client.post(f"/me/security/sessions/{row.pk}/end").status_code == 404
    client.post("/me/security/sessions/end-others")
    assert other.get("/me").status_code == 200


def test_last_seen_moves_on_but_not_at_every_request(client):
    from keqiao.accounts.middleware import STAMP as SEEN

    make_account()
    sign_in(client)
    UserSession.objects.update(last_seen_at="2026-01-01T00:00Z")
    client.get("/me")
    assert UserSession.objects.get().last_seen_at.month == 1
    session = client.session
    session[SEEN] -= 700
    session.save()
    client.get("/me")
    assert UserSession.objects.get().last_seen_at.month != 1


# --- demo accounts ----------------------------------------------------------------------------------------------------


def test_a_demo_account_cannot_be_locked_by_one_visitor(client, demo):
    import json

    (demo.DATA_DIR / "demo.json").write_text(json.dumps([{"email": "xu@example.org", "password": SECRET}]))
    user = make_account()
    make_passkey(user)
    sign_in(client)
    other = sign_in(Client(), HTTP_USER_AGENT=AGENT)
    html = client.get("/me/security").content.decode()
    assert "演示账号由大家共用" in html
    assert "Edge" not in html
    actor = actor_of(user)
    for refused in (
        lambda: services.set_password(actor=actor, password=NEW),
        lambda: services.activate_totp(actor=actor, secret=KEY, code=totp()),
        lambda: services.change_address(actor=actor, channel="email", address="new@example.org"),
        lambda: services.add_passkey(actor=actor, name="x", credential={}),
        lambda: services.remove_passkey(actor=actor, passkey_id=Authenticator.objects.get().pk),
        lambda: services.end_other_sessions(actor=actor, keep=""),
        lambda: services.end_session(actor=actor, session_id=UserSession.objects.latest("id").pk),
    ):
        with pytest.raises(SharedAccount):
            refused()
    assert client.post("/me/security/password", {"password": NEW}).status_code == 200
    assert other.get("/me").status_code == 200
    assert get_user_model().objects.get().check_password(SECRET)


def test_the_numbers_in_addresses_tell_nobody_how_many_there_are(client):
    user = make_account(address="xu@example.org")
    sign_in(client)
    numbers = [UserSession.objects.get().pk, make_passkey(user).pk, services.ask_for_export(actor=actor_of(user)).pk]
    assert all(number > 2**40 for number in numbers)
