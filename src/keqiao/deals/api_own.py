"""The API of one's own money: a contributor's parts of distributions, and what they say to them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from keqiao.deals import selectors, services
from keqiao.deals.api import READ, WRITE, DealLineOut, DealReasonIn, PaymentOut, line_out, payment_out
from keqiao.deals.models import Confirmation
from keqiao.kernel.api import (
    Code,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    each,
    needs_scope,
    paged,
)

router = Router(tags=["deals"])


class OwnOut(Schema):
    distribution: str
    deal: str
    title_zh: str
    organisation: str
    unit: str
    amount: int
    answer: str
    state: str
    payment: PaymentOut | None


class OwnList(PageOut):
    items: list[OwnOut]


class OwnWithLines(OwnOut):
    lines: list[DealLineOut] = Field(description="Your own lines with rule, base and total; nobody else's.")


def own_out(row: Confirmation) -> dict[str, Any]:
    distribution = row.distribution
    payment = next(iter(distribution.own_payments), None)  # type: ignore[attr-defined]  # the selector's prefetch
    return {
        "distribution": distribution.code, "deal": distribution.deal.code, "title_zh": distribution.deal.title_zh,
        "organisation": distribution.organisation.code, "unit": distribution.unit, "amount": row.amount,
        "answer": row.answer, "state": distribution.state, "payment": payment_out(payment) if payment else None,
    }  # fmt: skip


@router.get("/me/money", response=answers(OwnList), summary="Your parts of distributions")
def list_own(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.own_confirmations(api_actor(request, READ)), page, per_page, each(own_out))


@router.get("/me/money/{code}", response=answers(OwnWithLines), summary="Your part, with how it was worked out")
def get_own(request: HttpRequest, code: Code) -> dict[str, Any]:
    return _own(code, api_actor(request, READ))


def _own(code: str, actor: Any) -> dict[str, Any]:
    row = selectors.own_confirmation(actor, code)
    lines = selectors.with_payees(selectors.own_lines(row))
    return {**own_out(row), "lines": [line_out(line) for line in lines]}


@router.post("/me/money/{code}/confirmation", response=change_answers(OwnWithLines), summary="Confirm your part")
@needs_scope(WRITE)
def confirm_line(request: HttpRequest, code: Code) -> Any:
    services.confirm_line(actor=api_actor(request), code=code)
    return _own(code, api_actor(request))


@router.post("/me/money/{code}/contest", response=change_answers(OwnWithLines), summary="Contest your part")
@needs_scope(WRITE)
def contest_line(request: HttpRequest, code: Code, given: DealReasonIn) -> Any:
    services.contest_line(actor=api_actor(request), code=code, reason=given.reason)
    return _own(code, api_actor(request))
