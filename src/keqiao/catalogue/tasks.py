"""Jobs of the catalogue: what is past its last day leaves public view; before that its owner is reminded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from procrastinate import RetryStrategy
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


@app.task(queue="mail", retry=RetryStrategy(max_attempts=6, exponential_wait=3))
def mail_naming(*, naming_id: int) -> None:
    """Tell a contributor without an account how to join. Sent once; not to whom has joined."""
    row = selectors.naming_to_mail(naming_id)
    if row is None:
        return
    link = f"{settings.SITE_URL}{selectors.joining_path(row)}"
    body = (
        "您被列为一项科技成果的贡献人，收益按签署的比例分配。打开链接，登录或注册后即可签署和确认：\n"
        "You were named as a contributor to a research result. Open the link, sign in or sign up, and confirm your part:\n\n"
        f"{link}\n"
    )
    send_mail("请确认您的贡献 · Please confirm your contribution", body, settings.DEFAULT_FROM_EMAIL, [row.email])
    services.note_naming_mailed(actor=parties.system(), naming_id=row.pk)


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
