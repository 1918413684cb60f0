"""What differs between two versions, in pieces that a page marks and a screen reader says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from keqiao.web.posting.forms import units_of
from keqiao.web.posting.presentation import label_of, lines_of
from keqiao.web.presentation import Words

WORDS = re.compile(r"[A-Za-z0-9]+|\s+|.", re.DOTALL)
SENTENCES = re.compile(r"[^。；;！!？?\n]*[。；;！!？?\n]?")
LONGEST_BY_WORD = 1_500  # characters; longer texts are compared sentence by sentence


@dataclass(frozen=True)
class Piece:
    """A stretch of text that was kept, added or taken away."""

    kind: str  # same, new, gone
    text: str


@dataclass(frozen=True)
class Changed:
    """One field of two versions."""

    label: str
    pieces: tuple[Piece, ...]


def pieces(before: str, after: str) -> tuple[Piece, ...]:
    """The way from one text to the other."""
    split = WORDS if max(len(before), len(after)) <= LONGEST_BY_WORD else SENTENCES
    old, new = (split.findall(text) for text in (before, after))
    found: list[Piece] = []
    for kind, a0, a1, b0, b1 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(Piece("same", "".join(old[a0:a1])))
            continue
        if a0 < a1:
            found.append(Piece("gone", "".join(old[a0:a1])))
        if b0 < b1:
            found.append(Piece("new", "".join(new[b0:b1])))
    return tuple(piece for piece in found if piece.text)


def changes(kind: str, before: Mapping[str, Any], after: Mapping[str, Any], words: Words) -> list[Changed]:
    """Field by field, in the order of the newer version; what is gone comes last."""
    old, new = units_of(before), units_of(after)
    found = []
    for unit in dict.fromkeys((*new, *old)):
        if old.get(unit) == new.get(unit) or unit.endswith(".origin"):
            continue
        was, now = ("\n".join(lines_of(kind, unit, version.get(unit), words)) for version in (old, new))
        if was != now:
            found.append(Changed(label_of(kind, unit), pieces(was, now)))
    return found
