"""What goes out: only what may be seen, neutralised, and the same when it comes in again."""

import csv
import io
import json

import openpyxl
import pytest
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from keqiao.catalogue.models import IPAsset, PrivateBudget
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.interchange import exporting, sending
from keqiao.interchange.applying.shared import canonical
from keqiao.interchange.exporting import Wanted, rows_for
from keqiao.interchange.mapping import match
from keqiao.interchange.readers import header_of, look_at, rows_of
from keqiao.interchange.rows import check
from keqiao.interchange.tests.factories import applied, csv_file, make_importer, make_tables, problems
from keqiao.interchange.world import World
from keqiao.kernel.errors import NotAllowed
from keqiao.parties import selectors as parties
from keqiao.parties.models import Invitation, Organisation, Person, Post
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person
from keqiao.submissions.content import content_of

pytestmark = pytest.mark.django_db
FORMATS = ("csv", "xlsx", "jsonl")


@pytest.fixture(autouse=True)
def _tables(rules):
    make_tables()


def bytes_of(actor, wanted, extension):
    answer = sending.export(actor, wanted, extension)
    found = b"".join(answer.streaming_content)
    if hasattr(answer, "file_to_stream"):  # closing the answer would end the test's connection
        answer.file_to_stream.close()
    return found


def codes(actor, kind, **wanted):
    return sorted(row["code"] for row in rows_for(actor, Wanted(kind=kind, **wanted)))


def test_drafts_go_out_to_their_owner_only():
    actor = make_importer()
    own = make_achievement(owner_id=actor.acting_for, state="draft", published_at=None)
    hidden = make_achievement(state="draft", published_at=None)
    withdrawn = make_achievement(state="withdrawn")
    public = make_achievement()
    assert codes(actor, "achievements") == sorted([own.code, public.code])
    assert codes(make_importer(), "achievements") == [public.code]
    assert codes(actor, "achievements", own=True) == [own.code]
    assert codes(parties.system(), "achievements") == sorted([own.code, hidden.code, withdrawn.code, public.code])
    with pytest.raises(NotAllowed):
        rows_for(parties.visitor(), Wanted(kind="achievements"))


@pytest.mark.parametrize("shown", ["hidden", "matched"])
@pytest.mark.parametrize("extension", FORMATS)
def test_a_publisher_who_is_not_shown_is_in_no_file(shown, extension):
    publisher = make_organisation(name_zh="隐名公司", code="DW-SECRET", is_verified=True)
    need = make_need(publisher=publisher, publisher_shown=shown, external_id="DW-SECRET-7", field="materials")
    stranger = make_importer()
    data = bytes_of(stranger, Wanted(kind="needs"), extension)
    if extension == "xlsx":
        import zipfile

        with zipfile.ZipFile(io.BytesIO(data)) as book:
            data = b"".join(book.read(name) for name in book.namelist())
    assert need.code.encode() in data
    for word in ("隐名公司", "DW-SECRET"):
        assert word.encode() not in data
    assert codes(stranger, "needs", organisation="DW-SECRET") == []
    assert codes(make_actor(organisation=publisher), "needs", organisation="DW-SECRET") == [need.code]
    row = next(iter(rows_for(make_actor(organisation=publisher), Wanted(kind="needs"))))
    assert (row["organisation"], row["external_id"]) == ("DW-SECRET", "DW-SECRET-7")


def test_the_name_of_a_file_says_kind_and_day_only():
    client = Client()
    actor = make_importer(name_zh="某某大学")
    client.force_login(Person.objects.get(pk=actor.person_id).user)
    answer = client.get("/export/file?kind=needs&format=csv&own=1")
    assert answer["Content-Disposition"].startswith('attachment; filename="keqiao-needs-20')
    assert (answer["Cache-Control"], answer["X-Content-Type-Options"]) == ("private, no-store", "nosniff")


def test_pending_rights_and_people_go_out_to_their_own_only():
    actor = make_importer()
    place = Organisation.objects.get(pk=actor.acting_for)
    make_person(organisation=place, name_zh="同事")
    IPAsset.objects.create(kind="know_how", status="secret", owner=place, title_zh="秘方")
    IPAsset.objects.create(
        kind="invention", status="granted", number="201310699744.2", owner=place, title_zh="公开的膜"
    )
    IPAsset.objects.create(
        kind="invention", status="pending", number="201510000001.1", owner=place, title_zh="在审的膜"
    )
    stranger = make_importer()
    assert [row["title_zh"] for row in rows_for(stranger, Wanted(kind="assets"))] == ["公开的膜"]
    assert len(list(rows_for(actor, Wanted(kind="assets")))) == 3
    assert "同事" in {row["name_zh"] for row in rows_for(actor, Wanted(kind="people"))}
    for who in (Wanted(kind="people"), Wanted(kind="people", organisation=place.code)):
        assert "同事" not in {row["name_zh"] for row in rows_for(stranger, who)}
    assert "同事" in {row["name_zh"] for row in rows_for(make_operator(), Wanted(kind="people"))}
    with pytest.raises(NotAllowed):
        rows_for(make_actor(), Wanted(kind="people"))


def test_numbers_of_pending_rights_stay_with_their_owner():
    actor = make_importer()
    achievement = make_achievement(owner_id=actor.acting_for)
    for status, number in (("granted", "201310699744.2"), ("pending", "201510000001.1")):
        achievement.assets.add(
            IPAsset.objects.create(kind="invention", status=status, number=number, owner_id=actor.acting_for)
        )
    assert next(iter(rows_for(make_importer(), Wanted(kind="achievements"))))["assets"] == "201310699744.2"
    assert next(iter(rows_for(actor, Wanted(kind="achievements"))))["assets"] == "201310699744.2；201510000001.1"


def test_filters():
    mine = make_achievement(field="materials", region="310000", modes=["transfer"])
    make_achievement(field="energy")
    actor = make_importer()
    for wanted in (
        {"field": "materials"},
        {"region": "310000"},
        {"mode": "transfer"},
        {"organisation": mine.owner.code},
    ):
        assert codes(actor, "achievements", **wanted) == [mine.code]


def test_many_rows_cost_a_few_queries(django_assert_max_num_queries):
    for _n in range(20):
        make_achievement(indicators=[{"name_zh": "水通量", "value": 15, "unit": "LMH/bar", "comparator": ">="}])
    actor = make_importer()
    list(rows_for(actor, Wanted(kind="achievements")))
    with django_assert_max_num_queries(8):
        assert len(list(rows_for(actor, Wanted(kind="achievements")))) == 20


def test_formulas_are_neutralised_and_numbers_are_not():
    actor = make_importer()
    make_achievement(title="=HYPERLINK(1)", summary="-5", owner_id=actor.acting_for, external_id="@x")
    rows = list(csv.DictReader(io.StringIO(bytes_of(actor, Wanted(kind="achievements"), "csv").decode("utf-8-sig"))))
    assert [rows[0][name] for name in ("成果名称", "成果简介", "外部编号")] == ["'=HYPERLINK(1)", "-5", "'@x"]
    book = openpyxl.load_workbook(io.BytesIO(bytes_of(actor, Wanted(kind="achievements"), "xlsx")))
    cells = {cell.value for row in book.active for cell in row}
    assert {"'=HYPERLINK(1)", -5, "'@x"} <= cells
    assert all(cell.data_type != "f" for row in book.active for cell in row)
    line = json.loads(bytes_of(actor, Wanted(kind="achievements"), "jsonl"))
    assert (line["title"], line["external_id"]) == ("=HYPERLINK(1)", "@x")


def test_exports_are_imported_again_without_a_change():
    """A whole organisation out and in: nothing is new."""
    operator = make_operator()
    places = [make_organisation(region="310000", qualifications=["tech_sme"]) for _n in range(3)]
    make_person(organisation=places[0])
    IPAsset.objects.create(kind="invention", status="granted", number="201310699744.2", owner=places[0], title_zh="膜")
    for kind, extension in (
        ("organisations", "csv"),
        ("organisations", "xlsx"),
        ("assets", "jsonl"),
        ("assets", "csv"),
    ):
        job = applied(operator, bytes_of(operator, Wanted(kind=kind), extension), kind=kind, name=f"x.{extension}")
        assert (job.wrong, job.failed, job.added, job.changed) == (0, 0, 0, 0)
        assert job.unchanged > 0


@pytest.mark.parametrize("extension", FORMATS)
def test_people_and_rights_go_out_and_in_without_a_change(extension):
    """Registered, invited, with two roles, of the same name; a secret without a number; what came by a file and what not."""
    actor = make_importer(name_zh="澜江大学")
    place = Organisation.objects.get(pk=actor.acting_for)
    operator = make_operator()
    header = ["外部编号", "姓名", "单位", "角色", "职称"]
    came = [["A-1", "林若川", "澜江大学", "科研人员", "教授"], ["A-2", "许砚秋", "澜江大学", "科研人员", ""]]
    applied(operator, csv_file(*came, header=header), kind="people")
    twice = make_person(organisation=place, name_zh="林若川", role="rd_manager")
    twice.posts.create(organisation=place, role="researcher")
    secret = ["B-1", "技术秘密", "", "配方", "保密"]
    applied(actor, csv_file(secret, header=["外部编号", "类型", "申请号", "名称", "状态"]), kind="assets")
    IPAsset.objects.create(kind="know_how", status="secret", owner=place, title_zh="没有编号的秘方")
    for n, number in enumerate(("202219939898.0", "201310699744.2")):  # a spreadsheet takes both for numbers
        IPAsset.objects.create(kind="utility", status="granted", owner=place, title_zh=f"一种泵{n}", number=number)
    before = everything()
    for who, kind in ((operator, "people"), (actor, "people"), (actor, "assets")):
        out = bytes_of(who, Wanted(kind=kind, organisation=place.code), extension)
        job = applied(who, out, kind=kind, name=f"x.{extension}")
        assert (problems(job), job.added, job.changed, job.unchanged > 1) == ([], 0, 0, True)
    assert everything() == before


def everything():
    return [list(model.objects.order_by("pk").values()) for model in (Person, Post, Invitation, IPAsset)]


def test_external_ids_are_their_organisations_own():
    actor = make_importer()
    cells = ["B-1", "发明专利", "201310699744.2", "一种膜", "授权"]
    applied(actor, csv_file(cells, header=["外部编号", "类型", "申请号", "名称", "状态"]), kind="assets")
    seen = {
        who: [row["external_id"] for row in rows_for(who, Wanted(kind="assets"))] for who in (actor, make_importer())
    }
    assert list(seen.values()) == [["B-1"], [""]]


# --- out and in: the same content -------------------------------------------------------------------------------------

line = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30).map(str.strip).filter(bool)
tricky = st.sampled_from(
    ["=1+1", "-5", "'=x", "''", "+86", "@a", "a;b", "甲、乙", '["x"]', "001", "1.50", "TRUE", "46082", "是", "#x"]
)
text = (line | tricky | st.builds("{}\n{}".format, line, line)).filter(lambda t: t == t.strip(" \u3000\ufeff\n"))
words = st.lists(line | tricky, max_size=3, unique=True)
SETTINGS = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate]
)


def again(actor, kind, extension, tmp_path):
    """What the exported file says when it is read: one row's content."""
    path = tmp_path / "file"
    path.write_bytes(bytes_of(actor, Wanted(kind=kind, own=True), extension))
    source = look_at(path, f"x.{extension}")
    mapping = match(kind, header_of(source))
    found = check(kind, next(rows_of(source)), mapping, World(actor, actor.acting_for, drafts=True))
    assert found.problems == []
    return {name: value for name, value in found.content.items() if name != "code"}


@pytest.mark.parametrize("extension", FORMATS)
def test_achievements_round_trip(extension, tmp_path, db):
    actor = make_importer()
    item = make_achievement(owner_id=actor.acting_for, field="materials")

    @SETTINGS
    @given(
        zh=st.fixed_dictionaries({"title": text, "summary": text, "how": text | st.just("")}),
        en=st.none() | st.fixed_dictionaries({"title": text, "summary": text}),
        keywords=words,
        evidence=words,
        modes=st.lists(st.sampled_from(["transfer", "service", "development"]), unique=True),
        trl=st.none() | st.integers(1, 9),
        price=st.none() | st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)),
        unit=st.just("") | line,
        external=st.just("") | line.filter(lambda t: not t.startswith("#")),
    )
    def round_trip(zh, en, keywords, evidence, modes, trl, price, unit, external):
        item.texts.all().delete()
        item.texts.create(lang="zh", **zh)
        if en:
            item.texts.create(lang="en", origin="machine", **en)
        item.keywords_zh, item.trl_evidence_zh, item.modes, item.trl = keywords, evidence, modes, trl
        item.unit_zh, item.external_id, item.region = unit, external, "310000"
        item.price_kind = "amount" if price else "negotiable"
        item.price_low, item.price_high = (min(price), max(price)) if price else (None, None)
        item.save()
        assert canonical(again(actor, "achievements", extension, tmp_path)) == canonical(content_of(item))

    round_trip()


@pytest.mark.parametrize("extension", FORMATS)
def test_needs_round_trip(extension, tmp_path, db):
    actor = make_importer(kind="enterprise")
    item = make_need(publisher_id=actor.acting_for, field="materials", deadline="2030-06-30", region_wish="local")

    @SETTINGS
    @given(
        zh=st.fixed_dictionaries({"title": text, "problem": text, "offers": text | st.just("")}),
        shown=st.sampled_from(["shown", "hidden", "matched"]),
        name=line,
        value=st.decimals(-(10**6), 10**6, places=3, allow_nan=False),
        unit=st.sampled_from(["", "mg/L", "株/穴", "W/(m·K)"]),
        condition=st.just("") | line,
        must=st.booleans(),
        budget=st.sampled_from(["", "hidden", "matched"]),
    )
    def round_trip(zh, shown, name, value, unit, condition, must, budget):
        PrivateBudget.objects.filter(need=item).delete()
        if budget:
            PrivateBudget.objects.create(
                need=item, shown=budget, price_kind="amount", price_low=100, price_high=300_000_000
            )
        item.texts.all().delete()
        item.texts.create(lang="zh", **zh)
        item.indicators.all().delete()
        item.indicators.create(
            position=0, name_zh=name, comparator=">=", target=value, unit=unit, condition_zh=condition, is_must=must
        )
        item.publisher_shown = shown
        item.save()
        item.refresh_from_db()
        assert canonical(again(actor, "needs", extension, tmp_path)) == canonical(content_of(item))

    round_trip()


def test_the_page_offers_the_filters_of_the_list(client):
    actor = make_importer()
    client.force_login(Person.objects.get(pk=actor.person_id).user)
    page = client.get("/export?kind=need&q=膜&field=materials").content.decode()
    assert 'value="needs" checked' in page
    assert 'value="膜"' in page
    assert 'value="materials" selected' in page
    assert client.get("/export/file?kind=nothing").status_code == 422
    assert client.get("/export/file?kind=needs&format=exe").status_code == 422
    assert client.get("/export/file?kind=needs&organisation=DW-NONE").status_code == 404


def test_names_of_files_hold_no_words_of_the_asker():
    from datetime import date

    assert exporting.name_of("needs", "csv", date(2026, 11, 21)) == "keqiao-needs-20261121.csv"
