"""Jobs of the catalogue: what is past its last day leaves public view; before that its owner is reminded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from procrastinate.contrib.django import app

from keqiao.catalogue import selectors, services
from keqiao.kernel import clock
from keqiao.kernel.errors import Busy
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties

log = logging.getLogger("keqiao.catalogue")
KINDS: dict[str, Callable[..., Any]] = {"need": services.expire_need, "achievement": services.expire_achievement}
CHUNK = 500
MISSED_NIGHTS = 3  # a reminder that the job missed is still sent so many days late


@app.periodic(cron="17 * * * *")
@app.task(queue="kernel", queueing_lock="expire_items")
def expire_items(timestamp: int) -> int:  # noqa: ARG001 -- given to periodic jobs
    """Hourly, since midnight is another hour in every zone. Each item in its own transaction; a locked one waits."""
    actor, today, count = parties.system(), clock.today(), 0
    for kind, expire in KINDS.items():
        for code in selectors.expired_on(kind, today).values_list("code", flat=True).iterator(CHUNK):
            try:
                expire(actor=actor, code=code)
                count += 1
            except Busy:
                log.info("left for the next hour", extra={"code": code})
    return count


@app.periodic(cron="40 1 * * *")
@app.task(queue="kernel", queueing_lock="remind_owners")
def remind_owners(timestamp: int) -> int:  # noqa: ARG001 -- given to periodic jobs
    """Once a day; nobody is told twice of the same."""
    actor, today, count = parties.system(), clock.today(), 0
    for days in parameter("catalogue.reminder_days", on=today):
        last = today + timedelta(days=days)
        first = max(today, last - timedelta(days=MISSED_NIGHTS))
        for kind in KINDS:
            for code in selectors.expiring_between(kind, first, last).values_list("code", flat=True).iterator(CHUNK):
                count += services.remind_of_expiry(actor=actor, kind=kind, code=code, days=days)
    return count
