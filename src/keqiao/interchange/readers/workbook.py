"""XLSX through openpyxl, one row at a time. First it is looked at as the ZIP of XML files that it is."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from keqiao.interchange.readers.lines import number
from keqiao.interchange.types import UnreadableFile

MOST_ENTRIES = 2_000
MOST_UNPACKED = 400 * 1024 * 1024  # bytes of all entries together
MOST_TEXTS = 120 * 1024 * 1024  # bytes of the table of texts: it is held in memory
MOST_RATIO = 200  # unpacked to packed, of entries that are large; real sheets lie between 5 and 60
LARGE = 4 * 1024 * 1024
CHUNK = 1 << 18
MOST_CELLS = 1_000  # of one row that are looked at
DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
MACROS = re.compile(r"(?:^|/)(?:vbaProject\.bin|vbaData\.xml|macrosheets/.*|intlmacrosheet.*)$", re.IGNORECASE)
LONGEST_MARK = 64


def check(path: Path) -> None:
    """Refuse a ZIP bomb, macros, and XML that declares entities, before a parser sees the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_sizes(entries)
            for entry in entries:
                if entry.flag_bits & 1:
                    raise UnreadableFile(_("文件有密码，不能读取。请在 Excel 或 WPS 里去掉密码后再传。"))
                if MACROS.search(entry.filename):
                    raise UnreadableFile(_("文件带有宏，不能接收。请另存为不带宏的 .xlsx 再传。"))
            for entry in entries:
                if entry.filename.lower().endswith((".xml", ".rels", ".vml")):
                    _check_xml(archive, entry)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise UnreadableFile(_("文件损坏，不能打开。请用 Excel 或 WPS 打开后另存为 .xlsx 再传。")) from error


def _check_sizes(entries: Sequence[zipfile.ZipInfo]) -> None:
    """The sizes that the ZIP declares: Python's reader gives no more than these."""
    bomb = _("文件解压后过大，不能接收。请只保留数据所在的工作表，删掉图片和空白格式，另存后再传。")
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise UnreadableFile(bomb)
    for entry in entries:
        if entry.file_size > LARGE and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
            raise UnreadableFile(bomb)
        if entry.filename.endswith("sharedStrings.xml") and entry.file_size > MOST_TEXTS:
            raise UnreadableFile(bomb)


def _check_xml(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Office writes no DTD; one that declares entities is how XML bombs are made. UTF-16 is looked at as well."""
    tail = b""
    with archive.open(entry) as part:
        while chunk := part.read(CHUNK):
            seen = (tail + chunk).replace(b"\x00", b"")
            if DECLARATION.search(seen):
                raise UnreadableFile(_("文件里的 XML 声明了实体，不能接收。请用 Excel 或 WPS 另存为新的 .xlsx 再传。"))
            if entry.filename == "[Content_Types].xml" and (
                b"macroEnabled" in seen or b"ms-excel.sheet.binary" in seen
            ):
                raise UnreadableFile(_("文件带有宏，不能接收。请另存为不带宏的 .xlsx 再传。"))
            tail = chunk[-LONGEST_MARK:]


def records(path: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    """Row number and cells of the first visible sheet. Whatever the parser trips over is an unreadable file."""
    try:
        yield from _records(path)
    except UnreadableFile:
        raise
    except Exception as error:  # a hostile or broken file makes parsers fail in every way
        raise UnreadableFile(_("文件损坏，不能打开。请用 Excel 或 WPS 打开后另存为 .xlsx 再传。")) from error


def _records(path: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    import openpyxl

    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        if not sheets:
            return
        sheet = sheets[0]
        sheet.reset_dimensions()  # what the file says of its size may be a lie
        for place, values in enumerate(sheet.iter_rows(values_only=True), start=1):
            if len(values) > MOST_CELLS and any(value is not None for value in values[MOST_CELLS:]):
                raise UnreadableFile(
                    _("文件有 %(n)d 列，最多 %(most)d 列。请只保留模板里的列。") % {"n": len(values), "most": 200}
                )
            yield place, [as_text(value) for value in values[:MOST_CELLS]]
        book.close()


def as_text(value: Any) -> str:
    """A cell as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ", timespec="minutes")
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)
