"""Parsing of what people send on the pages of tokens, webhooks and notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from django.http import QueryDict
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput

DAYS = (7, 30, 90, 180, 366)
DEFAULT_DAYS = 90


@dataclass(frozen=True)
class TokenForm:
    name: str = ""
    scopes: tuple[str, ...] = ()
    days: int = DEFAULT_DAYS
    organisation: str = ""
    password: str = ""


def read_token(sent: QueryDict) -> TokenForm:
    days = sent.get("days", "")
    return TokenForm(
        name=sent.get("name", "")[:200],
        scopes=tuple(sent.getlist("scopes")),
        days=int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0,
        organisation=sent.get("organisation", ""),
        password=sent.get("password", ""),
    )


@dataclass(frozen=True)
class WebhookForm:
    url: str = ""
    kinds: tuple[str, ...] = ()
    organisation: str = ""


def read_webhook(sent: QueryDict) -> WebhookForm:
    return WebhookForm(
        url=sent.get("url", "")[:1_000],
        kinds=tuple(sent.getlist("kinds")),
        organisation=sent.get("organisation", ""),
    )


def read_since(text: str) -> datetime:
    """A day, or a moment, in the site's zone unless it names its own."""
    text = text.strip()
    try:
        moment, day = parse_datetime(text), parse_date(text)
    except ValueError:
        moment = day = None
    if moment is None and day is not None:
        moment = datetime.combine(day, time())
    if moment is None:
        raise BadInput(_("时间写成 2026-11-20 或 2026-11-20 09:00 的样子。"), field="since")
    return moment if moment.tzinfo else moment.replace(tzinfo=clock.site_zone())


def whole(text: str) -> int:
    """A number of a row; what is none names no row."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
