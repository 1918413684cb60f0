"""Who may. Whether now is the right time is the workflow's business."""

from keqiao.parties.types import Actor


def can_stand_in(actor: Actor, person_id: int) -> bool:
    """A person who is an operator, for somebody else. That the other is no operator is asked by the command."""
    return actor.is_operator and actor.person_id not in {None, person_id}
