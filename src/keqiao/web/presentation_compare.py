"""Several items side by side: their arches stone by stone, what their owners say of them, and their figures line by line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from keqiao.catalogue.quantities import same_kind
from keqiao.catalogue.types import Ownership, PriceKind
from keqiao.matching.indicators import SURE_NAME, name_similarity
from keqiao.matching.types import Arch, Finding, Stone, StoneResult
from keqiao.web.presentation import (
    Said,
    Words,
    day,
    language,
    mode_name,
    named,
    price_of,
    quantity,
    sentence,
)


@dataclass(frozen=True)
class Column:
    """One of the items compared. `href`: where its name leads; no arch when nothing was asked."""

    item: Any
    arch: Arch | None
    score: int | None
    href: str


# --- The arches -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line of a comparison: what is asked, and a finding for each match (None: it was not computed)."""

    stone: Stone
    finding: Finding  # of the first: its label and what is asked
    cells: tuple[tuple[Any, Finding | None], ...]  # (column, finding)


@dataclass(frozen=True)
class Block:
    """A stone of several matches: its points for each, then its lines."""

    stone: Stone
    weight: int
    cells: tuple[tuple[Any, StoneResult], ...]
    rows: tuple[Row, ...]


def side_by_side(matches: Sequence[Any]) -> list[Block]:
    """Whatever has an arch, stone by stone in the order of the arch; a stone that not all have is left out."""
    stones = [{stone.stone: stone for stone in match.arch.stones} for match in matches]
    common = [stone for stone in Stone if all(stone in each for each in stones)]
    return [_block(matches, stone, [each[stone] for each in stones]) for stone in common]


def _block(matches: Sequence[Any], stone: Stone, results: Sequence[StoneResult]) -> Block:
    by_row = [{finding.need_row: finding for finding in result.findings} for result in results]
    keys = sorted({key for each in by_row for key in each}, key=lambda key: -1 if key is None else key)
    rows = []
    for key in keys:
        cells = tuple((match, each.get(key)) for match, each in zip(matches, by_row, strict=True))
        rows.append(Row(stone, next(finding for _match, finding in cells if finding), cells))
    return Block(stone, results[0].weight, tuple(zip(matches, results, strict=True)), tuple(rows))


# --- What is said of the items ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One trait or figure of the items; empty where an item says nothing of it."""

    name: Said
    cells: tuple[tuple[Column, Said], ...]


Read = Callable[[Any, Words], str | Said]

SUPPLY: Mapping[Any, Read] = {
    gettext_lazy("技术成熟度"): lambda item, _words: f"TRL {item.trl}" if item.trl else "",
    gettext_lazy("合作方式"): lambda item, _words: _modes(item),
    gettext_lazy("报价"): lambda item, _words: _price(item),
    gettext_lazy("权属"): lambda item, _words: _ownership(item),
    gettext_lazy("知识产权（件）"): lambda item, _words: str(len(item.assets.all()) or ""),
    gettext_lazy("产业领域"): lambda item, words: words.field(item.field),
    gettext_lazy("地区"): lambda item, words: words.region(item.region),
}
DEMAND: Mapping[Any, Read] = {
    gettext_lazy("技术成熟度"): lambda item, _words: f"TRL ≥ {item.trl_min}" if item.trl_min else "",
    gettext_lazy("合作方式"): lambda item, _words: _modes(item),
    gettext_lazy("预算"): lambda item, _words: _price(item),
    gettext_lazy("截止"): lambda item, _words: day(item.deadline),
    gettext_lazy("产业领域"): lambda item, words: words.field(item.field),
    gettext_lazy("地区"): lambda item, words: words.region(item.region),
}


def traits(columns: Sequence[Column], kind: str, words: Words) -> list[Line]:
    """What the owners say, trait by trait; one that no item has is left out."""
    lines = []
    for name, read in (SUPPLY if kind == "achievement" else DEMAND).items():
        cells = tuple((column, _said(read(column.item, words))) for column in columns)
        if any(said for _column, said in cells):
            lines.append(Line(_said(str(name)), cells))
    return lines


def _said(value: str | Said) -> Said:
    return value if isinstance(value, Said) else Said(value, language())


def _modes(item: Any) -> str:
    return " / ".join(mode_name(mode) for mode in item.modes)


def _price(item: Any) -> str:
    return "" if item.price_kind == PriceKind.UNKNOWN else str(price_of(item))


def _ownership(item: Any) -> str:
    return "" if item.ownership == Ownership.UNKNOWN else str(Ownership(item.ownership).label)


def figures(columns: Sequence[Column]) -> list[Line]:
    """The indicators in the reader's language, as `shared_lines` puts them together."""
    return [_line(columns, line) for line in shared_lines(columns)]


def shared_lines(columns: Sequence[Column]) -> list[list[Any]]:
    """Indicators of the same name and kind of unit on one line, or None for a column that says nothing of it; lines that
    several items share come first.
    """
    lines: list[list[Any]] = []
    for place, column in enumerate(columns):
        for row in column.item.indicators.all():
            line = next((line for line in lines if line[place] is None and _is_same(line, row)), None)
            if line is None:
                lines.append(line := [None] * len(columns))
            line[place] = row
    lines.sort(key=lambda line: sum(row is not None for row in line) < min(2, len(columns)))
    return lines


def _line(columns: Sequence[Column], rows: Sequence[Any]) -> Line:
    name = _name(next(filter(None, rows)))
    return Line(name, tuple((column, _figure(row, name)) for column, row in zip(columns, rows, strict=True)))


def _name(row: Any) -> Said:
    return sentence(named(row))


def _is_same(line: Sequence[Any], row: Any) -> bool:
    first = next(filter(None, line))
    return name_similarity(first, row) >= SURE_NAME and same_kind(first.unit, row.unit)


def _figure(row: Any, name: Said) -> Said:
    """≥ 15 LMH/bar, with the condition under which it holds, and with its own name where that is another."""
    if row is None:
        return _said("")
    value = row.value if hasattr(row, "value") else row.target
    text = f"{quantity(row.comparator, value, row.high)} {row.unit}".strip()
    own, condition = _name(row), named(row, "condition")
    parts = [own.text if own != name else "", text, f"({condition.text})" if condition else ""]
    return Said(" ".join(filter(None, parts)), condition.lang if condition else own.lang if own != name else language())
