"""The code tables that ship with the platform (data/codes, sources in SOURCES.md there), loaded into the database."""

from __future__ import annotations

import csv
import gzip
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keqiao.catalogue import services, site_tables
from keqiao.parties.types import Actor

FOLDER = Path(__file__).parent / "data"


def load(*, actor: Actor) -> int:
    """Load all tables; again is harmless. How many rows."""
    fields = () if site_tables.is_own("field") else _fields()
    return services.load_codes(actor=actor, rows=[*_tables(), *fields, *_countries()])


def _tables() -> Iterator[dict[str, Any]]:
    for file in sorted((FOLDER / "codes").glob("*.tsv.gz")):
        with gzip.open(file, "rt", encoding="utf-8", newline="") as rows:
            for position, row in enumerate(csv.DictReader(rows, delimiter="\t")):
                if "scheme" in row:
                    yield {**row, "position": position}


def _fields() -> Iterator[dict[str, Any]]:
    for position, row in enumerate(_toml("fields.toml")["field"]):
        yield {"scheme": "field", "edition": "site", "level": "1", "position": position, **row}


def _countries() -> Iterator[dict[str, Any]]:
    """Countries head the region table; the site's own regions stand below them."""
    for position, row in enumerate(_toml("countries.toml")["country"]):
        yield {"scheme": "region", "edition": "iso", "level": "country", "position": 1000 + position, **row}


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))
