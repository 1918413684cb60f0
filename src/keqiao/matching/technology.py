"""The technology stone: is it the same technical field?

Three kinds of evidence: words (how much of what the need says is found in the achievement, weighted by how rare the
words are), meaning (cosine of the two embeddings) and the IPC classes both sides name. Words and meaning are brought to
one scale, averaged, and then raised by the class they share.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from keqiao.catalogue.quantities import normal_form
from keqiao.matching.types import AchievementFacts, Finding, NeedFacts, Stone, Verdict

# Share of weighted terms that a clearly matching achievement has: of a long need a third, of a few words nearly all.
LONG_REFERENCE, LONG_TEXT = 0.30, 400  # Chinese characters, an English word counting two
SHORT_REFERENCE, SHORT_TEXT = 0.80, 20
DENSE_REFERENCE = 0.55  # cosine that a clearly matching pair has, after the model's floor
DENSE_FLOOR = 0.15  # cosine of two texts that have nothing in common but the language
CJK = re.compile(r"[\u4e00-\u9fff]")
LATIN_WORDS = re.compile(r"[A-Za-z0-9]+")
STEEPNESS = 3.0
LEXICAL_SHARE = 0.6  # of the average, when both words and meaning are known
IPC_LIFT = {"subgroup": 0.6, "group": 0.5, "subclass": 0.35, "class": 0.1}  # of what is missing to 1
IPC_ALONE = {"subgroup": 0.9, "group": 0.8, "subclass": 0.55, "class": 0.3, "": 0.1}
MOST_SHARED_TERMS = 8


@dataclass(frozen=True)
class TechnologyFit:
    """How near the two technical fields are, and what shows it."""

    fit: float  # 0..1
    evidence: str = ""  # the passage of the achievement that shows it best
    shared_terms: tuple[str, ...] = ()
    translated: tuple[str, ...] = ()  # "膜 ↔ membrane": a term of the need and how the achievement says it
    is_known: bool = True  # False when there was nothing to compare: counts half
    shared_ipc: str = ""


def calibrate(score: float, reference: float) -> float:
    """From a raw similarity to a fit: 0 at 0, 0.5 at half the reference, 0.89 at the reference, never more than 1.

    An S-curve (Hill function of order 3): chance overlap stays near zero, and beyond the reference more of the same
    words adds little.
    """
    if score <= 0 or reference <= 0:
        return 0.0
    ratio: float = (2.0 * score / reference) ** STEEPNESS
    return ratio / (1.0 + ratio)


def lexical_share(wanted: Mapping[str, float], found: Collection[str]) -> float:
    """Share of the need's terms, by weight (idf), that occur in the achievement."""
    total = sum(wanted.values())
    return sum(weight for term, weight in wanted.items() if term in found) / total if total else 0.0


def technology_fit(
    need: NeedFacts,
    achievement: AchievementFacts,
    *,
    lexical: float | None,
    dense_cosine: float | None,
    passages: Sequence[str] = (),
    translated: Mapping[str, str] | None = None,
) -> TechnologyFit:
    """`lexical` as by `lexical_share`; `dense_cosine` of the embeddings, None where there is none.

    `translated`: terms of the need and what they are in an achievement of the other language, the most telling first.
    """
    level, symbol = shared_ipc(need.ipc, achievement.ipc)
    words = None if lexical is None else calibrate(lexical, _lexical_reference(need.text))
    meaning = None if dense_cosine is None else calibrate(dense_cosine - DENSE_FLOOR, DENSE_REFERENCE - DENSE_FLOOR)
    text = _text_fit(words, meaning, same_language=need.lang == achievement.lang)
    both_have_ipc = bool(need.ipc and achievement.ipc)
    terms = shared_terms(need, achievement)
    across = dict(list((translated or {}).items())[:MOST_SHARED_TERMS])
    shown = TechnologyFit(
        0.5,
        _best_passage(passages, (*terms, *across.values())),
        terms,
        translated=tuple(f"{mine} ↔ {theirs}" for mine, theirs in across.items()),
    )
    if text is None and not both_have_ipc:
        return replace(shown, is_known=False)
    fit = IPC_ALONE[level] if text is None else text + (1.0 - text) * IPC_LIFT.get(level, 0.0)
    return replace(shown, fit=round(fit, 4), shared_ipc=symbol)


def _text_fit(words: float | None, meaning: float | None, *, same_language: bool) -> float | None:
    if words is None or meaning is None:
        return words if meaning is None else meaning
    mean = LEXICAL_SHARE * words + (1.0 - LEXICAL_SHARE) * meaning
    return mean if same_language else max(mean, meaning)  # a translation that is missing says little


def _lexical_reference(text: str) -> float:
    """Between the short and the long reference by the logarithm of the length."""
    length = len(CJK.findall(text)) + 2 * len(LATIN_WORDS.findall(text))
    position = math.log(max(length, SHORT_TEXT) / SHORT_TEXT) / math.log(LONG_TEXT / SHORT_TEXT)
    return SHORT_REFERENCE + (LONG_REFERENCE - SHORT_REFERENCE) * min(position, 1.0)


# --- IPC --------------------------------------------------------------------------------------------------------------

IPC = re.compile(r"([A-H])(\d\d)([A-Z])(?: ?(\d{1,4})(?:/(\d{2,6}))?)?")
LEVELS = ("class", "subclass", "group", "subgroup")


def shared_ipc(mine: Sequence[str], yours: Sequence[str]) -> tuple[str, str]:
    """The deepest level that any two symbols share, and the shared part: ("group", "B01D 71")."""
    best = (0, "")
    for a in map(_ipc_parts, mine):
        for b in map(_ipc_parts, yours):
            depth = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
            if depth > best[0]:
                best = (depth, a[depth - 1])
    return (LEVELS[best[0] - 1], best[1]) if best[0] else ("", "")


def _ipc_parts(symbol: str) -> tuple[str, ...]:
    found = IPC.match(normal_form(symbol[:24]).upper())
    if not found:
        return ()
    section, number, letter, group, subgroup = found.groups()
    parts = [section + number, section + number + letter]
    if group:
        parts.append(f"{parts[1]} {group}")
    if group and subgroup:
        parts.append(f"{parts[2]}/{subgroup}")
    return tuple(parts)


# --- Evidence ---------------------------------------------------------------------------------------------------------


def shared_terms(need: NeedFacts, achievement: AchievementFacts) -> tuple[str, ...]:
    """Keywords of one side that the other side uses, for display."""
    theirs = " ".join((achievement.title, achievement.text, *achievement.keywords)).casefold()
    mine = " ".join((need.title, need.text, *need.keywords)).casefold()
    found = [word for word in need.keywords if word and word.casefold() in theirs]
    found += [word for word in achievement.keywords if word and word.casefold() in mine]
    return tuple(dict.fromkeys(found))[:MOST_SHARED_TERMS]


def _best_passage(passages: Sequence[str], terms: Sequence[str]) -> str:
    """The first passage with most of the shared terms."""
    return max(passages, key=lambda text: sum(term.casefold() in text.casefold() for term in terms), default="")


def technology_finding(fit: TechnologyFit) -> Finding:
    verdict = Verdict.UNKNOWN if not fit.is_known else Verdict.MET if fit.fit >= 0.8 else Verdict.PARTLY
    chinese = tuple(term for term in fit.shared_terms if CJK.search(term))
    english = tuple(term for term in fit.shared_terms if not CJK.search(term))
    return Finding(
        stone=Stone.TECHNOLOGY,
        label_zh="技术领域",
        label_en="Technical field",
        verdict=verdict,
        fit=fit.fit if fit.is_known else 0.5,
        asked=f"IPC {fit.shared_ipc}" if fit.shared_ipc else "",
        offered="、".join((*(chinese or english), *fit.translated)),
        offered_en=", ".join((*(english or chinese), *fit.translated)),
        evidence=fit.evidence,
        question_zh="" if fit.is_known else "采用的是哪种技术路线？",
        question_en="" if fit.is_known else "Which technical route is used?",
    )
