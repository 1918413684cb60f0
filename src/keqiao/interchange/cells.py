"""Text of one cell on its way out to a spreadsheet and back: nothing that a spreadsheet would run as a formula.

A text that begins with = + - @, a tab or a carriage return gets an apostrophe in front; so does one that begins with an
apostrophe which reading would otherwise take away. Reading takes exactly that apostrophe away again. Numbers, negative
ones too, stay numbers.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

STARTS = "=+-@\t\r"
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
EXCEL_ERRORS = {
    "#NULL!",
    "#DIV/0!",
    "#VALUE!",
    "#REF!",
    "#NAME?",
    "#NUM!",
    "#N/A",
    "#GETTING_DATA",
    "#SPILL!",
    "#CALC!",
}
SEPARATORS = re.compile(r"[、;；\n|]+")


def neutral(text: str) -> str:
    """The text as it is written into a cell."""
    if NUMBER.fullmatch(text):
        return text
    is_marked = len(text) > 1 and text[0] == "'" and text[1] in STARTS + "'"
    return f"'{text}" if (text[:1] and text[0] in STARTS) or is_marked else text


def as_written(cell: str) -> str:
    """The text that was meant: undoes `neutral`."""
    return cell[1:] if len(cell) > 1 and cell[0] == "'" and cell[1] in STARTS + "'" else cell


def clean(cell: Any) -> Any:
    """A cell as it is read: one kind of line end, no white space around. Lists stay."""
    return cell.replace("\r\n", "\n").replace("\r", "\n").strip() if isinstance(cell, str) else cell


def from_spreadsheet(cell: Any) -> Any:
    """The text of a cell of a spreadsheet or CSV file: undoes `neutral`, also where white space was put in front."""
    return as_written(cell.strip(" \u3000\ufeff\n")) if isinstance(cell, str) else cell


def half_width(text: str) -> str:
    """Full-width digits, letters and signs as ASCII: for reading values, never for what is kept as text."""
    return unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()


def parts(cell: Any) -> list[str]:
    """A list in a cell: words between 、 ; ； or on lines of their own; or a JSON list."""
    if isinstance(cell, list):
        return [str(word).strip() for word in cell if str(word).strip()]
    text = str(cell).strip()
    if text.startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list):
            return [str(word).strip() for word in found if str(word).strip()]
    return [word for part in SEPARATORS.split(text) if (word := part.strip())]


def joined(words: Iterable[str]) -> str:
    """The words in one cell such that `parts` gives them back."""
    kept = list(words)
    text = "；".join(kept)
    return text if parts(text) == kept else json.dumps(kept, ensure_ascii=False)
