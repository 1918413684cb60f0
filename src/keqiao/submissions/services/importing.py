"""Commands: many drafts at once, from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keqiao.kernel import clock, codes
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.parties.types import Actor
from keqiao.submissions.models import Submission
from keqiao.submissions.services.drafting import _check, _check_assets
from keqiao.submissions.types import Origin, SubmissionKind

__all__ = ["start_drafts"]


@command
def start_drafts(
    *, actor: Actor, kind: str, organisation_id: int, contents: Sequence[Mapping[str, Any]]
) -> list[Submission]:
    """As start_draft, for the rows of a file: all of them or none, one event. Their external ids find them again."""
    if actor.person_id is None or not actor.works_for(organisation_id):
        raise NotAllowed
    if kind not in SubmissionKind.values:
        raise BadInput(field="kind")
    for content in contents:
        _check(content)
        if content.get("attachments"):
            raise BadInput(field="attachments")
        if content.get("asset_ids"):
            _check_assets(content, organisation_id)
    now = clock.now()
    drawn = codes.fresh_many(Submission, "SB", len(contents))
    made = Submission.objects.bulk_create(
        Submission(
            code=code,
            kind=kind,
            organisation_id=organisation_id,
            author_id=actor.person_id,
            content=dict(content),
            origin=Origin.IMPORT,
            external_id=str(content.get("external_id") or ""),
            writers=[actor.person_id],
            saved_at=now,
        )
        for code, content in zip(drawn, contents, strict=True)
    )
    if made:
        record(
            "submissions.submissions_imported",
            made[0],
            actor=actor,
            kind=kind,
            ids=[submission.pk for submission in made],
        )
    return made
