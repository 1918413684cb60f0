"""By token: a draft from a text or a file, its translation, the answers to what no person wrote, and the consent to a model."""

import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from procrastinate import testing
from procrastinate.contrib.django import app

from keqiao.catalogue.tests.factories import make_code
from keqiao.inference.gateways import MemoryModels
from keqiao.inference.tests.factories import make_approver, use_chat
from keqiao.integrations.tests.factories import bearer, make_token
from keqiao.parties.models import Person
from keqiao.submissions import tasks
from keqiao.submissions.models import Source, Submission
from keqiao.submissions.tests.factories import make_author
from keqiao.submissions.tests.test_sketching import NEED

pytestmark = pytest.mark.django_db
SCOPES = ["needs:read", "needs:write", "organisations:read", "organisations:write"]


@pytest.fixture(autouse=True)
def place(settings, tmp_path, rules):
    settings.DATA_DIR = tmp_path
    make_code()
    with app.replace_connector(testing.InMemoryConnector()):
        yield


class Program:
    """A program with a person's token."""

    def __init__(self, actor, scopes=SCOPES):
        person = Person.objects.get(pk=actor.person_id)
        self.headers = bearer(make_token(person=person, scopes=scopes)[1])
        self.client = Client()

    def ask(self, method, path, given=None):
        call = getattr(self.client, method)
        more = {} if given is None else {"data": json.dumps(given), "content_type": "application/json"}
        return call(f"/api/v1{path}", headers=self.headers, **more)

    def send(self, path, **fields):
        return self.client.post(f"/api/v1{path}", fields, headers=self.headers)


@pytest.fixture
def author():
    actor, organisation = make_author()
    return Program(actor), organisation


def drafted(program, organisation, **fields):
    given = {"organisation": organisation.code, "text": NEED, **fields}
    answer = program.ask("post", "/sources/needs", given)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    tasks.work_on_source(source_id=Source.objects.get(code=answer.json()["code"]).pk)
    done = program.ask("get", f"/sources/{answer.json()['code']}").json()
    assert done["state"] == "done"
    return done["draft"]


def test_from_a_text_to_a_draft_that_can_be_handed_in(author):
    program, organisation = author
    code = drafted(program, organisation)
    rows = program.ask("get", f"/drafts/{code}/suggestions").json()["items"]
    assert {row["by"] for row in rows} == {"rules"}
    assert all(row["passage"].rstrip("…") in NEED for row in rows)
    budget = next(row for row in rows if row["field"] == "price")
    answers = {row["id"]: "dropped" if row is budget else "confirmed" for row in rows}
    answer = program.ask("post", f"/drafts/needs/{code}/suggestions", {"answers": answers})
    assert answer.status_code == 200
    assert "price_low" not in {name for name, value in answer.json()["content"].items() if value is not None}
    assert program.ask("get", f"/drafts/{code}/suggestions").json()["items"] == []
    assert program.ask("post", f"/drafts/needs/{code}/suggestions", {"answers": answers}).status_code == 404


def test_from_a_file(author):
    program, organisation = author
    file = SimpleUploadedFile("需求.txt", NEED.encode())
    answer = program.send("/sources/needs/file", organisation=organisation.code, file=file)
    assert answer.status_code == 202
    tasks.work_on_source(source_id=Source.objects.get().pk)
    assert Submission.objects.get().content["texts"]["zh"]["title"] == "耐酸纳滤膜的规模化涂覆"


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"text": "太短"}, 422, "text"),
        ({"text": "膜" * 60_500}, 422, "text"),
        ({"text": "一段足够长的文字，" * 4 + "\x00"}, 422, "text"),
        ({"organisation": "DW-404"}, 404, None),
    ],
)
def test_bad_input_is_named(author, fields, status, field):
    program, organisation = author
    given = {"organisation": organisation.code, "text": NEED, **fields}
    answer = program.ask("post", "/sources/needs", given)
    assert answer.status_code == status
    assert answer.json().get("field") == field
    assert Source.objects.count() == 0


def test_a_file_of_another_kind_is_refused(author):
    program, organisation = author
    file = io.BytesIO(b"\x7fELF not a document")
    file.name = "需求.docx"
    answer = program.send("/sources/needs/file", organisation=organisation.code, file=file)
    assert (answer.status_code, Source.objects.count()) == (422, 0)


def test_nobody_else_sees_it_and_each_kind_has_its_scope(author):
    program, organisation = author
    code = drafted(program, organisation)
    source = Source.objects.get().code
    stranger = Program(make_author()[0])
    narrow = Program(make_approver(organisation)[0], scopes=["achievements:read", "achievements:write"])
    for other in (stranger, narrow):
        assert other.ask("get", f"/sources/{source}").status_code == 404
        assert other.ask("get", f"/drafts/{code}/suggestions").status_code == 404
        answer = other.ask("post", f"/drafts/needs/{code}/suggestions", {"answers": {}})
        assert answer.status_code in {403, 404}


def test_consent_is_given_to_the_model_that_was_read_and_withdrawn(settings, author):
    use_chat(settings)
    _program, organisation = author
    place = f"/organisations/{organisation.code}/model-consent"
    approver = Program(make_approver(organisation)[0])
    assert approver.ask("get", place).json() == {
        "offered": {"model": "chat-1", "host": "memory:"},
        "consent": None,
        "holds": False,
    }
    given = {"agreed": True, "model": "chat-1", "host": "memory:"}
    assert approver.ask("put", place, {**given, "model": "chat-0"}).status_code == 409
    assert approver.ask("put", place, {**given, "agreed": False}).status_code == 422
    assert approver.ask("put", place, given).json()["holds"]
    assert approver.ask("put", place, given).status_code == 409
    assert Program(make_author()[0]).ask("get", place).status_code == 404
    assert not approver.ask("delete", place).json()["holds"]
    assert approver.ask("delete", place).status_code == 403


def test_a_translation_is_asked_for_and_marked(settings, author):
    use_chat(settings)
    program, organisation = author
    code = drafted(program, organisation)
    asked = program.ask("post", f"/drafts/needs/{code}/translate", {"language": "en"})
    assert asked.status_code == 403  # the organisation has not agreed
    given = {"agreed": True, "model": "chat-1", "host": "memory:"}
    approver = Program(make_approver(organisation)[0])
    approver.ask("put", f"/organisations/{organisation.code}/model-consent", given)
    MemoryModels.answers.append(
        json.dumps({"title": "Coating of an acid-resistant membrane", "body": "The membrane fails at pH 1."})
    )
    asked = program.ask("post", f"/drafts/needs/{code}/translate", {"language": "en"})
    assert (asked.status_code, asked.json()["purpose"]) == (202, "translation")
    tasks.work_on_source(source_id=Source.objects.get(code=asked.json()["code"]).pk)
    rows = program.ask("get", f"/drafts/{code}/suggestions").json()["items"]
    assert {row["by"] for row in rows if row["field"].startswith("texts.en.")} == {"model"}
