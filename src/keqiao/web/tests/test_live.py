import asyncio
import json
from collections.abc import Callable

from keqiao.runtime.environment import read_environment
from keqiao.web import live
from keqiao.web.live import RESYNC, Application, Feed, Message

PAYLOAD = "12|catalogue.need_published|XQ-2026-00001"


def taken(mailbox: live.Mailbox) -> bytes:
    return asyncio.run(mailbox.take())


def test_a_happening_reaches_every_reader_with_numbers() -> None:
    feed = Feed()
    first, second = feed.join(""), feed.join("")
    feed.happened(PAYLOAD)
    mark, kind, content = taken(first).decode().strip().split("\n")
    assert (mark, kind) == (f"id: {feed.run}-1", "event: happening")
    assert json.loads(content.removeprefix("data: ")) == {
        "sequence": 1,
        "event": 12,
        "name": "catalogue.need_published",
        "code": "XQ-2026-00001",
    }
    assert taken(second).startswith(mark.encode())


def test_what_is_not_a_happening_is_dropped() -> None:
    feed = Feed()
    feed.join("")
    for payload in ("", "junk", "x|y|z", "12||"):
        feed.happened(payload)
    assert feed.number == 0


def test_who_comes_back_gets_what_was_missed() -> None:
    feed = Feed()
    for number in (1, 2, 3):
        feed.happened(f"{number}|a.b|c")
    back = taken(feed.join(f"{feed.run}-1")).decode()
    assert [line for line in back.split("\n") if line.startswith("id")] == [f"id: {feed.run}-2", f"id: {feed.run}-3"]


def test_who_comes_back_from_too_long_ago_is_told_to_ask_again() -> None:
    feed = Feed()
    feed.happened(PAYLOAD)
    assert taken(feed.join("another-run-7")) == RESYNC


def test_all_are_told_when_the_database_was_away() -> None:
    feed = Feed()
    reader = feed.join("")
    feed.missed()
    assert taken(reader) == RESYNC
    assert taken(feed.join(f"{feed.run}-0x")) == RESYNC


def test_a_slow_reader_costs_a_bounded_amount() -> None:
    feed = Feed()
    slow = feed.join("")
    for number in range(10_000):
        feed.happened(f"{number}|a.b|c")
    waiting = taken(slow)
    assert len(waiting) <= live.MAILBOX
    assert waiting.startswith(RESYNC)


def test_silence_is_filled(monkeypatch) -> None:
    monkeypatch.setattr(live, "KEEPALIVE", 0.01)
    assert taken(Feed().join("")) == b": keepalive\n\n"


def ask(
    application: Application, *, stop_after: int, during: Callable[[], None] = lambda: None, **scope: object
) -> list[Message]:
    """Everything the application sends until the reader leaves."""

    async def talk() -> list[Message]:
        sent: list[Message] = []
        left = asyncio.Event()

        async def receive() -> Message:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)
            if len(sent) == 2:
                during()
            if len(sent) >= stop_after:
                left.set()

        defaults = {"type": "http", "method": "GET", "path": "/live/feed", "headers": []}
        await asyncio.wait_for(application({**defaults, **scope}, receive, send), 5)
        return sent

    return asyncio.run(talk())


def test_the_feed_streams_to_the_sites_own_pages_only() -> None:
    env = read_environment()
    application = Application(env)
    own = [(b"origin", env.site_url.encode())]
    start, retry, happening = ask(
        application, stop_after=3, headers=own, during=lambda: application.feed.happened(PAYLOAD)
    )
    headers = dict(start["headers"])
    assert (start["status"], headers[b"content-type"]) == (200, b"text/event-stream")
    assert headers[b"access-control-allow-origin"] == env.site_url.encode()
    assert retry["body"] == b"retry: 2000\n\n"
    assert b"XQ-2026-00001" in happening["body"]
    assert application.feed.readers == set()

    other = [(b"origin", b"https://elsewhere.example")]
    start, _ = ask(application, stop_after=2, headers=other)
    assert b"access-control-allow-origin" not in dict(start["headers"])


def test_other_questions_are_refused() -> None:
    application = Application(read_environment())
    answers = {
        path: ask(application, stop_after=2, path=path, method=method)[0]["status"]
        for path, method in (("/", "GET"), ("/live/feed", "POST"), ("/healthz", "GET"))
    }
    assert answers == {"/": 404, "/live/feed": 405, "/healthz": 503}


FIRST, SECOND = "0" * 32, "f" * 32


def test_a_change_wakes_those_who_listen_to_its_topic_and_nobody_else() -> None:
    feed = Feed()
    listener, other, public = feed.join_topics([FIRST]), feed.join_topics([SECOND]), feed.join("")
    feed.changed(f"7|{FIRST} {'a' * 32}")
    assert taken(listener) == b'event: changed\ndata: {"sequence": 7}\n\n'
    for mailbox in (other, public):
        assert mailbox._waiting == []
    assert feed.number == 0  # not even its number is heard elsewhere
    for mailbox in (listener, other, public):
        feed.leave(mailbox)
    assert (feed.of_topics, feed.count) == ({}, 0)


def test_topics_hear_when_the_database_was_away() -> None:
    feed = Feed()
    listener = feed.join_topics([FIRST, SECOND])
    feed.missed()
    assert taken(listener) == RESYNC


def test_junk_wakes_nobody() -> None:
    feed = Feed()
    listener = feed.join_topics([FIRST])
    for payload in ("", "junk", f"|{FIRST}", f"x|{FIRST}", "7|", f"7|{FIRST[:31]}"):
        feed.changed(payload)
    assert listener._waiting == []


def test_only_topics_can_be_listened_to() -> None:
    application = Application(read_environment())
    for query, status in (
        (f"t={FIRST}", 200),
        (f"t={FIRST}&t={SECOND}", 200),
        ("", 404),
        ("t=", 404),
        ("t=thread:1", 404),
        (f"t={FIRST}&t=x", 404),
        ("&".join(f"t={n:032x}" for n in range(5)), 404),
    ):
        sent = ask(application, stop_after=2, path="/live/topics", query_string=query.encode())
        assert sent[0]["status"] == status, query
    assert application.feed.of_topics == {}
