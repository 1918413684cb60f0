"""From rows to what a page shows: language versions, money, quantities, dates, arches.

Pure functions: no queries, and no HTML but `<span lang>`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keqiao.catalogue.types import Comparator, Mode, Origin, PriceKind
from keqiao.kernel import clock
from keqiao.kernel.pages import AtLeast
from keqiao.matching.types import Arch, Finding, Stone, StoneResult, Verdict
from keqiao.parties.types import Qualification

SHORT = 3  # letters: shorter words are symbols, such as pH
TAGS = {"zh": "zh-CN", "en": "en"}
HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
UNSEEN = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")

STONES: Mapping[Stone, Any] = {
    Stone.TECHNOLOGY: gettext_lazy("技术领域"),
    Stone.INDICATORS: gettext_lazy("关键指标"),
    Stone.MATURITY: gettext_lazy("成熟度"),
    Stone.MODES: gettext_lazy("合作方式"),
    Stone.PRICE: gettext_lazy("价格"),
    Stone.REGION: gettext_lazy("地域"),
}
VERDICTS: Mapping[Verdict, Any] = {
    Verdict.MET: gettext_lazy("满足"),
    Verdict.PARTLY: gettext_lazy("部分满足"),
    Verdict.UNKNOWN: gettext_lazy("待确认"),
    Verdict.UNMET: gettext_lazy("未满足"),
}
RUNGS = [
    gettext_lazy("原理"),
    gettext_lazy("方案"),
    gettext_lazy("实验验证"),
    gettext_lazy("实验室样品"),
    gettext_lazy("相关环境"),
    gettext_lazy("中试"),
    gettext_lazy("实际环境"),
    gettext_lazy("定型"),
    gettext_lazy("量产"),
]


# --- language ---------------------------------------------------------------------------------------------------------


def language() -> str:
    """The reader's language: zh or en."""
    return "en" if (translation.get_language() or "").startswith("en") else "zh"


def other(lang: str) -> str:
    return "zh" if lang == "en" else "en"


@dataclass(frozen=True)
class Said:
    """A piece of content with its language, so that pages can mark it where it differs from their own."""

    text: str
    lang: str

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return self.text

    @property
    def tag(self) -> str:
        return TAGS[self.lang]

    @property
    def html(self) -> SafeString:
        """Escaped; inside a span with `lang` when the reader's language is another one."""
        if self.lang == language() or not self.text:
            return format_html("{}", self.text)
        return format_html('<span lang="{}">{}</span>', self.tag, self.text)


def guess(text: str) -> Said:
    """A text whose language nobody recorded: Chinese when it has a Chinese character."""
    return Said(text, "zh" if HAN.search(text) else "en")


def either(zh: str, en: str) -> Said:
    """The version in the reader's language, or the other one when it is missing."""
    first = language()
    by_lang = {"zh": zh, "en": en}
    lang = first if by_lang[first] or not by_lang[other(first)] else other(first)
    text = by_lang[lang]
    # A passage of a Chinese source may stand in both columns: it is Chinese all the same.
    return Said(text, "zh" if HAN.search(text) else lang)


def named(thing: Any, prefix: str = "name") -> Said:
    """`name_zh`/`name_en` (or title, short, condition …) of a row."""
    return either(getattr(thing, f"{prefix}_zh"), getattr(thing, f"{prefix}_en"))


def sentence(said: Said) -> Said:
    """An English name in sentence case: "pure-water flux" is "Pure-water flux", "pH" stays, "SEPARATION" is "Separation"."""
    first = said.text.split(" ", 1)[0].replace("-", "")
    if said.lang != "en" or not first.isalpha():
        return said
    if said.text.isupper() and len(first) > SHORT:
        return Said(said.text.capitalize(), "en")
    return Said(said.text[0].upper() + said.text[1:], "en") if first.islower() and len(first) >= SHORT else said


@dataclass(frozen=True)
class Version:
    """One language version of an item, chosen for the reader."""

    text: Any
    lang: str
    others: tuple[str, ...]  # languages of the versions not shown

    @property
    def tag(self) -> str:
        return TAGS[self.lang]

    @property
    def title(self) -> Said:
        return Said(self.text.title, self.lang)

    @property
    def summary(self) -> Said:
        """What a list shows: an achievement's summary, a need's problem."""
        return Said(getattr(self.text, "summary", "") or self.text.problem, self.lang)

    @property
    def is_machine(self) -> bool:
        return bool(self.text.origin == Origin.MACHINE)

    @property
    def is_foreign(self) -> bool:
        return self.lang != language()

    @property
    def other_languages(self) -> list[tuple[str, str]]:
        """(zh or en, its own name)."""
        return [(lang, {"zh": "中文", "en": "English"}[lang]) for lang in self.others]


def version_of(item: Any, wanted: str = "") -> Version:
    """The wanted version, else the reader's, else the one there is. Texts must be prefetched."""
    texts = {text.lang: text for text in item.texts.all()}
    lang = next((lang for lang in (wanted, language(), other(language())) if lang in texts), "zh")
    text = texts.get(lang)
    if text is None:
        text = _Untitled(title=item.code)
    return Version(text, lang, tuple(sorted(set(texts) - {lang})))


@dataclass(frozen=True)
class _Untitled:
    """An item without any text: its code stands for the title."""

    title: str
    origin: str = Origin.AUTHOR
    problem = how = stage = summary = incumbent = advantage = background = tried = wanted = offers = ""


# --- what people typed ------------------------------------------------------------------------------------------------


def plain(raw: str) -> str:
    """What was typed, without control characters, without marks that reorder or hide text, without surplus space."""
    shown = UNSEEN.sub("", raw)
    shown = "".join(" " if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} else char for char in shown)
    return " ".join(shown.split())


# --- numbers, money, dates --------------------------------------------------------------------------------------------


def share(value: float) -> str:
    """0.7312 is 73.1 %."""
    return f"{100 * value:.1f} %"


def number(value: Decimal | int | None) -> str:
    """15.00000000 is 15, 12000 is 12,000, a negative number has a real minus sign, what was not counted to its end a plus."""
    if value is None:
        return ""
    if isinstance(value, AtLeast):
        return str(value)
    text = f"{Decimal(value):,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "\u2212")


def quantity(comparator: str, value: Decimal | None, high: Decimal | None = None) -> str:
    """≥ 15, ≤ 5, 4–6 or 18.2."""
    if value is None:
        return ""
    if comparator == Comparator.RANGE:
        return f"{number(value)}–{number(high)}"
    sign = {Comparator.AT_LEAST: "≥ ", Comparator.AT_MOST: "≤ "}.get(Comparator(comparator), "")
    return sign + number(value)


@dataclass(frozen=True)
class Amount:
    """A price or budget: the number, and the unit that is shown small after it."""

    number: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.number} {self.unit}".strip()


CURRENCIES = {"CNY": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑", "JPY": "日元", "HKD": "港元"}
MINOR_DIGITS = {"JPY": 0, "KRW": 0}


def amount(kind: str, low: int | None, high: int | None, currency: str = "CNY") -> Amount:
    """From minor units: 300–500 万元 for Chinese readers, 3–5 million CNY for English ones."""
    if kind == PriceKind.NEGOTIABLE:
        return Amount(_("面议"))
    if kind != PriceKind.AMOUNT or low is None:
        return Amount(_("未说明"))
    ends = [
        Decimal(end).scaleb(-MINOR_DIGITS.get(currency, 2))
        for end in ((low, high) if high not in {None, low} else (low,))
    ]
    if language() == "zh":
        scale, word = (Decimal(10_000), "万") if ends[-1] >= 10_000 else (Decimal(1), "")
        unit = word + CURRENCIES.get(currency, f" {currency}")
    else:
        scale, word = next(
            (
                (Decimal(scale), word)
                for scale, word in ((1_000_000, "million "), (1_000, "thousand "))
                if ends[-1] >= scale
            ),
            (Decimal(1), ""),
        )
        unit = word + currency
    return Amount("–".join(number(round(end / scale, 2)) for end in ends), unit.strip())


def price_of(item: Any) -> Amount:
    return amount(item.price_kind, item.price_low, item.price_high, item.currency)


def day(value: date | datetime | None) -> str:
    """2026-11-20; an instant is taken in the site's zone."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = value.astimezone(clock.site_zone()).date()
    return value.isoformat()


def minute(value: datetime | None) -> str:
    """2026-11-20 06:00 in the site's zone."""
    return value.astimezone(clock.site_zone()).strftime("%Y-%m-%d %H:%M") if value else ""


# --- matches ----------------------------------------------------------------------------------------------------------


def label(finding: Finding) -> Said:
    return sentence(either(finding.label_zh, finding.label_en))


def question(finding: Finding) -> Said:
    return either(finding.question_zh, finding.question_en)


def asked(finding: Finding) -> Said:
    return _side(finding.asked, finding.asked_en)


def offered(finding: Finding) -> Said:
    return _side(finding.offered, finding.offered_en)


def _side(text: str, en: str) -> Said:
    """An English version is there only where it differs."""
    return Said(en, "en") if en and language() == "en" else guess(text)


def stone_points(stone: StoneResult) -> str:
    """What stands under a stone's name: its points, or why it has none."""
    if stone.verdict is Verdict.UNMET:
        return _("未满足")
    if stone.verdict is Verdict.UNKNOWN:
        return _("待确认·计半")
    return f"{stone.points}/{stone.weight}"


def explain(arch: Arch) -> str:
    """The whole arch in words, for those who do not see it."""
    parts = [
        _("%(stone)s：%(weight)s 分中得 %(points)s 分，%(verdict)s")
        % {"stone": STONES[s.stone], "weight": s.weight, "points": s.points, "verdict": VERDICTS[s.verdict]}
        for s in arch.stones
    ]
    return _("匹配度 %(score)s，满分 100。") % {"score": arch.score} + _("；").join(parts) + _("。")


@dataclass(frozen=True)
class Chip:
    """One finding, short: yes, ask or no."""

    kind: str
    text: Said


KIND = {Verdict.MET: "yes", Verdict.PARTLY: "yes", Verdict.UNKNOWN: "ask", Verdict.UNMET: "no"}
LONGEST_OFFER = 20
FAIR = 0.6  # from this fit on, what is met in part is worth a tick


def chips(arch: Arch, most: int = 4) -> list[Chip]:
    """The findings that say most: what is not met, then requirements that are met, then what to ask."""
    findings = [f for stone in arch.stones for f in stone.findings if f.verdict is not Verdict.PARTLY or f.fit >= FAIR]
    by_kind = {kind: [f for f in findings if KIND[f.verdict] == kind] for kind in ("yes", "ask", "no")}
    by_kind["yes"].sort(key=lambda f: (not f.must, f.stone is not Stone.INDICATORS, f.verdict is Verdict.PARTLY))
    by_kind["ask"].sort(key=lambda f: (not f.must, not f.asked))
    refused = by_kind["no"][: most - 1]
    asked = by_kind["ask"][:1]
    met = by_kind["yes"][: most - len(refused) - len(asked)]
    return [_chip(f) for f in (*met, *asked, *refused)]


def _chip(finding: Finding) -> Chip:
    said, offer = label(finding), offered(finding)
    fits = offer and KIND[finding.verdict] != "ask" and len(offer.text) <= LONGEST_OFFER
    if fits and (not HAN.search(offer.text) or said.lang == "zh"):
        said = Said(f"{said.text} {offer.text}", said.lang)
    return Chip(KIND[finding.verdict], said)


# --- words of code tables ---------------------------------------------------------------------------------------------


class Words:
    """Titles of the site's fields and regions in the reader's language; each table is read once a request, when asked for."""

    def __init__(self, read: Any) -> None:
        self._read = read
        self._tables: dict[str, dict[str, Any]] = {}

    def table(self, scheme: str) -> dict[str, Any]:
        if scheme not in self._tables:
            self._tables[scheme] = {entry.code: entry for entry in self._read(scheme)}
        return self._tables[scheme]

    def title(self, scheme: str, code: str) -> Said:
        """The entry's title; the code itself when the table does not have it."""
        entry = self.table(scheme).get(code) if code else None
        return named(entry, "title") if entry else Said(code, language())

    def field(self, code: str) -> Said:
        return self.title("field", code)

    def region(self, code: str) -> Said:
        return self.title("region", code)


def organisation_name(organisation: Any) -> Said:
    return named(organisation, "name")


def anonymous_name(need: Any, words: Words) -> Said:
    """How a need without a shown publisher names it."""
    field = words.field(need.field).text if need.field else ""
    name = _("一家%(field)s企业（匿名）") % {"field": field} if field else _("一家企业（匿名）")
    return Said(name, language())


# --- lists ------------------------------------------------------------------------------------------------------------


def window(page: int, count: int) -> list[int | None]:
    """Page numbers to show; None is a gap."""
    near = sorted({1, count, *range(max(1, page - 2), min(count, page + 2) + 1)})
    shown: list[int | None] = []
    last = 0
    for place in near:
        if shown and place > last + 1:
            shown.append(None)
        shown.append(place)
        last = place
    return shown


def line_at(rows: Sequence[Any]) -> int | None:
    """Place of the first row with an unmet hard requirement: the line is drawn before it."""
    unmet = [row.arch is not None and row.arch.has_unmet for row in rows]
    return unmet.index(True) if True in unmet else None


def telling(rows: Sequence[Any]) -> Any:
    """The match that explains most: the best one that leaves something to ask, else the last, else none."""
    return next((row for row in rows if row.arch.questions), rows[-1] if rows else None)


# --- home -------------------------------------------------------------------------------------------------------------

ROW = 66  # px of one row of the bridge, as in pages.css


@dataclass(frozen=True)
class Curve:
    """One arch of the bridge: a path in a box 100 wide, and where its score stands (px from the top)."""

    pair: str
    path: str
    score: int
    y: int


@dataclass(frozen=True)
class Bridge:
    """Two banks and the curves between them. The right bank has its own order, the newest first."""

    left: tuple[Any, ...]
    right: tuple[Any, ...]
    curves: tuple[Curve, ...]

    @property
    def height(self) -> int:
        return len(self.left) * ROW


def bridge(matches: Sequence[Any]) -> Bridge:
    right = sorted(matches, key=lambda match: (match.achievement.published_at, match.achievement.code), reverse=True)
    place = {match.achievement.code: row for row, match in enumerate(right)}
    curves = []
    for row, match in enumerate(matches):
        y0, y1 = (n * ROW + ROW // 2 for n in (row, place[match.achievement.code]))
        at_a_quarter = y0 + (y1 - y0) * 0.104  # of the curve, where its score is written
        curves.append(Curve(match.need.code, f"M0 {y0}C50 {y0} 50 {y1} 100 {y1}", match.score, round(at_a_quarter)))
    return Bridge(tuple(matches), tuple(right), tuple(curves))


@dataclass(frozen=True)
class Wing:
    """Needs and results of one field; widths in per cent of the longest bar."""

    code: str
    title: Said
    needs: int
    results: int
    needs_width: int
    results_width: int


def butterfly(counts: Mapping[str, tuple[int, int]], words: Words) -> list[Wing]:
    longest = max((n for pair in counts.values() for n in pair), default=0) or 1
    rows = [
        Wing(code, words.field(code), needs, results, round(78 * needs / longest), round(78 * results / longest))
        for code, (needs, results) in counts.items()
        if code
    ]
    return sorted(rows, key=lambda row: (-(row.needs + row.results), row.code))


# --- single items -----------------------------------------------------------------------------------------------------


def days_left(deadline: date | None) -> int | None:
    """Whole days to a deadline, counted in the site's zone; negative when it is past. Only for what is shown, not decided."""
    return (deadline - clock.machine_today()).days if deadline else None


def mode_name(code: str) -> str:
    return str(dict(Mode.choices).get(code, ""))


def qualifications(organisation: Any) -> list[str]:
    return [str(Qualification(code).label) for code in organisation.qualifications if code in Qualification.values]


def trl_evidence(achievement: Any) -> list[Said]:
    zh, en = achievement.trl_evidence_zh, achievement.trl_evidence_en
    first, second = (en, zh) if language() == "en" else (zh, en)
    lang = language() if first or not second else other(language())
    return [Said(text, lang) for text in first or second]


def subclasses(symbols: Sequence[str]) -> list[str]:
    """B01D 71/56 → B01D, which has a title in both languages."""
    return list(dict.fromkeys(symbol.split(" ")[0] for symbol in symbols))


def classes(symbols: Sequence[str], entries: Mapping[str, Any]) -> list[tuple[str, Said]]:
    """Each symbol with the title of its subclass."""
    found = [(symbol, entries.get(symbol.split(" ")[0])) for symbol in symbols]
    return [(symbol, sentence(named(entry, "title")) if entry else Said("", language())) for symbol, entry in found]


@dataclass(frozen=True)
class Comparison:
    """The indicators of an achievement beside those of today's solutions; `names` are the further columns."""

    names: tuple[Said, ...]
    rows: tuple[tuple[Any, tuple[str, ...]], ...]


def comparison(achievement: Any) -> Comparison:
    indicators = list(achievement.indicators.all())
    names: dict[str, Said] = {}
    for row in indicators:
        for base in row.baseline:
            said = _base_name(base)
            names.setdefault(said.text, said)
    rows = []
    for row in indicators:
        values = {_base_name(base).text: str(base.get("value", "")) for base in row.baseline}
        rows.append((row, tuple(_base_value(values.get(name, "")) for name in names)))
    return Comparison(tuple(names.values()), tuple(rows))


def _base_name(base: Mapping[str, str]) -> Said:
    return either(base.get("name_zh", ""), base.get("name_en", ""))


def _base_value(text: str) -> str:
    return text.replace("-", "\u2212") if re.fullmatch(r"-?[\d.]+", text) else text


PASSAGE_FIELDS: Mapping[str, Any] = {
    "year": gettext_lazy("年份"),
    "trl": gettext_lazy("成熟度"),
    "trl_begin": gettext_lazy("起始成熟度"),
    "trl_target": gettext_lazy("目标成熟度"),
    "trl_min": gettext_lazy("成熟度要求"),
    "deadline": gettext_lazy("截止"),
    "budget": gettext_lazy("预算"),
    "firm": gettext_lazy("承担单位"),
    "agency": gettext_lazy("资助机构"),
    "phase": gettext_lazy("阶段"),
    "status": gettext_lazy("状态"),
    "program": gettext_lazy("计划"),
    "software_licence": gettext_lazy("软件许可"),
}


def passage_field(name: str) -> str:
    return str(PASSAGE_FIELDS.get(name, name.replace("_", " ")))


def passage_text(passage: Any) -> str:
    """The words of the source; where it is a field of the source's own record, its value and the field's name."""
    if not isinstance(passage, dict):
        return str(passage)
    value = passage.get("value", "")
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return str(passage.get("passage") or "") or f"{shown} ({passage.get('from', '')})"
