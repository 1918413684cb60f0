"""The comparison that the words around a figure state: at least, up to, better than, or more."""

from __future__ import annotations

import re

from keqiao.catalogue.quantities import Unit
from keqiao.matching.reading import wording
from keqiao.matching.reading.types import Figure

WINDOW, LONGER_WINDOW = 36, 64


def before(text: str, at: int) -> tuple[str, int]:
    """The comparison that stands before the figure, and where it begins."""
    window = text[max(0, at - WINDOW) : at]
    opened = window.endswith("(")
    window = window.removesuffix("(")
    offset = max(0, at - WINDOW)
    if extreme := wording.EXTREME_OF.search(text, max(0, at - LONGER_WINDOW), at - opened):
        return (">=" if extreme["least"] else "<="), extreme.start()
    most = wording.AT_MOST_VERB.search(window)
    if most and not opened:
        return "<=", offset + most.start()
    if least := wording.AT_LEAST_VERB.search(window):
        return ">=", offset + least.start()
    stated = _stated(window, opened=opened)
    if stated and opened and (wording.LACKING.fullmatch(stated["word"]) or wording.PLACING.fullmatch(stated["word"])):
        return "", at  # 氮肥供应不足(0.05 mmol/L)
    if (
        stated
        and not wording.WITH_ARTICLE.match(stated[0])
        and not (opened and wording.EXTREME.fullmatch(stated["word"]))
    ):
        reaches = wording.EXTREME.fullmatch(stated["word"]) and re.search("[达为是]", stated[0])
        return "=" if reaches else wording.BEFORE_WORDS[stated["word"].casefold()], offset + stated.start()
    return "", at


def _stated(window: str, *, opened: bool) -> re.Match[str] | None:
    """None when the comparison is of a count before the figure: no less than four 0 dBm signals."""
    stated = wording.STATED_BEFORE.search(window)
    return None if stated and not opened and COUNTED_SO.search(stated[0]) else stated


COUNTED_SO = re.compile(rf"\b{wording.SPELLED_OUT} ?$", re.IGNORECASE)
DURING = re.compile(r"over (?:about |approximately )?$", re.IGNORECASE)
# Tunable over 70 nm, control over six orders: the whole stretch, whatever it measures.
STRETCHED = re.compile(
    r"\b(?:steer(?:able|ed|ing)|tun(?:ing|able|ed)|control(?:led)?|var(?:y|ies|ied|iation)|sweeps?|swept|scan(?:s|ned|ning)?|spread|averaged|extends?"
    r"|distributed|integrated|range|bandwidth|linear) $",
    re.IGNORECASE,
)
HAS_OVER = re.compile(
    r"\b(?:ha(?:s|ve|d)|with|for|of|is|are|was|lasts?|stores?|takes?|took|to|by|in|than"
    r"|requir(?:es?|ed|ing)|needs?|spends?|spent|lived|and) $|[(]$",
    re.IGNORECASE,
)


def is_during(text: str, first: int, begin: int, unit: Unit) -> bool:
    """Data collected over 2 months; but a life of over 2 months is longer."""
    if not DURING.fullmatch(text[first:begin]):
        return False
    if STRETCHED.search(text[max(0, first - 20) : first]):
        return True
    if unit.kind != "[time]^1":
        return False
    return HAS_OVER.search(text[max(0, first - 12) : first]) is None


STARTS = re.compile(r"[效始病源点来伏]")  # 12 周起效
INNER = re.compile(r"[蒙部陆容外涵径]")  # 近 60 a 内蒙古
WITHIN_KINDS = re.compile(r"^\[(?:time|length|[A-Z]{3})\]\^1$|fraction")


def after(text: str, at: int, unit: Unit) -> tuple[str, int]:
    plus = wording.OPEN_PLUS.match(text, at)
    if plus:
        return ">=", plus.end()
    if turned := TURNED.match(text, at):
        return (">=" if turned[1] in "<≤" else "<="), turned.start(1)
    if extreme := EXTREME_AFTER.match(text, at):
        return (">=" if extreme[1] == "min" else "<="), extreme.end()
    aside = ASIDE.match(text, at)  # 10 kg (22 lbs) or less
    stated = wording.STATED_AFTER.match(text, aside.end() if aside else at)
    is_place = (
        stated
        and stated["word"] == "内"
        and ((stated[0].strip() == "内" and INNER.match(text, stated.end())) or not WITHIN_KINDS.search(unit.kind))
    )
    is_start = stated and stated["word"] == "起" and STARTS.match(text, stated.end())
    if stated and not is_place and not is_start:
        return wording.AFTER_WORDS[stated["word"].casefold()], stated.end()
    return "", at


EXTREME_AFTER = re.compile(r" (min|max)(?:\.(?= |\)|$)|(?=[),;]))")  # (1000 bar min)
TURNED = re.compile(r"(?: ?\)(?= ?≤))? ?([<>≤≥]) ?(?![Pp] ?[<=])[A-Za-z\u4e00-\u9fff]")  # 37 ℃ > T
ASIDE = re.compile(r" ?(?:\([^()]{2,24}\)|\))(?= (?:or|and) )")


SMALL_KINDS = re.compile(r"^\[(?:length|time|angle)\]\^1$")  # better than 10 m: a position, a delay


def direction(comparator: str, name: str, figure: Figure, unit: Unit, clause: str = "") -> str:
    if comparator == "faster":  # than 0.1 s is shorter, than 30 m/s is more
        return "<=" if unit.kind == "[time]^1" else ">="
    if comparator == "better":
        is_share = unit.kind == "fraction" and figure.value > 50
        is_small = wording.SMALLER_IS_BETTER.search(name) or (
            SMALL_KINDS.search(unit.kind) and not wording.LARGER_IS_BETTER.search(name)
        )
        is_small = is_small or (unit.kind in {"fraction", "[wavelength]^1"} and wording.SHARE_OF_ERROR.search(clause))
        return "<=" if is_small and not is_share else ">="
    return comparator


def is_of_a_group(text: str, first: int, begin: int, following: str) -> bool:
    """显著高于 10 % 组: the group has 10 %, nothing is bounded."""
    if not wording.THAN_A_GROUP.search(text[max(0, first - 4) : begin]):
        return False
    return bool(wording.SIGNIFICANTLY.search(text[max(0, first - 4) : first]) or wording.GROUP.match(following))
