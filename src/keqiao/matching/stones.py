"""The match arch: six stones, whole points, and a reason for every one of them.

A score is the sum of the stones' points. A stone's points are its weight times its fit, and the fractions that are
left over are given out by largest remainder, so that the numbers people see add up exactly.
docs/why/stones.md explains it in plain words.

What is not known counts half and becomes a question. The only hard requirements are indicators marked "must" and a
maturity three or more levels below the one asked: these turn their stone red and to zero, and put the match below the
line. Everything else degrades gradually, because cooperation mode, price and place can be talked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from keqiao.catalogue.quantities import write_number
from keqiao.matching.indicators import indicator_findings, indicators_fit
from keqiao.matching.technology import (
    TechnologyFit,
    calibrate,
    shared_ipc,
    technology_finding,
    technology_fit,
)
from keqiao.matching.types import (
    AchievementFacts,
    Arch,
    Citation,
    Finding,
    NeedFacts,
    Price,
    Quote,
    Stone,
    StoneResult,
    Verdict,
    Weights,
)

__all__ = [
    "MODE_NAMES",
    "TechnologyFit",
    "arch_from_json",
    "arch_to_json",
    "assemble",
    "build_arch",
    "calibrate",
    "judge",
    "price_finding",
    "ranking_key",
    "shared_ipc",
    "technology_fit",
    "whole_points",
]

FIT_PRECISION = 10_000  # fits are compared and stored to four places, the same on every machine
LABELS = {
    Stone.MATURITY: ("技术成熟度", "Maturity"),
    Stone.MODES: ("合作方式", "Cooperation mode"),
    Stone.PRICE: ("价格", "Price"),
    Stone.REGION: ("地区", "Region"),
}
RegionNames = Mapping[str, tuple[str, str]]  # code → (zh, en)


def build_arch(
    need: NeedFacts,
    achievement: AchievementFacts,
    weights: Weights,
    technology_fit: TechnologyFit,
    region_names: RegionNames | None = None,
) -> Arch:
    """Score one pair. Stones with a weight of 0 are left out. `region_names` only make the region readable."""
    findings = {stone: judge_stone(stone, need, achievement, technology_fit, region_names) for stone in _used(weights)}
    return assemble(findings, weights)


def judge(
    need: NeedFacts,
    achievement: AchievementFacts,
    technology_fit: TechnologyFit,
    region_names: RegionNames | None = None,
) -> dict[Stone, tuple[Finding, ...]]:
    """The findings of each stone, before they are weighed."""
    return {stone: judge_stone(stone, need, achievement, technology_fit, region_names) for stone in Stone}


def judge_stone(
    stone: Stone,
    need: NeedFacts,
    achievement: AchievementFacts,
    technology_fit: TechnologyFit,
    region_names: RegionNames | None,
) -> tuple[Finding, ...]:
    match stone:
        case Stone.TECHNOLOGY:
            return (technology_finding(technology_fit),)
        case Stone.INDICATORS:
            return _indicators(need, achievement)
        case Stone.MATURITY:
            return (_maturity(need, achievement),)
        case Stone.MODES:
            return (_modes(need, achievement),)
        case Stone.PRICE:
            return (price_finding(need.budget, achievement.price),)
        case Stone.REGION:
            return (_region(need, achievement, region_names or {}),)


def _used(weights: Weights) -> list[Stone]:
    return [stone for stone in Stone if weights.points.get(stone, 0) > 0]


def ranking_key(arch: Arch, code: str) -> tuple[bool, int, str]:
    """Matches without an unmet hard requirement first, then by score, then by code, so that the order is stable."""
    return arch.has_unmet, -arch.score, code


# --- Putting the stones together --------------------------------------------------------------------------------------


def assemble(findings: Mapping[Stone, tuple[Finding, ...]], weights: Weights) -> Arch:
    """The arch of findings that were judged before; stones with a weight of 0 are left out."""
    used = _used(weights)
    fits = [_fit(findings[stone]) for stone in used]
    points = whole_points([weights.points[stone] for stone in used], fits)
    stones = tuple(
        StoneResult(stone, weights.points[stone], fit, share, _verdict(findings[stone], fit), findings[stone])
        for stone, fit, share in zip(used, fits, points, strict=True)
    )
    return Arch(sum(points), stones, any(stone.verdict is Verdict.UNMET for stone in stones))


def whole_points(weights: Sequence[int], fits: Sequence[float]) -> list[int]:
    """Weight times fit in whole points (largest remainder); they add up to the rounded sum, none exceeds its weight."""
    exact = [
        weight * round(fit * FIT_PRECISION) for weight, fit in zip(weights, fits, strict=True)
    ]  # in parts of a point
    points = [share // FIT_PRECISION for share in exact]
    total = (2 * sum(exact) + FIT_PRECISION) // (2 * FIT_PRECISION)  # half a point is rounded up
    order = sorted(range(len(exact)), key=lambda i: (-(exact[i] % FIT_PRECISION), i))
    for i in order[: total - sum(points)]:
        points[i] += 1
    return points


def _fit(findings: Sequence[Finding]) -> float:
    fit = indicators_fit(findings) if findings[0].stone is Stone.INDICATORS else findings[0].fit
    return round(min(max(fit, 0.0), 1.0) * FIT_PRECISION) / FIT_PRECISION


def _verdict(findings: Sequence[Finding], fit: float) -> Verdict:
    verdicts = {finding.verdict for finding in findings}
    if Verdict.UNMET in verdicts:
        return Verdict.UNMET
    if len(verdicts) == 1:
        return verdicts.pop()
    return Verdict.MET if fit >= 1 else Verdict.PARTLY


# --- The single stones ------------------------------------------------------------------------------------------------


def _indicators(need: NeedFacts, achievement: AchievementFacts) -> tuple[Finding, ...]:
    """A need without indicators has not said what it measures: unknown, and a question to its publisher."""
    if need.indicators:
        return tuple(indicator_findings(need.indicators, achievement.indicators))
    question = Finding(
        stone=Stone.INDICATORS,
        label_zh="关键指标",
        label_en="Key indicators",
        verdict=Verdict.UNKNOWN,
        fit=0.5,
        asked="",
        offered="",
        question_zh="需求方看重哪些指标，各要达到多少？",
        question_en="Which figures matter to the company, and what must they reach?",
    )
    return (question,)


TRL_FITS = (1.0, 0.7, 0.4)  # by how many levels it is below the one asked; more than two is an unmet requirement


def _maturity(need: NeedFacts, achievement: AchievementFacts) -> Finding:
    """No level asked means that any level will do."""
    offered = f"TRL {achievement.trl}" if achievement.trl else ""
    if need.trl_min is None:
        return _line(
            Stone.MATURITY, Verdict.MET, 1.0, asked=ANY, offered=(offered, offered), evidence=achievement.trl_evidence
        )
    asked = f"≥ TRL {need.trl_min}"
    if achievement.trl is None:
        question = (
            f"目前的技术成熟度是几级？是否达到 {asked}？",
            f"What is the technology readiness level? Is it {asked}?",
        )
        return _line(Stone.MATURITY, Verdict.UNKNOWN, 0.5, asked=(asked, ""), offered=("", ""), question=question)
    below = max(0, need.trl_min - achievement.trl)
    fit = TRL_FITS[below] if below < len(TRL_FITS) else 0.0
    verdict = Verdict.MET if below == 0 else Verdict.PARTLY if fit else Verdict.UNMET
    return _line(
        Stone.MATURITY, verdict, fit, asked=(asked, ""), offered=(offered, ""), evidence=achievement.trl_evidence
    )


ANY = ("不限", "any")

# The Chinese words are those of 促进科技成果转化法 art. 16 and the Civil Code ch. 20; the catalogue has the same list.
MODE_NAMES: dict[str, tuple[str, str]] = {
    "transfer": ("转让", "assignment"),
    "license_exclusive": ("独占许可", "exclusive licence"),
    "license_sole": ("排他许可", "sole licence"),
    "license_nonexclusive": ("普通许可", "non-exclusive licence"),
    "open_license": ("开放许可", "open licence"),
    "equity_contribution": ("作价投资", "equity contribution"),
    "development": ("委托或合作开发", "commissioned or joint development"),
    "consulting": ("技术咨询", "consulting"),
    "service": ("技术服务", "technical service"),
}
LICENCES = frozenset({"license_exclusive", "license_sole", "license_nonexclusive", "open_license"})
SERVICES = frozenset({"development", "consulting", "service"})
NEAR_MODES: dict[frozenset[str], float] = {
    frozenset({"transfer", "license_exclusive"}): 0.6,  # both take the technology out of the owner's hands
    frozenset({"transfer", "equity_contribution"}): 0.5,
    frozenset({"license_exclusive", "equity_contribution"}): 0.4,
}
FAR_MODES = 0.2


def mode_nearness(a: str, b: str) -> float:
    """1 for the same mode, 0.8 within licences, 0.7 within services, 0.2 for what has little in common."""
    if a == b:
        return 1.0
    if {a, b} <= LICENCES:
        return 0.8
    if {a, b} <= SERVICES:
        return 0.7
    return NEAR_MODES.get(frozenset({a, b}), FAR_MODES)


def _modes(need: NeedFacts, achievement: AchievementFacts) -> Finding:
    asked, offered = _mode_words(need.modes), _mode_words(achievement.modes)
    if not need.modes:
        question = ("需求方接受哪些合作方式？", "Which modes of cooperation does the company accept?")
        return _line(Stone.MODES, Verdict.UNKNOWN, 0.5, asked=("", ""), offered=offered, question=question)
    if not achievement.modes:
        question = (f"是否接受{asked[0]}？", f"Would you accept: {asked[1]}?")
        return _line(Stone.MODES, Verdict.UNKNOWN, 0.5, asked=asked, offered=("", ""), question=question)
    fit = max(mode_nearness(a, b) for a in need.modes for b in achievement.modes)
    verdict = Verdict.MET if fit == 1.0 else Verdict.PARTLY
    return _line(Stone.MODES, verdict, fit, asked=asked, offered=offered)


def _mode_words(modes: Iterable[str]) -> tuple[str, str]:
    names = [MODE_NAMES.get(mode, (mode, mode)) for mode in modes]
    return "、".join(zh for zh, _ in names), ", ".join(en for _, en in names)


def price_finding(budget: Price, asking: Price) -> Finding:
    """Full up to the top of the budget, then falling in a straight line to zero at twice the budget."""
    asked, offered = _money(budget, "≤ "), _money(asking)
    budget_fen, asking_fen = _top(budget), _least(asking)
    if budget_fen is None or asking_fen is None or budget.currency != asking.currency:
        question = _price_question(budget, asking, asked)
        return _line(Stone.PRICE, Verdict.UNKNOWN, 0.5, asked=asked, offered=offered, question=question)
    if asking_fen <= budget_fen:
        fit = 1.0
    else:
        fit = float(max(Fraction(0), 2 - Fraction(asking_fen, budget_fen))) if budget_fen else 0.0
    verdict = Verdict.MET if fit == 1.0 else Verdict.PARTLY
    return _line(Stone.PRICE, verdict, round(fit, 4), asked=asked, offered=offered)


def _price_question(budget: Price, asking: Price, asked: tuple[str, str]) -> tuple[str, str]:
    if _top(budget) is None:
        return "需求方的预算大致是多少？", "Roughly what is the company's budget?"
    if _least(asking) is None:
        return f"期望的价格是多少？对方预算 {asked[0]}。", f"What price do you expect? The budget is {asked[1]}."
    return "能否按对方的币种报价？", f"Could you quote in {budget.currency}?"


def _top(price: Price) -> int | None:
    return (price.high_fen if price.high_fen is not None else price.low_fen) if price.kind == "amount" else None


def _least(price: Price) -> int | None:
    return (price.low_fen if price.low_fen is not None else price.high_fen) if price.kind == "amount" else None


CURRENCY_WORDS = {"CNY": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑", "HKD": "港元"}
WHOLE_UNIT_CURRENCIES = {"JPY", "KRW"}


@lru_cache(maxsize=1024)  # a need's budget stands in each of its matches
def _money(price: Price, sign: str = "") -> tuple[str, str]:
    if price.kind == "negotiable":
        return "面议", "negotiable"
    low, high = _least(price), _top(price)
    if low is None or high is None:
        return "", ""
    if sign:
        low = high
    zh = "–".join(dict.fromkeys(_amount_zh(fen, price.currency) for fen in (low, high)))
    en = "–".join(dict.fromkeys(f"{_major(fen, price.currency):,f}" for fen in (low, high)))
    return f"{sign}{zh}", f"{sign}{price.currency} {en}"


def _amount_zh(fen: int, currency: str) -> str:
    major, word = _major(fen, currency), CURRENCY_WORDS.get(currency, currency)
    if major >= 10_000:
        return f"{write_number(major / 10_000, 8)} 万{word}"
    return f"{write_number(major, 8)} {word}"


def _major(fen: int, currency: str) -> Decimal:
    amount = Decimal(fen) if currency in WHOLE_UNIT_CURRENCIES else Decimal(fen) / 100
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount


REGION_FITS = (0.2, 0.4, 0.7, 1.0)  # nothing, the country, the province, the city in common


def _region(need: NeedFacts, achievement: AchievementFacts, names: RegionNames) -> Finding:
    offered = names.get(achievement.region, (achievement.region, achievement.region))
    wish = names.get(need.region, (need.region, need.region))
    if need.region_wish == "any" or not need.region:
        return _line(Stone.REGION, Verdict.MET, 1.0, asked=ANY, offered=offered)
    asked = (f"{wish[0]}（同城优先）", f"{wish[1]} (same city preferred)")
    if not achievement.region:
        question = ("团队在哪个城市？", "In which city is the team?")
        return _line(Stone.REGION, Verdict.UNKNOWN, 0.5, asked=asked, offered=("", ""), question=question)
    is_within = need.region in achievement.region_path  # somebody who asks for the province is content with its cities
    fit = 1.0 if is_within else REGION_FITS[min(_levels_in_common(need, achievement), 3)]
    return _line(Stone.REGION, Verdict.MET if fit == 1.0 else Verdict.PARTLY, fit, asked=asked, offered=offered)


def _levels_in_common(need: NeedFacts, achievement: AchievementFacts) -> int:
    mine = _from_country(need.region_path or (need.region,))
    yours = _from_country(achievement.region_path or (achievement.region,))
    return next((i for i, (a, b) in enumerate(zip(mine, yours, strict=False)) if a != b), min(len(mine), len(yours)))


def _from_country(path: tuple[str, ...]) -> tuple[str, ...]:
    """A path that begins with a province (six digits in GB/T 2260) lies in China; two letters are a country."""
    return path if len(path[0]) == 2 and path[0].isalpha() else ("CN", *path)


def _line(
    stone: Stone,
    verdict: Verdict,
    fit: float,
    *,
    asked: tuple[str, str],
    offered: tuple[str, str],
    evidence: str = "",
    question: tuple[str, str] = ("", ""),
) -> Finding:
    return Finding(
        stone=stone,
        label_zh=LABELS[stone][0],
        label_en=LABELS[stone][1],
        verdict=verdict,
        fit=fit,
        asked=asked[0],
        asked_en="" if asked[1] == asked[0] else asked[1],
        offered=offered[0],
        offered_en="" if offered[1] == offered[0] else offered[1],
        evidence=evidence,
        question_zh=question[0],
        question_en=question[1],
    )


# --- JSON, as stored in the database ----------------------------------------------------------------------------------


def arch_to_json(arch: Arch) -> dict[str, Any]:
    """Plain values only. Empty texts of a finding are left out: thousands of these are stored."""
    return {
        "score": arch.score,
        "has_unmet": arch.has_unmet,
        "stones": [
            {
                "stone": str(stone.stone),
                "weight": stone.weight,
                "fit": stone.fit,
                "points": stone.points,
                "verdict": str(stone.verdict),
                "findings": [_finding_to_json(finding) for finding in stone.findings],
            }
            for stone in arch.stones
        ],
    }


TEXTS = (
    "label_zh", "label_en", "asked", "offered", "evidence", "question_zh", "question_en", "asked_en", "offered_en",
)  # fmt: skip


ROWS = ("need_row", "achievement_row", "part")


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    row: dict[str, Any] = {"verdict": str(finding.verdict), "fit": finding.fit}
    if finding.must:
        row["must"] = True
    row |= {name: getattr(finding, name) for name in TEXTS if getattr(finding, name)}
    row |= {name: getattr(finding, name) for name in ROWS if getattr(finding, name) is not None}
    if finding.citations:
        row["citations"] = [{"need": vars(one.need), "achievement": vars(one.achievement)} for one in finding.citations]
    return row


def arch_from_json(stored: Mapping[str, Any]) -> Arch:
    stones = tuple(
        StoneResult(
            Stone(row["stone"]),
            row["weight"],
            row["fit"],
            row["points"],
            Verdict(row["verdict"]),
            tuple(_finding_from_json(Stone(row["stone"]), finding) for finding in row["findings"]),
        )
        for row in stored["stones"]
    )
    return Arch(stored["score"], stones, stored["has_unmet"])


def _finding_from_json(stone: Stone, row: Mapping[str, Any]) -> Finding:
    return Finding(
        stone=stone,
        verdict=Verdict(row["verdict"]),
        fit=row["fit"],
        must=row.get("must", False),
        citations=tuple(Citation(_quote(one["need"]), _quote(one["achievement"])) for one in row.get("citations", ())),
        need_row=row.get("need_row"),
        achievement_row=row.get("achievement_row"),
        part=row.get("part"),
        **{name: row.get(name, "") for name in TEXTS},
    )


def _quote(row: Mapping[str, Any]) -> Quote:
    return Quote(**{**row, "marks": tuple((start, end) for start, end in row["marks"])})
