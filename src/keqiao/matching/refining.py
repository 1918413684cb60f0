"""What an expert would say of a draft before it is published: vague words, units, conditions, what costs matches, what to ask.

Worked out in memory from the draft and from what is public; nothing is stored and nobody else hears of it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from keqiao.catalogue.quantities import read_unit
from keqiao.matching import drafts, indexing, scoring
from keqiao.matching.indicators import name_similarity
from keqiao.matching.passages import text_figures
from keqiao.matching.reading import readings
from keqiao.matching.types import Arch, Finding, NeedFacts, Offered, Stone, Verdict, Wanted

NEIGHBOURS = 24  # public items of each kind that stand for the field
LEAST_NEAR = 0.3  # share of the best hit's score
LEAST_WITNESSES = 2  # items that must state an indicator before it is asked for
ALIKE = 0.7  # names that mean the same
MOST_ASKED = 6
MOST_VAGUE = 12
LONGEST_SHOWN = 160

VAGUE = re.compile(
    r"高性能|高效率?|高精度|高强度|高可靠|高质量|高灵敏|低成本|低能耗|低功耗|大幅度?|显著|明显|较高|较低|较好|较快"
    r"|更高|更低|更好|优异|优良|良好|先进|国际领先|国内领先"
    r"|一流|稳定可靠|长寿命|快速|尽快|尽可能|适当|合理|足够|若干|一定程度|轻量化|小型化"
    r"|\b(?:high[- ](?:performance|efficiency|precision|strength|quality|accuracy|speed)|low[- ](?:cost|power|energy|noise|weight)"
    r"|significant(?:ly)?|substantial(?:ly)?|considerabl[ey]|state[- ]of[- ]the[- ]art|world[- ]class|cutting[- ]edge"
    r"|cost[- ]effective"
    r"|robust|reliable|fast|lightweight|compact|affordable|adequate|sufficient|as (?:soon|low|high) as possible"
    r"|better|improved)\b",
    re.IGNORECASE,
)
CLAUSES = re.compile(r"[^。；;!?！？\n]+")

# What the head of a name measures, and a unit of each kind. More than one where the field uses more than one.
KINDS_OF_NAMES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), units)
    for pattern, units in (
        (r"温度$|\btemperature$", ("℃", "K")),
        (r"压力$|压强$|\bpressure$", ("MPa",)),
        (r"(?:质量|重量)$|\b(?:weight|mass)$", ("kg",)),
        (r"(?:长度|厚度|宽度|直径|粒径|孔径)$|\b(?:length|thickness|width|diameter)$", ("mm", "目")),
        (r"(?:响应时间|时间|周期)$|\btime$", ("s",)),
        (r"寿命$|\b(?:life|lifetime)$", ("h", "次", "km")),
        (r"功率$|\bpower$", ("W", "kVA", "dBm")),
        (r"电压$|\bvoltage$", ("V",)),
        (r"电流$|\bcurrent$", ("A",)),
        (r"频率$|\bfrequency$", ("Hz", "次/min", "r/min")),
        (r"转速$", ("r/min",)),
        (r"(?:成本|费用|价格)$|\b(?:cost|price)$", ("元", "元/t", "元/kWh", "%", "元/件", "元/m²", "元/m³")),
        (
            r"(?:效率|去除率|回收率|收率|合格率|良率|准确率|截留率|脱盐率)$|\b(?:efficiency|yield|recovery|rejection)$",
            ("%", "‰", "wt%", "mol%", "dB"),
        ),
        (r"pH(?:值)?$", ("pH",)),
    )
)


@dataclass(frozen=True)
class Vague:
    """A word that says no size, in a clause that has no figure."""

    word: str
    part: str  # of the text: problem, wanted …
    lang: str
    before: str
    after: str


@dataclass(frozen=True)
class Misfit:
    """An indicator whose unit cannot measure what its name says; `usual` is a unit that could. Unknown units: no usual."""

    row: int
    name: str
    unit: str
    usual: str


@dataclass(frozen=True)
class Unconditioned:
    """An indicator without its condition, with what public items of the field write for theirs."""

    row: int
    name: str
    example: str
    witnesses: int


@dataclass(frozen=True)
class Cost:
    """A hard condition of the draft and the near results that miss it. `alone`: those that miss nothing else."""

    label_zh: str
    label_en: str
    asked: str
    lost: int
    alone: int


@dataclass(frozen=True)
class Asked:
    """An indicator that similar public items state and the draft does not."""

    name_zh: str
    name_en: str
    unit: str
    witnesses: int


@dataclass(frozen=True)
class Advice:
    """All that is said of one draft."""

    vague: tuple[Vague, ...]
    misfits: tuple[Misfit, ...]
    unconditioned: tuple[Unconditioned, ...]
    costs: tuple[Cost, ...]
    asked: tuple[Asked, ...]
    near: int  # results of the field that were looked at
    matching: int  # of them, those that meet every hard condition

    @property
    def is_clean(self) -> bool:
        return not (self.vague or self.misfits or self.unconditioned or self.asked)


def advice(kind: str, content: Mapping[str, Any]) -> Advice:
    """The index is asked once for each kind; without it only the draft itself is looked at."""
    facts = drafts.need_facts(content) if kind == "need" else drafts.achievement_facts(content)
    stated = _stated(facts.text) if len(facts.text) >= drafts.LEAST_TEXT and indexing.is_ready() else []
    arches = _arches(facts) if isinstance(facts, NeedFacts) and stated else []
    return Advice(
        vague=tuple(vague_words(kind, content)),
        misfits=tuple(misfits(content)),
        unconditioned=tuple(_unconditioned(content, stated)),
        costs=tuple(costs(arches)),
        asked=tuple(_asked(content, facts.text, stated)),
        near=len(arches),
        matching=sum(not arch.has_unmet for arch in arches),
    )


# --- The draft itself ---------------------------------------------------------------------------------------------------


def vague_words(kind: str, content: Mapping[str, Any]) -> list[Vague]:
    """One for each word, where it stands first without a figure in its sentence."""
    found: dict[str, Vague] = {}
    for lang, version in drafts.versions(content):
        for part in drafts.parts(kind):
            text = drafts.part_of(version, part)
            for clause in CLAUSES.finditer(text):
                if readings(clause[0]):
                    continue
                for word in VAGUE.finditer(clause[0]):
                    found.setdefault(
                        word[0].casefold(),
                        Vague(word[0], part, lang, clause[0][: word.start()][-60:], clause[0][word.end() :][:60]),
                    )
    return list(found.values())[:MOST_VAGUE]


def misfits(content: Mapping[str, Any]) -> Iterator[Misfit]:
    """Units that are unknown, or that measure something else than the name says."""
    for number, row in enumerate(drafts.rows(content, "indicators")):
        name, unit = _name(row), str(row.get("unit") or "").strip()
        if not name or not unit:
            continue
        if read_unit(unit).is_opaque:
            yield Misfit(number, name, unit, "")
            continue
        usual = _usual_units(row)
        if usual and read_unit(unit).kind not in {read_unit(one).kind for one in usual}:
            yield Misfit(number, name, unit, usual[0])


def _usual_units(row: Mapping[str, Any]) -> tuple[str, ...]:
    for key in ("name_zh", "name_en"):
        name = re.sub(r"[（(][^（()）]*[)）]$", "", str(row.get(key) or "")).strip()
        for pattern, units in KINDS_OF_NAMES:
            if name and pattern.search(name):
                return units
    return ()


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("name_zh") or row.get("name_en") or "").strip()


# --- Against the field --------------------------------------------------------------------------------------------------


def _stated(text: str) -> list[list[Offered]]:
    """Of each near public item, the indicators of its table and those of its text."""
    found = []
    for kind in ("need", "achievement"):
        for other in scoring.items(kind, scoring.nearest(kind, text, NEIGHBOURS, least=LEAST_NEAR)):
            listed = [_as_offered(one) for one in other.facts.indicators]
            found.append([*listed, *(figure.offer for figure in text_figures(other.facts.text))])
    return found


def _as_offered(one: Wanted | Offered) -> Offered:
    value = one.target if isinstance(one, Wanted) else one.value
    return Offered(one.name_zh, one.name_en, one.comparator, value, one.unit, one.high, condition=one.condition)


def _unconditioned(content: Mapping[str, Any], stated: Sequence[Sequence[Offered]]) -> Iterator[Unconditioned]:
    """Asked only where others of the field write a condition for the same indicator."""
    for number, row in enumerate(drafts.rows(content, "indicators")):
        if not _name(row) or row.get("condition_zh") or row.get("condition_en"):
            continue
        mine = _as_wanted(row)
        conditions = [
            one.condition for item in stated for one in item if one.condition and name_similarity(mine, one) >= ALIKE
        ]
        if conditions:
            example, _count = Counter(conditions).most_common(1)[0]
            yield Unconditioned(number, _name(row), example[:LONGEST_SHOWN], len(conditions))


def _as_wanted(row: Mapping[str, Any]) -> Wanted:
    return Wanted(str(row.get("name_zh") or ""), str(row.get("name_en") or ""), ">=", Decimal(0), "")


def _asked(content: Mapping[str, Any], text: str, stated: Sequence[Sequence[Offered]]) -> list[Asked]:
    """Indicators that several near items state and this draft states neither in its table nor in its text."""
    have = [_as_wanted(row) for row in drafts.rows(content, "indicators")]
    have += [figure.want for figure in text_figures(text)]
    groups: list[tuple[Offered, set[int]]] = []
    for number, item in enumerate(stated):
        for one in item:
            if not _is_said(one, have):
                _witness(groups, one, number)
    ordered = sorted(groups, key=lambda group: -len(group[1]))
    return [
        Asked(one.name_zh, one.name_en, one.unit, len(witnesses))
        for one, witnesses in ordered[:MOST_ASKED]
        if len(witnesses) >= LEAST_WITNESSES
    ]


def _is_said(one: Offered, have: Iterable[Wanted]) -> bool:
    return any(name_similarity(mine, one) >= ALIKE for mine in have)


def _witness(groups: list[tuple[Offered, set[int]]], one: Offered, number: int) -> None:
    mine = Wanted(one.name_zh, one.name_en, one.comparator, one.value, one.unit)
    for other, witnesses in groups:
        if name_similarity(mine, other) >= ALIKE:
            witnesses.add(number)
            return
    groups.append((one, {number}))


# --- What each condition costs ------------------------------------------------------------------------------------------


def _arches(facts: NeedFacts) -> list[Arch]:
    """The near results of the whole corpus, each with its arch."""
    scorer = scoring.Scorer(facts)
    found = scoring.items("achievement", scoring.nearest("achievement", scoring.query_text(facts), scoring.CANDIDATES))
    arches = [scorer.arch(other, explain=False) for other in found]
    return [arch for arch in arches if scoring.is_near(arch)]


def costs(arches: Sequence[Arch]) -> list[Cost]:
    """Each hard condition that loses at least one near result, the costliest first."""
    lost: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for arch in arches:
        unmet = [finding for stone in arch.stones for finding in stone.findings if finding.verdict is Verdict.UNMET]
        for finding in unmet:
            lost[_key(finding)].append(len(unmet) == 1)
    found = [Cost(*key, lost=len(alone), alone=sum(alone)) for key, alone in lost.items()]
    return sorted(found, key=lambda cost: (-cost.alone, -cost.lost, cost.label_zh))


def _key(finding: Finding) -> tuple[str, str, str]:
    if finding.stone is Stone.MATURITY:
        return "成熟度", "maturity", finding.asked
    return finding.label_zh, finding.label_en, finding.asked
