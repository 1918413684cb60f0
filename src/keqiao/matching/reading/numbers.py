"""Numbers as texts write them: full width, thousands, powers of ten, signs; their places are places in the text as typed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial

FULL_WIDTH = {0xFF01 + i: chr(0x21 + i) for i in range(94)} | {0x3000: " ", 0x2009: " ", 0x202F: " ", 0xA0: " "}
SIGNS = str.maketrans("−–—‐‑〜≧≦⩾⩽﹣∼µ˜∶º˚◦∘\x96\x97", "-----~≥≤≥≤-~μ~:°°°°--")
EVEN = FULL_WIDTH | SIGNS


def even_form(text: str) -> str:
    """Half width, character by character, so that places in it are places in the text as typed."""
    return text.translate(EVEN)


# What optical reading and wrong encodings leave where a sign stood; each is put back at the same length.
MENDED = tuple(
    (re.compile(pattern), sign)
    for pattern, sign in (
        (r"Â(?=[μµ°±¿])", " "),
        (r"(?<=[≥≤])slant", ""),
        (r"(?<=\d)\"(?=C\b)", "°"),
        (r"(?<=\d) :(?= [a-zμ%°])", ""),
        (r"\\(?:leqslant|leq|le)(?![a-z])", "≤"),
        (r"\\(?:geqslant|geq|ge)(?![a-z])", "≥"),
        (r"\{? ?\\sim ?\}?|\\~", "~"),
        (r"\\(?=%)", " "),
        (r"(?<=\d) ?(?:\$\^|\^?\{?\\circ\}?) ?(?=[CF])", "°"),
        (r"(?<=\d) ' '(?![A-Za-z])", " ″"),
        (r"(?:(?<=\d)|(?<=\d[ -]))[?ì](?=m(?![A-Za-z]))", "μ"),
        (r"(?:(?<=\d)|(?<=\d ))\?(?=C(?![A-Za-z]))", "°"),
        (r"(?<=\d\.\d\d)\.(?=\d{1,2}\.\d\d(?![\d.]))", "、"),  # 2.82、4.30.5.77
        (r"(?:(?<=± \d\.\d)|(?<=± \d\d\.\d)|(?<=± \d{3}\.\d))\.(?=\d)", "、"),  # 525.8 ± 230.0.298.4 ± 141.9
        (r"(?<=\d)⁰(?= ?[CF](?![A-Za-z]))", "°"),
        (r"(?<=[为,，、])一(?=\d+\.\d)", "-"),
        (r"(?<=g ):(?= ?[hc] ?m)", "·"),  # 10 k g : c m - 2
        (r"(?<=\d) ?“ ?(?=\d)", "-"),  # 30 “ 40 %
        (r"大干(?= ?\d)", "大于"),
        (r"小干(?= ?\d)", "小于"),
        (r"(?:(?<=P2O)|(?<=P 2 O )|(?<=P2 O ))5(?=\d)", "₅"),  # P2O560 mg is 60 mg of P₂O₅
        (r"(?<=[cm]m)\*(?=-[1-4])", "^"),
        (r"(?<=[\d%℃]) ?[一—](?= ?\d)", "-"),  # 7一24 cm
        (r"- ?· ?(?=\d)", "-"),
        (r"\bplus ?(?:/|or|-) ?minus\b|\bplus/minus(?=\d)", "±"),
        (r"(?<=\d) ?[ƒÝÂ]{1,2}(?=[mgLls]\b)", "μ"),
        (r"¡Ó(?=\d)", "±"),
        (r"(?<=- \d\d)\.(?=\d\d - \d)", "、"),  # 0 - 10.20 - 40 c m
        (
            r"(?<=\d),(?=(?:[kM]?Pa|m/s|[mcnμ]m|k?g|mg|mL|[kM]?W|[kMG]?Hz|k?V|k?J|min|℃)(?![A-Za-z]| ?=))",
            " ",
        ),  # 111.8,kPa
        (r"(?<=\d)\?(?=\d+(?:\.\d+)? ?[A-Za-zμ%])", "-"),  # 0.01?100 millitorr
        (r"(?<=\d\.)O(?=\d|dB| ?%)", "0"),
        (r"(?:(?<=[×xX]10)|(?<=[A-Za-zμ]))~(?=\(?-?\d\)?(?!\d))(?=\(|[^(]*\()", "^"),  # 1×10~8 mg·mL~(-1)
        (
            r"(?:(?<=[纬经]\d)|(?<=[纬经]\d\d)|(?<=[纬经]\d{3})|(?<=[纬经]\d\d\.\d)|(?<=[纬经]度\d\d))度",
            "°",
        ),  # 南北纬30度
        (r"5(?=m\b)(?<=\d 5)", "μ"),  # 500 5m x 100 5m
        (r"(?<=\d) ?mu-? ?m(?![A-Za-z])", "μm"),  # 1.12 mum
        (r"¿(?=[CF]\b)|x(?=C\b)(?<=\dx)|0(?= ?[CF](?![A-Za-z]))(?<=\d\d 0)", "°"),  # 600-650¿C, 250XC, 2700 0F
        # 0.265 k m 20.538 k m 20.239 k m 2: the power stands at the next number
        (r"(?<=[kh] m) 2\.(?=\d+\.\d+ [kh] m 2)", "²、 "),
        (r"(?<=k g · h m) 2(?=\d{2,4} k g · h m 2)", "²、"),
        (r"(?<=[kh] m) 2(?=\d+(?:\.\d+)? [kh] m 2)", "²、"),
        (r"\(2(?= ?(?:h m|μ ?m|m ?o ?l)\b)(?<=[\da-z)] \(2)", " "),  # an ornament of the typesetter
    )
)


def mended(text: str) -> str:
    """The even form with signs put back, as long as the text as typed."""
    for pattern, sign in MENDED:
        text = pattern.sub(partial(_padded, sign), text)
    text = BOOK.sub(r"《\1》", text)
    text = INCHES.sub(lambda found: "”" if _is_in_quotes(found) else '"', text)
    return _quiet(text) if _is_shouted(text) else text


def _padded(sign: str, found: re.Match[str]) -> str:
    return sign.rjust(len(found[0])) if sign in {"-", "±"} else sign.ljust(len(found[0]))


BOOK = re.compile(r"<([\u4e00-\u9fff][^<>]{0,40})>")  # of <情报科学> nothing is more than what follows
INCHES = re.compile(r"(?<=\d)”")


def _is_in_quotes(found: re.Match[str]) -> bool:
    return found.string.count("“", 0, found.start()) > found.string.count("”", 0, found.start())


# --- Texts in capitals ------------------------------------------------------------------------------------------------

CHINESE = re.compile(r"[\u4e00-\u9fff]")
CAPITALS = re.compile(r"(?P<digit>\d[ -]?)?(?P<word>[A-Z]+(?:/[A-Z]+)?)")
LEAST_LETTERS = 24
SPELLED = {  # units that are not written small
    unit.upper(): unit
    for unit in re.split(
        " ",
        "Hz kHz MHz GHz THz W kW MW GW Wh kWh V kV MV A mA K C F J kJ MJ N kN Pa kPa MPa GPa dB dBm eV keV MeV GeV T "
        "Mbps Gbps kbps MB GB Torr VDC VAC L",
    )
} | {"PH": "pH", "TRL": "TRL", "TRLS": "TRL", "R": "R", "US": "US", "USD": "USD", "EUR": "EUR"}  # fmt: skip


def _is_shouted(text: str) -> bool:
    """Old award texts are all in capitals; there 500 MHZ and 805 NM are units."""
    if CHINESE.search(text):
        return False
    letters = [character for character in text[:2000] if character.isascii() and character.isalpha()]
    small = sum(character.islower() for character in letters)
    return len(letters) >= LEAST_LETTERS and small * 10 < len(letters)


CONDUCTIVITIES = {"S/CM", "S/M"}
SMALL_ALONE = frozenset("MSGH")  # 3 D and a model's 1553 B stay large


def _small(word: str) -> str:
    return word if len(word) == 1 and word not in SMALL_ALONE else word.lower()


def _quiet(text: str) -> str:
    def smaller(found: re.Match[str]) -> str:
        if found["digit"] and found["word"] in CONDUCTIVITIES:
            return found["digit"] + "S" + found["word"][1:].lower()
        words = found["word"].split("/")
        is_unit = found["digit"] or found["word"] in {"TRL", "TRLS", "PH"}
        return (found["digit"] or "") + "/".join(
            SPELLED[word] if is_unit and len(SPELLED.get(word, "")) == len(word) else _small(word) for word in words
        )

    return CAPITALS.sub(smaller, text)


# In "EUR 10 000 000" and "1 200 r/min" a space parts the thousands; "300 400" are two numbers.
SPACED = (
    r"(?:\d{1,3}(?: \d{3}){2,3}|(?:(?<=EUR |USD |CNY |RMB |GBP )|(?<=[€$£¥] )|(?<=[€$£¥]))\d{1,3} \d{3}"
    r"|[1-9]\d{0,2} \d{3}(?= ?(?:、\d[\d ]{2,8} ?)?b ?p)|(?<![A-Za-z] )(?<!\d )(?<!-)[1-9]\d? \d{3})(?!\d| \d|,\d| ?±)"
)
# 0.992 1, as the national standard writes it.
THIRDS = r"\.\d{3}(?: \d{3}){0,2} \d{1,3}(?![\d.]| \d| ?[个种次组名例只头类项月年株])"
PLAIN = (
    r"\d(?: \d){0,2} \. \d(?: \d){0,3}(?= {0,2}[%‰])|\d{1,3}\. \d\d(?= ?%)|"  # 91. 72 %, as optical reading leaves it
    r"\d{1,2} \.\d{1,3}(?= [a-zμ] [a-zA-Z/] )|"  # 1 .14 m m
    r"0\.9 \d{3}(?![\d.])|"  # r = 0.9 999
    rf"(?:(?:{SPACED}|(?!0,|100,200,|(?<=0,)[1-9]00,)\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d{{1,12}})(?:{THIRDS}"
    rf"|\.\d{{1,9}})?|\.\d{{1,6}}(?!\.\d))"
    r"(?:[eE][-+]?\d{1,2}(?![\dA-Za-z]))?"
)
SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹"
TEN_TO = (
    rf"10(?:(?:\^|\*\*|[eE]) ?\(?(?P<power{{n}}>[-+]?\d{{{{1,2}}}})\)?|(?P<raised{{n}}>[⁻⁺]?[{SUPERSCRIPT}]{{{{1,2}}}})"
    rf"| ?\((?P<closed{{n}}>(?:-|(?<=10\())\d{{{{1,2}}}})\)"
    rf"|(?P<flat{{n}}> ?- ?[1-9]\d?|[12]?[0-9])(?!\d))"
)
# 1 1/4", 3/8 inch: only of lengths in inches, as 24/7 is no number.
FRACTION = (
    r"(?:(?P<whole>\d{1,3})[ -])?(?P<over>\d{1,2})/(?P<under>2|4|8|16|32|64)"
    r"(?= ?(?:[\"”″]|-?inch|in\b|-?mile|-?met(?:er|re)|-?foot|-?feet|ft\b|-?hour|-?pound|lb\b|-?gallon))"
)
TIMES_TEN = rf"(?: ?[×✕xX*·] ?{TEN_TO.format(n=1)})?"
SIGN_GUARD = r"(?:(?<=[为是约达至到于在过了下和、:=(,~≥≤<>\[{ ])|(?<![^\n]))"
GUARD = (
    r"(?:(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]\.)(?<![A-Za-z]-)|(?<= x)|(?<=[\"”″]x)|(?<=[A-Za-z])(?=0\.\d+ ?μm)"
    r"|(?<=TRL)|(?<=TRL-)|(?<=pH)|(?<=[^A-Za-z]Ma))"
)
ERROR_RATE = "|".join(rf"(?<={word}10)" for word in ("率为", "率达", "率小于", "率低于", "ate of ", "BER of "))
COMPARED = "|".join(rf"(?<={word}10)" for word in ("than ", "below ", "order of ", "<", "< "))  # better than 10-3
SPACED_POWER = r" - [1-9] (?:m o l|mol|M\b|P a|Pa|Torr|g\b|k g|m L|mL|C F U)"  # 10 - 7 m o l
LOST_POWER = r"(?:[3-9] ?(?:CFU|cfu|C F U|PFU)|(?:[3-9]|1\d) ?cm ?- ?[23](?!\d))"  # 108 CFU/mL was 10⁸
# In 平均气温-5.3℃ no range can be meant.
MINUS_OF_DEGREES = r"(?<=[\u4e00-\u9fff])-(?=\d+(?:\.\d+)? ?(?:℃|° ?C|‰|μm|mV|V\b|dB))"
MINUS_APART = r"(?:(?<=[=和及、,/(\[≤≥<>~\u4e00-\u9fff] )|(?<=[为及、,])|(?<=% \. )|(?<=\d \. )|(?<==))- (?=\d)"
POWER_OF_UNIT = (
    rf"{LOST_POWER}|(?:{ERROR_RATE})-\d|(?:{COMPARED})-[1-9](?!\d| ?[A-Za-zμ%°])|{SPACED_POWER}"
    r"|-(?:10|[1-9])(?:[a-zμ]|[A-Z]{1,2}\b| [a-zA-Zμ]{1,4}\b(?! ?-))"
)
NUMBER = re.compile(
    rf"(?P<sign>(?:{MINUS_OF_DEGREES}|{SIGN_GUARD}[-+])(?: (?=\d+(?:\.\d+)? ?(?:[°‰℃]|circ|[CF]\b)))?|{MINUS_APART})?{GUARD}"
    rf"(?:(?P<alone>10(?={POWER_OF_UNIT}|\^|\*\*|[⁻⁺{SUPERSCRIPT}]| -\d{{1,2}} [A-Z]))"
    rf"(?:(?:\^|\*\*| (?=-)|(?=-)|(?={LOST_POWER})) ?\(?(?P<power0>[-+]? ?\d{{1,2}})\)?"
    rf"|(?P<raised0>[⁻⁺]?[{SUPERSCRIPT}]{{1,2}}))"
    rf"|{FRACTION}|(?P<plain>{PLAIN}){TIMES_TEN})"
)
NUMBER_AT = re.compile(NUMBER.pattern.replace(GUARD, "").replace(SIGN_GUARD, ""))
SUPERSCRIPT_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")


@dataclass(frozen=True)
class Number:
    """Where it stands, and what it is worth."""

    start: int
    end: int
    value: Decimal
    power: int = 0  # of the ten behind a mantissa: 8 in 4 × 10⁸


def number_at(text: str, at: int) -> Number | None:
    found = NUMBER_AT.match(text, at)
    if found is None:
        return None
    mixed = found["whole"] or found["over"]
    if mixed:
        value = Decimal(found["whole"] or 0) + Decimal(found["over"]) / Decimal(found["under"])
        return Number(found.start(), found.end(), value)
    power = (
        found["power0"]
        or found["raised0"]
        or found["power1"]
        or found["raised1"]
        or found["flat1"]
        or found["closed1"]
        or ""
    )
    base = Decimal((found["plain"] or "1").replace(",", "").replace(" ", ""))
    exponent = int(power.translate(SUPERSCRIPT_DIGITS).replace(" ", "")) if power else 0
    try:
        value = base.scaleb(exponent) * (-1 if (found["sign"] or "").strip() == "-" else 1)
    except InvalidOperation:
        return None
    return Number(found.start(), found.end(), value, exponent if found["plain"] else 0)
