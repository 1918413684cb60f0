"""The distributed search engine: Milvus (2.6 or later) behind the same seam as LanceDB, chosen by MILVUS_URI.

- **Words.** Milvus' own analyzers do not know our tokens. Each document carries a sparse vector: token → its part of BM25 (k1
  1.2, b 0.75), under a 32-bit fingerprint of the token; the query carries weight × idf; their inner product is BM25. The
  average length is that of the first documents of a version. How often tokens occur is counted by `maintain` and kept in
  Milvus, so that all machines weigh alike.
- **Filters** come from the same syntax tree. A negation is written out, "is null" and all, instead of asked of Milvus: what
  NOT makes of a missing value differs between its versions.
- **Consistency.** Searches read what is at most some seconds old ("Bounded"): "Strong" waits for a tick of Milvus' clock, up to
  0.2 s each time. What decides what to write, and counts, read "Strong". What somebody may see is decided by the database.
- **No partition key.** Few searches name a field, and all others would visit every partition.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from keqiao.matching.engine import (
    QUERY_TERMS_MOST,
    Attribute,
    BadFilter,
    Batch,
    Document,
    Filter,
    NoSuchIndex,
    Occurrences,
    Pending,
    Piece,
    Schema,
    SearchError,
    check_name,
    is_one_token,
    newest,
)
from keqiao.matching.frequencies import FREQUENCY, Frequencies, count_frequencies
from keqiao.matching.kept import Memory
from keqiao.matching.milvus.client import connect
from keqiao.matching.milvus.filters import TRUE, compile_filter, listed, quoted
from keqiao.matching.milvus.rows import LONGEST_TEXT, About, place_of, row_of
from keqiao.matching.types import Hit
from keqiao.runtime.environment import BadSetting

PREFIX = "keqiao_"
BATCH = 500  # documents of one request
READ_AT_ONCE = 1_000
MOST_HITS = 16_384  # that Milvus gives at once
STALE_SHARE = 0.2
COUNTED_WHEN_ASKED = 2_000  # documents of a young index whose tokens are counted when a search needs them
FRESH_FOR = 5.0  # seconds that what changes seldom is believed
PART = 45_000  # bytes of the counts in one row, before base64
TIMEOUT = 30.0

T = TypeVar("T")


class MilvusEngine:
    """`SearchEngine` over one Milvus. `folder`: of the lock that lets one process of this machine write at a time."""

    def __init__(
        self, uri: str, folder: Path, *, token: str = "", consistency: str = "Bounded", prefix: str = PREFIX
    ) -> None:
        if find_spec("pymilvus") is None:
            raise BadSetting("MILVUS_URI needs its client: pip install 'keqiao[milvus]'")
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = folder / "milvus.lock"
        self._uri, self._token, self._consistency, self._prefix = uri, token, consistency, prefix
        self._guard, self._connecting = threading.Lock(), threading.Lock()
        self._made: Any = None
        self._abouts: dict[str, tuple[float, About]] = {}
        self._frequencies: dict[str, tuple[float, Frequencies]] = {}

    # --- building ---------------------------------------------------------------------------------------------------

    def ensure(self, idx: str, schema: Schema) -> None:
        with self._writing():
            check_name(idx)
            if not self._client.has_collection(self._prefix + idx):
                self._create(idx, schema)
            elif self._read_about(idx).schema != schema:
                raise SearchError(f"index {idx} exists with another schema; build the next version instead")

    def upsert(self, idx: str, docs: Iterable[Document], *, waits: bool = True) -> list[str]:  # noqa: ARG002 -- it never lets a writer wait
        with self._writing():
            remaining = iter(docs)
            about = self._read_about(idx)
            while batch := newest(list(islice(remaining, BATCH))):
                known = self._revisions(idx, [doc.id for doc in batch])
                fresh = [doc for doc in batch if known.get(doc.id, -1) < doc.rev]
                if fresh and not about.average:
                    average = sum(len(doc.tokens) for doc in fresh) / len(fresh)
                    about = About(about.schema, max(1.0, average))
                    self._write_about(self._real(idx), about)
                if fresh:
                    self._client.upsert(self._name(idx), [row_of(doc, about) for doc in fresh], timeout=TIMEOUT)
        return []

    def fill(self, idx: str, pieces: Iterable[Piece]) -> None:
        self.upsert(idx, (doc for piece in pieces for doc in piece.documents()))

    def delete(self, idx: str, ids: Iterable[str], *, waits: bool = True) -> list[str]:  # noqa: ARG002 -- as above
        with self._writing():
            self._read_about(idx)
            remaining = iter(ids)
            while batch := list(islice(remaining, BATCH)):
                self._client.delete(self._name(idx), filter=f"id in [{listed(batch)}]", timeout=TIMEOUT)
        return []

    # --- reading ----------------------------------------------------------------------------------------------------

    def lexical(self, idx: str, tokens: Mapping[str, float], where: Filter | None, k: int) -> list[Hit]:
        self._about(idx)
        wanted = [token for token, weight in tokens.items() if weight > 0 and is_one_token(token)]
        if not wanted or k < 1:
            return []
        gains = self.idf(idx, wanted) * np.array([tokens[token] for token in wanted], dtype=np.float32)
        chosen = np.argsort(-gains, kind="stable")[:QUERY_TERMS_MOST]
        query: defaultdict[int, float] = defaultdict(float)
        for place in chosen.tolist():
            query[place_of(wanted[place])] += float(gains[place])
        hits = self._search(idx, dict(query), "lexical", where, k)
        return [hit for hit in hits if hit.score > 0]

    def dense(self, idx: str, vector: np.ndarray, where: Filter | None, k: int, exact: bool | None = None) -> list[Hit]:  # noqa: ARG002 -- Milvus chooses by itself what a filter leaves
        self._about(idx)
        if k < 1 or not np.any(vector):
            return []
        return self._search(idx, vector.astype(np.float32).tolist(), "vector", where, k, also="has_vector == true")

    def occurrences(self, idx: str, ids: Sequence[str], tokens: Sequence[str]) -> Occurrences:
        dims = self._about(idx).schema.dims
        names = ["id", "tokens", "title_length", "has_vector", *(["vector"] if dims else [])]
        found = self._query(idx, f"id in [{listed(ids)}]", names, self._consistency) if ids else []
        rows = {row["id"]: number for number, row in enumerate(found)}
        columns: dict[str, Any] = {
            "tokens": [row["tokens"] for row in found],
            "title_length": [row["title_length"] for row in found],
            "_rowid": list(range(len(found))),
        }
        if dims:
            vectors = [np.asarray(row["vector"], np.float32).tolist() if row["has_vector"] else None for row in found]
            columns["vector"] = pa.array(vectors, pa.list_(pa.float32(), dims))
        memory = Memory()
        memory.add(idx, pa.table(columns))
        places = memory.occurrences([(idx, rows[code]) if code in rows else None for code in ids], tokens, dims)
        assert places is not None  # nobody else adds to this memory
        return places

    def every(self, idx: str) -> Iterator[Batch]:
        dims = self._about(idx).schema.dims
        for rows in self._every(idx, "", ["id", "tokens", "has_vector", *(["vector"] if dims else [])]):
            vectors = np.zeros((len(rows), dims), dtype=np.float32)
            for place, row in enumerate(rows):
                if dims and row["has_vector"]:
                    vectors[place] = row["vector"]
            yield Batch([row["id"] for row in rows], [row["tokens"] for row in rows], vectors)

    def count(self, idx: str, where: Filter | None = None) -> int:
        def ask(about: About) -> int:
            condition = compile_filter(where, about.schema.attributes) if where else ""
            rows = self._client.query(
                self._name(idx),
                filter=condition,
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=TIMEOUT,
            )
            return int(rows[0]["count(*)"])

        return self._reading(idx, ask)

    def facets(self, idx: str, name: str, where: Filter | None = None) -> dict[str, int]:
        about = self._about(idx)
        kind = about.schema.attributes.get(name)
        if kind not in {Attribute.KEYWORD, Attribute.KEYWORDS}:
            raise BadFilter(f"{name!r} is not a keyword attribute")
        condition = compile_filter(where, about.schema.attributes) if where else ""
        counted: Counter[str] = Counter()
        for rows in self._every(idx, condition, [name]):
            values = (row[name] for row in rows if row[name] is not None)
            counted.update(value for each in values for value in ([each] if kind is Attribute.KEYWORD else each))
        return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))

    def idf(self, idx: str, tokens: Sequence[str]) -> np.ndarray:
        return self._statistics(idx).idf(tokens)

    def stamp(self, idx: str) -> None:  # noqa: ARG002 -- it has no number that changes with each write
        return None

    # --- upkeep -----------------------------------------------------------------------------------------------------

    def is_due(self, idx: str) -> bool:
        real = self._real(idx)
        known = self._kept_frequencies(real).documents
        return abs(self.count(real) - known) > STALE_SHARE * known

    def maintain(self, idx: str, budget_s: float) -> Pending:
        """Milvus indexes by itself; what is left is to count how often tokens occur."""
        if budget_s > 0:
            with self._writing():
                if self.is_due(idx):
                    real = self._real(idx)
                    self._keep_frequencies(real, *self._counted(real))
        return Pending(0)

    def promote(self, alias: str, idx: str) -> None:
        with self._writing():
            if not self._client.has_collection(self._prefix + idx):
                raise NoSuchIndex(f"there is no index {idx}")
            self._abouts.pop(alias, None)
            self._frequencies.pop(alias, None)
            change = self._client.alter_alias if self._target(check_name(alias)) else self._client.create_alias
            change(self._prefix + idx, self._prefix + alias)

    def resolve(self, name: str) -> str | None:
        found = self._target(name)
        if found is not None:
            return found
        return name if self._client.has_collection(self._prefix + check_name(name)) else None

    def drop(self, idx: str) -> None:
        with self._writing():
            name = self._prefix + check_name(idx)
            if not self._client.has_collection(name):
                return
            if self._client.list_aliases(name)["aliases"]:
                raise SearchError(f"index {idx} is in use")
            self._abouts.pop(idx, None)
            self._frequencies.pop(idx, None)
            self._client.drop_collection(name)
            self._forget(idx)

    # --- inside -----------------------------------------------------------------------------------------------------

    @property
    def _client(self) -> Any:
        """Made when first used: a Milvus that is away does not keep a site from starting."""
        if self._made is None:
            with self._connecting:
                if self._made is None:
                    self._made = connect(self._uri, self._token, TIMEOUT)
        return self._made

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer of this machine at a time; over machines the lock of the jobs sees to it."""
        with self._guard, self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _name(self, idx: str) -> str:
        return self._prefix + check_name(idx)

    def _target(self, alias: str) -> str | None:
        """The version that an alias stands for."""
        with contextlib.suppress(NoSuchIndex):
            return str(self._client.describe_alias(self._prefix + alias)["collection_name"]).removeprefix(self._prefix)
        return None

    def _real(self, idx: str) -> str:
        found = self.resolve(idx)
        if found is None:
            raise NoSuchIndex(f"there is no index {idx}")
        return found

    def _reading(self, idx: str, ask: Callable[[About], T]) -> T:
        """An alias may have come to mean another version since its schema was read: then once more."""
        try:
            return ask(self._about(idx))
        except SearchError:
            known = self._abouts.pop(idx, None)
            if known is None or self._about(idx) == known[1]:
                raise
            return ask(self._about(idx))

    def _search(self, idx: str, query: Any, column: str, where: Filter | None, k: int, also: str = "") -> list[Hit]:
        def ask(about: About) -> list[Hit]:
            parts = [part for part in (also, compile_filter(where, about.schema.attributes) if where else "") if part]
            found = self._client.search(
                self._name(idx), data=[query], anns_field=column, limit=min(k, MOST_HITS), output_fields=["id"],
                filter=" and ".join(f"({part})" for part in parts), search_params={"metric_type": "IP"},
                consistency_level=self._consistency, timeout=TIMEOUT,
            )  # fmt: skip
            return [Hit(row["id"], float(row["distance"])) for row in found[0]]

        return sorted(self._reading(idx, ask), key=lambda hit: (-hit.score, hit.code))

    def _query(self, idx: str, condition: str, names: list[str], consistency: str) -> list[Any]:
        given = {"output_fields": names, "limit": MOST_HITS, "consistency_level": consistency, "timeout": TIMEOUT}
        return list(self._client.query(self._name(idx), filter=condition, **given))

    def _every(self, idx: str, condition: str, names: list[str]) -> Iterator[list[Any]]:
        """All rows, some at a time."""
        iterator = self._client.query_iterator(
            self._name(idx),
            batch_size=READ_AT_ONCE,
            filter=condition or TRUE,
            output_fields=names,
            consistency_level="Strong",
        )
        try:
            while rows := iterator.next():
                yield list(rows)
        finally:
            iterator.close()

    def _revisions(self, idx: str, ids: Sequence[str]) -> dict[str, int]:
        return {row["id"]: row["rev"] for row in self._query(idx, f"id in [{listed(ids)}]", ["id", "rev"], "Strong")}

    # --- what is written down beside the documents --------------------------------------------------------------------

    @property
    def _notes(self) -> str:
        return f"{self._prefix}notes"

    def _about(self, idx: str) -> About:
        known = self._abouts.get(idx)
        if known is None or time.monotonic() - known[0] > FRESH_FOR:
            known = self._abouts[idx] = (time.monotonic(), self._read_about(idx))
        return known[1]

    def _read_about(self, idx: str) -> About:
        found = self._read_note(f"about:{self._real(idx)}")
        if found is None:
            raise NoSuchIndex(f"index {idx} was not finished")
        meaning = json.loads(found)
        attributes = {name: Attribute(kind) for name, kind in meaning["attributes"].items()}
        return About(Schema(attributes, meaning["dims"]), meaning["average"])

    def _write_about(self, idx: str, about: About) -> None:
        attributes = {name: kind.value for name, kind in about.schema.attributes.items()}
        meaning = {"dims": about.schema.dims, "attributes": attributes, "average": about.average}
        self._write_notes({f"about:{idx}": json.dumps(meaning)})

    def _read_note(self, key: str) -> str | None:
        condition = f"key == {quoted(key)}"
        try:
            rows = self._client.query(
                self._notes,
                filter=condition,
                output_fields=["value"],
                limit=1,
                consistency_level="Strong",
                timeout=TIMEOUT,
            )
        except NoSuchIndex:
            return None
        return str(rows[0]["value"]) if rows else None

    def _write_notes(self, notes: Mapping[str, str]) -> None:
        if not self._client.has_collection(self._notes):
            from pymilvus import DataType

            schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("key", DataType.VARCHAR, max_length=200, is_primary=True)
            schema.add_field("value", DataType.VARCHAR, max_length=LONGEST_TEXT)
            schema.add_field("place", DataType.FLOAT_VECTOR, dim=2)  # Milvus keeps nothing without a vector
            index = self._client.prepare_index_params()
            index.add_index("place", index_type="FLAT", metric_type="IP")
            self._client.create_collection(self._notes, schema=schema, index_params=index)
        rows = [{"key": key, "value": value, "place": [1.0, 0.0]} for key, value in notes.items()]
        for first in range(0, len(rows), 50):
            self._client.upsert(self._notes, rows[first : first + 50], timeout=TIMEOUT)

    def _forget(self, idx: str) -> None:
        if not self._client.has_collection(self._notes):
            return
        known = json.loads(self._read_note(f"frequencies:{idx}") or '{"parts": 0}')
        keys = [f"about:{idx}", f"frequencies:{idx}", *(f"frequencies:{idx}:{n}" for n in range(known["parts"]))]
        self._client.delete(self._notes, filter=f"key in [{listed(keys)}]", timeout=TIMEOUT)

    def _statistics(self, idx: str) -> Frequencies:
        at, known = self._frequencies.get(idx, (0.0, None))
        if known is not None and known.documents > COUNTED_WHEN_ASKED and time.monotonic() - at < FRESH_FOR:
            return known
        real = self._real(idx)
        rows = self.count(real)
        if known is None or self._is_stale(known, rows):
            known = self._kept_frequencies(real)
        if self._is_stale(known, rows) and rows <= COUNTED_WHEN_ASKED:
            documents, table = self._counted(real)
            known = Frequencies(documents, table["token"].copy(), table["documents"].copy(), 0)
        self._frequencies[idx] = (time.monotonic(), known)
        return known

    @staticmethod
    def _is_stale(known: Frequencies, rows: int) -> bool:
        return abs(rows - known.documents) > STALE_SHARE * known.documents

    def _counted(self, idx: str) -> tuple[int, np.ndarray]:
        batches = self._every(idx, "", ["tokens"])
        return count_frequencies(pa.array([row["tokens"] for row in rows]) for rows in batches)

    def _kept_frequencies(self, idx: str) -> Frequencies:
        found = json.loads(self._read_note(f"frequencies:{idx}") or '{"documents": 0, "parts": 0}')
        parts = [self._read_note(f"frequencies:{idx}:{n}") or "" for n in range(found["parts"])]
        table = np.frombuffer(b"".join(base64.b64decode(part) for part in parts), dtype=FREQUENCY)
        return Frequencies(found["documents"], table["token"].copy(), table["documents"].copy(), 0)

    def _keep_frequencies(self, idx: str, documents: int, table: np.ndarray) -> None:
        """The parts first, what leads to them last: a reader finds the old ones or the new ones whole."""
        content = table.tobytes()
        parts = [content[first : first + PART] for first in range(0, len(content), PART)]
        self._write_notes({f"frequencies:{idx}:{n}": base64.b64encode(part).decode() for n, part in enumerate(parts)})
        self._write_notes({f"frequencies:{idx}": json.dumps({"documents": documents, "parts": len(parts)})})
        self._frequencies.pop(idx, None)

    def _create(self, idx: str, schema: Schema) -> None:
        from pymilvus import DataType

        made = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        made.add_field("id", DataType.VARCHAR, max_length=512, is_primary=True)
        made.add_field("rev", DataType.INT64)
        made.add_field("tokens", DataType.VARCHAR, max_length=LONGEST_TEXT)
        made.add_field("title_length", DataType.INT64)
        made.add_field("has_vector", DataType.BOOL)
        made.add_field("lexical", DataType.SPARSE_FLOAT_VECTOR)
        index = self._client.prepare_index_params()
        index.add_index("lexical", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        if schema.dims:
            made.add_field("vector", DataType.FLOAT_VECTOR, dim=schema.dims)
            index.add_index("vector", index_type="AUTOINDEX", metric_type="IP")
        kinds = {
            Attribute.KEYWORD: DataType.VARCHAR, Attribute.INTEGER: DataType.INT64, Attribute.DATE: DataType.INT64,
            Attribute.REAL: DataType.DOUBLE,
        }  # fmt: skip
        for name, kind in schema.attributes.items():
            if kind is Attribute.KEYWORDS:
                of = {"element_type": DataType.VARCHAR, "max_capacity": 200, "max_length": 1024}
                made.add_field(name, DataType.ARRAY, nullable=True, **of)
            else:
                more = {"max_length": 4096} if kind is Attribute.KEYWORD else {}
                made.add_field(name, kinds[kind], nullable=True, **more)
        # What says what it holds comes first: a version that was left half made is made again under the next number.
        self._write_about(idx, About(schema, 0.0))
        self._client.create_collection(self._prefix + idx, schema=made, index_params=index)
