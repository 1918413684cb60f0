"""The API of files that leave a distribution: what payroll needs, and the documents by which officers
answered for others.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from keqiao.catalogue import selectors as catalogue
from keqiao.deals import payrolls, selectors
from keqiao.deals.api import READ, Number
from keqiao.deals.api_shares import PathKey
from keqiao.deals.papers import paper
from keqiao.kernel.api import Code, answers, api_actor, file_answer

router = Router(tags=["deals"])
DOCUMENT = file_answer("The document", "application/pdf", "image/png", "image/jpeg")


@router.get(
    "/distributions/{code}/payroll",
    response=answers(None),
    summary="What payroll needs, as a file",
    openapi_extra=file_answer("One row for each person's order", *payrolls.MEDIA_TYPES.values()),
)
def payroll(
    request: HttpRequest, code: Code, as_: Annotated[Literal["xlsx", "csv"], Query(alias="as")] = "xlsx"
) -> HttpResponse:
    """Payroll stays the authority on tax: income that counts is an estimate."""
    return payrolls.as_download(selectors.get_distribution(code, actor=api_actor(request, READ)), as_)


@router.get(
    "/distributions/{code}/confirmations/{number}/evidence",
    response=answers(None),
    summary="The document by which somebody was confirmed for",
    openapi_extra=DOCUMENT,
)
def confirmation_evidence(request: HttpRequest, code: Code, number: Number) -> Any:
    return paper(selectors.get_evidence(code, "confirmation", str(number), actor=api_actor(request, READ)))


@router.get(
    "/payments/{code}/evidence",
    response=answers(None),
    summary="The document by which a payment was released",
    openapi_extra=DOCUMENT,
)
def payment_evidence(request: HttpRequest, code: Code) -> Any:
    actor = api_actor(request, READ)
    payment = selectors.get_payment(code, actor=actor)
    return paper(selectors.get_evidence(payment.distribution.code, "payment", payment.code, actor=actor))


@router.get(
    "/achievements/{code}/shares/{number}/signatures/{key}/evidence",
    response=answers(None),
    summary="The document by which somebody was signed for",
    openapi_extra=DOCUMENT,
)
def signature_evidence(request: HttpRequest, code: Code, number: Number, key: PathKey) -> Any:
    return paper(catalogue.get_signature_evidence(code, number, key, actor=api_actor(request, READ)))
