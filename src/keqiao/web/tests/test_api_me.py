"""One's own part of the API: who one is, consents, a copy of one's data."""

import pytest

from keqiao.accounts import selectors
from keqiao.accounts.models import Consent, DataExport
from keqiao.accounts.tests.privacy_factories import load_agreements
from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture
def me():
    load_agreements()
    return make_person(
        name_zh="许砚秋", email="xu@example.org", organisation=make_organisation(code="DW-9", name_zh="澄源")
    )


def token(me, *scopes):
    return bearer(make_token(person=me, organisation=me.posts.get().organisation, scopes=scopes)[1])


def test_oneself(client, me):
    answer = client.get("/api/v1/me", headers=token(me, "me:read"))
    assert answer.json() == {
        "name": "许砚秋",
        "email": "xu@example.org",
        "posts": [
            {
                "organisation": "DW-9",
                "organisation_name_zh": "澄源",
                "organisation_name_en": "",
                "role": str(Role.RD_MANAGER),
            }
        ],
        "waiting_consents": ["agreement-2026-11-01", "privacy-2026-11-01"],
    }


def test_consents_are_read_given_and_withdrawn(client, me):
    body = {"give": ["agreement-2026-11-01", "digest-2026-11-01"]}
    answer = client.post("/api/v1/me/consents", body, "application/json", headers=token(me, "me:write"))
    assert answer.status_code == 200
    given = {row["document"]: row["is_given"] for row in answer.json()["items"]}
    assert given == {
        "agreement-2026-11-01": True,
        "privacy-2026-11-01": False,
        "digest-2026-11-01": True,
        "learning-2026-11-01": False,
        "translation-2026-11-01": False,
    }
    body = {"withdraw": ["digest-2026-11-01"]}
    client.post("/api/v1/me/consents", body, "application/json", headers=token(me, "me:write"))
    rows = client.get("/api/v1/me/consents", headers=token(me, "me:read")).json()["items"]
    assert [row["document"] for row in rows if row["is_given"]] == ["agreement-2026-11-01"]
    assert {line.how for line in selectors.ledger_of(me.pk)} == {"api"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"give": ["privacy-2026-11-01", "nonsense"]}, 422),
        ({"give": ["privacy-2026-11-01"], "withdraw": ["digest-2026-11-01"]}, 409),
        ({"give": ["privacy-2026-11-01"], "withdraw": ["nonsense"]}, 404),
        ({"give": "privacy-2026-11-01"}, 422),
        ({"give": ["x" * 41]}, 422),
    ],
)
def test_all_or_none(client, me, body, status):
    answer = client.post("/api/v1/me/consents", body, "application/json", headers=token(me, "me:write"))
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert Consent.objects.count() == 0


def test_a_copy_of_ones_data(client, me):
    answer = client.post("/api/v1/me/export", headers=token(me, "me:write"))
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert client.post("/api/v1/me/export", headers=token(me, "me:write")).status_code == 409
    assert DataExport.objects.get().person_id == me.pk


@pytest.mark.parametrize(
    ("verb", "address", "scope"),
    [
        ("get", "/api/v1/me", "needs:read"),
        ("get", "/api/v1/me/consents", "me:write"),
        ("post", "/api/v1/me/consents", "me:read"),
        ("post", "/api/v1/me/export", "me:read"),
    ],
)
def test_a_token_with_the_scope_is_needed(client, me, verb, address, scope):
    call = getattr(client, verb)
    body = {"data": {}, "content_type": "application/json"} if verb == "post" else {}
    assert call(address, headers=token(me, scope), **body).status_code == 403
    client.force_login(me.user)
    assert call(address, **body).status_code == 401
    assert (Consent.objects.count(), DataExport.objects.count()) == (0, 0)
