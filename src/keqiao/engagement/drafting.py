"""The drafted text of a first contact: open questions first, made from the match's own findings.

Pure functions on plain data, the same text for the same match. Nobody's name is in it: whether a side is named is
decided where the thread is shown. The sender edits it before it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keqiao.engagement.types import Side
from keqiao.matching.types import Arch, Finding, Stone, Verdict

MOST_QUESTIONS = 6
MOST_MET = 3


@dataclass(frozen=True)
class Subject:
    """One item as the draft names it: its code and its title in the draft's language."""

    code: str
    title: str


def draft(lang: str, side: str, need: Subject | None, achievement: Subject | None, arch: Arch | None) -> str:
    """`side` is the sender's. Without an arch the two items were never matched: general questions take its place."""
    words = ZH if lang == "zh" else EN
    questions = list(asking(lang, side, arch)) if arch else general(lang, side)
    numbered = [f"{n}. {text}" for n, text in enumerate(questions[:MOST_QUESTIONS], start=1)]
    lines = [words["greeting"], "", words["opening"] + _about(lang, side, need, achievement)]
    lines += ["", words["questions"] if numbered else words["no_questions"], *numbered]
    fits = _met(lang, side, arch) if arch else ""
    lines += ["", *([fits] if fits else []), words[f"closing_{side}"]]
    return "\n".join(lines)


def asking(lang: str, side: str, arch: Arch) -> Iterator[str]:
    """What is to be asked of the other side: hard requirements first, then what is unknown, partly met, unproven."""
    findings = [finding for stone in arch.stones for finding in stone.findings]
    ordered = sorted(findings, key=lambda f: (not f.must, ORDER[f.verdict]))
    for finding in ordered:
        text = _question(lang, side, finding)
        if text:
            yield text


ORDER = {Verdict.UNMET: 0, Verdict.UNKNOWN: 1, Verdict.PARTLY: 2, Verdict.MET: 3}


def general(lang: str, side: str) -> list[str]:
    """Between two items that nobody matched, or when one side has no item."""
    if side == Side.NEED:
        return (
            [
                "目前的技术成熟度是几级，有哪些检测或应用数据？",
                "主要指标分别是在什么测试条件下得到的？",
                "接受哪些合作方式，价格大致是多少？",
            ]
            if lang == "zh"
            else [
                "What is the technology readiness level, and which test or field data are there?",
                "Under which conditions were the main figures measured?",
                "Which modes of cooperation would you accept, and roughly at what price?",
            ]
        )
    return (
        ["最看重的指标有哪些，各要达到多少？", "现在用的是什么方案，主要问题在哪里？", "预算和时间大致怎样安排？"]
        if lang == "zh"
        else [
            "Which figures matter most, and what must each reach?",
            "What do you use today, and where does it fall short?",
            "What budget and timetable do you have in mind?",
        ]
    )


def _about(lang: str, side: str, need: Subject | None, achievement: Subject | None) -> str:
    mine, yours = (need, achievement) if side == Side.NEED else (achievement, need)
    words = ZH if lang == "zh" else EN
    kinds = ("need", "result") if side == Side.NEED else ("result", "need")
    if mine and yours:
        return str(words["pair"]).format(
            mine=_named(lang, mine), yours=_named(lang, yours), my=words[kinds[0]], your=words[kinds[1]]
        )
    only = yours or mine
    return str(words["single"]).format(yours=_named(lang, only), your=words[kinds[1]]) if only else ""


def _named(lang: str, item: Subject) -> str:
    return f"“{item.title}”（{item.code}）" if lang == "zh" else f'"{item.title}" ({item.code})'


def _question(lang: str, side: str, finding: Finding) -> str:
    """The one question that a finding leaves open to the other side; empty when it leaves none, or none to them."""
    if finding.verdict is Verdict.UNKNOWN:
        return _unknown(lang, side, finding)
    if finding.verdict in {Verdict.PARTLY, Verdict.UNMET}:
        return _short(lang, side, finding)
    is_unproven = finding.stone is Stone.INDICATORS and side == Side.NEED and finding.offered and not finding.evidence
    return _unproven(lang, finding) if is_unproven else ""


def _unknown(lang: str, side: str, finding: Finding) -> str:
    """Unknown on their side: their question. Unknown on ours: what we will add ourselves."""
    is_ours = bool(finding.asked) if side == Side.ACHIEVEMENT else not finding.asked
    label = _label(lang, finding)
    if not is_ours:
        return finding.question_zh if lang == "zh" else finding.question_en
    if lang == "zh":
        asked = f"（{finding.asked}）" if finding.asked else ""
        return f"关于{label}{asked}，我们公开的资料里还没有写明，可以补充。您最关心其中哪些数据？"
    asked = f" ({_asked(lang, finding)})" if finding.asked else ""
    return f"On {_in_sentence(label)}{asked} our public material says nothing yet; we can add it. Which data matter to you?"


# What is said of something known that does not quite reach what was asked: {label}, {asked}, {offered}, {must}.
SHORT = {
    ("zh", Side.NEED, Stone.PRICE): "您的报价为 {offered}，我们的预算为 {asked}。价格或付款方式能否商量？",
    ("zh", Side.NEED, Stone.MODES): "您接受的合作方式为{offered}，我们希望{asked}。能否考虑？",
    ("zh", Side.NEED, None): "您的{label}为 {offered}，我们要求 {asked}{must}。能否达到，需要什么条件？",
    ("zh", Side.ACHIEVEMENT, Stone.PRICE): "您的预算为 {asked}，我们的报价为 {offered}。预算或付款方式能否商量？",
    ("zh", Side.ACHIEVEMENT, Stone.MODES): "您希望{asked}，我们可以{offered}。能否考虑？",
    ("zh", Side.ACHIEVEMENT, None): "您要求{label} {asked}，我们目前为 {offered}。这一项能否放宽，或分阶段达到？",
    (
        "en",
        Side.NEED,
        Stone.PRICE,
    ): "You ask for {offered}; our budget is {asked}. Could we talk about the price or the terms of payment?",
    ("en", Side.NEED, Stone.MODES): "You offer {offered}; we would like {asked}. Would you consider it?",
    (
        "en",
        Side.NEED,
        None,
    ): "Your {label} is {offered}; we need {asked}{must}. Can it be reached, and what would it take?",
    (
        "en",
        Side.ACHIEVEMENT,
        Stone.PRICE,
    ): "Your budget is {asked}; we ask for {offered}. Could we talk about the budget or the terms?",
    ("en", Side.ACHIEVEMENT, Stone.MODES): "You would like {asked}; we can offer {offered}. Would you consider it?",
    (
        "en",
        Side.ACHIEVEMENT,
        None,
    ): "You ask for {label} {asked}; we are at {offered}. Could it be relaxed, or be reached in stages?",
}
NOT_ASKED = {Stone.TECHNOLOGY, Stone.REGION}  # nobody changes these by being asked


def _short(lang: str, side: str, finding: Finding) -> str:
    """Something is known and does not quite reach what was asked."""
    label, asked, offered = _label(lang, finding), _asked(lang, finding), _offered(lang, finding)
    if not asked or not offered or finding.stone in NOT_ASKED:
        return ""
    stone = finding.stone if finding.stone in {Stone.PRICE, Stone.MODES} else None
    must = ("，这一项我们必须满足" if lang == "zh" else ", which is a must") if finding.must else ""
    shown = label if lang == "zh" else _in_sentence(label)
    return SHORT[lang, Side(side), stone].format(label=shown, asked=asked, offered=offered, must=must)


def _in_sentence(label: str) -> str:
    """Water flux is water flux inside a sentence; TRL and pH stay."""
    return label[0].lower() + label[1:] if label[1:2].islower() else label


def _unproven(lang: str, finding: Finding) -> str:
    """It fits on paper, and nothing says how it was measured."""
    label, offered = _label(lang, finding), _offered(lang, finding)
    if lang == "zh":
        return f"您的{label}指标（{offered}）未说明测试条件和依据，是在什么条件下测得的？有无第三方检测报告？"
    return (
        f"Your figure for {_in_sentence(label)} ({offered}) does not say how it was measured. "
        "Under which conditions, and is there a third-party report?"
    )


def _met(lang: str, side: str, arch: Arch) -> str:
    """What fits already, in one sentence: indicators first, with their evidence."""
    met = [
        finding
        for stone in arch.stones
        for finding in stone.findings
        if finding.verdict is Verdict.MET and finding.asked not in {"", "不限"} and finding.offered
    ]
    met.sort(key=lambda f: f.stone is not Stone.INDICATORS)
    named = [f"{_label(lang, f)} {_offered(lang, f)}" for f in met[:MOST_MET]]
    if not named:
        return ""
    if lang == "zh":
        return f"{'贵方' if side == Side.NEED else '我们'}的{'、'.join(named)} 与要求相符。"
    whose = "On your side" if side == Side.NEED else "On our side"
    return f"{whose}, {'; '.join(named)} already fit{'s' if len(named) == 1 else ''} what is asked."


def _label(lang: str, finding: Finding) -> str:
    return finding.label_zh if lang == "zh" else finding.label_en or finding.label_zh


def _asked(lang: str, finding: Finding) -> str:
    return finding.asked_en if lang == "en" and finding.asked_en else finding.asked


def _offered(lang: str, finding: Finding) -> str:
    return finding.offered_en if lang == "en" and finding.offered_en else finding.offered


ZH = {
    "greeting": "您好。",
    "opening": "",
    "pair": "我们的{my}{mine}与贵方的{your}{yours}可能相互对应。",
    "single": "我们对贵方的{your}{yours}感兴趣。",
    "need": "需求",
    "result": "成果",
    "questions": "想先确认几个问题：",
    "no_questions": "资料里的主要条件都已对上，想进一步了解细节。",
    "closing_need": "如方便，我们可以提供现场工况和样品，约时间详谈。",
    "closing_achievement": "如方便，我们可以提供样品和测试数据，约时间详谈。",
}
EN = {
    "greeting": "Hello.",
    "opening": "",
    "pair": "Our {my} {mine} may correspond to your {your} {yours}.",
    "single": "We are interested in your {your} {yours}.",
    "need": "need",
    "result": "research result",
    "questions": "May we first ask:",
    "no_questions": "The main conditions agree on paper; we would like to know more.",
    "closing_need": "We can share operating conditions and samples, and gladly arrange a call.",
    "closing_achievement": "We can share samples and test data, and gladly arrange a call.",
}
