import json

import pytest
from ninja.testing import TestClient

from keqiao.catalogue.tests.factories import make_need
from keqiao.kernel.api import ScopeMissing, TokenNeeded
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.parties import selectors as parties
from keqiao.submissions.api_review import router
from keqiao.submissions.models import Complaint, Submission
from keqiao.submissions.tests.worlds import fresh, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]

ALL = frozenset({"review:write", "needs:write", "achievements:write", "feedback:write", "me:read"})


@pytest.fixture
def world(rules):
    return make_world()


@pytest.fixture(scope="module")
def client():
    return TestClient(router)


def ask(client, method, path, actor, given=None, scopes=ALL):
    call = getattr(client, method)
    more = {"json": given} if given is not None else {}
    return call(path, actor=actor, visitor=parties.visitor(), token_scopes=scopes, **more)


def test_the_whole_way(world, client):
    draft = world.draft()
    place = f"/drafts/needs/{draft.code}"
    assert (
        ask(client, "post", f"{place}/submit", world.author, {"revision": 1}).json()["state"] == "organisation_review"
    )
    rows = ask(client, "get", "/reviews?side=organisation", world.reviewer).json()
    assert [row["code"] for row in rows["items"]] == [draft.code]
    asked = {"revision": 1, "questions": [{"field": "trl_min", "text": "为什么是 6 级？"}]}
    back = ask(client, "post", f"/reviews/{draft.code}/return", world.reviewer, asked).json()
    question = next(note for note in back["notes"] if note["kind"] == "question")
    answered = ask(
        client, "post", f"{place}/questions/{question['id']}/answer", world.author, {"text": "够用了。"}
    ).json()
    assert answered["notes"][-1]["answers"] == question["id"]
    ask(client, "post", f"{place}/submit", world.author, {"revision": 1})
    ask(client, "post", f"/reviews/{draft.code}/claim", world.reviewer, {})
    ask(client, "post", f"/reviews/{draft.code}/approve", world.reviewer, {"revision": 1})
    done = ask(client, "post", f"/reviews/{draft.code}/accept", world.operator, {"revision": 1}).json()
    assert (done["state"], done["item"]) == ("accepted", fresh(draft).need.code)
    assert world.author.name not in json.dumps(done, ensure_ascii=False)


def test_declined_and_taken_back(world, client):
    first, second = world.at_platform(), world.at_platform()
    given = {"revision": 1, "reason": "untrue", "text": "不实。"}
    assert ask(client, "post", f"/reviews/{first.code}/decline", world.operator, given).json()["state"] == "declined"
    assert ask(client, "post", f"/drafts/needs/{second.code}/take-back", world.author).json()["state"] == "draft"


def test_who_may_not_is_refused_and_nothing_changes(world, client):
    found = world.at_platform()
    given = {"revision": 1}
    with pytest.raises(ScopeMissing):
        ask(client, "post", f"/reviews/{found.code}/accept", world.operator, given, scopes=frozenset())
    with pytest.raises(TokenNeeded):
        ask(client, "post", f"/reviews/{found.code}/accept", world.operator, given, scopes=None)
    with pytest.raises(NotAllowed):
        ask(client, "post", f"/reviews/{found.code}/accept", world.author, given)
    with pytest.raises(NotFound):
        ask(client, "post", f"/drafts/achievements/{found.code}/take-back", world.author)
    with pytest.raises(NotAllowed):
        ask(client, "get", "/reviews?side=platform", world.author)
    with pytest.raises(NotAllowed):
        ask(client, "get", f"/reviews/{found.code}", world.operator, scopes=frozenset())
    assert Submission.objects.get().state == "platform_review"


def test_complaints(world, client):
    need = make_need(publisher=world.organisation)
    given = {"reason": "untrue", "text": "数值不符。"}
    made = ask(client, "post", f"/needs/{need.code}/complaints", world.stranger, given)
    assert made.status_code == 201
    assert ask(client, "get", "/complaints", world.stranger).json()["total"] == 1
    assert ask(client, "get", "/complaints", world.reviewer).json()["total"] == 0
    code = made.json()["code"]
    assert ask(client, "post", f"/complaints/{code}/take-back", world.stranger).json()["state"] == "taken_back"
    assert Complaint.objects.get().state == "taken_back"
    bad = ask(client, "post", f"/needs/{need.code}/complaints", world.stranger, {**given, "reason": "boring"})
    assert bad.status_code == 422
