"""Jobs: public notices whose time is over pass."""

from __future__ import annotations

import logging

from procrastinate.contrib.django import app

from keqiao.kernel import clock, public_notices
from keqiao.kernel.errors import Busy
from keqiao.parties import selectors as parties

log = logging.getLogger("keqiao.deals")
CHUNK = 500


@app.periodic(cron="* * * * *")
@app.task(queue="kernel", queueing_lock="end_public_notices")
def end_public_notices(timestamp: int) -> int:  # noqa: ARG001 -- given to periodic jobs
    """Every minute; each in its own transaction. One that somebody writes to waits for the next minute."""
    count = 0
    for pk in public_notices.due(clock.now()).values_list("pk", flat=True)[:CHUNK]:
        try:
            count += public_notices.pass_notice(actor=parties.system(), notice_id=pk)
        except Busy:
            log.info("left for the next minute", extra={"notice": pk})
    return count
