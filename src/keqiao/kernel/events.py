"""record() what happened; on() reacts to it in a worker, after the commit that recorded it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models
from django.utils.crypto import salted_hmac

from keqiao.kernel import clock
from keqiao.kernel.models import Event

CHANNEL = "keqiao_events"
TOPICS = "keqiao_topics"
INSERT = """
INSERT INTO kernel_event (name, at, actor_id, subject, is_public, data) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
"""
Subscriber = Callable[[Event], None]
_subscribers: dict[str, list[Subscriber]] = defaultdict(list)


def record(
    name: str, subject: models.Model, *, actor: Any, public: bool = False, at: datetime | None = None, **data: Any
) -> Event:
    """Write the event and, in the same transaction, the job that tells subscribers. `data`: ids and plain values.

    `at`: the command's own reading of the clock, where it has asked already.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("record() belongs inside a command")
    about = f"{subject._meta.label_lower}:{subject.pk}"  # noqa: SLF001 -- Django's documented model API
    event = Event(name=name, at=at or clock.now(), actor_id=actor.person_id, subject=about, is_public=public, data=data)
    with connection.cursor() as cursor:  # every command comes through here: without the mapper it costs half
        cursor.execute(INSERT, [name, event.at, event.actor_id, about, public, json.dumps(data, ensure_ascii=False)])
        event.pk = cursor.fetchone()[0]
    if _subscribers[name]:
        _defer_dispatch(event)
    if public:
        _tell_watchers(event, str(getattr(subject, "code", "")))
    return event


def _defer_dispatch(event: Event) -> None:
    from keqiao.kernel.tasks import dispatch_event

    dispatch_event.defer(event_id=event.pk)


def _tell_watchers(event: Event, code: str) -> None:
    """NOTIFY is sent by the database at commit; it is not durable, so watchers refetch on a gap of ids."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{event.pk}|{event.name}|{code}"])


def topic(*parts: object) -> str:
    """The name under which one reader hears that something of theirs changed: it cannot be guessed, and holds for a day.

    The live process asks nobody who they are; whoever was told the name on a page may listen to it.
    """
    return topics(*parts)[0]


def topics(*parts: object) -> list[str]:
    """Today's name and yesterday's, for pages that were opened before midnight."""
    today = clock.today()
    return [_signed(f"{day}:{':'.join(map(str, parts))}") for day in (today, today - timedelta(days=1))]


def _signed(text: str) -> str:
    return salted_hmac("keqiao.live.topic", text, algorithm="sha256").hexdigest()[:32]


def tell_topics(names: Iterable[str], sequence: int) -> None:
    """Wake whoever listens to one of the topics. A number is all that is said: what changed, the page asks for itself."""
    told = list(names)
    with connection.cursor() as cursor:
        for first in range(0, len(told), 100):  # a NOTIFY holds less than 8,000 bytes
            some = " ".join(told[first : first + 100])
            cursor.execute("SELECT pg_notify(%s, %s)", [TOPICS, f"{sequence}|{some}"])


def on(name: str) -> Callable[[Subscriber], Subscriber]:
    """Subscribe a function to an event of a lower context. It may run twice: it asks first whether its work is done."""

    def register(func: Subscriber) -> Subscriber:
        _subscribers[name].append(func)
        return func

    return register


def dispatch(event: Event) -> None:
    for func in _subscribers[event.name]:
        func(event)


def subscriptions() -> dict[str, list[str]]:
    """Event name → dotted names of its subscribers, for the reference pages."""
    return {
        name: [f"{f.__module__}.{f.__qualname__}" for f in funcs]
        for name, funcs in sorted(_subscribers.items())
        if funcs
    }
