"""The web process's door: Django, and the end of its connection pools when the server stops."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import sync_to_async

from keqiao.runtime import child

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
if (
    parent := multiprocessing.parent_process()
):  # the server's own worker: it must not go on serving after a kill -9 of the server
    child.follow(parent.pid or 0, signal.SIGKILL)

from django.core.asgi import get_asgi_application  # noqa: E402 -- settings are named first
from django.db import connections  # noqa: E402

from keqiao.web import warming  # noqa: E402

django_application = get_asgi_application()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await django_application(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await warming.warm(django_application)
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await sync_to_async(close_pools)()  # a pool's threads would keep the process from ending
            await send({"type": "lifespan.shutdown.complete"})
            return


def close_pools() -> None:
    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
