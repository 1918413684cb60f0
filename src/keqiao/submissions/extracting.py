"""The text of a DOCX, PDF or TXT file. In a process of its own: what somebody uploaded may be made to eat time or memory.

    python -I extracting.py docx < file > text

The parent gives it a minute, a gigabyte and no network use; whatever happens to it is one answer, `Unreadable`.
"""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]

SECONDS = 60
MEMORY = 1 << 30
MOST_PAGES = 200
MOST_CHARACTERS = 60_000  # what is read of a file; the rest is not looked at
MOST_XML = 16 * 1024 * 1024  # bytes of one member of the archive, unpacked
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
KINDS = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "text/plain": "txt",
}


class Unreadable(Exception):
    """No text came out of it."""


def text_of(file: IO[bytes], kind: str) -> str:
    """The text of a file, a line for each paragraph. `kind`: of KINDS."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", __file__, kind],
            stdin=file,
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise Unreadable(kind) from error
    return done.stdout.decode("utf-8", "replace")


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def extracted(data: bytes, kind: str) -> str:
    """What the child does."""
    lines = {"docx": _docx, "pdf": _pdf, "txt": _plain}[kind](data)
    text, size = [], 0
    for line in lines:
        tidy = " ".join("".join(c if c.isprintable() else " " for c in line).split())
        if tidy:
            text.append(tidy)
            size += len(tidy) + 1
            if size > MOST_CHARACTERS:
                break
    return "\n".join(text)[:MOST_CHARACTERS]


def _plain(data: bytes) -> Iterator[str]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            yield from data.decode(encoding).splitlines()
        except UnicodeDecodeError:
            continue
        return
    raise ValueError("neither UTF-8 nor GB 18030")


def _docx(data: bytes) -> Iterator[str]:
    """Paragraphs and cells in the order of the document; defusedxml refuses entities and outside references."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open("word/document.xml") as member:
        paragraph: list[str] = []
        for _event, element in iterparse(_Limited(member), forbid_dtd=True):
            if element.tag == f"{WORD}t":
                paragraph.append(element.text or "")
            elif element.tag in {f"{WORD}tab", f"{WORD}br", f"{WORD}cr"}:
                paragraph.append(" ")
            elif element.tag == f"{WORD}p":
                yield "".join(paragraph)
                paragraph = []
                element.clear()


class _Limited:
    """A member of an archive says what it unpacks to; a bomb says something else."""

    def __init__(self, member: IO[bytes]) -> None:
        self.member, self.left = member, MOST_XML

    def read(self, size: int = -1) -> bytes:
        piece = self.member.read(min(size, 1 << 20) if size > 0 else 1 << 20)
        self.left -= len(piece)
        if self.left < 0:
            raise ValueError("too large when unpacked")
        return piece


def _pdf(data: bytes) -> Iterator[str]:
    from pypdf import PdfReader

    reader: Any = PdfReader(io.BytesIO(data))
    for page in reader.pages[:MOST_PAGES]:
        yield from _joined(page.extract_text().splitlines())


def _joined(lines: list[str]) -> Iterator[str]:
    """A PDF breaks lines where the paper ends: one that is nearly as long as the longest goes on in the next."""
    lines = [line.strip() for line in lines]
    full = FULL_LINE * max(map(len, lines), default=0)
    whole, goes_on = "", False
    for line in lines:
        if whole and not (goes_on and line and not _begins(line)):
            yield whole
            whole = ""
        space = " " if whole and whole[-1].isascii() and line[:1].isascii() else ""
        whole = whole[:-1] + line if whole.endswith("-") else f"{whole}{space}{line}"
        goes_on = len(line) >= full and line[-1:] not in SENTENCE_ENDS
    if whole:
        yield whole


FULL_LINE = 0.7
SENTENCE_ENDS = "。！？；：.!?;:"


def _begins(line: str) -> bool:
    """A heading or an entry of a list."""
    return line[:1] in "一二三四五六七八九十（(【•·●-" or line[:2].rstrip(".、)）").isdigit()


if __name__ == "__main__":
    _limit()
    sys.stdout.buffer.write(extracted(sys.stdin.buffer.read(), sys.argv[1]).encode())
