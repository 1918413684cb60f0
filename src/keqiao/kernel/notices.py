"""Messages to people: in the app always, by e-mail when the site has a mail server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import QuerySet

from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.kernel.models import Notice

# Who knows the people (parties) says here how to reach one; the kernel keeps no address.
_address_of: list[Callable[[int], str]] = []


def addresses_come_from(func: Callable[[int], str]) -> None:
    """Register the function from a person's id to an e-mail address (empty: none)."""
    _address_of[:] = [func]


@command
def tell(*, actor: Any, person_id: int, kind: str, key: str, title_zh: str, title_en: str, link: str = "") -> bool:
    """Tell a person once per `key`; False when they were told before. The mail goes out by a job after the commit."""
    if not actor.is_known:
        raise NotAllowed
    notice, is_new = Notice.objects.get_or_create(
        person_id=person_id,
        key=key,
        defaults={"kind": kind, "title_zh": title_zh, "title_en": title_en, "link": link},
    )
    if is_new and settings.SENDS_EMAIL:
        from keqiao.kernel.tasks import mail_notice

        mail_notice.defer(notice_id=notice.pk)
    return is_new


def notices_of(actor: Any) -> QuerySet[Notice]:
    """A person's own notices, newest first."""
    if actor.person_id is None:
        return Notice.objects.none()
    return Notice.objects.filter(person_id=actor.person_id).order_by("-created_at", "-id")


@command
def mark_read(*, actor: Any, notice_id: int) -> None:
    """Only one's own; another person's notice is not there."""
    if not notices_of(actor).filter(pk=notice_id).exists():
        raise NotFound
    notices_of(actor).filter(pk=notice_id, read_at=None).update(read_at=clock.now())


def send(notice: Notice) -> None:
    """Called by the job. A mail that went out is not sent again."""
    address = next((func(notice.person_id) for func in _address_of), "")
    if notice.mailed_at is not None or not address:
        return
    body = f"{notice.title_zh}\n{notice.title_en}\n\n{settings.SITE_URL}{notice.link}\n"
    send_mail(notice.title_zh, body, settings.DEFAULT_FROM_EMAIL, [address])
    notice.mailed_at = clock.now()
    notice.save(update_fields=["mailed_at"])
