"""Who may. Whether now is the right time is the workflow's business."""

from __future__ import annotations

from typing import Any

from keqiao.engagement.types import WORKING_ROLES
from keqiao.parties.types import Actor


def can_decide(actor: Actor, joining: Any) -> bool:
    """The item's own people."""
    return actor.has_role(joining.owner_id, *WORKING_ROLES)


def can_leave(actor: Actor, joining: Any) -> bool:
    """The people of the organisation that asked."""
    return actor.has_role(joining.organisation_id, *WORKING_ROLES)
