"""Which column of a file is which of ours: by its name in either language, by other names, or as saved by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache

from keqiao.interchange.columns import ERRORS_EN, ERRORS_ZH, TABLES, Column, by_name
from keqiao.interchange.values import fold

PASSED_OVER = "-"  # a column that is not read, chosen by hand


def match(kind: str, header: Sequence[str], saved: Mapping[str, str] | None = None) -> dict[str, str]:
    """The file's name → our column; the first that fits takes it. What nobody knows is left out."""
    found: dict[str, str] = {}
    for name in header:
        column = (saved or {}).get(name, "")
        if column in by_name(kind) and column not in found.values():
            found[name] = column
        elif column == PASSED_OVER:
            found[name] = PASSED_OVER
    for name in header:
        column = _known(kind).get(fold(name), "")
        if name and name not in found and column and column not in found.values():
            found[name] = column
    return found


def missing(kind: str, mapping: Mapping[str, str]) -> list[Column]:
    """Required columns that no column of the file fills; an English text may stand for the Chinese one."""
    filled = set(mapping.values())
    return [
        column
        for column in TABLES[kind]
        if column.required and column.name not in filled and _other_language(column.name) not in filled
    ]


def _other_language(name: str) -> str:
    return "name_en" if name == "name_zh" else f"{name}_en"


def unknown(header: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    """Columns of the file that are not read."""
    return [name for name in header if name and name not in mapping and not is_errors(name)]


def is_errors(name: str) -> bool:
    return name in {ERRORS_ZH, ERRORS_EN}


def fingerprint(header: Sequence[str]) -> str:
    """The same for the same columns in any order."""
    names = sorted(fold(name) for name in header if name and not is_errors(name))
    return hashlib.sha256(json.dumps(names, ensure_ascii=False).encode()).hexdigest()


@cache
def _known(kind: str) -> dict[str, str]:
    """Folded name → our column. Names of the columns themselves come before what else people write."""
    words: dict[str, str] = {}
    for column in TABLES[kind]:
        for word in (column.name, column.zh, column.en):
            words.setdefault(fold(word), column.name)
    for column in TABLES[kind]:
        for word in column.also:
            words.setdefault(fold(word), column.name)
    return words
