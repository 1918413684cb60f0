"""Parsing of what the forms send."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django.http.request import QueryDict
from django.utils.translation import gettext as _

from keqiao.kernel.errors import BadInput
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

DEFAULTS = {"per_need": 1, "most_each": 3, "spread": 5}
MOST_CODES = 500


def number(text: str, field: str) -> int:
    plain = text.strip()
    if not (plain.isascii() and plain.isdigit() and len(plain) < 6):
        raise BadInput(_("填一个整数，例如 2。"), field=field)
    return int(plain)


def optional_number(text: str, field: str) -> int | None:
    return number(text, field) if text.strip() else None


def day(text: str, field: str) -> date:
    """A date as <input type=date> sends it."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(_("日期写成 2026-11-20 的样子。"), field=field) from None


def optional_day(text: str, field: str) -> date | None:
    return day(text, field) if text.strip() else None


def codes(text: str) -> list[str]:
    """Codes between spaces, commas or lines."""
    found = [code for code in re.split(r"[\s,，、;；]+", text.upper().replace("\x00", "")) if code]
    if len(found) > MOST_CODES or any(len(code) > 24 for code in found):
        raise BadInput(_("编号之间用空格或换行分开，例如 XQ-2026-01873。"), field="more_needs")
    return found


def wishes(given: QueryDict) -> dict[str, Any]:
    """How a plan is to be made."""
    numbers = {name: number(given.get(name, str(usual)), name) for name, usual in DEFAULTS.items()}
    return {**numbers, "raises_worst": given.get("raises_worst") == "1"}


def shown_wishes(given: QueryDict) -> dict[str, Any]:
    return {
        **{name: given.get(name, str(usual)) for name, usual in DEFAULTS.items()},
        "raises_worst": given.get("raises_worst") == "1",
    }


def organisation(text: str, actor: Actor) -> str:
    """The code of an organisation that is given by its code or by its whole name."""
    plain = text.replace("\x00", "").strip()[:200]
    found = list(parties.find_organisations(actor, name=plain)[:2]) if plain else []
    if len(found) == 1:
        return str(found[0].code)
    exact = [one for one in found if plain in {one.name_zh, one.name_en}]
    if len(exact) == 1:
        return str(exact[0].code)
    raise BadInput(_("没有找到这家单位，或不止一家：请填全称，例如 澜江理工大学。"), field="organisation")
