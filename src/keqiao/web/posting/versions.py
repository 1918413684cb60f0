"""The accepted versions of a public item, with what changed from one to the next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import AttachmentLevel, BudgetShown, PriceKind
from keqiao.kernel.pages import LongList, actor_of, page, page_number
from keqiao.submissions import selectors as submissions
from keqiao.web import presentation
from keqiao.web.posting.changes import Changed, changes
from keqiao.web.posting.forms import PRICE
from keqiao.web.presentation import Words

PER_PAGE = 10
# What a need or an achievement shows on its public page. The rest (own numbers, who may know the publisher) stays inside.
PUBLIC = frozenset(
    {
        "texts", "field", "region", "currency", "ipc", "industry", "discipline", "modes", "keywords_zh", "keywords_en",
        "price_kind", "price_low", "price_high", "indicators", "trl_min", "deadline", "region_wish", "unit_zh", "unit_en",
        "trl", "trl_evidence_zh", "trl_evidence_en", "ownership", "price_for", "disclosed_on", "team", "attachments",
    }
)  # fmt: skip


@dataclass(frozen=True)
class VersionSeen:
    """One accepted version as this reader may know it; no author is named."""

    number: int
    at: Any
    changes: tuple[Changed, ...]
    is_first: bool


@page
def need(request: HttpRequest, code: str) -> HttpResponse:
    found = catalogue.get_need(code, actor=actor_of(request))
    return _versions(request, "need", found, found.publisher_id)


@page
def achievement(request: HttpRequest, code: str) -> HttpResponse:
    found = catalogue.get_achievement(code, actor=actor_of(request))
    return _versions(request, "achievement", found, found.owner_id)


def _versions(request: HttpRequest, kind: str, item: Any, owner_id: int) -> HttpResponse:
    actor = actor_of(request)
    rows = submissions.accepted_versions(item).only("version", "decided_at", "content", "kind")
    shown = LongList(rows, PER_PAGE).get_page(page_number(request.GET))
    # One more than the page shows: the oldest of the page is compared with the one before it.
    cut = list(rows[shown.start_index() - 1 : shown.start_index() + PER_PAGE]) if shown.paginator.count else []
    is_own, is_known = actor.works_for(owner_id), actor.is_known
    # A budget that is kept back now is shown in no older version either.
    without = PRICE if kind == "need" and item.price_kind == PriceKind.UNKNOWN else ()
    contents = [row.content if is_own else public_part(row.content, is_known=is_known, without=without) for row in cut]
    words = Words(catalogue.table)
    seen = [
        VersionSeen(
            row.version or 0,
            row.decided_at,
            tuple(changes(kind, contents[n + 1], contents[n], words)) if n + 1 < len(cut) else (),
            n + 1 == len(cut),
        )
        for n, row in enumerate(cut[:PER_PAGE])
    ]
    context = {
        "tab": f"{kind}s",
        "nav": f"{kind}s",
        "kind": kind,
        "item": item,
        "version": presentation.version_of(item),
        "versions": seen,
        "page": shown,
        "pages": presentation.window(shown.number, shown.paginator.num_pages),
    }
    return render(request, "posting/versions.html", context)


def kept_back(content: Mapping[str, Any]) -> bool:
    """Was the budget of this version for some only?"""
    return content.get("budget_shown") not in (None, "", BudgetShown.SHOWN)


def public_part(content: Mapping[str, Any], *, is_known: bool, without: Collection[str] = ()) -> dict[str, Any]:
    """What of a version everybody may read: the parts of the public page, and the files that the reader may open."""
    kept = {name: value for name, value in content.items() if name in PUBLIC and name not in without}
    levels = {AttachmentLevel.PUBLIC, *([AttachmentLevel.SIGNED_IN] if is_known else [])}
    if kept_back(content):
        for name in PRICE:
            kept.pop(name, None)
    kept["attachments"] = [row for row in kept.get("attachments") or [] if row.get("level") in levels]
    return kept
