"""Who may. Whether now is the right time is the workflow's business."""

from __future__ import annotations

from typing import Any

from keqiao.interchange.types import ITEM_KINDS, Kind
from keqiao.parties.types import APPROVING_ROLES, Actor


def can_import(actor: Actor, kind: str) -> bool:
    """Items and rights: people of an organisation, for it. People: who may let others in. Organisations: operators."""
    if actor.is_operator:
        return True
    if kind == Kind.ORGANISATIONS or actor.acting_for is None:
        return False
    return kind != Kind.PEOPLE or actor.has_role(actor.acting_for, *APPROVING_ROLES)


def can_publish(actor: Actor, kind: str) -> bool:
    """Straight into public view, without review: operators, and only items."""
    return actor.is_operator and kind in ITEM_KINDS


def can_run(actor: Actor, job: Any) -> bool:
    """Whose import it is. What it may do to rows is asked again when they are applied."""
    return actor.is_system or (actor.person_id is not None and actor.person_id == job.person_id)


def can_work(actor: Actor, job: Any) -> bool:  # noqa: ARG001 -- a policy's signature
    """The steps between: only the job."""
    return actor.is_system


def can_export(actor: Actor, kind: str) -> bool:
    """Everybody with an account, what they may see; people of an organisation: its own people and operators."""
    if kind == Kind.PEOPLE:
        return actor.is_operator or actor.acting_for is not None
    return actor.is_known
