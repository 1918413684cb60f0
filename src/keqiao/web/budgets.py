"""Budgets that a need does not show to everybody, put where this reader may see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import PriceKind
from keqiao.engagement import selectors as engagement
from keqiao.parties.types import Actor


def show(needs: Iterable[Any], actor: Actor) -> None:
    """Give each need its price as this actor may know it, and `budget_shown` where it is not for everybody.

    Only in memory, for the page or answer that is being made: rows of a list are never saved.
    """
    rows = list(needs)
    seen = catalogue.private_budgets(rows, actor=actor, told=lambda ids: engagement.told_of_budgets(ids, actor=actor))
    for need in rows:
        if kept := seen.get(need.pk):
            need.budget_shown = kept.shown
            for name in catalogue.PRICE:
                setattr(need, name, getattr(kept, name))


def fit(need: Any, achievement: Any) -> str:
    """How the asking price stands to a budget that is not for everybody, in words for those who see that budget.

    It is worked out for the page and never kept: stored points, which both sides see, do not know the budget.
    """
    if not hasattr(need, "budget_shown") or need.price_kind != PriceKind.AMOUNT:
        return ""
    if achievement.price_kind != PriceKind.AMOUNT or achievement.currency != need.currency:
        return _("对方没有写明可比的报价。")
    if achievement.price_low <= need.price_high:
        return _("对方的报价在这份预算之内。")
    return _("对方的报价高于这份预算。")
