"""XLS (Excel 97 to 2003) through xlrd. The format is small by nature: at most 65,536 rows."""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from keqiao.interchange.readers.lines import number
from keqiao.interchange.types import UnreadableFile

ENTRY = 128  # bytes: names in the file's own directory begin at multiples of it
ENCRYPTED = ("EncryptedPackage", "EncryptionInfo")
MACROS = ("_VBA_PROJECT_CUR", "_VBA_PROJECT", "VBA", "Macros")
BOOKS = ("Workbook", "Book")


def check(path: Path) -> None:
    """Refuse what is encrypted, has macros, or is another Office document."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        if any(_has(view, name) for name in ENCRYPTED):
            raise UnreadableFile(_("文件有密码，不能读取。请在 Excel 或 WPS 里去掉密码后再传。"))
        if any(_has(view, name) for name in MACROS):
            raise UnreadableFile(_("文件带有宏，不能接收。请另存为不带宏的 .xlsx 再传。"))
        if not any(_has(view, name) for name in BOOKS):
            raise UnreadableFile(_("这不是 Excel 表格。请用 Excel 或 WPS 打开后另存为 .xlsx 再传。"))


def _has(view: mmap.mmap, name: str) -> bool:
    """Is there a directory entry of this name? It stands in UTF-16, ends with a zero, at the start of an entry."""
    wanted = name.encode("utf-16-le") + b"\x00\x00"
    place = view.find(wanted)
    while place >= 0:
        if place % ENTRY == 0:
            return True
        place = view.find(wanted, place + 1)
    return False


def records(path: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    try:
        yield from _records(path)
    except UnreadableFile:
        raise
    except Exception as error:  # a hostile or broken file makes parsers fail in every way
        if "encrypt" in str(error).lower():
            raise UnreadableFile(_("文件有密码，不能读取。请在 Excel 或 WPS 里去掉密码后再传。")) from error
        raise UnreadableFile(_("文件损坏，不能打开。请用 Excel 或 WPS 打开后另存为 .xlsx 再传。")) from error


def _records(path: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    import xlrd

    said = io.StringIO()
    with xlrd.open_workbook(str(path), logfile=said, verbosity=1, on_demand=True, ragged_rows=True) as book:
        if "macro sheet" in said.getvalue().lower():
            raise UnreadableFile(_("文件带有宏，不能接收。请另存为不带宏的 .xlsx 再传。"))
        visible = [n for n in range(book.nsheets) if book.sheet_by_index(n).visibility == 0] or [0]
        sheet = book.sheet_by_index(visible[0])
        for place in range(sheet.nrows):
            yield place + 1, [_as_text(cell, book.datemode) for cell in sheet.row(place)]


def _as_text(cell: Any, datemode: int) -> str:
    import xlrd

    if cell.ctype == xlrd.XL_CELL_NUMBER:
        return number(cell.value)
    if cell.ctype == xlrd.XL_CELL_DATE:
        try:
            found = xlrd.xldate_as_datetime(cell.value, datemode)
        except (ValueError, OverflowError):
            return number(cell.value)
        is_day = (found.hour, found.minute, found.second) == (0, 0, 0)
        return found.date().isoformat() if is_day else found.isoformat(sep=" ", timespec="minutes")
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return "是" if cell.value else "否"
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#VALUE!"))
    return str(cell.value)
