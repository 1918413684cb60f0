"""Drafts from texts and files, from the request to the draft: marks, consent, limits, files that do harm."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from procrastinate import testing
from procrastinate.contrib.django import app

from keqiao.catalogue.tests.factories import make_code
from keqiao.inference.gateways import MemoryModels, Trouble
from keqiao.inference.tests.factories import agree, use_chat
from keqiao.inference.types import NoConsent, NoProvider
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, StoredFile
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor
from keqiao.submissions import extracting, selectors, services, tasks
from keqiao.submissions.models import Source, Submission, Suggestion
from keqiao.submissions.suggestions import open_suggestions
from keqiao.submissions.tests.factories import CONTENT, make_author, make_draft, office_file
from keqiao.submissions.tests.test_sketching import NEED, NOTHING, one
from keqiao.submissions.types import TooManySources, Unconfirmed

pytestmark = pytest.mark.django_db
system = parties.system()
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@pytest.fixture(autouse=True)
def jobs(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    connector = testing.InMemoryConnector()
    with app.replace_connector(connector):
        yield connector


def docx(*paragraphs, xml=None):
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "word/document.xml", xml or f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
        )
    made.seek(0)
    return made


def pdf(*lines):
    """A page with text in a font that every reader has."""
    drawn = " ".join(f"({line}) Tj T*" for line in lines)
    stream = f"BT /F1 12 Tf 14 TL 72 720 Td {drawn} ET".encode()
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return io.BytesIO(out + b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start)


def start(actor, organisation, **given):
    return services.start_from_source(actor=actor, kind="need", organisation_id=organisation.pk, **given)


def work(source):
    tasks.work_on_source(source_id=source.pk)
    source.refresh_from_db()
    return source


def confirm_all(actor, draft):
    answers = {row.pk: "confirmed" for row in open_suggestions(draft)}
    return services.answer_suggestions(actor=actor, code=draft.code, answers=answers)


# --- by rules ---------------------------------------------------------------------------------------------------------


def test_a_pasted_text_becomes_a_private_draft_whose_values_are_all_marked(jobs):
    actor, organisation = make_author()
    source = work(start(actor, organisation, text=NEED))
    draft = source.submission
    assert (source.state, draft.state, draft.author_id, draft.writers) == (
        "done",
        "draft",
        actor.person_id,
        [actor.person_id],
    )
    assert draft.content["texts"]["zh"]["title"] == "耐酸纳滤膜的规模化涂覆"
    rows = open_suggestions(draft)
    assert {row.by for row in rows} == {"rules"}
    assert "texts.zh.problem" in {row.field for row in rows}
    assert all(row.passage.rstrip("…") in NEED for row in rows)
    stranger, _place = make_author()
    with pytest.raises(NotFound):
        selectors.get_submission(draft.code, actor=stranger)
    with pytest.raises(NotFound):
        selectors.get_source(
            source.code, actor=make_actor(organisation=organisation)
        )  # a colleague sees the draft only
    assert [job["task_name"] for job in jobs.jobs.values()].count("keqiao.submissions.tasks.work_on_source") == 1


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (lambda: docx(*NEED.split("\n")), "需求.docx"),
        (lambda: io.BytesIO(NEED.encode()), "需求.txt"),
        (lambda: io.BytesIO(NEED.encode("gb18030")), "需求.txt"),
    ],
)
def test_a_file_says_the_same_as_the_text_and_goes_when_it_was_read(file, name):
    actor, organisation = make_author()
    source = work(start(actor, organisation, file=file(), file_name=name))
    assert source.submission.content["deadline"] == "2027-06-30"
    assert source.submission.content["texts"]["zh"]["wanted"] == "中试样膜和涂覆工艺包"
    assert (source.file_id, StoredFile.objects.count()) == (None, 0)


def test_a_pdf_is_read():
    actor, organisation = make_author()
    made = pdf("Acid resistant membrane", "Problem:", "The membrane fails, water flux at least 15 LMH/bar is needed.")
    draft = work(start(actor, organisation, file=made, file_name="need.pdf")).submission
    assert draft.content["texts"]["en"]["title"] == "Acid resistant membrane"
    assert draft.content["indicators"][0]["value"] == "15"


BOMB = f'<!DOCTYPE x [<!ENTITY a "{"a" * 99}"><!ENTITY b "&a;&a;&a;">]><w:document xmlns:w="{WORD}"><w:p><w:t>&b;</w:t></w:p></w:document>'
OUTSIDE = f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><w:document xmlns:w="{WORD}"><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:document>'


@pytest.mark.parametrize(
    ("file", "name", "problem"),
    [
        (lambda: docx(xml=BOMB), "x.docx", "unreadable"),
        (lambda: docx(xml=OUTSIDE), "x.docx", "unreadable"),
        (lambda: docx(xml="<not xml"), "x.docx", "unreadable"),
        (lambda: docx(xml="<a>" + " " * (extracting.MOST_XML + 1000) + "</a>"), "x.docx", "unreadable"),
        (lambda: docx("短"), "x.docx", "no_text"),
        (lambda: io.BytesIO(b"%PDF-1.7\nbroken"), "x.pdf", "unreadable"),
    ],
)
def test_a_harmful_or_empty_file_fails_in_words_and_leaves_nothing(file, name, problem):
    actor, organisation = make_author()
    source = work(start(actor, organisation, file=file(), file_name=name))
    assert (source.state, source.problem, Submission.objects.count(), StoredFile.objects.count()) == (
        "failed",
        problem,
        0,
        0,
    )


def test_what_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(extracting, "SECONDS", 0.01)
    with pytest.raises(extracting.Unreadable), extracting_file() as file:
        extracting.text_of(file, "docx")


def extracting_file():
    import tempfile

    file = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by the test
    file.write(docx("文").getvalue())
    file.seek(0)
    return file


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"text": "短"}, "text"),
        ({"text": ""}, "text"),
        ({"text": "长" * 60_001}, "text"),
        ({"text": "有\x00字符" * 20}, "text"),
        ({"file": io.BytesIO(office_file("xl/workbook.xml")), "file_name": "x.xlsx"}, "file"),
        ({"file": io.BytesIO(b"MZ" + bytes(100)), "file_name": "x.exe"}, "file"),
        ({"file": io.BytesIO(b"%PDF-" + bytes(11 * 1024 * 1024)), "file_name": "x.pdf"}, "file"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(given, field):
    actor, organisation = make_author()
    with pytest.raises(BadInput) as refused:
        start(actor, organisation, **given)
    assert (refused.value.field, Source.objects.count(), StoredFile.objects.count()) == (field, 0, 0)


def test_nobody_drafts_for_another_organisation_nor_without_end(monkeypatch):
    actor, organisation = make_author()
    _other, elsewhere = make_author()
    with pytest.raises(NotAllowed):
        start(actor, elsewhere, text=NEED)
    monkeypatch.setattr("keqiao.submissions.services.sourcing.A_DAY", 2)
    start(actor, organisation, text=NEED)
    start(actor, organisation, text=NEED)
    with pytest.raises(TooManySources):
        start(actor, organisation, text=NEED)


def test_a_job_that_runs_twice_makes_one_draft():
    actor, organisation = make_author()
    source = work(start(actor, organisation, text=NEED))
    work(source)
    assert (Submission.objects.count(), Suggestion.objects.filter(submission=source.submission).count()) == (
        1,
        len(open_suggestions(source.submission)),
    )


def test_a_job_killed_after_reading_goes_on_with_the_text():
    actor, organisation = make_author()
    source = start(actor, organisation, file=docx(*NEED.split("\n")), file_name="需求.docx")
    services.begin_source(actor=system, source_id=source.pk)
    services.keep_source_text(actor=system, source_id=source.pk, text=NEED)  # and there it was killed
    assert work(source).submission.content["deadline"] == "2027-06-30"


# --- answering --------------------------------------------------------------------------------------------------------


def whole(actor, organisation):
    """A draft that could be handed in but for what nobody has confirmed."""
    make_code()
    source = work(start(actor, organisation, text=NEED))
    draft = source.submission
    return services.save_draft(actor=actor, code=draft.code, revision=draft.revision, content={"field": "materials"})


def test_it_cannot_be_handed_in_before_every_value_is_answered_for(rules):
    actor, organisation = make_author()
    draft = whole(actor, organisation)
    rows = open_suggestions(draft)
    for row in rows[:-1]:
        services.answer_suggestions(actor=actor, code=draft.code, answers={row.pk: "confirmed"})
    draft.refresh_from_db()
    with pytest.raises(Unconfirmed):
        services.submit(actor=actor, code=draft.code, revision=draft.revision)
    draft = services.answer_suggestions(actor=actor, code=draft.code, answers={rows[-1].pk: "confirmed"})
    assert services.submit(actor=actor, code=draft.code, revision=draft.revision).state != "draft"
    last = Suggestion.objects.get(pk=rows[-1].pk)
    assert (last.answer, last.answered_by_id) == ("confirmed", actor.person_id)
    assert Event.objects.filter(name="submissions.suggestions_answered").count() == len(rows)


def test_a_dropped_value_leaves_the_draft():
    actor, organisation = make_author()
    draft = whole(actor, organisation)
    wanted = {"price", "deadline", "texts.zh.wanted", "modes"}
    rows = [
        row for row in open_suggestions(draft) if row.field in wanted or row.value == draft.content["indicators"][0]
    ]
    count = len(draft.content["indicators"])
    draft = services.answer_suggestions(actor=actor, code=draft.code, answers={row.pk: "dropped" for row in rows})
    assert not {"price_kind", "price_low", "deadline", "modes"} & draft.content.keys()
    assert draft.content["texts"]["zh"]["wanted"] == ""
    assert len(draft.content.get("indicators", [])) == count - 1


def test_what_a_person_rewrites_is_the_persons_and_saving_alone_confirms_nothing():
    actor, organisation = make_author()
    draft = whole(actor, organisation)
    count = len(open_suggestions(draft))
    title = draft.content["texts"]["zh"]["title"]
    same = {"texts": {"zh": {"title": f"  {title} "}}, "indicators": [{**row, "condition_zh": "25 ℃"} for row in draft.content["indicators"]]}  # fmt: skip
    draft = services.save_draft(actor=actor, code=draft.code, revision=draft.revision, content=same)
    assert len(open_suggestions(draft)) == count
    draft = services.save_draft(
        actor=actor, code=draft.code, revision=draft.revision, content={"texts": {"zh": {"title": "另一个标题"}}}
    )
    assert len(open_suggestions(draft)) == count - 1
    assert Suggestion.objects.get(field="texts.zh.title").answer == "changed"


def test_only_who_may_write_the_draft_answers_and_only_for_its_own_values():
    actor, organisation = make_author()
    draft, other = whole(actor, organisation), work(start(actor, organisation, text=NEED)).submission
    foreign = open_suggestions(other)[0]
    with pytest.raises(NotFound):
        services.answer_suggestions(actor=actor, code=draft.code, answers={foreign.pk: "confirmed"})
    with pytest.raises(BadInput):
        services.answer_suggestions(actor=actor, code=other.code, answers={foreign.pk: "perhaps"})
    stranger, _place = make_author()
    with pytest.raises(NotFound):
        services.answer_suggestions(actor=stranger, code=other.code, answers={foreign.pk: "confirmed"})


# --- with a model -----------------------------------------------------------------------------------------------------

ANSWER = {
    **NOTHING,
    "title": one("酸性卤水提锂用耐酸膜", "耐酸纳滤膜的规模化涂覆"),
    "background": one("年产 9999 吨的产线", "本公司在澜江市从盐湖卤水提锂"),  # the number stands nowhere
    "offers": one("提供中试场地", "我们提供中试场地"),  # the passage stands nowhere
}


def test_a_model_writes_what_the_text_says_and_the_rules_fill_the_rest(settings):
    use_chat(settings)
    actor, organisation = make_author()
    agree(organisation)
    MemoryModels.answers = [json.dumps(ANSWER)]
    source = work(start(actor, organisation, text=NEED, asks_model=True))
    texts = source.submission.content["texts"]["zh"]
    assert texts["title"] == "酸性卤水提锂用耐酸膜"
    assert texts["background"].startswith("本公司在澜江市")  # by rules: the model's was not believed
    assert "offers" not in texts
    by = {row.field: (row.by, row.model) for row in open_suggestions(source.submission)}
    assert (by["texts.zh.title"], by["texts.zh.problem"]) == (("model", "chat-1"), ("rules", ""))
    assert MemoryModels.sent == [NEED]


@pytest.mark.parametrize(("asks", "agrees"), [(False, True), (True, False), (False, False)])
def test_nothing_is_sent_unless_the_author_asks_and_the_organisation_agreed(settings, asks, agrees):
    use_chat(settings)
    actor, organisation = make_author()
    if agrees:
        agree(organisation)
    source = work(start(actor, organisation, text=NEED, asks_model=asks))
    assert MemoryModels.sent == []
    assert (source.state, source.problem) == ("done", "NoConsent" if asks else "")
    assert {row.by for row in open_suggestions(source.submission)} == {"rules"}


def test_a_consent_withdrawn_before_the_job_runs_holds(settings):
    use_chat(settings)
    actor, organisation = make_author()
    given = agree(organisation)
    source = start(actor, organisation, text=NEED, asks_model=True)
    given.withdrawn_at, given.withdrawn_by_id = clock.now(), given.given_by_id
    given.save()
    assert work(source).problem == "NoConsent"
    assert MemoryModels.sent == []


def test_while_the_model_fails_the_rules_draft(settings, monkeypatch):
    monkeypatch.setattr("keqiao.inference.asking.PAUSE", 0.001)
    use_chat(settings)
    actor, organisation = make_author()
    agree(organisation)
    MemoryModels.answers = [Trouble("timeout", may_pass=True)] * 3
    source = work(start(actor, organisation, text=NEED, asks_model=True))
    assert (source.state, source.problem) == ("done", "ModelUnavailable")
    assert source.submission.content["deadline"] == "2027-06-30"


def test_no_other_path_sends_a_draft_or_an_attachment_to_a_model(settings):
    """Saving, attaching, submitting: with consent given, and still nothing goes out by itself."""
    use_chat(settings)
    actor, organisation = make_author()
    agree(organisation)
    draft = make_draft(actor=actor, organisation=organisation)
    services.attach_file(
        actor=actor, code=draft.code, name="a.txt", file=io.BytesIO("保密".encode() * 50), level="nda"
    )  # fmt: skip
    assert MemoryModels.sent == []


# --- translation ------------------------------------------------------------------------------------------------------

BODY = CONTENT["need"]["texts"]["zh"]["problem"]


def ask(actor, draft, language="en"):
    return services.ask_translation(actor=actor, code=draft.code, language=language)


def test_a_translation_is_marked_until_it_is_confirmed_and_then_is_a_translation(settings):
    use_chat(settings)
    actor, organisation = make_author()
    agree(organisation)
    draft = make_draft(actor=actor, organisation=organisation)
    MemoryModels.answers = [json.dumps({"title": "Coating", "body": "The membrane fails at pH 1 after three months."})]
    source = work(ask(actor, draft))
    draft.refresh_from_db()
    english = draft.content["texts"]["en"]
    assert (source.state, english["title"], english["origin"]) == ("done", "Coating", "machine")
    rows = open_suggestions(draft)
    assert {(row.field, row.passage) for row in rows} >= {("texts.en.problem", BODY)}
    draft = confirm_all(actor, draft)
    assert (draft.content["texts"]["en"]["origin"], open_suggestions(draft)) == ("translated", [])
    assert json.loads(MemoryModels.sent[0]) == {"title": CONTENT["need"]["texts"]["zh"]["title"], "body": BODY}


def test_a_translation_with_other_numbers_is_not_used(settings):
    use_chat(settings)
    actor, organisation = make_author()
    agree(organisation)
    draft = make_draft(actor=actor, organisation=organisation)
    MemoryModels.answers = [json.dumps({"title": "Coating 5", "body": "It fails at pH 2."})]
    source = work(ask(actor, draft))
    draft.refresh_from_db()
    assert (source.problem, "en" in draft.content["texts"]) == ("nothing_usable", False)


def test_what_somebody_wrote_meanwhile_is_never_overwritten(settings):
    use_chat(settings)
    actor, organisation = make_author()
    agree(organisation)
    draft = make_draft(actor=actor, organisation=organisation)
    source = ask(actor, draft)
    services.save_draft(
        actor=actor, code=draft.code, revision=draft.revision, content={"texts": {"en": {"title": "My own"}}}
    )
    MemoryModels.answers = [json.dumps({"title": "Coating", "body": "It fails at pH 1."})]
    assert work(source).problem == "written_meanwhile"
    draft.refresh_from_db()
    assert draft.content["texts"]["en"] == {"title": "My own"}


def test_a_translation_is_refused_in_words_when_there_is_nothing_to_do(settings):
    actor, organisation = make_author()
    draft = make_draft(actor=actor, organisation=organisation)
    with pytest.raises(NoProvider):
        ask(actor, draft)
    use_chat(settings)
    with pytest.raises(NoConsent):
        ask(actor, draft)
    agree(organisation)
    with pytest.raises(BadInput):
        ask(actor, draft, "fr")
    with pytest.raises(BadInput):
        ask(actor, draft, "zh")
    services.discard_draft(actor=actor, code=draft.code)
    with pytest.raises(WrongState):
        ask(actor, draft)
    assert MemoryModels.sent == []


# --- forgetting -------------------------------------------------------------------------------------------------------


def test_sources_go_after_some_weeks_and_the_passages_stay(rules):
    actor, organisation = make_author()
    source = work(start(actor, organisation, text=NEED))
    Source.objects.update(made_at=clock.now() - timedelta(days=31))
    assert services.forget_old_sources(actor=system) == 1
    assert open_suggestions(source.submission)[0].passage
