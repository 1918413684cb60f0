"""Shape of what the administration's pages are given."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext as _

from keqiao.kernel.errors import BadInput


def read_day(text: str, *, field: str) -> date:
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise BadInput(_("日期写成 2026-11-20 的样子。"), field=field) from None
