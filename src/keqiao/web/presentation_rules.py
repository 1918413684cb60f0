"""Dated parameters and the places that they hold in, as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keqiao.web.presentation import number

JURISDICTIONS: Mapping[str, Any] = {
    "KQ": gettext_lazy("平台默认"),
    "CN": gettext_lazy("全国"),
    "CN-BJ": gettext_lazy("北京市"),
    "CN-SH": gettext_lazy("上海市"),
    "CN-ZJ": gettext_lazy("浙江省"),
    "CN-GD": gettext_lazy("广东省"),
    "CN-JS": gettext_lazy("江苏省"),
}


def jurisdiction(code: str) -> str:
    name = JURISDICTIONS.get(code)
    return f"{name} {code}" if name else code


@dataclass(frozen=True)
class Pack:
    """The rows of one rule pack on a page."""

    name: str
    jurisdiction: str
    rows: tuple[Any, ...]


def packs(rows: Iterable[Any]) -> list[Pack]:
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        groups.setdefault((row.pack, row.jurisdiction), []).append(row)
    return [Pack(name, jurisdiction(code), tuple(found)) for (name, code), found in groups.items()]


def parameter_value(value: Any) -> str:
    """A number, a word, or the lines of a list or table; formulas stay as they are written."""
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if isinstance(value, int | float):
        return number(Decimal(str(value)))
    if isinstance(value, dict):
        return "\n".join(f"{key}: {parameter_value(each)}" for key, each in value.items())
    if isinstance(value, list):
        is_flat = all(not isinstance(each, dict | list) for each in value)
        return (", " if is_flat else "\n").join(parameter_value(each).replace("\n", "; ") for each in value)
    return str(value)
