"""axe-core over all pages × themes × languages × widths: zero violations. And no page scrolls sideways."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = {
    "home": "/",
    "search": "/search?kind=achievement&q=耐酸纳滤膜，通量 15 LMH/bar 以上，TRL 6 以上",
    "search-needs": "/search?kind=need&q=轴承 诊断",
    "search-empty": "/search?kind=achievement&q=zzzzqqqq",
    "achievements": "/achievements",
    "needs": "/needs",
    "need": "/needs/XQ-2026-01873",
    "achievement": "/achievements/CG-2026-00642",
    "why": "/needs/XQ-2026-01873/matches/CG-2026-00642",
    "matches": "/needs/XQ-2026-01873/matches",
    "compare": "/needs/XQ-2026-01873/compare?with=CG-2026-00642&with=CG-2024-1309153",
    "compare-none": "/needs/XQ-2026-01873/compare",
    "cited": "/achievements/CG-2026-00642?text=zh&cite=summary:0-20",
    "combination": "/needs/XQ-2026-01873/combination?with=CG-2026-00642&with=CG-2024-3002208",
    "organisations": "/organisations",
    "organisation": "/organisations/DW-00001",
    "sign-in": "/sign-in",
    "rules": "/rules",
    "matching": "/about/matching",
    "data": "/about/data",
    "accessibility": "/about/accessibility",
    "missing": "/needs/XQ-0",
    "sign-up": "/sign-up",
    "reset": "/reset-password",
    "code": "/sign-in/code",
    "agreement": "/about/agreement",
    "privacy": "/about/privacy",
    "versions": "/needs/XQ-2026-01873/versions",
}
# Pages of people who signed in: who looks → addresses.
OWN_PAGES = {
    "xu@chengyuan.example": (
        "/me /me/security /me/privacy /me/agreements /me/notices /me/notices/settings /me/tokens /me/profile "
        "/me/organisations /me/searches /me/unsuitable /me/webhooks /join /join/new /post /post/from-file /import /export /contacts "
        "/contacts/new?achievement=CG-2026-00642&need=XQ-2026-01873 /submissions /complaints "
        "/achievements/CG-2026-00642/complain"
    ),
    "shen@lut.example": "/review /submissions /contacts /me",
    "admin@ltt.example": (
        "/review /review/complaints /verifications /merges /join-requests /admin/site /admin/agreements "
        "/admin/standing-in /admin/models /organisations/DW-00001/models"
    ),
}

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(
    scope="module",
    params=[(lang, theme, width) for lang in ("zh-hans", "en") for theme in ("light", "dark") for width in (1440, 390)],
    ids=lambda p: f"{p[0]}-{p[1]}-{p[2]}",
)
def view(request, browser, lanjiang):
    lang, theme, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    context.add_cookies(
        [
            {"name": "keqiao_language", "value": lang, "url": lanjiang},
            {"name": "keqiao_theme", "value": theme, "url": lanjiang},
        ]
    )
    yield context.new_page(), width
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_has_no_violation(view, lanjiang, name):
    page, width = view
    page.goto(lanjiang + PAGES[name])
    results = Axe().run(page, options={"runOnly": WCAG})
    found = [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in results.response["violations"]]
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_a_cookie_the_system_decides(browser, lanjiang, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(lanjiang)
    results = Axe().run(page, options={"runOnly": WCAG})
    assert [v["id"] for v in results.response["violations"]] == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0,3).every(c => c < 80)")
    assert dark is (scheme == "dark")
    context.close()


@pytest.mark.parametrize(("theme", "width", "lang"), [("light", 1440, "zh-hans"), ("dark", 390, "en")])
@pytest.mark.parametrize("email", OWN_PAGES)
def test_pages_of_people_who_signed_in(browser, lanjiang, email, theme, width, lang):
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce", locale="zh-CN")
    page = context.new_page()
    page.goto(f"{lanjiang}/sign-in")
    page.locator("#id_username").fill(email)
    page.locator("#id_password").fill("lanjiang-2026-demo")
    page.locator("#sign-in-button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    context.add_cookies(
        [
            {"name": "keqiao_language", "value": lang, "url": lanjiang},
            {"name": "keqiao_theme", "value": theme, "url": lanjiang},
        ]
    )
    found = {}
    for place in OWN_PAGES[email].split():
        answer = page.goto(lanjiang + place)
        assert answer.status == 200, place
        results = Axe().run(page, options={"runOnly": WCAG})
        violations = [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in results.response["violations"]]
        if violations or page.evaluate("document.documentElement.scrollWidth") > width:
            found[place] = violations or "scrolls sideways"
    context.close()
    assert found == {}
