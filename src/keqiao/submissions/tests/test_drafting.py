import io
import zipfile

import pytest

from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel import files
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, StoredFile
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation
from keqiao.submissions import selectors, services
from keqiao.submissions.content import BadContent, read_need
from keqiao.submissions.models import Submission
from keqiao.submissions.tests.factories import NEED, PDF, PNG, make_author, make_draft, make_field, office_file
from keqiao.submissions.types import SubmissionState

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def attach(draft, actor, data=PDF, name="检测报告.pdf", **given):
    return services.attach_file(actor=actor, code=draft.code, name=name, file=io.BytesIO(data), **given)


# --- starting -----------------------------------------------------------------------------------------------------------


def test_a_draft_belongs_to_its_author_and_organisation():
    actor, organisation = make_author()
    draft = services.start_draft(actor=actor, kind="need", organisation_id=organisation.pk)
    assert (draft.state, draft.revision, draft.content, draft.writers) == ("draft", 1, {}, [actor.person_id])
    assert (draft.organisation_id, draft.author_id) == (organisation.pk, actor.person_id)
    event = Event.objects.get()
    assert (event.name, event.data, event.is_public) == ("submissions.submission_started", {"kind": "need"}, False)


@pytest.mark.parametrize("who", ["stranger", "visitor", "operator", "system"])
def test_nobody_writes_for_another_organisation(who):
    _, organisation = make_author()
    actor = {
        "stranger": make_actor(organisation=make_organisation()),
        "visitor": parties.visitor(),
        "operator": make_operator(),
        "system": parties.system(),
    }[who]
    with pytest.raises(NotAllowed):
        services.start_draft(actor=actor, kind="need", organisation_id=organisation.pk)
    assert (Submission.objects.count(), Event.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"secret": "x"}, "secret"),
        ({"texts": {"zh": {"title": 5}}}, "texts"),
        ({"texts": {"fr": {"title": "x"}}}, "texts"),
        ({"ipc": "B01D"}, "ipc"),
        ({"indicators": [{}] * 51}, "indicators"),
        ({"indicators": [[]]}, "indicators"),
        ({"asset_ids": ["1"]}, "asset_ids"),
        ({"attachments": [{"file_id": 1}]}, "attachments"),
        ({"asset_ids": [987654]}, "asset_ids"),
    ],
)
def test_what_has_not_the_shape_of_a_draft_is_refused(content, field):
    actor, organisation = make_author()
    with pytest.raises(BadInput) as refused:
        services.start_draft(actor=actor, kind="achievement", organisation_id=organisation.pk, content=content)
    assert refused.value.field == field
    assert Submission.objects.count() == 0


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 2_000_000])
def test_what_cannot_be_kept_is_refused(text):
    actor, organisation = make_author()
    content = {"texts": {"zh": {"title": text}}}
    with pytest.raises(BadInput):
        services.start_draft(actor=actor, kind="need", organisation_id=organisation.pk, content=content)
    assert Submission.objects.count() == 0


# --- saving -------------------------------------------------------------------------------------------------------------


def test_saving_puts_texts_together_part_by_part():
    actor, organisation = make_author()
    draft = services.start_draft(actor=actor, kind="need", organisation_id=organisation.pk)
    first = {"texts": {"zh": {"title": "膜"}}, "field": "materials"}
    services.save_draft(actor=actor, code=draft.code, revision=1, step=1, content=first)
    second = {"texts": {"zh": {"wanted": "样品"}, "en": {"title": "Membrane"}}, "field": None}
    saved = services.save_draft(actor=actor, code=draft.code, revision=2, step=2, content=second)
    saved.refresh_from_db()
    assert saved.content == {"texts": {"zh": {"title": "膜", "wanted": "样品"}, "en": {"title": "Membrane"}}}
    assert (saved.revision, saved.step) == (3, 2)


def test_a_colleague_writes_on_and_is_a_writer():
    draft = make_draft()
    colleague = make_actor(organisation=draft.organisation)
    services.save_draft(actor=colleague, code=draft.code, revision=1, content={"region": ""})
    draft.refresh_from_db()
    assert draft.writers == [draft.author_id, colleague.person_id]


def test_an_old_revision_overwrites_nothing():
    actor, organisation = make_author()
    draft = make_draft(actor=actor, organisation=organisation)
    services.save_draft(actor=actor, code=draft.code, revision=1, content={"trl_min": 5})
    with pytest.raises(services.SavedElsewhere) as refused:
        services.save_draft(actor=actor, code=draft.code, revision=1, content={"trl_min": 8})
    draft.refresh_from_db()
    assert (refused.value.status, draft.content["trl_min"], draft.revision) == (409, 5, 2)


@pytest.mark.parametrize("verb", ["save", "discard", "attach", "drop"])
@pytest.mark.parametrize("who", ["stranger", "visitor", "operator"])
def test_a_draft_of_others_is_not_there(verb, who):
    draft = make_draft()
    actor = {
        "stranger": make_actor(organisation=make_organisation()),
        "visitor": parties.visitor(),
        "operator": make_operator(),
    }[who]
    call = {
        "save": lambda: services.save_draft(actor=actor, code=draft.code, revision=1, content={"trl_min": 1}),
        "discard": lambda: services.discard_draft(actor=actor, code=draft.code),
        "attach": lambda: attach(draft, actor),
        "drop": lambda: services.drop_file(actor=actor, code=draft.code, file_id=1),
    }[verb]
    with pytest.raises(NotFound):
        call()
    draft.refresh_from_db()
    assert (draft.content, draft.revision, draft.state) == (NEED, 1, "draft")


def test_what_is_under_review_is_not_written():
    actor, organisation = make_author()
    draft = make_draft(actor=actor, organisation=organisation)
    Submission.objects.update(state=SubmissionState.PLATFORM_REVIEW)
    for call in (
        lambda: services.save_draft(actor=actor, code=draft.code, revision=1, content={}),
        lambda: attach(draft, actor),
        lambda: services.discard_draft(actor=actor, code=draft.code),
    ):
        with pytest.raises(WrongState):
            call()
    with pytest.raises(NotAllowed):
        services.save_draft(actor=make_operator(), code=draft.code, revision=1, content={})
    draft.refresh_from_db()
    assert draft.content == NEED


def test_a_discarded_draft_leaves_every_list_and_its_content():
    actor, organisation = make_author()
    draft = make_draft(actor=actor, organisation=organisation)
    assert [row.code for row in selectors.open_drafts(actor)] == [draft.code]
    services.discard_draft(actor=actor, code=draft.code)
    draft.refresh_from_db()
    assert (draft.state, draft.content, list(selectors.open_drafts(actor))) == ("discarded", {}, [])


def test_open_drafts_are_those_of_ones_own_house():
    mine, ours = make_author()
    draft = make_draft(actor=mine, organisation=ours)
    make_draft()
    assert [row.code for row in selectors.open_drafts(make_actor(organisation=ours))] == [draft.code]
    assert list(selectors.open_drafts(parties.visitor())) == []
    assert list(selectors.open_drafts(make_operator())) == []


def test_list_costs_the_same_however_long(django_assert_num_queries):
    actor, organisation = make_author()
    make_draft(actor=actor, organisation=organisation)
    for _more in range(2):
        with django_assert_num_queries(1):
            [(row.organisation.code, row.author.name_zh, row.item) for row in selectors.open_drafts(actor)]
        make_draft(actor=actor, organisation=organisation)
        make_draft(actor=actor, organisation=organisation)


# --- changing what is public --------------------------------------------------------------------------------------------


def test_a_change_begins_with_what_is_published():
    publisher = make_organisation()
    actor = make_actor(organisation=publisher)
    need = make_need(publisher=publisher, title="膜", problem="失效", trl_min=6, field="materials")
    change = services.start_change(actor=actor, kind="need", item_code=need.code)
    assert (change.need, change.organisation, change.state) == (need, publisher, "draft")
    assert change.content["texts"]["zh"]["title"] == "膜"
    assert change.content["trl_min"] == 6
    again = services.start_change(actor=actor, kind="need", item_code=need.code)
    assert again == change
    assert Event.objects.filter(name="submissions.submission_started").count() == 1


@pytest.mark.parametrize("kind", ["need", "achievement"])
def test_only_the_owner_changes(kind):
    item = make_need() if kind == "need" else make_achievement()
    for actor in (make_actor(organisation=make_organisation()), make_operator(), parties.visitor()):
        with pytest.raises(NotAllowed):
            services.start_change(actor=actor, kind=kind, item_code=item.code)
    with pytest.raises(NotFound):
        services.start_change(actor=make_operator(), kind=kind, item_code="XQ-0")
    assert Submission.objects.count() == 0


# --- files --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("检测报告.pdf", PDF, "application/pdf"),
        ("图.png", PNG, "image/png"),
        ("图.JPEG", b"\xff\xd8\xff\xe0" + bytes(20), "image/jpeg"),
        ("a.docx", office_file(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.xlsx", office_file("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (
            "a.pptx",
            office_file("ppt/presentation.xml"),
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        ("a.csv", "通量,15\n".encode("gb18030"), "text/csv"),
        ("a.txt", "\ufeff通量 15".encode(), "text/plain"),
    ],
    ids=["pdf", "png", "jpeg", "docx", "xlsx", "pptx", "csv", "txt"],
)
def test_files_of_the_usual_kinds_are_taken(name, data, media_type):
    actor, organisation = make_author()
    draft = make_draft(actor=actor, organisation=organisation)
    saved = attach(draft, actor, data, name, level="nda", title=" 第三方检测 ", proves="trl")
    stored = StoredFile.objects.get()
    assert (stored.media_type, stored.name, stored.stored_by_id) == (media_type, name, actor.person_id)
    assert saved.content["attachments"] == [
        {"file_id": stored.pk, "level": "nda", "title": "第三方检测", "proves": "trl"}
    ]
    assert saved.revision == 2
    with files.open_file(stored) as kept:
        assert kept.read() == data


def bomb():
    """600 MB of nothing in 3 MB. Made in its test: every process that collects the tests would pay for it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w") as member:
            for _megabyte in range(600):
                member.write(bytes(1024 * 1024))
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.docm", office_file(extra=["word/vbaProject.bin"])),
        ("a.docx", office_file(extra=["word/vbaProject.bin"])),
        ("a.xlsx", office_file("xl/workbook.xml", extra=["xl/macrosheets/sheet1.xml"])),
        ("a.docx", office_file(extra=["word/embeddings/oleObject1.bin"])),
        ("a.docx", office_file(types="<Types>application/vnd.ms-word.document.macroEnabled.main+xml</Types>")),
        ("a.docx", bomb),
        ("a.docx", b"PK\x03\x04 no archive"),
        ("a.zip", office_file("readme.txt")),
        ("a.exe", b"MZ\x90\x00" + bytes(100)),
        ("a.pdf", b"MZ\x90\x00" + bytes(100)),
        ("a.pdf", PNG),
        ("a.html", b"<!DOCTYPE html><html></html>"),
        ("a.txt", b"hello <script>alert(1)</script>"),
        ("a.csv", b"\xef\xbb\xbf<svg onload=x>"),
        ("a.txt", b"bell \x07"),
        ("a.txt", b""),
        ("a", b"plain"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)),
    ],
)
def test_other_files_are_refused_and_leave_nothing(name, data, tmp_path):
    actor, organisation = make_author()
    draft = make_draft(actor=actor, organisation=organisation)
    with pytest.raises(BadInput) as refused:
        attach(draft, actor, data() if callable(data) else data, name)
    draft.refresh_from_db()
    assert (refused.value.field, draft.revision, StoredFile.objects.count()) == ("file", 1, 0)
    assert not list(tmp_path.rglob("files/*"))


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    actor, organisation = make_author()
    draft = make_draft(actor=actor, organisation=organisation)
    with (tmp_path / "large").open("w+b") as file:
        file.truncate(files.LARGEST + 1)
        with pytest.raises(files.FileTooLarge, match="50 MB"):
            services.attach_file(actor=actor, code=draft.code, name="a.pdf", file=file)
    assert StoredFile.objects.count() == 0


def test_a_level_that_is_none_is_refused():
    actor, organisation = make_author()
    draft = make_draft(actor=actor, organisation=organisation)
    with pytest.raises(BadInput):
        attach(draft, actor, level="friends")
    assert StoredFile.objects.count() == 0


def test_files_are_dropped_and_foreign_ones_cannot_be_named():
    actor, organisation = make_author()
    draft = make_draft(actor=actor, organisation=organisation)
    file_id = attach(draft, actor).content["attachments"][0]["file_id"]
    other, theirs = make_author()
    foreign = make_draft(actor=other, organisation=theirs)
    with pytest.raises(BadInput):
        services.save_draft(
            actor=other,
            code=foreign.code,
            revision=1,
            content={"attachments": [{"file_id": file_id, "level": "public"}]},
        )
    with pytest.raises(NotFound):
        services.drop_file(actor=other, code=foreign.code, file_id=file_id)
    services.save_draft(
        actor=actor, code=draft.code, revision=2, content={"attachments": [{"file_id": file_id, "level": "public"}]}
    )
    assert services.drop_file(actor=actor, code=draft.code, file_id=file_id).content["attachments"] == []


def test_a_draft_holds_what_cannot_be_submitted_yet():
    """The reader names every problem; the draft is kept all the same."""
    actor, organisation = make_author()
    make_field()
    draft = make_draft(actor=actor, organisation=organisation, content={"price_kind": "amount", "price_low": "三百"})
    with pytest.raises(BadContent) as refused:
        read_need(draft.content)
    assert {problem.field for problem in refused.value.problems} == {
        "field",
        "price_low",
        "texts.zh.title",
        "texts.zh.problem",
    }
