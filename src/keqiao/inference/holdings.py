"""What inference holds about a person: which consents they gave or withdrew for their organisation."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from keqiao.inference.models import Consent


def export(person_id: int) -> dict[str, Any]:
    rows = Consent.objects.filter(Q(given_by_id=person_id) | Q(withdrawn_by_id=person_id)).order_by("pk")
    return {
        "model_consents": [
            {
                "model": row.model,
                "host": row.host,
                "gave_it": row.given_by_id == person_id,
                "given_at": row.given_at.isoformat(),
                "withdrawn_at": row.withdrawn_at.isoformat() if row.withdrawn_at else None,
            }
            for row in rows
        ]
    }


def erase(person_id: int) -> None:
    """Left are ids: the organisation must be able to say who agreed for it."""
