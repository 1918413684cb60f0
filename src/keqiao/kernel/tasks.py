"""Jobs of the kernel: fetch by id, call a command or a gateway."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from keqiao.kernel import events
from keqiao.kernel.models import Event

AGAIN = RetryStrategy(max_attempts=8, exponential_wait=2)


@app.task(queue="events", retry=AGAIN, pass_context=False)
def dispatch_event(*, event_id: int) -> None:
    """Tell the subscribers of one event. At least once: each subscriber asks whether its work is already done."""
    events.dispatch(Event.objects.get(pk=event_id))


@app.periodic(cron="* * * * *")
@app.task(queue="kernel", queueing_lock="seal_events")
def seal_events(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Link the events that are not sealed yet into the hash chain."""
    from keqiao.kernel import sealing

    sealing.seal()


@app.task(queue="mail", retry=AGAIN)
def mail_notice(*, notice_id: int) -> None:
    """Send one notice by e-mail."""
    from keqiao.kernel import notices
    from keqiao.kernel.models import Notice

    notices.send(Notice.objects.get(pk=notice_id))
