"""Jobs of submissions: reviewers are reminded of answers that they promised."""

from __future__ import annotations

from procrastinate.contrib.django import app

from keqiao.kernel import clock
from keqiao.parties import selectors as parties
from keqiao.submissions import selectors, services

CHUNK = 200


@app.periodic(cron="50 0 * * *")
@app.task(queue="kernel", queueing_lock="remind_reviewers")
def remind_reviewers(timestamp: int) -> int:  # noqa: ARG001 -- given to periodic jobs
    """Once a day; nobody is told twice of the same promised day."""
    actor, count = parties.system(), 0
    for code in selectors.overdue_reviews(clock.today()).values_list("code", flat=True).iterator(CHUNK):
        services.remind_reviewers(actor=actor, code=code)
        count += 1
    return count
