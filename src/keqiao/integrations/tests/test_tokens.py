from datetime import timedelta

import pytest

from keqiao.integrations import selectors
from keqiao.integrations.models import Token
from keqiao.integrations.services import tokens
from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.integrations.types import BadToken, NotYourOrganisation
from keqiao.kernel import clock, personal
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.models import Post
from keqiao.parties.tests.factories import PASSWORD, make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


def new(actor, **given):
    return tokens.make_token(actor=actor, **{"name": "夜间同步", "scopes": ["needs:read"], "days": 30, **given})


def person_and_actor(**fields):
    person = make_person(organisation=make_organisation(), **fields)
    return person, parties.actor_for(person.user)


def test_a_token_is_shown_once_and_kept_as_its_fingerprint():
    person, actor = person_and_actor()
    token, secret = new(actor, scopes=["needs:write", "needs:read"])
    assert secret.startswith("kq_")
    assert len(secret) > 40
    assert (token.person_id, token.scopes, token.hint) == (person.pk, ["needs:read", "needs:write"], secret[:8])
    assert secret not in str(Token.objects.values().get())
    assert selectors.token_by_secret(secret) == token
    event = Event.objects.get(name="integrations.token_made")
    assert (event.actor_id, event.data) == (person.pk, {"scopes": ["needs:read", "needs:write"]})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "长" * 61}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["needs:read", "everything"]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 400}, "days"),
        ({"organisation_id": -1}, "organisation"),
    ],
)
def test_bad_wishes_make_no_token(given, field):
    with pytest.raises(BadInput) as caught:
        new(person_and_actor()[1], **given)
    assert (caught.value.field, Token.objects.count(), Event.objects.count()) == (field, 0, 0)


def test_wide_scopes_ask_for_the_password():
    person, actor = person_and_actor()
    with pytest.raises(BadInput) as caught:
        new(actor, scopes=["needs:write"], account=person.user, password="wrong")
    assert (caught.value.field, Token.objects.count()) == ("password", 0)
    new(actor, scopes=["needs:write"], account=person.user, password=PASSWORD)
    new(actor, scopes=["needs:read"], account=person.user)
    assert Token.objects.count() == 2


def test_visitors_and_those_who_stand_in_make_none():
    from dataclasses import replace

    for actor in (parties.visitor(), replace(person_and_actor()[1], only_reads=True)):
        with pytest.raises(NotAllowed):
            new(actor)
    assert not Token.objects.exists()


def test_nobody_holds_more_than_the_parameter_says():
    person, actor = person_and_actor()
    for _n in range(20):
        make_token(person=person)
    with pytest.raises(BadInput):
        new(actor)
    assert Token.objects.count() == 20


@pytest.mark.parametrize("change", ["revoked", "expired", "locked", "unknown", "foreign"])
def test_what_is_not_good_opens_nothing(change, client):
    person, actor = person_and_actor()
    token, secret = new(actor)
    if change == "revoked":
        tokens.revoke_token(actor=actor, token_id=token.pk)
    elif change == "expired":
        earlier = clock.now() - timedelta(seconds=1)
        Token.objects.update(created_at=earlier - timedelta(days=1), expires_at=earlier)
    elif change == "locked":
        person.user.is_active = False
        person.user.save()
    elif change == "unknown":
        secret = secret[:-1] + ("x" if secret[-1] != "x" else "y")
    else:
        secret = "ghp_" + secret
    with pytest.raises(BadToken):
        selectors.actor_of_token(selectors.token_by_secret(secret))
    answer = client.get("/api/v1/needs", headers=bearer(secret))
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="keqiao"')
    assert answer.json()["code"] == "BadToken"


def test_only_ones_own_tokens_are_withdrawn():
    token, secret = make_token()
    with pytest.raises(NotFound):
        tokens.revoke_token(actor=person_and_actor()[1], token_id=token.pk)
    assert selectors.token_by_secret(secret) == token


def test_a_token_acts_for_one_organisation_in_each_request(client):
    here, there = make_organisation(code="DW-HERE"), make_organisation(code="DW-THERE")
    person = make_person(organisation=here, role=Role.RESEARCHER)
    Post.objects.create(person=person, organisation=there, role=Role.RD_MANAGER)
    make_organisation(code="DW-ELSEWHERE")
    free, secret = make_token(person=person)
    bound, bound_secret = make_token(person=person, organisation=there)
    for code, posts in (
        ("", (here, Role.RESEARCHER)),
        ("DW-HERE", (here, Role.RESEARCHER)),
        ("DW-THERE", (there, Role.RD_MANAGER)),
    ):
        actor = selectors.actor_of_token(free, code)
        assert (actor.posts, actor.acting_for) == ({(posts[0].pk, posts[1])}, posts[0].pk)
    assert selectors.actor_of_token(bound, "DW-THERE").acting_for == there.pk
    for token, code in ((free, "DW-ELSEWHERE"), (free, "DW-NOTHING"), (bound, "DW-HERE")):
        with pytest.raises(NotYourOrganisation):
            selectors.actor_of_token(token, code)
    answer = client.get("/api/v1/needs", headers={**bearer(bound_secret), "Keqiao-Organisation": "DW-HERE"})
    assert (answer.status_code, answer.json()["code"]) == (403, "NotYourOrganisation")
    answer = client.get("/api/v1/needs", headers={**bearer(secret), "Keqiao-Organisation": "DW-THERE"})
    assert answer.status_code == 200


def test_a_bound_token_acts_for_that_organisation_alone():
    here, there = make_organisation(), make_organisation()
    person = make_person(organisation=here, role=Role.RESEARCHER)
    Post.objects.create(person=person, organisation=there, role=Role.RD_MANAGER)
    free, bound = make_token(person=person)[0], make_token(person=person, organisation=there)[0]
    assert selectors.actor_of_token(free).posts == {(here.pk, Role.RESEARCHER)}
    actor = selectors.actor_of_token(bound)
    assert (actor.posts, actor.acting_for) == ({(there.pk, Role.RD_MANAGER)}, there.pk)
    Post.objects.filter(organisation=there).update(ended_on=clock.today())
    with pytest.raises(BadToken):
        selectors.actor_of_token(bound)


def test_the_day_of_the_last_use_is_noted_once(client, django_assert_num_queries):
    token, secret = make_token(scopes=["needs:read"])
    for _n in range(2):
        assert client.get("/api/v1/needs", headers=bearer(secret)).status_code == 200
    token.refresh_from_db()
    assert token.last_used_on == clock.today()


def test_the_page_shows_the_secret_once(client):
    person, _actor = person_and_actor()
    client.force_login(person.user)
    sent = {"name": "同步", "scopes": ["needs:read"], "days": "30"}
    answer = client.post("/me/tokens", sent)
    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert secret not in client.get("/me/tokens").content.decode()
    token = Token.objects.get()
    assert client.post(f"/me/tokens/{token.pk}/revoke").status_code == 302
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_a_refused_form_keeps_what_was_typed(client):
    person, _actor = person_and_actor()
    client.force_login(person.user)
    answer = client.post("/me/tokens", {"name": "同步", "scopes": ["needs:write"], "days": "30"})
    text = answer.content.decode()
    assert (answer.status_code, Token.objects.count()) == (422, 0)
    assert 'value="同步"' in text
    assert 'href="#f-password"' in text


def test_the_list_costs_the_same_for_one_and_for_three(client, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    person, _actor = person_and_actor()
    client.force_login(person.user)
    counts = []
    for rows in (1, 2):
        for _n in range(rows):
            make_token(person=person, organisation=make_organisation())
        with CaptureQueriesContext(connection) as caught:
            assert client.get("/me/tokens").status_code == 200
        counts.append(len(caught))
    assert counts[0] == counts[1]


def test_visitors_are_led_to_sign_in(client):
    assert client.get("/me/tokens")["Location"] == "/sign-in?next=%2Fme%2Ftokens"
    assert client.post("/me/tokens", {"name": "x"}).status_code == 302
    assert not Token.objects.exists()


def test_what_is_held_about_a_person_is_exported_and_erased():
    person, actor = person_and_actor()
    new(actor)
    (row,) = personal.export_of(person.pk)["integrations"]["tokens"]
    assert (row["name"], row["scopes"], "digest" in row) == ("夜间同步", ["needs:read"], False)
    personal.erase(person.pk)
    assert not Token.objects.exists()
