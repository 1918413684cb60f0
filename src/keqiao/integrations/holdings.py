"""What integrations holds about a person: their tokens. A webhook belongs to its organisation and stays."""

from __future__ import annotations

from typing import Any

from keqiao.integrations.models import Token, Webhook


def export(person_id: int) -> dict[str, Any]:
    return {
        "tokens": [
            {
                "name": token.name,
                "hint": token.hint,
                "scopes": token.scopes,
                "organisation": token.organisation.code if token.organisation else None,
                "created_at": token.created_at.isoformat(),
                "expires_at": token.expires_at.isoformat(),
                "last_used_on": token.last_used_on.isoformat() if token.last_used_on else None,
                "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
            }
            for token in Token.objects.filter(person_id=person_id)
            .select_related("organisation")
            .order_by("created_at", "pk")
        ],
        "webhooks_made": list(
            Webhook.objects.filter(made_by_id=person_id, deleted_at=None).order_by("pk").values_list("code", flat=True)
        ),
    }


def erase(person_id: int) -> None:
    """Stored answers go with their tokens."""
    Token.objects.filter(person_id=person_id).delete()
    Webhook.objects.filter(made_by_id=person_id).update(made_by=None)
