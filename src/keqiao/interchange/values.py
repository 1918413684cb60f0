"""Values as people write them in spreadsheets: amounts in 万元, Chinese dates, levels, yes and no, choices by name.

Each `read_…` takes a cell and gives a value or raises Unreadable, whose message names the problem and an example in the
reader's language; each `write_…` gives a cell that its reader turns into the same value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from keqiao.interchange.cells import half_width
from keqiao.kernel.money import MINOR_DIGITS

LONGEST_SHOWN = 40
LARGEST_MINOR = 10**15


class Unreadable(ValueError):
    """A cell that says nothing usable."""

    def __init__(self, message: str, example: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.example = example


def short(text: Any) -> str:
    shown = str(text)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"


# --- numbers of patents -----------------------------------------------------------------------------------------------

WITHOUT_CHECK_DIGIT = re.compile(r"[0-9]{8}|[0-9]{12}")


def as_filed(number: str) -> str:
    """A spreadsheet takes 202219939898.0 for a number and drops the check digit, when it is 0; others are asked for."""
    return f"{number}.0" if WITHOUT_CHECK_DIGIT.fullmatch(number) else number


# --- dates ------------------------------------------------------------------------------------------------------------

DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2}))?\s*[日号月]?(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?"
)
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
SERIAL_ZERO = date(1899, 12, 30)
FIRST_YEAR, LAST_YEAR = 1900, 2199


def read_date(cell: Any, *, end: bool = False) -> str:
    """2026年3月1日, 2026/3/1, 2026-03-01, 20260301, a serial number of Excel; 2026.3 is the month's first or last day."""
    text = half_width(str(cell))
    example = "2026-12-31"
    if SERIAL.fullmatch(text):
        found = SERIAL_ZERO + timedelta(days=int(text.split(".")[0]))
        if FIRST_YEAR <= found.year <= LAST_YEAR:
            return found.isoformat()
    match = DATE.fullmatch(text) or COMPACT.fullmatch(text)
    if not match:
        raise Unreadable(_("“%(value)s”不是日期。") % {"value": short(cell)}, example)
    year, month, day = int(match[1]), int(match[2]), match[3]
    try:
        if day is None:
            first = date(year, month, 1)
            found = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1) if end else first
        else:
            found = date(year, month, int(day))
    except ValueError:
        raise Unreadable(_("没有“%(value)s”这一天。") % {"value": short(cell)}, example) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Unreadable(_("“%(value)s”的年份不对。") % {"value": short(cell)}, example)
    return found.isoformat()


# --- amounts ----------------------------------------------------------------------------------------------------------

CURRENCIES = {
    "人民币": "CNY", "rmb": "CNY", "cny": "CNY", "元": "CNY", "圆": "CNY", "¥": "CNY",
    "美元": "USD", "美金": "USD", "usd": "USD", "$": "USD", "欧元": "EUR", "eur": "EUR", "€": "EUR",
    "英镑": "GBP", "gbp": "GBP", "£": "GBP", "日元": "JPY", "jpy": "JPY", "港元": "HKD", "港币": "HKD", "hkd": "HKD",
    "韩元": "KRW", "krw": "KRW", "瑞士法郎": "CHF", "chf": "CHF", "新加坡元": "SGD", "新元": "SGD", "sgd": "SGD",
    "新谢克尔": "ILS", "ils": "ILS",
}  # fmt: skip
SIZES = {"": 1, "十": 10, "百": 100, "千": 1_000, "万": 10_000, "萬": 10_000, "十万": 100_000, "百万": 10**6,
         "千万": 10**7, "亿": 10**8, "億": 10**8, "k": 1_000, "m": 10**6}  # fmt: skip
NEGOTIABLE = {"面议", "面議", "面谈", "另议", "协商", "negotiable", "面议。"}
UNKNOWN = {"", "未说明", "不详", "无", "未知", "unknown", "not stated", "-", "—", "/"}
_NUMBER = r"[+-]?\d[\d,]*(?:\.\d+)?"
_SIZE = r"(?:百万|千万|十万|万|萬|亿|億|千|百|十|[km](?![a-z]))?"
_CURRENCY = "|".join(sorted((re.escape(name) for name in CURRENCIES), key=len, reverse=True))
AMOUNT = re.compile(
    rf"(?P<before>{_CURRENCY})?\s*(?P<low>{_NUMBER})\s*(?P<low_size>{_SIZE})\s*(?P<low_currency>{_CURRENCY})?"
    rf"(?:\s*(?:-|–|—|~|～|至|到|to)\s*(?P<again>{_CURRENCY})?\s*(?P<high>{_NUMBER})\s*(?P<high_size>{_SIZE})\s*(?P<currency>{_CURRENCY})?)?",
    re.IGNORECASE,
)


def read_price(cell: Any) -> dict[str, Any]:
    """300万元, 300–500万元, 3亿元, 5万美元, EUR 50000, 面议: the four price fields of an item. A bare number has no unit."""
    text = half_width(str(cell)).replace("，", ",")
    lowered = text.lower()
    nothing = {"price_low": None, "price_high": None, "currency": "CNY"}
    if lowered in NEGOTIABLE:
        return {"price_kind": "negotiable", **nothing}
    if lowered in UNKNOWN:
        return {"price_kind": "unknown", **nothing}
    example = _("300万元、300–500万元、3亿元、面议")
    match = AMOUNT.fullmatch(lowered)
    if not match:
        raise Unreadable(_("“%(value)s”不是金额。") % {"value": short(cell)}, example)
    words = {CURRENCIES[word] for name in ("before", "low_currency", "again", "currency") if (word := match[name])}
    if len(words) != 1:
        problem = _("“%(value)s”没有写单位。") if not words else _("“%(value)s”写了两种货币。")
        raise Unreadable(problem % {"value": short(cell)}, example)
    currency = words.pop()
    high_size = match["high_size"] if match["high"] else match["low_size"]
    low_size = match["low_size"] or (high_size if not match["low_currency"] else "")
    low = _minor(match["low"], low_size, currency, cell, example)
    high = _minor(match["high"], high_size or "", currency, cell, example) if match["high"] else low
    if high < low:
        raise Unreadable(_("“%(value)s”的上限低于下限。") % {"value": short(cell)}, example)
    return {"price_kind": "amount", "price_low": low, "price_high": high, "currency": currency}


def _minor(number: str, size: str, currency: str, cell: Any, example: str) -> int:
    try:
        minor = (Decimal(number.replace(",", "")) * SIZES[size.lower()]).scaleb(MINOR_DIGITS[currency])
    except InvalidOperation:
        raise Unreadable(_("“%(value)s”不是金额。") % {"value": short(cell)}, example) from None
    if minor != minor.to_integral_value() or not 0 <= minor <= LARGEST_MINOR:
        raise Unreadable(_("“%(value)s”不是可用的金额：不能为负，也不能细于一分。") % {"value": short(cell)}, example)
    return int(minor)


def write_price(content: Mapping[str, Any]) -> str:
    kind = content.get("price_kind") or "unknown"
    if kind == "negotiable":
        return "面议"
    if kind != "amount":
        return ""
    currency = content.get("currency") or "CNY"
    low, high = content["price_low"], content["price_high"]
    digits = MINOR_DIGITS[currency]
    if currency == "CNY" and low % 10**6 == 0 and high % 10**6 == 0 and high:
        low_text, high_text, unit = str(low // 10**6), str(high // 10**6), "万元"
    else:
        low_text, high_text = (f"{Decimal(amount).scaleb(-digits):f}" for amount in (low, high))
        unit = "元" if currency == "CNY" else f" {currency}"
    return f"{low_text}{unit}" if low == high else f"{low_text}–{high_text}{unit}"


# --- small things -----------------------------------------------------------------------------------------------------

CHINESE_DIGITS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
TRL = re.compile(
    r"(?:(?:TRL|技术成熟度|成熟度)\s*[-:]?\s*|第\s*)?([0-9]{1,3}|[一二三四五六七八九])\s*(?:级|等级)?", re.IGNORECASE
)
YES = {"是", "有", "对", "y", "yes", "true", "1", "√", "✓"}
NO = {"否", "无", "不", "没有", "n", "no", "false", "0", "×"}


def read_trl(cell: Any) -> int:
    """6, 6级, TRL6, TRL 6, 六级."""
    match = TRL.fullmatch(half_width(str(cell)))
    level = CHINESE_DIGITS.get(match[1]) or int(match[1]) if match else 0
    if not 1 <= level <= 9:
        raise Unreadable(_("“%(value)s”不是 1 到 9 级的成熟度。") % {"value": short(cell)}, "TRL 6")
    return level


def read_yes(cell: Any) -> bool:
    text = half_width(str(cell)).lower()
    if text in YES:
        return True
    if text in NO:
        return False
    raise Unreadable(_("“%(value)s”不是“是”或“否”。") % {"value": short(cell)}, _("是"))


@dataclass(frozen=True)
class Choices:
    """Words that stand for a value: its own, its name in both languages, and what else people write."""

    words: Mapping[str, str]  # folded word → value
    names: tuple[tuple[str, str, str], ...]  # value, zh, en

    @classmethod
    def of(cls, choices: Iterable[tuple[str, Any]], also: Mapping[str, str] | None = None) -> Choices:
        """From the choices of a field: labels are looked up in both languages once."""
        names = []
        for value, label in choices:
            with translation.override("zh-hans"):
                zh = str(label)
            with translation.override("en"):
                en = str(label)
            names.append((str(value), zh, en))
        words = {fold(word): value for value, zh, en in names for word in (value, zh, en)}
        words |= {fold(word): value for word, value in (also or {}).items()}
        return cls(words, tuple(names))

    def read(self, cell: Any) -> str:
        found = self.words.get(fold(str(cell)))
        if found is None:
            raise Unreadable(_("没有“%(value)s”这个选项。") % {"value": short(cell)}, self.example())
        return found

    def example(self) -> str:
        place = 1 if (translation.get_language() or "zh").startswith("zh") else 2
        return "、".join(name[place] for name in self.names[:6])

    def write(self, value: str) -> str:
        return next((zh for own, zh, _en in self.names if own == value), value)


def fold(text: str) -> str:
    """For comparing names: half width, lower case, without spaces and punctuation between words."""
    return re.sub(r"[\s_\-·/()（）:：*＊]+", "", half_width(text)).casefold()
