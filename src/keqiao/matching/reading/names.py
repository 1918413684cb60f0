"""What a figure is a figure of: the noun right before it, or after it in English."""

from __future__ import annotations

import re

NAME_WINDOW = 60  # characters before a figure in which its name is looked for
LONGEST_CHINESE = 24
LINKING = re.compile(
    r"(?:[\s:：=(（]|(?:is|are|was|were|of|must|should|be|can|will|to|reach(?:es|ed)?|about|approximately|from|has|have"
    r"|been|a|an|the|an order of|on the order)(?<=\b[a-z]{1})?\s"
    r"|\b(?:is|are|was|were|of|must|should|be|can|will|to|reach(?:es|ed)?|about|from|in the range|in a range|between)$"
    r"|预计|预期|有望|要求|应该?|需要?|可达到?|(?<![产性功节智动势热电光机])能达到?|达到了?|高达|维持在|保持在|控制在|稳定在"
    r"|从|由|[位处介]于|提高[了到至]?|提升[了到至]?|降低[了到至]?|减少[了到至]?|增加[了到至]?"
    r"|下降[了到至]?|分别|平均|仅需|仅|约|大约|可以|一般|均|仍|都|选|最高可?|最多可?|快|占|以|于|达|在|为|是|可"
    r"|(?<![产性功节智动势热电光机])能|了|到|至|不|其)$",
    re.IGNORECASE,
)
NAME_STOPS = re.compile(
    r"寻找|需要|要求|希望|想要|求购|求|找|我们|用于|具有|能够|并且|而且|以及|同时|其中|分别|表明|显示|得到|测得|实测"
    r"|检测|获得|结果|可使|使得|大约|占|条件下|通过|采用|设计|显著|高于|低于|相当"
    r"|可以|一般|使(?!用)|将|把|当|的|且|并|和|与|及|是|为|要|在|可达|达到|(?<![产性功])能达到",
)
NAME_RUN = re.compile(r"[\u4e00-\u9fffA-Za-z0-9Δμ²³₂℃%()（）/-]+$")
LIST_OF_NAMES = re.compile(r"[、,，]|和|与|及")
ENGLISH_STOPS = {
    "with", "and", "a", "an", "the", "for", "that", "has", "having", "is", "are", "which", "need", "needs", "want",
    "or", "looking", "seeking", "find", "of", "must", "be", "should", "to", "at", "in", "by", "on", "from", "its",
}  # fmt: skip
ENGLISH_AFTER_STOPS = ENGLISH_STOPS | {
    "as", "this", "these", "than", "per", "when", "while", "up", "using", "each", "within", "over", "under", "can",
    "will", "would", "could", "was", "were", "but", "if", "not", "only", "it", "they", "we", "both", "about", "below",
    "above", "between", "during", "after", "before", "into", "more", "less", "so",
}  # fmt: skip

Name = tuple[str, int]


def before(text: str, at: int, earliest: int, count: int = 1) -> list[Name]:
    """The names of `count` figures that are listed from `at` on, each with where it begins."""
    window = text[max(earliest, at - NAME_WINDOW) : at]
    offset = at - len(window)
    trimmed = _without_links(window)
    if count > 1 and "分别" in window[len(trimmed) - 4 :]:
        listed = _listed(trimmed, offset, count)
        if listed:
            return listed
    name = _one(trimmed, offset)
    return [name] * count


def _without_links(window: str) -> str:
    trimmed = window.rstrip()
    for _turn in range(8):
        shorter = LINKING.sub("", trimmed).rstrip()
        if shorter == trimmed:
            break
        trimmed = shorter
    return trimmed


R_SQUARED = re.compile(r"R ?[2²]$")


IN_BRACKETS = re.compile(r" ?[(（][^()（）]{0,20}[)）]$")


def _one(trimmed: str, offset: int) -> Name:
    trimmed = IN_BRACKETS.sub("", trimmed) or trimmed  # 决定系数(R2) is 决定系数
    if squared := R_SQUARED.search(trimmed):
        return "R2", offset + squared.start()
    if (trimmed and "\u4e00" <= trimmed[-1] <= "\u9fff") or trimmed[-1:] in {")", "）"}:
        return _chinese(trimmed, offset)
    return _english(trimmed, offset)


def _listed(trimmed: str, offset: int, count: int) -> list[Name]:
    """敏感性和特异性分别为 90 % 和 85 %: one name each, when there are as many names as figures."""
    clause_start = max((found.end() for found in re.finditer(r"[,，;；。]", trimmed)), default=0)
    clause = trimmed[clause_start:].removesuffix("分别")
    pieces = [piece for piece in re.split(r"[、]|和|与|及", clause) if piece]
    if len(pieces) != count:
        return []
    found = []
    at = clause_start
    for piece in pieces:
        begin = trimmed.find(piece, at)
        found.append(_one(trimmed[: begin + len(piece)], offset))
        at = begin + len(piece)
    return found


def _chinese(window: str, offset: int) -> Name:
    run = NAME_RUN.search(window)
    if run is None:
        return "", offset + len(window)
    begin = run.start()
    for stop in NAME_STOPS.finditer(run[0]):
        if stop.end() < len(run[0]):
            begin = run.start() + stop.end()
    if len(window) - begin > LONGEST_CHINESE:
        return "", offset + len(window)
    return window[begin:], offset + begin


def _english(window: str, offset: int) -> Name:
    begin = len(window)
    words = list(re.finditer(r"[A-Za-z][\w-]*", window))[-3:]
    for word, following in zip(reversed(words), [len(window), *(w.start() for w in reversed(words))], strict=False):
        gap = window[word.end() : following]
        if word[0].casefold() in ENGLISH_STOPS or gap.strip():
            break
        begin = word.start()
    return window[begin:].rstrip(), offset + begin


def after(text: str, at: int) -> str:
    """In English the name may follow: "10 % accuracy", "a 3 dB gain in sensitivity"."""
    words: list[str] = []
    for word in re.finditer(r" ([A-Za-z][a-z]+(?:-[a-z]+)?)", text[at : at + 60]):
        if word.start() != sum(len(w) + 1 for w in words) or word[1].casefold() in ENGLISH_AFTER_STOPS:
            break
        words.append(word[1])
    return " ".join(words[:3])
