"""axe-core over all pages × themes × languages × widths: zero violations. And no page scrolls sideways."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = {
    "home": "/",
    "search": "/search?kind=achievement&q=耐酸纳滤膜，通量 15 LMH/bar 以上，TRL 6 以上",
    "search-needs": "/search?kind=need&q=轴承 诊断",
    "search-picked": "/search?q=耐酸纳滤膜&with=CG-2026-00642&with=CG-2024-1309153",
    "compare-found": "/search/compare?q=耐酸纳滤膜，通量 15 LMH/bar 以上&with=CG-2026-00642&with=CG-2024-1309153",
    "compare-needs": "/search/compare?kind=need&with=XQ-2026-01873&with=XQ-2026-0580438",
    "compare-found-none": "/search/compare",
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
    "achievement-versions": "/achievements/CG-2026-00642/versions",
    "versions": "/needs/XQ-2026-01873/versions",
}
# Pages of people who signed in: who looks → addresses. {names} are things of the city, found by `places`.
OWN_PAGES = {
    "xu@chengyuan.example": (
        "/me /me/security /me/security/password /me/security/address /me/security/totp /me/security/passkeys/add "
        "/me/security/confirm /me/privacy /me/privacy/erase /me/agreements /me/notices /me/notices/settings /me/tokens "
        "/me/upkeep /me/joins /me/joins?box=ours /achievements/CG-2026-00642/join /me/alerts /me/alerts/history /me/alerts/{digest} /me/alerts/watches/{watch} "
        "/me/profile /me/organisations /me/searches /me/unsuitable /me/webhooks /join /join?q=澜江 /join/new "
        "/join/{other_organisation} /post /post/from-file /post/{need}/1 /post/{need}/2 /post/{need}/3 /post/{need}/4 /post/{need}/5 "
        "/post/{need}/matches /post/{need}/check /post/{need}/confirm /post/{need}/discard /import /export /contacts /contacts?box=all /contacts/{thread} "
        "/contacts/new?achievement=CG-2026-00642&need=XQ-2026-01873 /needs/XQ-2026-01873 /submissions "
        "/submissions/{submitted} /complaints /achievements/CG-2026-00642/complain /organisations/{organisation} "
        "/organisations/{organisation}/manage /organisations/{organisation}/members /organisations/{organisation}/changes "
        "/experts /experts/{expert} /needs/XQ-2026-01873/experts /me/expert /assignments"
    ),
    "lin@lut.example": (
        "/needs/XQ-2026-01873/join /post/{result}/1 /post/{result}/2 /post/{result}/3 /post/{result}/4 /post/{result}/5 /submissions/{returned} "
        "/post/{returned}/2 /me/money /me/money/{asked} /me/money/{asked}/tax /public-notices /public-notices/{notice}"
    ),
    "shen@lut.example": (
        "/review /review/waiver /review/{in_review} /contacts/{waiting} /me /deals /deals/new /deals/{deal} "
        "/deals/{deal}/receipts/new /deals/{deal}/receipts/1/divide /distributions/{asked} /distributions/{paid} "
        "/reward-rules /achievements/{shared}/shares /public-notices/{notice} /price-notices /price-notices/new"
    ),
    "cai@lut.example": (
        "/books /books/{book} /books/{book}/accounts/1212.01?first=2000-01 /books/{book}/entries /books/{book}/entries/{voucher} "
        "/books/{book}/post /books/{book}/trial-balance /books/{book}/ageing /books/{book}/ageing?side=liability "
        "/books/{book}/months /books/{book}/opening"
    ),
    "admin@ltt.example": (
        "/review /review/{at_platform} /review/complaints /complaints/{complaint} /verifications /merges "
        "/me/upkeep?box=all /join-requests /contacts/brokers /admin/site /admin/site/field /admin/health /admin/all-pairs /admin/agreements /admin/standing-in /admin/models /organisations/DW-00001/models "
        "/admin/learning /admin/learning/{learned} /organisations/DW-00001/learning "
        "/assignments/plans /assignments/plans/new /assignments/plans/{plan} /assignments/plans/{plan}/needs/{planned} "
        "/assignments/{assigned} /experts"
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


@pytest.fixture(scope="module")
def places(lanjiang, django_db_blocker):
    """What the addresses of OWN_PAGES name: drafts that are made for it, and things in each state that the city has."""
    from django.contrib.auth import get_user_model
    from django.db import connections

    from keqiao.alerts import services as alerts
    from keqiao.alerts.models import Digest, Watch
    from keqiao.engagement.models import Contact
    from keqiao.ledger.models import Book, Entry
    from keqiao.parties.models import Organisation
    from keqiao.parties.selectors import actor_for, system
    from keqiao.submissions import services
    from keqiao.submissions.models import Complaint, Submission
    from keqiao.submissions.tests.factories import CONTENT

    def draft(kind, email):
        author = actor_for(get_user_model().objects.get(email=email))
        made = services.start_draft(actor=author, kind=kind, organisation_id=author.acting_for, content=CONTENT[kind])
        return made.code, author.acting_for

    def in_state(state, **of):
        return Submission.objects.filter(state=state, **of).order_by("pk")[0].code

    def a_digest(email):
        """Of what the city's need matches, for a watch that began before it was public."""
        actor = actor_for(get_user_model().objects.get(email=email))
        watch = alerts.start_watch(actor=actor, subject="need", of="XQ-2026-01873", threshold=0)
        Watch.objects.filter(pk=watch.pk).update(since="2020-01-01T00:00:00Z")
        alerts.find_alerts(actor=system(), kind="need", ids=[watch.need_id])
        made = alerts.send_digest(actor=system(), person_id=actor.person_id, cadence=watch.cadence)
        made = made or Digest.objects.filter(person_id=actor.person_id).latest("pk")
        return watch.code, made.code

    with django_db_blocker.unblock():
        watch, digest = a_digest("xu@chengyuan.example")
        need, enterprise = draft("need", "xu@chengyuan.example")
        result, university = draft("achievement", "lin@lut.example")
        threads = Contact.objects.filter(from_organisation=enterprise, to_organisation=university)
        found = {
            "watch": watch,
            "digest": digest,
            "need": need,
            "result": result,
            "submitted": Submission.objects.filter(organisation=enterprise)
            .exclude(state="draft")
            .order_by("pk")[0]
            .code,
            "returned": in_state("returned", author__user__email="lin@lut.example"),
            "in_review": in_state("organisation_review", organisation=university),
            "at_platform": in_state("platform_review"),
            "thread": threads.filter(state="answered").order_by("pk")[0].code,
            "waiting": threads.filter(state="sent", participants__person__user__email="shen@lut.example")
            .order_by("pk")[0]
            .code,
            "book": Book.objects.get().code,
            "voucher": "{:%Y-%m}/{}".format(*Entry.objects.order_by("pk").values_list("month", "number")[0]),
            "complaint": Complaint.objects.order_by("pk")[0].code,
            "organisation": Organisation.objects.get(pk=enterprise).code,
            "learned": learned_model(),
            **experts_of_the_city(),
            **deals_of_the_city(),
            "other_organisation": Organisation.objects.get(pk=university).code,
        }
        connections.close_all()
    return found


def deals_of_the_city():
    """A deal, a distribution whose contributors are asked, one that is paid, and a notice that is open."""
    from keqiao.deals.models import Distribution

    rows = Distribution.objects.select_related("deal", "notice").prefetch_related("deal__results__achievement")
    asked, paid, shown = (rows.filter(state=state)[0] for state in ("contested", "paid", "in_notice"))
    return {
        "deal": paid.deal.code,
        "asked": asked.code,
        "paid": paid.code,
        "notice": shown.notice.code,
        "shared": paid.deal.results.all()[0].achievement.code,
    }


def learned_model():
    """A training of the city's rows, with its card."""
    from keqiao.learning import services, training
    from keqiao.learning.models import LearnedModel
    from keqiao.parties import selectors as parties

    model = LearnedModel.objects.filter(state="ready").first() or services.start_training(actor=parties.system())
    training.train(model.pk)
    return model.code


def experts_of_the_city():
    from keqiao.experts.models import Assignment, ExpertProfile

    assigned = Assignment.objects.filter(state="accepted").order_by("pk")[0]
    return {
        "expert": ExpertProfile.objects.filter(is_listed=True).order_by("pk")[0].code,
        "plan": assigned.need.plan.code,
        "planned": assigned.need.need.code,
        "assigned": assigned.code,
    }


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("lang", ["zh-hans", "en"])
@pytest.mark.parametrize("email", OWN_PAGES)
def test_pages_of_people_who_signed_in(browser, lanjiang, places, email, lang, width):
    """In the light, by every rule; then in the dark, by what a theme can break: contrast."""
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce", locale="zh-CN")
    page = context.new_page()
    page.goto(f"{lanjiang}/sign-in")
    page.locator("#id_username").fill(email)
    page.locator("#id_password").fill("lanjiang-2026-demo")
    page.locator("#sign-in-button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    cookies = {"keqiao_language": lang, "keqiao_theme": "light"}
    context.add_cookies([{"name": name, "value": value, "url": lanjiang} for name, value in cookies.items()])
    found = {}
    for place in OWN_PAGES[email].format(**places).split():
        answer = page.goto(lanjiang + place)
        assert answer.status == 200, place
        violations = violations_of(page, {"type": "tag", "values": WCAG})
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        violations += [("dark", *v) for v in violations_of(page, {"type": "rule", "values": ["color-contrast"]})]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            violations.append("scrolls sideways")
        if violations:
            found[place] = violations
    context.close()
    assert found == {}


def violations_of(page, rules):
    results = Axe().run(page, options={"runOnly": rules})
    return [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in results.response["violations"]]


# Answers that are no page of their own (files, fragments, steps of a way that other tests walk, addresses that lead on).
NO_PAGES = re.compile(
    r"/(healthz|readyz|robots\.txt|sitemap.*|openapi.*|api/.*|feeds/.*|static/.*|site/logo|preferences|sign-(in|up|out)(/.*)?|"
    r"reset-password/.*|first-password|invitation|contributors/join|notices/unsubscribe|alerts/stop|saml/.*|agreements/.*|post/\{code\}|about/.*|"
    r".*/(files?|hints|progress|evidence|passkey|options|code|file|export|templates?(\.xlsx)?)(/\{.*)?|.*\{(extension|scheme)\}.*|"
    r"organisations/\{code\}/logo|me/security/(link/.*|passkeys/.*/name)|post/from-file/\{code\}|"
    r"(me/(joins|upkeep)|distributions)/\{code\}/\{step\}|admin/learning/roll-back|me/searches/\{.*|me/webhooks/\{.*|import/\{.*|verifications/\{.*|.*/columns)"
)


def test_every_page_that_is_answered_has_its_place():
    """Each GET of the permission matrix is an address above, an address of another test, or no page."""
    matrix = (Path(__file__).parent.parent / "docs" / "reference" / "permissions.md").read_text(encoding="utf-8")
    answered = set(re.findall(r"^\| `GET (/[^` ]*)`", matrix, flags=re.MULTILINE))
    names = defaultdict(lambda: "x", voucher="x/x")  # a month and a number
    asked = [place for places in OWN_PAGES.values() for place in places.format_map(names).split()]
    asked = {place.split("?")[0] for place in (*asked, *PAGES.values())}
    lacking = {
        place
        for place in answered
        if not NO_PAGES.fullmatch(place)
        and not any(re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", place), each) for each in asked)
    }
    assert len(answered) > 80
    assert lacking == set()
