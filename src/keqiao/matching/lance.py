"""The embedded search engine: LanceDB in a folder. Many processes may read while one at a time writes.

Found by experiment with lancedb 0.40 (figures in docs/why/matching.md):

- Over our own tokens with the `whitespace` tokenizer, `MatchQuery` scores are exactly BM25 with k1 1.2 and b 0.75 times
  k1 + 1. A token that stands n times in the query counts n times, at no cost in time; so weights are sent as
  repetitions. There is no query syntax to escape.
- A commit is one rename. A process killed at any point leaves files that nobody refers to, never half a version.
- Old versions are kept for an hour: a reader that started before a clean-up finishes what it reads.
- Rows not yet in the text index are found by a scan; `maintain` indexes them once there are about 2,000, while others write.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from keqiao.matching.counting import count_tokens
from keqiao.matching.engine import (
    STEPS,
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
    piece_of,
    query_terms,
)
from keqiao.matching.frequencies import (
    COUNTED_AT_ONCE,
    Frequencies,
    count_frequencies,
    kept_form,
    load_frequencies,
    together,
    total,
)
from keqiao.matching.kept import Memory, Row
from keqiao.matching.lance_filters import compile_filter, quoted
from keqiao.matching.lance_rows import arrow_schema, columns_of, matrix_of, schema_of
from keqiao.matching.types import Hit
from keqiao.runtime.environment import emptying, hiding, tell_library
from keqiao.runtime.files import replace_file
from keqiao.runtime.memory import give_back, hold_little

# Lance reads ahead as much as it may, 2 GB unless told otherwise: what an index build needs in memory would grow with the
# table. It looks when it first reads.
tell_library("LANCE_DEFAULT_IO_BUFFER_SIZE", str(8 * 1024 * 1024))
tell_library("LANCE_DEFAULT_BATCH_SIZE", "1024")
# What it holds while it sorts vectors into partitions, and how many parts of the text index wait to be written.
tell_library("LANCE_SHUFFLE_BATCH_BYTES", str(4 * 1024 * 1024))
tell_library("LANCE_FTS_WRITE_QUEUE_SIZE", "1")
# That Lance may hold while it builds the text index; beyond, it begins another part, and each part has lists of its own for all
# words of a query. 100,000 documents are one part; in eight, with 32, a query by words took three times as long.
TEXT_INDEX_MB = 192
# The same for upkeep: without, it puts all parts together into one, which it then reads whole each time.
tell_library("LANCE_FTS_PARTITION_SIZE", str(TEXT_INDEX_MB))
# Arrow loads pandas, some 40 MB, where another library happens to have brought it; nothing here wants it. Nor the client of
# tables that a server names: 160 classes of messages, 20 MB.
with hiding("pandas"), emptying("lance_namespace_urllib3_client"):
    import lancedb
    from lancedb.index import FTS, BTree, IvfFlat, LabelList
    from lancedb.query import MatchQuery

log = logging.getLogger(__name__)

# Lance would keep up to 6 GB of what it read in each process; the system keeps the files in memory once for all of them.
# 100,000 documents are 150 MB: of these the two queries take 33 ms of processor time with 48 or 64 MB, 20 with all of them.
# Among a million, words alone take 232 ms with 48 MB, 203 with 160, 72 with a gigabyte (bench/cache.py).
INDEX_CACHE_MB, METADATA_CACHE_MB = 48, 32
BATCH = 1000  # documents of one commit
FILLED_AT_ONCE = 8_000  # documents of one commit while an index is filled: about 32 MB
UNINDEXED_MOST = 2000  # every query reads each of them and cuts it into words
KEEP_VERSIONS = timedelta(hours=1)
HELD_MOST = 10.0  # seconds that changes wait for small files to be put together; it takes one or two
ANN_FROM = 50_000  # rows; below, a scan of all vectors is fast and exact
VECTORS_A_PARTITION = (
    64  # that its place is learned from; of 256, as Lance would take, memory grows by 160 MB at 100,000
)
ATTRIBUTES_FROM = (
    5_000  # rows; below, a filter reads the columns themselves as fast, and two dozen indexes need not be kept
)
EXACT_UP_TO = 20_000  # rows left by a filter: scanned, because an approximate search behind a filter loses hits
REMEMBERED = 20_000  # places of documents, about 4 MB: those of the last hundred searches
BM25_SCALE = 2.2 * STEPS  # k1 + 1, which Lance multiplies in and Lucene since version 8 does not
STALE_SHARE = 0.2  # document frequencies are counted again after the table grew or shrank by this much

TOKENS_INDEX = FTS(
    base_tokenizer="whitespace",
    stem=False,
    remove_stop_words=False,
    ascii_folding=False,
    lower_case=False,
    max_token_length=None,
    memory_limit=TEXT_INDEX_MB,
    num_workers=1,
)


class LanceEngine:
    """`SearchEngine` over one folder: tables in lance/, counts in frequencies/, aliases.json and locks."""

    def __init__(self, folder: Path, cache_mb: int = INDEX_CACHE_MB) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._db = self._connect(cache_mb, METADATA_CACHE_MB)
        self._tables: dict[str, Any] = {}
        self._frequencies: dict[str, Frequencies] = {}
        self._rows: dict[tuple[str, str], int] = {}  # where searches saw documents; `occurrences` looks there first
        self._memory = Memory()
        self._aliases: tuple[tuple[int, int, int], dict[str, str]] = ((0, 0, 0), {})
        self._guard = threading.Lock()

    # --- building ---------------------------------------------------------------------------------------------------

    def ensure(self, idx: str, schema: Schema) -> None:
        with self._writing():
            table = self._open(check_name(idx))
            if table is None:
                self._create(idx, schema)
            elif schema_of(table) != schema:
                raise SearchError(f"index {idx} exists with another schema; build the next version instead")
            else:
                _index_columns(table, schema)  # a killed process may have made the table but not all of its indexes

    def upsert(self, idx: str, docs: Iterable[Document], *, waits: bool = True) -> list[str]:
        left: list[str] = []
        with self._writing():
            table = self._table(idx)
            schema = schema_of(table)
            remaining = iter(docs)
            while batch := list(islice(remaining, BATCH)):
                with self._changing(waits=waits) as may_change:
                    older = set() if may_change else _present(table, [doc.id for doc in batch])
                    left += sorted(older)
                    if new := [doc for doc in batch if doc.id not in older]:
                        _merge(table, columns_of(piece_of(new, schema), schema))
        return left

    def fill(self, idx: str, pieces: Iterable[Piece]) -> None:
        """Appended in large parts and indexed once at the end: what is merged, compacted and then indexed anew takes more
        time, and memory that grows with the table.
        """
        hold_little()
        with self._writing():
            if self._table(idx).count_rows():
                raise SearchError(f"index {idx} has documents already")
            table = self._connect(0, 0).open_table(self._table(idx).name)  # what is read once is not kept
            counted = total(self._added(table, iter(pieces)))
            _index_columns(table, schema_of(table), anew=True)
            replace_file(self._frequencies_file(table.name), kept_form(*counted))
            give_back()
            _index_vectors(table)
            del table
            give_back()

    def _added(self, table: Any, pieces: Iterator[Piece]) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Adds all documents; says of each part what was counted."""
        schema = schema_of(table)
        for part in _parts(pieces):
            table.add(pa.concat_tables([columns_of(piece, schema) for piece in part]))
            yield sum(len(piece.ids) for piece in part), *together([_tally(piece) for piece in part])
            give_back()

    def delete(self, idx: str, ids: Iterable[str], *, waits: bool = True) -> list[str]:
        left: list[str] = []
        with self._writing():
            table = self._table(idx)
            remaining = iter(ids)
            while batch := list(islice(remaining, BATCH)):
                with self._changing(waits=waits) as may_change:
                    if may_change:
                        table.delete(_among(batch))
                    else:
                        left += sorted(_present(table, batch))
        return left

    # --- reading ----------------------------------------------------------------------------------------------------

    def lexical(self, idx: str, tokens: Mapping[str, float], where: Filter | None, k: int) -> list[Hit]:
        query = self._query_string(idx, tokens)
        if not query or k < 1:
            return []
        table = self._table(idx)
        match: Any = partial(MatchQuery, column="tokens")  # partial: its signature is made by pydantic
        search = table.search(match(query), query_type="fts").select(["id", "_score"]).with_row_id(True).limit(k)
        found = self._seen(table, _filtered(search, where, table).to_arrow())
        return _hits(found, "_score", lambda score: score / BM25_SCALE)

    def dense(self, idx: str, vector: np.ndarray, where: Filter | None, k: int, exact: bool | None = None) -> list[Hit]:
        table = self._table(idx)
        if k < 1 or not np.any(vector):
            return []
        search = table.search(vector.astype(np.float32), vector_column_name="vector").distance_type("dot")
        if self._scans(idx, where) if exact is None else exact:
            search = search.bypass_vector_index()
        else:
            search = search.nprobes(32)
        search = search.select(["id", "_distance"]).with_row_id(True).limit(k)
        found = self._seen(table, _filtered(search, where, table).to_arrow())
        return _hits(found, "_distance", lambda distance: 1.0 - distance)

    def occurrences(self, idx: str, ids: Sequence[str], tokens: Sequence[str]) -> Occurrences:
        table = self._table(idx)
        dims = schema_of(table).dims
        columns = ["tokens", "title_length", *(["vector"] if dims else [])]
        found = None
        while found is None:  # again only when another thread's documents pushed these out in between
            rows = self._kept(table, ids, columns)
            found = self._memory.occurrences([rows.get(code) for code in ids], tokens, dims)
        return found

    def _seen(self, table: Any, found: pa.Table) -> pa.Table:
        """Remembers where the hits of a search stand."""
        if len(self._rows) > REMEMBERED:
            self._rows.clear()
        self._rows.update(((table.name, code), row) for code, row in _pairs(found))
        return found

    def _kept(self, table: Any, ids: Sequence[str], columns: Sequence[str]) -> dict[str, Row]:
        """Id → row, for those that are there, when all these rows are in memory.

        Where a search has just seen them they are read without being looked for. A row that was left since holds nothing:
        then all are looked for.
        """
        places = {code: self._rows.get((table.name, code)) for code in ids}
        rows = {code: (table.name, row) for code, row in places.items() if row is not None}
        new = set(rows.values()) - self._memory.known(rows.values())
        if len(rows) == len(set(ids)):
            if new:
                taken = table.take_row_ids([row for _, row in new]).select(columns).with_row_id()
                self._memory.add(table.name, taken.to_arrow())
            if len(self._memory.known(rows.values())) == len(rows):
                return rows
        wanted = _among(ids) if ids else "false"
        found = table.search().where(wanted).select(["id", *columns]).with_row_id(True).limit(None).to_arrow()
        self._memory.add(table.name, found)
        self._seen(table, found)
        return {code: (table.name, row) for code, row in _pairs(found)}

    def every(self, idx: str) -> Iterator[Batch]:
        table = self._table(idx)
        dims = schema_of(table).dims
        columns = ["id", "tokens", *(["vector"] if dims else [])]
        for found in table.search().select(columns).limit(None).to_batches(COUNTED_AT_ONCE):
            if len(found):
                vectors = matrix_of(found["vector"], dims) if dims else np.zeros((len(found), 0), dtype=np.float32)
                yield Batch(found["id"].to_pylist(), found["tokens"].to_pylist(), vectors)

    def count(self, idx: str, where: Filter | None = None) -> int:
        table = self._table(idx)
        return int(table.count_rows(None if where is None else compile_filter(where, schema_of(table).attributes)))

    def facets(self, idx: str, name: str, where: Filter | None = None) -> dict[str, int]:
        table = self._table(idx)
        kind = schema_of(table).attributes.get(name)
        if kind not in {Attribute.KEYWORD, Attribute.KEYWORDS}:
            raise BadFilter(f"{name!r} is not a keyword attribute")
        column = _filtered(table.search().select([name]).limit(None), where, table).to_arrow()[name]
        values = pc.list_flatten(column) if kind is Attribute.KEYWORDS else column
        counted = [(c["values"], c["counts"]) for c in pc.value_counts(values).to_pylist() if c["values"] is not None]
        return dict(sorted(counted, key=lambda pair: (-pair[1], pair[0])))

    def idf(self, idx: str, tokens: Sequence[str]) -> np.ndarray:
        return self._statistics(idx).idf(tokens)

    def stamp(self, idx: str) -> str:
        table = self._table(idx)
        return f"{table.name} {table.version} {self._statistics(idx).stamp}"

    # --- upkeep -----------------------------------------------------------------------------------------------------

    def is_due(self, idx: str) -> bool:
        table = self._table(idx)
        schema, rows = schema_of(table), table.count_rows()
        lacks = (set(_wanted_indexes(table, schema)) | _wanted_vectors(table)) - _indexed(table)
        return bool(lacks) or _is_behind(table) or self._are_stale(table.name, rows)

    def maintain(self, idx: str, budget_s: float) -> Pending:
        """Indexes fresh rows when there are many; a step is not begun after the budget is spent.

        Others write meanwhile: to write every index anew takes two minutes among a million. Who changes or takes away
        documents waits, or comes again, while small files are put together at the beginning.
        """
        started = time.monotonic()
        with self._locked("upkeep.lock"):
            table = self._table(idx)
            if _is_behind(table):
                optimize = partial(table.optimize, cleanup_older_than=KEEP_VERSIONS)
                self._beside_writers(optimize, partial(self._with_few_changes, optimize, table.name))
            if time.monotonic() - started < budget_s:
                self._count_frequencies(table)
            if time.monotonic() - started < budget_s:
                self._beside_writers(partial(_index_columns, table, schema_of(table)))
            if time.monotonic() - started < budget_s:
                self._beside_writers(partial(_index_vectors, table))
            return Pending(_unindexed(table))

    def _beside_writers(self, work: Callable[[], None], at_first: Callable[[], None] | None = None) -> None:
        """While others write. When a commit of theirs and this one exclude each other, it is done again, and changes wait for
        all of it. Files that the first try left are no version's, and go after Lance's seven days.
        """
        try:
            (at_first or work)()
        except RuntimeError as trouble:
            if "conflict" not in str(trouble):
                raise
            log.warning("an upkeep of the index is done again", extra={"index_problem": str(trouble)[:300]})
            with self._locked("changes.lock"):
                work()

    def _with_few_changes(self, optimize: Callable[[], None], name: str) -> None:
        """Changes wait until small files are put together, which comes first and which they exclude: then there are fewer."""
        table = self._db.open_table(name)  # that handle is busy

        def files() -> int:
            return int(table.stats()["fragment_stats"]["num_fragments"])

        with ThreadPoolExecutor(1) as other:
            with self._locked("changes.lock"):
                before, working = files(), other.submit(optimize)
                latest = time.monotonic() + HELD_MOST
                while not working.done() and files() >= before and time.monotonic() < latest:
                    wait([working], 0.1)
            working.result()

    def promote(self, alias: str, idx: str) -> None:
        with self._writing():
            if self._open(idx) is None:
                raise NoSuchIndex(f"there is no index {idx}")
            self._write_aliases({**self._read_aliases(), check_name(alias): idx})

    def resolve(self, name: str) -> str | None:
        name = self._read_aliases().get(name, name)
        return None if self._open(name) is None else name

    def drop(self, idx: str) -> None:
        with self._locked("upkeep.lock"), self._writing():
            if idx in self._read_aliases().values():
                raise SearchError(f"index {idx} is in use")
            self._tables.pop(idx, None)
            self._frequencies.pop(idx, None)
            self._rows, self._memory = {}, Memory()  # another table of this name would number its rows anew
            self._db.drop_table(check_name(idx), ignore_missing=True)
            self._frequencies_file(idx).unlink(missing_ok=True)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _connect(self, index_mb: int, metadata_mb: int) -> Any:
        session = lancedb.Session(index_cache_size_bytes=index_mb << 20, metadata_cache_size_bytes=metadata_mb << 20)
        return lancedb.connect(self._folder / "lance", read_consistency_interval=timedelta(0), session=session)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time, over all processes."""
        with self._guard, self._locked("writer.lock"):
            yield

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """The system frees the lock of a killed process."""
        with (self._folder / name).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _changing(self, *, waits: bool) -> Iterator[bool]:
        """May documents be changed that are there already? Not while `maintain` excludes it; `waits`: until it has done."""
        with (self._folder / "changes.lock").open("a") as lock:
            may_change = True
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            except BlockingIOError:
                may_change = False
            yield may_change

    def _create(self, idx: str, schema: Schema) -> None:
        # What a killed creation left behind has no version and cannot be opened.
        shutil.rmtree(self._folder / "lance" / f"{idx}.lance", ignore_errors=True)
        self._frequencies_file(idx).unlink(missing_ok=True)
        table = self._db.create_table(idx, schema=arrow_schema(schema))
        _index_columns(table, schema)
        self._tables[idx] = table

    def _table(self, name: str) -> Any:
        table = self._open(self._read_aliases().get(name, name))
        if table is None:
            raise NoSuchIndex(f"there is no index {name}")
        return table

    def _open(self, idx: str) -> Any | None:
        if not (self._folder / "lance" / f"{idx}.lance" / "_versions").is_dir():
            self._tables.pop(idx, None)
            return None
        if idx not in self._tables:
            try:
                self._tables[idx] = self._db.open_table(idx)
            except ValueError:  # a folder without a finished first version
                return None
        return self._tables[idx]

    def _scans(self, idx: str, where: Filter | None) -> bool:
        return self.count(idx) <= ANN_FROM or (where is not None and self.count(idx, where) <= EXACT_UP_TO)

    def _query_string(self, idx: str, tokens: Mapping[str, float]) -> str:
        """The tokens that matter most, each repeated by its weight."""
        repeats = query_terms(tokens, partial(self.idf, idx))
        return " ".join(token for token, n in repeats.items() for _ in range(n))

    def _statistics(self, idx: str) -> Frequencies:
        name = self._read_aliases().get(idx, idx)
        path = self._frequencies_file(name)
        stamp = path.stat().st_mtime_ns if path.exists() else 0
        known = self._frequencies.get(name)
        if known is None or known.stamp != stamp:
            known = self._frequencies[name] = load_frequencies(path, stamp)
        return known

    def _count_frequencies(self, table: Any) -> None:
        rows = table.count_rows()
        if not self._are_stale(table.name, rows):
            return
        batches = table.search().select(["tokens"]).limit(None).to_batches(COUNTED_AT_ONCE)
        content = kept_form(*count_frequencies(batch["tokens"] for batch in batches))
        replace_file(self._frequencies_file(table.name), content)

    def _are_stale(self, idx: str, rows: int) -> bool:
        known = self._statistics(idx).documents
        return abs(rows - known) > STALE_SHARE * known

    def _frequencies_file(self, idx: str) -> Path:
        return self._folder / "frequencies" / f"{idx}.npy"

    def _read_aliases(self) -> dict[str, str]:
        path = self._folder / "aliases.json"
        try:
            state = path.stat()
        except FileNotFoundError:
            return {}
        stamp = (state.st_mtime_ns, state.st_ino, state.st_size)
        if self._aliases[0] != stamp:
            self._aliases = (stamp, json.loads(path.read_text(encoding="utf-8")))
        return self._aliases[1]

    def _write_aliases(self, aliases: dict[str, str]) -> None:
        replace_file(self._folder / "aliases.json", json.dumps(aliases, indent=1).encode())


def _filtered(search: Any, where: Filter | None, table: Any) -> Any:
    return search if where is None else search.where(compile_filter(where, schema_of(table).attributes))


# --- rows -------------------------------------------------------------------------------------------------------------


def _tally(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    return count_tokens(piece.tokens).tally() if piece.tally is None else piece.tally


def _parts(pieces: Iterator[Piece]) -> Iterator[list[Piece]]:
    """So many that they are one commit."""
    part: list[Piece] = []
    for piece in pieces:
        part.append(piece)
        if sum(len(one.ids) for one in part) >= FILLED_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _among(ids: Sequence[str]) -> str:
    return f"id IN ({', '.join(map(quoted, ids))})"


def _present(table: Any, ids: Sequence[str]) -> set[str]:
    """Those that it has already."""
    return set(table.search().where(_among(ids)).select(["id"]).limit(len(ids)).to_arrow()["id"].to_pylist())


def _merge(table: Any, rows: pa.Table) -> None:
    (
        table.merge_insert("id")
        .when_matched_update_all(where="source.rev > target.rev")
        .when_not_matched_insert_all()
        .execute(rows, on_bad_vectors="null")
    )


def _hits(found: pa.Table, column: str, score: Any) -> list[Hit]:
    """Best first; ties by id, so that the order is the same each time."""
    hits = [Hit(i, float(score(s))) for i, s in zip(found["id"].to_pylist(), found[column].to_pylist(), strict=True)]
    return sorted(hits, key=lambda hit: (-hit.score, hit.code))


def _pairs(found: pa.Table) -> list[tuple[str, int]]:
    """Id and number of each row."""
    return list(zip(found["id"].to_pylist(), found["_rowid"].to_pylist(), strict=True))


# --- indexes ----------------------------------------------------------------------------------------------------------


def _index_columns(table: Any, schema: Schema, *, anew: bool = False) -> None:
    have = set() if anew else _indexed(table)
    for column, config in _wanted_indexes(table, schema).items():
        if column not in have:
            table.create_index(column, config=config)


def _indexed(table: Any) -> set[str]:
    return {column for index in table.list_indices() for column in index.columns}


def _wanted_indexes(table: Any, schema: Schema) -> dict[str, Any]:
    wanted: dict[str, Any] = {"tokens": TOKENS_INDEX, "id": BTree()}
    if table.count_rows() >= ATTRIBUTES_FROM:
        for name, kind in schema.attributes.items():
            wanted[name] = LabelList() if kind is Attribute.KEYWORDS else BTree()
    return wanted


def _wanted_vectors(table: Any) -> set[str]:
    """An approximate index only for large tables; Lance keeps it up to date in `optimize`."""
    return {"vector"} if "vector" in table.schema.names and table.count_rows() > ANN_FROM else set()


def _index_vectors(table: Any) -> None:
    if _wanted_vectors(table) - _indexed(table):
        partitions = max(16, round(table.count_rows() ** 0.5))
        config = IvfFlat(distance_type="dot", num_partitions=partitions, sample_rate=VECTORS_A_PARTITION)
        table.create_index("vector", config=config)


def _is_behind(table: Any) -> bool:
    """Are so many rows scanned by every search that indexing them is worth it?"""
    return _unindexed(table) >= UNINDEXED_MOST or _is_first_index(table)


def _unindexed(table: Any) -> int:
    stats = table.index_stats("tokens_idx")
    return table.count_rows() if stats is None else int(stats.num_unindexed_rows)


def _is_first_index(table: Any) -> bool:
    """Nothing is indexed yet: the first documents need not wait for 2,000 more."""
    stats = table.index_stats("tokens_idx")
    return stats is not None and stats.num_indexed_rows == 0 and stats.num_unindexed_rows > 0
