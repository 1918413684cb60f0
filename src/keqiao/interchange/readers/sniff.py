"""What a file is, told by its first bytes and by reading it, never by its name."""

from __future__ import annotations

import codecs
import csv
import io
import zipfile
from pathlib import Path

from django.utils.translation import gettext as _

from keqiao.interchange.types import FileFormat, UnreadableFile

CHUNK = 1 << 16
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OTHERS = {  # what people upload by mistake
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"\x1f\x8b": "GZIP",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7z",
    b"MZ": "EXE",
    b"\x7fELF": "ELF",
}
DELIMITERS = (",", "\t", ";")


def kind_of(path: Path) -> FileFormat | None:
    """A workbook, or None for text that must be looked at further."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head.strip():
        raise UnreadableFile(_("文件是空的。请下载模板，在第一行列名下面填写后再传。"))
    if head.startswith(b"PK"):
        return _zip(path)
    if head.startswith(OLE):
        return FileFormat.XLS
    for magic, name in OTHERS.items():
        if head.startswith(magic):
            raise UnreadableFile(
                _("这是 %(name)s 文件，不是表格。请传 CSV、XLSX、XLS 或 JSONL 文件。") % {"name": name}
            )
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<html", b"<!doctype", b"<?xml", b"<table")):
        raise UnreadableFile(_("这是网页或 XML 文件，不是表格。请用 Excel 或 WPS 打开后另存为 .xlsx 再传。"))
    return None


def _zip(path: Path) -> FileFormat:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnreadableFile(_("文件损坏，不能打开。请用 Excel 或 WPS 打开后另存为 .xlsx 再传。")) from error
    if "xl/workbook.xml" not in names and not any(name.endswith("/workbook.xml") for name in names):
        raise UnreadableFile(_("这是压缩包或别的文档，不是表格。请先解压，再传里面的 CSV 或 XLSX 文件。"))
    return FileFormat.XLSX


def encoding_of(path: Path) -> str:
    """UTF-8 when the whole file is UTF-8, else GB18030 when it is that, else refused: nothing is guessed from a part."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    elif head.startswith(codecs.BOM_UTF8):
        candidates = ["utf-8-sig"]
    else:
        candidates = ["utf-8", "gb18030"]
    for encoding in candidates:
        if _decodes(path, encoding):
            return encoding
    raise UnreadableFile(_("文字编码不能识别。请在 Excel 或 WPS 里另存为“CSV UTF-8（逗号分隔）”再传。"))


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def is_json_lines(path: Path, encoding: str, name: str) -> bool:
    """The first line with text begins with a brace; a file called .jsonl is one whatever it begins with."""
    with path.open(encoding=encoding, newline="") as file:
        first = file.read(CHUNK).lstrip("\ufeff \t\r\n")
    return first.startswith("{") or Path(name).suffix.lower() in {".jsonl", ".ndjson"}


def delimiter_of(path: Path, encoding: str) -> str:
    """The one that cuts the first line into most parts; a comma when none does."""
    with path.open(encoding=encoding, newline="") as file:
        head = file.read(CHUNK).lstrip("\ufeff")
    widths = {}
    for delimiter in DELIMITERS:
        try:
            widths[delimiter] = len(next(csv.reader(io.StringIO(head), delimiter=delimiter), []))
        except csv.Error:
            widths[delimiter] = 0
    return max(DELIMITERS, key=lambda delimiter: widths[delimiter])
