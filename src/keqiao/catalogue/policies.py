"""Who may. Whether the state allows it is the workflow's business."""

from typing import Any

from keqiao.parties.types import Actor


def can_run_achievement(actor: Actor, achievement: Any) -> bool:
    """Its owner's people and operators publish, close and withdraw it."""
    return actor.is_operator or actor.works_for(achievement.owner_id)


def can_run_need(actor: Actor, need: Any) -> bool:
    return actor.is_operator or actor.works_for(need.publisher_id)
