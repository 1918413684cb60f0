"""Spreadsheets and text files as rows: what a file is (by its content), its header, and its rows one after another.

Nothing here keeps more than a row of the file in memory; XLS and the text table of an XLSX are the exceptions, and both
have a limit. A file that cannot be read safely is refused before it is parsed, with a message that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from keqiao.interchange.cells import from_spreadsheet
from keqiao.interchange.readers import delimited, lines, sniff, workbook, workbook_old
from keqiao.interchange.types import FileFormat, UnreadableFile

MOST_COLUMNS = 200
MOST_ROWS = 200_000  # of one file; more is split
LAST_ROW = 1_048_576  # of a spreadsheet: a row number beyond it is a lie of the file


@dataclass(frozen=True)
class Row:
    """One row: its number as the spreadsheet counts, and the file's column name → the cell as text (JSON lists stay)."""

    number: int
    cells: dict[str, Any]
    surplus: bool = False  # cells stand to the right of the last column name


@dataclass(frozen=True)
class Source:
    """A file that was looked at: its format, and how its text is written."""

    path: Path
    format: FileFormat
    encoding: str = ""
    delimiter: str = ""


def look_at(path: Path, name: str) -> Source:
    """What the file is, decided by its content; refused when it is nothing that Keqiao reads or is not safe."""
    found = sniff.kind_of(path)
    if found == FileFormat.XLSX:
        workbook.check(path)
        return Source(path, FileFormat.XLSX)
    if found == FileFormat.XLS:
        workbook_old.check(path)
        return Source(path, FileFormat.XLS)
    encoding = sniff.encoding_of(path)
    if sniff.is_json_lines(path, encoding, name):
        return Source(path, FileFormat.JSONL, encoding)
    return Source(path, FileFormat.CSV, encoding, sniff.delimiter_of(path, encoding))


def header_of(source: Source) -> list[str]:
    """The column names, in order. An empty file, a name twice, or too many columns is refused."""
    if source.format == FileFormat.JSONL:
        names = lines.names(source.path, source.encoding)
    else:
        number_and_first = next(_filled(_records(source)), None)
        if number_and_first is None:
            raise UnreadableFile(_("文件是空的。请下载模板，在第一行列名下面填写后再传。"))
        names = _trimmed([str(value).strip() for value in number_and_first[1]])
    _check_header(names)
    return names


def rows_of(source: Source) -> Iterator[Row]:
    """The rows below the header; empty ones are passed over. Any trouble inside the file is an UnreadableFile."""
    if source.format == FileFormat.JSONL:
        for number, record in lines.records(source.path, source.encoding):
            yield Row(number, record)
        return
    names: list[str] | None = None
    for number, values in _filled(_records(source)):
        if names is None:
            names = [str(value).strip() for value in values]
            continue
        cells = {name: from_spreadsheet(value) for name, value in zip(names, values, strict=False) if name}
        beyond = [v for n, v in zip(names, values, strict=False) if not n and v != ""] + [
            v for v in values[len(names) :] if v != ""
        ]
        yield Row(number, cells, surplus=bool(beyond))


def _records(source: Source) -> Iterator[tuple[int, Sequence[Any]]]:
    if source.format == FileFormat.CSV:
        return delimited.records(source.path, source.encoding, source.delimiter)
    if source.format == FileFormat.XLSX:
        return workbook.records(source.path)
    return workbook_old.records(source.path)


def _filled(records: Iterator[tuple[int, Sequence[Any]]]) -> Iterator[tuple[int, Sequence[Any]]]:
    count = 0
    for number, values in records:
        if number > LAST_ROW:
            raise UnreadableFile(_("文件里的行号超过了电子表格的上限。请另存为新的 .xlsx 文件再传。"))
        if any(str(value).strip() for value in values):
            count += 1
            if count > MOST_ROWS + 1:
                raise UnreadableFile(
                    _("文件超过 %(most)d 行。请拆成几个文件，例如每个 50000 行。") % {"most": MOST_ROWS}
                )
            yield number, values


def _trimmed(names: list[str]) -> list[str]:
    while names and not names[-1]:
        names.pop()
    return names


def _check_header(names: Sequence[str]) -> None:
    if len(names) > MOST_COLUMNS:
        raise UnreadableFile(
            _("文件有 %(n)d 列，最多 %(most)d 列。请只保留模板里的列。") % {"n": len(names), "most": MOST_COLUMNS}
        )
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            raise UnreadableFile(
                _("列名“%(name)s”出现了两次。请改名或删掉其中一列，例如“%(name)s2”。") % {"name": name[:40]}
            )
        seen.add(name)
    if not any(names):
        raise UnreadableFile(_("文件没有列名。请把模板的第一行放在最上面。"))
