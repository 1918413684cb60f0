"""Style sheets are written with nesting and served without it: browsers from Chromium 99 on understand what is served.

    python tools/styles.py            write src/keqiao/web/static/*.css from src/keqiao/web/styles/*.css
    python tools/styles.py --check    exit 1 when a served file is not what its source gives

A nested rule `a { &:hover { … } b { … } }` becomes `a:hover { … } a b { … }`; a list of parents is kept together by
`:is()`, which has the specificity that nesting has (CSS Nesting Module Level 1).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

WEB = Path(__file__).resolve().parent.parent / "src" / "keqiao" / "web"
SOURCES, SERVED = WEB / "styles", WEB / "static"
GROUPS = ("@media", "@supports", "@container", "@layer", "@starting-style", "@scope")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass
class Block:
    """`head { parts }`; a part is a declaration (text) or a block inside."""

    head: str
    parts: list[str | Block] = field(default_factory=list)


def flatten(text: str) -> str:
    parts, _ = parse(COMMENT.sub("", text), 0)
    return "\n".join(line for part in parts for line in emit(part, "")) + "\n"


def parse(text: str, at: int) -> tuple[list[str | Block], int]:
    """The parts from `at` to the brace that closes them, and the place behind it."""
    parts: list[str | Block] = []
    while at < len(text):
        end = _end_of_piece(text, at)
        piece = " ".join(text[at:end].split())
        if end == len(text) or text[end] in ";}":
            if piece:
                parts.append(piece)
            if end == len(text) or text[end] == "}":
                return parts, end + 1
            at = end + 1
        else:
            inside, at = parse(text, end + 1)
            parts.append(Block(piece, inside))
    return parts, at


def _end_of_piece(text: str, at: int) -> int:
    """The next ; { or } that is neither in a string nor in brackets."""
    depth, quote = 0, ""
    while at < len(text):
        sign = text[at]
        if quote:
            at += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "([":
            depth += 1
        elif sign in ")]":
            depth -= 1
        elif depth == 0 and sign in ";{}":
            return at
        at += 1
    return at


def emit(part: str | Block, parent: str, indent: str = "") -> Iterator[str]:
    if isinstance(part, str):
        yield f"{indent}{part};"
    elif part.head.startswith("@"):
        yield from _emit_at_rule(part, parent, indent)
    else:
        yield from _emit_rule(part.parts, _join(parent, part.head), indent)


def _emit_at_rule(part: Block, parent: str, indent: str) -> Iterator[str]:
    yield f"{indent}{part.head} {{"
    if part.head.startswith(GROUPS) and parent:
        yield from _emit_rule(part.parts, parent, indent + "  ")
    else:
        for inside in part.parts:
            if part.head.startswith(GROUPS) or isinstance(inside, str):
                yield from emit(inside, "", indent + "  ")
            else:  # the steps of @keyframes are no selectors
                yield f"{indent}  {inside.head} {{ {' '.join(f'{text};' for text in inside.parts)} }}"
    yield f"{indent}}}"


def _emit_rule(parts: list[str | Block], selector: str, indent: str) -> Iterator[str]:
    """Declarations stay in their order among the nested rules."""
    waiting: list[str] = []
    for part in parts:
        if isinstance(part, str):
            waiting.append(part)
            continue
        if waiting:
            yield f"{indent}{selector} {{ {'; '.join(waiting)} }}"
            waiting = []
        yield from emit(part, selector, indent)
    if waiting:
        yield f"{indent}{selector} {{ {'; '.join(waiting)} }}"


def _join(parent: str, head: str) -> str:
    if not parent:
        return head
    whole = parent if len(_choices(parent)) == 1 else f":is({parent})"
    return ", ".join(_under(whole, choice) for choice in _choices(head))


def _under(parent: str, choice: str) -> str:
    if "&" not in choice:
        return f"{parent} {choice}"
    # `.x &` and `&.x` put the parent where the sign stands; a type selector cannot follow directly behind another.
    return choice.replace("&", parent)


def _choices(selector: str) -> list[str]:
    """The parts of a selector list; commas inside brackets belong to their part."""
    found, depth, begin = [], 0, 0
    for at, sign in enumerate(selector):
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            found.append(selector[begin:at].strip())
            begin = at + 1
    return [*found, selector[begin:].strip()]


def served(source: Path) -> str:
    return f"/* Made from ../styles/{source.name} by tools/styles.py: edit that one. */\n{flatten(source.read_text())}"


def main() -> int:
    stale = [
        source
        for source in sorted(SOURCES.glob("*.css"))
        if not (SERVED / source.name).exists() or (SERVED / source.name).read_text() != served(source)
    ]
    if "--check" in sys.argv:
        for source in stale:
            print(f"{source.name} is not what its source gives: python tools/styles.py", file=sys.stderr)
        return 1 if stale else 0
    for source in stale:
        (SERVED / source.name).write_text(served(source))
        print(f"wrote static/{source.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
