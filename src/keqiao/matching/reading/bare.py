"""Which numbers without a unit are figures: those tied to a named measure (加速比为 1.114, an AUC of 0.74).

A fraction in running text nearly always measures something, so what is no measure is told apart: statistics of a test, the
coefficients of an equation, versions and sections. A whole number nearly always counts or numbers something; it is a figure only
when its measure is named and it is compared or said to be so large.
"""

from __future__ import annotations

import re

TIE = 24  # characters before a number in which what ties it to its measure is looked for
LONGEST_NAME = 20
CJK = re.compile(r"[\u4e00-\u9fff]")
SCIENTIFIC = re.compile(r"\d[eE]-\d|[×xX] ?10-\d|10(?:\^|\*\*) ?\(?-|10⁻")

TEN_TO_MINUS = re.compile(r"10 ?- ?\d{1,2}")

METRIC_END = re.compile(
    r"(?:率|度|数|比|值|系数|指数|因子|[\u4e00-\u9fff]性|[得评]分|水平|范围|分子质?量|等电点|pI|AUC|F1|F1-score|F-measure|mAP|RMSE|MAE"
    r"|R2|R²|R 2|Kappa|PSNR|SSIM|NDCG)(?:分别)?$"
    r"|\b(?:accuracy|precision|recall|AUC|F1|F1-score|scores?|ratios?|coefficients?|index|factors?|number|R2"
    r"|R\^2|R-squared"
    r"|correlation|emissivity|efficiency|RMSE"
    r"|reflectivity|absorptivity|porosity|sensitivity|specificity|probability|rate|fraction|aperture)$",
    re.IGNORECASE,
)
RATIO_END = re.compile(
    r"(?:分子质?量|率|度|比|系数|指数|因子|(?:雷诺|努塞尔|普朗特|瑞利|马赫)数)(?:分别)?$|\b(?:ratios?|factors?|index|coefficients?)$",
    re.IGNORECASE,
)
RELATION = re.compile(
    r"(?:为|是|=|＝|[(]|[位处介]于|占|[提升降增减][升高低加少了]了?|等于|达到?了?|约|大于|小于|高于|低于|不低于|不高于|不超过|超过|>|<|≥|≤"
    r"|接近|在|\b(?:of|is|was|are|were|from|between|by|at))[^\d\u4e00-\u9fffA-Za-z]{0,2}$"
)
SIGNED = re.compile(r"[\u4e00-\u9fff](?:[A-Za-z] ?){0,3} ?[<>≥≤] ?$")
SIGNED_LETTERS = re.compile(r"(?<![A-Za-z])(?!CI|OR|RR|HR|BF)[A-Z]{2,5} ?[<>≥≤] ?$")  # COP > 5
PART_OF = re.compile(r" ?/ ?\d")
ENDS = re.compile(
    r" ?(?:$|分(?![之钟别])|、| NA\b|[\[/,，。;；、)）:：\]】]|左右|以上|以下|之间|时"
    r"|的(?=[\u4e00-\u9fff])|和|且|\.(?!\d)| (?:and|or|for|in"
    r"|at|when|with|on|was|were|is|under|over|to|between|while|using|from|of)\b)"
)

# --- Fractions that measure nothing -----------------------------------------------------------------------------------

STATISTIC_BEFORE = re.compile(
    r"(?:(?<![A-Za-z])[Pp]|α|β|(?<![A-Za-z])[tFZHv] ?(?:\(\d[\d, ]{0,8}\) ?)?=|[(,，] ?[12] ?="
    r"|(?<![A-Za-z])C ?I(?![A-Za-z])[^)\]]{0,16}"
    r"|(?<![A-Za-z])S ?D ?=|置信.{0,10}|显著性?水平.{0,6}|检验水[准平].{0,3}|\b(?:O ?R|R ?R|H ?R)值?(?:为|是)?) ?[=<>≤≥:]? ?$|± ?$"
)
STATISTIC_AFTER = re.compile(r" ?(?:的?(?:显著|检验|置信)性?(?:水[平准]|检验)|的?水平上?| ?[Pp] ?[<>≤≥]|[<>≤≥])|± ?\d")
SIGNIFICANCE = frozenset({"0.05", "0.01", "0.001", "0.10"})
OPEN_BRACKET, CLOSE_BRACKET = re.compile(r"[(·][ .·,-]{0,8}$"), re.compile(r" ?[·.]? ?[),。]")
COUNTED = re.compile(r"(?<![系指倍参因常对分函特诺尔赫利A-Za-z])数[量目]?$")
EQUATION_BEFORE = re.compile(r"[A-Za-z0-9)] ?[+*×/^] ?$|[A-Za-z)] - $")
EQUATION_AFTER = re.compile(
    r" ?(?:[+*×^]|(?![Pp] ?[=<>])[A-Za-z](?![A-Za-z]))|-?[A-Za-z]|-[\u4e00-\u9fff]|-? ?维|版| ?[篇家所户座]"
)
NAMED_SO = re.compile(
    r"\+ ?$|软件[^,，。为是达]{0,10}$|[A-Za-z)] ?[vV]? ?$|[“\"《\u3000] ?$|<br> *$|^$"
)  # GASP 3.0, 理正 7.0
ENGLISH_TIE = re.compile(
    r"(?:\b(?:of|is|was|are|were|be|from|to|between|and|or|than|by|at|about|around|ca\.|e\.g\.,?|i\.e\.,?|approximately|exceed(?:s|ed"
    r"|ing)?|reach(?:es|ed)?"
    r"|over|above|below|under|within|least|most|only|just|merely|near)|\((?:objective|goal|target|threshold)|[=<>≤≥~:]) ?\(?$",
    re.IGNORECASE,
)
IN_BRACKETS = re.compile(r" ?\([^()]{1,12}\)$")
SECTION = re.compile(
    r"\b(?:section|chapter|art|article|table|fig|figure|release|version|rev|item|para(?:graph)?|v)\.? ?$", re.IGNORECASE
)


def is_measure(text: str, start: int, end: int, *, name: str, compared: bool, is_range: bool) -> bool:
    """Is the number without a unit at `start` a figure? `name`: the noun before it; `compared`: at least, at most."""
    spelled = text[start:end]
    if SCIENTIFIC.search(spelled) or (
        compared and not is_range and TEN_TO_MINUS.fullmatch(spelled)
    ):  # 1E-16 counts nothing
        return True
    if "." in spelled:
        before = text[max(0, start - TIE) : start]
        return not _measures_nothing(text, before, start, end) and _stands_with_measure(text, before, end)
    return _is_named_whole(text, start, end, name, compared=compared, is_range=is_range)


def _is_named_whole(text: str, start: int, end: int, name: str, *, compared: bool, is_range: bool) -> bool:
    tie = text[max(0, start - TIE) : start].rstrip(" ")
    if not name or COUNTED.search(name) or not ENDS.match(text, end) or PART_OF.match(text, end):
        return False
    if SIGNED.search(tie) or not METRIC_END.search(name):
        return bool(SIGNED.search(tie) or SIGNED_LETTERS.search(tie))
    if compared or RELATION.search(tie):
        return compared or is_range or bool(RATIO_END.search(name))
    return is_range and tie.endswith(name[-LONGEST_NAME:])


def _measures_nothing(text: str, before: str, start: int, end: int) -> bool:
    """A fraction of a statistic, of an equation or of a count."""
    is_significance = text[start:end].lstrip("-+ ") in SIGNIFICANCE
    is_named = METRIC_END.search(OPEN_BRACKET.sub("", before))  # 破碎度(0.05)
    is_level = is_significance and OPEN_BRACKET.search(before) and CLOSE_BRACKET.match(text, end) and not is_named
    is_statistic = is_level or STATISTIC_BEFORE.search(before) or STATISTIC_AFTER.match(text, end)
    is_coefficient = EQUATION_BEFORE.search(before) or EQUATION_AFTER.match(text, end)
    return bool(is_statistic or is_coefficient or COUNTED.search(before.rstrip(" ")))


def _stands_with_measure(text: str, before: str, end: int) -> bool:
    """In Chinese whatever is no version of a named thing; in English behind a word that ties it, or behind its measure."""
    if CJK.search(text):
        noun = IN_BRACKETS.sub("", before.rstrip(" "))  # 等电点(pI) 5.20
        return not NAMED_SO.search(before) or bool(METRIC_END.search(before.rstrip(" ")) or METRIC_END.search(noun))
    if SECTION.search(before) or not ENDS.match(text, end):
        return False
    return bool(ENGLISH_TIE.search(before) or METRIC_END.search(before.rstrip(" (")))
