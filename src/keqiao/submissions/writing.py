"""What the commands that write drafts share; each runs inside one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keqiao.kernel import clock, codes
from keqiao.kernel.errors import NotAllowed, WrongState
from keqiao.kernel.events import record
from keqiao.parties.types import Actor
from keqiao.submissions.models import Submission
from keqiao.submissions.policies import can_write
from keqiao.submissions.selectors import get_submission
from keqiao.submissions.types import Origin
from keqiao.submissions.workflow import WRITABLE


def writable(code: str, actor: Actor) -> Submission:
    """A draft, locked, that the actor may write now."""
    submission = get_submission(code, actor=actor, lock=True)
    if not can_write(actor, submission):
        raise NotAllowed
    if submission.state not in WRITABLE:
        raise WrongState
    return submission


def begin_draft(
    *,
    actor: Actor,
    kind: str,
    organisation_id: int,
    author_id: int,
    content: Mapping[str, Any],
    origin: str = Origin.FORM,
    external_id: str = "",
) -> Submission:
    submission = Submission.objects.create(
        code=codes.fresh(Submission, "SB"),
        kind=kind,
        organisation_id=organisation_id,
        author_id=author_id,
        content=dict(content),
        origin=origin,
        external_id=external_id,
        writers=[author_id],
        saved_at=clock.now(),
    )
    record("submissions.submission_started", submission, actor=actor, kind=kind)
    return submission
