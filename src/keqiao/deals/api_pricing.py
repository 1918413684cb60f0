"""The API of prices that are shown before they are agreed (定价公示)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, StringConstraints

from keqiao.deals import selectors, services
from keqiao.deals.api import READ, WRITE, PlainCode, Text, Word
from keqiao.deals.models import PriceNotice
from keqiao.deals.services.pricing import PriceDraft
from keqiao.deals.types import LARGEST
from keqiao.kernel import public_notices
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


class PriceNoticeOut(Schema):
    code: str
    notice: str = Field(description="Code of the public notice, where objections are made and answered.")
    organisation: str
    title_zh: str
    title_en: str
    mode: str
    currency: str
    amount_minor: int | None
    price_text: str
    opened_at: datetime
    last_on: date = Field(description="Objections are taken to the end of this day.")
    state: str


class PriceNotices(PageOut):
    items: list[PriceNoticeOut]


class PriceNoticeIn(Schema):
    title_zh: Text
    title_en: Text = ""
    mode: Word
    results: Annotated[list[PlainCode], Field(min_length=1, max_length=50)]
    amount_minor: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    currency: Annotated[str, StringConstraints(max_length=3)] = "CNY"
    price_text: Annotated[str, StringConstraints(max_length=300)] = ""
    abstract: Annotated[str, StringConstraints(max_length=2_000)] = ""
    is_related: bool = Field(False, description="The other party is a completer or related to one.")


def price_notice_out(row: PriceNotice) -> dict[str, Any]:
    names = ("code", "title_zh", "title_en", "mode", "currency", "price_text")
    return {
        **{name: getattr(row, name) for name in names},
        "notice": row.notice.code,
        "organisation": row.organisation.code,
        "amount_minor": row.amount,
        "opened_at": row.notice.opened_at,
        "last_on": public_notices.last_day(row.notice),
        "state": row.notice.state,
    }


@router.get("/price-notices", response=answers(PriceNotices), summary="Prices that your institution shows or has shown")
def list_price_notices(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.price_notices_visible_to(api_actor(request, READ)), page, per_page, each(price_notice_out))


@router.get("/price-notices/{code}", response=answers(PriceNoticeOut), summary="A price that is shown")
def get_price_notice(request: HttpRequest, code: Code) -> dict[str, Any]:
    return price_notice_out(selectors.get_price_notice(code, actor=api_actor(request, READ)))


@router.post("/price-notices", response=change_answers(PriceNoticeOut, 201), summary="Show a price before it is agreed")
@needs_scope(WRITE)
def show_price(request: HttpRequest, given: PriceNoticeIn) -> Any:
    """A public notice is open from now for the days that the rule of your province asks for."""
    actor = api_actor(request)
    draft = PriceDraft(**given.dict(exclude={"amount_minor"}), amount=given.amount_minor)
    made = services.show_price(actor=actor, draft=draft)
    return Status(201, price_notice_out(selectors.get_price_notice(made.code, actor=actor)))


@router.post(
    "/price-notices/{code}/withdrawal", response=change_answers(PriceNoticeOut), summary="The price will not be agreed"
)
@needs_scope(WRITE)
def withdraw_price(request: HttpRequest, code: Code) -> Any:
    return price_notice_out(services.withdraw_price(actor=api_actor(request), code=code))
