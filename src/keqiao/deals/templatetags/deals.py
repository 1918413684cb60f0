"""Filters of the deals' pages: amounts, parts, who a line goes to."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.deals import showing
from keqiao.deals.states import PaymentState
from keqiao.deals.types import SHARES
from keqiao.kernel import clock
from keqiao.kernel.money import Money

register = template.Library()
HAN = re.compile(r"[\u3400-\u9fff]")


@register.filter
def amount(value: int | None, unit: str) -> str:
    """1,316,000.00, or so many shares; a dash where nothing is known."""
    if value is None:
        return "–"
    if unit == SHARES:
        return _("%(count)s 股") % {"count": f"{value:,}"}
    return f"{Money(value, unit).major:,}".replace("-", "−")


@register.filter
def cited(instrument: str) -> str:
    """Where a line comes from: our own words in the reader's language, the title of a law or rule as it is."""
    return _(instrument) if instrument else ""


@register.filter
def percent(rate: str) -> str:
    """70%, from an exact fraction; cut to four places where it never ends."""
    if not rate:
        return ""
    part = Fraction(rate) * 100
    text = f"{float(part):.4f}".rstrip("0").rstrip(".")
    return f"{text}%"


@register.filter
def bp(value: int) -> str:
    return percent(f"{value}/10000")


register.filter("line_name", showing.line_name)
register.filter("line_rule", showing.line_rule)
register.filter("deal_title", showing.deal_title)
register.filter("deal_mode", showing.mode_name)
register.filter("result_title", showing.result_title)


@register.filter
def last_day(moment: datetime) -> date:
    """The last day of a time that ends with a day."""
    return (moment.astimezone(clock.site_zone()) - timedelta(seconds=1)).date()


@register.filter
def payment_state(value: str) -> str:
    return str(PaymentState(value).label)


@register.filter
def lang_mark(text: str) -> SafeString:
    """Names stay in their language, also inside a drawing."""
    return SafeString(' lang="zh-CN"' if showing.is_english() and HAN.search(text) else "")


@register.filter
def contributor_key(share: Any, code: str) -> str:
    """Names a contributor in addresses."""
    return catalogue.contributor_key(code, share.person_id)
