"""What joining holds about a person: what they asked for in the name of their organisation."""

from __future__ import annotations

from typing import Any

from keqiao.joining.models import Joining


def export(person_id: int) -> dict[str, Any]:
    rows = Joining.objects.filter(person_id=person_id).select_related("need", "achievement").order_by("asked_at", "pk")
    return {
        "joinings": [
            {"item": row.item.code, "state": row.state, "note": row.note, "asked_at": row.asked_at.isoformat()}
            for row in rows
        ]
    }


def erase(person_id: int) -> None:
    """The organisation still shares the item; who asked, and in which words, is gone."""
    Joining.objects.filter(person_id=person_id).update(person=None, note="")
