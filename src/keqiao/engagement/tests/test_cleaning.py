"""Files are told by their content; an anonymous side's files lose who made them."""

import struct
import zipfile
import zlib
from io import BytesIO

import pytest

from keqiao.engagement import cleaning
from keqiao.engagement.tests.factories import PDF
from keqiao.engagement.types import UnsafeFile

SECRET = b"Chengyuan"


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*more):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return cleaning.PNG + head + b"".join(more) + chunk(b"IDAT", zlib.compress(b"\x00\x00")) + chunk(b"IEND", b"")


def jpeg():
    exif = b"Exif\x00\x00" + SECRET
    return (
        b"\xff\xd8\xff\xe0\x00\x06JFIF"[:4] + b"\x00\x06JFIF"
        + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        + b"\xff\xfe" + struct.pack(">H", len(SECRET) + 2) + SECRET
        + b"\xff\xda\x00\x02" + b"picture" + b"\xff\xd9"
    )  # fmt: skip


def office(main="word/document.xml", **parts):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", parts.pop("types", "<Types/>"))
        archive.writestr(main, "<x/>")
        archive.writestr("docProps/core.xml", b"<creator>" + SECRET + b"</creator>")
        for name, body in parts.items():
            archive.writestr(name.replace("__", "/"), body)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PDF, "application/pdf"),
        (png(), "image/png"),
        (jpeg(), "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (office(), cleaning.OFFICE["word/document.xml"]),
        (office("xl/workbook.xml"), cleaning.OFFICE["xl/workbook.xml"]),
    ],
)
def test_what_may_be_sent(content, expected):
    assert cleaning.media_type(content) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90 program",
        b"<html><script>",
        b"\xd0\xcf\x11\xe0 old office",
        b"PK\x03\x04 broken",
        office("other.xml"),
        office(word__vbaProject_bin="x").replace(b"vbaProject_bin", b"vbaProject.bin"),
        office(types="<Types ContentType='application/vnd.ms-word.document.macroEnabled.main+xml'/>"),
    ],
    ids=["program", "html", "ole", "broken", "zip", "vba", "macro type"],
)
def test_what_may_not(content):
    with pytest.raises(UnsafeFile):
        cleaning.media_type(content)


def test_a_zip_bomb_is_refused_unread():
    with pytest.raises(UnsafeFile):
        cleaning.media_type(office(word__big="0" * 40_000_000))


@pytest.mark.parametrize(
    "content",
    [
        png(chunk(b"tEXt", b"Author\x00" + SECRET), chunk(b"eXIf", SECRET)),
        jpeg(),
        office(),
        PDF.replace(b"trailer", b"2 0 obj << /Author (" + SECRET + b") >> endobj\ntrailer"),
        PDF.replace(b"trailer", b"<?xpacket begin='' id='x'?><x>" + SECRET + b"</x><?xpacket end='w'?>\ntrailer"),
    ],
    ids=["png", "jpeg", "office", "pdf info", "pdf xmp"],
)
def test_who_made_it_is_taken_out(content):
    kind = cleaning.media_type(content)
    cleaned = cleaning.without_author(content, kind)
    assert cleaning.media_type(cleaned) == kind
    inside = [cleaned]
    if cleaned.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(cleaned)) as archive:
            inside += [archive.read(name) for name in archive.namelist()]
    assert SECRET not in b"".join(inside)
    if kind == "application/pdf":
        assert len(cleaned) == len(content)


@pytest.mark.parametrize(
    "content",
    [
        PDF + b"/Encrypt 1 0 R",
        PDF.replace(b"trailer", b"2 0 obj << /Author 9 0 R >> endobj\ntrailer"),
        PDF.replace(
            b"trailer", b"stream\n" + zlib.compress(b"<< /Author (" + SECRET + b") >>") + b"\nendstream\ntrailer"
        ),
        office(word__comments_xml="<w:comment/>"),
        office(word__more="<w:ins w:author='x'/>"),
        b"GIF89a\x21\xfe\x05hello\x00",
    ],
    ids=["encrypted", "reference", "packed", "comments", "tracked changes", "gif comment"],
)
def test_what_cannot_be_cleaned_for_sure_is_refused(content):
    with pytest.raises(UnsafeFile, match="匿名"):
        cleaning.without_author(content, cleaning.media_type(content))
