"""From a text to the documents that may answer it: lexical and semantic legs, fused. One configuration for everything.

The same code serves the site, the stored matches and `keqiao evaluate`. It knows the engine only through its protocol.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from keqiao.kernel import measures
from keqiao.matching import lexicon
from keqiao.matching.dense import DenseModel
from keqiao.matching.engine import Filter, SearchEngine
from keqiao.matching.ranking.features import Candidates, Query, read_query
from keqiao.matching.ranking.model import RankingModel
from keqiao.matching.text import (
    PAIR,
    STOP_WORDS,
    cjk_tokens,
    index_tokens,
    is_cjk_character,
    passage_runs,
    tokens,
    word_token,
)
from keqiao.matching.types import Hit, Reach


@dataclass(frozen=True)
class Configuration:
    """The few numbers of retrieval, the same for every collection; experiments in docs/why/matching.md."""

    # A title says in ten words what the text says in two hundred. Twice gained up to 1 point on three collections of
    # papers and lost half a point on statutes and on CISI; three times brought no more.
    title_repeats: int = 2
    # A query word that stands n times weighs n(s+1)/(n+s): nearly n for short queries, bounded for a page of text.
    # Counting fully costs half a point on long Chinese queries, counting once 8 points on long English ones.
    query_saturation: float = 8.0
    # A pair of words says less than it seems, since its words count too. Full weight cost 2–3 points on short
    # questions; a third gained 3 points on long needs and cost nothing elsewhere.
    word_pair_weight: float = 1 / 3
    # Single Chinese characters help a short question, where few pairs are the same in question and answer, and add
    # noise to a long text. So all of them together weigh as much as twenty pairs, and each at most five thirds of one.
    character_budget: float = 20.0
    character_weight_most: float = 5 / 3
    # What a translated word weighs beside one of the query's own. In an index of both languages it must not drown what
    # is said in the query's own words; in one that lacks the query's language those are names and stray signs.
    translated_weight: float = 1.0
    translated_weight_alone: float = 2.0
    # Candidates of each leg: twice what is looked at, so that the legs have room to disagree.
    candidates: int = 200
    # Share of the semantic leg in the fused score; 0.1 to 0.3 are all above words alone. It gains where question and
    # answer use other words (1–2 points of nDCG, up to 8 of recall) and must not outvote a title that is known.
    dense_share: float = 0.15
    # Of these, how many get the second look of `ranking`: 100 found no more than 60 and took longer.
    ranked: int = 60


SHIPPED = Configuration()
QUERY_CHARACTERS_MOST = 20_000


class IdfSource(Protocol):
    """Whoever knows how rare tokens are: a retriever or a dense model."""

    def idf_of(self, tokens: Sequence[str]) -> np.ndarray:
        """float32[len(tokens)]"""


class Beside(Protocol):
    """Vectors of an embedding model beside our own (outer.py)."""

    @property
    def dense_share(self) -> float:
        """Of the semantic leg in the fused score when a query has them."""

    def query(self, text: str, own: np.ndarray | None, own_dims: int, reach: Reach) -> tuple[np.ndarray | None, bool]:
        """The vector to search with, and whether the model made part of it."""


class EqualIdf:
    """Before there is an index: every word says as much as any other."""

    def idf_of(self, tokens: Sequence[str]) -> np.ndarray:
        return np.ones(len(tokens), dtype=np.float32)


@dataclass(frozen=True)
class Candidate:
    """One document of the first stage: what the legs say of it on one scale, and both together."""

    code: str
    fused: float
    lexical: float  # share of the best BM25 score
    dense: float  # cosine


@dataclass(frozen=True, eq=False)
class Asked:
    """A text as the two legs are asked for it."""

    words: Mapping[str, float]  # token → weight
    vector: np.ndarray | None
    dense_share: float
    has_outer: bool  # an embedding model beside our own made part of the vector


class Retriever:
    """Search in one index. `model` None: words only; `ranking` None: no second stage."""

    def __init__(
        self,
        engine: SearchEngine,
        index_name: str,
        model: DenseModel | None = None,
        configuration: Configuration = SHIPPED,
        outer: Beside | None = None,
        ranking: RankingModel | None = None,
    ) -> None:
        self.engine = engine
        self.index_name = index_name
        self.model = model
        self.configuration = configuration
        self.outer = outer
        self.ranking = ranking

    def search(
        self,
        text: str,
        where: Filter | None = None,
        k: int = 100,
        *,
        least: float = 0.0,
        reach: Reach = Reach.PRIVATE,
        without: str = "",
        in_order: bool = True,
    ) -> list[Hit]:
        """The k documents that fit a text best, the best first.

        `least`: share of the best first-stage score below which a document says too little to be shown. `reach`: how
        far the text itself may go. `without`: the document that the text itself is of; the others are not measured by it.
        `in_order` False: the same ones, when k is at least `ranked`, as the first stage has them.
        """
        text = text[:QUERY_CHARACTERS_MOST]
        found, has_outer = self._first_stage(text, where, k + bool(without), reach)
        found = [hit for hit in found if hit.code != without]
        # Without a limit everything stays, also what a negative cosine put below zero.
        near = [hit for hit in found if hit.fused >= least * found[0].fused] if least > 0 else found
        # The order was learned without an embedding model beside our own; with one, the first stage is better alone.
        if has_outer or not in_order:
            return [Hit(hit.code, hit.fused) for hit in near][:k]
        with measures.stage("second_look"):
            return self._ranked(text, near)[:k]

    def candidates(
        self, text: str, where: Filter | None = None, k: int = 100, reach: Reach = Reach.PRIVATE
    ) -> list[Candidate]:
        """The first stage: what either leg finds, by fused score."""
        return self._first_stage(text, where, k, reach)[0]

    def asked(self, text: str, reach: Reach = Reach.PRIVATE) -> Asked:
        """What both legs are asked for a text."""
        text = text[:QUERY_CHARACTERS_MOST]
        words, translated = index_tokens(text), translated_weights(self, text, self.configuration)
        vector, has_outer = self._vector(text, added(Counter(words), translated), reach)
        share = self.outer.dense_share if self.outer and has_outer else self.configuration.dense_share
        return Asked(added(query_weights(words, self.configuration), translated), vector, share, has_outer)

    def _first_stage(self, text: str, where: Filter | None, k: int, reach: Reach) -> tuple[list[Candidate], bool]:
        """Its candidates, and whether an embedding model beside our own took part."""
        asked = self.asked(text, reach)
        depth = max(k, self.configuration.candidates)
        with measures.stage("words"):
            lexical = self.engine.lexical(self.index_name, asked.words, where, depth)
        with measures.stage("meaning"):
            vector = asked.vector
            dense = [] if vector is None else self.engine.dense(self.index_name, vector, where, depth)
        return fuse(lexical, dense, asked.dense_share, depth), asked.has_outer

    def _ranked(self, text: str, found: Sequence[Candidate]) -> list[Hit]:
        """The second stage: the first candidates in the learned order, then the others as they were.

        The order was learned where query and documents share words. So the documents in the query's own language are put
        in order among the places that they hold, and what was found by translation keeps its place.
        """
        codes = [hit.code for hit in found]
        first = found[: self.configuration.ranked]
        if self.ranking is not None and first:
            own, query, candidates = self.second_look(text, first)
            order = np.argsort(-self.ranking.scores(query, candidates), kind="stable")
            for place, chosen in zip(own.tolist(), own[order].tolist(), strict=True):
                codes[place] = first[chosen].code
        return [Hit(code, hit.fused) for code, hit in zip(codes, found, strict=True)]

    def second_look(self, text: str, found: Sequence[Candidate]) -> tuple[np.ndarray, Query, Candidates]:
        """The positions of those in the text's own language; the text and these as the features want them."""
        query = read_query(text, self.idf_of, self.model.directions if self.model else None)
        places = self.engine.occurrences(self.index_name, [hit.code for hit in found], query.tokens)
        own = np.flatnonzero(places.is_chinese == (lexicon.language_of(text) == "zh"))
        vectors = places.vectors[own, : self.model.dims if self.model else 0]  # behind them may stand an outer model's
        length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-9))
        fused = np.array([found[i].fused for i in own.tolist()])
        return own, query, Candidates(places.only(own), vectors / length, fused)

    def best_passages(self, query_text: str, document_text: str, n: int = 2) -> list[Passage]:
        """The sentences of a document that show best why it was found."""
        return best_passages(self, query_text, document_text, n)

    def idf_of(self, tokens: Sequence[str]) -> np.ndarray:
        """float32[len(tokens)]: how rare tokens are in this index."""
        return self.engine.idf(self.index_name, tokens)

    def _vector(self, text: str, counts: Mapping[str, float], reach: Reach) -> tuple[np.ndarray | None, bool]:
        """What is searched by meaning, and whether an embedding model beside our own made part of it."""
        vector = self.model.encode(counts) if self.model else None
        if self.outer and self.model:
            return self.outer.query(text, vector, self.model.dims, reach)
        return vector, False


def document_tokens(title: str, text: str) -> list[str]:
    """What is indexed of a document, and what the dense model learns from."""
    return title_tokens(title) + index_tokens(text)


def title_tokens(title: str) -> list[str]:
    """What comes first in `document_tokens`."""
    return index_tokens(title) * SHIPPED.title_repeats


def query_weights(words: Sequence[str], configuration: Configuration = SHIPPED) -> dict[str, float]:
    """Token → weight in the query; 1 for a word or a pair of Chinese characters that stands once."""
    counts = Counter(words)
    s, pair = configuration.query_saturation, configuration.word_pair_weight
    character = _character_weight(sum(map(is_cjk_character, counts)), configuration)
    return {
        word: n * (s + 1) / (n + s) * (pair if PAIR in word else character if is_cjk_character(word) else 1.0)
        for word, n in counts.items()
    }


def translated_weights(source: IdfSource, text: str, configuration: Configuration = SHIPPED) -> dict[str, float]:
    """What a text says, in tokens of the other language, when the index has documents in it."""
    groups = lexicon.translations(text, source.idf_of)
    if not groups:
        return {}
    found = lexicon.expand(groups, source.idf_of, configuration.query_saturation)
    is_beside = lexicon.is_in(lexicon.language_of(text), source.idf_of)
    each = configuration.translated_weight if is_beside else configuration.translated_weight_alone
    pair = configuration.word_pair_weight
    return {token: weight * each * (pair if PAIR in token else 1.0) for token, weight in found.items()}


def added(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    return {token: first.get(token, 0.0) + second.get(token, 0.0) for token in (*first, *second)}


def _character_weight(characters: int, configuration: Configuration) -> float:
    """What one of so many different Chinese characters weighs."""
    return min(configuration.character_weight_most, configuration.character_budget / max(characters, 1))


def fuse(lexical: Sequence[Hit], dense: Sequence[Hit], share: float, depth: int) -> list[Candidate]:
    """Both lists, each of at most `depth` hits, in one; the best first.

    BM25 is divided by its best value, so that a clear lexical winner stays one; cosine keeps its scale, so that a vague
    query is not made to look certain.
    """
    best = lexical[0].score if lexical else 1.0
    words = {hit.code: hit.score / best for hit in lexical}
    meaning = {hit.code: hit.score for hit in dense}
    least_words, least_meaning = _floor(words, depth), _floor(meaning, depth)
    both = ((code, words.get(code, least_words), meaning.get(code, least_meaning)) for code in words | meaning)
    fused = [Candidate(code, (1 - share) * word + share * sense, word, sense) for code, word, sense in both]
    return sorted(fused, key=lambda hit: (-hit.fused, hit.code))


def _floor(scores: Mapping[str, float], depth: int) -> float:
    """What a document scores that a leg did not return: nothing, or at most as much as the last of a full list."""
    return min(scores.values()) if len(scores) >= depth else 0.0


# --- evidence ---------------------------------------------------------------------------------------------------------

Passage = tuple[int, int, tuple[str, ...]]  # start and end in the document, the query's terms as they stand there

_SENTENCE = re.compile(r"[^。！？；!?;\n]*?(?:[。！？；!?;\n]+|\.(?=\s|$)|$)", re.DOTALL)
PASSAGE_MOST = 300  # characters; a longer sentence is cut at a comma or a space
REPEATED = 0.3  # what a term is worth in the second sentence when the first has it already


def best_passages(source: IdfSource, query_text: str, document_text: str, n: int = 2) -> list[Passage]:
    """The n sentences that carry most of the query by idf, in the order of the document; none that carry nothing."""
    wanted = wanted_terms(source, query_text)
    found = {(start, end): _matched(document_text[start:end], wanted) for start, end in sentences(document_text)}
    seen: set[str] = set()
    chosen: list[Passage] = []
    while len(chosen) < n and found:
        gains = {span: _gain(matched, wanted, seen) for span, matched in found.items()}
        best = max(gains, key=lambda span: (gains[span], -span[0]))
        if gains[best] <= 0:
            break
        matched = found.pop(best)
        seen |= matched.keys()
        chosen.append((*best, surfaces(document_text[slice(*best)], matched)))
    return sorted(chosen)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence, white space at its ends left out. Decimal points do not end one."""
    for match in _SENTENCE.finditer(text):
        start, end = match.span()
        while start < end:
            stop = _cut(text, start, end)
            piece = text[start:stop]
            if piece.strip():
                yield start + len(piece) - len(piece.lstrip()), stop - len(piece) + len(piece.rstrip())
            start = stop


def _cut(text: str, start: int, end: int) -> int:
    if end - start <= PASSAGE_MOST:
        return end
    limit = start + PASSAGE_MOST
    at = max(text.rfind(mark, start + PASSAGE_MOST // 2, limit) for mark in "，、,： ")
    return limit if at < 0 else at + 1


def wanted_terms(source: IdfSource, query_text: str) -> dict[str, float]:
    """Token → idf, with the translations, each with its share; a document in the query's language has none of these."""
    text = query_text[:QUERY_CHARACTERS_MOST]
    own = own_terms(source, text)
    found = set(tokens(text))
    translated = {t: w for t, w in translated_weights(source, text).items() if PAIR not in t and t not in found}
    idf = source.idf_of(list(translated)).tolist()
    return own | {token: rarity * min(translated[token], 1.0) for token, rarity in zip(translated, idf, strict=True)}


def own_terms(source: IdfSource, text: str) -> dict[str, float]:
    """Token → idf. Single Chinese characters mean little alone: they count only where the text has nothing else."""
    found = dict.fromkeys(tokens(text))
    names = [token for token in found if not is_cjk_character(token)] or list(found)
    return dict(zip(names, source.idf_of(names).tolist(), strict=True))


def _matched(sentence: str, wanted: Mapping[str, float]) -> dict[str, None]:
    """The wanted tokens in a sentence, in order."""
    return dict.fromkeys(token for token in tokens(sentence) if token in wanted)


def _gain(matched: Mapping[str, None], wanted: Mapping[str, float], seen: set[str]) -> float:
    return sum(wanted[token] * (REPEATED if token in seen else 1.0) for token in matched)


def surfaces(sentence: str, matched: Mapping[str, None]) -> tuple[str, ...]:
    """Matched terms as a reader sees them: whole words, and pairs of Chinese characters joined where they overlap."""
    found: dict[str, None] = {}
    for kind, run in passage_runs(sentence):
        if kind == "cjk":
            found |= dict.fromkeys(_joined_pairs(run, matched))
        elif run not in STOP_WORDS and word_token(run) in matched:
            found[run] = None
    return tuple(found)


def _joined_pairs(run: str, matched: Mapping[str, None]) -> Iterator[str]:
    covered = [False] * len(run)
    for token in cjk_tokens(run):
        at = run.find(token) if token in matched else -1
        while at >= 0:
            covered[at : at + len(token)] = [True] * len(token)
            at = run.find(token, at + 1)
    for is_covered, group in _groups(covered):
        if is_covered:
            yield run[group]


def _groups(flags: Sequence[bool]) -> Iterator[tuple[bool, slice]]:
    """Maximal stretches of equal flags."""
    start = 0
    for i in range(1, len(flags) + 1):
        if i == len(flags) or flags[i] != flags[start]:
            yield flags[start], slice(start, i)
            start = i
