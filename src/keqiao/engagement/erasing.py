"""What engagement holds about a person: their part of an export, and what is erased with them."""

from __future__ import annotations

from typing import Any

from keqiao.engagement.models import MatchFeedback, Message, MessageFile, Participant, SavedSearch, Task, Visit
from keqiao.kernel import clock
from keqiao.kernel.files import discard


def export(person_id: int) -> dict[str, Any]:
    """One's own words, files, marks, searches and tasks; what others wrote is theirs."""
    messages = Message.objects.filter(author_id=person_id).select_related("contact").order_by("sent_at", "pk")
    return {
        "threads": list(
            Participant.objects.filter(person_id=person_id).order_by("pk").values_list("contact__code", flat=True)
        ),
        "messages": [
            {
                "contact": row.contact.code,
                "number": row.number,
                "sent_at": row.sent_at.isoformat(),
                "text": row.text,
                "files": [file.file.name for file in row.files.select_related("file")],
            }
            for row in messages
        ],
        "judged_matches": [
            {
                "need": row.need.code,
                "achievement": row.achievement.code,
                "suitable": row.is_suitable,
                "reason": row.reason,
                "note": row.note,
            }
            for row in MatchFeedback.objects.filter(person_id=person_id)
            .select_related("need", "achievement")
            .order_by("pk")
        ],
        "saved_searches": [
            {"name": row.name, "query": row.query, "created_at": row.created_at.isoformat()}
            for row in SavedSearch.objects.filter(person_id=person_id).order_by("created_at", "pk")
        ],
        "tasks": [
            {"text": row.text, "due_on": row.due_on and row.due_on.isoformat()}
            for row in Task.objects.filter(person_id=person_id).order_by("created_at", "pk")
        ],
    }


def erase(person_id: int) -> None:
    """Inside the command that erases. Their words and files go; the threads stay readable for the others."""
    for row in MessageFile.objects.filter(message__author_id=person_id).select_related("file"):
        file = row.file
        row.delete()
        discard(file)
    Message.objects.filter(author_id=person_id, erased_at=None).update(text="", erased_at=clock.now())
    MatchFeedback.objects.filter(person_id=person_id).update(person=None, note="")
    SavedSearch.objects.filter(person_id=person_id).delete()
    Task.objects.filter(person_id=person_id).delete()
    Visit.objects.filter(person_id=person_id).delete()
    Participant.objects.filter(person_id=person_id, left_at=None).update(left_at=clock.now())
