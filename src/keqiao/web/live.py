"""Live pages: public happenings over Server-Sent Events, from a process of its own and one LISTEN connection.

`GET /live/feed` sends `happening` events: a name, the public code of what it is about, and numbers. NOTIFY is not
durable: whoever may have missed something is sent `resync` and asks the page again. Django is not loaded.

`GET /live/topics?t=NAME` wakes the reader of one topic with `changed` and a number, never with what changed. A topic's
name is secret and holds for a day (keqiao.kernel.events.topic), so there is nobody to sign in; who is no longer told
simply hears nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import multiprocessing
import re
import secrets
import signal
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import psycopg

from keqiao.runtime import child, postgres
from keqiao.runtime.environment import Environment, read_environment

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CHANNEL, TOPICS = "keqiao_events", "keqiao_topics"  # as in keqiao.kernel.events
TOPIC = re.compile(r"[0-9a-f]{32}")
MOST_TOPICS = 4  # of one reader
RETRY_MS = 2_000  # after how long a browser connects again
KEEPALIVE = 15.0  # seconds; proxies close what is silent
MAILBOX = 64 * 1024  # bytes that wait for one slow reader; beyond it, it is told to resync
REMEMBERED = 1_000  # happenings kept for readers who come back with Last-Event-ID
MOST_READERS = 2_000
RESYNC = b"event: resync\ndata: {}\n\n"

if parent := multiprocessing.parent_process():
    child.follow(parent.pid or 0, signal.SIGKILL)


class Mailbox:
    """What waits for one reader. A slow one gets one large piece, never an unbounded queue."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0
        self._filled = asyncio.Event()

    def put(self, message: bytes) -> None:
        if self._size + len(message) > MAILBOX:
            self._waiting, self._size, message = [], 0, RESYNC
        self._waiting.append(message)
        self._size += len(message)
        self._filled.set()

    async def take(self) -> bytes:
        """All that waits; a comment line after a while of silence."""
        try:
            await asyncio.wait_for(self._filled.wait(), KEEPALIVE)
        except TimeoutError:
            return b": keepalive\n\n"
        taken = b"".join(self._waiting)
        self._waiting, self._size = [], 0
        self._filled.clear()
        return taken


class Feed:
    """Numbers the happenings and hands each to every reader."""

    def __init__(self) -> None:
        self.run = secrets.token_hex(4)  # ids of another run of this process are not ours
        self.number = 0
        self.readers: set[Mailbox] = set()
        self.of_topics: dict[str, set[Mailbox]] = {}
        self.is_listening = False
        self._recent: deque[tuple[str, bytes]] = deque(maxlen=REMEMBERED)

    def happened(self, payload: str) -> None:
        """One NOTIFY: `event id|event name|public code`."""
        event, _, rest = payload.partition("|")
        name, _, code = rest.partition("|")
        if not event.isdigit() or not name:
            log.warning("not a happening: %r", payload)
            return
        self.number += 1
        mark = f"{self.run}-{self.number}"
        content = json.dumps({"sequence": self.number, "event": int(event), "name": name, "code": code})
        message = f"id: {mark}\nevent: happening\ndata: {content}\n\n".encode()
        self._recent.append((mark, message))
        self._send(message)

    def changed(self, payload: str) -> None:
        """One NOTIFY: `sequence|topic topic …`. Only who listens to one of them hears of it."""
        sequence, _, names = payload.partition("|")
        if not sequence.isdigit():
            log.warning("not a change: %d characters", len(payload))
            return
        message = f'event: changed\ndata: {{"sequence": {int(sequence)}}}\n\n'.encode()
        for mailbox in {mailbox for name in names.split() for mailbox in self.of_topics.get(name, ())}:
            mailbox.put(message)

    def missed(self) -> None:
        """The database was away: nobody knows what happened meanwhile."""
        self._recent.clear()
        self._send(RESYNC)
        for mailbox in set().union(*self.of_topics.values()):
            mailbox.put(RESYNC)

    def join(self, last_seen: str) -> Mailbox:
        """A new reader, or one who comes back and says what it saw last."""
        mailbox = Mailbox()
        for message in self._since(last_seen):
            mailbox.put(message)
        self.readers.add(mailbox)
        return mailbox

    def join_topics(self, names: Sequence[str]) -> Mailbox:
        """What was missed before is not kept: the page compares its number with the server's when it is connected."""
        mailbox = Mailbox()
        for name in names:
            self.of_topics.setdefault(name, set()).add(mailbox)
        return mailbox

    def leave(self, mailbox: Mailbox) -> None:
        self.readers.discard(mailbox)
        for name in [name for name, those in self.of_topics.items() if mailbox in those]:
            self.of_topics[name].discard(mailbox)
            if not self.of_topics[name]:
                del self.of_topics[name]

    @property
    def count(self) -> int:
        return len(self.readers) + sum(map(len, self.of_topics.values()))

    def _since(self, last_seen: str) -> list[bytes]:
        if not last_seen or last_seen == f"{self.run}-{self.number}":
            return []
        recent = list(self._recent)
        for position, (mark, _) in enumerate(recent):
            if mark == last_seen:
                return [message for _, message in recent[position + 1 :]]
        return [RESYNC]

    def _send(self, message: bytes) -> None:
        for mailbox in self.readers:
            mailbox.put(message)


async def listen(feed: Feed, env: Environment) -> None:
    """Hold the one LISTEN connection; come back, more and more slowly, when the database was away."""
    delay = 0.1
    has_listened = False
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(
                **{**postgres.conninfo(env), "connect_timeout": 5, "application_name": "keqiao live"}, autocommit=True
            )
            async with connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                await connection.execute(f"LISTEN {TOPICS}")
                feed.is_listening, delay = True, 0.1
                if has_listened:
                    feed.missed()
                has_listened = True
                async for notification in connection.notifies():
                    hear = feed.changed if notification.channel == TOPICS else feed.happened
                    hear(notification.payload)
        except (psycopg.Error, OSError) as trouble:
            log.warning("the database is away: %s", trouble)
        finally:
            feed.is_listening = False
        await asyncio.sleep(delay)
        delay = min(delay * 2, 5.0)


class Application:
    """The ASGI application: the feed, and whether it listens."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.feed = Feed()
        self._listener: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._listener = asyncio.create_task(listen(self.feed, self.env))
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._listener:
                    self._listener.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await self._listener
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz":
            await _plain(send, *((200, "ok") if self.feed.is_listening else (503, "the database is away")))
        elif scope["path"] not in {"/live/feed", "/live/topics"}:
            await _plain(send, 404, "not found")
        elif scope["method"] != "GET":
            await _plain(send, 405, "GET only")
        elif self.feed.count >= MOST_READERS:
            await _plain(send, 503, "too many readers")
        elif scope["path"] == "/live/feed":
            last_seen = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
            await self._stream(scope, receive, send, self.feed.join(last_seen))
        elif names := _topics(scope):
            await self._stream(scope, receive, send, self.feed.join_topics(names))
        else:
            await _plain(send, 404, "not found")

    async def _stream(self, scope: Message, receive: Receive, send: Send, mailbox: Mailbox) -> None:
        headers = dict(scope["headers"])
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await send(
                {"type": "http.response.start", "status": 200, "headers": self._headers(headers.get(b"origin", b""))}
            )
            await send({"type": "http.response.body", "body": f"retry: {RETRY_MS}\n\n".encode(), "more_body": True})
            while not gone.done():
                message = asyncio.create_task(mailbox.take())
                await asyncio.wait({message, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not message.done():
                    message.cancel()
                    break
                await send({"type": "http.response.body", "body": message.result(), "more_body": True})
        finally:
            self.feed.leave(mailbox)
            gone.cancel()

    def _headers(self, origin: bytes) -> list[tuple[bytes, bytes]]:
        """The page lives on the port beside this one, which is another origin: only the site's own is let in."""
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            (b"x-content-type-options", b"nosniff"),
            (b"vary", b"origin"),
        ]
        if origin.decode("latin-1") == self.env.site_url:
            headers.append((b"access-control-allow-origin", origin))
        return headers


def _topics(scope: Message) -> list[str]:
    """The topics of the query; none at all when one of them is no topic."""
    names = parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1")).get("t", [])
    return names if len(names) <= MOST_TOPICS and all(TOPIC.fullmatch(name) for name in names) else []


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _plain(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


application = Application(read_environment())
