"""From a text to a draft through the site: asked for, watched, checked, handed in; and what each page costs."""

from html.parser import HTMLParser

import pytest
from django.test import Client
from procrastinate import testing
from procrastinate.contrib.django import app

from keqiao.catalogue.tests.factories import make_code
from keqiao.inference.gateways import MemoryModels
from keqiao.inference.tests.factories import agree, use_chat
from keqiao.parties.tests.factories import user_of
from keqiao.submissions import tasks
from keqiao.submissions.models import Source, Submission
from keqiao.submissions.suggestions import open_suggestions, reference
from keqiao.submissions.tests.factories import make_author, make_draft
from keqiao.submissions.tests.test_sketching import NEED

pytestmark = pytest.mark.django_db


@pytest.fixture
def author(settings, tmp_path, rules):
    settings.DATA_DIR = tmp_path
    make_code()
    actor, organisation = make_author()
    client = Client()
    client.force_login(user_of(actor), backend="django.contrib.auth.backends.ModelBackend")
    with app.replace_connector(testing.InMemoryConnector()):
        yield client, actor, organisation


def give(client, organisation, **fields):
    return client.post("/post/from-file", {"kind": "need", "organisation": organisation.code, **fields})


def test_from_a_text_to_a_checked_draft_without_a_script(author):
    client, _actor, organisation = author
    assert "/post/from-file" in client.get("/post").content.decode()
    answer = give(client, organisation, text=NEED)
    source = Source.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/post/from-file/{source.code}")
    waiting = client.get(answer["Location"]).content.decode()
    assert "排队中" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    asked = client.get(answer["Location"], headers={"HX-Request": "true"})
    assert "<html" not in asked.content.decode()
    tasks.work_on_source(source_id=source.pk)
    draft = Submission.objects.get()
    assert client.get(answer["Location"], headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert client.get(answer["Location"])["Location"] == f"/post/{draft.code}/confirm"
    page = client.get(f"/post/{draft.code}/confirm").content.decode()
    for said in ("耐酸纳滤膜的规模化涂覆", "规则摘录", "水通量不低于 15 LMH/bar", "300", "2027-06-30"):
        assert said in page
    form = client.get(f"/post/{draft.code}/1").content.decode()
    assert "待核对" in form
    assert f"/post/{draft.code}/confirm" in form
    rows = open_suggestions(draft)
    client.post(f"/post/{draft.code}/confirm", {f"s{reference(row)}": "confirmed" for row in rows})
    assert open_suggestions(draft) == []
    assert "都核对过了" in client.get(f"/post/{draft.code}/confirm").content.decode()
    assert "待核对" not in client.get(f"/post/{draft.code}/1").content.decode()


def test_the_form_sent_as_it_stands_confirms_nothing(author):
    client, _actor, organisation = author
    give(client, organisation, text=NEED)
    tasks.work_on_source(source_id=Source.objects.get().pk)
    draft = Submission.objects.get()
    before = {row.field for row in open_suggestions(draft)}
    for step in range(1, 5):
        page = client.get(f"/post/{draft.code}/{step}")
        client.post(f"/post/{draft.code}/{step}", {**Form(page).sent, "go": "later"})
    draft.refresh_from_db()
    assert {row.field for row in open_suggestions(draft)} == before


class Form(HTMLParser):
    """What a browser would send of the form of a step, untouched."""

    def __init__(self, page):
        super().__init__()
        self.sent, self.area, self.select, self.inside = {}, "", "", False
        self.feed(page.content.decode())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id") == "post-form"
        if not self.inside:
            return
        name = given.get("name")
        if tag == "input" and name:
            self._input(name, given)
        elif tag == "textarea":
            self.area, self.sent[name] = name, [""]
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and ("selected" in given or self.select not in self.sent):
            self.sent[self.select] = [given.get("value") or ""]

    def _input(self, name, given):
        kind = given.get("type")
        if kind not in {"file", "submit"} and (kind not in {"radio", "checkbox"} or "checked" in given):
            self.sent.setdefault(name, []).append(given.get("value") or "")

    def handle_data(self, data):
        if self.area:
            self.sent[self.area][0] += data

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.area = ""
        elif tag == "select":
            self.select = ""
        elif tag == "form":
            self.inside = False


def test_a_refusal_keeps_what_was_typed(author):
    client, _actor, organisation = author
    answer = give(client, organisation, text="短")
    assert answer.status_code == 422
    assert "至少二十个字" in answer.content.decode()
    assert ">短</textarea>" in answer.content.decode()


def test_the_model_is_offered_only_where_the_organisation_agreed(author, settings):
    client, _actor, organisation = author
    assert 'name="model"' not in client.get("/post/from-file").content.decode()
    use_chat(settings)
    page = client.get("/post/from-file").content.decode()
    assert 'name="model"' not in page
    assert f"/organisations/{organisation.code}/models" in page
    agree(organisation)
    assert 'name="model"' in client.get("/post/from-file").content.decode()


def test_translation_is_asked_for_on_the_page(author, settings):
    client, actor, organisation = author
    draft = make_draft(actor=actor, organisation=organisation)
    use_chat(settings)
    assert client.post(f"/post/{draft.code}/translate", {"language": "en"}).status_code == 403
    agree(organisation)
    assert "译成英文" in client.get(f"/post/{draft.code}/confirm").content.decode()
    answer = client.post(f"/post/{draft.code}/translate", {"language": "en"})
    source = Source.objects.get()
    MemoryModels.answers = ['{"title": "Coating", "body": "It fails at pH 1."}']
    tasks.work_on_source(source_id=source.pk)
    assert client.get(answer["Location"])["Location"] == f"/post/{draft.code}/confirm"
    assert "It fails at pH 1." in client.get(f"/post/{draft.code}/confirm").content.decode()


def test_it_is_nobody_elses(author):
    client, _actor, organisation = author
    give(client, organisation, text=NEED)
    source = Source.objects.get()
    tasks.work_on_source(source_id=source.pk)
    stranger, _place = make_author()
    other = Client()
    other.force_login(user_of(stranger), backend="django.contrib.auth.backends.ModelBackend")
    draft = Submission.objects.get()
    for address in (f"/post/from-file/{source.code}", f"/post/{draft.code}/confirm"):
        assert other.get(address).status_code == 404
    assert other.post(f"/post/{draft.code}/confirm", {}).status_code == 404
    assert other.post(f"/post/{draft.code}/translate", {"language": "en"}).status_code == 404
    assert give(other, organisation, text=NEED).status_code == 404


def test_the_page_to_check_costs_the_same_for_one_value_and_for_many(author, django_assert_max_num_queries):
    client, _actor, organisation = author
    counts = []
    for text in ("我们要解决一个问题。\n膜在酸里失效，请帮忙。", NEED):
        give(client, organisation, text=text)
        source = Source.objects.latest("pk")
        tasks.work_on_source(source_id=source.pk)
        source.refresh_from_db()
        with django_assert_max_num_queries(40) as asked:
            client.get(f"/post/{source.submission.code}/confirm")
        counts.append(len(asked))
    assert abs(counts[1] - counts[0]) <= 2  # tables of codes that only the longer one names
