"""Behind a proxy: the visitor's address, and a site under a path."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from keqiao.catalogue.tests.factories import make_need
from keqiao.web.proxied import ClientAddress, UnderPath

ADDRESSES = re.compile(r'\s(?:href|src|action|formaction|hx-get|hx-post)="(/[^"]*)"')


@pytest.fixture
def under_a_path(settings):
    settings.SITE_URL = "https://city.example/keqiao"
    settings.FORCE_SCRIPT_NAME = "/keqiao"
    settings.ALLOWED_HOSTS = ["testserver"]
    return Client()


@pytest.mark.django_db
@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(
    "place", ["/", "/needs", "/search?kind=need&q=%E8%86%9C", "/organisations", "/rules", "/sign-in"]
)
def test_every_address_of_a_page_is_under_the_path(under_a_path, place):
    need = make_need()
    found = ADDRESSES.findall(under_a_path.get(place).content.decode())
    assert len(found) > 10
    assert [address for address in found if not address.startswith("/keqiao/")] == []
    assert [address for address in found if address.startswith("/keqiao/keqiao")] == []
    assert under_a_path.get(f"/needs/{need.code}").status_code == 200


@pytest.mark.django_db
def test_redirects_and_cookies_stay_under_the_path(under_a_path):
    away = under_a_path.get("/me")
    assert away["Location"].startswith("/keqiao/sign-in?")
    back = under_a_path.post("/preferences", {"theme": "dark", "next": "/needs"})
    assert back["Location"] == "/keqiao/needs"
    canonical = re.search(r'rel="canonical" href="([^"]+)"', under_a_path.get("/needs").content.decode())
    assert canonical
    assert canonical[1] == "https://city.example/keqiao/needs"


@pytest.mark.parametrize(
    ("address", "placed"),
    [
        ("/needs", "/keqiao/needs"),
        ("/keqiao/needs", "/keqiao/needs"),
        ("/keqiaoxyz", "/keqiao/keqiaoxyz"),
        ("//elsewhere.example/x", "//elsewhere.example/x"),
        ("https://elsewhere.example/", "https://elsewhere.example/"),
        ("", ""),
    ],
)
def test_only_addresses_of_this_site_are_placed(settings, address, placed):
    settings.SITE_URL = "https://city.example/keqiao"
    assert UnderPath(lambda request: HttpResponse()).placed(address) == placed


def test_text_that_looks_like_an_address_is_left_alone(settings):
    settings.SITE_URL = "https://city.example/keqiao"
    page = b'<a href="/a">href="/b"</a><p title="x">/c</p><a href="//d">'
    answer = UnderPath(lambda request: HttpResponse(page))(RequestFactory().get("/"))
    assert answer.content == b'<a href="/keqiao/a">href="/b"</a><p title="x">/c</p><a href="//d">'


@pytest.mark.parametrize(
    ("proxies", "header", "seen"),
    [
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # what a visitor sent stands before what the proxy adds
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_the_visitors_address_is_what_the_trusted_proxy_saw(settings, proxies, header, seen):
    settings.PROXIES = proxies
    request = RequestFactory().get("/", headers={"X-Forwarded-For": header} if header else {})
    ClientAddress(lambda request: HttpResponse())(request)
    assert request.META["REMOTE_ADDR"] == seen
