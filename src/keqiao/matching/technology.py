"""The technology stone: is it the same technical field?

The evidence is pairs of passages that answer each other, by their words (weighted by how rare they are) and by their
meaning (cosine of their embeddings), and the IPC classes both sides name, which raise what the texts give.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keqiao.catalogue.quantities import normal_form
from keqiao.matching.types import AchievementFacts, Citation, Finding, NeedFacts, Stone, Verdict

# What the cited pairs of a clearly matching achievement share (weight by idf and meaning). Three pairs hold no more of
# a long text than of a short one, so it is one number; of a few words it is half of what they say.
REFERENCE = 60.0
REFERENCE_MOST = 0.5
DENSE_REFERENCE = 0.55  # cosine of passages in two languages that clearly say the same
DENSE_FLOOR = 0.15  # cosine of two texts that have nothing in common but the language
CJK = re.compile(r"[\u4e00-\u9fff]")
STEEPNESS = 3.0
IPC_LIFT = {"subgroup": 0.6, "group": 0.5, "subclass": 0.35, "class": 0.1}  # of what is missing to 1
IPC_ALONE = {"subgroup": 0.9, "group": 0.8, "subclass": 0.55, "class": 0.3, "": 0.1}
MOST_SHARED_TERMS = 8


@dataclass(frozen=True)
class TechnologyFit:
    """How near the two technical fields are, and what shows it."""

    fit: float  # 0..1
    shared_terms: tuple[str, ...] = ()
    translated: tuple[str, ...] = ()  # "膜 ↔ membrane": a term of the need and how the achievement says it
    is_known: bool = True  # False when there was nothing to compare: counts half
    shared_ipc: str = ""
    citations: tuple[Citation, ...] = ()  # the passages that the fit of the texts rests on, and rests on alone


def calibrate(score: float, reference: float) -> float:
    """From a raw similarity to a fit: 0 at 0, 0.5 at half the reference, 0.89 at the reference, never more than 1.

    An S-curve (Hill function of order 3): chance overlap stays near zero, and beyond the reference more of the same
    words adds little.
    """
    if score <= 0 or reference <= 0:
        return 0.0
    ratio: float = (2.0 * score / reference) ** STEEPNESS
    return ratio / (1.0 + ratio)


def words_fit(shared: float, total: float) -> float:
    """`shared`: what the cited pairs share; `total`: weight of all that the need says."""
    return calibrate(shared, min(REFERENCE, REFERENCE_MOST * total))


def meaning_fit(cosine: float) -> float:
    """Between two languages, where words cannot be the same."""
    return calibrate(cosine - DENSE_FLOOR, DENSE_REFERENCE - DENSE_FLOOR)


def technology_fit(
    need: NeedFacts,
    achievement: AchievementFacts,
    *,
    text: float | None,
    citations: Sequence[Citation] = (),
    translated: Mapping[str, str] | None = None,
) -> TechnologyFit:
    """`text`: how well the cited passages answer each other; None where one side has no text to read.

    `translated`: terms of the need and what they are in an achievement of the other language, the most telling first.
    """
    level, symbol = shared_ipc(need.ipc, achievement.ipc)
    terms = shared_terms(need, achievement)
    across = tuple(f"{mine} ↔ {theirs}" for mine, theirs in list((translated or {}).items())[:MOST_SHARED_TERMS])
    if text is None and not (need.ipc and achievement.ipc):
        return TechnologyFit(0.5, terms, is_known=False)
    fit = IPC_ALONE[level] if text is None else text + (1.0 - text) * IPC_LIFT.get(level, 0.0)
    return TechnologyFit(round(fit, 6), terms, across, shared_ipc=symbol, citations=tuple(citations))


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
        evidence=fit.citations[0].achievement.text if fit.citations else "",
        question_zh="" if fit.is_known else "采用的是哪种技术路线？",
        question_en="" if fit.is_known else "Which technical route is used?",
        citations=fit.citations,
    )
