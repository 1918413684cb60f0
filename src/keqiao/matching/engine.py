"""The seam between matching and a search engine: what any engine must do, and the plain words it is spoken to in.

Nothing lives only in an index: it can always be built again from the database. An index has a versioned name
("achievements_v3"); everybody else uses its alias ("achievements"), which `promote` points at a finished version.
Every `idx` argument may be either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from keqiao.matching.types import Hit

EPOCH = date(1970, 1, 1)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_RESERVED = frozenset({"id", "rev", "tokens", "title_length", "vector"})
QUERY_TERMS_MOST = 100  # by weight × idf; more cost time and bring nothing (docs/why/matching.md)
STEPS = 3  # a query weight is sent in thirds, as repetitions: time grows with their number
REPEATS_MOST = 64

Value = str | int | float | date


class SearchError(Exception):
    """The search index cannot do what was asked."""


class NoSuchIndex(SearchError):
    """No index or alias has this name; build it first."""


class BadFilter(SearchError):
    """The filter names an attribute that the index does not have, or compares it with the wrong kind of value."""


class Attribute(StrEnum):
    """What an attribute of a document holds."""

    KEYWORD = "keyword"
    KEYWORDS = "keywords"  # a list; asked with Has
    INTEGER = "integer"
    REAL = "real"
    DATE = "date"  # stored as whole days since 1970-01-01


@dataclass(frozen=True)
class Schema:
    """What the documents of an index carry besides tokens. dims: length of the vectors, 0 for none."""

    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    dims: int = 0

    def __post_init__(self) -> None:
        for name in self.attributes:
            check_name(name)
            if name in _RESERVED:
                raise SearchError(f"an attribute cannot be called {name!r}")


@dataclass(frozen=True, eq=False)
class Document:
    """One thing to be found. A higher rev replaces a lower one; the same or a lower rev changes nothing."""

    id: str
    rev: int
    tokens: list[str]
    vector: np.ndarray | None = None  # float32, length Schema.dims, L2 norm 1; None: not found by dense search
    attributes: Mapping[str, object] = field(default_factory=dict)  # missing or None: matches no comparison
    title_length: int = 0  # how many of the tokens, at the start, belong to the title


@dataclass(frozen=True, eq=False)
class Piece:
    """Some documents as columns, each once: what an index is filled with, and what one process hands to another."""

    ids: list[str]
    revs: list[int]
    tokens: list[str]  # of each document, joined by spaces
    title_lengths: list[int]
    vectors: np.ndarray  # float32[documents, dims]; 0 for a document that has none
    attributes: Mapping[str, list[Any]]
    # Fingerprints of the tokens, ascending, and in how many of the documents each stands; None: not counted yet.
    tally: tuple[np.ndarray, np.ndarray] | None = None

    def documents(self) -> Iterator[Document]:
        for number, code in enumerate(self.ids):
            vector = self.vectors[number]
            yield Document(
                code,
                self.revs[number],
                self.tokens[number].split(),
                vector if vector.any() else None,
                {name: values[number] for name, values in self.attributes.items()},
                self.title_lengths[number],
            )


@dataclass(frozen=True, eq=False)
class Occurrences:
    """Where some tokens stand in some documents, and what else a second look needs of them.

    The first three arrays speak of one place each, those of a document in reading order.
    """

    document: np.ndarray  # int64[places]: position in the list of documents that was asked for
    place: np.ndarray  # int64[places]: tokens before it in the document
    token: np.ndarray  # int64[places]: position in the list of tokens that was asked for
    lengths: np.ndarray  # int64[documents]: tokens of each; 0 for a document that is not there
    title_lengths: np.ndarray  # int64[documents]
    is_chinese: np.ndarray  # bool[documents]: most of its text is
    vectors: np.ndarray  # float32[documents, dims]; 0 for a document that has none

    def only(self, chosen: np.ndarray) -> Occurrences:
        """The same of some of the documents; `chosen`: their positions, ascending."""
        new = np.full(len(self.lengths), -1)
        new[chosen] = np.arange(len(chosen))
        kept = new[self.document] >= 0
        places = (new[self.document[kept]], self.place[kept], self.token[kept])
        rest = (self.lengths, self.title_lengths, self.is_chinese, self.vectors)
        return Occurrences(*places, *(column[chosen] for column in rest))


@dataclass(frozen=True, eq=False)
class Batch:
    """Some documents of an index as it holds them."""

    ids: list[str]
    tokens: list[str]  # of each document, in order, joined by spaces
    vectors: np.ndarray  # float32[documents, dims]; 0 for a document that has none


@dataclass(frozen=True)
class Eq:
    """The attribute is this value."""

    name: str
    value: Value


@dataclass(frozen=True)
class In:
    """The attribute is one of these values; "id" is allowed. No values: nothing matches."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Range:
    """low <= attribute < high; a side that is None is open."""

    name: str
    low: int | float | date | None = None
    high: int | float | date | None = None


@dataclass(frozen=True)
class Has:
    """The list attribute has at least one of these values."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class And:
    """All parts hold; of no parts, true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Or:
    """At least one part holds; of no parts, false."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Not:
    """Every document that `part` does not match, also those without the attribute."""

    part: Filter


Filter = And | Or | Not | Eq | In | Range | Has


@dataclass(frozen=True)
class Pending:
    """What maintenance left for next time: documents that are searched, but not yet through the index."""

    documents: int


class SearchEngine(Protocol):
    """What matching asks of an engine. All reads see every write that has returned, also of other processes."""

    def ensure(self, idx: str, schema: Schema) -> None:
        """Make the index if it is missing; an error if it is there with another schema."""

    def upsert(self, idx: str, docs: Iterable[Document], *, waits: bool = True) -> list[str]:
        """Add or replace documents; doing it again changes nothing.

        While an engine is kept up, what replaces older ones may have to wait, for minutes. `waits` False: the ids of these
        come back, to be written later, and what is new is written now.
        """

    def fill(self, idx: str, pieces: Iterable[Piece]) -> None:
        """Add many documents, each once, to an index that has none; memory does not grow with their number."""

    def delete(self, idx: str, ids: Iterable[str], *, waits: bool = True) -> list[str]:
        """Remove documents; unknown ids are no error. `waits` as above."""

    def lexical(self, idx: str, tokens: Mapping[str, float], where: Filter | None, k: int) -> list[Hit]:
        """The best k by BM25 (k1 1.2, b 0.75) over weighted query tokens; documents with none of them are left out.

        Weights are about 1: an engine may round them to thirds and leave out what comes to nothing.
        """

    def dense(self, idx: str, vector: np.ndarray, where: Filter | None, k: int, exact: bool | None = None) -> list[Hit]:
        """The best k by cosine. exact None: the engine chooses by what the filter leaves."""

    def occurrences(self, idx: str, ids: Sequence[str], tokens: Sequence[str]) -> Occurrences:
        """What a second look at candidates is made of: of documents that a search has found, as that search saw them."""

    def every(self, idx: str) -> Iterator[Batch]:
        """All documents, some at a time, in no order; none twice."""

    def count(self, idx: str, where: Filter | None = None) -> int:
        """How many documents match."""

    def facets(self, idx: str, name: str, where: Filter | None = None) -> dict[str, int]:
        """Documents by value of a keyword or keywords attribute, the most frequent first."""

    def idf(self, idx: str, tokens: Sequence[str]) -> np.ndarray:
        """BM25 idf of each token, float32, from statistics that may lag behind the documents by a fifth."""

    def stamp(self, idx: str) -> str | None:
        """Another one after every change that a search may notice; None when the engine cannot tell."""

    def is_due(self, idx: str) -> bool:
        """Is there something for `maintain` to do?"""

    def maintain(self, idx: str, budget_s: float) -> Pending:
        """Put what was written lately into the index; a job of the worker, which may take minutes while others write."""

    def promote(self, alias: str, idx: str) -> None:
        """From now on the alias means this version, in every process, at once."""

    def resolve(self, name: str) -> str | None:
        """The version an alias stands for, a version itself, or None."""

    def drop(self, idx: str) -> None:
        """Remove a version; refused while an alias points at it."""


def check_name(name: str) -> str:
    """Names of indexes and attributes go into file names and filters, so they are plain."""
    if not _NAME.match(name):
        raise SearchError(f"{name!r} is not a plain name (lower-case letters, digits, underscore)")
    return name


def days(value: date) -> int:
    """A date as it is stored: whole days since 1970-01-01."""
    return (value - EPOCH).days


# --- what every engine does alike --------------------------------------------------------------------------------------


def known_attribute(name: str, attributes: Mapping[str, Attribute], *, lists: bool = False) -> str:
    """The name, when the index has it and it is asked in the way that suits its kind."""
    kind = Attribute.KEYWORD if name == "id" else attributes.get(name)
    if kind is None:
        raise BadFilter(f"the index has no attribute {name!r}")
    if (kind is Attribute.KEYWORDS) != lists:
        raise BadFilter(f"attribute {name!r} is {kind.value}: ask with {'Eq, In or Range' if lists else 'Has'}")
    return name


def check_comparison(name: str, value: object, attributes: Mapping[str, Attribute]) -> str | int | float:
    """The value as it is stored, when it is of the attribute's kind."""
    kind = Attribute.KEYWORD if name == "id" else attributes[name]
    if kind is Attribute.KEYWORD and isinstance(value, str):
        return value
    if kind is Attribute.DATE and isinstance(value, date):
        return days(value)
    if kind in {Attribute.INTEGER, Attribute.DATE} and isinstance(value, int):
        return int(value)
    if kind is Attribute.REAL and isinstance(value, int | float) and np.isfinite(value):
        return float(value)
    raise BadFilter(f"attribute {name!r} is {kind.value} and cannot be compared with {value!r}")


def query_terms(tokens: Mapping[str, float], idf_of: Callable[[Sequence[str]], np.ndarray]) -> dict[str, int]:
    """The tokens that matter most, each with its weight in thirds; what a tokenizer would split is left out."""
    wanted = {t: weight for t, weight in tokens.items() if weight * STEPS > 0.5 and is_one_token(t)}
    if len(wanted) > QUERY_TERMS_MOST:
        names = list(wanted)
        gain = idf_of(names) * np.array([wanted[name] for name in names], dtype=np.float32)
        order = np.argsort(-gain, kind="stable")[:QUERY_TERMS_MOST]
        wanted = {names[i]: wanted[names[i]] for i in order}
    return {token: min(REPEATS_MOST, round(weight * STEPS)) for token, weight in wanted.items()}


def stored(value: Any, kind: Attribute) -> Any:
    """The value of an attribute as the index keeps it."""
    if kind is Attribute.DATE and isinstance(value, date):
        return days(value)
    if kind is Attribute.KEYWORDS and value is not None:
        return list(value)
    return value


def piece_of(docs: Iterable[Document], schema: Schema) -> Piece:
    """Of several revisions of a document the highest."""
    kept = newest(docs)
    texts = [joined(doc) for doc in kept]
    vectors = np.zeros((len(kept), schema.dims), dtype=np.float32)
    for number, doc in enumerate(kept):
        if schema.dims and doc.vector is not None:
            vectors[number] = doc.vector
    return Piece(
        [doc.id for doc in kept],
        [doc.rev for doc in kept],
        [text for text, _ in texts],
        [length for _, length in texts],
        vectors,
        {name: [stored(doc.attributes.get(name), kind) for doc in kept] for name, kind in schema.attributes.items()},
    )


def joined(doc: Document) -> tuple[str, int]:
    """The tokens with spaces between them, and how many belong to the title; what a tokenizer would split is left out."""
    text = " ".join(doc.tokens)
    if text.isprintable() and text.split() == doc.tokens:  # all of them, looked at together
        return text, min(doc.title_length, len(doc.tokens))
    title_length = sum(map(is_one_token, doc.tokens[: doc.title_length]))
    return " ".join(filter(is_one_token, doc.tokens)), title_length


def newest(docs: Iterable[Document]) -> list[Document]:
    """Of several revisions the highest, the first where they tie."""
    found: dict[str, Document] = {}
    for doc in docs:
        if doc.id not in found or found[doc.id].rev < doc.rev:
            found[doc.id] = doc
    return list(found.values())


def is_one_token(token: str) -> bool:
    """Not empty, no white space (as Unicode sees it, at which texts of tokens are split), and storable."""
    return token.split() == [token] and token.isprintable()
