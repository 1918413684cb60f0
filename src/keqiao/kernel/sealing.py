"""The hash chain over the event table: a job seals, `keqiao audit verify` names the first broken row.

Digest of seal n = sha256(digest of seal n-1 · canonical JSON of the event). The chain follows the order of sealing:
ids commit out of order, so an event that commits late is sealed late and none is skipped.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from keqiao.kernel.models import Event, Seal

GENESIS = bytes(32)
SEAL_LOCK = 0x6B65_7169  # one sealer at a time, across processes
BATCH = 5_000
LATE = 20_000  # ids before the last sealed event among which one that committed late is looked for each minute


@dataclass(frozen=True)
class Break:
    """The first place where the chain does not hold."""

    number: int
    event_id: int | None
    reason: str


def canonical(event: Event) -> bytes:
    """The bytes that are sealed. Fields may be added at the end under a new version only."""
    form = [
        1,
        event.pk,
        event.name,
        event.at.astimezone(UTC).isoformat(),
        event.actor_id,
        event.subject,
        event.is_public,
        event.data,
    ]
    return json.dumps(form, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def link(previous: bytes, event: Event) -> bytes:
    return hashlib.sha256(previous + canonical(event)).digest()


def seal(*, whole: bool = True) -> int:
    """Seal every committed event that has no seal yet; how many were sealed.

    Unless `whole`, nothing is looked for far before the last sealed event: to ask that of a million events takes a second. A
    transaction that stayed open while 20,000 others were recorded is found by the next whole look.
    """
    count = 0
    while batch := _seal_batch(whole=whole):
        count += batch
    return count


def _seal_batch(*, whole: bool) -> int:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEAL_LOCK])
        last = Seal.objects.order_by("-number").first()
        number, digest = (last.number, bytes(last.digest)) if last else (0, GENESIS)
        seals = []
        since = last.event_id - LATE if last and not whole else 0
        sealed = Seal.objects.filter(event=OuterRef("pk"), event__gt=since)  # bounded too, or all seals would be read
        for event in Event.objects.filter(~Exists(sealed), pk__gt=since).order_by("pk")[:BATCH]:
            number, digest = number + 1, link(digest, event)
            seals.append(Seal(number=number, event=event, digest=digest))
        Seal.objects.bulk_create(seals)
    return len(seals)


def verify() -> Break | None:
    """Walk the chain from the start; the first broken link, or None when it holds."""
    expected, digest = 1, GENESIS
    for found in Seal.objects.select_related("event").order_by("number").iterator(chunk_size=2_000):
        if found.number != expected:
            return Break(expected, None, "a seal is missing")
        digest = link(digest, found.event)
        if digest != bytes(found.digest):
            return Break(found.number, found.event_id, "the event or its seal was changed")
        expected += 1
    return None
