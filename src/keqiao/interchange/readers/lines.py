"""JSON Lines: one object a line, column name → value; lists and objects stay what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from keqiao.interchange.types import UnreadableFile

LONGEST_LINE = 2_000_000  # characters
BROKEN = "\x00broken"  # a cell of this name says that the line is no JSON object


def names(path: Path, encoding: str) -> list[str]:
    """Every name used in the file, in the order of first use."""
    found: dict[str, None] = {}
    any_line = False
    for _number, record in records(path, encoding):
        any_line = True
        found.update(dict.fromkeys(name for name in record if name != BROKEN))
    if not any_line:
        raise UnreadableFile(_("文件是空的。请下载模板，在第一行列名下面填写后再传。"))
    return list(found)


def records(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding=encoding, newline="\n") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise UnreadableFile(_("第 %(n)d 行太长。JSONL 每行一个对象。") % {"n": number})
            if text := line.strip("\ufeff \t\r\n"):
                yield number, _object(text)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {BROKEN: True}
    return (
        {str(name).strip(): plain(value) for name, value in found.items()}
        if isinstance(found, dict)
        else {BROKEN: True}
    )


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def plain(value: Any) -> Any:
    """Text for what a cell would show; lists and objects stay."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, (int, float)):
        return number(value)
    return value


def number(value: float) -> str:
    """6.0 is 6: spreadsheets keep whole numbers as fractions."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)
