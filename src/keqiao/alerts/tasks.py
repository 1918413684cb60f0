"""Jobs of alerts: look who wants to hear of something, and send what waits."""

from __future__ import annotations

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from keqiao.parties import selectors as parties

AGAIN = RetryStrategy(max_attempts=10, exponential_wait=2)


@app.task(queue="alerts", retry=AGAIN)
def find_alerts(*, kind: str, ids: list[int]) -> None:
    """Run twice, the second finds nothing new."""
    from keqiao.alerts import services

    services.find_alerts(actor=parties.system(), kind=kind, ids=ids)


@app.task(queue="alerts", retry=AGAIN)
def find_changes(*, kind: str, item_id: int, reason: str) -> None:
    from keqiao.alerts import services

    services.find_changes(actor=parties.system(), kind=kind, item_id=item_id, reason=reason)


@app.task(queue="alerts", retry=AGAIN)
def send_digest(*, person_id: int, cadence: str) -> None:
    """Run twice, or by two workers at once, the second finds nothing that waits."""
    from keqiao.alerts import services

    services.send_digest(actor=parties.system(), person_id=person_id, cadence=cadence)


@app.periodic(cron="20 2 * * *")
@app.task(queue="alerts", queueing_lock="find_stale_items")
def find_stale_items(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Every night, reason by reason. Killed in between, the next night finds the rest."""
    from keqiao.alerts import services
    from keqiao.alerts.types import StaleReason

    for reason in StaleReason:
        services.find_stale(actor=parties.system(), reason=reason.value)


@app.periodic(cron="4 * * * *")
@app.task(queue="alerts", queueing_lock="send_due_digests")
def send_due_digests(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Once an hour: who has something waiting whose time has come. Later runs make up for a worker that was away."""
    from keqiao.alerts import selectors

    for person_id, cadence in selectors.due_digests():
        send_digest.defer(person_id=person_id, cadence=cadence)
