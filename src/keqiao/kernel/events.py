"""record() what happened; on() reacts to it in a worker, after the commit that recorded it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.db import connection, models

from keqiao.kernel import clock
from keqiao.kernel.models import Event

CHANNEL = "keqiao_events"
Subscriber = Callable[[Event], None]
_subscribers: dict[str, list[Subscriber]] = defaultdict(list)


def record(name: str, subject: models.Model, *, actor: Any, public: bool = False, **data: Any) -> Event:
    """Write the event and, in the same transaction, the job that tells subscribers. `data`: ids and plain values."""
    if not connection.in_atomic_block:
        raise RuntimeError("record() belongs inside a command")
    event = Event.objects.create(
        name=name,
        at=clock.now(),
        actor_id=actor.person_id,
        subject=f"{subject._meta.label_lower}:{subject.pk}",  # noqa: SLF001 -- Django's documented model API
        is_public=public,
        data=data,
    )
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
