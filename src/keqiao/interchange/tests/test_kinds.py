"""Every kind of row, and what operators load straight into public view."""

from importlib import import_module

import pytest
from django.db import connection

from keqiao.catalogue import services as rights
from keqiao.catalogue.models import Achievement, IPAsset, Need
from keqiao.catalogue.tests.factories import make_achievement
from keqiao.interchange.models import ImportedThing
from keqiao.interchange.tests.factories import (
    HEADER,
    NEED_HEADER,
    NEED_ROW,
    applied,
    counts,
    csv_file,
    jsonl_file,
    make_importer,
    make_tables,
    problems,
    row,
    staged,
)
from keqiao.kernel import clock
from keqiao.kernel.errors import NotFound
from keqiao.kernel.models import Event
from keqiao.parties.models import Invitation, Organisation, Person, Post
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person
from keqiao.submissions.models import Submission

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tables(rules):
    make_tables()


def test_needs_become_drafts():
    actor = make_importer(kind="enterprise")
    job = applied(actor, csv_file(NEED_ROW, header=NEED_HEADER), kind="needs")
    assert job.added == 1
    content = Submission.objects.get(kind="need").content
    assert (content["deadline"], content["price_low"], content["indicators"][0]["is_must"]) == (
        "2027-06-30",
        200_000_000,
        False,
    )


def test_a_deadline_that_has_passed_is_named():
    job = staged(
        make_importer(kind="enterprise"),
        csv_file([*NEED_ROW[:5], "2020年1月1日", ""], header=NEED_HEADER),
        kind="needs",
    )
    assert problems(job) == [(2, "deadline", "日期 2020-01-01 已经过去。")]


# --- straight into public view ----------------------------------------------------------------------------------------


PUBLIC_HEADER = [*HEADER, "完成单位"]


def test_operators_publish_for_verified_organisations():
    operator = make_operator()
    owner = make_organisation(kind="university", is_verified=True, name_zh="澜江大学")
    make_organisation(kind="university", is_verified=False, name_zh="没核实的大学")
    rows = [[*row(1), "澜江大学"], [*row(2), "没核实的大学"], [*row(3), ""]]
    job = applied(operator, csv_file(*rows, header=PUBLIC_HEADER), publishes=True)
    assert problems(job) == [
        (3, "organisation", "这家单位还没有通过核实，条目不能公开。"),
        (4, "organisation", "您自己单位的条目要经过审核，不能直接公开。请不勾“直接公开”再导入。"),
    ]
    item = Achievement.objects.get()
    assert (item.state, item.owner, item.trl, item.external_id) == ("published", owner, 6, "LUT-1")
    assert item.expires_on is not None
    assert list(item.indicators.values_list("name_zh", flat=True)) == ["水通量"]
    assert Event.objects.get(name="catalogue.achievements_loaded").data == {"ids": [item.pk]}


def test_publishing_again_rewrites_what_changed_and_keeps_what_the_file_does_not_say():
    operator = make_operator()
    make_organisation(kind="university", is_verified=True, name_zh="澜江大学")
    applied(operator, csv_file([*row(1), "澜江大学"], [*row(2), "澜江大学"], header=PUBLIC_HEADER), publishes=True)
    Achievement.objects.filter(external_id="LUT-1").update(keywords_zh=["膜"])
    data = csv_file([*row(1, 技术成熟度="8级"), "澜江大学"], [*row(2), "澜江大学"], header=PUBLIC_HEADER)
    job = applied(operator, data, publishes=True)
    assert (job.added, job.changed, job.unchanged) == (0, 1, 1)
    item = Achievement.objects.get(external_id="LUT-1")
    assert (item.trl, item.keywords_zh, item.state) == (8, ["膜"], "published")
    assert Achievement.objects.count() == 2


def test_two_owners_may_number_alike_and_neither_takes_over_the_others():
    operator = make_operator()
    make_organisation(kind="university", is_verified=True, name_zh="澜江大学")
    foreign = make_achievement(external_id="LUT-1", title="别家的")
    job = applied(operator, csv_file([*row(1), "澜江大学"], header=PUBLIC_HEADER), publishes=True)
    assert (problems(job), job.added) == ([], 1)
    assert Achievement.objects.filter(external_id="LUT-1").count() == 2
    assert list(foreign.texts.values_list("title", flat=True)) == ["别家的"]


def test_needs_are_published_until_their_deadline():
    operator = make_operator()
    make_organisation(kind="enterprise", is_verified=True, name_zh="澄源")
    data = csv_file([*NEED_ROW, "澄源"], header=[*NEED_HEADER, "发布单位"])
    job = applied(operator, data, kind="needs", publishes=True)
    assert job.added == 1
    assert str(Need.objects.get().expires_on) == "2027-06-30"


# --- organisations ----------------------------------------------------------------------------------------------------


def test_organisations():
    operator = make_operator()
    header = ["外部编号", "单位名称", "单位类型", "统一社会信用代码", "地区", "资质"]
    rows = [
        ["A", "澄源膜科技", "企业", "91350100m000100y43", "上海", "高新技术企业"],
        ["B", "澜江大学", "大学", "", "310000", ""],
        ["C", "错的", "企业", "91350100M000100Y44", "", ""],
        ["D", "", "企业", "", "", ""],
        ["E", "异想", "庙宇", "", "东湖区", ""],
    ]
    before = Organisation.objects.count()
    job = applied(operator, csv_file(*rows, header=header), kind="organisations")
    assert (job.added, job.wrong) == (2, 3)
    assert [(n, c) for n, c, _text in problems(job)] == [(4, "credit_code"), (5, "name_zh"), (6, "kind"), (6, "region")]
    assert problems(job)[-1][2] == "“东湖区”在代码表里不止一处，请写代码。"
    made = Organisation.objects.get(name_zh="澄源膜科技")
    assert (made.kind, made.credit_code, made.region) == ("enterprise", "91350100M000100Y43", "310000")
    rows[1][1] = "澜江理工大学"
    rows[0][2] = "高校"
    again = applied(operator, csv_file(*rows[:2], header=header), kind="organisations")
    assert (again.changed, again.failed, Organisation.objects.count()) == (1, 1, before + 2)
    assert problems(again) == [(2, "kind", "这家单位已经登记，这一项与登记的不同；请在单位页面修改。")]


# --- people -----------------------------------------------------------------------------------------------------------


PEOPLE = ["外部编号", "姓名", "单位", "角色", "职称", "邮箱"]


def test_people_are_registered_without_accounts_by_operators():
    place = make_organisation(kind="university", is_verified=True, name_zh="澜江大学")
    rows = [["1", "林若川", "澜江大学", "科研人员", "教授", ""], ["2", "许砚秋", "澜江大学", "皇帝", "", ""]]
    operator = make_operator()
    job = applied(operator, csv_file(*rows, header=PEOPLE), kind="people")
    assert (job.added, problems(job)) == (1, [(3, "role", "没有“皇帝”这个选项。")])
    post = Post.objects.get(organisation=place)
    assert (post.person.name_zh, post.person.user, post.role, post.title_zh) == ("林若川", None, "researcher", "教授")
    assert applied(operator, csv_file(rows[0], header=PEOPLE), kind="people").unchanged == 1


def test_people_with_an_address_are_invited_by_their_organisation():
    actor = make_importer()
    people = Person.objects.count()
    rows = [["1", "林若川", "", "科研人员", "", "lin@lut.example"], ["2", "许砚秋", "", "科研人员", "", ""]]
    job = applied(actor, csv_file(*rows, header=PEOPLE), kind="people")
    assert (job.added, job.failed) == (1, 1)
    assert problems(job) == [(3, "", "没有电子邮箱的人员只能由平台登记。请填写邮箱，由本人接受邀请加入。")]
    assert (Invitation.objects.get().email, Person.objects.count()) == ("lin@lut.example", people)
    assert "lin@lut.example" not in str(list(Event.objects.values_list("data", flat=True)))
    assert applied(actor, csv_file(rows[0], header=PEOPLE), kind="people").unchanged == 1


def member(place, name):
    post = Post.objects.get(organisation=place, ended_on=None, person__name_zh=name)
    return (post.role, post.title_zh, post.person.name_en)


def test_a_second_file_changes_people_by_their_external_id_and_a_third_nothing():
    operator = make_operator()
    place = make_organisation(kind="university", is_verified=True, name_zh="澜江大学")
    header = [*PEOPLE, "英文姓名"]
    first = [
        ["1", "林若川", "澜江大学", "科研人员", "教授", "", ""],
        ["2", "许砚秋", "澜江大学", "科研人员", "", "", ""],
    ]
    applied(operator, csv_file(*first, header=header), kind="people")
    people = Person.objects.count()
    second = [["1", "林若川", "澜江大学", "成果转化专员", "主任", "", "Lin Ruochuan"], first[1]]
    job = applied(operator, csv_file(*second, header=header), kind="people")
    assert (job.changed, job.unchanged, problems(job)) == (1, 1, [])
    assert member(place, "林若川") == ("conversion_officer", "主任", "Lin Ruochuan")
    assert (Person.objects.count(), applied(operator, csv_file(*second, header=header), kind="people").unchanged) == (
        people,
        2,
    )
    without_title = [row[:4] for row in second]
    applied(operator, csv_file(*without_title, header=PEOPLE[:4]), kind="people")
    assert member(place, "林若川") == ("conversion_officer", "主任", "Lin Ruochuan")


def test_who_was_invited_is_changed_by_who_manages_the_organisation():
    """Before the invitation was used: another one. After: role and title, as on the page of members; never the name."""
    actor = make_importer()
    place = Organisation.objects.get(pk=actor.acting_for)
    cells = ["1", "林若川", "", "科研人员", "", "lin@lut.example"]
    applied(actor, csv_file(cells, header=PEOPLE), kind="people")
    first = Invitation.objects.get()
    cells[3] = "成果转化专员"
    assert applied(actor, csv_file(cells, header=PEOPLE), kind="people").changed == 1
    first.refresh_from_db()
    second = Invitation.objects.exclude(pk=first.pk).get()
    assert (first.state, second.state, second.role) == ("withdrawn", "open", "conversion_officer")
    came = make_person(name_zh="林若川", organisation=place, role="conversion_officer")
    Invitation.objects.filter(pk=second.pk).update(state="used", used_by=came, used_at=clock.now())
    cells[3:5] = ["科研人员", "教授"]
    job = applied(actor, csv_file(cells, header=PEOPLE), kind="people")
    assert (job.changed, problems(job), member(place, "林若川")[:2]) == (1, [], ("researcher", "教授"))
    cells[1] = "林若山"
    job = applied(actor, csv_file(cells, header=PEOPLE), kind="people")
    assert problems(job) == [(2, "name_zh", "这个人有账号，姓名由本人修改。账号里的姓名是“林若川”。")]
    assert Person.objects.get(pk=came.pk).name_zh == "林若川"
    assert Invitation.objects.count() == 2


def test_people_invited_before_0002_are_known_as_invited():
    """Their rows were kept as if the invitation's id were a person's."""
    operator, actor = make_operator(), make_importer()
    place = Organisation.objects.get(pk=actor.acting_for)
    applied(actor, csv_file(["1", "林若川", "", "科研人员", "", "lin@lut.example"], header=PEOPLE), kind="people")
    applied(operator, csv_file(["2", "许砚秋", place.code, "科研人员", "", ""], header=PEOPLE), kind="people")
    right = dict(ImportedThing.objects.values_list("key", "became"))
    ImportedThing.objects.update(became="person")
    with connection.cursor() as cursor:
        cursor.execute(import_module("keqiao.interchange.migrations.0002_people_who_were_invited").SQL)
    assert dict(ImportedThing.objects.values_list("key", "became")) == right == {"1": "invitation", "2": "person"}


def test_nobody_changes_people_of_another_organisation_or_who_has_left():
    operator = make_operator()
    place = make_organisation(kind="university", is_verified=True, name_zh="澜江大学")
    cells = ["1", "林若川", "澜江大学", "科研人员", "教授", ""]
    applied(operator, csv_file(cells, header=PEOPLE), kind="people")
    cells[4] = "主任"
    stranger = make_importer()
    assert problems(staged(stranger, csv_file(cells, header=PEOPLE), kind="people"))[0][1] == "organisation"
    own = applied(
        stranger, csv_file(["1", "林若川", "", "科研人员", "主任", "x@lut.example"], header=PEOPLE), kind="people"
    )
    assert (own.added, member(place, "林若川")[1]) == (1, "教授")  # the same number is another's in another place
    Post.objects.filter(organisation=place).update(ended_on=clock.today())
    job = applied(operator, csv_file(cells, header=PEOPLE), kind="people")
    assert problems(job) == [(2, "external_id", "这个人已经不在这家单位任职。要重新登记或邀请，请换一个外部编号。")]
    assert Post.objects.get(organisation=place).title_zh == "教授"


# --- IP assets --------------------------------------------------------------------------------------------------------


ASSETS = ["外部编号", "类型", "申请号", "名称", "状态", "申请日", "到期日"]


def test_a_check_digit_of_nought_that_a_spreadsheet_dropped_is_put_back():
    rows = [
        ["1", "发明专利", "202219939898", "一种泵", "已授权", "", ""],
        ["2", "发明专利", "201310699744", "一种膜", "已授权", "", ""],
    ]
    job = applied(make_importer(), csv_file(*rows, header=ASSETS), kind="assets")
    assert [(n, c) for n, c, _t in problems(job)] == [(3, "number")]
    assert IPAsset.objects.get().number == "202219939898.0"


def test_assets_and_achievements_that_name_them():
    actor = make_importer()
    rows = [
        ["1", "发明专利", "ZL 201310699744.2", "一种膜", "已授权", "2013年12月18日", ""],
        ["2", "发明专利", "201310699744.3", "校验位错", "授权", "", ""],
        ["3", "技术秘密", "", "配方", "保密", "", ""],
        ["4", "软著", "2026SR001", "控制软件", "已登记", "2026-03-01", "2026-01-01"],
        ["5", "发明专利", "US 10/123,456", "美国申请", "审查中", "", ""],
    ]
    job = applied(actor, csv_file(*rows, header=ASSETS), kind="assets")
    assert (job.added, [(n, c) for n, c, _t in problems(job)]) == (3, [(3, "number"), (5, "expires_on")])
    assert applied(actor, csv_file(*rows, header=ASSETS), kind="assets").unchanged == 3
    assert IPAsset.objects.filter(owner_id=actor.acting_for).count() == 3
    header = [*HEADER, "专利号"]
    named = applied(actor, csv_file([*row(1), "201310699744.2"], [*row(2), "201510000000.0"], header=header))
    assert problems(named) == [(3, "assets", "没有找到本单位的知识产权“201510000000.0”，请先在知识产权里登记。")]
    assert Submission.objects.get().content["asset_ids"] == [IPAsset.objects.get(number="201310699744.2").pk]


def test_an_achievement_names_a_right_whose_check_digit_of_nought_was_dropped():
    actor = make_importer()
    right = ["1", "发明专利", "202219939898.0", "一种泵", "已授权", "", ""]
    applied(actor, csv_file(right, header=ASSETS), kind="assets")
    applied(actor, csv_file([*row(1), "202219939898"], header=[*HEADER, "专利号"]))
    assert Submission.objects.get().content["asset_ids"] == [IPAsset.objects.get().pk]


def test_a_right_of_another_organisation_is_not_taken_over():
    first, second = make_importer(), make_importer()
    data = csv_file(["1", "发明专利", "201310699744.2", "一种膜", "授权", "", ""], header=ASSETS)
    applied(first, data, kind="assets")
    job = applied(second, data, kind="assets")
    assert (counts(job)["failed"], IPAsset.objects.get().owner_id) == (1, first.acting_for)
    assert problems(job) == [(2, "", "编号与已有的条目重复，没有导入。请换一个编号。")]


def test_a_second_file_changes_rights_by_their_external_id_and_a_third_nothing():
    actor = make_importer()
    first = [
        ["1", "发明专利", "201310699744.2", "一种膜", "审查中", "2013-12-18", ""],
        ["2", "技术秘密", "", "配方", "保密", "", ""],
    ]
    applied(actor, csv_file(*first, header=ASSETS), kind="assets")
    naming = make_achievement(owner_id=actor.acting_for)
    naming.assets.add(IPAsset.objects.get(number="201310699744.2"))
    second = [
        ["1", "发明专利", "201310699744.2", "一种耐酸膜", "授权", "2013-12-18", "2033-12-18"],
        ["2", "技术秘密", "", "配方二", "保密", "", ""],
    ]
    job = applied(actor, csv_file(*second, header=ASSETS), kind="assets")
    assert (job.changed, problems(job), IPAsset.objects.count()) == (2, [], 2)
    asset = IPAsset.objects.get(number="201310699744.2")
    assert (asset.title_zh, asset.status, str(asset.expires_on)) == ("一种耐酸膜", "granted", "2033-12-18")
    event = Event.objects.filter(name="catalogue.asset_rewritten").order_by("pk").first()
    assert event.data == {"fields": ["expires_on", "status", "title_zh"], "ids": [naming.pk]}
    naming.refresh_from_db()
    assert naming.revision == 2  # granted now: the index reads it anew
    assert applied(actor, csv_file(*second, header=ASSETS), kind="assets").unchanged == 2
    assert IPAsset.objects.filter(title_zh="配方二").count() == 1
    emptied = applied(actor, csv_file([*second[0][:6], ""], header=ASSETS), kind="assets")
    assert (emptied.changed, IPAsset.objects.get(pk=asset.pk).expires_on) == (1, None)
    kept = applied(actor, csv_file(second[0][:5], header=ASSETS[:5]), kind="assets")
    assert (kept.unchanged, str(IPAsset.objects.get(pk=asset.pk).filed_on)) == (1, "2013-12-18")


def test_a_number_that_was_mistyped_is_corrected_and_a_taken_one_refused():
    actor = make_importer()
    cells = ["1", "发明专利", "201310699744.2", "一种膜", "授权", "", ""]
    other = ["2", "软著", "2026SR001", "控制软件", "已登记", "", ""]
    applied(actor, csv_file(cells, other, header=ASSETS), kind="assets")
    other[2] = "2026SR002"
    assert applied(actor, csv_file(cells, other, header=ASSETS), kind="assets").changed == 1
    assert sorted(IPAsset.objects.values_list("number", flat=True)) == ["201310699744.2", "2026SR002"]
    third = ["3", "软著", "2026SR003", "别的软件", "已登记", "", ""]
    applied(actor, csv_file(third, header=ASSETS), kind="assets")
    third[2] = "2026SR002"
    job = applied(actor, csv_file(third, header=ASSETS), kind="assets")
    assert problems(job) == [(2, "", "编号与已有的条目重复，没有导入。请换一个编号。")]
    assert IPAsset.objects.get(title_zh="别的软件").number == "2026SR003"


def test_only_the_owners_people_and_operators_change_a_right():
    actor = make_importer()
    cells = ["1", "发明专利", "201310699744.2", "一种膜", "审查中", "", ""]
    applied(actor, csv_file(cells, header=ASSETS), kind="assets")
    asset = IPAsset.objects.get()
    for who in (make_importer(), make_actor()):
        with pytest.raises(NotFound):
            rights.rewrite_asset(actor=who, asset_id=asset.pk, title_zh="抢来的")
    asset.refresh_from_db()
    assert asset.title_zh == "一种膜"
    assert rights.rewrite_asset(actor=make_operator(), asset_id=asset.pk, title_zh="更正的").title_zh == "更正的"


# --- hostile cells ----------------------------------------------------------------------------------------------------


SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_markup_is_kept_as_text_and_shown_escaped(client):
    actor = make_importer()
    client.force_login(Person.objects.get(pk=actor.person_id).user)
    good = row(1, 成果名称=SCRIPT, 成果简介=SCRIPT, 指标=f"{SCRIPT.replace('=', '')}≥1 mg/L")
    bad = [f"{SCRIPT}{n}" for n in range(len(HEADER))]
    header = [*HEADER, SCRIPT]
    job = applied(actor, csv_file([*good, "x"], [*bad, SCRIPT], header=header), name=f"{SCRIPT}.csv")
    assert (job.added, job.wrong) == (1, 1)
    assert Submission.objects.get().content["texts"]["zh"]["title"] == SCRIPT
    for path in (f"/import/{job.code}", "/import", f"/import/{job.code}/columns"):
        page = client.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in client.get(f"/import/{job.code}").content.decode()


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("成果名称", "膜\x00", "文字里有不能保存的控制字符。"),
        ("成果简介", "膜\x1b[31m", "文字里有不能保存的控制字符。"),
        ("成果名称", "长" * 301, "有 301 个字，最多 300 个。"),
        ("成果名称", "#REF!", "这一格是 Excel 的错误值 #REF!。"),
        ("外部编号", "x" * 81, "编号最多 80 个字，写在一行里。"),
        ("外部编号", "#1", "外部编号不能以 # 开头。"),
        ("成果名称", "", "不能为空。"),
        ("产业领域", "", "不能为空。"),
        ("地区", "东湖区", "“东湖区”在代码表里不止一处，请写代码。"),
        ("技术成熟度", "12", "“12”不是 1 到 9 级的成熟度。"),
        ("合作方式", "转让、赠送", "没有“赠送”这个选项。"),
        ("报价", "500–300万元", "“500–300万元”的上限低于下限。"),
        ("指标", "水通量≥15 弗隆每旬", "不认识单位“弗隆每旬”。确实要用就加引号：“弗隆每旬”。"),
    ],
)
def test_a_bad_cell_is_named_with_its_row_problem_and_example(column, cell, said):
    job = staged(make_importer(), csv_file(row(1, **{column: cell}), row(2)))
    found = [p for r in job.staged.filter(state="wrong") for p in r.problems]
    assert [(p["zh"], bool(p["en"])) for p in found] == [(said, True)]
    assert found[0]["en"] != said
    assert (job.ready, job.wrong) == (1, 1)


def test_every_problem_of_a_row_is_named_at_once():
    bad = row(1, 技术成熟度="12", 报价="300", 指标="很好", 产业领域="炼丹")
    assert [column for _n, column, _t in problems(staged(make_importer(), csv_file(bad)))] == [
        "field", "trl", "price", "indicators",
    ]  # fmt: skip


def test_json_of_the_wrong_kind_is_refused_row_by_row():
    good = {"title": "膜", "summary": "稳定", "field": "materials"}
    job = staged(
        make_importer(),
        jsonl_file(
            good,
            {**good, "title": {"zh": "膜"}},
            {**good, "title": ["膜"]},
            {**good, "summary": "a\u0000b"},
            {**good, "indicators": [{"name_zh": "x", "value": {"a": 1}}]},
            {**good, "keywords": [1, "膜"]},
            {**good, "trl": [6]},
            [good],
        ),
        name="x.jsonl",
    )
    assert [(n, c) for n, c, _t in problems(job)] == [
        (2, "title"), (3, "title"), (4, "summary"), (5, "indicators"), (7, "trl"), (8, ""),
    ]  # fmt: skip


def test_a_header_without_rows_is_checked_and_empty():
    job = staged(make_importer(), csv_file())
    assert (job.state, job.rows_total, job.ready) == ("validated", 0, 0)


def test_a_file_that_breaks_further_down_is_refused_in_both_languages():
    data = csv_file(*(row(n) for n in range(300))) + b'"' + b"x" * 200_000
    job = staged(make_importer(), data)
    assert (job.state, job.ready) == ("refused", 200)
    assert job.problem["zh"].startswith("第 302 行读不下去")
    assert job.problem["en"].startswith("Row 302 cannot be read")
    assert Submission.objects.count() == 0


def test_an_actor_without_an_organisation_imports_nothing():
    from keqiao.kernel.errors import NotAllowed

    with pytest.raises(NotAllowed):
        staged(make_actor(), csv_file(row(1)))
