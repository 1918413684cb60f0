"""What the pages of deals say: names of lines, rules, stages. No queries beyond what the views gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from keqiao.deals import sankey
from keqiao.deals.models import Deal, Distribution, SheetLine
from keqiao.deals.types import LEAVES, SHARES, ChargeKind, Mode, PartKind, Step
from keqiao.kernel.money import Money

__all__ = ["LEAVES"]


def is_english() -> bool:
    return translation.get_language() == "en"


def deal_title(deal: Deal) -> str:
    return (deal.title_en if is_english() else "") or deal.title_zh


def mode_name(deal: Deal) -> str:
    return str(Mode(deal.mode).label)


def result_title(achievement: Any) -> str:
    texts = {text.lang: text.title for text in achievement.texts.all()}
    return texts.get("en" if is_english() else "zh") or next(iter(texts.values()), achievement.code)


def _person(row: Any) -> str:
    return (row.name_en if is_english() else row.name_zh) or row.name_zh or row.name_en


def _organisation(row: Any) -> str:
    return (row.name_en if is_english() else row.name_zh) or row.name_zh or row.name_en


def line_name(line: SheetLine) -> str:
    """Who or what a line is."""
    if line.person_id is not None and line.person is not None:
        return _person(line.person)
    if line.step in {Step.TAX, Step.COST, Step.UPKEEP, Step.BORNE} and line.label in ChargeKind.values:
        return str(ChargeKind(line.label).label)
    if line.step == Step.PART and line.name:
        return line.name
    if line.step == Step.PART and line.label in PartKind.values:
        return str(PartKind(line.label).label)
    if line.step == Step.BROKER and line.organisation is not None:
        return _organisation(line.organisation)
    return str(Step(line.step).label)


def line_rule(line: SheetLine) -> list[dict[str, Any]]:
    """Instrument and article, each once."""
    return list(line.bases)


def pictures(lines: Sequence[SheetLine]) -> list[Any]:
    """The flow, wide and narrow; none for a refund."""
    drawn = []
    for narrow in (False, True):
        picture = sankey.draw(lines, line_name, narrow=narrow, charges=_("税费与费用"))
        if picture is None:
            return []
        drawn.append(picture)
    return drawn


def picture_words(lines: Sequence[SheetLine], unit: str) -> str:
    """The flow in words, for who does not see it."""
    gross = sum(line.amount for line in lines if line.step == Step.GROSS)
    net = sum(line.amount for line in lines if line.step == Step.NET)
    reward = sum(line.amount for line in lines if line.step == Step.REWARD)
    words = {"gross": _amount(gross, unit), "net": _amount(net, unit), "reward": _amount(reward, unit)}
    return _("收入 %(gross)s，净收入 %(net)s，其中完成人及转化人员 %(reward)s；各项去向见数据表。") % words


def _amount(value: int, unit: str) -> str:
    return f"{value:,}" if unit == SHARES else f"{Money(value, unit).major:,}"


def unconfirmed(distribution: Distribution, lines: Sequence[SheetLine]) -> list[dict[str, Any]]:
    """Rules on the sheet that nobody compared with the text yet, each once."""
    found = [basis for line in lines for basis in line.bases] + list(distribution.facts)
    named = {(basis["instrument"], basis["article"]): basis for basis in found if not basis["confirmed"]}
    return list(named.values())


def stages(deal: Deal, count: int) -> list[dict[str, Any]]:
    """The deal's way with its days: signing, registration, distribution, settlement."""
    settled = deal.state == "settled"
    return [
        {"label": _("签约"), "note": deal.signed_on, "status": "done"},
        {
            "label": _("认定登记"),
            "note": deal.registered_on,
            "status": "done" if deal.registered_on else "ahead",
        },
        {"label": _("履约与分配"), "note": None, "count": count, "status": "done" if settled else "current"},
        {"label": _("结清"), "note": deal.ends_on, "status": "done" if settled else "ahead"},
    ]
