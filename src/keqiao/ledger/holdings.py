"""What the ledger holds about a person. Accounting records are kept by law: the lines stay, and name a person by id only."""

from __future__ import annotations

from typing import Any

from keqiao.ledger.models import EntryLine


def export(person_id: int) -> dict[str, Any]:
    """The lines in which a person is the party."""
    rows = EntryLine.objects.filter(person_id=person_id).select_related("account", "entry__book__organisation")
    return {
        "lines": [
            {
                "book": row.entry.book.code,
                "entry": str(row.entry),
                "booked_on": row.booked_on.isoformat(),
                "account": row.account.name_zh,
                "currency": row.account.currency,
                "amount_minor": row.amount,
                "why": row.why,
            }
            for row in rows.order_by("booked_on", "id").iterator(chunk_size=1_000)
        ]
    }


def erase(person_id: int) -> None:
    """Nothing: the name is not here, and the sums must stay explainable (docs/decisions, ledger)."""
