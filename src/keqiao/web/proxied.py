"""The site behind a reverse proxy: whose request it is, and a place under a path such as /keqiao.

Inside the platform every address starts at the root. Under a path (`KEQIAO_SITE_URL=https://city.example/keqiao`) the
proxy takes the path away on the way in, and `UnderPath` puts it before every address of this site on the way out: one
place instead of every template, and nothing at all for a site of its own host name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

Answer = Callable[[HttpRequest], HttpResponse]

ADDRESS = re.compile(
    rb"""(\s(?:href|src|action|formaction|poster|hx-[a-z-]+|data-[a-z-]*(?:url|href))=")(/(?!/)[^"]*)"""
)
HEADERS = ("Location", "Content-Location", "HX-Redirect", "HX-Location", "HX-Push-Url", "HX-Replace-Url")


class ClientAddress:
    """REMOTE_ADDR as the outermost trusted proxy saw it. Without KEQIAO_PROXIES the header is a visitor's claim."""

    def __init__(self, get_response: Answer) -> None:
        if settings.PROXIES == 0:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        if len(hops) >= settings.PROXIES:
            request.META["REMOTE_ADDR"] = hops[-settings.PROXIES]
        return self.get_response(request)


class UnderPath:
    """Puts the site's path before the addresses of pages, redirects and forms."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.prefix = urlsplit(settings.SITE_URL).path.rstrip("/")
        if not self.prefix:
            raise MiddlewareNotUsed

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.path = request.path_info  # whether or not the proxy took the path away
        response = self.get_response(request)
        for name in HEADERS:
            if name in response:
                response[name] = self.placed(response[name])
        is_page = response.get("Content-Type", "").startswith("text/html")
        if is_page and not isinstance(response, StreamingHttpResponse):
            prefix = self.prefix.encode()
            response.content = ADDRESS.sub(
                lambda found: found[1] + (found[2] if _is_under(found[2], prefix) else prefix + found[2]),
                response.content,
            )
        return response

    def placed(self, address: str) -> str:
        is_ours = address.startswith("/") and not address.startswith("//")
        return self.prefix + address if is_ours and not _is_under(address.encode(), self.prefix.encode()) else address


def _is_under(address: bytes, prefix: bytes) -> bool:
    return address == prefix or address.startswith((prefix + b"/", prefix + b"?"))
