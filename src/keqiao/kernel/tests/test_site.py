"""What makes a site this city's: settings that administrators change, and what follows them."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from keqiao.catalogue import codes, site_tables
from keqiao.catalogue.models import Code
from keqiao.catalogue.tests.factories import make_need
from keqiao.kernel import calendar, clock, files, parameters, site
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.models import DayOff, Event, SiteSettings, StoredFile
from keqiao.parties import selectors as parties
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
system = parties.system()
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xfc\xff\xff?\x03\x00\x08\xfc\x02\xfe\xa7\x9a\xa0\xa0\x00\x00\x00\x00IEND\xaeB`\x82"
)
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF"
    + b"\x00" * 10
    + b"\xff\xc0\x00\x11\x08\x00\x10\x00\x20\x03"
    + b"\x00" * 9
    + b"\xff\xd9"
)


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def change(actor=None, logo=None, **changes):
    return site.change_site_settings(actor=actor or make_operator(), changes=changes, logo=logo)


def operator_client():
    client = Client()
    client.force_login(Person.objects.get(pk=make_operator().person_id).user)
    return client


# --- what follows the row -----------------------------------------------------------------------------------------------


def test_the_environment_is_the_default():
    site.forget()
    assert (site.jurisdiction(), site.zone(), site.languages()) == (
        "CN-SH",
        ZoneInfo("Asia/Shanghai"),
        ["zh-hans", "en"],
    )
    assert SiteSettings.objects.count() == 0


def test_rules_calendar_and_clock_follow_the_row():
    assert parameters.jurisdictions() == ["CN-SH", "CN", "KQ"]
    change(jurisdiction="CN-ZJ", time_zone="Pacific/Kiritimati")
    assert parameters.jurisdictions() == ["CN-ZJ", "CN", "KQ"]
    assert clock.site_zone() == ZoneInfo("Pacific/Kiritimati")
    assert clock.today() == clock.now().astimezone(ZoneInfo("Pacific/Kiritimati")).date()
    DayOff.objects.create(day=date(2026, 11, 23), jurisdiction="CN-ZJ", is_working=False, source="x")
    assert calendar.is_working_day(date(2026, 11, 23)) is None
    change(jurisdiction="", time_zone="")
    assert calendar.is_working_day(date(2026, 11, 23)).day == date(2026, 11, 23)


def test_pages_show_name_filing_line_contact_and_logo(client):
    change(
        name_zh="云津成果桥",
        name_en="Yunjin Bridge",
        icp_line="津ICP备12345678号",
        contact_email="help@example.org",
        logo=PNG,
    )
    page = client.get("/about/data").content.decode()
    assert '<b lang="zh-CN">云津成果桥</b>' in page
    assert "云津成果桥 Yunjin Bridge</title>" in page
    assert "津ICP备12345678号" in page
    assert 'href="mailto:help@example.org"' in page
    assert 'src="/site/logo?v=' in page
    assert "Yunjin Bridge</title>" in client.get("/about/data?lang=en").content.decode()
    answer = client.get("/site/logo")
    assert (answer.headers["Content-Type"], b"".join(answer.streaming_content)) == ("image/png", PNG)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_without_a_logo_there_is_none(client):
    assert client.get("/site/logo").status_code == 404
    change(logo=PNG)
    site.change_site_settings(actor=make_operator(), changes={}, drops_logo=True)
    assert client.get("/site/logo").status_code == 404


def test_a_site_in_one_language(client):
    change(languages=["en"])
    page = client.get("/about/data").content.decode()
    assert '<html lang="en"' in page
    assert 'name="language"' not in page
    client.cookies["keqiao_language"] = "zh-hans"
    assert '<html lang="en"' in client.get("/about/data?lang=zh").content.decode()


def test_a_process_keeps_the_row_for_a_moment(django_assert_num_queries):
    site.forget()
    with django_assert_num_queries(1):
        site.site()
        clock.site_zone()
        parameters.jurisdictions()


# --- refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name_zh": " "}, "name_zh"),
        ({"name_en": ""}, "name_en"),
        ({"name_zh": "长" * 61}, "name_zh"),
        ({"name_en": "a\u202eb"}, "name_en"),
        ({"icp_line": "x" * 121}, "icp_line"),
        ({"contact_email": "nobody"}, "contact_email"),
        ({"jurisdiction": "CN-XX"}, "jurisdiction"),
        ({"jurisdiction": "KQ"}, "jurisdiction"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"languages": ["fr"]}, "languages"),
        ({"region_root": "31 00"}, "region_root"),
        ({"more": {}}, "more"),
    ],
)
def test_a_value_that_cannot_be_used(changes, field):
    with pytest.raises(BadInput) as refused:
        change(name_zh="新名", **changes) if "name_zh" not in changes else change(**changes)
    assert refused.value.field == field
    assert (SiteSettings.objects.count(), Event.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        b"\xef\xbb\xbf <?xml version='1.0'?><svg/>",
        b"GIF89a" + b"\x00" * 40,
        b"\x89PNG\r\n\x1a\n",
        PNG + b"<script>alert(1)</script>",
        PNG[:16] + b"\x00\x00\x27\x10" * 2 + PNG[24:],
        JPEG[:-2] + b"<script>",
        b"\xff\xd8\xff\xd9",
        b"%PDF-1.7",
        PNG + b"\x00" * (200 * 1024),
    ],
    ids=["svg", "xml", "gif", "cut", "png-and-more", "huge", "jpeg-and-more", "empty-jpeg", "pdf", "too-large"],
)
def test_a_logo_is_judged_by_its_content(content):
    with pytest.raises(BadInput) as refused:
        change(logo=content)
    assert refused.value.field == "logo"
    assert (StoredFile.objects.count(), SiteSettings.objects.count()) == (0, 0)


def test_a_jpeg_is_taken():
    change(logo=JPEG)
    assert StoredFile.objects.get().media_type == "image/jpeg"
    with files.open_file(site.logo_file()) as file:
        assert file.read() == JPEG


def test_only_operators_change_and_the_trail_names_fields_only():
    for who in (make_actor(), parties.visitor()):
        with pytest.raises(NotAllowed):
            change(actor=who, name_zh="新名")
    assert SiteSettings.objects.count() == 0
    change(name_zh="新名", icp_line="备案")
    change(name_zh="新名")  # nothing changed, nothing recorded
    event = Event.objects.get(name="kernel.site_settings_changed")
    assert event.data == {"fields": ["icp_line", "name_zh"]}


# --- the page -----------------------------------------------------------------------------------------------------------


def test_the_page_saves_and_says_so():
    client = operator_client()
    Code.objects.create(scheme="region", edition="site", code="YJ", level="city", title_zh="云津市", position=1)
    given = {
        "name_zh": "云津",
        "name_en": "Yunjin",
        "jurisdiction": "CN-ZJ",
        "time_zone": "Asia/Shanghai",
        "region_root": "YJ",
    }
    upload = SimpleUploadedFile("logo.svg", PNG)  # the name says nothing
    answer = client.post("/admin/site", {**given, "languages": ["zh-hans"], "logo": upload})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/site?saved=1")
    page = client.get("/admin/site?saved=1").content.decode()
    assert "已保存" in page
    assert 'value="云津"' in page
    row = SiteSettings.objects.get()
    assert (row.name_zh, row.jurisdiction, row.languages, row.region_root) == ("云津", "CN-ZJ", ["zh-hans"], "YJ")
    assert row.logo.media_type == "image/png"


@pytest.mark.parametrize(
    ("given", "said"), [({"region_root": "NO"}, "地区表里没有代码"), ({"name_en": ""}, "站点名称不能为空")]
)
def test_the_page_says_what_is_wrong_and_keeps_what_was_typed(given, said):
    client = operator_client()
    answer = client.post("/admin/site", {"name_zh": "云津", "name_en": "Yunjin", **given})
    page = answer.content.decode()
    assert (answer.status_code, said in page, 'value="云津"' in page) == (422, True, True)
    assert SiteSettings.objects.count() == 0


@pytest.mark.parametrize(
    "address", ["/admin/site", "/admin/site/field", "/admin/site/region", "/admin/site/field.csv", "/admin/agreements"]
)
def test_others_find_no_such_page(client, address):
    assert client.get(address).status_code == 302
    client.force_login(make_person(organisation=make_organisation()).user)
    assert client.get(address).status_code == 404
    assert client.post(address).status_code in {404, 405}


# --- the site's own tables ----------------------------------------------------------------------------------------------

REGIONS = "code,parent,level,title_zh,title_en\r\nYJ,,city,云津市,Yunjin\r\nYJ01,YJ,area,河西区,Hexi\r\n"


def replace(text, scheme="region", actor=None):
    content = text if isinstance(text, bytes) else text.encode("utf-8-sig")
    return site_tables.replace_site_table(actor=actor or make_operator(), scheme=scheme, content=content)


def regions():
    return list(site_tables.site_table("region").values_list("code", "parent", "level", "title_zh", "title_en"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_second_city_needs_no_code(encoding):
    Code.objects.create(scheme="region", edition="site", code="LJ", level="city", title_zh="澜江市", position=1)
    assert replace(REGIONS.encode(encoding)) == 2
    assert regions() == [("YJ", "CN", "city", "云津市", "Yunjin"), ("YJ01", "YJ", "area", "河西区", "Hexi")]
    assert Event.objects.get(name="catalogue.code_table_replaced").data == {"scheme": "region", "rows": 2, "gone": 1}


def test_what_is_downloaded_can_be_uploaded_and_holds_no_formula():
    replace(REGIONS)
    row = Code.objects.get(code="YJ01")
    row.title_en = "=1+1"
    row.save()
    before = regions()
    content = site_tables.as_csv("region")
    assert b"'=1+1" in content
    replace(content.replace(b'"\'=1+1"', b"'=1+1"))
    assert regions() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "第 1 行缺少列 code"),
        ("code,title_zh\n", "没有数据行"),
        ("name\n云津", "第 1 行缺少列 code, title_zh"),
        ("code,title_zh\nYJ,云津\nYJ,云津", "第 3 行 code：“YJ”重复了"),
        ("code,title_zh\nY J,云津", "第 2 行 code：只含字母"),
        ("code,title_zh\nYJ,", "第 2 行 title_zh"),
        ("code,parent,title_zh\nYJ,NO,云津", "第 2 行 parent：没有代码“NO”"),
        ("code,parent,title_zh\nA,B,甲\nB,A,乙", "绕回了自己"),
        (f"code,title_zh\nYJ,{'长' * 101}", "第 2 行 title_zh：最多 100 个字"),
        (b"PK\x03\x04 a workbook", "不接受 Excel"),
        (b"code,title_zh\nYJ,\xff\xff\xff", "编码认不出来"),
        (b"\x00", "不接受 Excel"),
        ("code,title_zh\n" + "\n".join(f"C{n},区{n}" for n in range(10_001)), "最多 10000 行"),
    ],
)
def test_a_file_that_cannot_be_taken_changes_nothing(text, said):
    replace(REGIONS)
    before, events = regions(), Event.objects.count()
    with pytest.raises(BadInput) as refused:
        replace(text)
    assert said in str(refused.value)
    assert (regions(), Event.objects.count()) == (before, events)


def test_a_code_in_use_cannot_vanish():
    replace(REGIONS)
    make_need(region="YJ01")
    with pytest.raises(BadInput, match="YJ01"):
        replace("code,title_zh\nYJ,云津市")
    replace("code,parent,title_zh\nYJ,,云津市\nYJ01,YJ,河西新区")
    assert regions()[1][3] == "河西新区"


def test_only_operators_and_only_the_sites_own_tables():
    for actor, scheme in ((make_actor(), "region"), (parties.visitor(), "field"), (make_operator(), "ipc")):
        with pytest.raises(NotAllowed):
            site_tables.replace_site_table(actor=actor, scheme=scheme, content=REGIONS.encode())
        with pytest.raises(NotAllowed):
            site_tables.rename_codes(actor=actor, scheme=scheme, titles={})
    assert Code.objects.count() == 0


def test_a_release_does_not_write_over_the_sites_own_fields():
    codes.load(actor=system)
    assert Code.objects.get(scheme="field", code="materials").title_zh == "新材料"
    site_tables.rename_codes(
        actor=make_operator(), scheme="field", titles={"materials": ("先进材料", "Advanced materials")}
    )
    codes.load(actor=system)
    assert Code.objects.get(scheme="field", code="materials").title_zh == "先进材料"
    assert Event.objects.get(name="catalogue.codes_renamed").data == {"scheme": "field", "codes": ["materials"]}


@pytest.mark.parametrize(
    ("titles", "field"), [({"NO": ("甲", "")}, "NO"), ({"YJ": (" ", "")}, "YJ"), ({"YJ": ("长" * 101, "")}, "YJ")]
)
def test_a_title_that_cannot_be_used(titles, field):
    replace(REGIONS)
    with pytest.raises(BadInput) as refused:
        site_tables.rename_codes(actor=make_operator(), scheme="region", titles=titles)
    assert refused.value.field == field
    assert regions()[0][3] == "云津市"


def test_the_table_page_shows_renames_and_replaces():
    client = operator_client()
    replace(REGIONS)
    page = client.get("/admin/site/region").content.decode()
    assert 'value="云津市"' in page
    upload = SimpleUploadedFile("r.csv", REGIONS.replace("云津市", "新津市").encode())
    assert client.post("/admin/site/region", {"file": upload}).status_code == 302
    given = {"rename": "1", "code": ["YJ", "YJ01"], "title_zh": ["云津市", "河东区"], "title_en": ["Yunjin", "Hedong"]}
    assert client.post("/admin/site/region", given).headers["Location"] == "/admin/site/region?saved=1"
    assert [row[3] for row in regions()] == ["云津市", "河东区"]
    bad = client.post("/admin/site/region", {"file": SimpleUploadedFile("r.csv", b"x")})
    assert (bad.status_code, "第 1 行缺少列" in bad.content.decode()) == (422, True)
    assert "请选择一个 CSV" in client.post("/admin/site/region").content.decode()
    file = client.get("/admin/site/region.csv")
    assert file.headers["Content-Disposition"] == 'attachment; filename="keqiao-region.csv"'
    assert file.content.startswith(b"\xef\xbb\xbfcode,")


def test_table_pages_cost_the_same_for_one_and_for_three(django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = operator_client()
    costs = []
    for count in (1, 3):
        replace("code,title_zh\n" + "\n".join(f"C{n},区{n}" for n in range(count)))
        client.get("/admin/site/region")
        with CaptureQueriesContext(connection) as queries:
            client.get("/admin/site/region")
        costs.append(len(queries))
    assert costs[0] == costs[1]


# --- agreements and the first password ----------------------------------------------------------------------------------


def test_operators_add_a_newer_agreement_on_the_page():
    client = operator_client()
    day = clock.today().replace(year=clock.today().year + 1).isoformat()
    given = {
        "kind": "privacy",
        "first_on": day,
        "text_zh": "# 隐私政策\n\n新的一版，写明新增了什么。",
        "text_en": "# Privacy policy\n\nA new version.",
    }
    assert client.post("/admin/agreements", given).status_code == 302
    assert day in client.get("/admin/agreements").content.decode()
    bad = client.post("/admin/agreements", {**given, "first_on": "x", "text_zh": "# 留下的字"})
    assert (bad.status_code, "留下的字" in bad.content.decode(), "日期写成" in bad.content.decode()) == (
        422,
        True,
        True,
    )
