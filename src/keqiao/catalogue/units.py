"""The table of units and the reader of compound units: from "W·m⁻¹·K⁻¹" to a size and dimensions.

The allowed units are the rows of `units.tsv`; pint supplies their sizes and dimensions, kept in `unit_sizes.json`.
Only `quantities` uses this module; what is said there about ambiguous spellings is done here.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

LONGEST_UNIT = 80  # characters; the longest unit seen in real texts has 34
LARGEST_EXPONENT = 12  # of a unit symbol
LARGEST_EXPONENT_OF_TEN = 30
LARGEST_MAGNITUDE = 60  # powers of ten of a value or a factor; beyond it exact fractions only cost time


# --- Normal form of the text ------------------------------------------------------------------------------------------

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
SUPERSCRIPT_RUN = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]{1,6}")
SIGNS = str.maketrans(
    {
        **dict.fromkeys("−–—‐‑‒﹣", "-"),
        **dict.fromkeys("∕⁄÷", "/"),
        **dict.fromkeys("⋅•∙・‧●*∗.", "·"),
        **dict.fromkeys("✕✖", "×"),
        "µ": "μ",
        "Ω": "Ω",
        "〖": "(",
        "〗": ")",
        "[": "(",
        "]": ")",
        "【": "(",
        "】": ")",
        "″": "′′",
        "“": "′′",
        "”": "′′",
    }
)
INVISIBLE = re.compile(r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


def normal_form(text: str) -> str:
    """Full width to half width, superscripts to ^n, one kind of dash, slash and middle dot, no invisible characters."""
    text = SUPERSCRIPT_RUN.sub(lambda found: "^" + found[0].translate(SUPERSCRIPTS), text)
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", text))
    text = re.sub(r"(?<=\d)[.](?=\d)", "\x00", text)  # a decimal point is not a product
    return re.sub(r"\s+", " ", text.translate(SIGNS)).replace("\x00", ".").strip()


# --- The table --------------------------------------------------------------------------------------------------------

PREFIXES = {
    "f": Fraction(1, 10**15), "p": Fraction(1, 10**12), "n": Fraction(1, 10**9), "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000), "c": Fraction(1, 100), "d": Fraction(1, 10), "h": Fraction(100),
    "k": Fraction(1000), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15),
}  # fmt: skip
ENGLISH_PREFIXES = {
    "femto": PREFIXES["f"], "pico": PREFIXES["p"], "nano": PREFIXES["n"], "micro": PREFIXES["u"],
    "milli": PREFIXES["m"], "centi": PREFIXES["c"], "deci": PREFIXES["d"], "kilo": PREFIXES["k"],
    "mega": PREFIXES["M"], "giga": PREFIXES["G"], "tera": PREFIXES["T"],
}  # fmt: skip
ENGLISH_POWERS = {"square": "平方", "cubic": "立方"}
WORD_PREFIXES = {
    "千": Fraction(1000), "毫": Fraction(1, 1000), "微": Fraction(1, 10**6), "纳": Fraction(1, 10**9),
    "皮": Fraction(1, 10**12), "飞": Fraction(1, 10**15), "兆": Fraction(10**6), "吉": Fraction(10**9),
    "太": Fraction(10**12),
}  # fmt: skip
NUMERALS = {
    "十": 10, "百": 100, "千": 1000, "万": 10**4, "十万": 10**5, "百万": 10**6, "千万": 10**7, "亿": 10**8,
    "十亿": 10**9, "百亿": 10**10, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "quadrillion": 10**15, "mn": 10**6, "bn": 10**9,
}  # fmt: skip
FRACTION_DIMENSION = "[fraction]"


@dataclass(frozen=True)
class Atom:
    """A single unit symbol: its size and its dimensions, or a kind of its own."""

    factor: Fraction
    dimensions: tuple[tuple[str, Fraction], ...]
    kind: str = ""  # set for kinds of their own
    is_thermometer: bool = False  # ℃, K, ℉: alone they are temperatures


ANGLES = {"radian", "degree", "arcminute", "arcsecond", "revolution"}  # pint takes them for bare numbers


@cache
def _registry() -> Any:
    """The registry of pint, built once and only for a unit that `unit_sizes.json` does not have (0.5 s)."""
    import pint

    return pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)


def size_by_pint(name: str) -> tuple[Fraction, tuple[tuple[str, Fraction], ...]]:
    """How large a unit of pint is in SI base units, exactly, and its dimensions."""
    factor = Fraction(_registry().get_base_units(name)[0])
    if name in ANGLES:
        return factor, (("[angle]", Fraction(1)),)
    dimensions = _registry().get_dimensionality(name)
    return factor, tuple(sorted((key, Fraction(power)) for key, power in dimensions.items()))


@cache
def kept_sizes() -> dict[str, tuple[Fraction, tuple[tuple[str, Fraction], ...]]]:
    """What pint said of the units in the table, kept so that no web process has to load it. A test asks pint again."""
    text = files("keqiao.catalogue").joinpath("unit_sizes.json").read_text(encoding="utf-8")
    return {
        name: (Fraction(size), tuple((key, Fraction(power)) for key, power in dimensions.items()))
        for name, (size, dimensions) in json.loads(text).items()
    }


@cache
def _pint_size(name: str) -> tuple[Fraction, tuple[tuple[str, Fraction], ...]]:
    return kept_sizes().get(name) or size_by_pint(name)


def _reference(expression: str) -> tuple[Fraction, tuple[tuple[str, Fraction], ...]]:
    """Size and dimensions of the first column of the table, such as `[lumen]/meter**2`."""
    size, dimensions = Fraction(1), dict[str, Fraction]()
    for sign, name, power in re.findall(r"(^|[*/])(\[[^]]+\]|[A-Za-z_]+)(?:\*\*(\d))?", expression):
        exponent = Fraction(int(power or 1) * (-1 if sign == "/" else 1))
        own = (Fraction(1), ((name, Fraction(1)),)) if name.startswith("[") else _pint_size(name)
        size *= own[0] ** int(exponent)
        for dimension, of in own[1]:
            dimensions[dimension] = dimensions.get(dimension, Fraction(0)) + of * exponent
    return size, tuple(sorted((key, power) for key, power in dimensions.items() if power))


THERMOMETERS = {"K", "℃", "℉", "开", "开尔文", "kelvin", "Kelvin", "kelvins", "Kelvins", "mK"}


@dataclass(frozen=True)
class Table:
    """Spelling to (reference, factor); the sizes are asked of pint when a spelling is first used."""

    exact: Mapping[str, tuple[str, Fraction]]
    folded: Mapping[str, tuple[str, Fraction]]  # lower case, where only one unit has that spelling
    words: Mapping[str, tuple[str, Fraction]]  # Chinese words, without spaces
    longest_word: int


def rows() -> Iterator[list[str]]:
    text = files("keqiao.catalogue").joinpath("units.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith(("#", "unit\t")):
            yield line.split("\t")


def _spellings(row: list[str]) -> Iterator[tuple[str, Fraction]]:
    _, _, symbols, prefixes, words, others = row
    for symbol in symbols.split():
        yield normal_form(symbol), Fraction(1)
        for prefix in prefixes:
            shown = "μ" if prefix == "u" else prefix
            yield normal_form(shown + symbol), PREFIXES[prefix]
            yield normal_form(prefix + symbol), PREFIXES[prefix]
    for word in words.split():
        yield word, Fraction(1)
        yield from ((prefix + word, size) for prefix, size in WORD_PREFIXES.items())
    for spelling in others.split():
        yield normal_form(spelling).replace(" ", ""), Fraction(1)


@cache
def table() -> Table:
    exact: dict[str, tuple[str, Fraction]] = {}
    for row in rows():
        for spelling, size in _spellings(row):
            exact.setdefault(spelling, (row[0], size * Fraction(row[1])))
    exact |= {word: ("[one]", Fraction(number)) for word, number in NUMERALS.items()}
    folded: dict[str, set[tuple[str, Fraction]]] = {}
    for spelling, entry in exact.items():
        folded.setdefault(spelling.casefold(), set()).add(entry)
    words = {key: entry for key, entry in exact.items() if _is_cjk(key[0]) and not entry[0].startswith("kind:")}
    return Table(
        exact,
        {key: next(iter(entries)) for key, entries in folded.items() if len(entries) == 1 and len(key) > 1},
        words,
        max(map(len, words)),
    )


def _is_cjk(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"


@lru_cache(maxsize=2048)
def atom(spelling: str) -> Atom | None:
    listed = table()
    entry = listed.exact.get(spelling) or listed.folded.get(spelling.casefold()) or _prefixed(spelling.casefold())
    if entry is None:
        return None
    reference, factor = entry
    if reference.startswith("kind:"):
        return Atom(factor, (), kind=reference.removeprefix("kind:"))
    size, dimensions = _reference(reference) if reference != "[one]" else (Fraction(1), ())
    return Atom(factor * size, dimensions, is_thermometer=reference == "kelvin")


def _prefixed(word: str) -> tuple[str, Fraction] | None:
    """English words with a prefix: millimeter, microcuries. Only whole words, so that "mm" stays what it is."""
    listed = table()
    for prefix, size in ENGLISH_PREFIXES.items():
        rest = word.removeprefix(prefix)
        entry = listed.exact.get(rest) if rest != word and len(rest) > 2 and rest.isalpha() else None
        if entry is not None and not entry[0].startswith("kind:"):
            return entry[0], entry[1] * size
    return None


# --- Reading a compound unit ------------------------------------------------------------------------------------------


class Unreadable(Exception):
    pass


@dataclass
class Product:
    """Factors collected so far. `above` keeps what stood in the numerator, so that mg/kg is a fraction of mass."""

    factor: Fraction
    dimensions: dict[str, Fraction]
    above: dict[str, Fraction]
    atoms: int = 0

    def take(self, other: Product, power: Fraction) -> None:
        self.factor *= _power(other.factor, power)
        self.atoms += other.atoms
        for key, of in other.dimensions.items():
            self.dimensions[key] = self.dimensions.get(key, Fraction(0)) + of * power
        for key, of in (other.above if power > 0 else _below(other)).items():
            self.above[key] = self.above.get(key, Fraction(0)) + of * abs(power)


def _below(product: Product) -> dict[str, Fraction]:
    """What a product contributes to the numerator when it is divided by."""
    keys = set(product.dimensions) | set(product.above)
    below = {key: product.above.get(key, Fraction(0)) - product.dimensions.get(key, Fraction(0)) for key in keys}
    return {key: power for key, power in below.items() if power}


def _power(factor: Fraction, power: Fraction) -> Fraction:
    if power.denominator == 1:
        result = Fraction(factor) ** int(power)
    else:  # MPa·m^0.5, V/√Hz: no exact root in general, 28 digits are enough
        with localcontext(prec=28):
            root = (Decimal(factor.numerator) / Decimal(factor.denominator)) ** (
                Decimal(power.numerator) / Decimal(power.denominator)
            )
        result = Fraction(root)
    if result <= 0 or max(len(str(result.numerator)), len(str(result.denominator))) > 4 * LARGEST_MAGNITUDE:
        raise Unreadable
    return result


TOKEN = re.compile(
    r"(?P<number>\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?)"
    r"|(?P<word>[A-Za-zμΩÅ°℃℉º′'\"Δ]+|[%‰¥$€£□])"
    r"|(?P<cjk>[\u4e00-\u9fff]+)"
    r"|(?P<sign>[/·×()^√ -])"
)


def tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise Unreadable
        kind = str(found.lastgroup)
        if found[0].casefold() in ENGLISH_POWERS:  # cubic metre: like 立方米
            tokens.append(("power", ENGLISH_POWERS[found[0].casefold()]))
            position = found.end() + (text[found.end() : found.end() + 1] == " ")
            continue
        tokens += _split_words(found[0]) if kind == "cjk" else [(kind, found[0])]
        position = found.end()
    return tokens


def _split_words(run: str) -> list[tuple[str, str]]:
    """Greedy longest match of Chinese unit words: 毫克每升 is 毫克, /, 升."""
    listed = table()
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(run):
        if run[position] in "每/":
            tokens.append(("sign", "/"))
            position += 1
            continue
        for length in range(min(listed.longest_word, len(run) - position), 0, -1):
            piece = run[position : position + length]
            power = piece in {"平方", "立方"} and position + length < len(run) and run[position + length] != "每"
            if piece in listed.words or power:
                tokens.append(("power", piece) if power else ("word", piece))
                position += length
                break
        else:
            raise Unreadable
    return tokens


class Reader:
    """Recursive descent over the tokens; depth is bounded by LONGEST_UNIT."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.at = 0

    def peek(self, ahead: int = 0) -> tuple[str, str]:
        index = self.at + ahead
        return self.tokens[index] if index < len(self.tokens) else ("end", "")

    def next(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def skip(self, *signs: str) -> bool:
        if self.peek()[0] == "sign" and self.peek()[1] in signs:
            self.at += 1
            return True
        return False

    def whole(self) -> Product:
        while self.skip(" ", "×"):
            pass
        result = self.chain()
        if self.peek()[0] != "end":
            raise Unreadable
        return result

    def chain(self) -> Product:
        """a/b·c/d: all that follows a slash is divided by."""
        result = Product(Fraction(1), {}, {})
        if not (self.peek() == ("sign", "/") or self.peek() == ("word", "per")):
            self.product(result, Fraction(1))
        while self.slash():
            self.product(result, Fraction(-1))
        return result

    def slash(self) -> bool:
        while self.skip(" "):
            pass
        if self.peek() == ("word", "per"):
            self.at += 1
            return True
        return self.skip("/")

    def product(self, result: Product, sign: Fraction) -> None:
        while self.skip(" "):
            pass
        count = 0
        while self.peek()[0] in {"number", "word", "power"} or self.peek() in {("sign", "("), ("sign", "√")}:
            if self.peek() == ("word", "per"):
                break
            factor, power = self.factor()
            result.take(factor, power * sign)
            count += 1
            while self.skip("·", "×", " "):
                pass
        if count == 0:
            raise Unreadable

    def factor(self) -> tuple[Product, Fraction]:
        kind, text = self.next()
        if kind == "power":
            inner, _ = self.factor()
            return inner, Fraction(2 if text == "平方" else 3)
        if text == "√":
            inner, power = self.factor()
            return inner, power / 2
        if text == "(":
            inner = self.chain()
            if not self.skip(")"):
                raise Unreadable
            return inner, self.exponent(is_number=False)
        if kind == "number":
            return Product(_number(text), {}, {}), self.exponent(is_number=True)
        return single(text), self.exponent(is_number=False)

    def exponent(self, *, is_number: bool) -> Fraction:
        """^2, ^(-1), ^1/2, and after a symbol also bare 2 and -1 (m2, s-1, 10-6)."""
        if self.skip("^"):
            if self.skip("("):
                power = self.signed(LARGEST_EXPONENT_OF_TEN if is_number else LARGEST_EXPONENT)
                if not self.skip(")"):
                    raise Unreadable
                return power
            return self.signed(LARGEST_EXPONENT_OF_TEN if is_number else LARGEST_EXPONENT)
        minus = self.peek() == ("sign", "-") and self.peek(1)[0] == "number"
        previous = self.tokens[self.at - 1]
        if minus and (not is_number or previous[1] == "10"):
            return self.signed(LARGEST_EXPONENT_OF_TEN if is_number else LARGEST_EXPONENT)
        if not is_number and self.peek()[0] == "number" and previous[1] != ")" and not _is_cjk(previous[1][0]):
            return self.signed(LARGEST_EXPONENT)
        return Fraction(1)

    def signed(self, largest: int) -> Fraction:
        sign = -1 if self.skip("-") else 1
        kind, text = self.next()
        if kind != "number" or len(text) > 4:
            raise Unreadable
        power = Fraction(text)
        if self.peek() == ("sign", "/") and text == "1" and self.peek(1) == ("number", "2"):
            self.at += 2
            power = Fraction(1, 2)
        if power > largest:
            raise Unreadable
        return sign * power


def _number(text: str) -> Fraction:
    value = Fraction(text)
    if value <= 0:
        raise Unreadable
    return value


def single(text: str) -> Product:
    found = atom(text)
    if found is None or found.kind:
        raise Unreadable
    dimensions = dict(found.dimensions)
    return Product(found.factor, dimensions, {key: power for key, power in dimensions.items() if power > 0}, 1)
