"""Commands: a receipt is divided, contributors answer, an officer approves, the notice passes; a correction goes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.deals import announcing, computing, selectors, telling
from keqiao.deals.models import Confirmation, Deal, Distribution, Evidence, SheetLine
from keqiao.deals.policies import can_answer_line, can_approve, can_open_deal, can_prepare
from keqiao.deals.services.paying import _accrue, _cancel_payments, _take_back
from keqiao.deals.states import (
    LONGEST_REASON,
    AlreadyDistributed,
    Answer,
    BeneficiaryApproves,
    DistributionState,
    SharesChanged,
    VouchedForSomebody,
)
from keqiao.deals.types import Step
from keqiao.deals.workflow import distribution_workflow
from keqiao.kernel import clock, codes, public_notices
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

PEOPLE = (Step.CONTRIBUTOR, Step.STAFF, Step.OWNER)


@command
def prepare(
    *,
    actor: Actor,
    code: str,
    receipt_number: int,
    rule_code: str,
    organisation_code: str = "",
    staff: Sequence[tuple[int, int]] = (),
) -> Distribution:
    """Divide a receipt by the institution's rule (empty: the law's) and ask the contributors. One live sheet for each receipt.

    `staff`: (person, basis points) of those who divide what transfer staff get; nobody: the office does so itself.
    """
    deal = selectors.get_deal(code, actor=actor)
    home = _home(actor, deal, organisation_code)
    rule = selectors.chosen_rule(actor, home, rule_code)
    deal = selectors.get_deal(code, actor=actor, lock=True)
    receipt = selectors.get_receipt(deal, receipt_number)
    if selectors.live_distribution(receipt, home) is not None:
        raise AlreadyDistributed
    catalogue.hold_shares(deal.results.values_list("achievement_id", flat=True))
    _check_staff(home, staff)
    computed = computing.compute(deal, receipt, home, rule, staff)
    distribution = Distribution.objects.create(
        code=codes.fresh_of_year(Distribution, "FP"),
        deal=deal,
        receipt=receipt,
        organisation_id=home,
        rule=rule,
        share_versions=computed.share_versions,
        staff=[list(row) for row in staff],
        terms_digest=computed.terms_digest,
        unit=computed.sheet.unit,
        facts=computing.bases_of(computed.sheet.facts),
        made_at=clock.now(),
        made_by_id=actor.person_id,
    )
    lines = computing.line_rows(computed, distribution)
    if staff and not any(line.step == Step.STAFF for line in lines):
        raise BadInput(_("按这份办法没有转化服务人员的部分，请不要填写转化服务人员。"), field="staff")
    SheetLine.objects.bulk_create(lines)
    people = _people(lines)
    Confirmation.objects.bulk_create(
        Confirmation(distribution=distribution, person_id=pk, amount=amount) for pk, amount in people.items()
    )
    record("deals.distribution_prepared", distribution, actor=actor, deal_id=deal.pk, receipt_id=receipt.pk)
    if people:
        telling.line_to_confirm(actor, distribution, people)
    _complete(actor, distribution)
    return distribution


@command
def confirm_line(*, actor: Actor, code: str) -> Confirmation:
    """A contributor agrees to what they get. With the last one the sheet waits for approval. Twice is once."""
    distribution, own = _own(actor, code)
    if own.answer == Answer.CONFIRMED:
        return own
    _confirm(actor, distribution, own, "deals.line_confirmed")
    return own


def _confirm(actor: Actor, distribution: Distribution, own: Confirmation, event: str) -> None:
    if distribution.state not in {DistributionState.CONFIRMING, DistributionState.CONTESTED}:
        raise WrongState
    _shares_still_hold(distribution)
    own.answer, own.answered_at = Answer.CONFIRMED, clock.now()
    own.save(update_fields=["answer", "answered_at"])
    record(event, distribution, actor=actor)
    contested = distribution.confirmations.filter(answer=Answer.CONTESTED).exists()
    if distribution.state == DistributionState.CONTESTED and not contested:
        distribution_workflow.advance(distribution, "resume", actor=actor)
    _complete(actor, distribution)


@command
def contest_line(*, actor: Actor, code: str, reason: str) -> Confirmation:
    """A contributor does not agree, and says why; the officers answer, or withdraw the sheet and make another."""
    distribution, own = _own(actor, code)
    reason = _reason(reason, "reason")
    if own.answer != Answer.WAITING:
        raise WrongState(_("您已经答复过。"))
    own.answer, own.answered_at, own.reason = Answer.CONTESTED, clock.now(), reason
    own.reply, own.replied_at = "", None
    distribution_workflow.advance(distribution, "contest", actor=actor)
    own.save(update_fields=["answer", "answered_at", "reason", "reply", "replied_at"])
    telling.line_contested(actor, distribution)
    return own


@command
def answer_contest(*, actor: Actor, code: str, confirmation_number: int, reply: str) -> Confirmation:
    """An officer explains; the contributor then confirms, or contests again. `confirmation_number`: its place on the sheet."""
    distribution = selectors.get_distribution(code, actor=actor)
    if not can_prepare(actor, distribution):
        raise NotAllowed
    distribution = selectors.get_distribution(code, actor=actor, lock=True)
    rows = list(selectors.confirmations_of(distribution))
    if not 1 <= confirmation_number <= len(rows):
        raise NotFound
    row = rows[confirmation_number - 1]
    reply = _reason(reply, "reply")
    if row.answer != Answer.CONTESTED or distribution.state != DistributionState.CONTESTED:
        raise WrongState
    if row.person_id == actor.person_id:
        raise NotAllowed(_("不能答复自己提出的异议，请另一位同事办理。"))
    row.reply, row.replied_at = reply, clock.now()
    row.save(update_fields=["reply", "replied_at"])
    record("deals.contest_answered", distribution, actor=actor)
    telling.contest_answered(actor, distribution, row.person_id)
    return row


@command
def approve(*, actor: Actor, code: str) -> Distribution:
    """An officer who gets nothing by it lets it go on: to the public notice where one is required, else to payment."""
    distribution = selectors.get_distribution(code, actor=actor)
    if not can_approve(actor, distribution):
        raise NotAllowed
    distribution = selectors.get_distribution(code, actor=actor, lock=True)
    if can_answer_line(actor, distribution):
        raise BeneficiaryApproves
    if Evidence.objects.filter(confirmation__distribution=distribution, made_by_id=actor.person_id).exists():
        raise VouchedForSomebody
    if distribution.state != DistributionState.CONFIRMED:
        raise WrongState
    _shares_still_hold(distribution)
    distribution.approved_at, distribution.approved_by_id = clock.now(), actor.person_id
    distribution.save(update_fields=["approved_at", "approved_by"])
    record("deals.distribution_approved", distribution, actor=actor)
    if announcing.is_required(distribution):
        distribution.notice = _announce(actor, distribution)
        distribution.save(update_fields=["notice"])
        distribution_workflow.advance(distribution, "announce", actor=actor)
    else:
        _release(actor, distribution)
    return distribution


@command
def announcement_passed(*, actor: Actor, distribution_id: int) -> None:
    """Its notice is over without an objection that holds: payment orders are made. Twice is once."""
    distribution = _locked(distribution_id)
    if distribution.state == DistributionState.IN_NOTICE:
        _release(actor, distribution)


@command
def announcement_stopped(*, actor: Actor, distribution_id: int) -> None:
    """An objection was upheld: the sheet is withdrawn and made anew by the officers."""
    distribution = _locked(distribution_id)
    if distribution.state == DistributionState.IN_NOTICE:
        distribution_workflow.advance(distribution, "stop", actor=actor)


@command
def withdraw(*, actor: Actor, code: str, reason: str) -> Distribution:
    """Take a sheet back before it is payable; the receipt can be divided anew."""
    distribution = selectors.get_distribution(code, actor=actor)
    distribution_workflow.check(distribution, "withdraw", actor=actor)
    distribution = selectors.get_distribution(code, actor=actor, lock=True)
    reason = _reason(reason, "reason")
    if distribution.notice_id is not None:
        public_notices.withdraw(actor=actor, notice_id=distribution.notice_id)
    _end(actor, distribution, "withdraw", reason)
    return distribution


@command
def reverse(*, actor: Actor, code: str, reason: str) -> Distribution:
    """Take back a sheet that is payable or paid: its entry is reversed in red, open payment orders are void.

    What was paid stays paid: the next sheet of the receipt pays, or asks back, only the difference.
    """
    distribution = selectors.get_distribution(code, actor=actor)
    distribution_workflow.check(distribution, "reverse", actor=actor)
    distribution = selectors.get_distribution(code, actor=actor, lock=True)
    distribution_workflow.check(distribution, "reverse", actor=actor)
    reason = _reason(reason, "reason")
    _cancel_payments(distribution)
    _take_back(actor, distribution, reason)
    _end(actor, distribution, "reverse", reason)
    return distribution


# --- what several of them do --------------------------------------------------------------------------------------------


def _home(actor: Actor, deal: Deal, organisation_code: str) -> int:
    """For which owner the actor divides: the one that is named, else the one they act for, else the only one they may."""
    mine = [row for row in selectors.owners_of(deal) if can_open_deal(actor, row.organisation_id)]
    if organisation_code:
        mine = [row for row in mine if row.organisation.code == organisation_code]
    mine.sort(key=lambda row: row.organisation_id != actor.acting_for)
    if not mine:
        raise NotAllowed
    return mine[0].organisation_id


def _check_staff(organisation_id: int, staff: Sequence[tuple[int, int]]) -> None:
    known = {person for person, _home in parties.people_of(parties.merged_into([organisation_id]), since=clock.today())}
    for place, (person, bp) in enumerate(staff, start=1):
        if person not in known or not 1 <= bp <= computing.WHOLE:
            words = {"place": place}
            raise BadInput(
                _("第 %(place)s 行：转化服务人员须在本单位任职，比例在 0.01%% 与 100%% 之间，例如 50。") % words,
                field="staff",
            )


def _own(actor: Actor, code: str) -> tuple[Distribution, Confirmation]:
    """The distribution, locked, and the actor's own place in it; for others it is not there."""
    seen = selectors.own_confirmation(actor, code)
    distribution = _locked(seen.distribution_id)
    return distribution, Confirmation.objects.get(pk=seen.pk)


def _locked(distribution_id: int) -> Distribution:
    return Distribution.objects.select_for_update(of=("self",), no_key=True).get(pk=distribution_id)


def _people(lines: list[SheetLine]) -> dict[int, int]:
    people: dict[int, int] = {}
    for line in lines:
        if line.person_id is not None and line.step in PEOPLE:
            people[line.person_id] = people.get(line.person_id, 0) + line.amount
    return people


def _complete(actor: Actor, distribution: Distribution) -> None:
    """Everybody has confirmed who can: an erased person is asked nothing."""
    if distribution.state != DistributionState.CONFIRMING:
        return
    waiting = distribution.confirmations.filter(~Q(answer=Answer.CONFIRMED)).values_list("person_id", flat=True)
    if set(waiting) - parties.erased_people(waiting):
        return
    distribution.confirmed_at = clock.now()
    distribution.save(update_fields=["confirmed_at"])
    distribution_workflow.advance(distribution, "complete", actor=actor)
    telling.to_approve(actor, distribution)


def _shares_still_hold(distribution: Distribution) -> None:
    """Nobody edits the shares meanwhile; what was edited before makes the sheet void."""
    pairs = distribution.share_versions
    catalogue.hold_shares([achievement_id for achievement_id, _version in pairs])
    now = {pk: version.pk for pk, version in catalogue.shares_of([pk for pk, _version in pairs]).items()}
    if any(now.get(achievement_id) != version_id for achievement_id, version_id in pairs):
        raise SharesChanged


def _announce(actor: Actor, distribution: Distribution) -> Any:
    """What the law requires and no more: the conversion, who gets how much, when it is paid, the registration."""
    deal, receipt = distribution.deal, distribution.receipt
    law = selectors.law_for(deal, distribution.organisation_id)
    results = [row.achievement_id for row in deal.results.all()]
    rows = list(distribution.confirmations.order_by("id"))
    lines = {line.person_id: line for line in distribution.lines.all() if line.person_id is not None}
    facts: list[tuple[str, Any]] = [
        ("achievement", {"achievements": results}),
        ("mode", {"mode": deal.mode}),
        ("income", {"minor": receipt.amount, "currency": receipt.currency}),
        ("received_on", {"day": receipt.received_on.isoformat()}),
        ("total", {"minor": sum(row.amount for row in rows), "currency": distribution.unit}),
        ("registration", {"text": deal.registration_number}),
    ]
    wanted = parameter("reward_notice.fields", on=clock.today(), jurisdiction=law)
    return public_notices.open_notice(
        actor=actor,
        kind=announcing.REWARD,
        subject=f"deals.distribution:{distribution.pk}",
        organisation_ids=[distribution.organisation_id],
        audience=parameter("reward_notice.audience", on=clock.today(), jurisdiction=law),
        title_zh=deal.title_zh,
        title_en=deal.title_en,
        facts=[row for row in facts if row[0] in wanted],
        people=[
            {
                "person": row.person_id,
                "minor": row.amount,
                "currency": distribution.unit,
                "rate": lines[row.person_id].rate,
            }
            for row in rows
        ],
        days_rule="reward_notice.least_days",
        jurisdiction=law,
    )


def _release(actor: Actor, distribution: Distribution) -> None:
    _accrue(actor, distribution)
    distribution_workflow.advance(distribution, "release", actor=actor)
    telling.to_pay(actor, distribution)
    if not distribution.payments.exists():
        distribution_workflow.advance(distribution, "finish", actor=actor)


def _end(actor: Actor, distribution: Distribution, step: str, reason: str) -> None:
    distribution.reason, distribution.ended_at = reason, clock.now()
    distribution.save(update_fields=["reason", "ended_at"])
    distribution_workflow.advance(distribution, step, actor=actor)


def _reason(text: str, name: str) -> str:
    text = text.strip()
    if not text or len(text) > LONGEST_REASON or "\0" in text:
        words = {"most": LONGEST_REASON}
        raise BadInput(_("请写明理由，最多 %(most)s 个字，例如“第二完成人的比例应为 30%%”。") % words, field=name)
    return text
