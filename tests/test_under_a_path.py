"""A whole site under a path behind a proxy that speaks TLS, as deploy/proxy/nginx-subpath.conf places it.

The proxy takes /keqiao away, and so does this one. No page may send the browser anywhere else on the host: every address
that the browser asks for is under the path, and is answered.
"""

import contextlib
import http.client
import re
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.running_sites import ROOT, new_site, two_free_ports, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.enable_socket]

PATH = "/keqiao"
MOST = 120  # pages of the walk; of a list of things that look alike, the first
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "date", "server"}
PREPARE = f"""
import sys
sys.path.insert(0, {str(ROOT / "bench")!r})
import importing
importing.prepare(is_draft=True)
"""
# Whatever begins with a slash in an attribute that a browser or a script of ours follows.
FOLLOWED = re.compile(r'\s(?:href|src|action|formaction|poster|hx-[a-z-]+|data-[a-z-]+)="(/[^/"][^"]*)"')
LINK = re.compile(r'<a\s[^>]*href="([^"#?]+)[^"]*"')
ENDS_THE_VISIT = ("/sign-out", "/download", "/live/")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """https://localhost:…/keqiao"""
    folder = tmp_path_factory.mktemp("under-a-path")
    with pytest.MonkeyPatch.context() as patch, new_site(folder / "data") as site:
        port = two_free_ports()
        patch.setenv("KEQIAO_SITE_URL", f"https://localhost:{port}{PATH}")
        patch.setenv("KEQIAO_PROXIES", "1")
        assert site.keqiao("migrate").returncode == 0
        site.python(PREPARE)
        process = site.start("serve")
        proxy = tls_proxy(port, site.env.port, folder)
        try:
            wait_for(lambda: site.answers("/healthz") == 200, 120, "the site answers")
            yield f"https://localhost:{port}{PATH}"
        finally:
            proxy.shutdown()
            proxy.server_close()
            process.terminate()
            process.wait(timeout=60)


def tls_proxy(port: int, behind: int, folder: Path) -> ThreadingHTTPServer:
    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def passed_on(self) -> None:
            if not self.path.startswith(f"{PATH}/"):
                self.send_error(404, "outside the path")
                return
            length = int(self.headers.get("Content-Length", 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            headers |= {"X-Forwarded-Proto": "https", "X-Forwarded-For": self.client_address[0]}
            is_live = self.path.startswith(f"{PATH}/live/")
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", behind + is_live, timeout=60)) as inner:
                inner.request(self.command, self.path.removeprefix(PATH), self.rfile.read(length), headers)
                self.hand_on(inner.getresponse())

        def hand_on(self, answer: http.client.HTTPResponse) -> None:
            # The browser has gone to another page, or the site has ended.
            with contextlib.suppress(OSError, http.client.HTTPException), answer:
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                while part := answer.read1():
                    self.wfile.write(part)
                    self.wfile.flush()

        do_GET = do_POST = do_HEAD = do_PUT = do_PATCH = do_DELETE = passed_on  # noqa: N815 -- names of http.server

        def log_message(self, *_said: object) -> None:
            """Nothing: the site has its own log."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Proxy)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def certificate(folder: Path) -> Path:
    """Of nobody, for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "proxy.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def visit(browser: Browser, home: str) -> Iterator[tuple[Page, list[str]]]:
    """Somebody signed in, and what their browser was answered with trouble or asked for outside the path."""
    context = browser.new_context(ignore_https_errors=True, locale="zh-CN")
    page = context.new_page()
    astray: list[str] = []
    context.on(
        "response", lambda answer: astray.append(f"{answer.status} {answer.url}") if is_astray(answer, home) else None
    )
    page.goto(f"{home}/sign-in")
    page.locator("#id_username").fill("bench@example.org")
    page.locator("#id_password").fill("bench-2026-only")
    page.locator("#sign-in-button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    yield page, astray
    context.close()


def is_astray(answer: object, home: str) -> bool:
    return not answer.url.startswith((f"{home}/", "data:")) or answer.status >= 400  # type: ignore[attr-defined]


def test_a_draft_is_written_saved_and_found_again(visit: tuple[Page, list[str]], home: str) -> None:
    page, astray = visit
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    session = cookies["keqiao_session"]
    assert (session["secure"], session["httpOnly"]) == (True, True)
    page.goto(f"{home}/post")
    page.get_by_role("main").get_by_role("button", name=re.compile("^发布成果")).click()
    expect(page).to_have_url(re.compile(rf"^{home}/post/SB-[A-Z0-9]+/1$"))
    page.get_by_label("标题", exact=True).fill("在路径之下写的")
    expect(page.locator("#saved")).to_contain_text(re.compile(r"已保存 \d\d:\d\d"))
    page.reload()
    expect(page.get_by_label("标题", exact=True)).to_have_value("在路径之下写的")
    page.goto(f"{home}/me")
    page.get_by_role("link", name=re.compile("在路径之下写的")).first.click()
    expect(page).to_have_url(re.compile(rf"^{home}/post/SB-"))
    page.goto(f"{home}/import?kind=achievements")
    rows = "外部编号,成果名称,成果简介,产业领域\nA-1,路径之下的膜,稳定。,materials\n"
    page.set_input_files("#file", files=[{"name": "a.csv", "mimeType": "text/csv", "buffer": rows.encode()}])
    page.get_by_role("button", name="上传并检查").click()
    expect(page).to_have_url(re.compile(rf"^{home}/import/DR-"))
    assert astray == []


def test_every_page_that_can_be_reached_stays_under_the_path(visit: tuple[Page, list[str]], home: str) -> None:
    page, _astray = visit
    asked = walk(page.context, home)
    assert len(asked) > 40
    assert {place: trouble for place, trouble in asked.items() if trouble} == {}


def walk(context: BrowserContext, home: str) -> dict[str, str]:
    """Page → what is wrong with it; from the workbench and the front page along the links, one of each kind of address."""
    found: dict[str, str] = {}
    waiting, kinds = [f"{home}/", f"{home}/me"], set()
    while waiting and len(found) < MOST:
        place = waiting.pop(0)
        answer = context.request.get(place, max_redirects=5)
        text = answer.text() if "html" in answer.headers.get("content-type", "") else ""
        outside = [a for a in FOLLOWED.findall(text) if not a.startswith(f"{PATH}/") and a != PATH]
        is_lost = answer.status != 200 or not answer.url.startswith(home)
        found[place] = f"{answer.status} {answer.url}" if is_lost else " ".join(outside[:5])
        for address in LINK.findall(text):
            url = urljoin(place, address)
            kind = re.sub(r"[A-Z]{2}-[A-Z0-9-]+|\d+", "*", urlsplit(url).path)
            if url.startswith(home) and kind not in kinds and not any(end in url for end in ENDS_THE_VISIT):
                kinds.add(kind)
                waiting.append(url)
    return found
