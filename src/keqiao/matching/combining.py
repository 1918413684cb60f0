"""组合方案: the fewest achievements, two or three, that together reach every hard requirement when none does alone.

The search is exact over the candidates it is given: all pairs, and only when no pair does, all triples. A part that states
a figure which misses a must is refused: another part's figure does not mend it. What one part
can bring for all (the field, a figure) counts at its best; what each part must bear (maturity, mode, place) counts at
its worst; the prices are added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

from keqiao.matching.indicators import is_other_condition
from keqiao.matching.stones import arch_from_json, arch_to_json, assemble, price_finding
from keqiao.matching.types import AchievementFacts, Arch, Finding, NeedFacts, Price, Stone, Verdict, Weights

SIZES = (2, 3)
MOST_KEPT = 3  # alternatives of a need, the best first
LEAST_TECHNOLOGY = 0.4  # of a part: more than of a match, since it has to work together with the others
CONSIDERED = 40  # the best candidates: 780 pairs, 9,880 triples


@dataclass(frozen=True)
class Part:
    """A candidate with its findings, as judged alone."""

    facts: AchievementFacts
    findings: Mapping[Stone, tuple[Finding, ...]]


@dataclass(frozen=True)
class Conflict:
    """Something that the parts do not agree on."""

    kind: str  # condition, price, modes
    row: int | None = None  # of the need's indicators, for a condition


@dataclass(frozen=True)
class Combination:
    """The arch of several achievements together; each finding says which part it comes from."""

    codes: tuple[str, ...]
    arch: Arch
    conflicts: tuple[Conflict, ...]


def combine(need: NeedFacts, candidates: Sequence[Part], weights: Weights) -> list[Combination]:
    """The best combinations of the smallest size that fills the arch; none when one candidate does alone."""
    musts = {row for row, want in enumerate(need.indicators) if want.must}
    parts = [part for part in candidates[:CONSIDERED] if _may_join(part)]
    reached = [_reached(part, musts) for part in parts]
    if not musts or any(musts == each for each in reached):
        return []
    for size in SIZES:
        sets = [
            chosen
            for chosen in combinations([n for n, each in enumerate(reached) if each], size)
            if set().union(*(reached[n] for n in chosen)) == musts and not _refuted(parts, chosen, musts)
        ]
        if sets:
            return _best(need, [tuple(parts[n] for n in chosen) for chosen in sets], weights)
    return []


def _may_join(part: Part) -> bool:
    """Near enough in its field, and ripe enough: every part has to be taken over."""
    return (
        part.findings[Stone.TECHNOLOGY][0].fit >= LEAST_TECHNOLOGY
        and part.findings[Stone.MATURITY][0].verdict is not Verdict.UNMET
    )


def _refuted(parts: Sequence[Part], chosen: Sequence[int], musts: set[int]) -> bool:
    """One part states a figure that misses a must: that another part reaches it does not mend this one."""
    return any(parts[n].findings[Stone.INDICATORS][row].verdict is Verdict.UNMET for n in chosen for row in musts)


def _reached(part: Part, musts: set[int]) -> set[int]:
    return {
        row for row, finding in enumerate(part.findings[Stone.INDICATORS]) if finding.verdict is Verdict.MET
    } & musts


def _best(need: NeedFacts, sets: Sequence[tuple[Part, ...]], weights: Weights) -> list[Combination]:
    """Fewest conflicts first, then the highest score, then the codes. Only the first are scored: that takes longest."""
    conflicts = [tuple(_conflicts(need, parts)) for parts in sets]
    allowed = min(len(each) for each in conflicts)
    scored = [
        Combination(tuple(part.facts.code for part in parts), together(need, parts, weights), found)
        for parts, found in zip(sets, conflicts, strict=True)
        if len(found) == allowed
    ]
    return sorted(scored, key=lambda one: (one.arch.has_unmet, -one.arch.score, one.codes))[:MOST_KEPT]


def together(need: NeedFacts, parts: Sequence[Part], weights: Weights) -> Arch:
    """The arch that the parts fill together."""
    rows = range(len(need.indicators))
    indicators = tuple(_brought(parts, Stone.INDICATORS, row) for row in rows)
    price = price_finding(need.budget, _total([part.facts.price for part in parts]))
    return assemble(
        {
            Stone.TECHNOLOGY: (_brought(parts, Stone.TECHNOLOGY, 0),),
            Stone.INDICATORS: indicators or (_brought(parts, Stone.INDICATORS, 0),),
            Stone.MATURITY: (_borne(parts, Stone.MATURITY),),
            Stone.MODES: (_borne(parts, Stone.MODES),),
            Stone.PRICE: (price,),
            Stone.REGION: (_borne(parts, Stone.REGION),),
        },
        weights,
    )


def _brought(parts: Sequence[Part], stone: Stone, row: int) -> Finding:
    """By the part that brings it best: met before unknown before short."""
    n = max(range(len(parts)), key=lambda n: (_worth(parts[n].findings[stone][row]), -n))
    return replace(parts[n].findings[stone][row], part=n)


def _borne(parts: Sequence[Part], stone: Stone) -> Finding:
    """By the part that fits least."""
    n = min(range(len(parts)), key=lambda n: (parts[n].findings[stone][0].fit, n))
    return replace(parts[n].findings[stone][0], part=n)


def _worth(finding: Finding) -> tuple[bool, float]:
    return finding.verdict is Verdict.MET, finding.fit


def _total(prices: Sequence[Price]) -> Price:
    """The sum of what is asked; open as soon as one price is."""
    if any(price.kind != "amount" or price.currency != prices[0].currency for price in prices):
        return Price(currency=prices[0].currency)
    lows = [price.low_fen if price.low_fen is not None else price.high_fen for price in prices]
    highs = [price.high_fen if price.high_fen is not None else price.low_fen for price in prices]
    return Price("amount", sum(n or 0 for n in lows), sum(n or 0 for n in highs), prices[0].currency)


def _conflicts(need: NeedFacts, parts: Sequence[Part]) -> list[Conflict]:
    found = [Conflict("condition", row) for row in range(len(need.indicators)) if _differ(parts, row)]
    total = _total([part.facts.price for part in parts])
    top = need.budget.high_fen if need.budget.high_fen is not None else need.budget.low_fen
    if top is not None and total.low_fen is not None and total.currency == need.budget.currency and total.low_fen > top:
        found.append(Conflict("price"))
    modes = [set(part.facts.modes) for part in parts if part.facts.modes]
    if len(modes) > 1 and not set.intersection(*modes):
        found.append(Conflict("modes"))
    return found


def _differ(parts: Sequence[Part], row: int) -> bool:
    """Two parts give the same figure, measured under conditions that are far apart."""
    answers = [part.findings[Stone.INDICATORS][row].achievement_row for part in parts]
    stated = [part.facts.indicators[n].condition for part, n in zip(parts, answers, strict=True) if n is not None]
    return any(is_other_condition(a, b) for a, b in combinations(stated, 2))


# --- JSON, as stored --------------------------------------------------------------------------------------------------


def to_json(one: Combination, ids: Mapping[str, int]) -> dict[str, Any]:
    """`ids`: code → the achievement's id, by which it is looked up whether the reader may see it."""
    return {
        "parts": [ids[code] for code in one.codes],
        "arch": arch_to_json(one.arch),
        "conflicts": [asdict(conflict) for conflict in one.conflicts],
    }


def from_json(row: Mapping[str, Any], codes: Sequence[str]) -> Combination:
    return Combination(tuple(codes), arch_from_json(row["arch"]), tuple(Conflict(**each) for each in row["conflicts"]))
