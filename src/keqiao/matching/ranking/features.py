"""What a query and the documents found for it have in common, as numbers that mean the same in every collection.

Everything is read from the tokens of the query and of the candidates; of the collection only how rare tokens are. Each
feature is divided by its largest value among the candidates, so that long and short queries, large and small
collections, Chinese and English texts can be weighed by one model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keqiao.matching.engine import Occurrences
from keqiao.matching.text import PAIR, index_tokens, is_cjk, is_cjk_character

# Of tokens: words and pairs of Chinese characters say the most, pairs of words and single characters go beside them.
GROUPS = ("main", "pair", "character")
SATURATION, LENGTH_SHARE = 1.2, 0.75  # k1 and b of BM25
QUERY_SATURATION = 8.0  # as in retrieval: a token that stands n times in the query weighs n · 9 / (n + 8)
RAREST = 10  # tokens of the query that `rarest` looks at
WINDOW = 64  # tokens of a passage, about a sentence or two
SHORT, LONG = 1.0, 6.0  # log of 1 + main tokens of a query: 2 and 400
_HEAD = re.compile(r"[。！？；!?;\n]|\.(?=\s|$)")
HEAD_LEAST = 8  # characters of an opening sentence

NAMES = (
    "fused", "lexical", "cosine",
    *(f"{group}_{what}" for group in GROUPS for what in ("bm25", "covered", "in_title")),
    *(f"head_{group}_{what}" for group in GROUPS for what in ("bm25", "covered", "in_title")),
    "rare_bm25", "rarest", "passage", "passage_pairs", "density", "title_density", "length", "title_length",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Query:
    """The different tokens of a query, and what each of them weighs."""

    tokens: list[str]
    idf: np.ndarray  # float32[tokens]
    weights: np.ndarray  # float32[tokens]: how often it stands there, saturated
    group: np.ndarray  # int8[tokens]: place in GROUPS
    in_head: np.ndarray  # bool[tokens]: stands in the opening sentence

    @property
    def words(self) -> int:
        """Different words, or Chinese pairs."""
        return int((self.group == 0).sum())

    @property
    def size(self) -> float:
        """-1 for one word, 1 for a page."""
        return (float(np.clip(np.log1p(self.words), SHORT, LONG)) - SHORT) / (LONG - SHORT) * 2 - 1

    @property
    def chinese(self) -> float:
        """-1 for none, 1 when all that matters is Chinese."""
        main = [token for token, group in zip(self.tokens, self.group, strict=True) if group == 0]
        return 2 * sum(map(is_cjk, main)) / len(main) - 1 if main else 0.0


@dataclass(frozen=True, eq=False)
class Candidates:
    """What the first look found: where the query's tokens stand in it, and what it scored."""

    places: Occurrences
    fused: np.ndarray  # float[documents]
    lexical: np.ndarray
    cosine: np.ndarray


def read_query(text: str, idf_of: Callable[[Sequence[str]], np.ndarray]) -> Query:
    counts = Counter(index_tokens(text))
    names = list(counts)
    n = np.fromiter(counts.values(), dtype=np.float32, count=len(names))
    head = set(index_tokens(opening(text)))
    return Query(
        tokens=names,
        idf=idf_of(names).astype(np.float32),
        weights=n * (QUERY_SATURATION + 1) / (n + QUERY_SATURATION),
        group=np.array([_group(name) for name in names], dtype=np.int8),
        in_head=np.array([name in head for name in names], dtype=bool),
    )


def opening(text: str) -> str:
    """The first sentence of a text: of a need, its title. All of it, when there is only one."""
    end = next((m.end() for m in _HEAD.finditer(text) if m.start() >= HEAD_LEAST), len(text))
    return text[:end]


def _group(token: str) -> int:
    return 1 if PAIR in token else 2 if is_cjk_character(token) else 0


def features(query: Query, found: Candidates) -> np.ndarray:
    """float32[documents, NAMES]: each column divided by its largest value."""
    at = found.places
    documents, tokens = len(at.lengths), len(query.tokens)
    shape = (documents, tokens)
    often = _counted(at.document * tokens + at.token, shape)
    titled = at.place < at.title_lengths[at.document]
    in_title = _counted((at.document * tokens + at.token)[titled], shape) > 0
    mean = max(float(at.lengths.mean()), 1.0) if documents else 1.0
    norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * at.lengths / mean)
    bm25 = often / (often + norm[:, None].astype(np.float32) + np.float32(1e-9))
    covered = (often > 0).astype(np.float32)
    matches = (bm25, covered, in_title.astype(np.float32))
    worth = query.idf * query.weights
    groups = [query.group == i for i in range(len(GROUPS))]
    main = groups[0]
    rare = np.argsort(-worth * main, kind="stable")[:RAREST]
    columns = [
        found.fused,
        found.lexical,
        found.cosine,
        *(_share(match, worth * group) for group in groups for match in matches),
        *(_share(match, worth * (group & query.in_head)) for group in groups for match in matches),
        _share(bm25, worth * query.idf * main),
        _share(bm25[:, rare], (worth * main)[rare]),
        _best_window(at, worth * main, shape),
        _best_window(at, worth * groups[1], shape),
        (covered @ (query.idf * main)) / np.sqrt(np.maximum(at.lengths, 1)),
        (matches[2] @ (query.idf * main)) / np.maximum(at.title_lengths, 1),
        np.log1p(at.lengths),
        np.log1p(at.title_lengths),
    ]
    return _scaled(np.stack(columns, axis=1).astype(np.float32))


def _counted(places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float32)


def _share(match: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """How much of what the query is worth a document has."""
    return match @ worth / max(float(worth.sum()), 1e-9)


def _best_window(at: Occurrences, worth: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The most that one passage of a document has of the query; passages overlap by half."""
    best = np.zeros(shape[0], dtype=np.float64)
    if not len(at.token) or not worth.any():
        return best
    wanted = worth[at.token] > 0
    document, place, token = at.document[wanted], at.place[wanted], at.token[wanted]
    most = int(at.lengths.max()) // WINDOW + 2
    for shift in (0, WINDOW // 2):
        window = document * most + (place + shift) // WINDOW
        once = np.unique(window * shape[1] + token)
        sums = np.bincount(once // shape[1], weights=worth[once % shape[1]], minlength=shape[0] * most)
        best = np.maximum(best, sums[: shape[0] * most].reshape(shape[0], most).max(axis=1))
    return best


def _scaled(columns: np.ndarray) -> np.ndarray:
    return columns / np.maximum(columns.max(axis=0, initial=0.0), np.float32(1e-6))
