"""Jobs: fetch by id, call a command or a gateway."""

from __future__ import annotations

import logging

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from keqiao.accounts import gateways, selectors, services
from keqiao.accounts.models import OneTimeCode
from keqiao.accounts.secrets import code_of, unseal
from keqiao.accounts.types import CODE_MINUTES, Channel
from keqiao.kernel import clock
from keqiao.parties import selectors as parties

log = logging.getLogger(__name__)

AGAIN = RetryStrategy(max_attempts=4, exponential_wait=2)


@app.task(queue="mail", retry=AGAIN)
def deliver_code(*, code_id: int, kind: str, sealed: str, language: str) -> None:
    """Send a code, or a word to somebody who has an account already. A used or old code is not sent any more."""
    row = OneTimeCode.objects.filter(pk=code_id, used_at=None, expires_at__gt=clock.now()).first()
    if row is None or kind == "nobody":
        return
    channel, _bar, address = unseal(sealed).partition("|")
    with translation.override(language):
        subject, text = _words(row, kind)
        if channel == Channel.EMAIL:
            gateways.mail(address, subject, text)
        elif gateway := gateways.sms():
            gateway.send(address, text)


def _words(row: OneTimeCode, kind: str) -> tuple[str, str]:
    if kind == "known":
        text = _("有人用这个地址注册科桥，但您已有账号。请直接登录：%(link)s。如果不是您本人操作，不必理会。")
        return _("您已有科桥账号"), text % {"link": f"{settings.SITE_URL}/sign-in"}
    text = _("科桥验证码 %(code)s，%(minutes)d 分钟内有效。任何人（包括平台工作人员）都不会向您索要它。")
    code = code_of(row)
    return _("科桥验证码 %(code)s") % {"code": code}, text % {"code": code, "minutes": CODE_MINUTES}


@app.periodic(cron="17 * * * *")
@app.task(queue="kernel", queueing_lock="forget_codes")
def forget_codes(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Old codes and counts of attempts go."""
    services.forget_old_codes(actor=parties.system())
    services.forget_ended_counts(actor=parties.system())


@app.task(queue="kernel", retry=AGAIN)
def make_export(*, export_id: int) -> None:
    """Put together the copy of somebody's own data, part by part. Again is harmless: it begins anew or finds it done."""
    from keqiao.kernel import personal

    system = parties.system()
    names = personal.names()
    export = services.begin_export(actor=system, export_id=export_id, part_count=len(names))
    if export is None:
        return
    parts = {}
    try:
        for number, name in enumerate(names, start=1):
            parts[name] = personal.export_part(name, export.person_id)
            if not services.note_export_progress(actor=system, export_id=export_id, parts_done=number):
                return
        services.finish_export(actor=system, export_id=export_id, parts=parts)
    except Exception:
        services.fail_export(actor=system, export_id=export_id)
        raise


@app.periodic(cron="*/10 * * * *")
@app.task(queue="kernel", queueing_lock="erase_people")
def erase_people(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Erasures whose waiting time is over; standing-ins whose time is over."""
    services.end_overdue_standing_in(actor=parties.system())
    for request_id in selectors.due_erasures(clock.now()):
        try:
            services.erase_person(actor=parties.system(), request_id=request_id)
        except Exception as trouble:  # noqa: BLE001 -- one that breaks does not keep the others waiting
            # Tried again in ten minutes. Only the kind of trouble: a database's message may quote the row.
            log.error(  # noqa: TRY400 -- as said
                "an erasure could not be carried out", extra={"request_id": request_id, "error": type(trouble).__name__}
            )


@app.periodic(cron="23 3 * * *")
@app.task(queue="kernel", queueing_lock="forget_old_records")
def forget_old_records(timestamp: int) -> None:  # noqa: ARG001 -- given to periodic jobs
    """Every night: exports and records that have had their time."""
    services.drop_old_exports(actor=parties.system())
    services.forget_old_records(actor=parties.system())
