"""Hostile input gets a clear page or problem+json, never a 500."""

import pytest

from keqiao.catalogue.tests.factories import make_achievement, make_need

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
BIDI = "\u202e\u2066abc\u2069\u202c"
STRINGS = [
    "x" * 10_000,
    "膜" * 10_000,
    BIDI,
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "'; DROP TABLE catalogue_need; --",
    "<script>alert(1)</script>",
    "{{ settings.SECRET_KEY }}",
    "%",
    "(((((" * 200,
    "通量>=" * 500,
    "\x01\x02\x1f",
    "🧪" * 300,
    "9" * 400 + " 万元以内",
    "TRL -99999999999999999999",
]


@pytest.fixture(autouse=True)
def _world():
    make_need()
    make_achievement()


@pytest.mark.parametrize("text", STRINGS)
@pytest.mark.parametrize("kind", ["achievement", "need"])
def test_searches(client, text, kind):
    answer = client.get("/search", {"q": text, "kind": kind})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "<script>alert(1)" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "everything"},
        {"kind": ["achievement", "need"]},
        {"page": "-1"},
        {"page": "999999999999999999999"},
        {"page": "two"},
        {"sort": "paid"},
        {"field": "invented"},
        {"trl": "0-99"},
        {"modes": ["gift", "license_exclusive"]},
        {"price_low": "NaN", "price_high": "-5"},
        {"price_low": "1e400"},
        {"drop": ["x"] * 200},
        {"lang": "xx"},
        {"unknown": "parameter"},
    ],
)
def test_search_parameters(client, query):
    assert client.get("/search", {"q": "膜", **query}).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/needs/XQ-0",
        "/needs/" + "A" * 3000,
        "/achievements/需求",
        "/organisations/..%2f..%2fetc",
        "/nothing",
        "/needs/XQ-0/matches/CG-0",
        "/sitemap-needs-99.xml",
        "/sitemap-people-1.xml",
        "/static/nothing.css",
    ],
)
def test_unknown_pages_are_404(client, address):
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", ["/search?q=%00", "/needs/%00", "/?lang=%00"])
def test_nul_is_refused(client, address):
    assert client.get(address).status_code == 400


@pytest.mark.parametrize(
    "cookie",
    [
        {"keqiao_session": "broken"},
        {"keqiao_session": "x" * 4000},
        {"keqiao_language": "klingon"},
        {"keqiao_language": "../../etc"},
        {"keqiao_theme": "<b>"},
        {"keqiao_csrf": "y"},
    ],
)
def test_broken_cookies(client, cookie):
    for name, value in cookie.items():
        client.cookies[name] = value
    answer = client.get("/")
    assert answer.status_code == 200
    assert "<b>" not in answer.content.decode().split("<body")[0]


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"])
def test_preferences_redirect_only_home(client, target):
    answer = client.post("/preferences", {"theme": "dark", "language": "en", "next": target})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/")
    assert not answer["Location"].startswith("//")


def test_pages_carry_their_protection(client):
    answer = client.get("/")
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")
    assert (answer["X-Content-Type-Options"], answer["X-Frame-Options"]) == ("nosniff", "DENY")
