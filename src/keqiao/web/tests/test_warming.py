"""A web process is warm before it says that it is ready, and starts all the same when warming fails."""

import gc
import sys

import pytest

from keqiao.matching.tests.factories import load_rules
from keqiao.web import warming


@pytest.fixture
def _as_before():
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)
    gc.unfreeze()


@pytest.mark.usefixtures("_as_before")
def test_every_page_is_asked_for_and_a_failure_stops_nothing(settings, caplog):
    settings.ALLOWED_HOSTS = [".example.org", "site.example.org"]
    asked = []

    class Answer(list):
        def close(self):
            asked.append("closed")

    def application(environ, start_response):
        asked.append((environ["PATH_INFO"], environ["HTTP_HOST"], environ["REQUEST_METHOD"]))
        if environ["PATH_INFO"] == "/search":
            raise RuntimeError("no index yet")
        start_response("200 OK", [])
        return Answer([b"page"])

    warming.warm(application)
    assert asked == [*((path, "site.example.org", "GET") for path, _query in warming.PAGES), "closed"]
    assert [record.path for record in caplog.records] == ["/search", "/search"]
    assert (sys.getswitchinterval(), gc.get_threshold()) == (
        warming.SWITCH_S,
        (warming.YOUNG, warming.MIDDLE, warming.OLD),
    )


@pytest.mark.django_db
def test_pages_that_warm_are_pages_of_the_site(client):
    load_rules()
    for path, query in warming.PAGES:
        assert client.get(path, query).status_code == 200
