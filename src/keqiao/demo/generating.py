"""Writes recombined items (recombining.py) into the site's tables, by COPY: for measuring, past the commands.

One transaction a portion, so that a run that was killed goes on where it stopped. No events are written: the index is
made afterwards by `keqiao reindex`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from keqiao.catalogue import codes
from keqiao.catalogue import services as catalogue
from keqiao.demo.loader import site_regions
from keqiao.demo.recombining import PORTION, SEED, Made, made, organisations
from keqiao.kernel import parameters
from keqiao.parties import selectors as parties

KINDS = ("achievement", "need")
PREFIX = {"achievement": "CG-R-", "need": "XQ-R-"}
OWNER = {"achievement": "owner_id", "need": "publisher_id"}
OWNER_KIND = {"achievement": ("university", "单位", "University"), "need": ("enterprise", "企业", "Company")}
AS_JSON = frozenset({"source", "passages", "baseline"})
ESCAPED = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))  # the backslash first
TABLES = (
    "parties_organisation", "catalogue_achievement", "catalogue_achievementtext", "catalogue_achievementindicator",
    "catalogue_ipasset", "catalogue_achievement_assets", "catalogue_need", "catalogue_needtext",
    "catalogue_needindicator", "catalogue_privatebudget",
)  # fmt: skip

Progress = Callable[[str], None]


class OtherItems(Exception):
    """The tables hold items that were not generated: they would be mixed with what measures nothing but speed."""


def fill(counts: Mapping[str, int], *, seed: int = SEED, progress: Progress = print) -> int:
    """Bring the tables to so many items of each kind. How many were written; those already there are not made again."""
    _check_place()
    with transaction.atomic():
        _load_tables()
    written = 0
    for kind in KINDS:
        done, count = _present(kind), counts.get(kind, 0)
        written += max(0, count - done)
        owners = _organisations(kind, count) if done < count else []
        with ThreadPoolExecutor(1) as maker:  # the next portion is made while the database takes this one
            for portion in _ahead(maker, made(kind, count, seed=seed, first=done)):
                _write(kind, portion, owners)
                done += len(portion)
                progress(f"{kind}s: {done}")
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ANALYZE {table}")
    return written


def save(counts: Mapping[str, int], folder: Path, *, seed: int = SEED, progress: Progress = print) -> int:
    """The same items as lines of JSON, one file a kind; no database is needed."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        # Neither name nor time stands in the file: the same content is the same bytes.
        with (folder / f"{kind}s.jsonl.gz").open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as out:
            for number, item in enumerate(made(kind, counts.get(kind, 0), seed=seed), start=1):
                line = json.dumps(asdict(item), ensure_ascii=False, cls=DjangoJSONEncoder)
                out.write(f"{line}\n".encode())
                if number % PORTION == 0:
                    progress(f"{kind}s: {number}")
    return sum(counts.values())


def _ahead(maker: ThreadPoolExecutor, items: Iterator[Made]) -> Iterator[list[Made]]:
    waiting = maker.submit(lambda: list(islice(items, PORTION)))
    while portion := waiting.result():
        waiting = maker.submit(lambda: list(islice(items, PORTION)))
        yield portion


def _check_place() -> None:
    with connection.cursor() as cursor:
        for kind in KINDS:
            others = f"SELECT code FROM catalogue_{kind} WHERE code NOT LIKE %s LIMIT 1"  # noqa: S608 -- one of KINDS
            cursor.execute(others, [f"{PREFIX[kind]}%"])
            if found := cursor.fetchone():
                raise OtherItems(found[0])


def _present(kind: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM catalogue_{kind}")  # noqa: S608 -- one of KINDS
        return int(cursor.fetchone()[0])


def _load_tables() -> None:
    """Rules, code tables and the regions that the items name."""
    system = parties.system()
    parameters.load_packs(actor=system)
    codes.load(actor=system)
    catalogue.load_codes(actor=system, rows=site_regions())


def _organisations(kind: str, count: int) -> list[int]:
    """Ids of the organisations that own so many items, those that are missing made."""
    organisation_kind, name_zh, name_en = OWNER_KIND[kind]
    rows = [
        {
            "code": f"DW-{PREFIX[kind]}{number:05d}", "kind": organisation_kind, "name_zh": f"{name_zh} {number}",
            "name_en": f"{name_en} {number}", "short_zh": "", "short_en": "", "about_zh": "", "about_en": "",
            "region": "", "qualifications": [], "is_fictional": True, "source": "",
        }
        for number in range(organisations(kind, count))
    ]  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM parties_organisation WHERE code LIKE %s", [f"DW-{PREFIX[kind]}%"])
        _copy("parties_organisation", rows[cursor.fetchone()[0] :])
        cursor.execute("SELECT id FROM parties_organisation WHERE code LIKE %s ORDER BY code", [f"DW-{PREFIX[kind]}%"])
        return [row[0] for row in cursor.fetchall()]


def _write(kind: str, items: Sequence[Made], owners: Sequence[int]) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")  # what a crash takes away is made again
        ids = _fresh_ids(f"catalogue_{kind}", len(items))
        rows = list(zip(items, ids, strict=True))
        _copy(
            f"catalogue_{kind}",
            [{"id": key, **item.columns, OWNER[kind]: owners[item.owner]} for item, key in rows],
        )
        _copy(f"catalogue_{kind}text", [{f"{kind}_id": key, **text} for item, key in rows for text in item.texts])
        _copy(
            f"catalogue_{kind}indicator",
            [{f"{kind}_id": key, **indicator} for item, key in rows for indicator in item.indicators],
        )
        _copy("catalogue_privatebudget", [{"need_id": key, **item.budget} for item, key in rows if item.budget])
        _write_rights(rows, owners)


def _write_rights(rows: Sequence[tuple[Made, int]], owners: Sequence[int]) -> None:
    holding = [(item, key, item.right) for item, key in rows if item.right]
    ids = _fresh_ids("catalogue_ipasset", len(holding))
    more = {"title_zh": "", "title_en": "", "is_fictional": True}
    _copy(
        "catalogue_ipasset",
        [
            {"id": asset, **right, **more, "owner_id": owners[item.owner]}
            for (item, _key, right), asset in zip(holding, ids, strict=True)
        ],
    )
    _copy(
        "catalogue_achievement_assets",
        [{"achievement_id": key, "ipasset_id": asset} for (_, key, _), asset in zip(holding, ids, strict=True)],
    )


def _fresh_ids(table: str, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count])
        return [row[0] for row in cursor.fetchall()]


def _copy(table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """All rows have the columns of the first."""
    if not rows:
        return
    columns = list(rows[0])
    lines = ("\t".join(_cell(name, row[name]) for name in columns) for row in rows)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        copy.write("\n".join(lines).encode() + b"\n")


def _cell(name: str, value: Any) -> str:
    """One value in PostgreSQL's text format."""
    if type(value) is str:
        return _escaped(value)
    if value is None:
        return "\\N"
    if name in AS_JSON:
        return _escaped(json.dumps(value, ensure_ascii=False))
    if isinstance(value, list):
        return _escaped(_array(value)) if value else "{}"
    if isinstance(value, bool):
        return "t" if value else "f"
    return value.isoformat() if isinstance(value, date) else str(value)


def _escaped(text: str) -> str:
    for sign, written in ESCAPED:  # several times faster than str.translate
        if sign in text:
            text = text.replace(sign, written)
    return text


def _array(values: Iterable[str]) -> str:
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"
