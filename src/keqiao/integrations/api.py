"""The API of integrations: webhooks, their log, and one's own notices. Tokens are made on a page, never by a token."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Router, Schema, Status
from pydantic import Field, StrictBool, StringConstraints

from keqiao.integrations import selectors
from keqiao.integrations.services import webhooks as commands
from keqiao.integrations.types import WEBHOOK_KINDS
from keqiao.kernel import notices
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
from keqiao.kernel.errors import BadInput
from keqiao.parties import selectors as parties

router = Router(tags=["integrations"])

Url = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Kind = Annotated[str, StringConstraints(max_length=40)]
Kinds = Annotated[list[Kind], Field(min_length=1, max_length=len(WEBHOOK_KINDS), examples=[["need.published"]])]
NoticeNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]


class WebhookIn(Schema):
    organisation: Annotated[str, StringConstraints(max_length=24)] = Field(examples=["DW-00001"])
    url: Url = Field(examples=["https://example.org/keqiao"])
    kinds: Kinds


class WebhookChange(Schema):
    """What is left out stays as it is."""

    url: Url | None = None
    kinds: Kinds | None = None
    is_active: StrictBool | None = None


class WebhookOut(Schema):
    code: str
    organisation: str
    url: str
    kinds: list[str]
    is_active: bool
    failing_since: datetime | None
    created_at: datetime


class WebhookMade(WebhookOut):
    secret: str = Field(description="What signs the messages; also on the webhook's page.")


class Webhooks(PageOut):
    items: list[WebhookOut]


class DeliveryOut(Schema):
    code: str
    kind: str
    state: str
    attempts: int
    created_at: datetime
    tried_at: datetime | None
    next_at: datetime | None
    status: int | None
    took_ms: int | None
    problem: str


class Deliveries(PageOut):
    items: list[DeliveryOut]


class ReplayIn(Schema):
    """One delivery by its code, or all since a time."""

    delivery: Annotated[str, StringConstraints(max_length=40)] | None = None
    since: datetime | None = None


class Replayed(Schema):
    count: int


class NoticeOut(Schema):
    number: int
    kind: str
    title_zh: str
    title_en: str
    link: str
    created_at: datetime
    read_at: datetime | None


class Notices(PageOut):
    unread: int = Field(description="Of all of them; counting stops at 100.")
    items: list[NoticeOut]


class Marked(Schema):
    count: int


class Wish(Schema):
    """How the token's person wants to hear of a kind of notice."""

    kind: Annotated[str, StringConstraints(max_length=80)]
    email: Annotated[str, StringConstraints(pattern="^(at_once|daily|never)$")] = Field(
        description="at_once, daily or never"
    )
    uses_channels: StrictBool = Field(description="Also to the person's messenger robots.")


class Wishes(Schema):
    items: list[Wish]


def webhook_out(row: Any) -> dict[str, Any]:
    kept = ("code", "url", "kinds", "is_active", "failing_since", "created_at")
    return {**{name: getattr(row, name) for name in kept}, "organisation": row.organisation.code}


@router.get("/webhooks", response=answers(Webhooks), summary="Webhooks of the organisations you connect")
@needs_scope("webhooks:read")
def list_webhooks(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.webhooks_of(api_actor(request)), page, per_page, each(webhook_out))


@router.post("/webhooks", response=change_answers(WebhookMade, 201), summary="A new webhook")
@needs_scope("webhooks:write")
def make_webhook(request: HttpRequest, payload: WebhookIn) -> Status[dict[str, Any]]:
    actor = api_actor(request)
    organisation = parties.get_organisation(payload.organisation, actor=actor)
    made = commands.make_webhook(actor=actor, organisation_id=organisation.pk, url=payload.url, kinds=payload.kinds)
    return Status(201, {**webhook_out(made), "secret": made.secret})


@router.get("/webhooks/{code}", response=answers(WebhookOut), summary="One webhook")
@needs_scope("webhooks:read")
def get_webhook(request: HttpRequest, code: Code) -> dict[str, Any]:
    return webhook_out(selectors.get_webhook(code, actor=api_actor(request)))


@router.patch(
    "/webhooks/{code}", response=change_answers(WebhookOut), summary="Another address, other kinds, off or on"
)
@needs_scope("webhooks:write")
def change_webhook(request: HttpRequest, code: Code, payload: WebhookChange) -> dict[str, Any]:
    given = payload.dict(exclude_none=True)
    return webhook_out(commands.change_webhook(actor=api_actor(request), code=code, **given))


@router.delete("/webhooks/{code}", response=change_answers(None, 204), summary="Delete a webhook and its log")
@needs_scope("webhooks:write")
def delete_webhook(request: HttpRequest, code: Code) -> Status[None]:
    commands.delete_webhook(actor=api_actor(request), code=code)
    return Status(204, None)


@router.post("/webhooks/{code}/secret", response=change_answers(WebhookMade), summary="A new secret")
@needs_scope("webhooks:write")
def rotate_secret(request: HttpRequest, code: Code) -> dict[str, Any]:
    """The old one signs beside it for some days."""
    row = commands.rotate_secret(actor=api_actor(request), code=code)
    return {**webhook_out(row), "secret": row.secret}


@router.get("/webhooks/{code}/deliveries", response=answers(Deliveries), summary="The log of a webhook, newest first")
@needs_scope("webhooks:read")
def list_deliveries(request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    webhook = selectors.get_webhook(code, actor=api_actor(request))
    return paged(selectors.deliveries_of(webhook), page, per_page, list)


@router.post(
    "/webhooks/{code}/replay", response=change_answers(Replayed), summary="Send again: one, or all since a time"
)
@needs_scope("webhooks:write")
def replay(request: HttpRequest, code: Code, payload: ReplayIn) -> dict[str, Any]:
    since = payload.since
    if since is not None and since.tzinfo is None:
        raise BadInput(field="since")
    count = commands.replay(actor=api_actor(request), code=code, delivery=payload.delivery or "", since=since)
    return {"count": count}


@router.get("/me/notices", response=answers(Notices), summary="Your notices, newest first")
@needs_scope("me:read")
def list_notices(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    actor = api_actor(request)
    return {**paged(notices.notices_of(actor), page, per_page, each(notice_out)), "unread": notices.unread_count(actor)}


def notice_out(row: Any) -> dict[str, Any]:
    kept = ("kind", "title_zh", "title_en", "link", "created_at", "read_at")
    return {"number": row.pk, **{name: getattr(row, name) for name in kept}}


@router.post("/me/notices/read", response=change_answers(Marked), summary="Mark all your notices as read")
@needs_scope("me:write")
def read_all_notices(request: HttpRequest) -> dict[str, Any]:
    return {"count": notices.mark_all_read(actor=api_actor(request))}


@router.post("/me/notices/{number}/read", response=change_answers(NoticeOut), summary="Mark one as read")
@needs_scope("me:write")
def read_notice(request: HttpRequest, number: NoticeNumber) -> dict[str, Any]:
    return notice_out(notices.mark_read(actor=api_actor(request), notice_id=number))


@router.get("/me/notices/settings", response=answers(Wishes), summary="How you want to hear of each kind")
@needs_scope("me:read")
def get_wishes(request: HttpRequest) -> dict[str, Any]:
    return wishes_out(api_actor(request).person_id)


def wishes_out(person_id: int) -> dict[str, Any]:
    wishes = notices.wishes_of(person_id)
    return {"items": [{"kind": n, "email": w.email, "uses_channels": w.uses_channels} for n, w in wishes.items()]}


@router.put("/me/notices/settings", response=change_answers(Wishes), summary="Choose for some kinds or for all")
@needs_scope("me:write")
def put_wishes(request: HttpRequest, payload: Wishes) -> dict[str, Any]:
    chosen = {wish.kind: (wish.email, wish.uses_channels) for wish in payload.items}
    notices.choose(actor=api_actor(request), wishes=chosen)
    return wishes_out(api_actor(request).person_id)
