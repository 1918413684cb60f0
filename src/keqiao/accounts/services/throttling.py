"""Limits on attempts: counted in the database, so that every web process counts the same ones.

One statement counts and reads: two processes cannot both take the last attempt. A refused attempt is not counted, so
that a window ends when it said it would.
"""

from __future__ import annotations

from django.db import connection
from django.utils.crypto import salted_hmac

from keqiao.accounts.models import AttemptCount
from keqiao.accounts.types import LIMITS, Limit, Throttled
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.parties.types import Actor

__all__ = ["count_attempt", "forget_ended_counts", "forgive_attempt"]

COUNT = """
INSERT INTO accounts_attemptcount AS c (key, times, ends_at)
VALUES (%(key)s, 1, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (key) DO UPDATE SET
    times = CASE WHEN c.ends_at <= clock_timestamp() THEN 1 ELSE c.times + 1 END,
    ends_at = CASE WHEN c.ends_at <= clock_timestamp() THEN excluded.ends_at ELSE c.ends_at END
RETURNING times, ceil(extract(epoch FROM ends_at - clock_timestamp()))::int
"""


@command
def count_attempt(*, actor: Actor, action: str, address: str, ip: str) -> None:  # noqa: ARG001 -- visitors try too
    """Count one attempt against every limit of the action. Raises Throttled, which says how long to wait."""
    for limit in LIMITS[action]:
        with connection.cursor() as cursor:
            cursor.execute(COUNT, {"key": _key(action, limit, address, ip), "seconds": limit.seconds})
            times, wait = cursor.fetchone()
        if times > limit.times:
            raise Throttled(wait)


@command
def forgive_attempt(*, actor: Actor, action: str, address: str, ip: str) -> None:  # noqa: ARG001 -- as above
    """The attempt succeeded: what was counted for the address is forgotten, one attempt is given back to the place."""
    for limit in LIMITS[action]:
        row = AttemptCount.objects.filter(key=_key(action, limit, address, ip)).select_for_update().first()
        if row is None:
            continue
        row.times = 0 if "address" in limit.per else max(row.times - 1, 0)
        row.save(update_fields=["times"])


@command
def forget_ended_counts(*, actor: Actor) -> int:  # noqa: ARG001 -- a job's actor
    """Counts whose window is over say nothing any more."""
    gone, _by_model = AttemptCount.objects.filter(ends_at__lt=clock.now()).delete()
    return gone


def _key(action: str, limit: Limit, address: str, ip: str) -> str:
    """Nobody can read an address or an IP out of it."""
    parts = {"address": address.lower(), "ip": ip, "day": ""}
    text = "|".join([action, str(limit.seconds), *(f"{name}={parts[name]}" for name in limit.per)])
    return salted_hmac("keqiao.accounts.limit", text, algorithm="sha256").hexdigest()
