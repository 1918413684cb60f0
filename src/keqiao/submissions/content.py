"""The content of a submission: its shape, and reading it strictly into what the catalogue takes.

A draft may hold anything of this shape, complete or not. `read_need` and `read_achievement` check it whole and report
every problem at once, each with its field, what is wrong, and an example. Forms, import and API share this one reader.

Shape of both kinds (every key optional in a draft):
    texts: {"zh": {"title": …, "problem": …, …}, "en": {…}}     origin: author | translated | machine
    field, region, currency: text        ipc, industry, discipline, modes, keywords_zh, keywords_en: [text]
    price_kind: amount | negotiable | unknown      price_low, price_high: whole minor units (fen)
    indicators: [{name_zh, name_en, comparator, value, high, unit, condition_zh, condition_en, …}]  value, high: decimals as text
    attachments: [{file_id, level, title, proves}]     external_id: text
    confirmed: ["ipc:B01D 71/56"]: suggested classes that a person confirmed      price_unit: how the form shows amounts
A need also: trl_min, deadline (2026-12-31), region_wish, publisher_shown, budget_shown; its indicators is_must, current.
An achievement also: unit_zh, unit_en, trl, trl_evidence_zh, trl_evidence_en, ownership, price_for, disclosed_on,
team: [{name_zh, name_en, title_zh, title_en, role_zh, role_en}], asset_ids; its indicators evidence, evidence_zh,
evidence_en, baseline: [{name_zh, name_en, value}] of today's solutions.

`content_of` is the inverse: what is published, written down again so that it can be changed. `shape_problems` says what
in a content is not of this shape at all; whatever has the shape can be kept as a draft.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.services import AchievementDraft, NeedDraft
from keqiao.catalogue.types import AttachmentLevel, BudgetShown, Comparator, Evidence, Mode, Ownership, PriceKind, Shown
from keqiao.catalogue.types import Origin as TextOrigin
from keqiao.kernel.errors import BadInput
from keqiao.kernel.identifiers import IdentifierError, read_ipc
from keqiao.kernel.money import MINOR_DIGITS

NEED_PARTS = ("title", "problem", "background", "tried", "wanted", "offers")
ACHIEVEMENT_PARTS = ("title", "problem", "how", "stage", "summary", "incumbent", "advantage")
LONGEST = {"title": 300}
LONGEST_PART = 20_000
LARGEST_MINOR = 10**15  # ten trillion yuan in fen: beyond it a figure is a slip of the keyboard
MOST_ROWS = 50
LANGUAGES = ("zh", "en")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `field` is a path such as texts.zh.title or indicators.2.value."""

    field: str
    message: str
    example: str = ""

    def __str__(self) -> str:
        return f"{self.message} {_('例如')} {self.example}" if self.example else self.message


class BadContent(BadInput):
    """The content cannot be submitted; `problems` says everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("；".join(str(problem) for problem in problems[:5]), field=problems[0].field)
        self.problems = problems


def read_need(content: Mapping[str, Any], *, today: date | None = None) -> NeedDraft:
    """The draft that the catalogue takes (without code and publisher). Raises BadContent with every problem."""
    reading = _Reading(content)
    fields = {
        **_shared_fields(reading),
        "trl_min": reading.whole("trl_min", 1, 9, "6"),
        "deadline": reading.day("deadline", not_before=today),
        "region_wish": reading.one_of("region_wish", ("local", "any"), "any"),
        "publisher_shown": reading.one_of("publisher_shown", Shown.values, Shown.SHOWN),
        "budget_shown": reading.one_of("budget_shown", BudgetShown.values, BudgetShown.SHOWN),
    }
    texts = reading.texts(NEED_PARTS, required=("title", "problem"))
    indicators = [_need_indicator(row) for row in reading.rows("indicators")]
    attachments = [_attachment(row) for row in reading.rows("attachments")]
    reading.finish()
    return NeedDraft(fields, texts, indicators, attachments)


def read_achievement(content: Mapping[str, Any]) -> AchievementDraft:
    """The draft that the catalogue takes (without code and owner). Raises BadContent with every problem."""
    reading = _Reading(content)
    fields = {
        **_shared_fields(reading),
        "unit_zh": reading.text("unit_zh", 120),
        "unit_en": reading.text("unit_en", 120),
        "trl": reading.whole("trl", 1, 9, "6"),
        "trl_evidence_zh": reading.words("trl_evidence_zh", 300),
        "trl_evidence_en": reading.words("trl_evidence_en", 300),
        "ownership": reading.one_of("ownership", Ownership.values, Ownership.UNKNOWN),
        "price_for": reading.one_of("price_for", ["", *Mode.values], ""),
        "disclosed_on": reading.day("disclosed_on"),
    }
    texts = reading.texts(ACHIEVEMENT_PARTS, required=("title", "summary"))
    indicators = [_achievement_indicator(row) for row in reading.rows("indicators")]
    team = [_member(row) for row in reading.rows("team")]
    attachments = [_attachment(row) for row in reading.rows("attachments")]
    given = content.get("asset_ids")
    asset_ids = [n for n in given if isinstance(n, int)] if isinstance(given, list) else []
    reading.finish()
    return AchievementDraft(fields, texts, indicators, team, asset_ids, attachments)


def problems_of(kind: str, content: Mapping[str, Any], *, today: date | None = None) -> list[Problem]:
    """Everything that stands in the way of submitting; empty when nothing does."""
    try:
        if kind == "need":
            read_need(content, today=today)
        else:
            read_achievement(content)
    except BadContent as error:
        return error.problems
    return []


def content_of(item: Any) -> dict[str, Any]:
    """What is published of an item, in the shape of a draft: reading it gives the item again.

    Files of every level are among it, so it is for the owner's people only.
    """
    is_need = hasattr(item, "publisher_id")
    names = [*SHARED, *(NEED_FIELDS if is_need else ACHIEVEMENT_FIELDS)]
    plain = {name: getattr(item, name) for name in names if name != "budget_shown"}
    if is_need:
        plain |= catalogue.whole_price(item)
    parts = NEED_PARTS if is_need else ACHIEVEMENT_PARTS
    rows = {
        "texts": {t.lang: {p: getattr(t, p) for p in (*parts, "origin")} for t in item.texts.all()},
        "indicators": [_written(row, NEED_ROW if is_need else ACHIEVEMENT_ROW) for row in item.indicators.all()],
        "attachments": [_written(row, ("file_id", "level", "title", "proves")) for row in item.attachments.all()],
    }
    if not is_need:
        rows["team"] = [_written(row, TEAM_ROW) for row in item.team.all()]
        rows["asset_ids"] = sorted(item.assets.values_list("pk", flat=True))
    return {name: value for name, value in {**_plain(plain), **rows}.items() if value not in (None, "", [], {})}


def _written(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """A row's column under the name that the content gives it; empty ones are left out."""
    given = {name: getattr(row, {"value": "target"}.get(name, name), None) for name in names}
    if hasattr(row, "value"):
        given["value"] = row.value
    return {name: value for name, value in _plain(given).items() if value is not None and value not in ("", [])}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON holds it: decimals and dates as text."""
    return {
        name: f"{value.normalize():f}"
        if isinstance(value, Decimal)
        else value.isoformat()
        if isinstance(value, date)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }


def shape_problems(content: Any) -> list[Problem]:
    """What cannot even be kept as a draft: unknown keys and values of another kind."""
    if not isinstance(content, Mapping):
        return [Problem("", _("这里应是一组字段。"), '{"texts": {"zh": {"title": "…"}}}')]
    problems = []
    for name, value in content.items():
        fits = SHAPE.get(name)
        if fits is None:
            problems.append(Problem(str(name)[:40], _("没有这个字段。"), "texts"))
        elif value is not None and not fits(value):
            problems.append(Problem(name, _("这个字段的写法不对，请看接口说明。"), EXAMPLES.get(name, "")))
    return problems


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(n, int) and not isinstance(n, bool) for n in value)


def _is_row(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_scalar(v) or (isinstance(v, list) and all(_is_row(r) for r in v)) for v in value.values()
    )


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_ROWS and all(_is_row(row) for row in value)


def _are_texts(value: Any) -> bool:
    known = {*NEED_PARTS, *ACHIEVEMENT_PARTS, "origin"}
    return isinstance(value, dict) and all(
        lang in LANGUAGES and isinstance(text, dict) and all(p in known and isinstance(v, str) for p, v in text.items())
        for lang, text in value.items()
    )


SHARED = (
    "field", "region", "currency", "ipc", "industry", "discipline", "modes", "keywords_zh", "keywords_en",
    "price_kind", "price_low", "price_high", "external_id",
)  # fmt: skip
NEED_FIELDS = ("trl_min", "deadline", "region_wish", "publisher_shown", "budget_shown")
ACHIEVEMENT_FIELDS = (
    "unit_zh", "unit_en", "trl", "trl_evidence_zh", "trl_evidence_en", "ownership", "price_for", "disclosed_on",
)  # fmt: skip
ROW = ("name_zh", "name_en", "comparator", "value", "high", "unit", "condition_zh", "condition_en")
NEED_ROW = (*ROW, "is_must", "current")
ACHIEVEMENT_ROW = (*ROW, "evidence", "evidence_zh", "evidence_en", "baseline")
TEAM_ROW = ("name_zh", "name_en", "title_zh", "title_en", "role_zh", "role_en")
_LISTS = ("ipc", "industry", "discipline", "modes", "keywords_zh", "keywords_en", "trl_evidence_zh", "trl_evidence_en")
SHAPE: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys((*SHARED, *NEED_FIELDS, *ACHIEVEMENT_FIELDS, "price_unit"), _is_text),
    **dict.fromkeys(("price_low", "price_high", "trl", "trl_min"), _is_scalar),
    **dict.fromkeys((*_LISTS, "confirmed"), _is_words),
    **dict.fromkeys(("indicators", "attachments", "team"), _are_rows),
    "asset_ids": _is_ids,
    "texts": _are_texts,
}
EXAMPLES: Mapping[str, str] = {
    "texts": '{"zh": {"title": "…", "problem": "…"}}',
    "indicators": '[{"name_zh": "水通量", "comparator": ">=", "value": "15", "unit": "LMH/bar"}]',
    "ipc": '["B01D 71/56"]',
    "modes": '["license_nonexclusive"]',
    "price_low": "300000000",
    "trl": "6",
    "trl_min": "6",
    "deadline": "2026-12-31",
}


# --- parts ------------------------------------------------------------------------------------------------------------


def _shared_fields(reading: _Reading) -> dict[str, Any]:
    return {
        "field": reading.code("field", "field", required=True),
        "region": reading.code("region", "region"),
        "industry": reading.codes("industry", "gbt4754"),
        "discipline": reading.codes("discipline", "gbt13745"),
        "ipc": reading.ipc("ipc"),
        "keywords_zh": reading.words("keywords_zh", 60),
        "keywords_en": reading.words("keywords_en", 60),
        "modes": reading.some_of("modes", Mode.values, Mode.LICENSE_NONEXCLUSIVE.value),
        "external_id": reading.text("external_id", 80),
        **_price(reading),
    }


def _price(reading: _Reading) -> dict[str, Any]:
    kind = reading.one_of("price_kind", PriceKind.values, PriceKind.UNKNOWN)
    currency = reading.one_of("currency", list(MINOR_DIGITS), "CNY")
    if kind != PriceKind.AMOUNT:
        return {"price_kind": kind, "currency": currency, "price_low": None, "price_high": None}
    before = len(reading.problems)
    low, high = reading.amount("price_low"), reading.amount("price_high")
    low, high = (low if low is not None else high), (high if high is not None else low)
    if low is None and len(reading.problems) == before:
        reading.wrong("price_low", _("选了“金额”就要写明数额，或改选面议。"), _("300 万元至 500 万元"))
    elif low is not None and high is not None and high < low:
        reading.wrong("price_high", _("价格上限低于下限。"), _("300 万元至 500 万元"))
    return {"price_kind": kind, "currency": currency, "price_low": low, "price_high": high}


def _indicator(row: _Reading) -> dict[str, Any]:
    comparator = row.one_of("comparator", Comparator.values, Comparator.AT_LEAST)
    names = {"name_zh": row.text("name_zh", 120), "name_en": row.text("name_en", 120)}
    if not any(names.values()):
        row.wrong("name_zh", _("指标要有名称。"), _("水通量"))
    high = row.decimal("high") if comparator == Comparator.RANGE else None
    return {
        **names,
        "comparator": comparator,
        "high": high,
        "unit": row.text("unit", 40),
        "condition_zh": row.text("condition_zh", 200),
        "condition_en": row.text("condition_en", 200),
    }


def _ends(row: _Reading, low: Decimal | None, high: Decimal | None, comparator: str) -> None:
    if comparator == Comparator.RANGE and (high is None or (low is not None and high < low)):
        row.wrong("high", _("范围要有不低于下限的上限。"), "15 – 20")


def _need_indicator(row: _Reading) -> dict[str, Any]:
    shared = _indicator(row)
    target = row.decimal("value", required=True)
    _ends(row, target, shared["high"], shared["comparator"])
    is_must = row.content.get("is_must", True)
    return {**shared, "target": target, "current": row.decimal("current"), "is_must": bool(is_must)}


def _achievement_indicator(row: _Reading) -> dict[str, Any]:
    shared = _indicator(row)
    value = row.decimal("value", required=True)
    _ends(row, value, shared["high"], shared["comparator"])
    return {
        **shared,
        "value": value,
        "evidence": row.one_of("evidence", ["", *Evidence.values], ""),
        "evidence_zh": row.text("evidence_zh", 500),
        "evidence_en": row.text("evidence_en", 500),
        "baseline": [_base(base) for base in row.rows("baseline")],
    }


def _base(row: _Reading) -> dict[str, str]:
    base = {"name_zh": row.text("name_zh", 120), "name_en": row.text("name_en", 120), "value": row.text("value", 120)}
    return {name: value for name, value in base.items() if value}


def _member(row: _Reading) -> dict[str, Any]:
    limits = {"name_zh": 80, "name_en": 80, "title_zh": 80, "title_en": 80, "role_zh": 120, "role_en": 120}
    member = {name: row.text(name, longest) for name, longest in limits.items()}
    if not (member["name_zh"] or member["name_en"]):
        row.wrong("name_zh", _("团队成员要有姓名。"), _("林知行"))
    return member


def _attachment(row: _Reading) -> dict[str, Any]:
    file_id = row.content.get("file_id")
    if not isinstance(file_id, int):
        row.wrong("file_id", _("附件没有传完，请重新上传。"))
    proves = row.text("proves", 20)
    if proves and not re.fullmatch(r"trl|indicator:[0-9]{1,2}", proves):
        row.wrong("proves", _("附件只能证明成熟度或某个指标。"), "indicator:2")
    return {
        "file_id": file_id,
        "level": row.one_of("level", AttachmentLevel.values, AttachmentLevel.SIGNED_IN),
        "title": row.text("title", 200),
        "proves": proves,
    }


# --- reading ----------------------------------------------------------------------------------------------------------


class _Reading:
    """One mapping being read; problems are gathered with the path of their field."""

    def __init__(self, content: Any, path: str = "", problems: list[Problem] | None = None) -> None:
        self.path = path
        self.problems: list[Problem] = [] if problems is None else problems
        self.content: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
        if not isinstance(content, Mapping):
            self.wrong("", _("这里应是一组字段。"))

    def wrong(self, name: str, message: str, example: str = "") -> None:
        self.problems.append(Problem(f"{self.path}{name}".rstrip("."), message, example))

    def finish(self) -> None:
        if self.problems:
            raise BadContent(self.problems)

    def text(self, name: str, longest: int, *, required: bool = False) -> str:
        value = self.content.get(name) or ""
        if not isinstance(value, str):
            self.wrong(name, _("这里应是文字。"))
            return ""
        value = value.strip()
        if "\x00" in value:
            self.wrong(name, _("文字里有不能保存的控制字符。"))
        if len(value) > longest:
            self.wrong(name, _("有 %(n)d 个字，最多 %(most)d 个。") % {"n": len(value), "most": longest})
        if required and not value:
            self.wrong(name, _("不能为空。"))
        return value

    def words(self, name: str, longest: int) -> list[str]:
        value = self.content.get(name) or []
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.wrong(name, _("这里应是一列文字。"))
            return []
        kept = list(dict.fromkeys(word.strip() for word in value if word.strip()))
        if len(kept) > MOST_ROWS:
            self.wrong(name, _("最多 %(most)d 项。") % {"most": MOST_ROWS})
        for word in kept:
            if len(word) > longest:
                self.wrong(name, _("“%(word)s…”太长，最多 %(most)d 个字。") % {"word": word[:20], "most": longest})
        return kept

    def one_of(self, name: str, allowed: Iterable[str], default: str) -> str:
        known = [str(value) for value in allowed]
        value = self.content.get(name) or str(default)
        if value not in known:
            self.wrong(
                name, _("没有“%(value)s”这个选项。") % {"value": str(value)[:40]}, "、".join(v for v in known if v)
            )
            return str(default)
        return str(value)

    def some_of(self, name: str, allowed: Iterable[str], example: str) -> list[str]:
        known, values = set(allowed), self.words(name, 40)
        for value in values:
            if value not in known:
                self.wrong(name, _("没有“%(value)s”这个选项。") % {"value": value[:40]}, example)
        return [value for value in values if value in known]

    def code(self, name: str, scheme: str, *, required: bool = False) -> str:
        """An entry of a code table."""
        value = self.text(name, 24, required=required)
        if value and value not in catalogue.codes_of(scheme, [value]):
            self.wrong(name, _("代码表里没有“%(value)s”。") % {"value": value}, _example_code(scheme))
        return value

    def codes(self, name: str, scheme: str) -> list[str]:
        values = self.words(name, 24)
        known = catalogue.codes_of(scheme, values) if values else {}
        for value in values:
            if value not in known:
                self.wrong(name, _("代码表里没有“%(value)s”。") % {"value": value}, _example_code(scheme))
        return values

    def ipc(self, name: str) -> list[str]:
        return [found for value in self.words(name, 40) if (found := self._symbol(name, value))]

    def _symbol(self, name: str, value: str) -> str:
        try:
            return str(read_ipc(value))
        except IdentifierError:
            self.wrong(name, _("“%(value)s”不是 IPC 分类号。") % {"value": value}, "B01D 71/56")
            return ""

    def whole(self, name: str, low: int, high: int, example: str) -> int | None:
        value = self.content.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            limits = {"value": str(value)[:40], "low": low, "high": high}
            self.wrong(name, _("“%(value)s”不是 %(low)d 到 %(high)d 的整数。") % limits, example)
            return None
        return value

    def amount(self, name: str) -> int | None:
        """Whole minor units. A form keeps here, as text, what it could not read as an amount."""
        value = self.content.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_MINOR:
            self.wrong(name, _("“%(value)s”不是可用的金额：写数字，最细到分。") % {"value": str(value)[:40]}, "300")
            return None
        return value

    def decimal(self, name: str, *, required: bool = False) -> Decimal | None:
        value = self.content.get(name)
        if value is None or value == "":
            if required:
                self.wrong(name, _("要有数值。"), "15")
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number) >= Decimal(10) ** 16:
            self.wrong(name, _("“%(value)s”不是可用的数值。") % {"value": str(value)[:40]}, "15.5")
            return None
        return number

    def day(self, name: str, *, not_before: date | None = None) -> date | None:
        value = self.text(name, 40)
        if not value:
            return None
        try:
            found = date.fromisoformat(value) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) else None
        except ValueError:
            found = None
        if found is None:
            self.wrong(name, _("“%(value)s”不是日期。") % {"value": value[:40]}, "2026-12-31")
        elif not_before is not None and found < not_before:
            self.wrong(name, _("日期 %(value)s 已经过去。") % {"value": value}, "2027-06-30")
        return found

    def rows(self, name: str) -> list[_Reading]:
        value = self.content.get(name) or []
        if not isinstance(value, list):
            self.wrong(name, _("这里应是一列。"))
            return []
        if len(value) > MOST_ROWS:
            self.wrong(name, _("最多 %(most)d 项。") % {"most": MOST_ROWS})
            return []
        return [_Reading(row, f"{self.path}{name}.{n}.", self.problems) for n, row in enumerate(value)]

    def texts(self, parts: tuple[str, ...], *, required: tuple[str, ...]) -> dict[str, dict[str, str]]:
        """Language versions; at least one is complete, and a version that was begun is finished."""
        given = self.content.get("texts") or {}
        versions = _Reading(given, f"{self.path}texts.", self.problems)
        found = {}
        for lang in LANGUAGES:
            version = versions.content.get(lang) or {}
            row = _Reading(version, f"{self.path}texts.{lang}.", self.problems)
            if any(row.content.get(part) for part in parts):
                found[lang] = {
                    **{p: row.text(p, LONGEST.get(p, LONGEST_PART), required=p in required) for p in parts},
                    "origin": row.one_of("origin", TextOrigin.values, TextOrigin.AUTHOR),
                }
        if not found:
            row = _Reading({}, f"{self.path}texts.zh.", self.problems)
            for part in required:
                row.wrong(part, _("不能为空。"))
        return found


def _example_code(scheme: str) -> str:
    return {"field": "materials", "region": "310000", "gbt4754": "26", "gbt13745": "430"}.get(scheme, "")
