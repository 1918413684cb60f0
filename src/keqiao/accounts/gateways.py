"""Outside systems: a text message gateway over HTTP, with a twin in memory. Only jobs call them."""

from __future__ import annotations

from typing import ClassVar, Protocol

import httpx
from django.conf import settings
from django.core.mail import send_mail

MEMORY = "memory:"
WAIT_SECONDS = 10


class SmsGateway(Protocol):
    """Sends one text to one number (E.164)."""

    def send(self, number: str, text: str) -> None: ...


class HttpSms:
    """POST {"to", "text"} as JSON with a bearer token: what gateways take directly or behind a few lines of glue."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key

    def send(self, number: str, text: str) -> None:
        answer = httpx.post(
            self.url,
            json={"to": number, "text": text},
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=WAIT_SECONDS,
        )
        if answer.is_error:  # the gateway's words may repeat the number: only the status is told
            raise SmsRefused(f"the gateway answered {answer.status_code}")


class SmsRefused(Exception):
    """The gateway did not take the message; the job tries again."""


class MemorySms:
    """The twin: what would have been sent."""

    sent: ClassVar[list[tuple[str, str]]] = []

    def send(self, number: str, text: str) -> None:
        self.sent.append((number, text))


def sms() -> SmsGateway | None:
    """The site's gateway; none when the site has none (a demo shows codes on the page)."""
    if not settings.SMS_URL:
        return None
    return MemorySms() if settings.SMS_URL == MEMORY else HttpSms(settings.SMS_URL, settings.SMS_KEY)


def mail(address: str, subject: str, text: str) -> None:
    if settings.SENDS_EMAIL:
        send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [address])
