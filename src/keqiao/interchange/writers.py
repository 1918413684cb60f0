"""Files that go out: CSV, XLSX and JSON Lines, every text neutralised so that no spreadsheet runs it as a formula."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

from django.utils import translation

from keqiao.interchange.cells import CONTROL, NUMBER, neutral
from keqiao.interchange.columns import Column
from keqiao.interchange.readers.lines import number
from keqiao.interchange.types import FileFormat

BOM = "\ufeff"
ILLEGAL_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
LONGEST_CELL = 32_767  # of a spreadsheet
LINES_AT_ONCE = 200
MEDIA = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileFormat.JSONL: "application/jsonl; charset=utf-8",
}
Row = dict[str, Any]


def header(columns: Sequence[Column]) -> list[str]:
    """The columns' names in the reader's language."""
    is_chinese = (translation.get_language() or "zh").startswith("zh")
    return [column.zh if is_chinese else column.en for column in columns]


def csv_lines(names: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str = ",") -> Iterator[str]:
    """With a byte order mark, by which Excel knows that it is UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    out.write(BOM)
    writer.writerow([neutral(name) for name in names])
    for place, row in enumerate(rows, start=1):
        writer.writerow([neutral(str(cell)) for cell in row])
        if place % LINES_AT_ONCE == 0:
            yield _taken(out)
    yield _taken(out)


def _taken(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text


def json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Under our own column names; empty cells are left out."""
    lines: list[str] = []
    for row in rows:
        kept = {name: value for name, value in row.items() if value not in ("", None, [], {})}
        lines.append(json.dumps(kept, ensure_ascii=False) + "\n")
        if len(lines) == LINES_AT_ONCE:
            yield "".join(lines)
            lines = []
    yield "".join(lines)


def workbook(sheets: Sequence[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]) -> IO[bytes]:
    """A temporary file with a sheet for each (title, header, rows), written row by row. Says nothing of who made it."""
    import openpyxl
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = openpyxl.Workbook(write_only=True)
    book.properties.creator = "Keqiao"
    for title, names, rows in sheets:
        sheet = book.create_sheet(title[:31])
        sheet.freeze_panes = "A2"
        heads = []
        for place, name in enumerate(names):
            cell = WriteOnlyCell(sheet, value=_cell(name))
            cell.font = Font(bold=True)
            heads.append(cell)
            sheet.column_dimensions[_letter(place)].width = 24
        sheet.append(heads)
        for row in rows:
            sheet.append([_typed(sheet, value, WriteOnlyCell) for value in row])
    out = tempfile.TemporaryFile()  # noqa: SIM115 -- the answer that sends it closes it
    book.save(out)
    out.seek(0)
    return out


def _letter(place: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(place + 1))


def _typed(sheet: Any, value: Any, make: Callable[..., Any]) -> Any:
    """Numbers that read back the same are numbers; everything else is text, whatever it looks like."""
    text = str(value)
    if NUMBER.fullmatch(text) and len(text) <= 15 and number(_number(text)) == text:
        return _number(text)
    cell = make(sheet, value=None)
    cell.value = _cell(text)
    cell.data_type = "s" if text else "n"
    return cell if text else None


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def _cell(text: str) -> str:
    return neutral(ILLEGAL_IN_XML.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n"))[:LONGEST_CELL]


def cells_of(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[list[Any]]:
    for row in rows:
        yield [row.get(column.name, "") for column in columns]


def without_controls(text: str) -> str:
    return CONTROL.sub("\ufffd", text)
