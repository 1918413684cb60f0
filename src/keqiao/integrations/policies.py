"""Who may. Whether now is the right time is the workflow's business."""

from keqiao.integrations.types import CONNECTING_ROLES
from keqiao.parties.types import Actor


def can_hold_tokens(actor: Actor) -> bool:
    """A person with an account, as themselves: not staff who stand in for somebody."""
    return actor.person_id is not None and not actor.only_reads


def can_connect(actor: Actor, organisation_id: int | None) -> bool:
    return actor.has_role(organisation_id, *CONNECTING_ROLES)
