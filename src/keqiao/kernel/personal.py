"""What the platform holds about a person: every context says how to export it and how to erase it.

Contexts register at import (from their `apps.py`), so that nothing above is imported here. The trail keeps ids only and
is never erased.
"""

from __future__ import annotations

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
