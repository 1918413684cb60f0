"""What learning holds about a person: which matches they answered, which decisions they took."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from keqiao.learning.models import LearnedModel, Refusal, TrainingRow


def export(person_id: int) -> dict[str, Any]:
    rows = TrainingRow.objects.filter(person_id=person_id).select_related("need", "achievement").order_by("pk")
    refusals = Refusal.objects.filter(Q(refused_by_id=person_id) | Q(ended_by_id=person_id)).order_by("pk")
    return {
        "learned_from": [
            {
                "need": row.need.code,
                "achievement": row.achievement.code,
                "position": row.position,
                "shown_at": row.shown_at and row.shown_at.isoformat(),
                "suitable": row.is_suitable,
                "contacted_at": row.contacted_at and row.contacted_at.isoformat(),
            }
            for row in rows
        ],
        "refused_for_organisation": [
            {"refused_at": row.refused_at.isoformat(), "ended_at": row.ended_at and row.ended_at.isoformat()}
            for row in refusals
        ],
        "trainings": list(
            LearnedModel.objects.filter(asked_by_id=person_id).order_by("pk").values_list("code", flat=True)
        ),
    }


def erase(person_id: int) -> None:
    """Inside the command that erases: rows that say what they wanted go. Who decided for an organisation stays, by id."""
    TrainingRow.objects.filter(person_id=person_id).delete()
