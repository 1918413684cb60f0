"""Every page: it answers, says what it must, keeps secrets, costs the same for one row and for three."""

import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from keqiao.catalogue.models import IPAsset
from keqiao.catalogue.tests.factories import make_achievement, make_code, make_need
from keqiao.catalogue.types import Shown
from keqiao.kernel import notices
from keqiao.matching import measured
from keqiao.matching.tests.factories import load_rules, make_match
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import PASSWORD, make_organisation, make_person

pytestmark = pytest.mark.django_db
HAN = re.compile(r"[\u3400-\u9fff]")
TEXTS = {
    "zh": {"title": "耐酸纳滤膜的涂覆", "problem": "现用膜三个月失效。", "background": "背景。", "tried": "试过。", "wanted": "要耐酸。", "offers": "可供实样。"},
    "en": {"title": "Coating of an acid-resistant membrane", "problem": "Membranes fail within three months."},
}  # fmt: skip
RESULT_TEXTS = {
    "zh": {"title": "界面聚合耐酸纳滤膜", "summary": "在 pH 1 下稳定。", "problem": "解决。", "how": "做法。", "stage": "中试。", "incumbent": "进口膜。", "advantage": "省钱。"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _world():
    cache.clear()
    load_rules()
    for code, zh, en in (("materials", "新材料", "Materials"), ("ai", "人工智能", "AI")):
        make_code(code=code, title_zh=zh, title_en=en)
    make_code(scheme="region", code="LJ", title_zh="澜江市", title_en="Lanjiang")
    make_code(scheme="ipc", code="B01D", title_zh="分离", title_en="SEPARATION")


def make_full_need(**fields):
    indicator = {
        "name_zh": "纯水通量",
        "name_en": "pure-water flux",
        "comparator": ">=",
        "target": 15,
        "current": Decimal("9.6"),
        "unit": "LMH/bar",
    }
    return make_need(
        **{
            "texts": TEXTS, "indicators": [indicator], "field": "materials", "region": "LJ", "ipc": ["B01D 71/56"], "modes": ["transfer"],
            "price_kind": "amount", "price_low": 300_000_000, "price_high": 500_000_000, "deadline": date(2027, 1, 31), "trl_min": 6,
            **fields,
        }
    )  # fmt: skip


def make_full_achievement(**fields):
    indicator = {
        "name_zh": "纯水通量", "name_en": "pure-water flux", "value": Decimal("18.2"), "unit": "LMH/bar", "evidence": "third_party",
        "evidence_zh": "检测报告", "baseline": [{"name_zh": "进口膜", "name_en": "imported", "value": "12.5"}],
    }  # fmt: skip
    found = make_achievement(
        **{
            "texts": RESULT_TEXTS, "indicators": [indicator], "field": "materials", "region": "LJ", "trl": 6, "trl_evidence_zh": ["中试记录"],
            "modes": ["license_exclusive"], "price_kind": "amount", "price_low": 860_000_000, "price_high": 860_000_000,
            "price_for": "license_exclusive", "ipc": ["B01D 71/56"], **fields,
        }
    )  # fmt: skip
    asset = IPAsset.objects.create(
        kind="invention", number=f"2023{found.pk:08d}", title_zh="一种膜", status="granted", owner=found.owner
    )
    found.assets.add(asset)
    found.team.create(position=0, name_zh="林若川", title_zh="教授", role_zh="膜材料")
    return found


def make_open_achievement():
    source = {
        "name": "NASA TechPort",
        "url": "https://techport.nasa.gov/1",
        "licence": "US Government",
        "attribution": "NASA",
        "item_id": "tp-1",
    }
    return make_achievement(
        lang="en",
        title="Ice mapping",
        summary="Maps ice.",
        source=source,
        passages={"trl": {"value": 4, "from": "metadata"}},
    )


def page(client, address, *, language="zh-hans", status=200):
    client.cookies["keqiao_language"] = language
    answer = client.get(address)
    assert answer.status_code == status, address
    return answer.content.decode()


def main(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html[html.index("<main") :]))


class Chinese(HTMLParser):
    """Collects Chinese outside elements whose language is Chinese."""

    EMPTY = frozenset({"meta", "link", "input", "br", "hr"})
    SAID = frozenset({"alt", "title", "aria-label", "placeholder", "content", "data-l"})

    def __init__(self):
        super().__init__()
        self.open, self.found = [], []

    @property
    def language(self):
        return next((lang for _tag, lang in reversed(self.open) if lang), "")

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if not (given.get("lang") or self.language).startswith("zh"):
            self.found += [
                f"{name}={value}" for name, value in attrs if name in self.SAID and value and HAN.search(value)
            ]
        if tag not in self.EMPTY:
            self.open.append((tag, given.get("lang")))

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if HAN.search(data) and not self.language.startswith("zh") and self.open[-1][0] != "script":
            self.found.append(data.strip())


# --- every page in both languages ------------------------------------------------------------------------------------------


@pytest.fixture
def addresses():
    need, achievement, real = make_full_need(), make_full_achievement(is_fictional=True), make_open_achievement()
    make_full_need(publisher_shown=Shown.HIDDEN, texts={"zh": TEXTS["zh"]})
    make_match(need, achievement, 84)
    make_match(need, real, 60, unmet=True)
    organisation = achievement.owner
    return [
        "/", "/search", "/search?kind=need", "/achievements", "/needs", f"/needs/{need.code}", f"/needs/{need.code}?match={real.code}",
        f"/needs/{need.code}/matches", f"/needs/{need.code}/matches/{achievement.code}", f"/achievements/{achievement.code}",
        f"/achievements/{real.code}", "/organisations", f"/organisations/{organisation.code}", f"/organisations/{need.publisher.code}",
        "/sign-in", "/rules", "/rules?jurisdiction=CN&on=2026-11-20", "/about/matching", "/about/data", "/about/accessibility",
        "/search?page=7", "/search?field=invented",
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_answers(client, addresses, language):
    for address in addresses:
        html = page(client, address, language=language)
        assert html.count("<h1") == 1, address
        assert "<style" not in html
        assert re.findall(r"<script(?![^>]+(?:src=|application/ld\+json))", html) == []


def test_english_pages_have_no_chinese_that_is_not_marked(client, addresses):
    for address in addresses:
        parser = Chinese()
        parser.feed(page(client, address, language="en"))
        assert parser.found == [], address


def test_refusals_have_no_chinese_on_english_pages(client):
    for address, status in (("/nothing", 404), ("/needs/XQ-0", 404), ("/search?q=%00", 400)):
        parser = Chinese()
        parser.feed(page(client, address, language="en", status=status))
        assert parser.found == [], address


# --- what pages say ----------------------------------------------------------------------------------------------------------


def test_a_needs_page_says_what_is_asked_and_why_it_matches(client):
    need, achievement = make_full_need(), make_full_achievement()
    make_match(need, achievement, 84)
    html = main(page(client, f"/needs/{need.code}"))
    for words in (
        "300–500 万元",
        "2027-01-31",
        "TRL ≥ 6",
        "≥ 15",
        "9.6",
        "必须",
        "试过什么",
        "B01D 71/56",
        "为什么匹配",
        "看成果全文",
        "84",
    ):
        assert words in html


def test_the_panel_can_be_chosen_without_script_even_from_further_down_the_list(client):
    need = make_full_need()
    last = [make_match(need, score=90 - n).achievement for n in range(12)][-1]
    html = page(client, f"/needs/{need.code}?match={last.code}")
    panel = html[html.index('id="why"') :]
    assert f'href="/achievements/{last.code}"' in panel
    page(client, f"/needs/{need.code}?match=CG-0", status=404)


def test_the_panel_is_also_a_page_and_a_part_of_one(client):
    match = make_match(make_full_need(), make_full_achievement())
    address = f"/needs/{match.need.code}/matches/{match.achievement.code}"
    whole, part = client.get(address), client.get(address, headers={"HX-Request": "true"})
    assert "<html" in whole.content.decode()
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]


def test_a_line_stands_before_matches_with_an_unmet_requirement(client):
    need = make_full_need()
    make_match(need, score=40)
    html = page(client, f"/needs/{need.code}")
    assert "硬性要求未满足，排在其他结果之后" not in html
    make_match(need, score=90, unmet=True)
    html = page(client, f"/needs/{need.code}")
    assert html.index('"mrow"') < html.index('class="cut"') < html.rindex('"mrow"')
    assert client.get(f"/needs/{need.code}/matches").content.decode().count('class="cut"') == 1


def test_open_questions_are_listed(client):
    from keqiao.matching import stones
    from keqiao.matching.models import Match
    from keqiao.matching.types import Arch, Finding, Stone, StoneResult, Verdict

    need, achievement = make_full_need(), make_full_achievement()
    asked = Finding(
        Stone.REGION,
        "地域",
        "Region",
        Verdict.UNKNOWN,
        0.5,
        "",
        "",
        question_zh="团队在哪？",
        question_en="Where is the team?",
    )
    arch = Arch(50, (StoneResult(Stone.REGION, 100, 0.5, 50, Verdict.UNKNOWN, (asked,)),), has_unmet=False)
    Match.objects.create(
        need=need, achievement=achievement, score=50, has_unmet=False, arch=stones.arch_to_json(arch), version="t"
    )
    assert "先问这些 团队在哪？" in main(page(client, f"/needs/{need.code}"))
    assert "Ask these first Where is the team?" in main(page(client, f"/needs/{need.code}", language="en"))


def test_an_achievements_page_says_what_is_offered_and_who_may_need_it(client):
    match = make_match(make_full_need(), make_full_achievement(), 84)
    html = main(page(client, f"/achievements/{match.achievement.code}"))
    for words in (
        "860 万元",
        "TRL 6",
        "中试记录",
        "18.2",
        "进口膜",
        "12.5",
        "第三方检测 · 检测报告",
        "林若川",
        "一种膜",
        "谁可能需要它",
        "84",
    ):
        assert words in html


def test_real_texts_name_their_source_and_licence(client):
    html = main(page(client, f"/achievements/{make_open_achievement().code}"))
    for words in ("NASA TechPort", "US Government", "tp-1", "各栏目的原文依据", "4 (metadata)"):
        assert words in html


def test_a_machine_translation_is_marked_and_the_original_one_link_away(client):
    texts = {
        "zh": {"title": "原文", "summary": "原文。"},
        "en": {"title": "Machine text", "summary": "Made by a machine.", "origin": "machine"},
    }
    found = make_achievement(texts=texts)
    html = page(client, f"/achievements/{found.code}", language="en")
    assert "Machine translation, not checked by a person" in html
    assert 'href="?text=zh"' in html
    assert "原文。" in page(client, f"/achievements/{found.code}?text=zh", language="en")


def test_search_conditions_can_be_taken_away_with_links(client):
    html = page(client, "/search?q=TRL 6 以上")
    (link,) = re.findall(r'href="([^"]+)"\s+aria-label="移除', html)
    assert "drop=" in link
    assert 'aria-label="移除' not in page(client, f"/search{link.replace('&amp;', '&')}")


def test_counts_are_honest(client):
    for _ in range(3):
        make_achievement()
    html = main(page(client, "/achievements"))
    assert "3 项成果" in html
    assert "最接近的" not in html


def test_invented_filters_are_passed_over_aloud(client):
    make_achievement(field="materials")
    html = main(page(client, "/search?field=materials&field=gold&trl=0-99&utm_source=x"))
    assert "没有这样的筛选条件，已忽略：gold、0-99" in html
    assert "1 项成果" in html


def test_a_page_beyond_the_last_says_so(client):
    make_achievement()
    assert "没有这一页" in main(page(client, "/search?page=9"))
    need = make_match().need
    assert "没有这一页" in main(page(client, f"/needs/{need.code}/matches?page=9"))


def test_nothing_found_offers_two_ways_on(client):
    html = page(client, "/search?q=zzzz")
    empty = html[html.index('class="empty"') :]
    assert len(re.findall(r'class="btn"\s+href="([^"]+)"', empty[: empty.index("</dialog>")])) >= 2


def test_what_was_typed_is_echoed_without_tricks(client):
    html = page(client, "/search?q=%E2%80%AEabc%3Cb%3E%01")
    assert 'value="abc&lt;b&gt;"' in html
    assert "\u202e" not in html
    assert "只读了前 2,000 个字" in page(client, "/search?q=" + "x" * 2_001)


def test_rules_say_where_they_come_from_and_whether_they_were_checked(client):
    html = main(page(client, "/rules?jurisdiction=CN"))
    assert "未核对" in html or "已核对" in html
    assert "matching.weights" not in html
    assert "日期写成 2026-11-20 的样子" in main(page(client, "/rules?on=tomorrow"))


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_page_on_matching_shows_what_was_measured(client, language):
    html = main(page(client, "/about/matching", language=language))
    for line in measured.quality().lines:
        assert f"{line.ours:.3f}" in html
        assert f"{line.bm25:.3f}" in html
    latest = measured.rounds()[-1]
    assert f"{latest.precision:.3f}" in html
    assert f"{latest.recall:.3f}" in html
    assert measured.quality().command in html


# --- secrets ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", [Shown.HIDDEN, Shown.MATCHED])
def test_an_anonymous_publisher_is_on_no_page(client, shown):
    secret = make_organisation(name_zh="澄源膜科技秘密公司")
    need = make_full_need(publisher=secret, publisher_shown=shown)
    match = make_match(need, make_full_achievement())
    code = match.achievement.code
    for address in (
        "/",
        "/needs",
        f"/needs/{need.code}",
        f"/needs/{need.code}/matches",
        f"/needs/{need.code}/matches/{code}",
        f"/achievements/{code}",
    ):
        html = page(client, address)
        assert secret.name_zh not in html
        assert secret.code not in html
    assert "一家新材料企业（匿名）" in page(client, f"/needs/{need.code}")
    assert need.code not in page(client, f"/organisations/{secret.code}")


def test_a_matched_team_learns_the_publisher(client):
    team = make_organisation(kind="university")
    need = make_full_need(publisher=make_organisation(name_zh="澄源膜科技"), publisher_shown=Shown.MATCHED)
    make_match(need, make_full_achievement(owner=team), 90)
    client.force_login(make_person(organisation=team).user)
    assert "澄源膜科技" in page(client, f"/needs/{need.code}")


@pytest.mark.parametrize("state", ["draft", "withdrawn"])
def test_what_is_not_public_looks_missing(client, state):
    for address in (f"/needs/{make_need(state=state).code}", f"/achievements/{make_achievement(state=state).code}"):
        page(client, address, status=404)


# --- accounts and preferences ---------------------------------------------------------------------------------------------------------


def test_signing_in_and_out(client):
    organisation = make_organisation(name_zh="澄源膜科技")
    person = make_person(email="xu@example.org", organisation=organisation, name_zh="许砚秋")
    make_need(publisher=organisation, title="本单位的事")
    notices.tell(
        actor=parties.system(),
        person_id=person.pk,
        kind="x",
        key="1",
        title_zh="有新匹配",
        title_en="New match",
        link="/needs",
    )
    assert client.get("/me")["Location"] == "/sign-in?next=%2Fme"
    wrong = client.post("/sign-in", {"username": "xu@example.org", "password": "wrong", "next": "/me"})
    assert "电子邮箱或密码不正确" in wrong.content.decode()
    assert 'name="next" value="/me"' in wrong.content.decode()
    right = client.post("/sign-in", {"username": "xu@example.org", "password": PASSWORD, "next": "/me"})
    assert right["Location"] == "/me"
    html = main(page(client, "/me"))
    for words in ("许砚秋", "xu@example.org", "澄源膜科技", "研发负责人", "本单位的事", "有新匹配", "未读"):
        assert words in html
    assert client.post("/sign-out")["Location"] == "/"
    assert client.get("/me").status_code == 302


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_signing_in_leads_nowhere_else(client, target):
    make_person(email="xu@example.org")
    answer = client.post("/sign-in", {"username": "xu@example.org", "password": PASSWORD, "next": target})
    assert answer["Location"] == "/"


def test_demo_accounts_are_shown_on_a_demo_site_only(client, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    assert "演示账号" not in page(client, "/sign-in")
    account = '[{"role": "rd_manager", "email": "xu@chengyuan.example", "password": "public-one"}]'
    (tmp_path / "demo.json").write_text(account, encoding="utf-8")
    html = page(client, "/sign-in")
    assert "演示账号" in html
    assert "研发负责人" in html
    assert "xu@chengyuan.example" in html


def test_preferences_are_cookies_that_come_back_to_the_page(client):
    answer = client.post("/preferences", {"theme": "dark", "language": "en", "next": "/needs?field=ai"})
    assert answer["Location"] == "/needs?field=ai"
    html = client.get("/needs").content.decode()
    assert '<html lang="en" data-theme="dark">' in html
    client.post("/preferences", {"theme": "system", "language": "zh"})
    assert '<html lang="zh-CN">' in client.get("/needs").content.decode()


def test_preferences_need_no_token_and_readers_get_no_cookie(client):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/preferences", {"theme": "dark"}).status_code == 302
    assert dict(Client().get("/").cookies) == {}


def test_a_link_can_name_its_language(client):
    assert '<html lang="en"' in client.get("/needs?lang=en").content.decode()
    assert '<html lang="en"' in client.get("/needs").content.decode()
    html = client.get("/needs?lang=zh").content.decode()
    assert '<html lang="zh-CN"' in html
    assert 'hreflang="en" href="http://localhost:8000/needs?lang=en"' in html
    assert 'name="next" value="/needs"' in html


def test_a_page_for_failures_needs_no_database(rf):
    from keqiao.web.views import broken

    with CaptureQueriesContext(connection) as queries:
        answer = broken(rf.get("/"))
    assert (answer.status_code, len(queries)) == (500, 0)
    assert "出了故障" in answer.content.decode()


# --- cost ---------------------------------------------------------------------------------------------------------------------------------


def cost(client, address):
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def grow_needs():
    make_full_need()


def grow_achievements():
    make_full_achievement()


LISTS = [("/", grow_needs, 20), ("/search?kind=need", grow_needs, 12), ("/search", grow_achievements, 14), ("/needs", grow_needs, 12),
         ("/organisations", make_organisation, 6), ("/rules", load_rules, 6)]  # fmt: skip


@pytest.mark.parametrize(("address", "grow", "most"), LISTS, ids=[row[0] for row in LISTS])
@pytest.mark.slow
def test_lists_cost_the_same_for_one_row_and_for_three(client, address, grow, most):
    client.get(address)
    grow()
    one = cost(client, address)
    grow()
    grow()
    assert cost(client, address) == one <= most


@pytest.mark.slow
def test_home_costs_the_same_for_one_bridge_and_for_three(client):
    make_match(make_full_need(), make_full_achievement())
    one = cost(client, "/")
    make_match(make_full_need(), make_full_achievement())
    make_match(make_full_need(), make_full_achievement())
    assert cost(client, "/") == one <= 20


@pytest.mark.slow
def test_a_need_costs_the_same_for_one_match_and_for_three(client):
    need = make_full_need()
    make_match(need, make_full_achievement())
    addresses = {f"/needs/{need.code}": 14, f"/needs/{need.code}/matches": 12}
    one = {address: cost(client, address) for address in addresses}
    make_match(need, make_full_achievement())
    make_match(need, make_full_achievement(), unmet=True)
    assert {address: cost(client, address) for address in addresses} == one
    assert [address for address, most in addresses.items() if one[address] > most] == []


@pytest.mark.slow
def test_an_achievement_costs_the_same_for_one_need_and_for_three(client):
    achievement = make_full_achievement()
    make_match(make_full_need(), achievement)
    address = f"/achievements/{achievement.code}"
    one = cost(client, address)
    make_match(make_full_need(), achievement)
    make_match(make_full_need(publisher_shown=Shown.HIDDEN), achievement)
    assert cost(client, address) == one <= 20


@pytest.mark.slow
def test_an_organisation_and_ones_own_page_cost_the_same(client):
    organisation = make_organisation()
    client.force_login(make_person(organisation=organisation).user)
    costs = []
    for more in (1, 2):
        for _ in range(more):
            make_full_need(publisher=organisation)
            make_full_achievement(owner=organisation)
        costs.append([cost(client, "/me"), cost(client, f"/organisations/{organisation.code}")])
    assert costs[0] == costs[1]
