"""From a draft's content to what the form's pages show: fields with their values and errors, steps, versions side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from keqiao.catalogue.types import AttachmentLevel, BudgetShown, Comparator, Evidence, Mode, Ownership, PriceKind, Shown
from keqiao.kernel.money import MINOR_DIGITS
from keqiao.submissions.content import Problem
from keqiao.web.posting.forms import WAN, units_of
from keqiao.web.posting.steps import PARTS, STEPS, TEXT_PARTS, step_of
from keqiao.web.presentation import RUNGS, Words, amount, language, named, other

SPARE_ROWS = 3  # empty rows of a table that has none yet; without script they are where one writes

MODE_HINTS = {
    Mode.TRANSFER: gettext_lazy("买断"),
    Mode.LICENSE_EXCLUSIVE: gettext_lazy("只许一家用，权利人也不用"),
    Mode.LICENSE_SOLE: gettext_lazy("只许一家用，权利人仍可用"),
    Mode.LICENSE_NONEXCLUSIVE: gettext_lazy("买使用权"),
    Mode.OPEN_LICENSE: gettext_lazy("按公告的价格，谁都可用"),
    Mode.EQUITY_CONTRIBUTION: gettext_lazy("以技术入股"),
    Mode.DEVELOPMENT: gettext_lazy("一起做，成果按约定"),
    Mode.CONSULTING: gettext_lazy("出意见和报告"),
    Mode.SERVICE: gettext_lazy("解决一个具体问题"),
}
SHOWN_HINTS = {
    Shown.SHOWN: gettext_lazy("所有人都看到需求和单位名称，收到的方案最多"),
    Shown.HIDDEN: gettext_lazy("所有人都看到需求，只写产业与地区；单位名称只有本单位和平台管理员知道"),
    Shown.MATCHED: gettext_lazy("所有人都看到需求；成果达到匹配分数的团队另外看到单位名称"),
}
BUDGET_HINTS = {
    BudgetShown.SHOWN: gettext_lazy("所有人都看到，预算参与打分"),
    BudgetShown.MATCHED: gettext_lazy("成果达到匹配分数的团队，和您联系过或您接受了联系的团队看到；不参与打分"),
    BudgetShown.HIDDEN: gettext_lazy("只有本单位和平台管理员知道；不参与打分、筛选和排序，别人看到的与没写预算一样"),
}
LEVEL_HINTS = {
    AttachmentLevel.PUBLIC: gettext_lazy("谁都可以下载"),
    AttachmentLevel.SIGNED_IN: gettext_lazy("登录的人可以下载"),
    AttachmentLevel.NDA: gettext_lazy("暂时只有本单位能打开，签保密协议后才给对方"),
}
COLUMNS = {
    "name_zh": gettext_lazy("名称"),
    "name_en": gettext_lazy("英文名称"),
    "comparator": gettext_lazy("要求"),
    "value": gettext_lazy("数值"),
    "high": gettext_lazy("上限"),
    "unit": gettext_lazy("单位"),
    "current": gettext_lazy("现在"),
    "condition_zh": gettext_lazy("怎么测"),
    "condition_en": gettext_lazy("怎么测（英文）"),
    "evidence": gettext_lazy("依据"),
    "evidence_zh": gettext_lazy("依据说明"),
    "evidence_en": gettext_lazy("依据说明（英文）"),
    "title_zh": gettext_lazy("职称"),
    "title_en": gettext_lazy("职称（英文）"),
    "role_zh": gettext_lazy("分工"),
    "role_en": gettext_lazy("分工（英文）"),
    "level": gettext_lazy("公开级别"),
    "title": gettext_lazy("说明"),
    "proves": gettext_lazy("证明什么"),
    "file_id": gettext_lazy("文件"),
}
GROUPS = {
    "indicators": gettext_lazy("指标"),
    "team": gettext_lazy("团队"),
    "attachments": gettext_lazy("附件"),
    "asset_ids": gettext_lazy("知识产权"),
    "price": gettext_lazy("价格"),
    "price_kind": gettext_lazy("价格"),
    "price_low": gettext_lazy("价格"),
    "price_high": gettext_lazy("价格上限"),
    "currency": gettext_lazy("币种"),
    "discipline": gettext_lazy("学科"),
    "texts": gettext_lazy("正文"),
}


# --- problems -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """A problem as the page shows it: in the list at the top and at its field, in the same words."""

    path: str
    label: str
    message: str
    step: int

    @property
    def id(self) -> str:
        return id_of(self.path)


def id_of(path: str) -> str:
    return "f-" + path.replace(".", "-")


def wrongs(kind: str, problems: Sequence[Problem], first_language: str) -> list[Wrong]:
    """In the order of the steps. Nothing written in either language is said about the language that comes first."""
    found = []
    nothing = {"texts.zh.title", "texts.zh.problem" if kind == "need" else "texts.zh.summary"}
    swap = first_language == "en" and nothing <= {problem.field for problem in problems}
    for problem in problems:
        path = (
            problem.field.replace("texts.zh.", "texts.en.", 1) if swap and problem.field in nothing else problem.field
        )
        found.append(Wrong(path, label_of(kind, path), str(problem), step_of(kind, path)))
    return sorted(found, key=lambda wrong: wrong.step)


def label_of(kind: str, path: str) -> str:
    """The name of a field as the page says it: 标题, 第 3 项指标的数值."""
    head, *rest = path.split(".")
    if head == "texts" and len(rest) == 2 and rest[1] in TEXT_PARTS[kind]:
        label = str(TEXT_PARTS[kind][rest[1]].label)
        return (
            label if rest[0] == language() else _("%(label)s（%(lang)s）") % {"label": label, "lang": _tongue(rest[0])}
        )
    if head in GROUPS and len(rest) >= 2 and rest[0].isdigit():
        words = {"group": GROUPS[head], "n": int(rest[0]) + 1, "column": _column(kind, rest[1])}
        return _("%(group)s第 %(n)d 项 %(column)s") % words
    if head in PARTS:
        return str(PARTS[head].label)
    if head in {"price_low", "price"}:
        return _("预算") if kind == "need" else _("价格")
    return str(GROUPS.get(head, path))


def _column(kind: str, column: str) -> str:
    if column == "value" and kind == "need":
        return _("目标")
    return str(COLUMNS.get(column, column))


def _tongue(lang: str) -> str:
    return {"zh": _("中文"), "en": _("英文")}.get(lang, lang)


# --- fields -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    hint: str = ""
    is_chosen: bool = False


@dataclass(frozen=True)
class Field:
    """One control with its label, hint and errors."""

    name: str
    label: str
    hint: str = ""
    widget: str = "text"
    value: str = ""
    options: tuple[Option, ...] = ()
    errors: tuple[str, ...] = ()
    is_required: bool = False
    longest: int = 0
    rows: int = 4
    lang: str = ""

    @property
    def id(self) -> str:
        return id_of(self.name)

    @property
    def described_by(self) -> str:
        ids = [f"{self.id}-hint"] if self.hint else []
        return " ".join([*ids, *([f"{self.id}-err"] if self.errors else [])])


@dataclass(frozen=True)
class Pair:
    """One part of the text in both languages, the first one first."""

    first: Field
    second: Field


@dataclass(frozen=True)
class Row:
    """One row of a table: what is in its cells, and what is wrong with it."""

    name: str
    number: int
    cells: Mapping[str, Any]
    wrong: tuple[Wrong, ...] = ()

    @property
    def bad(self) -> set[str]:
        return {wrong.path.rsplit(".", 1)[-1] for wrong in self.wrong}

    @property
    def prefix(self) -> str:
        return f"{self.name}.{self.number}"

    @property
    def err(self) -> str:
        return f"{id_of(self.prefix)}-err" if self.wrong else ""

    @property
    def said(self) -> str:
        return str(self.cells.get("name_zh") or self.cells.get("name_en") or "")

    @property
    def baseline(self) -> str:
        """Carried through the form unseen."""
        return json.dumps(self.cells.get("baseline") or [], ensure_ascii=False)


@dataclass
class Form:
    """What one step shows. `wrong` is empty until the author asked to go on."""

    kind: str
    content: Mapping[str, Any]
    words: Words
    wrong: Sequence[Wrong] = ()
    regions: Sequence[Any] = ()
    _errors: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for wrong in self.wrong:
            self._errors.setdefault(wrong.path, []).append(wrong.message)

    def errors(self, path: str) -> tuple[str, ...]:
        return tuple(self._errors.get(path, ()))

    @property
    def first_language(self) -> str:
        return first_language(self.content)

    def texts(self, parts: Sequence[str]) -> list[Pair]:
        first = self.first_language
        return [Pair(self._text(part, first), self._text(part, other(first), is_second=True)) for part in parts]

    def _text(self, part: str, lang: str, *, is_second: bool = False) -> Field:
        spec = TEXT_PARTS[self.kind][part]
        path = f"texts.{lang}.{part}"
        value = text_of(self.content, lang, part)
        return Field(
            path,
            label_of(self.kind, path) if is_second else str(spec.label),
            "" if is_second else str(spec.hint),
            spec.widget,
            value,
            errors=self.errors(path),
            is_required=spec.is_required and not is_second,
            longest=spec.longest,
            rows=spec.rows,
            lang={"zh": "zh-CN", "en": "en"}[lang],
        )

    @property
    def has_second(self) -> bool:
        """Is anything of this step written, or wrong, in the second language?"""
        second = other(self.first_language)
        texts = (self.content.get("texts") or {}).get(second) or {}
        return any(texts.get(part) for part in texts if part != "origin") or any(
            path.startswith(f"texts.{second}.") for path in self._errors
        )

    @property
    def origin(self) -> Field:
        """Who made the second version."""
        second = other(self.first_language)
        options = (("author", _("我直接写的")), ("translated", _("由人翻译的")))
        return self._choice(f"texts.{second}.origin", _("这一版"), options, text_of(self.content, second, "origin"))

    def __getitem__(self, name: str) -> Field:
        spec, value = PARTS[name], self.content.get(name)
        options = self._options(name, value)
        text = ""
        if spec.widget == "words":
            text = _("、").join(value) if isinstance(value, list) else ""
        elif spec.widget == "lines":
            text = "\n".join(value) if isinstance(value, list) else ""
        elif spec.widget != "checks":
            text = "" if value is None else str(value)
        return Field(
            name, str(spec.label), str(spec.hint), spec.widget, text, options, self.errors(name), spec.is_required,
            spec.longest, spec.rows,
        )  # fmt: skip

    def _options(self, name: str, value: Any) -> tuple[Option, ...]:  # noqa: PLR0911 -- one line for each list
        none = ("", _("未说明"))
        if name == "field":
            rows = [("", _("请选择")), *((e.code, named(e, "title").text) for e in self.words.table("field").values())]
            return _chosen(rows, value)
        if name == "region":
            return _chosen([("", _("未说明")), *self.regions], value)
        if name in {"trl", "trl_min"}:
            first = ("", _("不限") if name == "trl_min" else _("未说明"))
            levels = ((str(n), f"TRL {n} · {rung}") for n, rung in enumerate(RUNGS, start=1))
            return _chosen([first, *levels], "" if value is None else str(value))
        if name == "modes":
            chosen = value if isinstance(value, list) else []
            return tuple(Option(c, str(t), str(MODE_HINTS[Mode(c)]), c in chosen) for c, t in Mode.choices)
        if name == "publisher_shown":
            now = value or Shown.SHOWN
            return tuple(Option(c, str(t), str(SHOWN_HINTS[Shown(c)]), c == now) for c, t in Shown.choices)
        if name == "budget_shown":
            now = value or BudgetShown.SHOWN
            return tuple(Option(c, str(t), str(BUDGET_HINTS[BudgetShown(c)]), c == now) for c, t in BudgetShown.choices)
        if name == "region_wish":
            return _chosen([("any", _("哪里都行")), ("local", _("同城优先"))], value or "any")
        if name == "ownership":
            return _chosen([(c, str(t)) for c, t in Ownership.choices], value or Ownership.UNKNOWN)
        if name == "price_for":
            return _chosen([none, *((c, str(t)) for c, t in Mode.choices)], value)
        return ()

    def _choice(self, path: str, label: str, options: Sequence[tuple[str, str]], value: Any) -> Field:
        return Field(path, label, "", "select", str(value or ""), _chosen(options, value), self.errors(path))

    # --- price

    @property
    def price_kind(self) -> Field:
        """Figures, open, or nothing said."""
        hints = {
            PriceKind.AMOUNT: _("写一个数或一个范围"),
            PriceKind.NEGOTIABLE: _("谈了再定，匹配时算作可能"),
            PriceKind.UNKNOWN: _("匹配时按未知计一半"),
        }
        now = self.content.get("price_kind") or PriceKind.UNKNOWN
        options = tuple(Option(c, str(t), str(hints[PriceKind(c)]), c == now) for c, t in PriceKind.choices)
        label = _("预算") if self.kind == "need" else _("价格")
        return Field("price_kind", label, "", "radios", options=options, errors=self.errors("price_kind"))

    @property
    def price_low(self) -> Field:
        return self._amount("price_low", _("从"))

    @property
    def price_high(self) -> Field:
        return self._amount("price_high", _("到"))

    def _amount(self, name: str, label: str) -> Field:
        currency, scale = unit_of(self.content)
        return Field(name, label, value=shown_amount(self.content.get(name), currency, scale), errors=self.errors(name))

    @property
    def price_unit(self) -> Field:
        currency, scale = unit_of(self.content)
        options = [("CNY:wan", _("万元")), ("CNY:one", _("元"))]
        options += [(f"{code}:one", code) for code in MINOR_DIGITS if code != "CNY"]
        return Field(
            "price_unit", _("单位"), widget="select", options=_chosen(options, f"{currency}:{scale}"),
            errors=self.errors("currency"),
        )  # fmt: skip

    # --- rows

    def rows(self, name: str) -> list[Row]:
        """The rows there are and a spare one; at the beginning a few."""
        given = self.content.get(name)
        cells = [row for row in given if isinstance(row, Mapping)] if isinstance(given, list) else []
        found = [Row(name, n, row, self._wrong_of(f"{name}.{n}.")) for n, row in enumerate(cells)]
        spare = 1 if found else SPARE_ROWS
        return found + [Row(name, len(found) + n, {}) for n in range(spare)]

    def _wrong_of(self, prefix: str) -> tuple[Wrong, ...]:
        return tuple(wrong for wrong in self.wrong if wrong.path.startswith(prefix))

    @property
    def indicator_errors(self) -> tuple[str, ...]:
        return self.errors("indicators")

    @property
    def indicators(self) -> list[Row]:
        return self.rows("indicators")

    @property
    def team(self) -> list[Row]:
        return self.rows("team")


COMPARATORS = [(code, label) for code, label in Comparator.choices]
EVIDENCE = Evidence.choices
LEVELS = [(code, label, LEVEL_HINTS[AttachmentLevel(code)]) for code, label in AttachmentLevel.choices]


def _chosen(rows: Sequence[tuple[str, Any]], value: Any) -> tuple[Option, ...]:
    now = "" if value is None else str(value)
    return tuple(Option(code, str(label), "", code == now) for code, label in rows)


def text_of(content: Mapping[str, Any], lang: str, part: str) -> str:
    texts = content.get("texts")
    version = texts.get(lang) if isinstance(texts, Mapping) else None
    value = version.get(part) if isinstance(version, Mapping) else None
    return value if isinstance(value, str) else ""


def first_language(content: Mapping[str, Any]) -> str:
    """The language in which the draft is written: its author's own where nothing is written yet."""
    written = [lang for lang in ("zh", "en") if text_of(content, lang, "title")]
    return language() if language() in written or not written else written[0]


def title_of(content: Mapping[str, Any]) -> str:
    return text_of(content, first_language(content), "title")


def unit_of(content: Mapping[str, Any]) -> tuple[str, str]:
    """In which currency and scale amounts are typed: 万元 for yuan unless the author took yuan."""
    currency = content.get("currency") or "CNY"
    currency = currency if currency in MINOR_DIGITS else "CNY"
    scale = content.get("price_unit") or (WAN if currency == "CNY" else "one")
    return currency, WAN if scale == WAN and currency == "CNY" else "one"


def shown_amount(value: Any, currency: str, scale: str) -> str:
    """Minor units as they are typed: 300000000 fen are 300 in 万元. Text that was not read stays."""
    if not isinstance(value, int) or isinstance(value, bool):
        return "" if value is None else str(value)
    major = Decimal(value).scaleb(-MINOR_DIGITS[currency])
    shown = major / 10_000 if scale == WAN else major
    return f"{shown:f}".rstrip("0").rstrip(".") if "." in f"{shown:f}" else f"{shown:f}"


def region_options(entries: Sequence[Any]) -> list[tuple[str, str]]:
    """The region table as a list to choose from: the site's own regions first, each below its parent."""
    children: dict[str, list[Any]] = {}
    known = {entry.code for entry in entries}
    for entry in entries:
        children.setdefault(entry.parent if entry.parent in known else "", []).append(entry)
    found: list[tuple[str, str]] = []

    def walk(parent: str, depth: int) -> None:
        for entry in children.get(parent, []):
            found.append((entry.code, "\u3000" * depth + named(entry, "title").text))
            if depth < 6:
                walk(entry.code, depth + 1)

    walk("", 0)
    return found


# --- steps --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepSeen:
    """One step in the list at the side."""

    number: int
    name: str
    note: str
    is_done: bool
    is_current: bool


def steps(
    kind: str, content: Mapping[str, Any], problems: Sequence[Wrong], current: int, reached: int
) -> list[StepSeen]:
    missing: dict[int, int] = {}
    for wrong in problems:
        missing[wrong.step] = missing.get(wrong.step, 0) + 1
    found = []
    for number, step in enumerate(STEPS[kind], start=1):
        n = missing.get(number, 0)
        is_begun = any(content.get(key) for key in step.writes()) or _has_text(content, step.texts)
        note = ""
        if number <= reached and n:
            note = ngettext("缺 %(n)d 处", "缺 %(n)d 处", n) % {"n": n}
        elif is_begun:
            note = _("已填")
        is_done = number != current and number < 5 and not n and (is_begun or number < reached)
        found.append(StepSeen(number, str(step.name), note, is_done, number == current))
    return found


def _has_text(content: Mapping[str, Any], parts: Sequence[str]) -> bool:
    return any(text_of(content, lang, part) for lang in ("zh", "en") for part in parts)


# --- values in words ----------------------------------------------------------------------------------------------------


def lines_of(kind: str, unit: str, value: Any, words: Words, files: Mapping[int, str] | None = None) -> list[str]:  # noqa: PLR0911 -- one line for each kind of value
    """A value of the content as lines of text, for the last step, for choosing between versions and for differences."""
    if value in (None, "", [], {}):
        return []
    if unit == "price":
        price = amount(
            value.get("price_kind") or "unknown", _whole(value.get("price_low")), _whole(value.get("price_high")),
            value.get("currency") or "CNY",
        )  # fmt: skip
        return [str(price)]
    if unit == "indicators":
        return [_indicator(kind, row) for row in value if isinstance(row, Mapping)]
    if unit == "team":
        return [_("，").join(v for k in ("name", "title", "role") if (v := _either(row, k))) for row in value]
    if unit == "attachments":
        return [_attachment(row, files or {}) for row in value if isinstance(row, Mapping)]
    if unit == "asset_ids":
        return [(files or {}).get(-n, _("第 %(n)d 号") % {"n": n}) for n in value]
    if isinstance(value, list):
        named_values = [_word(unit, each, words) for each in value]
        return named_values if PARTS.get(unit) and PARTS[unit].widget == "lines" else [_("、").join(named_values)]
    return [_word(unit, value, words)]


def _word(unit: str, value: Any, words: Words) -> str:
    tables: Mapping[str, Mapping[str, Any]] = {
        "modes": dict(Mode.choices),
        "price_for": dict(Mode.choices),
        "publisher_shown": dict(Shown.choices),
        "budget_shown": dict(BudgetShown.choices),
        "ownership": dict(Ownership.choices),
        "region_wish": {"any": _("哪里都行"), "local": _("同城优先")},
    }
    choices = tables.get(unit, {})
    if unit in {"field", "region"}:
        return words.title(unit, str(value)).text
    if unit in {"trl", "trl_min"}:
        return f"TRL {value}"
    return str(choices.get(value, value) if isinstance(value, str) else value)


def _indicator(kind: str, row: Mapping[str, Any]) -> str:
    sign = {">=": "≥ ", "<=": "≤ ", "=": "= "}.get(str(row.get("comparator") or ">="), "")
    value = str(row.get("value") or "")
    shown = f"{value}–{row.get('high') or ''}" if row.get("comparator") == "range" else f"{sign}{value}"
    parts = [f"{_either(row, 'name')} {shown} {row.get('unit') or ''}".strip()]
    if kind == "need":
        parts.append(_("必须") if row.get("is_must", True) else _("希望"))
    if row.get("evidence"):
        parts.append(str(dict(Evidence.choices).get(row["evidence"], "")))
    return _("，").join([*parts, *([condition] if (condition := _either(row, "condition")) else [])])


def _attachment(row: Mapping[str, Any], files: Mapping[int, str]) -> str:
    name = files.get(row.get("file_id") or 0, "")
    level = str(dict(AttachmentLevel.choices).get(str(row.get("level")), ""))
    return _("，").join(part for part in (str(row.get("title") or "") or name, level) if part)


def _either(row: Mapping[str, Any], name: str) -> str:
    first = language()
    return str(row.get(f"{name}_{first}") or row.get(f"{name}_{other(first)}") or "")


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class Said:
    """One line of the last step: what was said where."""

    label: str
    lines: tuple[str, ...]
    step: int


def summary(kind: str, content: Mapping[str, Any], words: Words, files: Mapping[int, str]) -> list[Said]:
    found = []
    units = units_of(content)
    for unit, value in sorted(units.items(), key=lambda pair: not pair[0].startswith("texts.")):
        if unit.endswith(".origin"):
            continue
        lines = lines_of(kind, unit, value, words, files)
        if lines:
            found.append(
                Said(label_of(kind, unit), tuple(lines), step_of(kind, "price_kind" if unit == "price" else unit))
            )
    return sorted(found, key=lambda said: said.step)  # within a step as written: texts come first
