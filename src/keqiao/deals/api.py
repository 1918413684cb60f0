"""The API of deals: a second view over the same commands. Amounts are minor units (fen, cents), or whole shares."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import File, Path, Query, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field, StringConstraints

from keqiao.deals import computing, selectors, services
from keqiao.deals.models import Deal, Distribution, Payment, Receipt, SheetLine
from keqiao.deals.policies import can_open_deal
from keqiao.deals.services.agreeing import DealDraft, MilestoneDraft, ReceiptDraft
from keqiao.deals.states import LONGEST_KEY, LONGEST_REASON
from keqiao.deals.types import LARGEST
from keqiao.kernel.api import (
    Code,
    IsoDate,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    each,
    needs_scope,
    page_of,
    paged,
)
from keqiao.kernel.errors import BadInput, NotFound
from keqiao.kernel.replicas import may_lag

router = Router(tags=["deals"])
READ, WRITE = "deals:read", "deals:write"
MOST_LINES = 5_000

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Amount = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Bp = Annotated[int, Field(ge=0, le=10_000, description="Basis points: 5,000 is 50 %.")]
Word = Annotated[str, StringConstraints(max_length=24, pattern=r"^[A-Za-z0-9_-]*$")]
PlainCode = Annotated[str, StringConstraints(max_length=24, pattern=r"^[A-Z0-9-]*$")]
Text = Annotated[str, StringConstraints(max_length=200)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_REASON)]
Key = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_KEY),
    Field(description="Chosen by the sender: the same key records once.", examples=["2026-11-16/1"]),
]


class DealOut(Schema):
    code: str
    title_zh: str
    title_en: str
    mode: str
    pricing: str
    other_party: str
    currency: str
    amount_minor: int | None = Field(
        description="null when it is not fixed, or when you do not see money of this deal."
    )
    signed_on: date
    ends_on: date | None
    jurisdiction: str
    registered_on: date | None
    state: str


class Deals(PageOut):
    items: list[DealOut]


class ReceiptOut(Schema):
    number: int
    kind: str
    name: str
    received_on: date
    amount_minor: int
    currency: str


class OwnerLawOut(Schema):
    organisation: str
    jurisdiction: str = Field(description="By whose law this owner divides its part.")


class LawIn(Schema):
    organisation: PlainCode = Field("", description="Which owner; empty: the one of your transfer office.")
    jurisdiction: Annotated[str, StringConstraints(max_length=20, pattern=r"^[A-Z0-9-]*$")] = Field(examples=["CN-ZJ"])


class DealWithReceipts(DealOut):
    owners: list[str]
    laws: list[OwnerLawOut]
    results: list[str]
    receipts: list[ReceiptOut]


class MilestoneIn(Schema):
    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    amount_minor: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    due_on: IsoDate | None = None
    condition: Annotated[str, StringConstraints(max_length=300)] = ""


class ResultIn(Schema):
    achievement: PlainCode
    weight_bp: Bp


class DealIn(Schema):
    title_zh: Text
    title_en: Text = ""
    mode: Word
    pricing: Word
    results: Annotated[list[ResultIn], Field(min_length=1, max_length=50)]
    other_party: PlainCode
    signed_on: IsoDate
    ends_on: IsoDate | None = None
    amount_minor: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    currency: Annotated[str, StringConstraints(max_length=3)] = "CNY"
    registration_number: Annotated[str, StringConstraints(max_length=60)] = ""
    registered_on: IsoDate | None = None
    broker: PlainCode = ""
    broker_bp: Bp = 0
    broker_is_cost: bool = False
    price_notice: PlainCode = Field("", description="Code of the notice on which an agreed price was shown.")
    noticed_from: IsoDate | None = Field(None, description="Or from when to when it was shown outside, and where.")
    noticed_to: IsoDate | None = None
    noticed_where: Text = ""
    equity_as: Word = Field(
        "shares", description="How people are rewarded when a result becomes shares: shares, proceeds."
    )
    produced_on: IsoDate | None = None
    first_profitable_year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    milestones: Annotated[list[MilestoneIn], Field(max_length=60)] = []


class ChargeIn(Schema):
    kind: Word
    amount_minor: Amount
    note: Text = ""
    is_public_money: bool = False


class ReceiptIn(Schema):
    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    received_on: IsoDate
    amount_minor: Amount = Field(description="Below zero: paid back.")
    kind: Word = "payment"
    currency: Annotated[str, StringConstraints(max_length=3)] = ""
    rate: Annotated[str, StringConstraints(pattern=r"^([0-9]{1,8}(\.[0-9]{1,8})?)?$")] = Field("", examples=["7.1234"])
    rate_source: Annotated[str, StringConstraints(max_length=120)] = ""
    year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    milestone: Annotated[int, Field(ge=1, le=1_000)] | None = None
    charges: Annotated[list[ChargeIn], Field(max_length=30)] = []
    key: Key


class RegistrationIn(Schema):
    number: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    registered_on: IsoDate


class BasisOut(Schema):
    instrument: str
    article: str
    source: str
    confirmed: bool = Field(description="Somebody compared the rule with the original text.")


class DealLineOut(Schema):
    key: str
    source: str
    step: str
    label: str
    name: str
    rate: str = Field(description="An exact fraction: 7/10.")
    base: int
    amount: int
    bases: list[BasisOut]
    note: str


class SheetOut(Schema):
    unit: str = Field(description="A currency, or SHARE.")
    lines: list[DealLineOut]


class DistributionOut(Schema):
    code: str
    deal: str
    receipt: int
    organisation: str
    rule: str | None = Field(description="null: by the law's standard alone.")
    unit: str
    state: str
    made_at: datetime
    notice: str | None


class Distributions(PageOut):
    items: list[DistributionOut]


class ConfirmationOut(Schema):
    number: int
    name: str
    amount: int
    answer: str
    reason: str
    reply: str


class PaymentOut(Schema):
    code: str
    payee: str
    amount_minor: int
    currency: str
    state: str
    paid_on: date | None


class WholeDistribution(DistributionOut):
    lines: list[DealLineOut]
    confirmations: list[ConfirmationOut]
    payments: list[PaymentOut]


class StaffIn(Schema):
    key: Annotated[str, StringConstraints(min_length=16, max_length=16, pattern=r"^[0-9a-f]*$")]
    share_bp: Bp


class StaffOut(Schema):
    key: str = Field(description="Names this person in the distributions of this deal, and nowhere else.")
    name_zh: str
    name_en: str


class StaffList(PageOut):
    items: list[StaffOut]


class PrepareIn(Schema):
    rule: PlainCode = Field("", description="Code of the institution's rule; empty: the law's standard.")
    organisation: PlainCode = Field("", description="For which owner; empty: the one you act for.")
    staff: Annotated[list[StaffIn], Field(max_length=60)] = Field(
        [], description="Who divides what transfer staff get; empty: the office does so itself."
    )


class DealReasonIn(Schema):
    reason: Reason


class ReplyIn(Schema):
    reply: Reason


class PayIn(Schema):
    paid_on: IsoDate | None = Field(None, description="Without: today.")


# --- rows → values ------------------------------------------------------------------------------------------------------


def deal_out(deal: Deal, *, sees_money: bool) -> dict[str, Any]:
    names = ("code", "title_zh", "title_en", "mode", "pricing", "currency", "signed_on", "ends_on", "jurisdiction",
             "registered_on", "state")  # fmt: skip
    return {
        **{name: getattr(deal, name) for name in names},
        "other_party": deal.other_party.code,
        "amount_minor": deal.amount if sees_money else None,
    }


def receipt_out(row: Receipt) -> dict[str, Any]:
    names = ("number", "kind", "name", "received_on", "currency")
    return {**{name: getattr(row, name) for name in names}, "amount_minor": row.amount}


def line_out(line: SheetLine) -> dict[str, Any]:
    """Keys name people by number inside; outside, by their place on the sheet."""
    name = str(line.person) if line.person_id is not None else str(line.organisation or line.name)
    return {
        "key": _key(line.key), "source": _key(line.source), "step": line.step, "label": line.label, "name": name,
        "rate": line.rate, "base": line.base, "amount": line.amount, "bases": line.bases, "note": line.note,
    }  # fmt: skip


def _key(key: str) -> str:
    """The step and what it is about; ids do not leave the house."""
    return "|".join(key.split("|")[:2])


def distribution_out(row: Distribution) -> dict[str, Any]:
    return {
        "code": row.code, "deal": row.deal.code, "receipt": row.receipt.number, "organisation": row.organisation.code,
        "rule": row.rule.code if row.rule else None, "unit": row.unit, "state": row.state, "made_at": row.made_at,
        "notice": row.notice.code if row.notice else None,
    }  # fmt: skip


def payment_out(row: Payment) -> dict[str, Any]:
    return {
        "code": row.code, "payee": str(row.person or row.organisation), "amount_minor": row.amount,
        "currency": row.currency, "state": row.state, "paid_on": row.paid_on,
    }  # fmt: skip


def _whole(code: str, actor: Any) -> dict[str, Any]:
    row = selectors.get_distribution(code, actor=actor)
    confirmations = selectors.confirmations_of(row)
    return {
        **distribution_out(row),
        "lines": [line_out(line) for line in selectors.lines_of(row)[:MOST_LINES]],
        "confirmations": [
            {
                "number": place, "name": str(each.person), "amount": each.amount, "answer": each.answer,
                "reason": each.reason, "reply": each.reply,
            }
            for place, each in enumerate(confirmations, start=1)
        ],
        "payments": [payment_out(payment) for payment in selectors.payments_of(row)],
    }  # fmt: skip


# --- deals and receipts -------------------------------------------------------------------------------------------------


@router.get("/deals", response=answers(Deals), summary="Deals that you take part in, newest first")
@may_lag
def list_deals(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    """Amounts are with the deal itself."""
    rows = selectors.deals_visible_to(api_actor(request, READ))
    return paged(rows, page, per_page, each(lambda deal: deal_out(deal, sees_money=False)))


@router.get("/deals/{code}", response=answers(DealWithReceipts), summary="A deal with what came in")
def get_deal(request: HttpRequest, code: Code) -> dict[str, Any]:
    return _deal(code, api_actor(request, READ))


def _deal(code: str, actor: Any) -> dict[str, Any]:
    deal = selectors.get_deal(code, actor=actor)
    sees_money = selectors.sees_money(actor, deal)
    owners = selectors.owners_of(deal)
    return {
        **deal_out(deal, sees_money=sees_money),
        "owners": [row.organisation.code for row in owners],
        "laws": [
            {"organisation": row.organisation.code, "jurisdiction": row.jurisdiction or deal.jurisdiction}
            for row in owners
        ],
        "results": [row.achievement.code for row in deal.results.select_related("achievement")],
        "receipts": [receipt_out(row) for row in selectors.receipts_of(deal)[:1_000]] if sees_money else [],
    }


@router.post("/deals", response=change_answers(DealWithReceipts, 201), summary="Enter a signed deal")
@needs_scope(WRITE)
def open_deal(request: HttpRequest, given: DealIn) -> Any:
    values = given.dict(exclude={"results", "milestones", "amount_minor"})
    draft = DealDraft(
        **values,
        amount=given.amount_minor,
        results=[(row.achievement, row.weight_bp) for row in given.results],
        milestones=[MilestoneDraft(m.name, m.amount_minor, m.due_on, m.condition) for m in given.milestones],
    )
    actor = api_actor(request)
    return Status(201, _deal(services.open_deal(actor=actor, draft=draft).code, actor))


@router.post(
    "/deals/{code}/registration", response=change_answers(DealWithReceipts), summary="The contract was registered"
)
@needs_scope(WRITE)
def register_contract(request: HttpRequest, code: Code, given: RegistrationIn) -> Any:
    actor = api_actor(request)
    services.register_contract(actor=actor, code=code, number=given.number, registered_on=given.registered_on)
    return _deal(code, actor)


@router.post(
    "/deals/{code}/law", response=change_answers(DealWithReceipts), summary="By whose law an owner divides its part"
)
@needs_scope(WRITE)
def choose_law(request: HttpRequest, code: Code, given: LawIn) -> Any:
    """Until it has divided something; the province of the organisation says it first."""
    actor = api_actor(request)
    services.choose_law(actor=actor, code=code, jurisdiction=given.jurisdiction, organisation_code=given.organisation)
    return _deal(code, actor)


@router.post("/deals/{code}/receipts", response=change_answers(ReceiptOut, 201), summary="Say what came in")
@needs_scope(WRITE)
def record_receipt(request: HttpRequest, code: Code, given: ReceiptIn) -> Any:
    """The same key records once. A receipt is not edited: a refund or a correction is another one, below zero."""
    draft = ReceiptDraft(
        name=given.name, received_on=given.received_on, amount=given.amount_minor, kind=given.kind,
        currency=given.currency, rate=Decimal(given.rate) if given.rate else None, rate_source=given.rate_source,
        year=given.year, milestone=given.milestone,
        charges=[
            {"kind": c.kind, "amount": c.amount_minor, "note": c.note, "is_public_money": c.is_public_money}
            for c in given.charges
        ],
    )  # fmt: skip
    row = services.record_receipt(actor=api_actor(request), code=code, draft=draft, key=given.key)
    return Status(201, receipt_out(row))


@router.post("/deals/{code}/settlement", response=change_answers(DealWithReceipts), summary="Nothing more comes in")
@needs_scope(WRITE)
def settle_deal(request: HttpRequest, code: Code) -> Any:
    actor = api_actor(request)
    services.settle_deal(actor=actor, code=code)
    return _deal(code, actor)


# --- simulation -------------------------------------------------------------------------------------------------------


@router.get("/deals/{code}/receipts/{number}/simulation", response=answers(SheetOut), summary="What a rule would give")
def simulate(
    request: HttpRequest,
    code: Code,
    number: Number,
    rule: Annotated[str, Query(max_length=24, pattern=r"^[A-Z0-9-]*$", description="Empty: the law's standard.")] = "",
) -> dict[str, Any]:
    """Nothing is written."""
    actor = api_actor(request, READ)
    deal = selectors.get_deal(code, actor=actor)
    homes = [row for row in selectors.own_owners(actor, deal) if can_open_deal(actor, row.organisation_id)]
    if not homes:
        raise NotFound
    home = homes[0].organisation_id
    chosen = selectors.chosen_rule(actor, home, rule)
    computed = computing.compute(deal, selectors.get_receipt(deal, number), home, chosen)
    lines = selectors.with_payees(computing.line_rows(computed))
    return {"unit": computed.sheet.unit, "lines": [line_out(line) for line in lines]}


# --- distributions ------------------------------------------------------------------------------------------------------


@router.get("/distributions", response=answers(Distributions), summary="Distributions of your institution")
def list_distributions(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.distributions_visible_to(api_actor(request, READ)), page, per_page, each(distribution_out))


@router.get("/distributions/{code}", response=answers(WholeDistribution), summary="A distribution, line by line")
def get_distribution(request: HttpRequest, code: Code) -> dict[str, Any]:
    return _whole(code, api_actor(request, READ))


@router.post(
    "/deals/{code}/receipts/{number}/distributions",
    response=change_answers(WholeDistribution, 201),
    summary="Divide a receipt and ask the contributors",
)
@needs_scope(WRITE)
def prepare(request: HttpRequest, code: Code, number: Number, given: PrepareIn) -> Any:
    actor = api_actor(request)
    people = _staff(code, actor) if given.staff else {}
    strange = [row.key for row in given.staff if row.key not in people]
    if strange:
        raise BadInput(_("“%(key)s”不在可选的转化服务人员之中。") % {"key": strange[0]}, field="staff")
    row = services.prepare(
        actor=actor, code=code, receipt_number=number, rule_code=given.rule, organisation_code=given.organisation,
        staff=[(people[row.key].pk, row.share_bp) for row in given.staff],
    )  # fmt: skip
    return Status(201, _whole(row.code, actor))


@router.get("/deals/{code}/staff", response=answers(StaffList), summary="People who may be named as transfer staff")
def list_staff(request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    """For the transfer office: who works for its institution."""
    found = _staff(code, api_actor(request, READ))
    rows = [{"key": key, "name_zh": person.name_zh, "name_en": person.name_en} for key, person in found.items()]
    first = (page - 1) * per_page
    return page_of(rows[first : first + per_page], total=len(rows), page=page, per_page=per_page)


def _staff(code: str, actor: Any) -> dict[str, Any]:
    deal = selectors.get_deal(code, actor=actor)
    homes = [row for row in selectors.own_owners(actor, deal) if can_open_deal(actor, row.organisation_id)]
    if not homes:
        raise NotFound
    found: dict[str, Any] = {}
    for row in homes:
        found |= selectors.staff_to_choose(deal, row.organisation_id)
    return found


@router.post("/distributions/{code}/approval", response=change_answers(WholeDistribution), summary="Approve")
@needs_scope(WRITE)
def approve(request: HttpRequest, code: Code) -> Any:
    services.approve(actor=api_actor(request), code=code)
    return _whole(code, api_actor(request))


@router.post("/distributions/{code}/withdrawal", response=change_answers(WholeDistribution), summary="Withdraw")
@needs_scope(WRITE)
def withdraw(request: HttpRequest, code: Code, given: DealReasonIn) -> Any:
    services.withdraw(actor=api_actor(request), code=code, reason=given.reason)
    return _whole(code, api_actor(request))


@router.post("/distributions/{code}/reversal", response=change_answers(WholeDistribution), summary="Reverse")
@needs_scope(WRITE)
def reverse(request: HttpRequest, code: Code, given: DealReasonIn) -> Any:
    """Its entry is taken back in red; the next distribution of the receipt pays the difference."""
    services.reverse(actor=api_actor(request), code=code, reason=given.reason)
    return _whole(code, api_actor(request))


@router.post(
    "/distributions/{code}/contests/{number}/reply",
    response=change_answers(WholeDistribution),
    summary="Answer a contributor who contests",
)
@needs_scope(WRITE)
def answer_contest(request: HttpRequest, code: Code, number: Number, given: ReplyIn) -> Any:
    services.answer_contest(actor=api_actor(request), code=code, confirmation_number=number, reply=given.reply)
    return _whole(code, api_actor(request))


@router.post(
    "/distributions/{code}/confirmations/{number}",
    response=change_answers(WholeDistribution),
    summary="Confirm for somebody without an account",
)
@needs_scope(WRITE)
def confirm_line_for(request: HttpRequest, code: Code, number: Number, evidence: File[UploadedFile]) -> Any:
    """With the document that says they agree: PDF, PNG or JPEG. Another officer approves."""
    services.confirm_line_for(actor=api_actor(request), code=code, confirmation_number=number, evidence=evidence)
    return _whole(code, api_actor(request))


@router.post("/payments/{code}/release", response=change_answers(PaymentOut), summary="Release what waits for a payee")
@needs_scope(WRITE)
def release_payment(request: HttpRequest, code: Code, evidence: File[UploadedFile]) -> Any:
    """With the document that says to whom to pay somebody who has not joined."""
    return payment_out(services.release_payment(actor=api_actor(request), code=code, evidence=evidence))


@router.post("/payments/{code}/payment", response=change_answers(PaymentOut), summary="Finance has paid an order")
@needs_scope(WRITE)
def pay(request: HttpRequest, code: Code, given: PayIn) -> Any:
    """Posted in the institution's book. Twice is once."""
    return payment_out(services.pay(actor=api_actor(request), code=code, paid_on=given.paid_on))
