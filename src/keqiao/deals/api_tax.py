"""One's own estimate of tax by the API. Wages are used for one answer and not kept."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from keqiao.deals import estimating, selectors, tax
from keqiao.deals.api import READ, BasisOut
from keqiao.deals.types import LARGEST, Basis
from keqiao.kernel.api import Code, api_actor, change_answers, needs_scope
from keqiao.kernel.errors import BadInput

router = Router(tags=["deals"])
Fen = Annotated[int, Field(ge=0, le=LARGEST)]


class WagesIn(Schema):
    residence: Literal["resident", "non_resident"] = "resident"
    income: Fen | None = Field(None, description="Wages this year in fen, this month included. Without: not known.")
    deductions: Fen = 0
    as_bonus: bool = Field(
        False, description="A non-resident's bonus for several months, apart from wages, once a year."
    )
    months: int = Field(1, ge=1, le=tax.MONTHS, description="Of employment here this year.")


class TaxLineOut(Schema):
    step: str
    rate: str = Field(description="An exact fraction: 1/2.")
    amount: int
    bases: list[BasisOut]


class TaxOut(Schema):
    tax: int = Field(description="Fen, an estimate: the institution's payroll decides.")
    is_halved: bool
    why_not: str
    assumes_no_wages: bool
    lines: list[TaxLineOut]


@router.post("/me/money/{code}/tax", response=change_answers(TaxOut), summary="Estimate the tax on your part")
@needs_scope(READ)
def estimate_tax(request: HttpRequest, code: Code, given: WagesIn) -> Any:
    """Nothing is changed and nothing kept; sent by POST so that wages stand in no address."""
    mine = selectors.own_confirmation(api_actor(request), code)
    wages = None if given.income is None else tax.Wages(given.income, given.months, given.deductions)
    found = estimating.own_estimate(
        mine, tax.Person(residence=tax.Residence(given.residence), wages=wages, as_bonus=given.as_bonus)
    )
    if found is None:
        raise BadInput(estimating.NOT_ESTIMATED, field="code")
    return {
        "tax": found.tax,
        "is_halved": found.is_halved,
        "why_not": found.why_not or "",
        "assumes_no_wages": found.assumes_no_wages,
        "lines": [
            {
                "step": line.step,
                "rate": "" if line.rate is None else str(line.rate),
                "amount": line.amount,
                "bases": [_basis(basis) for basis in line.bases],
            }
            for line in found.lines
        ],
    }


def _basis(basis: Basis) -> dict[str, Any]:
    return {
        "instrument": basis.name,
        "article": basis.article,
        "source": basis.source,
        "confirmed": basis.is_confirmed,
    }
