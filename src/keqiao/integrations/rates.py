"""How often one may ask: one row for each token, person or address, shared by all web processes.

A fixed minute, counted by the database in one statement; the table has no write-ahead log, so that counting costs no
disk (docs/decisions/0009).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection

from keqiao.kernel import clock, parameters

PARAMETERS = {
    "token": "integrations.rate_per_token",
    "person": "integrations.rate_per_person",
    "address": "integrations.rate_per_address",
}
COUNT = """
INSERT INTO integrations_ratecount AS kept (who, minute, count)
SELECT who, floor(extract(epoch FROM clock_timestamp()) / 60)::bigint, 1 FROM unnest(%s::text[]) AS who
ON CONFLICT (who) DO UPDATE
SET minute = excluded.minute, count = CASE WHEN kept.minute = excluded.minute THEN kept.count + 1 ELSE 1 END
RETURNING who, count, (60 - floor(extract(epoch FROM clock_timestamp()))::bigint %% 60)
"""


@dataclass(frozen=True)
class Rate:
    """Where the asker stands: of the limits that apply, the one that is nearest."""

    limit: int
    remaining: int
    reset: int  # seconds

    @property
    def is_used_up(self) -> bool:
        return self.remaining < 0


def limits() -> dict[str, int]:
    """Requests a minute, by kind of asker; a kind without a parameter is not limited."""
    chain = parameters.jurisdictions()
    # The machine's date: a rate is not a legal fact, and asking the database would double the cost.
    rows = parameters.in_force(clock.machine_today()).filter(key__in=PARAMETERS.values(), jurisdiction__in=chain)
    nearest = sorted(rows, key=lambda row: (-chain.index(row.jurisdiction), row.first_on))
    values = {row.key: int(row.value) for row in nearest}
    return {kind: values[key] for kind, key in PARAMETERS.items() if key in values}


def count(askers: Mapping[str, object], known: Mapping[str, int] | None = None) -> Rate | None:
    """Count one request for each asker (kind → id); None when nothing limits them."""
    allowed = limits() if known is None else known
    keys = {f"{kind}:{asker}"[:80]: allowed[kind] for kind, asker in askers.items() if kind in allowed}
    if not keys:
        return None
    return min(
        (Rate(keys[who], keys[who] - made, reset) for who, made, reset in _counted(sorted(keys))),
        key=lambda rate: rate.remaining,
    )


def _counted(keys: Sequence[str]) -> list[tuple[str, int, int]]:
    """In the order of the keys, so that two requests never wait for each other in a ring."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [list(keys)])
        return cursor.fetchall()


def forget_old() -> None:
    """Called by the job: counts of minutes long gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM integrations_ratecount"
            " WHERE minute < floor(extract(epoch FROM clock_timestamp()) / 60)::bigint - 60"
        )
