"""From an item or a search to scored candidates: the index finds the nearest, the stones say how well each one fits.

What is read of recently seen items is kept in memory by code and revision, so that a search reads only what changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from keqiao.catalogue import selectors as catalogue
from keqiao.matching import excerpts, index_state, indexing, outer, queries, shadow, stones, weighing
from keqiao.matching.engine import Filter
from keqiao.matching.gathering import achievement_facts, need_facts, regions
from keqiao.matching.known import Known, as_known
from keqiao.matching.reasons import (
    Asked,
    AskedAcross,
    Pair,
    Passages,
    Shared,
    citation,
    languages_of,
    marked,
    nearest_pairs,
    read_passages,
)
from keqiao.matching.recent import Recent
from keqiao.matching.retrieval import EqualIdf, own_terms, surfaces, wanted_terms
from keqiao.matching.technology import meaning_fit, technology_finding, words_fit
from keqiao.matching.text import fingerprint, tokens
from keqiao.matching.types import AchievementFacts, Arch, Finding, Matches, NeedFacts, Reach, Stone, Weights

CODE_VERSION = "6"  # of the stones' rules and of the ranking model; a change makes stored matches stale
CANDIDATES = 100  # nearest items that are scored for a stored match
LEAST_TECHNOLOGY = 0.2  # fit of the technical field below which a pair is no match
KEPT_ITEMS = (
    1_000  # in memory of one process: 17 kB each, or 41 where there is no row to read; from a row one takes 0.1 ms
)
ANSWERS = 500  # searches whose answer is kept: about 10 kB each
FRESH_FOR = 60.0  # seconds that the weights are kept


# --- Slowly changing data ---------------------------------------------------------------------------------------------


def weights() -> Weights:
    """In force today, with the version that stored matches carry."""
    return _weights(int(time.monotonic() // FRESH_FOR))


@lru_cache(maxsize=1)
def _weights(minute: int) -> Weights:  # noqa: ARG001 -- only to forget after a while
    found = weighing.in_force()
    return Weights(found.points, weights_version(found))


def weights_version(found: weighing.Points) -> str:
    """How the version of a match begins that was computed with these points."""
    return f"stones-{CODE_VERSION}/{found.name}"


def forget_weights() -> None:
    """Those kept in this process: jobs that compute matches begin with what is in force now."""
    _weights.cache_clear()


def version(points: weighing.Points | None = None) -> str:
    """What computes a match now: rules, weights, dense model. `points`: those just asked of the database, for a page."""
    model, state = indexing.model(), index_state.serving()
    beside = f"+{state.outer}" if state and state.outer else ""
    begins = weights_version(points) if points else weights().version
    return f"{begins}/{model.version if model else 'none'}{beside}"


# --- Candidates -------------------------------------------------------------------------------------------------------


def nearest(
    kind: str,
    text: str,
    count: int,
    where: Filter | None = None,
    *,
    least: float = 0.0,
    reach: Reach = Reach.PRIVATE,
    in_order: bool = True,
) -> list[str]:
    """Codes of the published items whose text is nearest, best first; none while the index is being made.

    `least`: share of the best hit's score below which a hit says too little to be shown. `in_order` False: the same ones in
    any order, without a second look.
    """
    retriever = indexing.retriever(kind)
    if retriever is None:
        return []
    stamp = None if retriever.outer else retriever.engine.stamp(retriever.index_name)
    asked = (stamp, text, where, count, least)
    answers = [(*asked, "in order")] if in_order else [(*asked, "in order"), (*asked, "in any order")]
    found = next((kept for key in answers if (kept := _answers.get(key)) is not None), None) if stamp else None
    if found is None:
        hits = retriever.search(text, where, count, least=least, reach=reach, in_order=in_order)
        found = tuple(hit.code for hit in hits)
        other = indexing.other_side(kind) if reach is Reach.TYPED and in_order and not retriever.outer else None
        if other:
            shadow.ask(partial(other.search, text, where, shadow.FIRST, least=least, reach=reach), hits)
        if stamp:
            _answers.put(answers[-1], found)
    return list(found)


# The next page, another order and the same words of somebody else need no new search as long as the index is the same.
# Which of these items somebody may see is decided in the database afterwards, every time.
_answers: Recent[tuple[Any, ...], tuple[str, ...]] = Recent(ANSWERS)


def matches_of_need(need: Any, least: int, most: int) -> Matches:
    """The best by score of a need's nearest achievements."""
    facts = need_facts(need, regions())
    found = items("achievement", nearest("achievement", query_text(facts), CANDIDATES, reach=_reach(need)))
    return matches_among(facts, found, least, most)


def matches_among(need: NeedFacts, found: Sequence[Known], least: int, most: int) -> Matches:
    """The best by score of these achievements."""
    scorer = Scorer(need)
    return _explained([(other, scorer, other) for other in found], least, most)


def has_hard_requirements(need: Any) -> bool:
    facts = need_facts(need, regions())
    return facts.trl_min is not None or any(want.must for want in facts.indicators)


def candidates_of_need(need: Any, also: Sequence[str] = ()) -> tuple[Scorer, list[Known]]:
    """The need's nearest achievements, and `also`, which may have become matches from their own side."""
    facts = need_facts(need, regions())
    near = nearest("achievement", query_text(facts), CANDIDATES, reach=_reach(need))
    return Scorer(facts), items("achievement", list(dict.fromkeys((*near, *also))))


def matches_of_achievement(achievement: Any, least: int, most: int) -> Matches:
    """The best by score of the nearest needs, each scored as that need's match."""
    facts = achievement_facts(achievement, regions())
    offer = as_known(facts, achievement.revision, indexing.model())
    found = items("need", nearest("need", query_text(facts), CANDIDATES, reach=_reach(achievement)))
    return _explained([(need, Scorer(need.facts), offer) for need in found], least, most)


def _explained(pairs: list[tuple[Known, Scorer, Known]], least: int, most: int) -> Matches:
    """Score all, keep the best, and only then look for the words that show why: that takes most of the time.

    `pairs`: the counterpart, the need's scorer and the achievement, which is the counterpart unless that is the need.
    """
    scored = [(scorer.arch(offer, explain=False), other, scorer, offer) for other, scorer, offer in pairs]
    good = [row for row in scored if row[0].score >= least and is_near(row[0])]
    kept = sorted(good, key=lambda row: (-row[0].score, row[1].facts.code))[:most]
    return {other.facts.code: (other.revision, scorer.arch(offer)) for _, other, scorer, offer in kept}


def _reach(item: Any) -> Reach:
    return Reach.PUBLIC if item.state == "published" else Reach.PRIVATE


def prepare(kind: str, ids: Sequence[int]) -> None:
    """What a job does before it computes matches: inside the command no other machine is asked."""
    if not outer.name():
        return
    facts = achievement_facts if kind == "achievement" else need_facts
    found = [catalogue.item_by_id(kind, item_id) for item_id in ids]
    outer.prepare(
        query_text(facts(item, regions())) for item in found if item is not None and item.state == "published"
    )


def is_near(arch: Arch) -> bool:
    """Unknown counts half, so a pair of unrelated fields may still have 50 points: it is no match all the same."""
    return all(stone.fit >= LEAST_TECHNOLOGY for stone in arch.stones if stone.stone is Stone.TECHNOLOGY)


def search_arches(
    kind: str, query: queries.SearchQuery, codes: Sequence[str], revisions: Mapping[str, int] | None = None
) -> dict[str, Arch]:
    """Code → arch of a search against each item, in the order of `codes`; `revisions` as in `items`."""
    known = items(kind, codes, revisions)
    if not known:
        return {}
    asked = queries.asked(query, weights(), region_paths())
    scorer = Scorer(asked.need)
    if kind == "need":
        return {other.facts.code: scorer.nearness(other) for other in known}
    return {other.facts.code: scorer.arch_of_search(asked, other) for other in known}


def query_text(facts: NeedFacts | AchievementFacts) -> str:
    """What is sought: title, text and keywords in the item's own words."""
    return "\n".join((facts.title, facts.text, " ".join(facts.keywords)))


# --- One need against achievements ------------------------------------------------------------------------------------


class Scorer:
    """One need against many achievements: what is read of the need is read once."""

    def __init__(self, need: NeedFacts) -> None:
        self.need = need
        self.model = indexing.model()
        self.passages = read_passages(need, self.model)
        languages = self.passages.of_language
        self.translated: AskedAcross | None = None  # worked out when first needed
        self._judged: dict[Known, dict[Stone, tuple[Finding, ...]]] = {}
        self._read: dict[Known, tuple[float, tuple[Pair, ...]]] = {}
        self.asked = [Asked(self.passages, numbers, self._weights(numbers)) for numbers in languages.values()]

    def arch(self, other: Known, *, explain: bool = True) -> Arch:
        """Without `explain` the same score, and no passages. The best are explained after all were scored: what was
        judged of them then is kept.
        """
        if other not in self._judged:
            fit = self.technology(other, explain=False)
            self._judged[other] = stones.judge(self.need, other.facts, fit, region_names())
        findings = self._judged[other]
        if explain:
            findings = {**findings, Stone.TECHNOLOGY: (technology_finding(self.technology(other)),)}
        return stones.assemble(findings, weights())

    def arch_of_search(self, asked: queries.Asked, other: Known) -> Arch:
        """Only the stones that the search asks about. No passages: the result list shows its own."""
        fit = self.technology(other, explain=False)
        return queries.search_arch(asked, other.facts, fit, region_names())

    def nearness(self, other: Known) -> Arch:
        """A search for needs has nothing to offer yet: one stone, how near the texts are."""
        near = AchievementFacts(code=other.facts.code, title=other.facts.title, text=other.facts.text)
        alone = Weights({Stone.TECHNOLOGY: 100}, weights().version)
        return stones.build_arch(
            NeedFacts("", self.need.title, self.need.text), near, alone, self.technology(other, explain=False)
        )

    def technology(self, other: Known, *, explain: bool = True) -> stones.TechnologyFit:
        """From the passages that answer each other; of a need in two languages, from the one that finds more."""
        if not any(asked.total for asked in self.asked) or not other.passages.places:
            return stones.technology_fit(self.need, other.facts, text=None)
        across = self._across(other)
        fit, pairs = self._best_reading(other, across)
        if not explain:
            return stones.technology_fit(self.need, other.facts, text=fit)
        cite = across.citation if across else citation
        return stones.technology_fit(
            self.need,
            other.facts,
            text=fit,
            citations=[cite(self.passages, other.passages, pair) for pair in pairs],
            translated=across.seen(query_text(other.facts)) if across else None,
        )

    def _best_reading(self, other: Known, across: AskedAcross | None) -> tuple[float, tuple[Pair, ...]]:
        if other not in self._read:
            readings = [self._reading(asked.shared_with(other.passages)) for asked in self.asked]
            if across:
                readings += [self._reading(across.shared_with(other.passages)), self._meaning(other.passages)]
            self._read[other] = max(readings, key=lambda reading: reading[0])
        return self._read[other]

    def _across(self, other: Known) -> AskedAcross | None:
        """The need in the words of the other language, for an item that is in it alone."""
        if self.model is None or languages_of(self.passages) & languages_of(other.passages):
            return None
        if self.translated is None:
            self.translated = AskedAcross(self.passages, self.model)
        return self.translated

    def _reading(self, shared: Shared) -> tuple[float, tuple[Pair, ...]]:
        return words_fit(shared.weight, shared.total), shared.pairs

    def _meaning(self, other: Passages) -> tuple[float, tuple[Pair, ...]]:
        pairs = nearest_pairs(self.passages, other)
        return meaning_fit(sum(pair.gain for pair in pairs) / len(pairs) if pairs else 0.0), pairs

    def _weights(self, numbers: Iterable[int]) -> dict[int, float]:
        """Fingerprint of each term of these passages → how rare it is."""
        text = "\n".join(self.passages.text(number) for number in numbers)
        return {fingerprint(term): weight for term, weight in own_terms(self.model or EqualIdf(), text).items()}


def region_names() -> dict[str, tuple[str, str]]:
    return regions().both_names


def region_paths() -> dict[str, tuple[str, ...]]:
    return regions().paths


# --- Items in memory --------------------------------------------------------------------------------------------------

_kept: Recent[tuple[str, str], Known] = Recent(KEPT_ITEMS)


def items(kind: str, codes: Sequence[str], revisions: Mapping[str, int] | None = None) -> list[Known]:
    """Published items in the order of `codes`; what is in memory at the same revision and model is not read again.

    `revisions`: of the published ones among them, from whoever has just asked the database.
    """
    if not codes:
        return []
    model = indexing.model()
    revisions = catalogue.revisions(kind, codes) if revisions is None else revisions
    known = {code: item for code in codes if code in revisions and (item := _kept.get((kind, code)))}
    now = model.version if model else ""
    wanted = [(code, revisions[code]) for code in codes if code in revisions]
    missing = [c for c, r in wanted if c not in known or (known[c].revision, known[c].model) != (r, now)]
    for item in excerpts.read(kind, missing, model):
        known[item.facts.code] = item
        _kept.put((kind, item.facts.code), item)
    return [known[code] for code in codes if code in revisions and code in known]


# --- Words that show it -----------------------------------------------------------------------------------------------


class Showing:
    """One query that shows where texts say it: what its terms say is weighed once."""

    def __init__(self, query: str) -> None:
        model = indexing.model()
        self._wanted = wanted_terms(model, query) if model else {}
        weights = {fingerprint(term): weight for term, weight in self._wanted.items()}
        self._prints = np.array(sorted(weights), dtype=np.uint64)
        self._weights = np.array([weights[int(term)] for term in self._prints])

    def best_of(self, item: Known, part: str) -> tuple[str, tuple[tuple[int, int], ...]] | None:
        """The sentence of a part of an item that says most of the query, with the places of the matching terms in it: from
        the first language in which one says anything. What the sentences say was read before.
        """
        passages = item.passages
        if not len(self._prints) or not len(passages.prints):
            return None
        at = np.minimum(np.searchsorted(self._prints, passages.prints), len(self._prints) - 1)
        weights = np.where(self._prints[at] == passages.prints, self._weights[at], 0.0)
        says = np.bincount(passages.owners, weights, minlength=len(passages.places))
        for number, own in enumerate(passages.parts):
            places = [n for n, place in enumerate(passages.places) if own.name == part and place.part == number]
            best = max(places, key=lambda n: says[n], default=None)  # of equals the first
            if best is not None and says[best] > 0:
                return self._marked(passages.text(best))
        return None

    def _marked(self, sentence: str) -> tuple[str, tuple[tuple[int, int], ...]]:
        terms = {token: None for token in tokens(sentence) if token in self._wanted}
        return marked(sentence, surfaces(sentence, terms))
