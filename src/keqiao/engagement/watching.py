"""Open pages that follow a thread: which topic a reader listens to, and who is woken when something happens in it.

What travels is the number of happenings in the thread, to those who may read it at that moment. The page then asks
again, as its reader: a thread that one has left, or whose organisation one has left, neither wakes nor shows anything.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest

from keqiao.engagement.models import Contact, Participant
from keqiao.engagement.types import BROKER
from keqiao.kernel import events
from keqiao.kernel.models import Event
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role

HAPPENINGS = (
    "engagement.contact_sent", "engagement.contact_accepted", "engagement.contact_answered", "engagement.contact_declined",
    "engagement.contact_handed_over", "engagement.contact_reassigned", "engagement.contact_withdrawn",
    "engagement.contact_closed", "engagement.contact_expired", "engagement.message_written",
    "engagement.publisher_revealed", "engagement.broker_asked", "engagement.broker_agreed", "engagement.broker_refused",
    "engagement.broker_joined", "engagement.broker_left",
)  # fmt: skip


def sequence_of(contact_id: int) -> int:
    """How many things have happened in the thread: whoever has seen fewer asks again."""
    return Event.objects.filter(subject=f"engagement.contact:{contact_id}").count()


def address(request: HttpRequest, actor: Actor, *names: str) -> str:
    """Where the page listens. Empty where it was opened under another address than the site's own: nothing answers there."""
    if not settings.LIVE_URL or actor.only_reads or request.get_host() != urlsplit(settings.SITE_URL).netloc:
        return ""
    return f"{settings.LIVE_URL}/live/topics?{urlencode([('t', name) for name in names])}"


def thread_topic(contact_id: int, person_id: int | None) -> str:
    return events.topic("thread", contact_id, person_id)


def workbench_topic(person_id: int | None) -> str:
    return events.topic("workbench", person_id)


def wake_readers(contact_id: int) -> None:
    """Those who may read the thread now. Done again, it wakes them twice, which changes nothing."""
    people = readers_of(contact_id)
    names = [name for pk in people for name in events.topics("thread", contact_id, pk)]
    names += [name for pk in people for name in events.topics("workbench", pk)]
    events.tell_topics(names, sequence_of(contact_id))


def readers_of(contact_id: int) -> list[int]:
    """Ids of the people in the thread who still work for the side they stand on, and of its broker."""
    rows: list[Any] = list(Participant.objects.filter(contact_id=contact_id, left_at=None))
    places = {row.organisation_id for row in rows if row.place != BROKER}
    working = {
        (place, person.pk) for place in places for person in parties.people_in_posts(Role.values, organisation_id=place)
    }
    return [row.person_id for row in rows if row.place == BROKER or (row.organisation_id, row.person_id) in working]


def contact_id_of(event: Event) -> int | None:
    label, _colon, number = event.subject.partition(":")
    return int(number) if label == Contact._meta.label_lower and number.isdigit() else None  # noqa: SLF001 -- Django's documented model API
