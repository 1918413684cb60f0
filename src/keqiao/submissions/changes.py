"""What differs between two contents. Pure functions on plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# Words about the writing, not part of what becomes public.
SILENT = frozenset({"confirmed", "price_unit"})
# Classification that is suggested from the text, and that a person confirms.
CLASSIFICATION = ("ipc", "industry", "discipline")


@dataclass(frozen=True)
class Change:
    """One place of the content: `field` is a path as in content.py (texts.zh.title, indicators.2.value)."""

    field: str
    before: Any
    after: Any


def flat(content: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Path → value. Lists of plain values are one value; rows are numbered from 0; what is empty is left out."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        place = f"{path}{name}"
        if value in (None, "", [], {}) or place in SILENT:
            continue
        if isinstance(value, Mapping):
            found |= flat(value, f"{place}.")
        elif isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
            for n, row in enumerate(value):
                found |= flat(row, f"{place}.{n}.")
        else:
            found[place] = value
    return found


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Change]:
    """In the order of the new content, then what is gone."""
    old, new = flat(before or {}), flat(after)
    places = [*new, *(place for place in old if place not in new)]
    return [Change(p, old.get(p), new.get(p)) for p in places if old.get(p) != new.get(p)]


def is_covered(changed: Iterable[Change], asked: Iterable[str]) -> bool:
    """Did only those places change that were asked about (or parts of them)?"""
    places = list(asked)
    return all(any(touches(change.field, place) for place in places) for change in changed)


def touches(field: str, place: str) -> bool:
    """Is the field this place or a part of it?"""
    return bool(place) and (field == place or field.startswith(f"{place}."))


def unconfirmed(content: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
    """Classes (field, code) that no person has confirmed yet; those of the version `before` were confirmed with it."""
    known = content.get("confirmed")
    confirmed = set(known) if isinstance(known, list) else set()
    return [
        (name, code)
        for name in CLASSIFICATION
        for code in content.get(name) or []
        if f"{name}:{code}" not in confirmed and code not in ((before or {}).get(name) or [])
    ]


def title_of(content: Mapping[str, Any], lang: str = "zh") -> str:
    """The title in that language, else in the other; empty when there is none yet."""
    texts = content.get("texts")
    versions = texts if isinstance(texts, Mapping) else {}
    for each in (lang, "en" if lang == "zh" else "zh"):
        version = versions.get(each)
        title = version.get("title") if isinstance(version, Mapping) else None
        if isinstance(title, str) and title.strip():
            return title.strip()
    return ""
