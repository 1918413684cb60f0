"""Commands: payment orders are made when a sheet may be paid, and posted when finance pays them."""

from __future__ import annotations

from datetime import date

from django.db.models import Sum

from keqiao.catalogue import selectors as catalogue
from keqiao.deals import selectors, telling
from keqiao.deals.models import Distribution, Payment, SheetLine
from keqiao.deals.policies import can_pay
from keqiao.deals.states import DistributionState, PayeeNotJoined, PaymentState, PersonErased
from keqiao.deals.types import SHARES, ChargeKind, Step
from keqiao.deals.workflow import distribution_workflow
from keqiao.kernel import codes
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.money import Money
from keqiao.ledger import services as ledger
from keqiao.ledger.types import Draft, Line, Purpose, credit, debit
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

# Who a payment order is for: (person, organisation).
Payee = tuple[int | None, int | None]
# How the book, which is kept in Chinese, names them.
COSTS = {
    ChargeKind.VALUATION: "评估费", ChargeKind.APPRAISAL: "鉴定费", ChargeKind.NEGOTIATION: "谈判费用",
    ChargeKind.VENUE: "交易服务费", ChargeKind.OTHER: "其他直接费用", ChargeKind.UPKEEP: "专利等维护费用",
    ChargeKind.RESEARCH: "研发投入", ChargeKind.PROJECT: "项目支出",
}  # fmt: skip
TO_PEOPLE = frozenset({Step.CONTRIBUTOR, Step.STAFF, Step.OWNER})


@command
def pay(*, actor: Actor, code: str, paid_on: date | None = None) -> Payment:
    """Finance has paid one order: it is posted in the institution's book. Twice is once."""
    seen = selectors.get_payment(code, actor=actor)
    if not can_pay(actor, seen.distribution):
        raise NotAllowed
    distribution = Distribution.objects.select_for_update(of=("self",), no_key=True).get(pk=seen.distribution_id)
    payment = Payment.objects.get(pk=seen.pk)
    if payment.state == PaymentState.PAID:
        return payment
    if payment.person_id is not None and parties.erased_people([payment.person_id]):
        raise PersonErased
    if payment.state == PaymentState.HELD:
        raise PayeeNotJoined
    if payment.state != PaymentState.WAITING or distribution.state != DistributionState.PAYABLE:
        raise WrongState
    money, why = Money(payment.amount, payment.currency), f"支付 {distribution.code}"
    owed = Purpose.REWARD_PAYABLE if payment.person_id is not None else Purpose.PAYABLE
    if payment.organisation_id == distribution.organisation_id:
        owed = Purpose.REWARD_PAYABLE
    entry = ledger.post(
        actor=actor,
        organisation_id=distribution.organisation_id,
        draft=Draft(
            why=why,
            key=f"deals:{payment.code}",
            booked_on=paid_on,
            cause=distribution.code,
            lines=(
                debit(owed, money, why, person_id=payment.person_id, organisation_id=payment.organisation_id),
                credit(Purpose.BANK, money, why),
            ),
        ),
    )
    payment.state, payment.entry, payment.paid_on, payment.paid_by_id = (
        PaymentState.PAID,
        entry,
        entry.booked_on,
        actor.person_id,
    )
    payment.save(update_fields=["state", "entry", "paid_on", "paid_by"])
    record("deals.payment_made", payment, actor=actor, distribution_id=distribution.pk)
    telling.paid(actor, distribution, payment)
    _finish_if_paid(actor, distribution)
    return payment


def _finish_if_paid(actor: Actor, distribution: Distribution) -> None:
    """What is withheld waits for nobody here: it is settled outside the platform."""
    waiting = distribution.payments.filter(state__in=[PaymentState.WAITING, PaymentState.HELD])
    if distribution.state == DistributionState.PAYABLE and not waiting.exists():
        distribution_workflow.advance(distribution, "finish", actor=actor)


def _accrue(actor: Actor, distribution: Distribution) -> None:
    """Post income, taxes and what is owed to whom, and make the payment orders. Shares of a company are no money here."""
    if distribution.unit == SHARES:
        return
    lines = list(distribution.lines.all())
    owed = _owed(distribution, lines)
    draft_lines = _lines(distribution, lines, owed)
    if draft_lines:
        distribution.entry = ledger.post(
            actor=actor,
            organisation_id=distribution.organisation_id,
            draft=Draft(
                why=f"收入与奖励计提 {distribution.code}",
                key=f"deals:{distribution.code}",
                cause=distribution.code,
                lines=tuple(draft_lines),
            ),
        )
        distribution.save(update_fields=["entry"])
    paid = _paid_before(distribution)
    orders = {payee: amount - paid.get(payee, 0) for payee, amount in owed.items()}
    orders |= {payee: -amount for payee, amount in paid.items() if payee not in owed}
    gone = parties.erased_people(person for person, _organisation in orders if person is not None)
    absent = catalogue.out_of_reach(person for person, _organisation in orders if person is not None) - gone
    named = [(payee, amount) for payee, amount in orders.items() if amount]
    drawn = codes.fresh_many_of_year(Payment, "ZF", len(named))
    Payment.objects.bulk_create(
        Payment(
            code=code, distribution=distribution, person_id=person, organisation_id=organisation, amount=amount,
            currency=distribution.unit,
            state=_first_state(person, gone, absent),
        )
        for code, ((person, organisation), amount) in zip(drawn, named, strict=True)
    )  # fmt: skip


def _first_state(person_id: int | None, gone: set[int], absent: set[int]) -> PaymentState:
    if person_id in gone:
        return PaymentState.WITHHELD
    return PaymentState.HELD if person_id in absent else PaymentState.WAITING


def _cancel_payments(distribution: Distribution) -> None:
    open_ones = distribution.payments.filter(state__in=[PaymentState.WAITING, PaymentState.HELD, PaymentState.WITHHELD])
    open_ones.update(state=PaymentState.CANCELLED)


def _take_back(actor: Actor, distribution: Distribution, reason: str) -> None:
    if distribution.entry_id is not None:
        why = f"冲正 {distribution.code}：{reason}"[:200]
        ledger.reverse(actor=actor, entry_id=distribution.entry_id, why=why, key=f"deals:{distribution.code}:reversed")


def _owed(distribution: Distribution, lines: list[SheetLine]) -> dict[Payee, int]:
    """To whom this sheet gives what. What transfer staff divide among themselves is owed to the institution's own office."""
    owed: dict[Payee, int] = {}
    for line in lines:
        payee: Payee | None = None
        if line.step in TO_PEOPLE:
            payee = (line.person_id, None) if line.person_id is not None else (None, distribution.organisation_id)
        elif _is_broker(line):
            payee = (None, line.organisation_id or distribution.deal.broker_id)
        if payee is not None:
            owed[payee] = owed.get(payee, 0) + line.amount
    return {payee: amount for payee, amount in owed.items() if amount}


def _is_broker(line: SheetLine) -> bool:
    return line.step == Step.BROKER or (line.step == Step.COST and line.label == ChargeKind.BROKER)


def _lines(distribution: Distribution, lines: list[SheetLine], owed: dict[Payee, int]) -> list[Line]:
    currency = distribution.unit

    def both(give: Purpose, take: Purpose, amount: int, why: str, payee: Payee = (None, None)) -> list[Line]:
        if not amount:
            return []
        money = Money(amount, currency)
        return [debit(give, money, why), credit(take, money, why, person_id=payee[0], organisation_id=payee[1])]

    gross = sum(line.amount for line in lines if line.step == Step.GROSS)
    tax = sum(line.amount for line in lines if line.step == Step.TAX)
    found = both(Purpose.BANK, Purpose.CONVERSION_INCOME, gross, "成果转化收入")
    found += both(Purpose.TAX_EXPENSE, Purpose.TAX_PAYABLE, tax, "税费")
    for line in lines:  # what vouchers say was spent
        if line.step in {Step.COST, Step.UPKEEP} and not _is_broker(line):
            found += both(Purpose.DIRECT_COST, Purpose.BANK, line.amount, COSTS[ChargeKind(line.label)])
    broker = (None, distribution.deal.broker_id)
    for payee, amount in owed.items():
        if payee == broker:
            found += both(Purpose.DIRECT_COST, Purpose.PAYABLE, amount, "技术经理人佣金", payee)
        else:
            found += both(Purpose.REWARD_EXPENSE, Purpose.REWARD_PAYABLE, amount, "成果转化奖励", payee)
    return found


def _paid_before(distribution: Distribution) -> dict[Payee, int]:
    """What reversed sheets of the same receipt have paid."""
    rows = Payment.objects.filter(
        distribution__receipt_id=distribution.receipt_id,
        distribution__organisation_id=distribution.organisation_id,
        state=PaymentState.PAID,
    ).exclude(distribution=distribution)
    sums = rows.values("person_id", "organisation_id").annotate(sum=Sum("amount")).order_by()
    return {(row["person_id"], row["organisation_id"]): int(row["sum"]) for row in sums}
