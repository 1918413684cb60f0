"""What deals hold about a person. Who was paid what is kept by law, by id; what they wrote goes."""

from __future__ import annotations

from typing import Any

from keqiao.catalogue import selectors as catalogue
from keqiao.deals.models import Confirmation, Payment
from keqiao.deals.states import PaymentState
from keqiao.kernel.personal import BLANK


def export(person_id: int) -> dict[str, Any]:
    own = catalogue.selves(person_id)
    rows = Confirmation.objects.filter(person_id__in=own).select_related(
        "distribution__deal", "distribution__organisation"
    )
    payments = Payment.objects.filter(person_id__in=own).select_related("distribution")
    return {
        "distributions": [
            {
                "distribution": row.distribution.code,
                "deal": row.distribution.deal.code,
                "organisation": str(row.distribution.organisation),
                "state": row.distribution.state,
                "unit": row.distribution.unit,
                "amount_minor": row.amount,
                "answer": row.answer,
                "answered_at": row.answered_at.isoformat() if row.answered_at else None,
                "reason": row.reason,
                "reply": row.reply,
            }
            for row in rows.order_by("id").iterator(chunk_size=1_000)
        ],
        "payments": [
            {
                "payment": row.code,
                "distribution": row.distribution.code,
                "currency": row.currency,
                "amount_minor": row.amount,
                "state": row.state,
                "paid_on": row.paid_on.isoformat() if row.paid_on else None,
            }
            for row in payments.order_by("id").iterator(chunk_size=1_000)
        ],
    }


def erase(person_id: int) -> None:
    """Nobody is left to pay: open orders stop, and say so. Amounts stay with the id."""
    Payment.objects.filter(person_id=person_id, state__in=[PaymentState.WAITING, PaymentState.HELD]).update(
        state=PaymentState.WITHHELD
    )
    Confirmation.objects.filter(person_id=person_id).exclude(reason="").update(reason=BLANK)
    Confirmation.objects.filter(person_id=person_id).exclude(reply="").update(reply=BLANK)
