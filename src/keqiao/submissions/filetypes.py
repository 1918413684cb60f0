"""What a file is, from its bytes. Names and the browser's word for the type are hints at most.

Taken are PDF, DOCX, XLSX, PPTX, PNG, JPEG, CSV and TXT. Refused are macros, embedded programs, executables, HTML and
everything else, and office files whose archive is a bomb.
"""

from __future__ import annotations

import codecs
import re
import zipfile
from pathlib import PurePath
from typing import IO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keqiao.kernel.errors import BadInput
from keqiao.kernel.files import LARGEST, FileTooLarge

OFFICE = {
    "word/document.xml": ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xl/workbook.xml": ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "ppt/presentation.xml": ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
}
MAGIC = (
    (b"%PDF-", "pdf", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "png", "image/png"),
    (b"\xff\xd8\xff", "jpg", "image/jpeg"),
)
NAMES = {"jpeg": "jpg"}
MOST_MEMBERS = 10_000
LARGEST_UNPACKED = 500 * 1024 * 1024
MOST_CONTENT_TYPES = 1_000_000  # bytes of [Content_Types].xml that are read
LOOKED_AT = 64 * 1024
MARKUP = re.compile(rb"<\s*(?:!doctype|html|head|body|script|svg|iframe|object|embed|\?xml|\?php|%@)", re.IGNORECASE)
ACTIVE_MEMBER = re.compile(
    r"vbaProject|vbaData|macrosheets/|activeX/|oleObject|embeddings/.*\.(?:bin|exe)$", re.IGNORECASE
)


class FileRefused(BadInput):
    """Not one of the kinds of file that are taken."""

    message = gettext_lazy(
        "这种文件不能上传。可以传 PDF、DOCX、XLSX、PPTX、PNG、JPEG、CSV 或 TXT，例如“检测报告.pdf”。"
    )


def media_type_of(name: str, file: IO[bytes]) -> str:
    """The type of a seekable file, or a refusal that says why. The file is left at its beginning."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    if size > LARGEST:
        raise FileTooLarge(field="file")
    if size == 0:
        raise FileRefused(_("文件是空的。请检查后重新选择，例如“检测报告.pdf”。"), field="file")
    head = file.read(LOOKED_AT)
    file.seek(0)
    suffix, media_type = _kind(name, head, file)
    file.seek(0)
    _check_suffix(name, suffix)
    return media_type


def _kind(name: str, head: bytes, file: IO[bytes]) -> tuple[str, str]:
    for magic, suffix, media_type in MAGIC:
        if head.startswith(magic):
            return suffix, media_type
    if head.startswith(b"PK\x03\x04"):
        return _office(file)
    return _text(name, head, file)


def _office(file: IO[bytes]) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS or sum(m.file_size for m in members) > LARGEST_UNPACKED:
                raise FileRefused(_("文件解压后过大，不能上传。请另存为 PDF 后再传。"), field="file")
            names = {member.filename for member in members}
            with archive.open("[Content_Types].xml") as types:
                declared = types.read(MOST_CONTENT_TYPES)
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise FileRefused(field="file") from None
    if any(ACTIVE_MEMBER.search(n) for n in names) or b"macroEnabled" in declared or b"vbaProject" in declared:
        raise FileRefused(_("文件里有宏或嵌入的程序，不能上传。请另存为不含宏的文件或 PDF 后再传。"), field="file")
    for member, kind in OFFICE.items():
        if member in names:
            return kind
    raise FileRefused(field="file")


def _text(name: str, head: bytes, file: IO[bytes]) -> tuple[str, str]:
    """Text of an encoding that is in use here, without markup that a browser would run."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in head or MARKUP.search(head):
        raise FileRefused(field="file")
    if not any(_decodes(file, encoding) for encoding in ("utf-8-sig", "gb18030")):
        raise FileRefused(field="file")
    return ("csv", "text/csv") if _suffix(name) == "csv" else ("txt", "text/plain")


def _decodes(file: IO[bytes], encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := file.read(LOOKED_AT):
            text = decoder.decode(chunk)
            if any(ord(c) < 32 and c not in "\t\n\r\f" for c in text):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower().lstrip(".")


def _check_suffix(name: str, suffix: str) -> None:
    """A name that says something else would be opened by another program than the one its bytes are for."""
    given = _suffix(name)
    if NAMES.get(given, given) != suffix:
        message = _("文件名以“.%(given)s”结尾，内容却是 %(kind)s。请改成“.%(suffix)s”后再传。")
        values = {"given": given[:20], "kind": suffix.upper(), "suffix": suffix}
        raise FileRefused(message % values, field="file")
