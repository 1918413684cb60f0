"""The web process's door: Django, one thread a request.

No page here waits for many things at once, so none gains by being asynchronous: under ASGI a request went from thread to
thread at nearly every middleware, and each time waited for its turn among all others. Streams that stay open are the live
process's (keqiao.web.live).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any, cast

from keqiao.runtime import child

Start = Callable[..., Any]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
if (
    parent := multiprocessing.parent_process()
):  # the server's own worker: it must not go on serving after a kill -9 of the server
    child.follow(parent.pid or 0, signal.SIGKILL)

from django.core.wsgi import get_wsgi_application  # noqa: E402 -- settings are named first

from keqiao.web import warming  # noqa: E402

django_application = get_wsgi_application()


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    if "HTTP_TRANSFER_ENCODING" in environ and "CONTENT_LENGTH" not in environ:
        return _length_required(start)
    answer: Any = django_application(environ, start)
    if answer.streaming:
        return cast("Iterable[bytes]", answer)
    whole = [answer.content]
    answer.close()  # the database connection goes back before a slow client has read the page
    return whole


def warmed() -> Callable[[dict[str, Any], Start], Iterable[bytes]]:
    """The application, made when a server process starts: requests wait until it can answer them as fast as later ones."""
    warming.warm(django_application)
    return application


def _length_required(start: Start) -> Iterable[bytes]:
    """A body that does not say how long it is would be taken for none, and a form for an empty one."""
    start("411 Length Required", [("Content-Type", "text/plain; charset=utf-8")])
    return ["请求要写明正文的长度（Content-Length）。 The request needs a Content-Length.\n".encode()]
