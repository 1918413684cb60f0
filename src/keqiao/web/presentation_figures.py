"""The figures of a text as a page shows them: where they stand, and how the text says that they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from keqiao.matching.indicators import name_similarity, shown_wish
from keqiao.matching.passages import TextFigure, of_texts, text_figures
from keqiao.matching.reading import Status
from keqiao.matching.types import Wanted

HOW_KNOWN: Mapping[Status, Any] = {
    Status.MEASURED: _("写为实测"),
    Status.CLAIMED: _("写为目标或预计"),
    Status.UNKNOWN: _("未写怎么得到的"),
}
MOST = 12
MOST_OUT = 40  # of one part, by the API
ALIKE = 0.7  # names of the table and of the text that mean the same


def read_of(text: Any, parts: Sequence[str], rows: Iterable[Any]) -> list[dict[str, Any]]:
    """What the text states and the table of indicators does not."""
    listed = [Wanted(row.name_zh, row.name_en, ">=", Decimal(0), "") for row in rows]
    found = of_texts(getattr(text, part, "") for part in parts)
    return [shown(one) for one in found if not any(name_similarity(row, one.offer) >= ALIKE for row in listed)][:MOST]


def figures_out(texts: Iterable[Any], parts: Sequence[str]) -> list[dict[str, Any]]:
    """What the API says of the figures in the texts of one item."""
    return [
        {
            "lang": text.lang,
            "part": part,
            **{
                name: getattr(figure.reading, name)
                for name in ("start", "end", "name", "comparator", "value", "high", "unit")
            },
            "condition": figure.reading.condition,
            "status": figure.status.value,
        }
        for text in texts
        for part in parts
        for figure in text_figures(getattr(text, part))[:MOST_OUT]
    ]


def shown(found: TextFigure) -> dict[str, Any]:
    name, wish = found.want.name_zh or found.want.name_en, shown_wish(found.want)
    before, at, after = found.pieces
    return {
        "said": wish if wish.casefold().startswith(name.casefold()) else f"{name} {wish}",
        "before": before,
        "at": at,
        "after": after,
        "status": HOW_KNOWN[found.status],
    }
