"""Posting to an address that somebody gave: only https, only public addresses, no redirects, little time, little text.

The name is resolved here and the connection goes to the very address that was checked, so that a name that changes its
mind in between (DNS rebinding) gains nothing. TLS still asks for the certificate of the name. Proxies are not used.
A private deployment may allow its own hosts by name (KEQIAO_OUTGOING_HOSTS).
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from keqiao.kernel.errors import BadInput

SECONDS = 10.0  # for the whole exchange, from resolving to the last byte that is read
MOST_READ = 4_096
LONGEST_URL = 500
AGENT = "Keqiao"

Resolve = Callable[[str, int], Collection[str]]


class AddressRefused(BadInput):
    """Nothing is posted there; the reason is for the one who gave the address."""


@dataclass(frozen=True)
class Answered:
    """What came back. `problem` is empty when the other side took it (2xx)."""

    status: int | None
    text: str
    took_ms: int
    problem: str = ""

    @property
    def is_taken(self) -> bool:
        return not self.problem


def check_url(url: str, *, field: str = "url", hosts: Collection[str] = ()) -> str:
    """The address if its form is fine. `hosts`: the only ones that are allowed, apart from the site's own list."""
    if len(url) > LONGEST_URL or any(ord(letter) <= 32 or ord(letter) > 126 for letter in url):
        raise AddressRefused(_("地址最多 500 个字符，不能有空格和中文，例如 https://example.org/hook。"), field=field)
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- a bad port raises when it is read
    except ValueError:
        raise AddressRefused(_("这不是一个网址，例如 https://example.org/hook。"), field=field) from None
    host = (parts.hostname or "").lower()
    if parts.scheme != "https" and not _is_ours(host):
        raise AddressRefused(_("地址要以 https:// 开头，例如 https://example.org/hook。"), field=field)
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressRefused(_("地址里不能有用户名、密码和 # 后面的部分。"), field=field)
    if hosts and host not in hosts and not _is_ours(host):
        raise AddressRefused(
            _("只能填写这些主机的地址：%(hosts)s。") % {"hosts": "、".join(sorted(hosts))}, field=field
        )
    if _is_number(host) and not _is_public(host) and not _is_ours(host):
        raise AddressRefused(_("不能向内部网络的地址发送。"), field=field)
    return url


def _is_ours(host: str) -> bool:
    """A host that the one who runs the site allows by name: the only way inward."""
    return host in settings.OUTGOING_HOSTS


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_public(address: str) -> bool:
    """Not private, loopback, link-local, shared, reserved, multicast, nor one of these inside an IPv6 address."""
    found = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None and not (inner.is_global and not inner.is_multicast):
            return False
    return found.is_global and not found.is_multicast


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system knows them."""
    return [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def addresses(host: str, port: int, resolver: Resolve | None = None) -> list[str]:
    """The addresses to connect to. One that is not public spoils the name: it is refused as a whole."""
    found = list((resolver or resolve)(host, port))
    if not _is_ours(host) and not all(_is_public(address) for address in found):
        raise AddressRefused(_("不能向内部网络的地址发送。"), field="url")
    return found


class _Pinned(http.client.HTTPConnection):
    """Connects to addresses that were checked; speaks TLS with the name."""

    def __init__(self, parts: SplitResult, places: Collection[str], until: float) -> None:
        self.is_tls = parts.scheme == "https"
        port = parts.port or (443 if self.is_tls else 80)
        super().__init__(parts.hostname or "", port, timeout=SECONDS)
        self.places, self.until = places, until
        self.is_over = False  # http.client closes its own socket earlier, when it still reads from it
        self.held: socket.socket | None = None  # the same connection, whatever TLS and http.client do with theirs

    def cut(self) -> None:
        """From another thread: the exchange has taken too long."""
        if self.held is not None:
            with contextlib.suppress(OSError):  # closed already
                self.held.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        if self.held is not None and self.is_over:
            self.held.close()

    def connect(self) -> None:
        trouble: OSError = OSError("no address")
        for place in self.places:
            try:
                plain = socket.create_connection((place, self.port), max(0.1, self.until - time.monotonic()))
            except OSError as error:
                trouble = error
                continue
            self.sock, self.held = plain, plain.dup()
            if self.is_tls:
                self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
            return
        raise trouble


def post(url: str, body: bytes, headers: Mapping[str, str], *, resolver: Resolve | None = None) -> Answered:
    """Post once. Never raises for what the other side does: the answer says it, without the address or a key."""
    began = time.monotonic()
    until = began + SECONDS
    try:
        parts = urlsplit(check_url(url))
        host = (parts.hostname or "").lower()
        places = addresses(host, parts.port or 443, resolver)
        status, text = _exchange(parts, places, body, {"User-Agent": AGENT, **headers}, until)
    except AddressRefused as refused:
        return Answered(None, "", _ms(began), str(refused)[:200])
    except (OSError, http.client.HTTPException) as trouble:
        late = time.monotonic() >= until or isinstance(trouble, TimeoutError)
        return Answered(None, "", _ms(began), "timeout" if late else _kind_of(trouble))
    if 300 <= status < 400:
        return Answered(status, text, _ms(began), "redirects are not followed")
    return Answered(status, text, _ms(began), "" if 200 <= status < 300 else f"HTTP {status}")


def _exchange(
    parts: SplitResult, places: Collection[str], body: bytes, headers: Mapping[str, str], until: float
) -> tuple[int, str]:
    connection = _Pinned(parts, places, until)
    # A socket's timeout counts from byte to byte: one who sends a byte now and then would hold a worker for hours.
    guard = threading.Timer(max(0.1, until - time.monotonic()), connection.cut)
    guard.daemon = True
    guard.start()
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request("POST", target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_READ).decode("utf-8", "replace")
    finally:
        guard.cancel()
        connection.is_over = True
        connection.close()


def _kind_of(trouble: Exception) -> str:
    """What went wrong in words that hold no address and no key."""
    if isinstance(trouble, socket.gaierror):
        return "the name is not known"
    if isinstance(trouble, ssl.SSLCertVerificationError):
        return "the certificate is not valid"
    return type(trouble).__name__


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
