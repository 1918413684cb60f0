"""Who may. Whether the state allows it is the workflow's business."""

from __future__ import annotations

from typing import Any

from keqiao.catalogue import selectors as catalogue
from keqiao.deals.states import KEEPING_ROLES, OFFICER_ROLES
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, Role


def can_open_deal(actor: Actor, organisation_id: int) -> bool:
    return actor.has_role(organisation_id, *OFFICER_ROLES)


def can_write_rules(actor: Actor, organisation_id: int) -> bool:
    return actor.has_role(organisation_id, *OFFICER_ROLES)


def can_run_deal(actor: Actor, deal: Any) -> bool:
    """The transfer office of an owner: contract registration, milestones, settlement."""
    return any(actor.has_role(row.organisation_id, *OFFICER_ROLES) for row in deal.owners.all())


def can_record_receipt(actor: Actor, deal: Any) -> bool:
    """The transfer office or finance of an owner says what came in."""
    return any(actor.has_role(row.organisation_id, *KEEPING_ROLES) for row in deal.owners.all())


def can_answer_for(actor: Actor, distribution: Any) -> bool:
    """Somebody who gets money by it; or the transfer office, for whom has no account."""
    return can_answer_line(actor, distribution) or can_prepare(actor, distribution)


def can_prepare(actor: Actor, distribution: Any) -> bool:
    """The transfer office of the organisation whose part is divided; the system, when a notice ends."""
    return actor.is_system or actor.has_role(distribution.organisation_id, *OFFICER_ROLES)


def can_answer_line(actor: Actor, distribution: Any) -> bool:
    """Somebody who gets money by it; the selector gave them no other."""
    if actor.person_id is None:
        return False
    return distribution.confirmations.filter(person_id__in=catalogue.selves(actor.person_id)).exists()


def can_approve(actor: Actor, distribution: Any) -> bool:
    return actor.has_role(distribution.organisation_id, *OFFICER_ROLES)


def can_pay(actor: Actor, distribution: Any) -> bool:
    return actor.has_role(distribution.organisation_id, Role.FINANCE_OFFICER)


def can_finish(actor: Actor, distribution: Any) -> bool:
    return actor.is_system or can_pay(actor, distribution) or can_approve(actor, distribution)


def can_answer_notice(actor: Actor, notice: Any) -> bool:
    """The transfer office of the organisation that shows it."""
    homes = parties.final_organisations(notice.organisation_ids)
    return any(actor.has_role(pk, *OFFICER_ROLES) for pk in homes.values())
