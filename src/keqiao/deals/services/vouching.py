"""Commands: an officer answers for a contributor who has no account, with a document; their money waits until they join."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.deals import selectors, telling
from keqiao.deals.models import Confirmation, Distribution, Evidence, Payment
from keqiao.deals.policies import can_prepare
from keqiao.deals.services.distributing import _confirm, _locked
from keqiao.deals.states import Answer, PaymentState
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.parties import services as people
from keqiao.parties.types import Actor


@command
def confirm_line_for(*, actor: Actor, code: str, confirmation_number: int, evidence: Any) -> Confirmation:
    """The document says that a contributor without an account agrees. Twice is once. `confirmation_number`: its place."""
    seen = selectors.get_distribution(code, actor=actor)
    if not can_prepare(actor, seen):
        raise NotAllowed
    distribution = selectors.get_distribution(code, actor=actor, lock=True)
    rows = list(selectors.confirmations_of(distribution))
    if not 1 <= confirmation_number <= len(rows):
        raise NotFound
    row = rows[confirmation_number - 1]
    if row.answer == Answer.CONFIRMED:
        return row
    if not catalogue.out_of_reach([row.person_id]):
        raise NotAllowed(_("这位完成人有账号，请本人确认。"))
    file = people.keep_paper(actor=actor, upload=evidence, field="evidence")
    Evidence.objects.create(confirmation=row, file=file, made_at=clock.now(), made_by_id=actor.person_id)
    _confirm(actor, distribution, row, "deals.line_confirmed_for")
    return row


@command
def release_payment(*, actor: Actor, code: str, evidence: Any) -> Payment:
    """The document says to whom and how to pay somebody who has not joined: finance may pay. Twice is once."""
    seen = selectors.get_payment(code, actor=actor)
    if not can_prepare(actor, seen.distribution):
        raise NotAllowed
    distribution = _locked(seen.distribution_id)
    payment = Payment.objects.get(pk=seen.pk)
    if Evidence.objects.filter(payment=payment).exists():
        return payment
    if payment.state != PaymentState.HELD:
        raise WrongState
    file = people.keep_paper(actor=actor, upload=evidence, field="evidence")
    Evidence.objects.create(payment=payment, file=file, made_at=clock.now(), made_by_id=actor.person_id)
    _release(actor, distribution, payment)
    return payment


@command
def payee_joined(*, actor: Actor, person_id: int) -> int:
    """A contributor without an account has joined: what waited for them may be paid. How many orders."""
    if not actor.is_system:
        raise NotAllowed
    waiting = Payment.objects.filter(person_id=person_id, state=PaymentState.HELD).order_by("distribution_id")
    count = 0
    for seen in list(waiting):
        distribution = _locked(seen.distribution_id)
        payment = Payment.objects.get(pk=seen.pk)
        if payment.state == PaymentState.HELD:
            _release(actor, distribution, payment)
            count += 1
    return count


def _release(actor: Actor, distribution: Distribution, payment: Payment) -> None:
    payment.state = PaymentState.WAITING
    payment.save(update_fields=["state"])
    record("deals.payment_released", payment, actor=actor, distribution_id=distribution.pk)
    telling.to_pay(actor, distribution, payment.code)
