"""What months as partitions would do for events: `python bench/partitions.py [--rows 1000000] [--out FILE]`.

Fills a database of its own (build/bench-partitions) with the same events in one table and in a table of monthly
partitions, with the indexes that `kernel_event` has, and asks both by turns what the platform asks. Decision 0027.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from keqiao.runtime import postgres  # noqa: E402 -- found from here
from keqiao.runtime.environment import read_environment  # noqa: E402

MONTHS = 36
COLUMNS = "id, name, at, actor_id, subject, is_public, data"
MAKE = """
DROP TABLE IF EXISTS one, parts, seals;
DROP SEQUENCE IF EXISTS numbers;
CREATE SEQUENCE numbers;
CREATE TABLE one (id bigint DEFAULT nextval('numbers') PRIMARY KEY, name varchar(80) NOT NULL, at timestamptz NOT NULL,
    actor_id bigint, subject varchar(80) NOT NULL, is_public boolean DEFAULT false NOT NULL, data jsonb NOT NULL);
CREATE INDEX ON one (subject, id);
CREATE INDEX ON one (name, id);
CREATE TABLE parts (LIKE one INCLUDING DEFAULTS) PARTITION BY RANGE (at);
ALTER TABLE parts ADD PRIMARY KEY (id, at);
CREATE INDEX ON parts (subject, id);
CREATE INDEX ON parts (name, id);
CREATE TABLE seals (number bigint PRIMARY KEY, event_id bigint NOT NULL UNIQUE);
"""
PART = """
CREATE TABLE parts_{n} PARTITION OF parts FOR VALUES FROM (timestamptz '2024-01-01 UTC' + {n} * interval '1 month')
    TO (timestamptz '2024-01-01 UTC' + ({n} + 1) * interval '1 month')
"""
FILL = """
INSERT INTO one
SELECT nextval('numbers'), 'context.thing_' || i %% 40,
    timestamptz '2024-01-01 UTC' + i * (interval '36 months' / %(rows)s), i %% 5000,
    'catalogue.need:' || (i * 7919::bigint) %% 100000, i %% 10 = 0,
    jsonb_build_object('organisation_id', i %% 3000, 'fields', jsonb_build_array('title'), 'merge_id', i %% 977)
FROM generate_series(0, %(rows)s - 1) i
"""
UNSEALED = "SELECT id FROM {t} WHERE NOT EXISTS (SELECT FROM seals WHERE event_id = {t}.id"
ASKED = {
    "one event by its id (each job that tells subscribers)": ("SELECT * FROM {t} WHERE id = {id}", 300),
    "how many of a subject (a thread, a case)": (
        "SELECT count(*) FROM {t} WHERE subject = 'catalogue.need:{small}'",
        300,
    ),
    "newest 20 of a name (feeds)": (
        "SELECT * FROM {t} WHERE name = 'context.thing_{tiny}' ORDER BY id DESC LIMIT 20",
        300,
    ),
    "what a merge moved": (
        "SELECT * FROM {t} WHERE name = 'context.thing_{tiny}' AND data @> '{{\"merge_id\": 5}}'",
        5,
    ),
    "not sealed yet": (
        UNSEALED + ") ORDER BY id LIMIT 5000",
        5,
    ),
    "the same, from 20,000 before the last seal (each minute)": (
        UNSEALED + " AND event_id > {late}) AND id > {late} ORDER BY id LIMIT 5000",
        15,
    ),
    "the last week by its time (asked nowhere)": (
        "SELECT count(*) FROM {t} WHERE at >= timestamptz '2026-12-25 UTC'",
        5,
    ),
}
INSERT = """
INSERT INTO {t} (name, at, actor_id, subject, data)
VALUES ('context.thing_1', timestamptz '2026-12-30 UTC', 1, 'catalogue.need:1', '{{}}') RETURNING id
"""
Connection = psycopg.Connection[Any]


def fill(connection: Connection, rows: int) -> None:
    connection.execute(MAKE)
    for n in range(MONTHS + 1):
        connection.execute(PART.format(n=n))
    connection.execute(FILL, {"rows": rows})
    connection.execute(f"INSERT INTO parts ({COLUMNS}) SELECT {COLUMNS} FROM one")
    connection.execute("INSERT INTO seals SELECT id, id FROM one WHERE id <= (SELECT max(id) - 100 FROM one)")


def seconds(connection: Connection, query: str) -> float:
    began = time.perf_counter()
    connection.execute(query)
    return time.perf_counter() - began


def pages(connection: Connection, query: str) -> int:
    """How many pages a query looks at: the same on a busy machine."""
    row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}").fetchone()
    assert row
    plan = row[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def looked_at(connection: Connection, rows: int) -> list[tuple[str, int, int]]:
    return [
        (what, pages(connection, filled(query, "one", 7, rows)), pages(connection, filled(query, "parts", 7, rows)))
        for what, (query, _rounds) in ASKED.items()
    ]


def filled(query: str, table: str, n: int, rows: int) -> str:
    return query.format(t=table, id=(n + 1) * 7907 % rows + 1, small=n * 31 % 100_000, tiny=n % 40, late=rows - 20_100)


def compare(connection: Connection, rows: int) -> list[tuple[str, float, float]]:
    """What, milliseconds in one table, milliseconds in partitions: medians, asked by turns."""
    found = []
    for what, (query, rounds) in ASKED.items():
        taken: dict[str, list[float]] = {"one": [], "parts": []}
        for n in range(rounds):
            for table, times in taken.items():
                times.append(1000 * seconds(connection, filled(query, table, n, rows)))
        found.append((what, statistics.median(taken["one"]), statistics.median(taken["parts"])))
    whole = [1000 * seconds(connection, f"VACUUM (FREEZE, ANALYZE) {table}") for table in ("one", "parts")]
    found.append(("the first vacuum, of all", whole[0], whole[1]))
    writing: dict[str, list[float]] = {"one": [], "parts": []}
    for _n in range(300):
        for table, times in writing.items():
            times.append(1000 * seconds(connection, INSERT.format(t=table)))
    found.append(("one more event, committed", statistics.median(writing["one"]), statistics.median(writing["parts"])))
    again = [1000 * seconds(connection, f"VACUUM {table}") for table in ("one", "parts")]
    found.append(("a vacuum after 300 more", again[0], again[1]))
    return found


def sizes(connection: Connection) -> tuple[float, float]:
    parts = "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'parts'::regclass"
    one = connection.execute("SELECT pg_total_relation_size('one')").fetchone()
    many = connection.execute(parts).fetchone()
    assert one
    assert many
    return float(one[0]) / 1e6, float(many[0]) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    env = dataclasses.replace(read_environment({}), data=ROOT / "build" / "bench-partitions", database_url="")
    try:
        with postgres.using(env) as where, psycopg.connect(**where, autocommit=True) as connection:
            fill(connection, given.rows)
            connection.execute("ANALYZE one, parts, seals")
            seen = looked_at(connection, given.rows)
            rows = compare(connection, given.rows)
            whole, parted = sizes(connection)
            (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
    finally:
        postgres.remove(env)
    machine = f"PostgreSQL {version} · {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    about = (
        f"`python bench/partitions.py --rows {given.rows}` · {datetime.now(UTC):%Y-%m-%d} · {machine} · medians, both by turns; "
        "compare within a line."
    )
    lines = [
        f"# Events in one table and in {MONTHS + 1} monthly partitions",
        "",
        about,
        "",
        "| | one table, ms | partitions, ms | ratio |",
        "|---|--:|--:|--:|",
        *(f"| {what} | {one:.2f} | {parts:.2f} | {parts / one:.2f} |" for what, one, parts in rows),
        "",
        "| pages looked at, of 8 KB | one table | partitions |",
        "|---|--:|--:|",
        *(f"| {what} | {one:,} | {parts:,} |" for what, one, parts in seen),
        "",
        f"Size with indexes: {whole:.0f} MB and {parted:.0f} MB.",
        "",
    ]
    print("\n".join(lines))
    if given.out:
        given.out.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
