"""The door of a web process."""

import io

import pytest
from django.core.signals import request_finished

from keqiao.web import warming, wsgi

pytestmark = pytest.mark.django_db  # the end of a request gives a connection back


def asked(path, **environ):
    said = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
        **environ,
    }
    answer = wsgi.application(environ, lambda status, _headers: said.append(status))
    return said[0], answer


def test_a_page_is_whole_and_the_request_over_before_it_is_sent():
    over = []

    def note(**_given):
        over.append(1)

    request_finished.connect(note)
    try:
        assert asked("/healthz") == ("200 OK", [b"ok\n"])
    finally:
        request_finished.disconnect(note)
    assert over == [1]


def test_a_body_must_say_how_long_it_is():
    chunked = {"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked"}
    assert asked("/healthz", **chunked)[0] == "411 Length Required"
    assert asked("/healthz", **chunked, CONTENT_LENGTH="0")[0] != "411 Length Required"


def test_a_server_process_is_warm_before_it_serves(monkeypatch):
    warmed = []
    monkeypatch.setattr(warming, "warm", warmed.append)
    assert wsgi.warmed() is wsgi.application
    assert warmed == [wsgi.django_application]
