"""What a file really is, told by its content, and what it says about who made it. Pure functions on bytes.

Threads carry PDF, pictures and Office files without macros. An anonymous side's files lose what names their author:
the properties of Office files, the text chunks and EXIF of pictures, the document information of PDF.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

from django.utils.translation import gettext as _

from keqiao.engagement.types import UnsafeFile

OFFICE = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
EXTENSIONS = {
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    OFFICE["word/document.xml"]: "docx",
    OFFICE["xl/workbook.xml"]: "xlsx",
    OFFICE["ppt/presentation.xml"]: "pptx",
}
PNG = b"\x89PNG\r\n\x1a\n"
MOST_PARTS = 5_000
MOST_UNPACKED = 300 * 1024 * 1024
MOST_RATIO = 200


def media_type(content: bytes) -> str:
    """What the content is. Raises UnsafeFile when it is nothing that a thread may carry."""
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    if content.startswith(PNG):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content[:6] in {b"GIF87a", b"GIF89a"}:
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(b"PK\x03\x04"):
        return _office(content)
    raise UnsafeFile(field="files")


def _office(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            _not_a_bomb(parts, len(content))
            names = {part.filename for part in parts}
            has_macros = any("vbaproject" in name.lower() or "/activex/" in name.lower() for name in names)
            if has_macros or b"macroEnabled" in archive.read("[Content_Types].xml"):
                raise UnsafeFile(
                    _("这个 Office 文件带有宏，不能发送。请另存为不带宏的格式，例如 report.docx。"), field="files"
                )
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, zlib.error):
        raise UnsafeFile(field="files") from None
    for main, found in OFFICE.items():
        if main in names:
            return found
    raise UnsafeFile(field="files")


def _not_a_bomb(parts: list[zipfile.ZipInfo], size: int) -> None:
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MOST_PARTS or unpacked > MOST_UNPACKED or unpacked > max(size, 10_000) * MOST_RATIO:
        raise UnsafeFile(field="files")


def without_author(content: bytes, kind: str) -> bytes:
    """The same file without what says who made it. Raises UnsafeFile when that cannot be done for sure."""
    if kind in OFFICE.values():
        return _office_without_author(content)
    if kind == "image/png":
        return _png_without_text(content)
    if kind == "image/jpeg":
        return _jpeg_without_exif(content)
    if kind == "application/pdf":
        return _pdf_without_author(content)
    if kind == "image/gif":
        if b"\x21\xfe" in content or b"XMP DataXMP" in content:
            raise _cannot_clean()
        return content
    if b"EXIF" in content or b"XMP " in content:  # webp
        raise _cannot_clean()
    return content


def _cannot_clean() -> UnsafeFile:
    return UnsafeFile(
        _("您在这次对接中是匿名的，而这个文件里的作者信息无法自动去除。请另存为图片（PNG）后再发，或先公开单位名称。"),
        field="files",
    )


# --- Office -----------------------------------------------------------------------------------------------------------

CORE = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><cp:coreProperties '
    b'xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>'
)
APP = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Properties '
    b'xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"/>'
)
CUSTOM = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Properties '
    b'xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"/>'
)
PROPERTIES = {"docProps/core.xml": CORE, "docProps/app.xml": APP, "docProps/custom.xml": CUSTOM}
# Who commented, who changed what and who is on the list of people stands in these parts.
NAMING_PARTS = re.compile(r"(?:comments|people|commentAuthors|persons/|threadedComments|revisions/)", re.IGNORECASE)
NAMING_MARKS = (b"w:author=", b"w:ins ", b"w:del ", b"lastModifiedBy")


def _office_without_author(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            if NAMING_PARTS.search(part.filename):
                raise _cannot_clean()
            raw = source.read(part)
            if part.filename in PROPERTIES:
                raw = PROPERTIES[part.filename]
            elif any(mark in raw for mark in NAMING_MARKS):
                raise _cannot_clean()
            elif part.filename.lower().endswith((".jpg", ".jpeg", ".png")):
                raw = _picture_inside(raw)
            target.writestr(zipfile.ZipInfo(part.filename, (1980, 1, 1, 0, 0, 0)), raw, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _picture_inside(raw: bytes) -> bytes:
    if raw.startswith(PNG):
        return _png_without_text(raw)
    return _jpeg_without_exif(raw) if raw.startswith(b"\xff\xd8\xff") else raw


# --- pictures ---------------------------------------------------------------------------------------------------------

KEPT_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"bKGD", b"sBIT"}


def _png_without_text(content: bytes) -> bytes:
    kept, at = [PNG], len(PNG)
    while at + 8 <= len(content):
        size, name = struct.unpack(">I4s", content[at : at + 8])
        chunk = content[at : at + 12 + size]
        if len(chunk) < 12 + size:
            raise UnsafeFile(field="files")
        if name in KEPT_CHUNKS:
            kept.append(chunk)
        at += 12 + size
        if name == b"IEND":
            return b"".join(kept)
    raise UnsafeFile(field="files")


def _jpeg_without_exif(content: bytes) -> bytes:
    """Without application segments (EXIF, XMP, IPTC) and comments; JFIF's own and Adobe's colours stay."""
    kept, at = [content[:2]], 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xDA:  # the picture itself begins
            end = content.rfind(b"\xff\xd9")
            return b"".join([*kept, content[at : end + 2] if end > at else content[at:]])
        size = struct.unpack(">H", content[at + 2 : at + 4])[0]
        is_naming = (0xE1 <= marker <= 0xED) or marker in {0xEF, 0xFE}
        if not is_naming:
            kept.append(content[at : at + 2 + size])
        at += 2 + size
    raise UnsafeFile(field="files")


# --- PDF --------------------------------------------------------------------------------------------------------------

NAMING_KEYS = rb"/(?:Author|Creator|Producer|Company|Title|Subject|Keywords|SourceModified|Manager|LastModifiedBy)"
LITERAL = re.compile(NAMING_KEYS + rb"\s*(\((?:\\.|[^\\()])*\)|<[0-9A-Fa-f\s]*>)", re.DOTALL)
REFERENCE = re.compile(NAMING_KEYS + rb"\s*\d+\s+\d+\s+R")
ANY_KEY = re.compile(rb"/(?:Author|Company|Manager|LastModifiedBy)\b")
XMP = re.compile(rb"<\?xpacket begin.*?<\?xpacket end[^>]*\?>|<x:xmpmeta.*?</x:xmpmeta>", re.DOTALL)
STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)


def _pdf_without_author(content: bytes) -> bytes:
    """Values are overwritten in place with spaces of the same length, so that every offset still holds."""
    if b"/Encrypt" in content or b"/EmbeddedFile" in content:
        raise _cannot_clean()
    for inner in _unpacked(content):
        if ANY_KEY.search(inner) or b"<x:xmpmeta" in inner or b"<?xpacket" in inner:
            raise _cannot_clean()
    if REFERENCE.search(content):
        raise _cannot_clean()
    cleaned = LITERAL.sub(_blank_value, content)
    cleaned = XMP.sub(lambda found: b" " * len(found.group()), cleaned)
    if re.search(NAMING_KEYS + rb"\s*\((?!\s*\))", cleaned):
        raise _cannot_clean()  # brackets inside brackets: not understood, so not trusted
    return cleaned


def _blank_value(found: re.Match[bytes]) -> bytes:
    whole, value = found.group(), found.group(1)
    key = whole[: len(whole) - len(value)]
    return key + value[:1] + b" " * (len(value) - 2) + value[-1:]


def _unpacked(content: bytes) -> Iterator[bytes]:
    """What is inside the compressed streams, as far as it can be read; a part of each is enough to find a key."""
    for found in STREAM.finditer(content):
        reader = zlib.decompressobj()
        try:
            yield reader.decompress(found.group(1), 4 * 1024 * 1024)
        except zlib.error:
            continue
