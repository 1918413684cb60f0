"""OIDC and SAML against twins: who comes in, as whom, and what is never taken."""

import re
import threading

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from keqiao.accounts import identities, selectors, services
from keqiao.accounts.tests.factories import SECRET, actor_of, agreed, make_account
from keqiao.accounts.tests.test_security import grow_old
from keqiao.accounts.tests.twins import OidcTwin, SamlTwin
from keqiao.accounts.types import Identity, LinkedElsewhere, NoStableId
from keqiao.kernel.models import Event, Notice
from keqiao.runtime.environment import BadSetting
from keqiao.runtime.federation import read_providers

HOST = {"HTTP_HOST": "keqiao.example"}
FAILED = "/sign-in?federation=failed"
PAIRWISE = "urn:oasis:names:tc:SAML:attribute:pairwise-id"
TARGETED = "urn:oid:1.3.6.1.4.1.5923.1.1.1.10"
PRINCIPAL = "urn:oid:1.3.6.1.4.1.5923.1.1.1.6"
SCOPED = "urn:oid:1.3.6.1.4.1.5923.1.1.1.9"
DISPLAY = "urn:oid:2.16.840.1.113730.3.1.241"
MAIL = "urn:oid:0.9.2342.19200300.100.1.3"
UID = "urn:oid:0.9.2342.19200300.100.1.1"
EMPLOYEE = "urn:oid:2.16.840.1.113730.3.1.3"
UNIQUE = "urn:oid:1.3.6.1.4.1.5923.1.1.1.13"


def saml_row(twin):
    return f'[[saml]]\nid = "carsi"\nname = "CARSI"\nentity_id = "{twin.entity_id}"\nsso_url = "{twin.sso_url}"\nx509cert = "{twin.x509cert}"\n'


def oidc_row(twin):
    return (
        f'[[oidc]]\nid = "lut"\nname = "澜江理工大学"\nserver_url = "{twin.url}"\nclient_id = "keqiao"\nsecret = "s"\n'
    )


@pytest.fixture(scope="module")
def saml():
    return SamlTwin()


@pytest.fixture
def oidc():
    twin = OidcTwin()
    yield twin
    twin.stop()


@pytest.fixture
def site(settings, tmp_path, saml, oidc, monkeypatch):
    """A site with both, by the file that its operator writes."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "providers.toml").write_text(saml_row(saml) + oidc_row(oidc), encoding="utf-8")
    settings.SOCIALACCOUNT_PROVIDERS = read_providers(tmp_path, "providers.toml")
    settings.ALLOWED_HOSTS = ["keqiao.example", "testserver"]
    return settings


def by_oidc(client, oidc):
    location = client.get("/sign-in/with/oidc/lut/login?next=/needs", **HOST)["Location"]
    assert location.startswith(f"{oidc.url}/authorize")
    return client.get(oidc.authorise(location), **HOST)


def by_saml(client, saml, **given):
    location = client.get("/sign-in/with/saml/carsi/login?next=/needs", **HOST)["Location"]
    assert location.startswith(saml.sso_url)
    response = given.pop("response", None) or saml.answer(location, **given)
    posted = client.post("/sign-in/with/saml/carsi/acs", {"SAMLResponse": response}, **HOST)
    return client.get(posted["Location"], **HOST)


def complete(client, **changes):
    form = {"name": "许砚秋", "agreed": "on", "document": agreed(), **changes}
    return client.post("/sign-up/federated", form, **HOST)


# --- off by default ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["oidc/lut/login", "oidc/lut/callback", "saml/carsi/login", "saml/carsi/acs/finish", "saml/carsi/sls"]
)
def test_off_by_default(client, address):
    assert client.get(f"/sign-in/with/{address}").status_code in {302, 404}
    assert "用单位账号登录" not in client.get("/sign-in").content.decode()
    assert client.get("/me").status_code == 302


@pytest.mark.django_db
def test_the_page_offers_what_the_site_has(client, site):
    html = client.get("/sign-in?next=/needs").content.decode()
    assert "/sign-in/with/oidc/lut/login?next=%2Fneeds" in html
    assert "/sign-in/with/saml/carsi/login?next=%2Fneeds" in html


# --- OIDC -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("rules")
def test_oidc_first_visit_asks_for_the_agreement_and_the_second_comes_in(client, site, oidc):
    oidc.claims |= {"email": "xu@lut.example", "email_verified": True, "employee_number": "20081234",
                    "eduperson_scoped_affiliation": ["faculty@lut.example"]}  # fmt: skip
    assert by_oidc(client, oidc)["Location"] == "/sign-up/federated"
    assert get_user_model().objects.count() == 0
    html = client.get("/sign-up/federated", **HOST).content.decode()
    assert 'value="许砚秋"' in html
    assert "澜江理工大学" in html
    assert complete(client, agreed="").status_code == 200
    assert get_user_model().objects.count() == 0
    assert complete(client)["Location"] == "/needs"
    row = SocialAccount.objects.get()
    assert (row.provider, row.uid) == ("lut", "f3a9-pairwise-1")
    assert row.extra_data == {"affiliation": "faculty", "scope": "lut.example"}
    assert (row.user.email, row.user.has_usable_password()) == ("", False)
    assert "20081234" not in f"{row.uid}{row.extra_data}{row.user.username}"
    client.post("/sign-out", **HOST)
    assert by_oidc(client, oidc)["Location"] == "/needs"
    assert client.get("/me", **HOST).status_code == 200
    row.refresh_from_db()
    assert "20081234" not in str(row.extra_data)


@pytest.mark.django_db
def test_an_address_that_the_provider_tells_opens_no_account(client, site, oidc):
    make_account(address="xu@lut.example")
    oidc.claims |= {"email": "xu@lut.example", "email_verified": True}
    assert by_oidc(client, oidc)["Location"] == "/sign-up/federated"
    assert client.get("/me", **HOST).status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "20081234", "employee_number": "20081234"},
        {"sub": "20081234@lut.example", "uid": "20081234"},
        {"sub": "S2024001", "student_id": "s2024001"},
        {"sub": "20081234", "preferred_username": "20081234"},
        {"sub": ""},
    ],
)
def test_a_number_of_the_house_is_no_id(client, site, oidc, claims):
    oidc.claims = claims
    answer = by_oidc(client, oidc)
    assert answer.status_code == 403
    assert "学号和工号不会用作账号" in answer.content.decode()
    assert SocialAccount.objects.count() == 0


@pytest.mark.django_db
def test_another_subject_in_the_user_info_is_refused(client, site, oidc):
    oidc.userinfo = {"sub": "somebody-else"}
    assert by_oidc(client, oidc).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", "?code=a-code", "?code=a-code&state=invented", "?error=access_denied"])
def test_an_answer_nobody_asked_for(client, site, oidc, query):
    answer = client.get(f"/sign-in/with/oidc/lut/callback{query}", **HOST)
    assert answer["Location"] in {FAILED, "/sign-in/cancelled"}
    assert client.get("/me", **HOST).status_code == 302


@pytest.mark.django_db
def test_a_code_is_refused_without_its_verifier(client, site, oidc):
    location = client.get("/sign-in/with/oidc/lut/login", **HOST)["Location"]
    back = oidc.authorise(location)
    oidc.challenge = "of-somebody-else"
    assert client.get(back, **HOST)["Location"] == FAILED
    assert len(oidc.refused) == 1


@pytest.mark.django_db
def test_a_provider_that_is_away(client, site, oidc):
    oidc.stop()
    assert client.get("/sign-in/with/oidc/lut/login", **HOST)["Location"] == FAILED
    assert "没有通过" in client.get(FAILED).content.decode()


@pytest.mark.django_db
def test_the_second_step_is_asked_for_here_too(client, site, oidc):
    from keqiao.accounts.tests.test_sign_in import totp, with_second_step

    by_oidc(client, oidc)
    complete(client)
    with_second_step(SocialAccount.objects.get().user)
    client.post("/sign-out", **HOST)
    assert by_oidc(client, oidc)["Location"] == "/sign-in/second-step"
    assert client.get("/me", **HOST).status_code == 302
    assert client.post("/sign-in/second-step", {"code": totp()}, **HOST)["Location"] == "/needs"


# --- SAML -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("rules")
def test_saml_in_the_words_of_carsi(client, site, saml):
    attributes = {
        PAIRWISE: "AB12CD@lut.example", PRINCIPAL: "20081234@lut.example", SCOPED: "staff@lut.example",
        DISPLAY: "沈知微", MAIL: "shen@lut.example", UID: "20081234", EMPLOYEE: "20081234",
    }  # fmt: skip
    assert by_saml(client, saml, attributes=attributes)["Location"] == "/sign-up/federated"
    assert 'value="沈知微"' in client.get("/sign-up/federated", **HOST).content.decode()
    assert complete(client)["Location"] == "/needs"
    row = SocialAccount.objects.get()
    assert (row.provider, row.uid) == ("carsi", "AB12CD@lut.example")
    assert row.extra_data == {"affiliation": "staff", "scope": "lut.example"}
    client.post("/sign-out", **HOST)
    assert by_saml(client, saml, attributes=attributes)["Location"] == "/needs"
    assert client.get("/me", **HOST).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "uid"),
    [
        ({"attributes": {TARGETED: "t-1", PAIRWISE: "p-1@lut.example"}, "name_id": "n-1"}, "p-1@lut.example"),
        ({"attributes": {TARGETED: "t-1"}, "name_id": "n-1"}, "t-1"),
        ({"attributes": {UID: "20081234"}, "name_id": "n-1"}, "n-1"),
    ],
)
def test_which_id_is_taken(client, site, saml, given, uid):
    assert by_saml(client, saml, **given)["Location"] == "/sign-up/federated"
    complete(client)
    assert SocialAccount.objects.get().uid == uid


@pytest.mark.django_db
@pytest.mark.parametrize(
    "given",
    [
        {"attributes": {UID: "20081234"}},
        {"attributes": {EMPLOYEE: "20081234", DISPLAY: "沈知微"}, "name_id": "20081234"},
        {"attributes": {UID: "20081234"}, "name_id": "20081234@lut.example"},
        {"attributes": {UNIQUE: "20081234@lut.example"}},
        {"attributes": {UNIQUE: "20081234@lut.example", PAIRWISE: "20081234@lut.example"}},
        {"attributes": {PRINCIPAL: "shen@lut.example"}},
        {"attributes": {PRINCIPAL: "shen@lut.example"}, "name_id": "shen@lut.example"},
        {"attributes": {DISPLAY: "沈知微"}, "name_id": "_once", "name_format": "transient"},
        {"attributes": {MAIL: "shen@lut.example"}, "name_id": "shen@lut.example", "name_format": "emailAddress"},
    ],
)
def test_nothing_else_is_taken(client, site, saml, given):
    answer = by_saml(client, saml, **given)
    assert answer.status_code == 403
    assert "学号和工号不会用作账号" in answer.content.decode()
    assert client.get("/sign-up/federated", **HOST)["Location"] == "/sign-in"
    assert SocialAccount.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "given",
    [
        {"attributes": {PAIRWISE: "p-1"}, "signed": False},
        {"attributes": {PAIRWISE: "p-1"}, "audience": "https://other.example"},
        {"response": "not base64 at all!"},
        {"response": "PHg+"},
        {"response": "PCFET0NUWVBFIHggWzwhRU5USVRZIGEgImEiPl0+PHg+JmE7PC94Pg=="},
    ],
)
def test_what_is_not_signed_for_us_is_refused(client, site, saml, given):
    assert by_saml(client, saml, **given)["Location"] == FAILED
    assert client.get("/sign-up/federated", **HOST)["Location"] == "/sign-in"


@pytest.mark.django_db
def test_a_response_signed_by_another_key(client, site, saml):
    assert by_saml(client, SamlTwinWith(saml), attributes={PAIRWISE: "p-1"})["Location"] == FAILED


class SamlTwinWith(SamlTwin):
    """Says it is the provider, and has another key."""

    def __init__(self, other):
        super().__init__()
        self.sso_url = other.sso_url


@pytest.mark.django_db
def test_a_response_nobody_asked_for_or_twice(client, site, saml):
    from django.test import Client

    location = client.get("/sign-in/with/saml/carsi/login", **HOST)["Location"]
    response = saml.answer(location, attributes={PAIRWISE: "p-1"})
    stranger = Client()
    posted = stranger.post("/sign-in/with/saml/carsi/acs", {"SAMLResponse": response}, **HOST)
    assert stranger.get(posted["Location"], **HOST)["Location"] == FAILED
    posted = client.post("/sign-in/with/saml/carsi/acs", {"SAMLResponse": response}, **HOST)
    assert client.get(posted["Location"], **HOST)["Location"] == "/sign-up/federated"
    posted = client.post("/sign-in/with/saml/carsi/acs", {"SAMLResponse": response}, **HOST)
    assert client.get(posted["Location"], **HOST)["Location"] == FAILED


@pytest.mark.django_db
def test_metadata_for_the_federation(client, site):
    answer = client.get("/sign-in/with/saml/carsi/metadata", **HOST)
    assert answer.status_code == 200
    assert "http://keqiao.example/sign-in/with/saml/carsi/acs" in answer.content.decode()
    assert client.get("/sign-in/with/saml/carsi/sls", **HOST).status_code == 404


# --- linking to an account that is there --------------------------------------------------------------------------------


def link_on_page(client, provider):
    html = client.get("/me/security", **HOST).content.decode()
    return re.search(rf'href="(/me/security/link/{provider}\?key=[0-9a-f]+)"', html)[1]


def linked(client, oidc):
    location = client.get(link_on_page(client, "lut"), **HOST)["Location"]
    assert location.startswith(f"{oidc.url}/authorize")
    return client.get(oidc.authorise(location), **HOST)


@pytest.fixture
def signed_in(client, site):
    user = make_account()
    client.post("/sign-in", {"username": "xu@example.org", "password": SECRET}, **HOST)
    return user


@pytest.mark.django_db
def test_a_provider_is_linked_and_signs_in(client, signed_in, oidc):
    oidc.claims |= {"eduperson_scoped_affiliation": ["faculty@lut.example"]}
    assert linked(client, oidc)["Location"] == "/me/security?done=linked"
    row = SocialAccount.objects.get()
    assert (row.user, row.provider, row.uid) == (signed_in, "lut", "f3a9-pairwise-1")
    assert row.extra_data == {"affiliation": "faculty", "scope": "lut.example"}
    page = client.get("/me/security?done=linked", **HOST).content.decode()
    assert "单位账号已关联" in page
    assert "澜江理工大学 · lut.example" in page
    assert "/me/security/link/lut" not in page
    assert Event.objects.get(name="accounts.identity_linked").data == {}
    assert Notice.objects.filter(kind="accounts.security", title_zh="关联了单位账号").count() == 1
    client.post("/sign-out", **HOST)
    assert by_oidc(client, oidc)["Location"] == "/needs"
    assert get_user_model().objects.count() == 1


@pytest.mark.django_db
def test_saml_is_linked_too(client, signed_in, saml):
    location = client.get(link_on_page(client, "carsi"), **HOST)["Location"]
    response = saml.answer(location, attributes={PAIRWISE: "AB12CD@lut.example"})
    posted = client.post("/sign-in/with/saml/carsi/acs", {"SAMLResponse": response}, **HOST)
    assert client.get(posted["Location"], **HOST)["Location"] == "/me/security?done=linked"
    assert SocialAccount.objects.get().user == signed_in


@pytest.mark.django_db
def test_an_identity_of_another_account_stays_there(client, signed_in, oidc):
    other = make_account(address="shen@example.org")
    SocialAccount.objects.create(user=other, provider="lut", uid="f3a9-pairwise-1")
    assert linked(client, oidc)["Location"] == "/me/security?problem=elsewhere"
    assert SocialAccount.objects.get().user == other
    assert "已经关联到另一个账号" in client.get("/me/security?problem=elsewhere", **HOST).content.decode()


@pytest.mark.django_db
def test_linking_twice_changes_nothing(client, signed_in, oidc):
    link = link_on_page(client, "lut")
    for _again in range(2):
        location = client.get(link, **HOST)["Location"]
        assert client.get(oidc.authorise(location), **HOST)["Location"] == "/me/security?done=linked"
    assert SocialAccount.objects.count() == Event.objects.filter(name="accounts.identity_linked").count() == 1


@pytest.mark.django_db
def test_linking_asks_who_it_is_and_where_the_link_stood(client, signed_in, oidc):
    link = link_on_page(client, "lut")
    for forged in ("/me/security/link/lut", "/me/security/link/lut?key=0", link + "0"):
        assert client.get(forged, **HOST)["Location"] == "/me/security"
    assert client.get("/me/security/link/none?key=0", **HOST).status_code == 404
    grow_old(client)
    assert client.get(link, **HOST)["Location"].startswith("/me/security/confirm?next=%2Fme%2Fsecurity%2Flink%2Flut")
    assert Client().get(link, **HOST)["Location"].startswith("/sign-in?next=")
    assert not SocialAccount.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("process", ["connect", "redirect"])
def test_nothing_is_linked_from_anywhere_else(client, signed_in, oidc, process):
    assert client.get(f"/sign-in/with/oidc/lut/login?process={process}", **HOST).status_code == 404
    assert client.get(f"/sign-in/with/saml/carsi/login?process={process}", **HOST).status_code == 404
    by_oidc(client, oidc)
    assert not SocialAccount.objects.filter(user=signed_in).exists()


@pytest.mark.slow
@pytest.mark.django_db
def test_a_provider_that_is_away_or_says_no(client, signed_in, oidc):
    location = client.get(link_on_page(client, "lut"), **HOST)["Location"]
    state = re.search(r"state=([^&]+)", location)[1]
    answer = client.get(f"/sign-in/with/oidc/lut/callback?error=access_denied&state={state}", **HOST)
    assert answer["Location"] == "/me/security?problem=link"
    link = link_on_page(client, "lut")
    oidc.stop()
    assert client.get(link, **HOST)["Location"] == "/me/security?problem=link"
    assert "没有关联成功" in client.get("/me/security?problem=link", **HOST).content.decode()


@pytest.mark.django_db
def test_unlinking(client, signed_in, oidc):
    linked(client, oidc)
    other = SocialAccount.objects.create(user=make_account(address="shen@example.org"), provider="lut", uid="2")
    row = SocialAccount.objects.get(user=signed_in)
    assert (
        client.post(f"/me/security/identities/{selectors.identity_reference(other.pk)}/remove", **HOST).status_code
        == 404
    )
    answer = client.post(f"/me/security/identities/{selectors.identity_reference(row.pk)}/remove", **HOST)
    assert answer["Location"] == "/me/security?done=unlinked"
    assert list(SocialAccount.objects.all()) == [other]
    assert Event.objects.filter(name="accounts.identity_unlinked").count() == 1
    client.post("/sign-out", **HOST)
    assert by_oidc(client, oidc)["Location"] == "/sign-up/federated"


@pytest.mark.django_db
def test_the_last_way_in_stays(client, site, oidc):
    by_oidc(client, oidc)
    complete(client)
    row = SocialAccount.objects.get()
    answer = client.post(f"/me/security/identities/{selectors.identity_reference(row.pk)}/remove", **HOST)
    assert answer.status_code == 409
    assert SocialAccount.objects.count() == 1
    # One that the site no longer takes is no way in: it may go, and holds nothing else open.
    gone = SocialAccount.objects.create(user=row.user, provider="closed", uid="1")
    assert "本站已不提供" in client.get("/me/security", **HOST).content.decode()
    assert (
        client.post(f"/me/security/identities/{selectors.identity_reference(row.pk)}/remove", **HOST).status_code == 409
    )
    assert (
        client.post(f"/me/security/identities/{selectors.identity_reference(gone.pk)}/remove", **HOST).status_code
        == 302
    )


@pytest.mark.django_db(transaction=True)
def test_two_browsers_link_one_identity_to_two_accounts(site):
    users = [make_account(address=f"p{n}@example.org") for n in range(2)]
    identity, outcomes = Identity("lut", "one", {}), []

    def link(user):
        try:
            services.link_identity(actor=actor_of(user), identity=identity)
            outcomes.append("linked")
        except LinkedElsewhere:
            outcomes.append("elsewhere")
        finally:
            connection.close()

    threads = [threading.Thread(target=link, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["elsewhere", "linked"]
    assert SocialAccount.objects.count() == 1


# --- the choice of id -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", identities.NUMBERS)
def test_no_number_in_any_attribute_becomes_an_id(name):
    with pytest.raises(NoStableId):
        identities.stable_saml_id({name: ["20081234"]}, "", "")
    with pytest.raises(NoStableId):
        identities.stable_saml_id({name: ["20081234"], PAIRWISE: ["20081234@lut.example"]}, "", "")
    with pytest.raises(NoStableId):
        identities.stable_oidc_id({name: "20081234", "sub": "20081234"})


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = ", "not TOML"),
        ("[[ldap]]\n", "unknown table"),
        ('[[oidc]]\nid = "lut"\n', "name is missing"),
        ('[[saml]]\nid = "carsi"\nname = "C"\nentity_id = "e"\n', "metadata_url"),
        ('[[saml]]\nid = "CARSI!"\nname = "C"\nentity_id = "e"\nmetadata_url = "https://x.example"\n', "small letters"),
        ('[[saml]]\nid = "carsi"\nname = "C"\nentity_id = "e"\nmetadata_url = "http://x.example"\n', "https://"),
        ('[[oidc]]\nid = "lut"\nname = "L"\nserver_url = "https://x.example"\nclient_id = "k"\nsecret = "s"\nuid_field = "employee_number"\n', "unknown key 'uid_field'"),
        ('[[saml]]\nid = "aa"\nname = "C"\nentity_id = "e"\nmetadata_url = "https://x.example"\n' * 2, "two providers"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_its_mistake(tmp_path, text, says):
    (tmp_path / "p.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadSetting, match=r"KEQIAO_SIGN_IN_PROVIDERS=p\.toml") as refused:
        read_providers(tmp_path, "p.toml")
    assert says in str(refused.value)


def test_a_missing_file_and_none(tmp_path):
    with pytest.raises(BadSetting, match="no such file"):
        read_providers(tmp_path, "p.toml")
    assert [provider["APPS"] for provider in read_providers(tmp_path, "").values()] == [[], []]
