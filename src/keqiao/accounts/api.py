"""The API of accounts: a second view over the same commands. Erasure is asked for on the page alone, by who is there."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, StringConstraints

from keqiao.accounts import selectors, services
from keqiao.accounts.types import REQUIRED, ConsentWay
from keqiao.kernel import clock
from keqiao.kernel.api import answers, api_actor, change_answers, needs_scope
from keqiao.parties import selectors as parties

router = Router(tags=["accounts"])
Documents = Annotated[
    list[Annotated[str, StringConstraints(max_length=40)]], Field(max_length=20, examples=[["privacy-2026-11-01"]])
]


class PlaceOut(Schema):
    organisation: str
    organisation_name_zh: str
    organisation_name_en: str
    role: str


class MeOut(Schema):
    """Who the token acts for."""

    name: str
    email: str
    posts: list[PlaceOut]
    waiting_consents: list[str] = Field(description="Required texts in force that were not agreed to: posting waits.")


class ConsentOut(Schema):
    document: str = Field(description="Kind and first day, such as privacy-2026-11-01.")
    kind: str
    first_on: date
    is_required: bool
    is_given: bool
    at: datetime | None = Field(description="When it was last given or withdrawn.")
    sha256: str


class ConsentsOut(Schema):
    items: list[ConsentOut]


class ConsentsIn(Schema):
    """Documents in force to agree to, and documents whose consent is taken back."""

    give: Documents = []
    withdraw: Documents = []


class ExportOut(Schema):
    """It is put together by a job; its owner downloads it from /me/privacy, signed in."""

    state: str
    asked_at: datetime


@router.get("/me", response=answers(MeOut), summary="Oneself")
@needs_scope("me:read")
def get_me(request: HttpRequest) -> Any:
    actor = api_actor(request)
    waiting = selectors.missing_consents(actor.person_id, clock.today())
    return {
        "name": actor.name,
        "email": parties.email_of(actor.person_id),
        "posts": [
            {
                "organisation": post.organisation.code,
                "organisation_name_zh": post.organisation.name_zh,
                "organisation_name_en": post.organisation.name_en,
                "role": post.role,
            }
            for post in parties.posts_of(actor)
        ],
        "waiting_consents": [row.key for row in waiting],
    }


@router.get("/me/consents", response=answers(ConsentsOut), summary="One's own consents")
@needs_scope("me:read")
def my_consents(request: HttpRequest) -> Any:
    return _consents(api_actor(request).person_id)


@router.post("/me/consents", response=change_answers(ConsentsOut), summary="Give and withdraw")
@needs_scope("me:write")
def change_consents(request: HttpRequest, body: ConsentsIn) -> Any:
    """All or none: what cannot be given or withdrawn leaves everything as it was."""
    actor = api_actor(request)
    services.change_consents(
        actor=actor, person_id=actor.person_id, give=body.give, withdraw=body.withdraw, how=ConsentWay.API
    )
    return _consents(actor.person_id)


@router.post("/me/export", response=change_answers(ExportOut, 202), summary="A copy of one's data")
@needs_scope("me:write")
def ask_for_my_data(request: HttpRequest) -> Any:
    export = services.ask_for_export(actor=api_actor(request))
    export.refresh_from_db(fields=["asked_at"])
    return Status(202, {"state": export.state, "asked_at": export.asked_at})


def _consents(person_id: int) -> dict[str, Any]:
    return {
        "items": [
            {
                "document": state.agreement.key,
                "kind": state.agreement.kind,
                "first_on": state.agreement.first_on,
                "is_required": state.agreement.kind in REQUIRED,
                "is_given": state.is_given,
                "at": state.at,
                "sha256": state.agreement.digest,
            }
            for state in selectors.consent_states(person_id, clock.today())
        ]
    }
