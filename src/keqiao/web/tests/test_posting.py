"""The forms, through their pages."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from keqiao.catalogue import services as items
from keqiao.catalogue.models import Attachment
from keqiao.catalogue.tests.factories import make_achievement, make_code, make_need
from keqiao.kernel import files
from keqiao.kernel.models import StoredFile
from keqiao.matching.tests.factories import forget_everything
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation
from keqiao.submissions import services
from keqiao.submissions.models import Submission
from keqiao.submissions.tests.factories import NEED, PDF, make_draft, make_field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    forget_everything()
    yield
    forget_everything()


def client_of(actor, **given):
    client = Client(**given)
    client.force_login(Person.objects.get(pk=actor.person_id).user)
    return client


@pytest.fixture
def organisation():
    return make_organisation(name_zh="澄源膜材料")


@pytest.fixture
def actor(organisation):
    make_field()
    return make_actor(organisation=organisation)


@pytest.fixture
def client(actor):
    return client_of(actor)


def begin(client, organisation, kind="need"):
    answer = client.post("/post", {"kind": kind, "organisation": organisation.code})
    assert answer.status_code == 302
    draft = Submission.objects.get()
    assert answer["Location"] == f"/post/{draft.code}/1"
    return draft


FIRST = {
    "texts.zh.title": " 耐酸膜涂覆 ",
    "texts.zh.problem": "现用膜三个月失效。\r\n一年换四次。",
    "field": "materials",
    "ipc": "B01D 71/56，b01d69/12",
    "keywords_zh": "纳滤、耐酸",
}
SECOND = {
    "indicators.rows": ["0", "1", "2"],
    "indicators.0.name_zh": "水通量",
    "indicators.0.comparator": ">=",
    "indicators.0.value": "１５",
    "indicators.0.unit": "LMH/bar",
    "indicators.0.current": "1,200.5",
    "indicators.0.is_must": "1",
    "indicators.1.name_zh": "截留率",
    "indicators.1.comparator": "range",
    "indicators.1.value": "85",
    "indicators.1.high": "99",
    "indicators.2.name_zh": "",
    "indicators.2.comparator": ">=",
    "indicators.2.is_must": "1",
}
THIRD = {
    "price_kind": "amount",
    "price_low": "300",
    "price_high": "500.5",
    "price_unit": "CNY:wan",
    "modes": ["license_nonexclusive", "development"],
    "deadline": "2099年1月31日",
    "trl_min": "6",
    "region_wish": "local",
}
FOURTH = {"publisher_shown": "matched", "external_id": "XQ-7"}


def send(client, draft, step, fields, **more):
    """As a browser sends it: with the one button that was pressed, which is the one that goes on unless said otherwise."""
    draft.refresh_from_db()
    pressed = {} if more.keys() & {"add", "remove", "confirm", "drop"} else {"go": "next"}
    return client.post(f"/post/{draft.code}/{step}", {"revision": draft.revision, **pressed, **fields, **more})


def test_a_need_in_five_steps_without_script(client, organisation):
    draft = begin(client, organisation)
    for step, fields in enumerate((FIRST, SECOND, THIRD, FOURTH), start=1):
        answer = send(client, draft, step, fields)
        assert (answer.status_code, answer["Location"]) == (302, f"/post/{draft.code}/{step + 1}")
    draft.refresh_from_db()
    assert draft.step == 5
    assert draft.content == {
        "texts": {
            "zh": {
                "title": "耐酸膜涂覆", "problem": "现用膜三个月失效。\n一年换四次。", "background": "", "tried": "", "wanted": "",
                "offers": "",
            },
            "en": {"title": "", "problem": "", "background": "", "tried": "", "wanted": "", "offers": ""},
        },
        "field": "materials",
        "ipc": ["B01D 71/56", "b01d69/12"],
        "keywords_zh": ["纳滤", "耐酸"],
        "confirmed": ["field:materials", "ipc:B01D 71/56", "ipc:b01d69/12"],
        "indicators": [
            {"name_zh": "水通量", "comparator": ">=", "value": "15", "unit": "LMH/bar", "current": "1200.5", "is_must": True},
            {"name_zh": "截留率", "comparator": "range", "value": "85", "high": "99", "is_must": False},
        ],
        "price_kind": "amount", "price_low": 300_000_000, "price_high": 500_500_000, "currency": "CNY", "price_unit": "wan",
        "modes": ["license_nonexclusive", "development"],
        "deadline": "2099-01-31",
        "trl_min": 6,
        "region_wish": "local",
        "publisher_shown": "matched",
        "external_id": "XQ-7",
    }  # fmt: skip
    page = client.get(f"/post/{draft.code}/5").content.decode()
    assert "300–500.5" in page
    assert "截留率 85–99" in page
    refused = send(client, draft, 5, {}, go="submit")
    assert (refused.status_code, "国家秘密" in refused.content.decode()) == (422, True)
    answer = send(client, draft, 5, {"agreed": "1"}, go="submit")
    assert (answer.status_code, answer["Location"]) == (302, f"/submissions/{draft.code}")
    draft.refresh_from_db()
    assert draft.state in {"organisation_review", "platform_review"}
    assert client.get(f"/post/{draft.code}/2")["Location"] == f"/submissions/{draft.code}"


def test_an_achievement_in_five_steps(client, organisation):
    draft = begin(client, organisation, "achievement")
    steps = (
        {"texts.zh.title": "耐酸膜", "texts.zh.summary": "在 pH 1 下稳定的膜。", "field": "materials"},
        {
            "indicators.rows": ["0"], "indicators.0.name_zh": "水通量", "indicators.0.comparator": "=",
            "indicators.0.value": "18.2", "indicators.0.evidence": "third_party",
            "indicators.0.baseline": json.dumps([{"name_zh": "商品膜", "value": "9.6"}]),
            "trl": "6", "trl_evidence_zh": "完成 200 小时中试\n\n第三方检测", "texts.zh.stage": "中试",
        },
        {"ownership": "institution", "team.rows": ["0"], "team.0.name_zh": "林知行", "team.0.role_zh": "负责人"},
        {"price_kind": "negotiable", "modes": ["transfer"]},
    )  # fmt: skip
    for step, fields in enumerate(steps, start=1):
        answer = send(client, draft, step, fields)
        assert answer["Location"] == f"/post/{draft.code}/{step + 1}"
    draft.refresh_from_db()
    assert draft.content["indicators"] == [
        {
            "name_zh": "水通量", "comparator": "=", "value": "18.2", "evidence": "third_party",
            "baseline": [{"name_zh": "商品膜", "value": "9.6"}],
        }
    ]  # fmt: skip
    assert draft.content["trl_evidence_zh"] == ["完成 200 小时中试", "第三方检测"]
    assert draft.content["team"] == [{"name_zh": "林知行", "role_zh": "负责人"}]
    for step in range(1, 6):
        assert client.get(f"/post/{draft.code}/{step}").status_code == 200


def test_errors_name_field_problem_and_example_at_the_top_and_at_the_field(client, organisation):
    draft = begin(client, organisation)
    answer = send(client, draft, 3, {**THIRD, "price_low": "三百", "deadline": "明年"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'href="#f-price_low"' in page
    assert 'href="#f-deadline"' in page
    assert page.count("“三百”不是可用的金额：写数字，最细到分。 例如 300") == 2
    assert 'aria-describedby="f-deadline-hint f-deadline-err"' in page
    assert 'value="三百"' in page
    draft.refresh_from_db()
    assert (draft.content["price_low"], draft.content["deadline"]) == ("三百", "明年")  # kept, whatever is wrong


def test_rows_are_marked_where_they_are_wrong(client, organisation):
    draft = begin(client, organisation)
    page = send(client, draft, 2, {"indicators.rows": ["0"], "indicators.0.name_zh": "锂透过率"}).content.decode()
    assert 'href="#f-indicators-0-value"' in page
    assert "指标第 1 项 目标" in page
    assert 'aria-describedby="f-indicators-0-err"' in page


@pytest.mark.parametrize(
    ("text", "unit", "minor"),
    [
        ("300", "CNY:wan", 300_000_000),
        ("0.000001", "CNY:wan", 1),
        ("0.0000001", "CNY:wan", "0.0000001"),
        ("1,234.56", "USD:one", 123_456),
        ("1234.567", "USD:one", "1234.567"),
        ("500", "JPY:one", 500),
        ("-5", "CNY:wan", "-5"),
        ("1e3", "CNY:wan", "1e3"),
        ("99999999999999999999", "CNY:wan", "99999999999999999999"),
        ("３００", "CNY:one", 30_000),
        ("12", "XXX:one", 1_200),
    ],
)
def test_amounts_become_minor_units_exactly(client, organisation, text, unit, minor):
    draft = begin(client, organisation)
    send(client, draft, 3, {"price_kind": "amount", "price_low": text, "price_unit": unit}, go="step:4")
    draft.refresh_from_db()
    assert draft.content["price_low"] == minor


def test_what_was_typed_as_an_amount_comes_back_as_it_was(client, organisation):
    draft = begin(client, organisation)
    send(client, draft, 3, THIRD, go="step:4")
    page = client.get(f"/post/{draft.code}/3").content.decode()
    assert 'name="price_high" value="500.5"' in page
    send(client, draft, 3, {**THIRD, "price_unit": "CNY:one"}, go="step:4")
    assert 'name="price_high" value="500.5"' in client.get(f"/post/{draft.code}/3").content.decode()


# --- buttons ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("go", "to"), [("back", "1"), ("step:4", "4"), ("stay", "2"), ("step:9", "2"), ("stay-indicators", "2#indicators")]
)
def test_where_buttons_lead_and_that_they_save(client, organisation, go, to):
    draft = begin(client, organisation)
    answer = send(client, draft, 2, {"texts.zh.wanted": "样品"}, go=go)
    assert answer["Location"] == f"/post/{draft.code}/{to}"
    draft.refresh_from_db()
    assert draft.content["texts"]["zh"]["wanted"] == "样品"


def test_later_leads_to_the_drafts_and_back_to_the_step(client, organisation):
    draft = begin(client, organisation)
    assert send(client, draft, 2, SECOND, go="later")["Location"] == "/post"
    assert draft.code in client.get("/post").content.decode()
    assert client.get(f"/post/{draft.code}")["Location"] == f"/post/{draft.code}/2"


def test_rows_are_added_and_removed_by_buttons(client, organisation):
    draft = begin(client, organisation)
    row = json.dumps({"name_zh": "厚度偏差", "comparator": "<=", "value": "5", "unit": "%", "evil": "x"})
    added = send(client, draft, 2, SECOND, add=row)  # a browser sends the pressed button alone
    assert added["Location"] == f"/post/{draft.code}/2#indicators"
    draft.refresh_from_db()
    assert draft.content["indicators"][2] == {"name_zh": "厚度偏差", "comparator": "<=", "value": "5", "unit": "%"}
    send(client, draft, 2, SECOND, remove="indicators.0")
    draft.refresh_from_db()
    assert [each["name_zh"] for each in draft.content["indicators"]] == ["截留率"]
    for nonsense in ("[]", "{", '"x"', '{"name_zh": 5}'):
        assert send(client, draft, 2, SECOND, add=nonsense).status_code == 302


def test_a_suggested_class_is_confirmed_by_a_press(client, organisation):
    draft = begin(client, organisation)
    assert send(client, draft, 1, FIRST, confirm="ipc:B01D")["Location"] == f"/post/{draft.code}/1#classes"
    send_again = {**FIRST, "ipc": "B01D"}
    send(client, draft, 1, send_again, confirm="field:energy")
    draft.refresh_from_db()
    assert (draft.content["ipc"], draft.content["field"]) == (["B01D"], "energy")
    assert draft.content["confirmed"] == ["ipc:B01D", "field:energy"]


def test_a_draft_is_thrown_away_after_asking(client, organisation):
    draft = begin(client, organisation)
    assert "不能恢复" in client.get(f"/post/{draft.code}/discard").content.decode()
    assert client.post(f"/post/{draft.code}/discard")["Location"] == "/post"
    draft.refresh_from_db()
    assert draft.state == "discarded"


# --- who may ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/1", "/5", "/discard", "/matches", "/check", "/1/hints", "/files/1"])
def test_a_draft_of_others_is_not_there(path):
    draft = make_draft()
    stranger = client_of(make_actor(organisation=make_organisation()))
    assert stranger.get(f"/post/{draft.code}{path}").status_code == 404
    assert client_of(make_operator()).get(f"/post/{draft.code}{path}").status_code == 404
    assert Client().get(f"/post/{draft.code}{path}").status_code in {302, 404}
    assert stranger.get("/post/SB-NOTHING").status_code == 404


def test_nobody_begins_for_a_foreign_organisation(client):
    assert client.post("/post", {"kind": "need", "organisation": make_organisation().code}).status_code == 404
    assert client.post("/post", {"kind": "gift", "organisation": "x"}).status_code == 404
    assert Submission.objects.count() == 0


def test_somebody_without_an_organisation_is_told_what_to_do():
    assert "先加入一个单位" in client_of(make_actor()).get("/post").content.decode()


def test_the_token_is_asked_for(actor, organisation):
    draft = make_draft(actor=actor, organisation=organisation)
    strict = client_of(actor, enforce_csrf_checks=True)
    for path in (f"/post/{draft.code}/1", f"/post/{draft.code}/1/save", f"/post/{draft.code}/1/merge", "/post"):
        assert strict.post(path, {"revision": 1}).status_code == 403
    draft.refresh_from_db()
    assert draft.content == NEED


# --- saving on the way, two versions ------------------------------------------------------------------------------------


def test_autosave_answers_with_the_line_of_the_page(client, organisation):
    draft = begin(client, organisation)
    answer = client.post(f"/post/{draft.code}/1/save", {"revision": 1, **FIRST})
    assert answer.json()["revision"] == 2
    assert answer.json()["said"].startswith("已保存 ")
    draft.refresh_from_db()
    assert draft.content["texts"]["zh"]["title"] == "耐酸膜涂覆"
    assert Client().post(f"/post/{draft.code}/1/save", {"revision": 2}).status_code == 401


def test_two_tabs_the_second_is_shown_both(client, organisation):
    draft = begin(client, organisation)
    client.post(f"/post/{draft.code}/1/save", {"revision": 1, **FIRST})
    mine = {**FIRST, "texts.zh.title": "另一个标题", "keywords_zh": ""}
    assert client.post(f"/post/{draft.code}/1/save", {"revision": 1, **mine}).status_code == 409
    answer = client.post(f"/post/{draft.code}/1", {"revision": 1, "go": "next", **mine})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert ("另一个标题" in page, "耐酸膜涂覆" in page, page.count("<fieldset")) == (True, True, 2)
    draft.refresh_from_db()
    assert (draft.revision, draft.content["texts"]["zh"]["title"]) == (2, "耐酸膜涂覆")
    kept = answer.context["mine"]
    choice = {"revision": 2, "mine": kept, "take": "each", "keep.texts.zh.title": "mine", "keep.keywords_zh": "theirs"}
    assert client.post(f"/post/{draft.code}/1/merge", choice)["Location"] == f"/post/{draft.code}/1"
    draft.refresh_from_db()
    assert draft.content["texts"]["zh"]["title"] == "另一个标题"
    assert draft.content["keywords_zh"] == ["纳滤", "耐酸"]


@pytest.mark.parametrize(("take", "title"), [("mine", "另一个"), ("theirs", "耐酸膜涂覆")])
def test_one_version_is_taken_whole(client, organisation, take, title):
    draft = begin(client, organisation)
    client.post(f"/post/{draft.code}/1/save", {"revision": 1, **FIRST})
    answer = client.post(f"/post/{draft.code}/1", {"revision": 1, **FIRST, "texts.zh.title": "另一个"})
    client.post(f"/post/{draft.code}/1/merge", {"revision": 2, "mine": answer.context["mine"], "take": take})
    draft.refresh_from_db()
    assert draft.content["texts"]["zh"]["title"] == title


def test_saved_elsewhere_again_while_choosing(client, organisation):
    draft = begin(client, organisation)
    client.post(f"/post/{draft.code}/1/save", {"revision": 1, **FIRST})
    mine = json.dumps({"texts": {"zh": {"title": "三"}}})
    answer = client.post(f"/post/{draft.code}/1/merge", {"revision": 1, "mine": mine, "take": "mine"})
    assert answer.status_code == 409
    for nonsense in ("[]", "{", '{"attachments": []}', '{"external_id": "x"}'):
        answer = client.post(f"/post/{draft.code}/1/merge", {"revision": 2, "mine": nonsense, "take": "mine"})
        assert answer.status_code == 422
    draft.refresh_from_db()
    assert draft.content["texts"]["zh"]["title"] == "耐酸膜涂覆"


def test_an_old_revision_that_says_the_same_is_no_conflict(client, organisation):
    draft = begin(client, organisation)
    client.post(f"/post/{draft.code}/1/save", {"revision": 1, **FIRST})
    assert client.post(f"/post/{draft.code}/1", {"revision": 1, "go": "next", **FIRST}).status_code == 302


# --- files --------------------------------------------------------------------------------------------------------------


def test_a_file_is_attached_seen_by_its_house_and_dropped(client, actor, organisation):
    draft = begin(client, organisation)
    upload = {"file": SimpleUploadedFile("检测报告.pdf", PDF), "file.level": "nda", "file.title": "检测"}
    answer = send(client, draft, 4, {**FOURTH, **upload}, go="attach")
    assert answer["Location"] == f"/post/{draft.code}/4"
    draft.refresh_from_db()
    file_id = StoredFile.objects.get().pk
    assert draft.content["attachments"] == [{"file_id": file_id, "level": "nda", "title": "检测", "proves": ""}]
    assert draft.content["publisher_shown"] == "matched"
    got = client.get(f"/post/{draft.code}/files/{file_id}")
    assert b"".join(got.streaming_content) == PDF
    assert got["Content-Disposition"].startswith("attachment;")
    assert got["X-Content-Type-Options"] == "nosniff"
    changed = {f"file.{file_id}.level": "public", f"file.{file_id}.title": "报告", "attachments.file_id": str(file_id)}
    send(client, draft, 4, {**FOURTH, **changed}, go="stay")
    draft.refresh_from_db()
    assert draft.content["attachments"] == [{"file_id": file_id, "level": "public", "title": "报告", "proves": ""}]
    send(client, draft, 4, {**FOURTH, **changed}, drop=str(file_id))
    draft.refresh_from_db()
    assert draft.content.get("attachments") is None


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [("a.html", b"<html>", "这种文件不能上传"), ("a.pdf", b"", ""), ("a.pdf", b"MZ\x90\x00", "这种文件不能上传")],
)
def test_a_refused_file_is_explained_and_the_step_is_kept(client, organisation, name, data, said):
    draft = begin(client, organisation)
    answer = send(client, draft, 4, {**FOURTH, "file": SimpleUploadedFile(name, data)}, go="attach")
    page = answer.content.decode()
    assert (answer.status_code, page.count('href="#f-file"'), page.count(said) >= 2) == (422, 1, True)
    draft.refresh_from_db()
    assert (draft.content["publisher_shown"], StoredFile.objects.count()) == ("matched", 0)


def test_an_upload_beyond_the_limit_stops_early(client, organisation, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 100_000)
    draft = begin(client, organisation)
    upload = SimpleUploadedFile("a.pdf", PDF + bytes(400_000))
    answer = send(client, draft, 4, {**FOURTH, "file": upload}, go="attach")
    assert (answer.status_code, "文件超过 50 MB" in answer.content.decode()) == (422, True)
    assert StoredFile.objects.count() == 0


def with_files(item, owner):
    """An item with a file of each level."""
    rows = {}
    for n, level in enumerate(("public", "signed_in", "nda")):
        stored = files.store(actor=owner, name=f"{level}.pdf", media_type="application/pdf", chunks=[PDF, bytes([n])])
        kind = "need" if hasattr(item, "publisher_id") else "achievement"
        rows[level] = Attachment.objects.create(file=stored, level=level, position=n, **{kind: item})
    return rows


@pytest.mark.parametrize("kind", ["needs", "achievements"])
def test_attachments_open_by_level(kind, actor, organisation):
    item = make_need(publisher=organisation) if kind == "needs" else make_achievement(owner=organisation)
    rows = with_files(item, actor)
    seen = {
        "visitor": {"public"},
        "stranger": {"public", "signed_in"},
        "operator": {"public", "signed_in"},
        "owner": {"public", "signed_in", "nda"},
    }
    clients = {
        "visitor": Client(),
        "stranger": client_of(make_actor(organisation=make_organisation())),
        "operator": client_of(make_operator()),
        "owner": client_of(actor),
    }
    for who, levels in seen.items():
        page = clients[who].get(f"/{kind}/{item.code}").content.decode()
        for level, row in rows.items():
            answer = clients[who].get(f"/{kind}/{item.code}/files/{row.pk}")
            if answer.streaming:
                b"".join(answer.streaming_content)  # also closes the file
            assert (answer.status_code == 200) == (level in levels), (who, level)
            assert (f"{level}.pdf" in page) == (level in levels), (who, level)
    other = make_need() if kind == "needs" else make_achievement()
    assert clients["owner"].get(f"/{kind}/{other.code}/files/{rows['public'].pk}").status_code == 404


# --- rights -------------------------------------------------------------------------------------------------------------


def test_a_right_is_registered_and_taken_in(client, actor, organisation):
    draft = begin(client, organisation, "achievement")
    given = {
        "asset.kind": "software", "asset.status": "registered", "asset.number": "2024SR0123456", "asset.title": "涂覆控制软件",
    }  # fmt: skip
    assert send(client, draft, 3, {"ownership": "institution", **given}, go="asset").status_code == 302
    draft.refresh_from_db()
    asset_id = draft.content["asset_ids"][0]
    assert "涂覆控制软件" in client.get(f"/post/{draft.code}/3").content.decode()
    for wrong in ({"asset.title": ""}, {"asset.kind": "x"}, {"asset.kind": "invention", "asset.number": "123"}, {}):
        answer = send(client, draft, 3, {"asset_ids": asset_id, **given, **wrong}, go="asset")
        assert answer.status_code == 422
    draft.refresh_from_db()
    assert draft.content["asset_ids"] == [asset_id]
    foreign = items.register_asset(
        actor=parties.system(), kind="know_how", status="secret", title_zh="诀窍", owner_id=make_organisation().pk
    )
    assert send(client, draft, 3, {"asset_ids": foreign.pk}, go="stay").status_code == 422


# --- changes and versions -----------------------------------------------------------------------------------------------


def test_the_owner_changes_a_public_need(client, actor, organisation):
    need = make_need(publisher=organisation, title="旧标题", problem="旧问题", field="materials")
    page = client.get(f"/needs/{need.code}").content.decode()
    assert f"/needs/{need.code}/change" in page
    answer = client.post(f"/needs/{need.code}/change")
    draft = Submission.objects.get()
    assert answer["Location"] == f"/post/{draft.code}"
    assert "旧标题" in client.get(f"/post/{draft.code}/1").content.decode()
    stranger = client_of(make_actor(organisation=make_organisation(code="DW-STRANGE")))
    assert f"/needs/{need.code}/change" not in stranger.get(f"/needs/{need.code}").content.decode()
    assert stranger.post(f"/needs/{need.code}/change").status_code == 403


def accepted(need, version, content, author):
    return Submission.objects.create(
        code=f"SB-V{version}", kind="need", state="accepted", organisation=need.publisher, author_id=author.person_id,
        need=need, version=version, content=content, decided_at=need.published_at,
    )  # fmt: skip


def test_versions_show_what_changed_and_outsiders_see_the_public_part(client, actor, organisation):
    need = make_need(publisher=organisation, publisher_shown="hidden")
    old = {**NEED, "external_id": "SECRET-1", "publisher_shown": "shown", "attachments": []}
    hidden = [{"file_id": 1, "level": "nda", "title": "保密配方"}]
    new = {
        **NEED, "trl_min": 8, "external_id": "SECRET-2", "publisher_shown": "hidden", "attachments": hidden,
        "texts": {"zh": {**NEED["texts"]["zh"], "problem": "现用膜在 pH 1 下两个月失效，通量不足。"}},
    }  # fmt: skip
    accepted(need, 1, old, actor)
    accepted(need, 2, new, actor)
    outside = Client().get(f"/needs/{need.code}/versions").content.decode()
    assert "<del>" in outside
    assert ("TRL" in outside, "第 2 版" in outside, "第 1 版" in outside) == (True, True, True)
    for private in ("SECRET", "保密配方", "公开单位名称", actor.name, organisation.name_zh):
        assert private not in outside
    inside = client.get(f"/needs/{need.code}/versions").content.decode()
    assert "SECRET" in inside
    assert "保密配方" in inside
    draft_need = make_need(state="draft")
    assert Client().get(f"/needs/{draft_need.code}/versions").status_code == 404


@pytest.mark.slow
def test_versions_cost_the_same_however_many(client, actor, organisation, django_assert_max_num_queries):
    need = make_need(publisher=organisation)
    accepted(need, 1, NEED, actor)
    client.get(f"/needs/{need.code}/versions")
    counts = []
    for version in (2, 3, 4):
        with django_assert_max_num_queries(20) as counted:
            client.get(f"/needs/{need.code}/versions")
        counts.append(len(counted))
        accepted(need, version, {**NEED, "trl_min": version}, actor)
    assert len(set(counts[1:])) == 1


@pytest.mark.slow
def test_the_list_of_drafts_costs_the_same_however_long(client, actor, organisation, django_assert_max_num_queries):
    make_draft(actor=actor, organisation=organisation)
    client.get("/post")
    counts = []
    for _more in range(3):
        with django_assert_max_num_queries(20) as counted:
            client.get("/post")
        counts.append(len(counted))
        make_draft(actor=actor, organisation=organisation)
    assert len(set(counts)) == 1


# --- what a form must bear ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_contents_of_any_shape_are_shown(client, actor, organisation):
    """An API may leave odd values; the form shows them to be mended."""
    odd = {
        "texts": {"zh": {"title": "<script>alert(1)</script>"}}, "price_low": 12.5, "trl_min": "六", "deadline": "soon",
        "modes": ["gift"], "indicators": [{"name_zh": 5, "value": None, "is_must": "x"}], "field": "magic", "ipc": ["?"],
        "publisher_shown": "nobody", "currency": "XXX", "price_unit": "kg", "region": "NOWHERE",
    }  # fmt: skip
    draft = services.start_draft(actor=actor, kind="need", organisation_id=organisation.pk, content=odd)
    for step in range(1, 6):
        answer = client.get(f"/post/{draft.code}/{step}")
        assert answer.status_code == 200
        assert "<script>alert" not in answer.content.decode()
        assert client.get(f"/post/{draft.code}/{step}/hints").status_code == 200
    odd = {"team": [{"name_zh": 7}], "trl": 99, "trl_evidence_zh": ["x"], "asset_ids": [], "ownership": "god"}
    draft = services.start_draft(actor=actor, kind="achievement", organisation_id=organisation.pk, content=odd)
    for step in range(1, 6):
        assert client.get(f"/post/{draft.code}/{step}").status_code == 200


def test_nul_and_other_control_characters_are_left_out(client, organisation):
    draft = begin(client, organisation)
    client.post(f"/post/{draft.code}/1/save", {"revision": 1, **FIRST, "texts.zh.title": "a\x00b\x07c"})
    draft.refresh_from_db()
    assert draft.content["texts"]["zh"]["title"] == "abc"


def test_the_form_speaks_english(client, actor, organisation):
    make_code(code="energy", title_zh="新能源", title_en="Energy")
    draft = begin(client, organisation)
    client.get("/?lang=en")
    page = client.get(f"/post/{draft.code}/1").content.decode()
    assert "What is to be solved" in page or "problem" in page
