"""Jobs: deliveries of webhooks, and forgetting what has been kept long enough."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from keqiao.parties import selectors as parties

AGAIN = RetryStrategy(max_attempts=10, exponential_wait=2)  # for a database that is away; receivers have BACKOFF


@app.task(queue="webhooks", retry=AGAIN)
def deliver_webhook(*, delivery_id: int) -> None:
    """Post one delivery. At least once: the receiver knows it again by its id."""
    from keqiao.integrations import gateways
    from keqiao.integrations.selectors import delivery_to_send
    from keqiao.integrations.services import webhooks

    sending = delivery_to_send(delivery_id)
    if sending is None:
        return
    answered = gateways.post(
        sending.url, sending.body, secrets=sending.secrets, at=sending.at, code=sending.code, kind=sending.kind
    )
    webhooks.note_attempt(actor=parties.system(), delivery_id=delivery_id, answered=answered)


@app.periodic(cron="23 3 * * *")
@app.task(queue="kernel", queueing_lock="forget_integrations")
def forget_old(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Stored answers, delivery logs and counts that have been kept long enough."""
    from keqiao.integrations import idempotency, rates
    from keqiao.integrations.services import webhooks

    idempotency.forget_old()
    rates.forget_old()
    webhooks.forget_old_deliveries(actor=parties.system())
