"""The kernel's part of what the platform holds about a person: messages and how they wish to get them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from keqiao.kernel.models import Notice, NoticeChannel, NoticePreference, Objection, StoredFile
from keqiao.kernel.personal import BLANK


def export(person_id: int) -> dict[str, Any]:
    return {
        "notices": [
            {
                "kind": row.kind,
                "title_zh": row.title_zh,
                "title_en": row.title_en,
                "link": row.link,
                "created_at": row.created_at.isoformat(),
                "read_at": row.read_at.isoformat() if row.read_at else None,
            }
            for row in Notice.objects.filter(person_id=person_id)
            .order_by("created_at", "pk")
            .iterator(chunk_size=1_000)
        ],
        "preferences": list(
            NoticePreference.objects.filter(person_id=person_id)
            .order_by("kind")
            .values("kind", "email", "uses_channels")
        ),
        # The rest of the address is a key: whoever has it can post there.
        "channels": [
            {"format": row.format, "host": urlsplit(row.url).hostname or "", "is_active": row.is_active}
            for row in NoticeChannel.objects.filter(person_id=person_id).order_by("pk")
        ],
        "objections": [
            {
                "notice": row.notice.code,
                "text": row.text,
                "made_at": row.made_at.isoformat(),
                "outcome": row.outcome,
                "answer": row.answer,
            }
            for row in Objection.objects.filter(person_id=person_id).select_related("notice").order_by("pk")
        ],
        "uploads": [
            {"name": row.name, "size": row.size, "stored_at": row.stored_at.isoformat()}
            for row in StoredFile.objects.filter(stored_by_id=person_id)
            .order_by("stored_at", "pk")
            .iterator(chunk_size=1_000)
        ],
    }


def erase(person_id: int) -> None:
    """Deliveries go with the notices and channels they belong to. An objection's place and outcome stay, its words go."""
    Objection.objects.filter(person_id=person_id).update(text=BLANK)
    Notice.objects.filter(person_id=person_id).delete()
    NoticePreference.objects.filter(person_id=person_id).delete()
    NoticeChannel.objects.filter(person_id=person_id).delete()
