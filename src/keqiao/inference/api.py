"""The API of outside models: does an organisation let its unpublished text go to the site's chat model?"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Path, Router, Schema
from pydantic import Field

from keqiao.inference import policies, selectors, services
from keqiao.inference.types import Service
from keqiao.kernel.api import answers, api_actor, change_answers, needs_scope
from keqiao.kernel.errors import NotFound
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

router = Router(tags=["organisations"])
OrganisationCode = Annotated[str, Path(max_length=24, pattern=r"^[A-Za-z0-9-]+$")]
PLACE = "/organisations/{code}/model-consent"


class ChatModelOut(Schema):
    model: str
    host: str = Field(description="Where texts go.")


class ModelConsentOut(ChatModelOut):
    given_at: datetime


class ModelStandingOut(Schema):
    offered: ChatModelOut | None = Field(description="The chat model that the site has now; null when it has none.")
    consent: ModelConsentOut | None = Field(description="What the organisation agreed to and has not withdrawn.")
    holds: bool = Field(
        description="It agreed to the model that the site has now: drafting and translation may ask it."
    )


class ModelAgreementIn(Schema):
    agreed: Literal[True] = Field(description="I agree on behalf of the organisation.")
    model: str = Field(max_length=120, description="The model that you read under `offered`: another is refused (409).")
    host: str = Field(max_length=255)


@router.get(PLACE, response=answers(ModelStandingOut), summary="What the organisation agreed to send to a chat model")
def get_model_consent(request: HttpRequest, code: OrganisationCode) -> dict[str, Any]:
    return standing(code, api_actor(request, "organisations:read"))


@router.put(
    PLACE, response=change_answers(ModelStandingOut), summary="Agree that unpublished text goes to the chat model"
)
@needs_scope("organisations:write")
def give_model_consent(request: HttpRequest, code: OrganisationCode, given: ModelAgreementIn) -> dict[str, Any]:
    actor = api_actor(request)
    services.give_consent(actor=actor, organisation_code=code, to=(given.model, given.host))
    return standing(code, actor)


@router.delete(
    PLACE, response=change_answers(ModelStandingOut), summary="Withdraw it: nothing unpublished is sent any more"
)
@needs_scope("organisations:write")
def withdraw_model_consent(request: HttpRequest, code: OrganisationCode) -> dict[str, Any]:
    actor = api_actor(request)
    services.withdraw_consent(actor=actor, organisation_code=code)
    return standing(code, actor)


def standing(code: str, actor: Actor) -> dict[str, Any]:
    organisation = parties.get_organisation(code, actor=actor)
    if not policies.can_see_consent(actor, organisation):
        raise NotFound
    found, given = selectors.provider(Service.CHAT), selectors.consent_of(organisation.pk)
    return {
        "offered": {"model": found.model, "host": found.host} if found else None,
        "consent": {"model": given.model, "host": given.host, "given_at": given.given_at} if given else None,
        "holds": selectors.has_consent(organisation.pk),
    }
