"""How a side of a contact is named to a reader. Pure functions on plain data.

An anonymous publisher is described by what the need itself says in public: its field and its region.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keqiao.engagement.types import Face, Side

Titles = Mapping[str, tuple[str, str]]  # code → (zh, en)


def described(need: Any, fields: Titles, regions: Titles) -> Face:
    """某化工企业（澜江市） / A chemical company (Lanjiang)."""
    field_zh, field_en = fields.get(need.field, ("", "")) if need is not None else ("", "")
    region_zh, region_en = regions.get(need.region, ("", "")) if need is not None else ("", "")
    name_zh = f"某{field_zh}企业" + (f"（{region_zh}）" if region_zh else "")
    company = f"A company in {field_en.lower()}" if field_en else "A company"
    name_en = company + (f" ({region_en})" if region_en else "")
    return Face(name_zh, name_en, is_masked=True)


def is_hidden(contact: Any, side: str, reader: str) -> bool:
    """May `reader` (a side, broker, or nobody) not learn who stands on `side`?"""
    return contact.is_masked and side == Side.NEED and reader != Side.NEED


def face(contact: Any, side: str, reader: str, fields: Titles, regions: Titles) -> Face:
    """The side as the reader may know it. The organisations must be loaded with the contact."""
    if is_hidden(contact, side, reader):
        return described(contact.need, fields, regions)
    organisation = contact.from_organisation if side == contact.from_side else contact.to_organisation
    return Face(organisation.name_zh, organisation.name_en, organisation.code)


def file_name(file: Any, contact: Any, place: str, reader: str) -> str:
    """The name under which a file is shown and sent: the sender's own, or a neutral one while they are masked."""
    return file.neutral_name if is_hidden(contact, place, reader) else file.file.name


def person_name(person: Any, contact: Any, place: str, reader: str) -> tuple[str, str]:
    """A person's name in both languages; nothing when their side is masked."""
    if is_hidden(contact, place, reader):
        return "", ""
    return person.name_zh, person.name_en
