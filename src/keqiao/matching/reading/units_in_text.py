"""Where does the unit after a number end? The longest run that is a unit, in running text of either language.

A unit is one atom or several with a sign between them (W/(m·K), 万元/年, feet per second): words that merely stand side
by side are no product, so that 16%时 is a percentage and not a percentage times an hour.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from keqiao.catalogue.quantities import Unit, is_numeral, listed_spellings, normal_form, read_unit

LONGEST = 40  # characters
LONGEST_PRODUCT = 6  # atoms

# Spellings of running text that are no row of the table: pattern → the unit as the table spells it.
DEGREE = r"(?:deg(?:ree)?s?\.? ?|[°º˚] ?|circ ?(?=[CF])|(?-i:o ?(?=[CFK](?![A-Za-z]))|c (?=C(?![A-Za-z]))))"
ALIASES = tuple(
    (re.compile(pattern, re.IGNORECASE), unit)
    for pattern, unit in (
        (rf"{DEGREE}\(?(?:C|Celsius|centigrade)(?![A-Za-z])\)?", "℃"),
        (rf"{DEGREE}\(?(?:F|Fahrenheit)(?![A-Za-z])\)?", "℉"),
        (rf"{DEGREE}\(?(?:K|Kelvin)(?![A-Za-z])\)?", "K"),
        (r"(?-i:(?<=\d)o)(?= ?[,;)]| (?!f )[a-z]{2})", "°"),  # 60 x 60o field
        (r"(?:milli-?arc[- ]?sec(?:ond)?s?|毫角秒)(?![A-Za-z])", "mas"),
        (r"(?:micro-?arc[- ]?sec(?:ond)?s?|微角秒)(?![A-Za-z])", "μas"),
        (r"arc[- ]?sec(?:ond)?s?(?![A-Za-z])", "arcsec"),
        (r"arc[- ]?min(?:ute)?s?(?![A-Za-z])", "arcmin"),
        (r"(?-i:% ?o)(?![A-Za-z_])", "‰"),  # as optical reading leaves it
        (r"dB ?c ?/ ?Hz", "dBc/Hz"),
        (r"electron[- ]?volts?(?![A-Za-z])", "eV"),
        (r"· ?\( ?10 ?a ?\) ?- ?1", "/(10a)"),
        (r"· ?a ?- ?1(?!\d)", "/a"),
        (r"· ?\( ?100 ?a ?\) ?- ?1", "/(100a)"),
        (r"[×xX] ?g(?![A-Za-z])", "×g"),
        (r"[gG]['’]s(?![A-Za-z])", "gn"),
        (r"/ ?10 ?万(?:人)?", "十万分率"),
        (r"(?-i:p ?c ?(?:· ?)?c ?m ?\^? ?- ?3)(?!\d)", "pc·cm-3"),  # of a dispersion measure
        (r"astronomical units?", "AU"),
        (r"个?太阳半径|solar radi(?:i|us)|R ?[⊙☉]", "太阳半径"),
        (r"个?太阳质量|solar mass(?:es)?|M ?[⊙☉]", "太阳质量"),
        (r"个?太阳光度|solar luminosit(?:y|ies)|L ?[⊙☉]", "太阳光度"),
        (r"mm ?Hg(?![A-Za-z])", "mmHg"),
        (r"cm ?H ?2 ?O(?![A-Za-z])", "cmH2O"),
        (r"line pairs?(?![a-z])", "lp"),
        (r"foot[- ]?lamberts?(?![a-z])|f[tT]?-?L(?=[,. ]|$)", "footlambert"),
        (r"(?:ppb|parts per billion) ?(?:/|per) ?G(?![A-Za-z])", "ppb/gn"),
        (r"units?(?= ?(?:/|per ))", "件"),
        (r"times(?= ?(?:/|per ))", "次"),
        (r"cu\.? ?in(?:ch(?:es)?)?\.?(?![A-Za-z])", "cubic inch"),
        (r"cu\.? ?(?:ft|feet|foot)\.?(?![A-Za-z])", "ft3"),
        (r"(?-i:rpms|RPMS|RPMs)(?![A-Za-z])", "rpm"),
        (r"(?-i:fpm|FPM)(?![A-Za-z])", "ft/min"),
        (r"(?:fins|threads|turns|teeth|picks|holes|cells|wires|ends)[ -]?(?:per |/ ?)inch(?![a-z])", "/inch"),
        (r"(?-i:acfm|ACFM|scfm|SCFM)(?![A-Za-z])", "cfm"),
        (r"n\.? ?miles?(?![a-z])", "nmi"),
        (r"shaft horsepower(?![a-z])", "horsepower"),
        (r"¢", "cents"),
        (r"(?:ohms?|Ω) ?(?:/|per ) ?(?:square|sq\.?|□)(?![A-Za-z])", "Ω/□"),
        (r"(?-i:MT)(?= ?(?:/|per ) ?(?:y|d|h|month))", "t"),
        (r"(?-i:VHN)(?![A-Za-z])", "HV"),
        (r"(?-i:([kM]?W|[kM]?J|k?g|mol|mmol|μmol)m-([23]))(?!\d)", ""),  # 57.18Wm-2
        (r"(?-i:(m?g|μg|k?J|m?mol)(L|kg|mol)-1)(?!\d)", ""),
        (r"(?-i:ms-1)(?!\d)", "m/s"),
        (r"(?-i:gpm|GPM)(?![A-Za-z])", "gallons per minute"),
        (r"[gG]s?(?=[ -](?:shock|accelerat|load|force|vibrat)[a-z]*)", "gn"),
        (r"(?-i:C) ?· ?\( ?10 ?a ?\) ?- ?1", "℃/(10a)"),
        (r"(?-i:ma)(?![A-Za-z])", "mA"),
        (r"(?-i:BHP)(?![A-Za-z])", "bhp"),
        (r"(?-i:K) ?(?:feet|ft)(?![A-Za-z])", "thousand feet"),
        (r"(?-i:uAmps?)(?![A-Za-z])", "μA"),
        (r"(?-i:MPH)(?![A-Za-z])", "mph"),
        (r"(?-i:u)secs?(?![a-z])", "μs"),
        (r"(?-i:MSI)(?![A-Za-z])", "Msi"),
        (r"(?-i:KSI)(?![A-Za-z])", "ksi"),
        (r"度(?=的?(?:扭|旋|转|弯|夹|视|全|方|角|范围|翻|环))", "°"),
        (
            r"(?-i:NMi?)(?![A-Za-z])",
            "nmi",
        ),  # "150NM"; in capitals nm was made small before
        (r"fsw(?![A-Za-z])", "ft"),
        (r"λ(?= ?(?:[,，。;；、)]|$|RMS|PV|的|以))", "lambda"),
        (r"(?-i:kW(?:e|t|th))(?![A-Za-z])", "kW"),
        (r"(?-i:MW(?:e|t|th))(?![A-Za-z])", "MW"),
        (r"(?-i:We)(?![A-Za-z])", "W"),
        (r"% ?v ?/ ?v(?![A-Za-z])", "%(v/v)"),
        (r"(?:deg(?:ree)?s?|°) ?(?-i:R)(?:ankine)?(?![A-Za-z])", "°R"),
        (r"['’](?= ?(?:x ?\d|by \d|long|wide|high|tall|deep|diam|focal|thick|radius|length|section))", "ft"),
        (r"decades(?= of)", "个数量级"),
        (r"mos\.(?![a-z])", "months"),
        (r"(?-i:M)(?= (?:N ?a|K|L ?i|H|C ?a|M ?g) ?(?:C ?l|O ?H|2 ?S|N ?O|H ?C ?O)|(?-i: (?:Tris|SDS|urea)\b))", "M"),
        (r"kS/s", "ksps"),
        (r"kph(?![A-Za-z])", "km/h"),
        (r"(?-i:mps)(?![A-Za-z])", "m/s"),
        (r"MS/s", "Msps"),
        (r"GS/s", "Gsps"),
        (r"mol(?:e|ar)?[- ]?per ?cent", "mol%"),
        (r"w(?:eigh)?t\.?[- ]?per ?cent", "wt%"),
        (r"vol(?:ume)?\.?[- ]?per ?cent", "vol%"),
        (r"metric (?:tons?|tonnes?)(?![a-z])", "t"),
        (r"per ?cent(?:age)?(?![A-Za-z])", "%"),
        (r"(?-i:kV) ?[AD]C(?![a-z])", "kV"),
        (r"V ?[AD]C(?![a-z])|volts? [AD]C(?![a-z])", "V"),
        (r"C\.?F\.?M\.?(?![A-Za-z])", "cfm"),
        (r"(?:square|sq\.?) (?:feet|ft|foot)(?![a-z])", "ft2"),
        (r"(?:square|sq\.?) inch(?:es)?(?![a-z])", "in2"),
        (r"(?:square|sq\.?) deg(?:ree)?s?(?![a-z])", "deg2"),
        (r"per ?mil(?:le)?(?![A-Za-z])", "‰"),
        (r"percentage points?", "个百分点"),
        (r"parts?[- ]per[- ]million(?: \(ppm\))?", "ppm"),
        (r"parts?[- ]per[- ]billion(?: \(ppb\))?", "ppb"),
        (r"parts?[- ]per[- ]trillion(?: \(ppt\))?", "ppt"),
        (r"pounds?[- ]force(?![a-z])", "lbf"),
        (r"linear (?:yards?|yd)", "yards"),
        (r"linear (?:feet|foot|ft)", "feet"),
        (r"orders? of magnitude|个?数?量级(?!别)", "个数量级"),
        (r"(?:nautical miles?|n\. ?miles?)(?![A-Za-z])", "nmi"),
    )
)
INNER = (
    *ALIASES[:3],
    (re.compile(r"sq\.? ?y(?:d|ard)s?(?![a-z])\.?"), "yd2"),
    (re.compile(r"sq\.? ?f(?:t|eet|oot)(?![a-z])\.?"), "ft2"),
    (re.compile(r"(?:employee|worker|capita|person|resident|student|soldier)(?![A-Za-z])"), "person"),
    (re.compile(r"(?:sqrt|root|rt|√)[- ]?\(?Hz\)?(?![A-Za-z])", re.IGNORECASE), "Hz1/2"),
)
# One-character units that are parts of many words: only where no other character follows at once.
RISKY = frozenset("巴分时节开安法西特牛帕托角坎勒转圈微方斤两卡焦亨乏泊埃摩库折回位档等星代层路道里寸亩度")
AFTER_RISKY = re.compile(r"(?![\u4e00-\u9fff])|(?=[以左及的每至和与、，])")
NOT_ALONE = frozenset({"时", "分", "日", "月", "年度", "西", "名", "种", "项", "道", "号"})
WORD_GOES_ON = re.compile(
    r"目\d|(?:周|星期)[龄期边围岁密向]|年生(?!存)|年[代级份龄轮均际间月后]?(?<=年[代级份龄轮均际])|天[然空线津体气牛麻山祝水台]|米[粉饭制糠汤]"
    r"|升[高级温至华压降]|克[服隆氏]|克[里拉什孜]|秒差|元[素件器组]|次[级要方数生品序]|倍[频增率数体]|吨位|度[数量]|小时候"
    r"|条[件例款约纹带]|分钟前后|伏[击安特]安"
)
LETTER_AND_NUMBER = re.compile(r" \d")  # "W 3 K 2" names a treatment
MODEL_NUMBER = re.compile(r"-\d{2,} ?")  # the MC-130
FOLLOWED_BY = {  # Latin units of one letter that mean something else before these
    "r": re.compile(r" ?="),
    "S": re.compile(r" ?(?:r?RNA|rDNA|and|or|\d)"),
    "A": re.compile(r"[ -][A-Z]|型|组|类"),
    "K": re.compile(
        r"-[A-Z](?![A-Za-z])|型|\. [a-z]| (?:projects|users|people|samples|images|files|records|lines|words|tokens|packets"
        r"|transactions|instructions|events|hours"
        r"|miles|rows|gates|copies|units)\b"
    ),
    "a": re.compile(r" [A-Za-z]| ?\. ?(?:羟|氧|甲|乙)|[~-]\d|蛋白|基因|型|类"),
    "degree": re.compile(r" of (?:freedom|separation)"),
    "degrees": re.compile(r" of (?:freedom|separation)"),
    "g": re.compile(r" ?-?force"),
}
REFUSED = frozenset("bBxXUMGDEPROQYZijknpquvwyH")
NOT_UNITS = {
    "in", "as", "at", "to", "or", "and", "for", "of", "no", "an", "on", "class", "head", "mn", "bn", "point",
    "points", "star", "sq", "cl", "layer", "ch", "dB.", "deg.", "gal.", "micro", "pc", "cc.", "case", "cases", "person",
    "copy", "copies", "eu",
}  # fmt: skip

LATIN_RUN = re.compile(r"[A-Za-zμΩÅ℃℉][A-Za-zμΩÅ]*|[%‰]|[°′″\"']{1,2}")
LATIN_RUN_WITH_SIGN = re.compile(
    r"%\((?:[Vv]/[Vv]|[Ww]/[Ww]|[Ww]/[Vv]|质量分数|体积分数|质量|体积)\)"
    r"|(?:wt|vol|mol|at)\.? ?%|% ?(?:RH|FS|F\.S\.|IACS|ee)\b|dB\([A-C]\)|[kM]?rads? ?\(Si\)|[°º]C|Shore ?[AD]\b"
)
EXPONENT = re.compile(
    r"1/2(?!\d)|\*\*-?[1-4](?!\d)| ?\^ ?(?:\(-?\d(?:\.\d)?\)|-?\d(?:\.\d)?)"
    r"| ?-[1-4](?!\d|\.\d|[A-Za-z]+(?![A-Za-z·-]))|[1-4](?!\d|\.\d|[A-Za-z])"
    r"|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹](?:[·.][⁵])?"
)
SEPARATOR = re.compile(
    r"\./ ?| \. ?(?=h ?m ?-? ?2)| - (?=a - 1(?!\d))| - (?=[a-z] - 1 ?的)"
    r"| ?[/·⋅•∙*×] ?| \. ?(?=[A-Za-zμ]{1,3}-\d)| \. (?=[A-Za-zμ](?: [A-Za-zμ]){0,2} - [1-4](?!\d))"
    r"|(?<=[A-Za-z0-9])\.(?=[A-Za-zμ]{1,3}(?:[-/^·,，。\d]|$))|\. ?(?=[℃K])"
    r"| per (?:(?:square|cubic) )?|(?<![d天h日])每| (?=(?!N/A)[A-Za-zμ]{1,3}[23]? ?/ ?[A-Za-zμ])| (?=[A-Za-zμ]{1,4}(?:\^? ?-[1-4]"
    r"|⁻))|-(?=(?:h"
    r"|hr|hours?|m|mm|lbs?|lbf|ft|in|K|cm|s|sr|day|mrad|rad|N|W|V)\b)| (?=[A-Za-zμ](?: [A-Za-zμ]){0,3} - [1-4](?!\d))"
    r"| (?=deg(?:ree)?s?\.? ?[KCF]\b)|-(?=°)"
)
# Of what the mass is, inside the unit: kg CO2/h, g C m-2.
MASSES = frozenset(
    {
        "kg",
        "g",
        "mg",
        "t",
        "μg",
        "Tg",
        "Gg",
        "Pg",
        "Mg",
        "mol",
        "mmol",
        "μmol",
        "nmol",
        "tonnes",
        "tons",
        "L",
        "mL",
        "m3",
        "Nm3",
    }
)
SUBSTANCE = re.compile(
    r" ?\(? ?(?:C ?O ?2|C ?H ?4|N ?2 ?O|N ?H ?3|H ?2 ?O|H ?2|O ?2|N|C|P|K|P ?2 ?O ?5|K ?2 ?O|COD|VSS|D ?M|DW|FW"
    r"|\( ?[A-Z](?: ?[a-z])?(?: ?\d)?(?: ?[+-])? ?(?=\))) ?\)?"
    r"(?= ?[/·]| (?:h ?m|m|k ?g|L|a|d) ?-)"
)
PER_AREA = re.compile(
    r"per (?=(?:square |cubic )?(?:cm|mm|km|m|μm|ml|mL|L|centimet|met(?:er|re)|kilomet|millilit|lit(?:er|re))[a-z]*\b)"
)
MANY = re.compile(r"\d{2,4} ?(?=(?:m2|m²|g|kg|m[lL]|L|a|h|d)(?![A-Za-z]))")
POWER_FOLLOWS = re.compile(r" ?[-⁻]? ?\d")
SUBSTANCES = ("N", "P", "K", "C", "CH", "CO", "NH")
LOST_MINUS = re.compile(r" ([1-3])(?= ?[和与及,，。;；、)\]·]|$)")  # "t·hm 2" was t·hm⁻² before optical reading
RAISED = re.compile(
    r" ([23])(?! ?[个种组项类年次号])(?= ?(?:\.(?!\d)|[,，。;；:、)）\]·(（+/\u4e00-\u9fff]|$))"
)  # "g / m 3"
NUMBERS_INSIDE = re.compile(r"\d\.\d|[~±]")
IN_PARENTHESES = re.compile(r" ?\((-?[1-3])\)")  # "UG/M(3)" of old award texts
SPACED_EXPONENT = re.compile(r" - ([1-3])(?!\d)")
SPACED_INVERSE = re.compile(r" - (1)(?= ?(?:[,，。;；、)）\]之和与的处附左以波时至为条]|$))")  # 76.5 L - 1
SPACED = re.compile(r"[A-Za-zμ](?: [A-Za-zμ]){1,4}(?![A-Za-z])")
UNKNOWN_WORD = re.compile(r"[a-z] [a-z] [a-z](?![A-Za-z]| [A-Za-z]|\d| ?[-/])")
HARDNESS = re.compile(r"H ?V ?\d{1,2}(?:\.\d)?")
NUMERAL = re.compile(
    r" ?(十万|百万|千万|万亿|十亿|百亿|千亿|万|亿|千(?![克米瓦伏卡赫帕焦牛安斤])|百(?!分)|(?:thousand|million|billion"
    r"|trillion|quadrillion|mn|bn)(?![A-Za-z]))"
)
SHORT_MONEY = re.compile(r"([kKmMbB]) {0,2}(CNY|RMB|USD|EUR|GBP|dollars?|euros?|yuan)(?![A-Za-z])")
SIZES = {"k": "thousand", "m": "million", "b": "billion"}
FOLD = re.compile(r"[xX](?![A-Za-z0-9])(?! ?\d)| x(?= [a-z]{4,})")  # "10x the level"
PREFIX_APART = re.compile(r"(milli|micro|nano|pico|femto|centi|kilo|mega|giga)[- ]([a-z]{3,9})(?![a-z])", re.IGNORECASE)
POWER_WORD = re.compile(r"(?:cubic|square)[- ]", re.IGNORECASE)
GLUED_INNER = re.compile(r"(?:t|h|d|L|mL|kg|cm|mm|min)(?=[A-Z][A-Za-z]*$)")  # "g/tYOS", mol/LNaOH
SHORT_ACRONYM = 3
SHOUTED = {"DB", "MM", "CM", "KM", "KG", "HZ", "RPM", "KHZ", "MHZ", "GHZ", "MPA", "MW", "KW"}
GLUED = re.compile(
    r"[kM]?V(?=SiC|GaN|IGBT|MOSFET|LDMOS)|(?:[kMG]?Pa|[kM]W|[kMG]?Hz|[mck]m|kg|℃)(?=[A-Z]{2,})|[TGP]g(?=C\b)"
)  # "2.31MPaIMEP"
CJK_KEY = 8
CHINESE_POWER = re.compile(r"(?:平方|立方)(?:毫米|厘米|分米|千米|公里|微米|米)")


@cache
def _cjk_keys() -> frozenset[str]:
    return frozenset(key for key in listed_spellings() if "\u4e00" <= key[0] <= "\u9fff" and not is_numeral(key))


HYPHENATED = re.compile(
    r"- ?(?=(?:cu |sq |square|cubic)[- ]?[a-z]|[a-zμ]?[mgLl](?:-|[23])(?:long|wide|thick|high|deep|tall"
    r"|diameter|area|vol|class|scale|sized?|pitch|\b))"
    r"|- (?=[cmnkμu]m\b)"
    r"|-(?=[a-z]{3}|(?:m[lL]|[pf]g|kDa?|bp|[kMG]?W|[kMG]?Hz|kg|[kcmnuμ]m|kV|mA|[GM]Pa|[kMG]eV|dB|[kMGT]b(?:ps)?|[mμn]s|ft|lb|oz|[mVAKJTsh])"
    r"(?![A-Za-z0-9-]))"
)
IN_BOTH, IN_PLAIN = re.compile(r"\bin\.? ?[xX×] ?[\d.]+ ?$"), re.compile(r"in(?![A-Za-z])")  # 12 in x 12 in
UPRIGHT = re.compile(r" ?(?:\\ ?)?\\mathrm ?(?:\{ ?){1,2}")  # 5 \mathrm { m i n }
IN = re.compile(r"-in(?:\.|(?![A-Za-z.-]))|in\.(?= ?(?:[a-z(),;]|$))|in(?= ?[x×X] ?\d|\))")


def unit_at(text: str, position: int) -> tuple[str, int]:
    """The spelling of the unit that begins here (after at most three spaces) and its end; ("", position) if there is none."""
    start = position
    if upright := UPRIGHT.match(text, start):
        start = position = upright.end()
    while start < position + 3 and text[start : start + 1] == " ":
        start += 1
    if inch := IN.match(text, start) or (
        IN_BOTH.search(text, max(0, start - 24), start) and IN_PLAIN.match(text, start)
    ):
        return "inch", inch.end()
    if start == position and (inch := IN_PLAIN.match(text, start)):
        return "inch", inch.end()  # 0.010in
    if HYPHENATED.match(text, start):
        start += 1  # 24-hour, 12-inch
    return _unit(text[start : start + LONGEST], start, position)


def _unit(window: str, start: int, position: int) -> tuple[str, int]:
    for form in (_aliased, _apart, _money, _rated, _large):
        spelling, end = form(window)
        if spelling:
            return spelling, start + end
    if fold := FOLD.match(window if start == position else f" {window}"):
        return "x", position + fold.end()
    spelling, end = _atoms(window, 0)
    return (spelling, start + end) if spelling else ("", position)


def _aliased(window: str) -> tuple[str, int]:
    for pattern, unit in ALIASES:
        if found := pattern.match(window):
            return extended(window, unit or _parted(found[0]), found.end())
    return "", 0


def _parted(glued: str) -> str:
    """For example Wm-2: a product whose sign was not written."""
    first = re.match(r".+(?=(?:m-[23]|(?:L|kg|mol)-1)$)", glued)
    return f"{first[0]}·{glued[first.end() :]}" if first else glued


def _apart(window: str) -> tuple[str, int]:
    """For example milli-joules, nano meters."""
    found = PREFIX_APART.match(window)
    if found is None or not _is_atom(found[1] + found[2]):
        return "", 0
    return extended(window, found[1] + found[2], found.end())


def _money(window: str) -> tuple[str, int]:
    """For example 200k EUR."""
    found = SHORT_MONEY.match(window)
    return (f"{SIZES[found[1].casefold()]} {found[2]}", found.end()) if found else ("", 0)


RATED = re.compile(
    r" ?(?:[A-Za-z]{2,12} ){0,2}?(?P<things>(?!applications|patients|deaths|cases|births|visits|people"
    r"|trainees|students|soldiers|veterans|women|children|infections|injuries"
    r"|accidents|procedures|surgeries|incidents|crashes|failures|americans|customers|employees|persons|strokes)[a-z]{3,16}s)"
    r"(?: of [a-z]{3,16})?(?: per |/)"
    r"(?P<each>sec|second|min|minute|hr|hour|day|week|month|year|m[lL]|liter|cm2|cm3|m3)(?![A-Za-z0-9])"
)  # with a time or a volume a count is a figure


def _rated(window: str) -> tuple[str, int]:
    """1,000 coils per year: counted alone they are no figure, with a time or a volume they are."""
    found = RATED.match(window)
    if found is None or _is_atom(found["things"]):
        return "", 0
    return f"{found['things']}/{found['each']}", found.end()


def _large(window: str) -> tuple[str, int]:
    """万吨/年, million euros, and 万 alone."""
    numeral = NUMERAL.match(window)
    if numeral is None:
        return "", 0
    rest = window[numeral.end() :]
    spelling, end = _aliased(rest.lstrip(" "))
    if spelling:
        return f"{numeral[1]} {spelling}", len(window) - len(rest.lstrip(" ")) + end
    spelling, end = _atoms(
        window, numeral.end() + len(window[numeral.end() :]) - len(window[numeral.end() :].lstrip(" "))
    )
    if not spelling:
        return numeral[1], numeral.end()
    return f"{numeral[1]} {spelling}" if numeral[1].isascii() else numeral[1] + spelling, end


def _atoms(window: str, offset: int) -> tuple[str, int]:
    if per := PER_AREA.match(window, offset):  # 10⁴ per cm²
        spelling, end = _atom(window, per.end(), is_inner=True)
        return extended(window, f"/{spelling}", end) if spelling else ("", offset)
    if window[offset : offset + 1] == "/":  # 2.1×10⁻⁶/℃
        spelling, end = _atom(window, offset + 1, is_inner=True)
        return (
            extended(window, f"/{spelling}", end)
            if spelling not in {"", "r"} and window[end : end + 1] != "&" and _is_known(f"/{spelling}")
            else ("", offset)
        )
    spelling, end = _atom(window, offset)
    if not spelling:
        return "", offset
    return extended(window, spelling, end)


def extended(window: str, spelling: str, end: int) -> tuple[str, int]:
    """Exponents and further atoms, as long as the whole reads as a unit."""
    best = (spelling, end)
    current, at = spelling, end
    for _turn in range(LONGEST_PRODUCT):
        current, at = _raised(window, current, at)
        if _is_known(current):
            best = (current, at)
        if current in MASSES and (substance := SUBSTANCE.match(window, at)):
            at = substance.end()
        separator = SEPARATOR.match(window, at)
        if separator is None:
            break
        atom, following = _factor(window, separator.end())
        is_begun = separator[0] == " " and window[following : following + 1].isalpha()  # lb LOX/CH4
        if not atom or is_begun:
            break
        sign = separator[0] if " per" in separator[0] else separator[0].strip(" .") or "·"
        current, at = f"{current}{'·' if sign == '-' else sign}{atom}", following
        if _is_known(current):
            best = (current, at)
    return best if _is_known(best[0]) else ("", end)


def _raised(window: str, current: str, at: int) -> tuple[str, int]:
    """The unit with the exponent that follows, however optical reading left it: m-2, m - 2, "hm 2", "m 3"."""
    exponent = EXPONENT.match(window, at) if current[-1:] not in "%‰°′″\"'天年月日时" else None
    if exponent and _is_known(current + exponent[0].replace(" ", "")):
        current, at = current + exponent[0].replace(" ", ""), exponent.end()
    in_product = "·" in current
    for pattern, sign, applies in (
        (IN_PARENTHESES, "", current[-1:] == "m"),
        (SPACED_EXPONENT, "-", in_product),
        (SPACED_INVERSE, "-", current[-1:].isalpha()),
        (LOST_MINUS, "-", in_product),
        (RAISED, "", current[-1:] == "m"),
    ):
        found = pattern.match(window, at) if applies else None
        if found and _is_known(current + sign + found[1]):
            return current + sign + found[1], found.end()
    return current, at


def _factor(window: str, offset: int) -> tuple[str, int]:
    """What stands after a slash or a dot: an atom, or several in brackets, or so many of one (kg/667m2)."""
    if window[:offset].rstrip(" ").endswith("/") and (many := MANY.match(window, offset)):
        atom, end = _atom(window, many.end(), is_inner=True)
        atom, end = _raised(window, atom, end) if atom else ("", end)
        return (many[0].strip() + atom, end) if atom else ("", offset)
    if window[offset : offset + 1] != "(":
        return _atom(window, offset, is_inner=True)
    close = window.find(")", offset)
    if close < 0 or NUMBERS_INSIDE.search(window, offset, close):
        return "", offset
    inner = window[offset + 1 : close]
    factors = inner.replace(" ", "·") if not _is_known(inner.replace(" ", "")) else inner.replace(" ", "")
    return f"({factors})", close + 1


def _atom(window: str, offset: int, *, is_inner: bool = False) -> tuple[str, int]:
    if "\u4e00" <= window[offset : offset + 1] <= "\u9fff":
        return _cjk_atom(window, offset, is_inner=is_inner)
    for pattern, unit in INNER:
        if is_inner and (found := pattern.match(window, offset)):
            return unit, found.end()
    special = LATIN_RUN_WITH_SIGN.match(window, offset) or HARDNESS.match(window, offset)
    if special:
        return special[0].replace(" ", ""), special.end()
    if power := POWER_WORD.match(window, offset):
        inner, end = _atom(window, power.end(), is_inner=True)
        return (power[0].replace("-", " ") + inner, end) if inner else ("", offset)
    run = GLUED.match(window, offset) or LATIN_RUN.match(window, offset)
    if run is None or (not is_inner and _is_spaced_name(window, offset)):
        return "", offset
    spelling, end = _spaced(window, offset) if len(run[0]) == 1 else ("", offset)
    return (spelling, end) if spelling else _latin_atom(window, run[0], offset, is_inner=is_inner)


def _is_spaced_name(window: str, offset: int) -> bool:
    """In "18.8 V A R I" and "72.7 m A P" optical reading set a name apart, which only begins like a unit."""
    spaced = SPACED.match(window, offset)
    if UNKNOWN_WORD.match(window, offset) and not _spaced(window, offset)[0]:
        return True  # s f u, g p m
    if spaced is None or not spaced[0][-1].isupper() or POWER_FOLLOWS.match(window, spaced.end()):
        return False
    whole = spaced[0].replace(" ", "").removesuffix("RMS")
    return not _is_atom(whole) and not any(whole.endswith(end) and _is_atom(whole[: -len(end)]) for end in SUBSTANCES)


def _spaced(window: str, offset: int) -> tuple[str, int]:
    """For example "m i n" or "k b": letters that optical reading set apart, as many as make a unit."""
    spaced = SPACED.match(window, offset)
    letters = spaced[0] if spaced else ""
    while " " in letters:
        joined = letters.replace(" ", "")
        if (
            _is_atom(joined)
            and not _is_acronym(joined)
            and joined != "gN"
            and (joined.casefold() not in NOT_UNITS or joined == "EU")
        ):
            return joined, offset + len(letters)
        letters = letters.rpartition(" ")[0]
    return "", offset


def _latin_atom(window: str, run: str, offset: int, *, is_inner: bool) -> tuple[str, int]:
    end = offset + len(run)
    if GLUED.match(window, offset) and not is_inner:
        return run, end
    glued = GLUED_INNER.match(run) if is_inner else None
    if glued:
        return glued[0], offset + glued.end()
    following = window[end : end + 1]
    is_numbered = run[-1].isalpha() and following.isascii() and following.isdigit() and not EXPONENT.match(window, end)
    if (
        is_numbered
        or _is_acronym(run)
        or _is_model(run, window, end)
        or (not is_inner and _means_something_else(run, window, end))
    ):
        return "", offset
    return (run, end) if _is_atom(run) else ("", offset)


def _is_acronym(run: str) -> bool:
    """NG and MDA are units only to a reader who does not look at capitals."""
    return run.isupper() and 1 < len(run) <= SHORT_ACRONYM and run not in listed_spellings() and run not in SHOUTED


def _means_something_else(run: str, window: str, end: int) -> bool:
    """A letter or word after a number that is a unit only in other company."""
    if not re.match(r" ?/", window[end : end + 2]) and (
        run in REFUSED or (run.casefold() in NOT_UNITS and run != "mN")
    ):
        return True
    if len(run) == 1 and run.isalpha() and LETTER_AND_NUMBER.match(window, end):
        is_repeated = re.match(rf" \d{{1,6}}(?:\.\d+)? ?{run}(?![A-Za-z])", window[end:])  # 94 a 102 a
        return is_repeated is None and (run != "m" or RAISED.match(window, end) is None)
    if run == "S" and not re.match(r"[/·⁻^]| (?:cm|m)", window[end : end + 3]):
        return True
    if len(run) == 1 and run.isupper() and re.match(r"-(?!hr?\b)[a-z]{2}", window[end : end + 4]):
        return True  # 3T-seq
    goes_on = FOLLOWED_BY.get(run)
    return bool(goes_on and goes_on.match(window, end))


def _is_model(run: str, window: str, end: int) -> bool:
    """The MC-130; but 4K-300K is a range."""
    following = MODEL_NUMBER.match(window, end)
    if following is None:
        return False
    return run.isupper() and len(run) > 1 and not window.startswith(run, end + len(following[0]))


def _cjk_atom(window: str, offset: int, *, is_inner: bool) -> tuple[str, int]:
    keys = _cjk_keys()
    if power := CHINESE_POWER.match(window, offset):
        return power[0], power.end()
    for length in range(CJK_KEY, 0, -1):
        piece = window[offset : offset + length]
        if len(piece) < length or piece not in keys:
            continue
        end = offset + length
        if is_inner:
            return piece, end
        if piece in NOT_ALONE or WORD_GOES_ON.match(window, end - 1):
            continue
        if length == 1 and piece in RISKY and not AFTER_RISKY.match(window, end):
            continue
        return piece, end
    return "", offset


@lru_cache(maxsize=4096)
def _is_atom(spelling: str) -> bool:
    return not read_unit(spelling).is_opaque and not is_numeral(normal_form(spelling))


def _is_known(spelling: str) -> bool:
    return not read_unit(spelling).is_opaque


COUNTS = frozenset(
    f"[{name}]^1"
    for name in ("piece", "set", "plant", "animal", "person", "wafer", "sample", "cell", "frame", "household")
) | {"item", "layer", "channel", "generation", "grade", "star", "score", "bit depth"}


def is_count(unit: Unit) -> bool:
    """Mere numbers of things: 12 种, 60 例. With a time or an area (万台/年) they are figures."""
    return unit.kind in COUNTS
