"""Indicators and team members as one cell of text: "水通量≥15 LMH/bar（25 ℃）【第三方检测】；脱盐率≥98%".

What a cell cannot say is written as JSON instead, so that writing and reading always give the same.

    [希望：]名称[ / name] 比较 数值[–上限] 单位[（条件[ / condition]）][（现状 数值）][【证据[：说明]】]

Several stand between ；or on lines of their own. > and < are read as ≥ and ≤. A unit in quotation marks is taken as it is,
without quotation marks it has to be one that Keqiao knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from keqiao.catalogue.quantities import UnknownUnit, read_unit
from keqiao.interchange.cells import half_width
from keqiao.interchange.values import Choices, Unreadable, short
from keqiao.submissions.sketching import indicators_of

COMPARATORS = {
    ">=": ">=", "≥": ">=", "≧": ">=", "⩾": ">=", ">": ">=", "不低于": ">=", "不小于": ">=", "不少于": ">=", "至少": ">=",
    "大于等于": ">=", "大于": ">=", "高于": ">=", "超过": ">=",
    "<=": "<=", "≤": "<=", "≦": "<=", "⩽": "<=", "<": "<=", "不高于": "<=", "不大于": "<=", "不超过": "<=", "不多于": "<=",
    "至多": "<=", "小于等于": "<=", "小于": "<=", "低于": "<=", "=": "=", "＝": "=", ":": "=", "：": "=", "为": "=", "达到": ">=",
}  # fmt: skip
_SIGNS = "|".join(sorted((re.escape(sign) for sign in COMPARATORS), key=len, reverse=True))
_NUMBER = r"[-−+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d{1,3})?"
_NOTE = r"(?:（[^（）]*）|\([^()]*\)|【[^【】]*】)"
ITEM = re.compile(
    rf"(?P<wish>(?:希望|[Ww]ish)\s*[:：]\s*)?(?P<name>.+?)\s*(?P<sign>{_SIGNS}|(?<=[^\d.])(?=\s*{_NUMBER}\s*[–—~～至-]))\s*"
    rf"(?P<low>{_NUMBER})(?:\s*[–—~～至-]\s*(?P<high>{_NUMBER}))?\s*"
    rf"(?P<unit>\"[^\"]*\"|“[^”]*”|(?:[^（(【\"“]|\((?=[^()\u4e00-\u9fff]*\)))*?)\s*(?P<notes>(?:{_NOTE}\s*)*)",
    re.DOTALL,
)
NOTE = re.compile(_NOTE)
CJK = re.compile(r"[\u3400-\u9fff]")
LANGUAGES_APART = " / "
MOST = 50
EXAMPLE = "水通量≥15 LMH/bar（25 ℃）；脱盐率≥98%"

NEED_KEYS = (
    "name_zh",
    "name_en",
    "comparator",
    "value",
    "high",
    "unit",
    "condition_zh",
    "condition_en",
    "is_must",
    "current",
)
ACHIEVEMENT_KEYS = (
    "name_zh", "name_en", "comparator", "value", "high", "unit", "condition_zh", "condition_en",
    "evidence", "evidence_zh", "evidence_en", "baseline",
)  # fmt: skip
TEAM_KEYS = ("name_zh", "name_en", "title_zh", "title_en", "role_zh", "role_en")


# --- indicators -------------------------------------------------------------------------------------------------------


def read_indicators(cell: Any, *, kind: str, evidence: Choices) -> list[dict[str, Any]]:
    """The rows of `indicators` as a submission's content has them."""
    return [_normal(row, kind, evidence) for row in (_as_json(cell) or _as_text(str(cell), evidence))]


def read_sentences(cell: Any, *, kind: str) -> list[dict[str, Any]]:
    """The rows that sentences state (试验测得水通量达到 18 LMH/bar); none when any of them states no figure."""
    text = cell if isinstance(cell, str) and not cell.lstrip().startswith("[") else ""
    found = [indicators_of(kind, part, is_table=True) for part in _split(text)]
    return [one.value for rows in found for one in rows] if all(found) else []


def write_indicators(rows: Sequence[Mapping[str, Any]], *, kind: str, evidence: Choices) -> str:
    if not rows:
        return ""
    wanted = [_normal(row, kind, evidence, checks=False) for row in rows]
    try:
        text = "；".join(_written(row, kind, evidence) for row in wanted)
        if read_indicators(text, kind=kind, evidence=evidence) == wanted:
            return text
    except Unreadable:
        pass
    return json.dumps(wanted, ensure_ascii=False)


def _as_json(cell: Any) -> list[Mapping[str, Any]]:
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return []
    if isinstance(cell, list) and cell and all(isinstance(row, Mapping) for row in cell):
        return cell
    return []


def _as_text(text: str, evidence: Choices) -> list[dict[str, Any]]:
    return [_one(part, evidence) for part in _split(text)]


def _split(text: str) -> list[str]:
    """At ；; and line ends that stand outside brackets."""
    parts, depth, begin = [], 0, 0
    for place, sign in enumerate(text):
        if sign in "（(【":
            depth += 1
        elif sign in "）)】":
            depth = max(0, depth - 1)
        elif sign in "；;\n" and depth == 0:
            parts.append(text[begin:place])
            begin = place + 1
    parts.append(text[begin:])
    return [part.strip() for part in parts if part.strip()]


def _one(text: str, evidence: Choices) -> dict[str, Any]:
    match = ITEM.fullmatch(text) or ITEM.fullmatch(half_width(text)) if len(text) <= 500 else None
    if not match:
        raise Unreadable(_("“%(value)s”不是指标：要有名称、比较、数值和单位。") % {"value": short(text)}, EXAMPLE)
    name_zh, name_en = _two_languages(match["name"])
    row: dict[str, Any] = {"name_zh": name_zh, "name_en": name_en, "value": match["low"], "is_must": not match["wish"]}
    row["comparator"] = "range" if match["high"] else COMPARATORS.get(match["sign"], "=")
    row["high"] = match["high"]
    unit, notes = match["unit"].strip(), NOTE.findall(match["notes"])
    if notes and unit.endswith(("/", "·", "*")):  # W/(m·K): what stands in brackets belongs to the unit
        unit += notes.pop(0)
    row["unit"] = unit
    for note in notes:
        _read_note(note, row, evidence)
    return row


def _two_languages(text: str) -> tuple[str, str]:
    text = text.strip()
    if text.startswith("/ "):
        return "", text[2:].strip()
    zh, apart, en = text.partition(LANGUAGES_APART)
    return (zh.strip(), en.strip()) if apart and CJK.search(zh) and not CJK.search(en) else (text, "")


def _read_note(note: str, row: dict[str, Any], evidence: Choices) -> None:
    inner = note[1:-1].strip()
    if note.startswith("【"):
        word, _colon, words = inner.replace("：", ":", 1).partition(":")
        row["evidence"] = evidence.read(word)
        row["evidence_zh"] = words.strip()
    elif now := re.fullmatch(rf"(?:现状|目前|现为|current)\s*[:：]?\s*({_NUMBER})\s*.*", inner):
        row["current"] = now[1]
    elif inner:
        row["condition_zh"], row["condition_en"] = _two_languages(inner)


def _normal(row: Mapping[str, Any], kind: str, evidence: Choices, *, checks: bool = True) -> dict[str, Any]:
    """Every key, numbers as plain decimal text; unknown units and words are refused."""
    found: dict[str, Any] = {name: str(row.get(name) or "").strip() for name in _keys(kind)}
    found["comparator"] = found["comparator"] or ">="
    found["value"] = _decimal(row.get("value"))
    found["high"] = _decimal(row.get("high")) if found["comparator"] == "range" else None
    found["unit"] = _unit(found["unit"], checks=checks)
    if kind == "needs":
        found["is_must"] = bool(row.get("is_must", True))
        found["current"] = _decimal(row.get("current"))
    else:
        found["baseline"] = _baseline(row.get("baseline"))
        if found["evidence"]:
            found["evidence"] = evidence.read(found["evidence"]) if checks else found["evidence"]
    if found["high"] is not None and found["value"] is not None and Decimal(found["high"]) < Decimal(found["value"]):
        raise Unreadable(_("指标“%(name)s”的上限低于下限。") % {"name": short(found["name_zh"])}, "15–20 μm")
    return {name: value for name, value in found.items() if value is not None and value not in ("", [])}


def _baseline(rows: Any) -> list[dict[str, str]]:
    """Values of today's solutions beside an achievement's own."""
    if not isinstance(rows, list):
        return []
    kept = [
        {name: str(row[name]).strip() for name in ("name_zh", "name_en", "value") if str(row.get(name) or "").strip()}
        for row in rows
        if isinstance(row, Mapping)
    ]
    return [row for row in kept if row]


def _keys(kind: str) -> tuple[str, ...]:
    return NEED_KEYS if kind == "needs" else ACHIEVEMENT_KEYS


def _decimal(value: Any) -> str | None:
    text = half_width(str(value if value is not None else "")).replace(",", "").lstrip("+")
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) >= Decimal(10) ** 16 or number != round(number, 8):
        raise Unreadable(_("“%(value)s”不是可用的数值。") % {"value": short(value)}, "15.5")
    return f"{number.normalize():f}" if number else "0"


def _unit(text: str, *, checks: bool) -> str:
    """A known unit as it is written, or what stands in quotation marks."""
    if len(text) > 1 and text[0] + text[-1] in {'""', "“”"}:
        return text[1:-1].strip()
    if checks and text:
        try:
            read_unit(text, strict=True)
        except UnknownUnit:
            message = _("不认识单位“%(unit)s”。确实要用就加引号：“%(unit)s”。")
            raise Unreadable(message % {"unit": short(text)}, "mg/L、LMH/bar、%、万元/年") from None
    return text


def _written(given: Mapping[str, Any], kind: str, evidence: Choices) -> str:
    row: dict[str, Any] = {**dict.fromkeys(_keys(kind), ""), "high": None, "current": None, **given}
    name = _both(row["name_zh"], row["name_en"])
    wish = "希望：" if kind == "needs" and not row["is_must"] else ""
    sign = {">=": "≥", "<=": "≤", "range": "="}.get(row["comparator"], "=")
    value = f"{row['value']}–{row['high']}" if row["high"] is not None else row["value"]
    unit = f"“{row['unit']}”" if row["unit"] and read_unit(row["unit"]).is_opaque else row["unit"]
    notes = ""
    if row["condition_zh"] or row["condition_en"]:
        notes += f"（{_both(row['condition_zh'], row['condition_en'])}）"
    if row["current"] is not None:
        notes += f"（现状 {row['current']}）"
    if row.get("evidence", ""):
        words = f"：{row['evidence_zh']}" if row["evidence_zh"] else ""
        notes += f"【{evidence.write(row['evidence'])}{words}】"
    return f"{wish}{name}{sign}{value} {unit}".strip() + notes


def _both(zh: str, en: str) -> str:
    return f"{zh}{LANGUAGES_APART}{en}" if zh and en else zh or f"/ {en}"


# --- team -------------------------------------------------------------------------------------------------------------

MEMBER = re.compile(r"(?P<name>[^（(]+?)\s*(?:[（(](?P<title>[^，,（）()]*)(?:[，,](?P<role>[^（）()]*))?[）)])?")


def read_team(cell: Any) -> list[dict[str, str]]:
    """林若川（教授，技术负责人）；许砚秋"""
    rows: list[Mapping[str, Any]] = _as_json(cell)
    if not rows:
        rows = []
        for part in _split(str(cell).replace("、", "；") if "（" not in str(cell) else str(cell)):
            match = MEMBER.fullmatch(part)
            if not match:
                raise Unreadable(_("“%(value)s”不是团队成员。") % {"value": short(part)}, "林若川（教授，技术负责人）")
            name_zh, name_en = _two_languages(match["name"])
            rows.append({"name_zh": name_zh, "name_en": name_en, "title_zh": match["title"], "role_zh": match["role"]})
    return _plain_team(rows)


def write_team(rows: Sequence[Mapping[str, Any]]) -> str:
    wanted = _plain_team(rows)
    text = "；".join(_member(row) for row in wanted)
    try:
        if read_team(text) == wanted:
            return text
    except Unreadable:
        pass
    return json.dumps(wanted, ensure_ascii=False)


def _plain_team(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What is said of each, nothing empty."""
    return [{name: text for name in TEAM_KEYS if (text := str(row.get(name) or "").strip())} for row in rows]


def _member(row: Mapping[str, str]) -> str:
    name = _both(row.get("name_zh", ""), row.get("name_en", ""))
    notes = "，".join([row.get("title_zh", ""), row.get("role_zh", "")]).rstrip("，")
    return f"{name}（{notes}）" if notes else name
