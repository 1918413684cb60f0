"""Our own documents as HTML: headings, paragraphs, lists, tables, code, links, emphasis. Everything is escaped first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

HAN = re.compile(r"[\u3400-\u9fff]")
FENCED = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)")
BARE = re.compile(r"&lt;(https?://[^&\s]+)&gt;")
STRONG = re.compile(r"\*\*(.+?)\*\*")
ITEM = re.compile(r"(?:[-*]|\d+\.) +")


@dataclass(frozen=True)
class Document:
    """A file of the repository: its title and its body; `lang` is zh or en."""

    title: str
    body: SafeString
    lang: str


def read_document(file: Path) -> Document:
    return markdown(file.read_text(encoding="utf-8"))


def markdown(text: str) -> Document:
    blocks = list(_blocks(text))
    title = next((block[0].lstrip("# ") for block in blocks if block[0].startswith("# ")), "")
    rest = [block for block in blocks if not block[0].startswith("# ")]
    prose = re.sub(r"`[^`]*`|<[^>]*>", "", text)
    lang = "zh" if len(HAN.findall(prose)) > len(prose) / 10 else "en"
    return Document(title, mark_safe("\n".join(_html(block, lang) for block in rest)), lang)  # noqa: S308 -- escaped below


def _blocks(text: str) -> Iterator[list[str]]:
    """Lines that belong together; a heading is a block of its own."""
    block: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            if block:
                yield block
            block = []
            if line.startswith("#"):
                yield [line]
        else:
            block.append(line)
    if block:
        yield block


def _html(block: list[str], lang: str) -> str:
    first = block[0]
    if first.startswith("#"):
        level = min(len(first) - len(first.lstrip("#")) + 1, 4)
        return f"<h{level}>{_inline(first.lstrip('# '), lang)}</h{level}>"
    if first.startswith("|") and len(block) > 1:
        return _table(block, lang)
    if ITEM.match(first):
        return _list(block, lang)
    return f"<p>{_inline(' '.join(line.strip() for line in block), lang)}</p>"


def _list(block: list[str], lang: str) -> str:
    items: list[str] = []
    for line in block:
        if ITEM.match(line):
            items.append(ITEM.sub("", line, count=1))
        elif items:
            items[-1] += f" {line.strip()}"
    tag = "ol" if block[0][0].isdigit() else "ul"
    return f"<{tag}>{''.join(f'<li>{_inline(item, lang)}</li>' for item in items)}</{tag}>"


def _table(block: list[str], lang: str) -> str:
    header, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block]
    head = "".join(f'<th scope="col">{_inline(cell, lang)}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{_inline(cell, lang)}</td>' for cell in row)}</tr>" for row in rows[1:])
    name = ", ".join(escape(cell) for cell in header)
    table = f'<table class="table table--tight"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="tw" tabindex="0" role="region" aria-label="{name}">{table}</div>'


def _inline(text: str, lang: str) -> str:
    parts = FENCED.split(str(escape(text)))
    return "".join(
        f"<code>{_foreign(part, lang)}</code>" if n % 2 else _words(part, lang) for n, part in enumerate(parts)
    )


def _words(text: str, lang: str) -> str:
    text = _foreign(text, lang)
    text = LINK.sub(r'<a href="\2" rel="external">\1</a>', text)
    text = BARE.sub(r'<a href="\1" rel="external">\1</a>', text)
    return STRONG.sub(r"<strong>\1</strong>", text)


def _foreign(text: str, lang: str) -> str:
    """Chinese words inside an English document carry their language."""
    if lang == "zh" or not HAN.search(text):
        return text
    return re.sub(
        r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef\u201c\u201d…]*[\u3400-\u9fff]+[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]*",
        r'<span lang="zh-CN">\g<0></span>',
        text,
    )
