"""The text message gateway over HTTP, against a server on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from keqiao.accounts import gateways


@pytest.fixture
def server(monkeypatch):
    """Answers with `status`, and keeps what it was sent."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.got.append((self.headers["Authorization"], body))
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    server.got, server.status = [], 200
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def gateway(settings, server):
    settings.SMS_URL, settings.SMS_KEY = f"http://127.0.0.1:{server.server_port}/send", "k-1"
    return gateways.sms()


def test_one_text_is_posted(gateway, server):
    gateway.send("+8613800138000", "科桥验证码 402716")
    assert server.got == [("Bearer k-1", {"to": "+8613800138000", "text": "科桥验证码 402716"})]


def test_a_refusal_is_an_error_for_the_job_and_names_no_number(gateway, server):
    server.status = 503
    with pytest.raises(gateways.SmsRefused) as refused:
        gateway.send("+8613800138000", "x")
    assert str(refused.value) == "the gateway answered 503"


def test_without_a_setting_there_is_none(settings):
    settings.SMS_URL = ""
    assert gateways.sms() is None
