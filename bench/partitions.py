"""What partitions do for events and matches: `python bench/partitions.py [--rows 1000000] [--out FILE]`.

Fills a database of its own (build/bench-partitions) with the same rows in one table, in partitions by ranges of numbers as the
platform has them (a tenth of the rows each), and, for events, in monthly partitions, with the platform's indexes. Asks all by
turns what the platform asks. Decision 0029.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from keqiao.runtime import postgres  # noqa: E402 -- found from here
from keqiao.runtime.environment import read_environment  # noqa: E402

Connection = psycopg.Connection[Any]
MONTHS = 36
PARTS = 10
A_NEED = 40  # matches that a need keeps

EVENT = """(id bigint DEFAULT nextval('numbers'), name varchar(80) NOT NULL, at timestamptz NOT NULL,
    actor_id bigint, subject varchar(80) NOT NULL, is_public boolean DEFAULT false NOT NULL, data jsonb NOT NULL)"""
MATCH = """(id bigint DEFAULT nextval('numbers'), need_id bigint NOT NULL, achievement_id bigint NOT NULL, score smallint NOT NULL,
    has_unmet boolean NOT NULL, arch jsonb NOT NULL, version varchar(80) NOT NULL, computed_at timestamptz DEFAULT now())"""
EVENTS_FROM = """
SELECT nextval('numbers'), 'context.thing_' || i %% 40,
    timestamptz '2024-01-01 UTC' + i * (interval '36 months' / %(rows)s), i %% 5000,
    'catalogue.need:' || (i * 7919::bigint) %% 100000, i %% 10 = 0,
    jsonb_build_object('organisation_id', i %% 3000, 'fields', jsonb_build_array('title'), 'merge_id', i %% 977)
FROM generate_series(0, %(rows)s - 1) i
"""
MATCHES_FROM = """
SELECT nextval('numbers'), 1 + i / 40, 1 + (i * 7919::bigint) %% 1000000, (i * 31) %% 101, i %% 3 = 0,
    jsonb_build_object('stones', jsonb_build_array(repeat(md5(i::text), 6))), 'v1/' || i %% 3, now()
FROM generate_series(0, %(rows)s - 1) i
"""
UNSEALED = "SELECT id FROM {t} WHERE NOT EXISTS (SELECT FROM seals WHERE event_id = {t}.id"
Asked = dict[str, tuple[str, int]]  # what → query, rounds
OF_EVENTS: Asked = {
    "one event by its id (each job that tells subscribers)": ("SELECT * FROM {t} WHERE id = {id}", 300),
    "how many of a subject (a thread, a case)": (
        "SELECT count(*) FROM {t} WHERE subject = 'catalogue.need:{small}'",
        300,
    ),
    "newest 20 of a name (feeds)": (
        "SELECT * FROM {t} WHERE name = 'context.thing_{tiny}' ORDER BY id DESC LIMIT 20",
        300,
    ),
    "what a merge moved": ("SELECT * FROM {t} WHERE data ? 'merge_id' AND data -> 'merge_id' = '{tiny}'", 30),
    "not sealed yet, the hourly look at all": (UNSEALED + ") ORDER BY id LIMIT 5000", 5),
    "not sealed yet, each minute's look": (
        UNSEALED + " AND event_id > {late}) AND id > {late} ORDER BY id LIMIT 5000",
        15,
    ),
}
REPLACE = (
    "WITH gone AS (DELETE FROM {t} WHERE need_id = {need} RETURNING *) "
    "INSERT INTO {t} (need_id, achievement_id, score, has_unmet, arch, version) "
    "SELECT need_id, achievement_id + 1000000, score, has_unmet, arch, version FROM gone"
)
OF_MATCHES: Asked = {
    "a need's 20 best": (
        "SELECT * FROM {t} WHERE need_id = {need} ORDER BY has_unmet, score DESC, achievement_id LIMIT 20",
        300,
    ),
    "an achievement's 20 best": (
        "SELECT * FROM {t} WHERE achievement_id = {small} ORDER BY has_unmet, score DESC, need_id LIMIT 20",
        300,
    ),
    "the 200 best of all (home page)": (
        "SELECT id, need_id FROM {t} WHERE NOT has_unmet ORDER BY score DESC, id LIMIT 200",
        100,
    ),
    "those of 500 needs (workbench of a large house)": (
        "SELECT count(*) FROM {t} WHERE need_id IN (SELECT generate_series({need}, {need} + 499))",
        30,
    ),
    "replace a need's": (REPLACE, 100),
}


@dataclasses.dataclass(frozen=True)
class Kind:
    """One table of the platform in several shapes."""

    name: str
    columns: str
    rows: str
    indexes: tuple[str, ...]
    key: str
    by: str  # the column of the ranges
    asked: Asked
    shapes: tuple[str, ...]


EVENTS = Kind(
    "events", EVENT, EVENTS_FROM,
    ("(subject, id)", "(name, id)", "((data -> 'merge_id')) WHERE data ? 'merge_id'"),
    "id", "id", OF_EVENTS, ("one", "ranges", "months"),
)  # fmt: skip
MATCHES = Kind(
    "matches", MATCH, MATCHES_FROM,
    ("(need_id, has_unmet, score DESC, achievement_id)", "(achievement_id, has_unmet, score DESC, need_id)",
     "(has_unmet, score DESC, id)"),
    "id, need_id", "need_id", OF_MATCHES, ("one", "ranges"),
)  # fmt: skip


def make(connection: Connection, kind: Kind, shape: str, rows: int) -> None:
    table = f"{kind.name}_{shape}"
    connection.execute("CREATE SEQUENCE IF NOT EXISTS numbers")
    connection.execute(f"DROP TABLE IF EXISTS {table}")
    by = {"one": "", "ranges": f"PARTITION BY RANGE ({kind.by})", "months": "PARTITION BY RANGE (at)"}[shape]
    connection.execute(f"CREATE TABLE {table} {kind.columns} {by}")
    connection.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({kind.key}{', at' if shape == 'months' else ''})")
    for index in kind.indexes:
        connection.execute(f"CREATE INDEX ON {table} {index}")
    for n, (first, until) in enumerate(bounds(kind, shape, rows)):
        connection.execute(f"CREATE TABLE {table}_{n} PARTITION OF {table} FOR VALUES FROM ({first}) TO ({until})")
    connection.execute("ALTER SEQUENCE numbers RESTART")
    connection.execute(f"INSERT INTO {table} {kind.rows}", {"rows": rows})


def bounds(kind: Kind, shape: str, rows: int) -> Iterator[tuple[str, str]]:
    if shape == "ranges":
        width = (rows if kind is EVENTS else rows // A_NEED) // PARTS
        for n in range(PARTS):
            yield str(n * width), str((n + 1) * width)
        yield str(PARTS * width), "MAXVALUE"
    if shape == "months":
        for n in range(MONTHS + 1):
            first, until = (f"timestamptz '2024-01-01 UTC' + {month} * interval '1 month'" for month in (n, n + 1))
            yield first, until


def seconds(connection: Connection, query: str) -> float:
    began = time.perf_counter()
    connection.execute(query)
    return time.perf_counter() - began


def pages(connection: Connection, query: str) -> int:
    """How many pages a query looks at, with its planning: the same on a busy machine."""
    row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}").fetchone()
    assert row
    plan = row[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def filled(query: str, table: str, n: int, rows: int) -> str:
    need = n * 997 % (rows // A_NEED - 600) + 1
    return query.format(
        t=table, id=(n + 1) * 7907 % rows + 1, small=n * 31 % 100_000, tiny=n % 40, late=rows - 20_100, need=need
    )


Row = tuple[str, list[float], list[int]]  # what; milliseconds and pages in each shape


def compare(connection: Connection, kind: Kind, rows: int) -> Iterator[Row]:
    """Medians, asked by turns."""
    tables = [f"{kind.name}_{shape}" for shape in kind.shapes]
    for what, (query, rounds) in kind.asked.items():
        seen = [pages(connection, filled(query, table, 7, rows)) for table in tables]
        taken: list[list[float]] = [[] for _ in tables]
        for n in range(rounds):
            for table, times in zip(tables, taken, strict=True):
                times.append(1000 * seconds(connection, filled(query, table, n + 10, rows)))
        yield what, [statistics.median(times) for times in taken], seen
    yield "VACUUM after these", [1000 * seconds(connection, f"VACUUM {table}") for table in tables], []
    for table in tables:
        connection.execute(
            f"INSERT INTO {table} {kind.rows.replace('1 + i / 40', f'{rows // A_NEED} + i / 40')}", {"rows": 10_000}
        )
    yield "VACUUM after 10,000 new rows", [1000 * seconds(connection, f"VACUUM {table}") for table in tables], []
    yield "VACUUM FREEZE", [1000 * seconds(connection, f"VACUUM FREEZE {table}") for table in tables], []


def size(connection: Connection, table: str) -> float:
    one = connection.execute(
        "SELECT pg_total_relation_size(%s::regclass) + coalesce(sum(pg_total_relation_size(inhrelid)), 0) FROM pg_inherits "
        "WHERE inhparent = %s::regclass",
        [table, table],
    ).fetchone()
    assert one
    return float(one[0]) / 1e6


def table_of(kind: Kind, found: Sequence[Row], sizes: Sequence[float]) -> Iterator[str]:
    names = {"one": "one table", "ranges": f"{PARTS} ranges", "months": f"{MONTHS + 1} months"}
    heads = [names[shape] for shape in kind.shapes]
    yield f"## {kind.name.capitalize()}\n"
    yield (
        "| | "
        + " | ".join(f"{head}, ms" for head in heads)
        + " | "
        + " | ".join(f"{head}, pages" for head in heads)
        + " |"
    )
    yield "|---|" + "--:|" * (2 * len(heads))
    for what, times, seen in found:
        cells = [f"{ms:.2f}" for ms in times] + ([f"{count:,}" for count in seen] or [""] * len(heads))
        yield f"| {what} | " + " | ".join(cells) + " |"
    yield "\nSize with indexes: " + ", ".join(f"{mb:.0f}" for mb in sizes) + " MB.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    env = dataclasses.replace(read_environment({}), data=ROOT / "build" / "bench-partitions", database_url="")
    lines: list[str] = []
    try:
        with postgres.using(env) as where, psycopg.connect(**where, autocommit=True) as connection:
            for kind in (EVENTS, MATCHES):
                for shape in kind.shapes:
                    make(connection, kind, shape, given.rows)
                if kind is EVENTS:
                    connection.execute("DROP TABLE IF EXISTS seals")
                    connection.execute(
                        "CREATE TABLE seals (number bigint PRIMARY KEY, event_id bigint NOT NULL UNIQUE)"
                    )
                    connection.execute(
                        "INSERT INTO seals SELECT i, i FROM generate_series(1, %s - 100) i", [given.rows]
                    )
                connection.execute("VACUUM ANALYZE")
                found = list(compare(connection, kind, given.rows))
                lines += table_of(kind, found, [size(connection, f"{kind.name}_{shape}") for shape in kind.shapes])
            (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
    finally:
        postgres.remove(env)
    machine = f"PostgreSQL {version} · {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    about = (
        f"`python bench/partitions.py --rows {given.rows}` · {datetime.now(UTC):%Y-%m-%d} · {machine} · {given.rows:,} rows; "
        "medians, all by turns; pages of 8 KB that a query looks at. Compare within a line."
    )
    text = "\n".join(["# Events and matches in one table and in partitions\n", about, "", *lines])
    print(text)
    if given.out:
        given.out.write_text(text)


if __name__ == "__main__":
    main()
