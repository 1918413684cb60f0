"""What alerts holds about a person: what they watch and were told of, and their choice about recommendations."""

from __future__ import annotations

from typing import Any

from keqiao.alerts.models import Alert, Choice, Digest, Watch


def export(person_id: int) -> dict[str, Any]:
    watches = Watch.objects.filter(person_id=person_id).order_by("created_at", "pk")
    watches = watches.select_related("need", "achievement", "organisation", "search")
    told = Alert.objects.filter(person_id=person_id, digest__isnull=False).order_by("digest__made_at", "pk")
    choice = Choice.objects.filter(person_id=person_id).first()
    return {
        "recommends": choice.recommends if choice else True,
        "watches": [
            {
                "subject": row.subject,
                "of": _subject(row),
                "threshold": row.threshold,
                "cadence": row.cadence,
                "is_chosen": row.is_chosen,
                "is_active": row.is_active,
                "created_at": row.created_at.isoformat(),
            }
            for row in watches
        ],
        "alerts": [
            {
                "need": row.need.code if row.need else None,
                "achievement": row.achievement.code if row.achievement else None,
                "reason": row.reason,
                "score": row.score,
                "told_at": row.digest.made_at.isoformat() if row.digest else None,
            }
            for row in told.select_related("need", "achievement", "digest").iterator(chunk_size=1_000)
        ],
    }


def _subject(row: Watch) -> str:
    if row.item is not None:
        return str(row.item.code)
    if row.organisation is not None:
        return row.organisation.code
    return row.search.name if row.search is not None else row.class_code


def erase(person_id: int) -> None:
    """Inside the command that erases. Alerts go with their watches."""
    Watch.objects.filter(person_id=person_id).delete()
    Digest.objects.filter(person_id=person_id).delete()
    Choice.objects.filter(person_id=person_id).delete()
