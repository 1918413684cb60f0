"""Who may. Whether the state allows it is the workflow's business."""

from typing import Any

from keqiao.parties.types import Actor, Role


def can_publish(actor: Actor, item: Any) -> bool:  # noqa: ARG001 -- a policy's signature
    """What becomes public was reviewed: the platform's last step does it, never the owner alone."""
    return actor.is_operator


def can_expire(actor: Actor, item: Any) -> bool:  # noqa: ARG001 -- a policy's signature
    """The calendar decides, not a person: only the nightly job."""
    return actor.is_system


def can_run_achievement(actor: Actor, achievement: Any) -> bool:
    """Its owner's people and operators write, renew, close and withdraw it."""
    return actor.is_operator or actor.works_for(achievement.owner_id)


def can_run_need(actor: Actor, need: Any) -> bool:
    return actor.is_operator or actor.works_for(need.publisher_id)


def can_write_shares(actor: Actor, achievement: Any) -> bool:
    """The owner's transfer office proposes who contributed what; each contributor signs."""
    return actor.has_role(achievement.owner_id, Role.CONVERSION_OFFICER)
