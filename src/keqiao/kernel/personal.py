"""What the platform holds about a person: every context says how to export it and how to erase it.

Contexts register at import (from their `apps.py`), so that nothing above is imported here. The trail keeps ids only and
is never erased.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Export = Callable[[int], Any]
Erase = Callable[[int], None]


@dataclass(frozen=True)
class Holding:
    """One context's part: `export(person_id)` gives plain JSON values, `erase(person_id)` removes or blanks them."""

    name: str
    export: Export
    erase: Erase


_holdings: dict[str, Holding] = {}


def holds_personal_data(name: str, *, export: Export, erase: Erase) -> None:
    """Register a context's part; `name` is its key in the exported file."""
    _holdings[name] = Holding(name, export, erase)


def export_of(person_id: int) -> dict[str, Any]:
    """Everything that is held about a person, by context."""
    return {name: holding.export(person_id) for name, holding in sorted(_holdings.items())}


def erase(person_id: int) -> None:
    """Inside a command: all contexts or none. Contexts above are asked first, since they refer to those below."""
    for holding in reversed(list(_holdings.values())):
        holding.erase(person_id)


def names() -> list[str]:
    """The parts of an export in the order in which they are read: consents last, so that the file holds those of now."""
    return sorted(_holdings, key=lambda name: (name == "accounts", name))


def export_part(name: str, person_id: int) -> Any:
    """One context's part, in plain JSON values."""
    return _holdings[name].export(person_id)


# --- who somebody is, for taking it out of texts ------------------------------------------------------------------------

ERASED_ZH = "已注销用户"
ERASED_EN = "Erased user"
BLANK = "［已删除］"
HAN = "\u3400-\u9fff"
TITLES = "教授|副教授|讲师|研究员|博士|老师|先生|女士|工程师|经理|总监|主任|院长|所长|同志"


@dataclass(frozen=True)
class Identity:
    """The names and addresses of one person, as they may stand in texts that stay."""

    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()  # e-mail addresses and mobile numbers

    @property
    def needles(self) -> list[str]:
        """What a database looks for before `scrubbed` decides: longest first."""
        return sorted({word for word in (*self.names, *self._spellings()) if len(word) > 1}, key=lambda w: (-len(w), w))

    def _spellings(self) -> list[str]:
        """A mainland number also without its country code."""
        short = [address.removeprefix("+86") for address in self.addresses if address.startswith("+86")]
        return [*self.addresses, *short]

    def is_name(self, text: str) -> bool:
        """A field that holds a name and nothing else."""
        return text.strip().casefold() in {name.casefold() for name in self.names if name}

    def scrubbed(self, text: str) -> str:
        """Without the person. A Chinese name of two characters goes only where it stands as a name, not inside a word."""
        for word in sorted(self._spellings(), key=len, reverse=True):
            text = re.sub(re.escape(word), BLANK, text, flags=re.IGNORECASE)
        for name in sorted(filter(None, self.names), key=len, reverse=True):
            text = re.sub(_pattern(name), BLANK, text, flags=re.IGNORECASE)
        return text

    def scrubbed_json(self, value: Any) -> Any:
        """Every text inside a JSON value; a field that is a name becomes the mark of an erased user."""
        if isinstance(value, str):
            if self.is_name(value):
                return ERASED_ZH if re.search(f"[{HAN}]", value) else ERASED_EN
            return self.scrubbed(value)
        if isinstance(value, list):
            return [self.scrubbed_json(each) for each in value]
        if isinstance(value, dict):
            return {key: self.scrubbed_json(each) for key, each in value.items()}
        return value


def _pattern(name: str) -> str:
    escaped = re.escape(name)
    if not re.search(f"[{HAN}]", name):
        return rf"\b{escaped}\b"
    return escaped if len(name) > 2 else rf"(?<![{HAN}]){escaped}(?=$|[^{HAN}]|{TITLES})"
