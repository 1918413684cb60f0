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
def seal_events(timestamp: int) -> None:
    """Link the events that are not sealed yet into the hash chain; once an hour however late they came."""
    from keqiao.kernel import sealing

    sealing.seal(whole=timestamp // 60 % 60 == 0)


@app.periodic(cron="* * * * *")
@app.task(queue="kernel", queueing_lock="open_partitions")
def open_partitions(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Rows of tables that grow find a partition before they come."""
    from keqiao.kernel import partitions

    partitions.open_ahead()


@app.periodic(cron="43 3 * * *")
@app.task(queue="kernel", queueing_lock="analyze_partitions")
def analyze_partitions(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Let the planner know the sum of all partitions, which the database does not look at by itself."""
    from keqiao.kernel import partitions

    partitions.analyze()


@app.task(queue="mail", retry=AGAIN)
def mail_notice(*, notice_id: int) -> None:
    """Send one notice by e-mail."""
    from keqiao.kernel import notices
    from keqiao.kernel.models import Notice

    notices.send(Notice.objects.get(pk=notice_id))


@app.task(queue="mail", retry=AGAIN)
def deliver_notice(*, delivery_id: int) -> None:
    """Post one notice to one messenger; when it is away, again later."""
    from keqiao.kernel import notices
    from keqiao.kernel.models import NoticeDelivery

    delivery = NoticeDelivery.objects.select_related("notice", "channel").filter(pk=delivery_id).first()
    wait = notices.deliver(delivery) if delivery else None  # the person may have removed the channel
    if wait is not None:
        deliver_notice.configure(schedule_in={"seconds": wait}).defer(delivery_id=delivery_id)


@app.periodic(cron="7 * * * *")
@app.task(queue="mail", queueing_lock="mail_digests")
def mail_digests(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """From the hour of the daily mail on: a job for each person who may have something in it."""
    from django.conf import settings

    from keqiao.kernel import notices

    moment = notices.digest_moment() if settings.SENDS_EMAIL else None
    if moment is None:
        return
    for person_id in notices.people_for_digest(moment):
        mail_digest.defer(person_id=person_id, before=moment.isoformat())


@app.task(queue="mail", retry=AGAIN)
def mail_digest(*, person_id: int, before: str) -> None:
    """One person's daily mail."""
    from datetime import datetime

    from keqiao.kernel import notices

    notices.send_digest(person_id, datetime.fromisoformat(before))
