"""The reasons of a match as pages show them: passages with their places, marked where they stand in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keqiao.matching.gathering import keywords_line
from keqiao.matching.types import Finding, Quote, Stone, StoneResult, Verdict
from keqiao.web.presentation import TAGS, Said, label, language, named, number, quantity, sentence

PARTS: Mapping[str, Any] = {
    "title": gettext_lazy("标题"),
    "keywords": gettext_lazy("关键词"),
    "problem": gettext_lazy("要解决的问题"),
    "background": gettext_lazy("背景"),
    "tried": gettext_lazy("试过什么"),
    "wanted": gettext_lazy("希望得到什么"),
    "how": gettext_lazy("怎么做到"),
    "stage": gettext_lazy("到了哪一步"),
    "summary": gettext_lazy("摘要"),
    "advantage": gettext_lazy("好在哪里"),
}
CITE = re.compile(r"([a-z]{2,12}):(\d{1,6})-(\d{1,6})")


@dataclass(frozen=True)
class Cited:
    """A passage that an item's page marks because its reader came from a reason."""

    part: str
    start: int
    end: int


def read_cited(text: str) -> Cited | None:
    found = CITE.fullmatch(text)
    if not found or int(found[2]) >= int(found[3]):
        return None
    return Cited(found[1], int(found[2]), int(found[3]))


def part_name(quote: Quote) -> str:
    return str(PARTS.get(quote.part, quote.part))


def quote_address(item: Any, kind: str, quote: Quote) -> str:
    """The item's page in the language of the passage, at the passage."""
    query = urlencode({"text": quote.lang, "cite": f"{quote.part}:{quote.start}-{quote.end}"}, safe=":")
    return f"/{kind}s/{item.code}?{query}#cited"


# Stone → where the need's page and the achievement's page say what was compared.
ANCHORS = {
    Stone.MATURITY: ("terms", "trl"),
    Stone.MODES: ("terms", "terms"),
    Stone.PRICE: ("terms", "terms"),
    Stone.REGION: ("terms", "terms"),
}


def asked_address(finding: Finding, need: Any) -> str:
    """Where the need says what a finding reads; empty when the reason is a passage or nothing was said."""
    if finding.need_row is not None:
        return f"/needs/{need.code}#indicator-{finding.need_row}"
    return f"/needs/{need.code}#{ANCHORS[finding.stone][0]}" if finding.stone in ANCHORS and finding.asked else ""


def offered_address(finding: Finding, achievement: Any) -> str:
    if finding.achievement_row is not None:
        return f"/achievements/{achievement.code}#indicator-{finding.achievement_row}"
    is_said = finding.stone in ANCHORS and finding.offered
    return f"/achievements/{achievement.code}#{ANCHORS[finding.stone][1]}" if is_said else ""


# --- A text with one passage marked -----------------------------------------------------------------------------------


def with_mark(text: str, start: int, end: int) -> SafeString:
    return format_html('{}<mark id="cited">{}</mark>{}', text[:start], text[start:end], text[end:])


def paragraphs(text: str, lang: str, part: str = "", cited: Cited | None = None) -> SafeString:
    """Content in paragraphs, each with its language where it is not the reader's; the cited passage is marked."""
    tag = SafeString("") if lang == language() else format_html(' lang="{}"', TAGS[lang])
    blocks = []
    for start, end in _blocks(text):
        inside = cited is not None and cited.part == part and start <= cited.start and cited.end <= end
        block = text[start:end]
        body = with_mark(block, cited.start - start, cited.end - start) if cited and inside else block
        blocks.append((tag, body))
    return format_html_join("\n", "<p{}>{}</p>", blocks)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of what stands between empty lines."""
    start = 0
    for gap in (*re.finditer(r"\n[^\S\n]*\n", text), None):
        block = text[start : gap.start() if gap else len(text)]
        if block.strip():
            yield start + len(block) - len(block.lstrip()), start + len(block.rstrip())
        start = gap.end() if gap else len(text)


def line(said: Said, part: str, cited: Cited | None) -> SafeString:
    """A title or another single line, with the cited passage marked."""
    if cited is None or cited.part != part or cited.end > len(said.text):
        return said.html
    inner = with_mark(said.text, cited.start, cited.end)
    return inner if said.lang == language() else format_html('<span lang="{}">{}</span>', said.tag, inner)


def keywords(item: Any, lang: str) -> Said:
    """As matching reads them, so that a place in them is the same place here."""
    return Said(keywords_line(item, lang), lang)


# --- What would change this -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """One condition of a need: what it asks now, and what each laxer value would bring."""

    name: Said
    now: str
    steps: tuple[tuple[str, int], ...]  # (the laxer value, matches it brings above the line)


def changes(need: Any, steps: Sequence[Any]) -> list[Change]:
    """Steps of one condition stand together, in the order they were found."""
    rows = list(need.indicators.all())
    found: dict[int | None, list[tuple[str, int]]] = {}
    for step in steps:
        if step.row is None or step.row < len(rows):
            found.setdefault(step.row, []).append((_laxer(rows, step), step.count))
    return [_change(need, rows, row, each) for row, each in found.items()]


def _change(need: Any, rows: Sequence[Any], row: int | None, steps: Sequence[tuple[str, int]]) -> Change:
    if row is None:
        return Change(Said(_("技术成熟度"), language()), f"TRL ≥ {need.trl_min}", tuple(steps))
    now = f"{quantity(rows[row].comparator, rows[row].target, rows[row].high)} {rows[row].unit}".strip()
    return Change(sentence(named(rows[row])), now, tuple(steps))


def _laxer(rows: Sequence[Any], step: Any) -> str:
    if step.row is None:
        return f"TRL ≥ {number(step.target)}"
    if step.target is None:
        return _("改为希望，不再必须")
    return f"{quantity(rows[step.row].comparator, step.target, step.high)} {rows[step.row].unit}".strip()


# --- Combinations -----------------------------------------------------------------------------------------------------

CIRCLED = "①②③"


def parts_of_stone(stone: StoneResult) -> str:
    """Which parts of a combination carry a stone: ①②; empty for a single match."""
    parts = sorted({finding.part for finding in stone.findings if finding.part is not None})
    return "".join(CIRCLED[part] for part in parts)


def part_mark(part: int | None) -> str:
    return "" if part is None else CIRCLED[part]


def brings(one: Any, part: int) -> list[Said]:
    """The requirements that one part of a combination reaches."""
    findings = [f for stone in one.arch.stones for f in stone.findings]
    return [label(f) for f in findings if f.part == part and f.stone is Stone.INDICATORS and f.verdict is Verdict.MET]


def parts(one: Any) -> list[tuple[str, Any, list[Said]]]:
    """(mark, achievement, what it brings) for each part."""
    return [(CIRCLED[n], achievement, brings(one, n)) for n, achievement in enumerate(one.achievements)]


def conflicts(one: Any) -> list[str]:
    """What the parts do not agree on, and what the reader has to settle with several owners."""
    rows = list(one.need.indicators.all())
    said = {
        "price": lambda _row: _("各部分的报价合计超过预算。"),
        "modes": lambda _row: _("各部分没有共同的合作方式，要分别签约。"),
        "condition": lambda row: (
            _("“%(name)s”：各部分在不同条件下测得，合在一起要重新测。")
            % {"name": sentence(named(rows[row])).text if row is not None and row < len(rows) else ""}
        ),
    }
    found = [said[conflict.kind](conflict.row) for conflict in one.conflicts]
    if len({achievement.owner_id for achievement in one.achievements}) > 1:
        found.append(_("成果属于不同单位，需分别洽谈。"))
    return found


def combination_address(one: Any) -> str:
    query = urlencode([("with", achievement.code) for achievement in one.achievements])
    return f"/needs/{one.need.code}/combination?{query}"
