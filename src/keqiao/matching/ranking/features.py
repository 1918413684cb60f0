"""What a query and the documents found for it have in common, as numbers that mean the same in every collection.

Everything is read from the tokens and vectors of the query and of the candidates; of the collection only how rare tokens
are. Each feature is divided by its largest value among the candidates, so that long and short queries, large and small
collections, Chinese and English texts can be weighed by one model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from keqiao.matching.engine import Occurrences
from keqiao.matching.text import PAIR, index_tokens, is_cjk, is_cjk_character

WORD, PAIR_OF_WORDS, CHARACTER = range(3)  # kinds of tokens; a pair of Chinese characters is a word
SATURATION, LENGTH_SHARE = 1.2, 0.75  # k1 and b of BM25
QUERY_SATURATION = 8.0  # as in retrieval: a token that stands n times in the query weighs n · 9 / (n + 8)
PASSAGE, SHORT_PASSAGE = 64, 32  # tokens: about two sentences, and one
EARLY = 50  # tokens after the title: what stands there first is worth half of what stands at the start
FIRST = 5  # candidates that the others are compared with
SHORT, LONG = 1.0, 6.0  # log of 1 + words of a query: 2 and 400
SENTENCES_MOST, PIECES_MOST = 30, 40
SHORTEST_SENTENCE = 4  # characters
_SENTENCE_END = re.compile(r"[。！？；!?;\n]+|\.(?=\s|$)")
_PIECE_END = re.compile(r"[\s,，、;；。.!?！？:：()（）]+")

NAMES = (
    "fused", "words", "covered", "pairs", "distinct", "sentence", "least_piece", "whole_pieces",
    "passage", "short_passage", "early", "about_missing", "like_first", "density", "length",
)  # fmt: skip

Idf = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True, eq=False)
class Query:
    """The different tokens of a query, and what each of them weighs."""

    tokens: list[str]
    idf: np.ndarray  # float32[tokens]
    weights: np.ndarray  # float32[tokens]: how often it stands there, saturated
    kind: np.ndarray  # int8[tokens]: WORD, PAIR_OF_WORDS or CHARACTER
    sentences: np.ndarray  # bool[sentences, tokens]: the words of each
    pieces: np.ndarray  # bool[pieces, tokens]: the words between two spaces or commas; no empty ones
    directions: np.ndarray  # float32[tokens, dims]: the meaning of each, L2 norm 1, or 0 where it is not known

    @property
    def words(self) -> int:
        """Different words, or Chinese pairs."""
        return int((self.kind == WORD).sum())

    @property
    def size(self) -> float:
        """-1 for one word, 1 for a page."""
        return (float(np.clip(np.log1p(self.words), SHORT, LONG)) - SHORT) / (LONG - SHORT) * 2 - 1

    @property
    def chinese(self) -> float:
        """-1 for none, 1 when all that matters is Chinese."""
        words = [token for token, kind in zip(self.tokens, self.kind, strict=True) if kind == WORD]
        return 2 * sum(map(is_cjk, words)) / len(words) - 1 if words else 0.0


@dataclass(frozen=True, eq=False)
class Candidates:
    """What the first look found: where the query's tokens stand in it, what it means and what it scored."""

    places: Occurrences
    vectors: np.ndarray  # float32[documents, dims]: L2 norm 1 or 0
    fused: np.ndarray  # float[documents]


def read_query(text: str, idf_of: Idf, directions_of: Idf | None = None) -> Query:
    counts = Counter(index_tokens(text))
    names = list(counts)
    n = np.fromiter(counts.values(), dtype=np.float32, count=len(names))
    kind = np.array([_kind(name) for name in names], dtype=np.int8)
    place = {name: i for i, name in enumerate(names) if kind[i] == WORD}
    sentences = [part for part in _SENTENCE_END.split(text) if len(part.strip()) >= SHORTEST_SENTENCE] or [text]
    pieces = _members(_PIECE_END.split(text)[:PIECES_MOST], place, len(names))
    return Query(
        tokens=names,
        idf=idf_of(names).astype(np.float32),
        weights=n * (QUERY_SATURATION + 1) / (n + QUERY_SATURATION),
        kind=kind,
        sentences=_members(sentences[:SENTENCES_MOST], place, len(names)),
        pieces=pieces[pieces.any(axis=1)],
        directions=directions_of(names) if directions_of else np.zeros((len(names), 0), dtype=np.float32),
    )


def _kind(token: str) -> int:
    return PAIR_OF_WORDS if PAIR in token else CHARACTER if is_cjk_character(token) else WORD


def _members(parts: Iterable[str], place: dict[str, int], count: int) -> np.ndarray:
    """bool[parts, count]: which tokens each part of a text has."""
    rows = [[place[token] for token in index_tokens(part) if token in place] for part in parts]
    found = np.zeros((len(rows), count), dtype=bool)
    for row, here in zip(found, rows, strict=True):
        row[here] = True
    return found


# BLAS multiplies in registers that it does not fill, and NumPy sometimes reports what it finds in the rest of them.
@np.errstate(invalid="ignore")
def features(query: Query, found: Candidates) -> np.ndarray:
    """float32[documents, NAMES]: each column divided by its largest value."""
    at = found.places
    shape = (len(at.lengths), len(query.tokens))
    often = np.bincount(at.document * shape[1] + at.token, minlength=shape[0] * shape[1]).reshape(shape)
    has = (often > 0).astype(np.float32)
    norm = SATURATION * (
        1 - LENGTH_SHARE + LENGTH_SHARE * at.lengths / max(float(at.lengths.sum()) / max(shape[0], 1), 1.0)
    )
    bm25 = (often / (often + norm[:, None] + 1e-9)).astype(np.float32)
    words = np.where(query.kind == WORD, query.idf, 0.0)  # how rare
    worth = words * query.weights
    pairs = np.where(query.kind == PAIR_OF_WORDS, query.idf * query.weights, 0.0)
    rare_here = np.log((shape[0] + 1) / (has.sum(axis=0) + 0.5)).astype(np.float32)
    columns = [
        found.fused,
        _share(bm25, worth),
        _share(has, worth),
        _share(bm25, pairs),
        _share(bm25, worth * rare_here),
        _best_sentence(bm25, query, words),
        *_pieces(has, query, words),
        _best_window(at, worth, shape, PASSAGE),
        _best_window(at, worth, shape, SHORT_PASSAGE),
        _share(_early(at, shape), worth),
        _about_missing(found.vectors, query, (1 - has) * worth),
        (found.vectors @ found.vectors[:FIRST].T).sum(axis=1),
        (has @ words) / np.sqrt(np.maximum(at.lengths, 1)),
        np.log1p(at.lengths),
    ]
    return _scaled(np.stack(columns, axis=1).astype(np.float32))


def _share(match: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """How much of what the query is worth a document has."""
    return match @ worth / max(float(worth.sum()), 1e-9)


def _best_sentence(bm25: np.ndarray, query: Query, words: np.ndarray) -> np.ndarray:
    """The most that a document has of one sentence of the query; a sentence of few words counts less."""
    each = query.sentences * words
    mass = each.sum(axis=1)
    weights = each / np.sqrt(np.maximum(mass * mass.max(initial=0.0), 1e-9))[:, None]
    return (bm25 @ weights.T).max(axis=1, initial=0.0)


def _pieces(has: np.ndarray, query: Query, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least that a document has of any piece of the query, and how much of the query is in pieces it has whole."""
    if not len(query.pieces):
        return np.zeros(len(has)), np.zeros(len(has))
    pieces = query.pieces.astype(np.float32)
    shares = has @ pieces.T / pieces.sum(axis=1)
    return shares.min(axis=1), _share((shares > 1 - 1e-3).astype(np.float32), pieces @ words)


def _best_window(at: Occurrences, worth: np.ndarray, shape: tuple[int, int], width: int) -> np.ndarray:
    """The most that one passage of a document has of the query; passages overlap by half."""
    best = np.zeros(shape[0], dtype=np.float64)
    if not len(at.token) or not worth.any():
        return best
    wanted = worth[at.token] > 0
    document, place, token = at.document[wanted], at.place[wanted], at.token[wanted]
    most = int(at.lengths.max()) // width + 2
    for shift in (0, width // 2):
        once = np.unique((document * most + (place + shift) // width) * shape[1] + token)
        sums = np.bincount(once // shape[1], weights=worth[once % shape[1]], minlength=shape[0] * most)
        best = np.maximum(best, sums.reshape(shape[0], most).max(axis=1))
    return best


def _early(at: Occurrences, shape: tuple[int, int]) -> np.ndarray:
    """float32[documents, tokens]: 1 for a token of the title or at the start of the text, falling; 0 where there is none."""
    early = np.zeros(shape[0] * shape[1], dtype=np.float32)
    key, first = np.unique(at.document * shape[1] + at.token, return_index=True)
    after = np.maximum(at.place[first] - at.title_lengths[at.document[first]], 0)
    early[key] = 1 / (1 + after / EARLY)
    return early.reshape(shape)


def _about_missing(vectors: np.ndarray, query: Query, missing: np.ndarray) -> np.ndarray:
    """How near a document is in meaning to the words of the query that it does not have."""
    near = np.maximum(vectors @ query.directions.T, 0)
    return (missing * near).sum(axis=1) / np.maximum(missing.sum(axis=1), 1e-9)


def _scaled(columns: np.ndarray) -> np.ndarray:
    """Each column from 0 to 1; one that is nowhere negative keeps its zero."""
    above = columns - columns.min(axis=0, initial=0.0)
    return above / np.maximum(above.max(axis=0, initial=0.0), np.float32(1e-6))
