"""A file through the door: staged, checked, applied; again; interrupted; refused."""

from datetime import UTC, date, datetime

import pytest
from django.test import TestCase

from keqiao.catalogue.tests.factories import make_achievement
from keqiao.interchange import services, staging, tasks
from keqiao.interchange.models import ColumnMapping, Import, ImportRow
from keqiao.interchange.tests.factories import (
    HEADER,
    applied,
    counts,
    csv_file,
    make_importer,
    make_tables,
    problems,
    row,
    staged,
    start,
)
from keqiao.kernel import files
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.models import Event, StoredFile
from keqiao.parties import selectors as parties
from keqiao.parties.models import Organisation, Post
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation
from keqiao.submissions import services as drafting
from keqiao.submissions import suggestions
from keqiao.submissions.models import Submission

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tables(rules):
    make_tables()


def test_a_file_becomes_drafts():
    actor = make_importer()
    job = applied(actor, csv_file(row(1), row(2)))
    assert job.state == "done"
    assert counts(job) == {"ready": 0, "wrong": 0, "added": 2, "changed": 0, "unchanged": 0, "failed": 0}
    first = Submission.objects.order_by("pk").first()
    assert (first.state, first.origin, first.external_id, first.organisation_id, first.author_id) == (
        "draft", "import", "LUT-1", actor.acting_for, actor.person_id,
    )  # fmt: skip
    assert first.content == {
        "external_id": "LUT-1",
        "texts": {"zh": {"title": "耐酸纳滤膜1", "summary": "在 pH 1 下稳定。", "origin": "author"}},
        "field": "materials",
        "region": "310000",
        "trl": 6,
        "price_kind": "amount",
        "price_low": 300_000_000,
        "price_high": 500_000_000,
        "currency": "CNY",
        "modes": ["transfer", "license_nonexclusive"],
        "indicators": [{"name_zh": "水通量", "comparator": ">=", "value": "15", "unit": "LMH/bar"}],
    }
    assert [event.name for event in events_of(job)] == [
        "interchange.import_started",
        "interchange.import_validated",
        "interchange.import_applied",
        "interchange.import_finished",
    ]
    assert ImportRow.objects.filter(job=job).exclude(content={}).count() == 0


def events_of(job):
    return Event.objects.filter(subject=f"interchange.import:{job.pk}").order_by("pk")


def test_nothing_is_applied_before_somebody_says_so():
    actor = make_importer()
    job = staged(actor, csv_file(row(1), row(2, 产业领域="炼丹")))
    assert (job.state, job.rows_total) == ("validated", 2)
    assert counts(job) == {"ready": 1, "wrong": 1, "added": 0, "changed": 0, "unchanged": 0, "failed": 0}
    assert problems(job) == [(3, "field", "代码表里没有“炼丹”。")]
    assert Submission.objects.count() == 0


def test_the_same_file_again_changes_nothing():
    actor = make_importer()
    data = csv_file(row(1), row(2, 外部编号=""))
    applied(actor, data)
    again = applied(actor, data)
    assert (again.added, again.unchanged) == (0, 2)
    assert Submission.objects.count() == 2


def test_a_corrected_file_updates_by_external_id_and_leaves_the_rest():
    actor = make_importer()
    applied(actor, csv_file(row(1), row(2)))
    draft = Submission.objects.get(external_id="LUT-1")
    drafting.save_draft(
        actor=actor,
        code=draft.code,
        revision=1,
        content={"texts": {"zh": {"how": "手写的方案"}}, "keywords_zh": ["膜"]},
    )
    again = applied(actor, csv_file(row(1, 技术成熟度="", 成果简介="改过的简介"), row(2)))
    assert (again.added, again.changed, again.unchanged) == (0, 1, 1)
    draft.refresh_from_db()
    assert draft.content["texts"]["zh"] == {
        "title": "耐酸纳滤膜1", "summary": "改过的简介", "how": "手写的方案", "origin": "author",
    }  # fmt: skip
    assert (draft.content.get("trl"), draft.content["keywords_zh"], draft.revision) == (None, ["膜"], 3)


def test_a_discarded_draft_comes_back_as_a_new_one():
    actor = make_importer()
    data = csv_file(row(1))
    applied(actor, data)
    drafting.discard_draft(actor=actor, code=Submission.objects.get().code)
    assert applied(actor, data).added == 1
    assert list(Submission.objects.order_by("pk").values_list("state", flat=True)) == ["discarded", "draft"]


def test_a_draft_under_review_is_not_overwritten():
    actor = make_importer()
    applied(actor, csv_file(row(1)))
    Submission.objects.update(state="platform_review")
    job = applied(actor, csv_file(row(1, 成果简介="别的")))
    assert counts(job)["failed"] == 1
    assert problems(job) == [(2, "", "当前状态下不能办理这一步。")]
    assert "别的" not in str(Submission.objects.get().content)


@pytest.mark.parametrize("by", ["code", "external_id"])
def test_an_own_item_gets_a_new_version_and_a_foreign_one_looks_missing(by):
    actor = make_importer()
    own = make_achievement(owner_id=actor.acting_for, external_id="LUT-1", field="materials")
    foreign = make_achievement(external_id="LUT-2", field="materials")
    header = [*HEADER, "平台编号"]
    codes = ("", "") if by == "external_id" else (own.code, foreign.code)
    rows = [[*row(n), code] for n, code in zip((1, 2), codes, strict=True)]
    job = applied(actor, csv_file(*rows, header=header))
    changes = Submission.objects.filter(achievement=own)
    assert [(s.state, s.content["texts"]["zh"]["title"]) for s in changes] == [("draft", "耐酸纳滤膜1")]
    assert Submission.objects.filter(achievement=foreign).count() == 0
    if by == "code":
        assert problems(job) == [(3, "", "没有找到，或者您不能查看。")]
    else:  # an external id is the organisation's own word: nobody learns that another has the same
        assert (job.added, job.changed, job.failed) == (1, 1, 0)


def test_a_row_for_another_organisation_is_refused_like_one_for_a_missing_one():
    actor = make_importer()
    other = make_organisation(name_zh="别家研究院")
    header = [*HEADER, "完成单位"]
    job = staged(
        actor, csv_file([*row(1), "别家研究院"], [*row(2), "没有的单位"], [*row(3), other.code], header=header)
    )
    assert problems(job) == [
        (n, "organisation", f"没有找到单位“{name}”，或者您不能替它导入。")
        for n, name in ((2, "别家研究院"), (3, "没有的单位"), (4, other.code))
    ]


def test_doubles_in_one_file_are_named_with_the_row_that_was_first():
    job = staged(
        make_importer(), csv_file(row(1), row(2), row(1, 成果简介="另一个"), row(4, 外部编号=""), row(4, 外部编号=""))
    )
    assert problems(job) == [(4, "external_id", "第 2 行已经有这个外部编号。"), (6, "", "与第 5 行完全相同。")]


def test_strangers_see_nothing_and_visitors_start_nothing():
    actor = make_importer()
    job = staged(actor, csv_file(row(1)))
    colleague = make_actor(organisation=Organisation.objects.get(pk=actor.acting_for), role="researcher")
    for other in (colleague, make_operator()):
        for step in (services.apply_import, services.cancel_import):
            with pytest.raises(NotFound):
                step(actor=other, code=job.code)
    for who, kind in ((parties.visitor(), "achievements"), (actor, "organisations"), (colleague, "people")):
        with pytest.raises(NotAllowed):
            start(who, csv_file(row(1)), kind=kind)
    with pytest.raises(NotAllowed):
        start(actor, csv_file(row(1)), publishes=True)
    assert (Import.objects.count(), StoredFile.objects.count()) == (1, 1)


def test_nobody_but_the_job_takes_the_steps_between():
    actor = make_importer()
    job = staged(actor, csv_file(row(1)))
    for who in (actor, make_operator()):
        with pytest.raises(NotAllowed):
            services.apply_chunk(actor=who, import_id=job.pk)
        with pytest.raises(NotAllowed):
            services.stage_rows(actor=who, import_id=job.pk, after=2, rows=[])
    assert Submission.objects.count() == 0


def test_a_cancelled_import_applies_nothing():
    actor = make_importer()
    job = staged(actor, csv_file(row(1)))
    services.cancel_import(actor=actor, code=job.code)
    tasks.apply_import(import_id=job.pk)
    with pytest.raises(WrongState):
        services.apply_import(actor=actor, code=job.code)
    assert (Submission.objects.count(), ImportRow.objects.count()) == (0, 0)


def test_who_left_the_organisation_meanwhile_brings_nothing_in():
    actor = make_importer()
    job = staged(actor, csv_file(row(1), row(2)))
    services.apply_import(actor=actor, code=job.code)
    Post.objects.update(ended_on=date(2026, 1, 1))
    tasks.apply_import(import_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.added, job.failed, Submission.objects.count()) == ("done", 0, 2, 0)


def test_a_file_with_only_errors_cannot_be_applied():
    actor = make_importer()
    job = staged(actor, csv_file(row(1, 产业领域="")))
    with pytest.raises(WrongState):
        services.apply_import(actor=actor, code=job.code)


# --- columns ----------------------------------------------------------------------------------------------------------


def test_unknown_columns_are_mapped_by_hand_once_and_remembered():
    actor = make_importer()
    header = ["序号", "课题叫什么", "说明文字", "产业领域"]
    data = csv_file(["1", "膜", "稳定。", "新材料"], header=header)
    job = start(actor, data)
    assert (job.is_mapped, job.mapping) == (False, {"产业领域": "field"})
    tasks.validate_import(import_id=job.pk)
    assert Import.objects.get().state == "uploaded"
    with pytest.raises(BadInput) as refused:
        services.map_columns(actor=actor, code=job.code, mapping={"课题叫什么": "title"})
    assert "成果简介、产业领域" in str(refused.value)
    chosen = {"课题叫什么": "title", "说明文字": "summary", "产业领域": "field", "序号": "-"}
    services.map_columns(actor=actor, code=job.code, mapping=chosen)
    tasks.validate_import(import_id=job.pk)
    assert counts(Import.objects.get())["ready"] == 1
    second = start(actor, data)
    assert (second.is_mapped, second.mapping) == (True, chosen)
    assert start(make_importer(), data).is_mapped is False


@pytest.mark.parametrize(
    "mapping", [{"产业领域": "nonsense"}, {"成果名称": "title", "成果简介": "title", "产业领域": "field"}]
)
def test_a_mapping_that_makes_no_sense_is_refused(mapping):
    actor = make_importer()
    job = staged(actor, csv_file(row(1)))
    with pytest.raises(BadInput):
        services.map_columns(actor=actor, code=job.code, mapping=mapping)
    assert (Import.objects.get().state, ColumnMapping.objects.count()) == ("validated", 0)


# --- killed in the middle ---------------------------------------------------------------------------------------------


class Killed(BaseException):
    """As if the process were gone: nothing catches it."""


def test_staging_goes_on_where_it_was_cut(monkeypatch):
    monkeypatch.setattr(staging, "CHUNK", 3)
    actor = make_importer()
    job = start(actor, csv_file(*(row(n) for n in range(10))))
    whole = services.stage_rows
    calls = []

    def every_second(**given):
        calls.append(1)
        if len(calls) % 2 == 0:
            raise Killed
        return whole(**given)

    monkeypatch.setattr(services, "stage_rows", every_second)
    for _cut in range(3):
        with pytest.raises(Killed):
            tasks.validate_import(import_id=job.pk)
    monkeypatch.setattr(services, "stage_rows", whole)
    tasks.validate_import(import_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.ready, job.rows_total) == ("validated", 10, 10)
    assert list(job.staged.values_list("number", flat=True)) == list(range(2, 12))


@pytest.mark.slow
@pytest.mark.parametrize("place", range(5))
def test_applying_goes_on_where_it_was_cut(monkeypatch, place):
    """Cut once inside every chunk, before its commit, and once between the last chunk and the end."""
    monkeypatch.setattr(services, "CHUNK", 3)
    actor = make_importer()
    job = staged(actor, csv_file(*(row(n) for n in range(10))))
    services.apply_import(actor=actor, code=job.code)
    whole, calls = services.apply_rows, []

    def cut(*given):
        whole(*given)
        calls.append(1)
        if len(calls) == place + 1:
            raise Killed

    monkeypatch.setattr(services, "apply_rows", cut)
    try:
        tasks.apply_import(import_id=job.pk)
    except Killed:
        job.refresh_from_db()
        assert (job.added, Submission.objects.count(), job.state) == (place * 3, place * 3, "applying")
    tasks.apply_import(import_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.added, job.ready) == ("done", 10, 0)
    assert sorted(Submission.objects.values_list("external_id", flat=True)) == sorted(f"LUT-{n}" for n in range(10))
    tasks.apply_import(import_id=job.pk)
    assert Submission.objects.count() == 10


def test_a_row_that_the_database_refuses_does_not_take_the_others_with_it(monkeypatch):
    actor = make_importer()
    job = staged(actor, csv_file(row(1), row(2), row(3)))
    ImportRow.objects.filter(number=3).update(content={"texts": 5})
    services.apply_import(actor=actor, code=job.code)
    tasks.apply_import(import_id=job.pk)
    job.refresh_from_db()
    assert (job.added, job.failed) == (2, 1)
    assert sorted(Submission.objects.values_list("external_id", flat=True)) == ["LUT-1", "LUT-3"]


# --- forgetting -------------------------------------------------------------------------------------------------------


def test_old_files_and_rows_are_forgotten_and_the_drafts_stay():
    actor = make_importer()
    job = applied(actor, csv_file(row(1), row(2, 产业领域="炼丹")))
    path = files.path_of(job.file.digest)
    assert services.forget_old_imports(actor=parties.system()) == 0
    Import.objects.update(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert services.forget_old_imports(actor=parties.system()) == 1
    job.refresh_from_db()
    assert (job.file, job.file_name, job.added, job.staged.count()) == (None, "", 1, 0)
    assert not path.exists()
    assert Submission.objects.count() == 1


# --- figures that nobody entered one by one ---------------------------------------------------------------------------


def test_a_row_without_indicators_gets_those_of_its_description_to_confirm():
    actor = make_importer()
    applied(actor, csv_file(row(1, 指标="", 成果简介="第三方检测水通量不低于 18 LMH/bar，连续运行稳定。"), row(2)))
    first, second = Submission.objects.order_by("pk")
    assert [(r["name_zh"], r["comparator"], r["value"], r["unit"]) for r in first.content["indicators"]] == [
        ("水通量", ">=", "18", "LMH/bar")
    ]
    assert [(s.field, s.by, s.passage) for s in suggestions.open_suggestions(first)] == [
        ("indicators", "rules", "第三方检测水通量不低于 18 LMH/bar，连续运行稳定。")
    ]
    assert suggestions.open_suggestions(second) == []  # its own column says what its indicators are


def test_indicators_in_sentences_are_read_and_wait_for_a_person():
    actor = make_importer()
    said = "试验测得水通量达到 18 LMH/bar；脱盐率在 98% 以上"
    applied(actor, csv_file(row(1, 指标=said)))
    draft = Submission.objects.get()
    assert [(r["name_zh"], r["comparator"], r["value"], r["unit"]) for r in draft.content["indicators"]] == [
        ("水通量", "=", "18", "LMH/bar"), ("脱盐率", ">=", "98", "%"),
    ]  # fmt: skip
    assert "indicators_said" not in draft.content
    open_ones = suggestions.open_suggestions(draft)
    assert [s.passage for s in open_ones] == ["试验测得水通量达到 18 LMH/bar；", "脱盐率在 98% 以上"]
    drafting.answer_suggestions(actor=actor, code=draft.code, answers={s.pk: "confirmed" for s in open_ones})
    again = applied(actor, csv_file(row(1, 指标=said + "；寿命超过 3 年")))
    draft.refresh_from_db()
    assert (again.changed, len(draft.content["indicators"])) == (1, 3)
    assert "寿命超过 3 年" in [s.passage for s in suggestions.open_suggestions(draft)]


def test_a_sentence_without_a_figure_is_refused_as_before():
    job = staged(make_importer(), csv_file(row(1, 指标="水通量达到 18 LMH/bar；性能优良")))
    assert problems(job)[0][:2] == (2, "indicators")


def test_what_is_published_at_once_takes_no_sentences():
    actor = make_operator()
    job = staged(actor, csv_file(row(1, 指标="脱盐率在 98% 以上")), publishes=True)
    assert "indicators" in [column for _row, column, _message in problems(job)]
