"""From what a form sends to the content of a draft. What cannot be read is kept as it was typed, for its author to mend."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.http.request import QueryDict

from keqiao.kernel.money import MINOR_DIGITS, Money
from keqiao.submissions.content import LANGUAGES, LARGEST_MINOR, MOST_ROWS
from keqiao.web.posting.steps import PARTS, ROWS, STEPS, Step

WAN = "wan"  # amounts in 万元; otherwise in whole units of the currency
SEPARATORS = re.compile(r"[,，、;；\n]+")
NUMBERS = {"value", "high", "current"}
MINUS = str.maketrans("−–—", "---")
NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,12})?", re.ASCII)
ROW_NAME = re.compile(r"(\w+)\.(\d{1,3})\.(\w+)")


def read_step(kind: str, number: int, post: QueryDict) -> dict[str, Any]:
    """The keys of the content that this step writes, as the form has them now. A key that was emptied is None."""
    step = STEPS[kind][number - 1]
    found: dict[str, Any] = {name: _part(name, post) for name in step.parts}
    if step.texts:
        found["texts"] = _texts(step, post)
    if "classes" in step.groups:
        found |= _classes(post)
    if "price" in step.groups:
        found |= _price(post)
    for name in ROWS[kind]:
        if name in step.groups:
            found[name] = _rows(kind, name, post)
    if "rights" in step.groups:
        found["asset_ids"] = [int(n) for n in post.getlist("asset_ids") if n.isascii() and n.isdigit() and len(n) < 18]
    if "files" in step.groups:
        found["attachments"] = _files(post)
    return {name: None if value in ("", [], {}) else value for name, value in found.items()}


def _texts(step: Step, post: QueryDict) -> dict[str, dict[str, str]]:
    found = {}
    for lang in LANGUAGES:
        parts = {part: tidy(post.get(f"texts.{lang}.{part}", "")) for part in step.texts}
        origin = post.get(f"texts.{lang}.origin", "")
        found[lang] = {**parts, **({"origin": origin} if origin in {"author", "translated"} else {})}
    return found


def _part(name: str, post: QueryDict) -> Any:
    widget = PARTS[name].widget
    if widget == "checks":
        return [value for value in post.getlist(name) if value]
    text = tidy(post.get(name, ""))
    if widget == "words":
        return split_words(text)
    if widget == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if name in {"trl", "trl_min"}:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else text
    if widget == "date":
        return _date(text)
    return text


def _classes(post: QueryDict) -> dict[str, Any]:
    """What stands in these fields a person has put or confirmed there."""
    found = {name: _part(name, post) for name in ("field", "ipc", "industry", "keywords_zh", "keywords_en")}
    confirmed = [f"{name}:{code}" for name in ("ipc", "industry") for code in found[name]]
    return {**found, "confirmed": [*([f"field:{found['field']}"] if found["field"] else []), *confirmed]}


def _price(post: QueryDict) -> dict[str, Any]:
    unit = post.get("price_unit", "CNY:wan")
    currency, _colon, scale = unit.partition(":")
    currency = currency if currency in MINOR_DIGITS else "CNY"
    ends = [tidy(post.get(name, "")) for name in ("price_low", "price_high")]
    low, high = (amount(text, currency, scale) for text in ends)
    kind = post.get("price_kind", "")
    if not kind and (low is not None or high is not None):
        kind = "amount"  # figures without a choice mean what they say
    return {"price_kind": kind, "price_low": low, "price_high": high, "currency": currency, "price_unit": scale}


def amount(text: str, currency: str, scale: str) -> int | str | None:
    """Minor units, exactly; the text itself when it is no amount (or finer than the smallest coin)."""
    if not text:
        return None
    plain = _plain_number(text)
    if not NUMBER.fullmatch(plain):
        return text[:40]
    try:
        minor = Money.of(Decimal(plain) * (10_000 if scale == WAN else 1), currency).minor
    except ValueError:
        return text[:40]
    return minor if 0 <= minor <= LARGEST_MINOR else text[:40]


def _rows(kind: str, name: str, post: QueryDict) -> list[dict[str, Any]]:
    """Rows that have anything in them, in the order of the page."""
    rows: dict[int, dict[str, Any]] = {}
    for key in post:
        place = ROW_NAME.fullmatch(key)
        if place and place[1] == name and place[3] in ROWS[kind][name]:
            rows.setdefault(int(place[2]), {})[place[3]] = _cell(place[3], post.get(key, ""))
    shown = {int(n) for n in post.getlist(f"{name}.rows") if n.isascii() and n.isdigit()}
    read = []
    for place_of_row in sorted(rows):
        row = {column: value for column, value in rows[place_of_row].items() if value not in ("", [])}
        if not any(value for column, value in row.items() if column not in {"comparator", "is_must", "evidence"}):
            continue
        if name == "indicators" and kind == "need" and place_of_row in shown:
            row["is_must"] = f"{name}.{place_of_row}.is_must" in post
        if row.get("comparator") != "range":
            row.pop("high", None)
        read.append(row)
    return read[:MOST_ROWS]


def _cell(column: str, text: str) -> Any:
    if column == "baseline":
        return _baseline(text)
    if column == "is_must":
        return bool(text)
    return _plain_number(tidy(text)) if column in NUMBERS else tidy(text)


def _baseline(text: str) -> list[dict[str, str]]:
    """Carried through the form unseen; whatever it is, the reader of contents checks it."""
    try:
        rows = json.loads(text or "[]")
    except ValueError:
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _files(post: QueryDict) -> list[dict[str, Any]]:
    """Level, title and what it proves of the files that the draft has; which those are, the command checks."""
    rows = []
    for file_id in post.getlist("attachments.file_id"):
        if file_id.isascii() and file_id.isdigit() and len(file_id) < 18:
            given = {name: tidy(post.get(f"file.{file_id}.{name}", "")) for name in ("level", "title", "proves")}
            rows.append({"file_id": int(file_id), **given})
    return rows


# --- text ---------------------------------------------------------------------------------------------------------------


def tidy(text: str) -> str:
    """Without control characters, which the database or a page cannot hold; line breaks stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})
    return "".join(kept).strip()


def split_words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in SEPARATORS.split(text) if word.strip()))


def _plain_number(text: str) -> str:
    """Full-width digits, thousands separators and the typographic minus as a number is written; other text as it is."""
    plain = unicodedata.normalize("NFKC", text).translate(MINUS).replace(" ", "")
    plain = re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", plain)
    return plain if NUMBER.fullmatch(plain) else text


def _date(text: str) -> str:
    """2027-01-31; 2027年1月31日, 2027/1/31 and 2027.1.31 mean the same."""
    plain = unicodedata.normalize("NFKC", text)
    found = re.fullmatch(r"(\d{4})\s*[-年/.]\s*(\d{1,2})\s*[-月/.]\s*(\d{1,2})\s*日?", plain)
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}" if found else text


# --- two versions -------------------------------------------------------------------------------------------------------

PRICE = ("price_kind", "price_low", "price_high", "currency", "price_unit")


def units_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """What can be chosen one by one when two versions meet: each text, each key, the price as one."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        if name == "texts" and isinstance(value, Mapping):
            found |= {f"texts.{lang}.{part}": text for lang, parts in value.items() for part, text in parts.items()}
        elif name not in {*PRICE, "confirmed"}:
            found[name] = value
    price = {name: content[name] for name in PRICE if content.get(name) not in (None, "")}
    if price.get("price_kind") not in (None, "", "unknown") or "price_low" in price:
        found["price"] = price
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def differing(mine: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """Units of my step that read otherwise in what is stored."""
    here, there = units_of(mine), units_of(stored)
    names = {**dict.fromkeys(here), **dict.fromkeys(name for name in there if _belongs(name, mine))}
    return [name for name in names if here.get(name) != there.get(name) and not _is_origin(name)]


def chosen(mine: Mapping[str, Any], keep_theirs: Iterable[str]) -> dict[str, Any]:
    """My version without the units in which the stored one is kept."""
    gone = set(keep_theirs)
    kept: dict[str, Any] = {}
    for name, value in mine.items():
        if name == "texts" and isinstance(value, Mapping):
            kept["texts"] = {
                lang: {part: text for part, text in parts.items() if f"texts.{lang}.{part}" not in gone}
                for lang, parts in value.items()
            }
        elif name not in gone and not (name in PRICE and "price" in gone):
            kept[name] = value
    return kept


def _belongs(unit: str, mine: Mapping[str, Any]) -> bool:
    """Does my step write this unit?"""
    if unit == "price":
        return "price_kind" in mine
    head, *rest = unit.split(".")
    if head != "texts":
        return head in mine
    return rest[1] in (mine.get("texts") or {}).get(rest[0], {})


def _is_origin(unit: str) -> bool:
    return unit.endswith(".origin")
