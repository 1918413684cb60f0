import ipaddress

import pytest

from keqiao.kernel import outgoing
from keqiao.kernel.tests import twin as twins


@pytest.fixture
def twin():
    server, stop = twins.start()
    yield server
    stop()


@pytest.fixture
def ours(settings):
    """As on a site whose operator allowed this machine by name."""
    settings.OUTGOING_HOSTS = frozenset({"127.0.0.1", "inside.example"})


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://",
        "https:///path",
        "https://user:word@example.org/",
        "https://example.org/#part",
        "https://example.org:99999/",
        "https://[::1",
        "https://exa mple.org/",
        "https://例子.org/",
        "https://example.org/" + "x" * 500,
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
    ],
)
def test_addresses_that_are_refused_by_their_form(url):
    with pytest.raises(outgoing.AddressRefused) as caught:
        outgoing.check_url(url)
    assert caught.value.field == "url"


def test_addresses_that_are_fine():
    for url in ("https://example.org/a?b=c", "https://example.org:8443/", "https://93.184.215.14/x"):
        assert outgoing.check_url(url) == url


@pytest.mark.parametrize(
    "inside",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "ff02::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused(inside):
    with pytest.raises(outgoing.AddressRefused):
        outgoing.addresses("hooks.example.org", 443, lambda host, port: ["93.184.215.14", inside])


def test_numbers_written_oddly_are_resolved_before_they_are_judged():
    """2130706433 and 0x7f.1 are names until the system reads them as 127.0.0.1."""
    for host in ("2130706433", "0x7f.1", "127.1", "localhost"):
        answered = outgoing.post(f"https://{host}/", b"{}", {})
        assert (answered.status, answered.is_taken) == (None, False)
        assert "内部网络" in answered.problem or "name" in answered.problem


def test_the_address_that_was_checked_is_the_one_that_is_called(twin, monkeypatch, ours):
    """A name that changes its mind between the check and the connection gains nothing: it is asked once."""
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    port = twin.url.rsplit(":", 1)[1]
    answered = outgoing.post(f"http://inside.example:{port}/x", b"{}", {}, resolver=rebinding)
    assert (answered.is_taken, asked, twin.posted[0].path) == (True, ["inside.example"], "/x")
    assert twin.posted[0].headers["Host"] == f"inside.example:{port}"


def test_what_is_taken_and_what_is_not(twin, ours):
    assert outgoing.post(f"{twin.url}/a", b"{}", {"X-A": "1"}).is_taken
    twin.status, twin.answer = 500, b"x" * 9_000
    answered = outgoing.post(twin.url, b"{}", {})
    assert (answered.status, answered.problem, len(answered.text)) == (500, "HTTP 500", 4_096)


def test_redirects_are_not_followed(twin, ours):
    twin.status, twin.headers = 302, {"Location": "http://127.0.0.1:9/secret"}
    answered = outgoing.post(f"{twin.url}/a", b"{}", {})
    assert (answered.status, answered.is_taken, len(twin.posted)) == (302, False, 1)


def test_one_who_drips_does_not_hold_a_worker(twin, ours, monkeypatch):
    monkeypatch.setattr(outgoing, "SECONDS", 0.6)
    twin.answer, twin.drip = b"x" * 400, 0.1
    answered = outgoing.post(twin.url, b"{}", {})
    assert (answered.status, answered.took_ms < 3_000, len(answered.text) < 40) == (200, True, True)


def test_nobody_there(ours):
    answered = outgoing.post("http://127.0.0.1:9/key-in-path", b"{}", {})
    assert (answered.status, answered.problem) == (None, "ConnectionRefusedError")


def test_loopback_is_refused_unless_the_operator_allows_it(twin):
    answered = outgoing.post(twin.url.replace("http:", "https:"), b"{}", {})
    assert (answered.is_taken, twin.posted) == (False, [])
    assert ipaddress.ip_address("127.0.0.1").is_loopback
