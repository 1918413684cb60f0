"""What may be seen of integrations. A hidden thing looks like a missing one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.db.models import QuerySet

from keqiao.integrations.models import Delivery, Token, Webhook
from keqiao.integrations.types import CONNECTING_ROLES, TOKEN_PREFIX, BadToken, DeliveryState, NotYourOrganisation
from keqiao.kernel import clock
from keqiao.kernel.errors import NotFound
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

LONGEST_TOKEN = 120


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def tokens_of(actor: Actor) -> QuerySet[Token]:
    """One's own, newest first; withdrawn ones are kept for the record."""
    if actor.person_id is None:
        return Token.objects.none()
    return Token.objects.filter(person_id=actor.person_id).select_related("organisation").order_by("-created_at", "-id")


def token_by_secret(secret: str) -> Token:
    """The token that the secret opens, if it is good today. Unknown, expired and withdrawn ones look the same."""
    if not secret.startswith(TOKEN_PREFIX) or len(secret) > LONGEST_TOKEN:
        raise BadToken
    rows = Token.objects.filter(digest=digest_of(secret), revoked_at=None, expires_at__gt=clock.now())
    token = rows.select_related("person__user").first()
    if token is None:
        raise BadToken
    return token


def actor_of_token(token: Token, organisation: str = "") -> Actor:
    """Whom the token acts for: its person in one organisation, as on the pages.

    That is the one it is bound to; else `organisation` (a code, of the request), else the one they were in first.
    """
    actor = parties.actor_for(token.person.user, acting_for=token.organisation_id)
    if actor.person_id != token.person_id:  # the account is locked or gone
        raise BadToken
    if token.organisation_id is not None and actor.acting_for != token.organisation_id:
        raise BadToken
    if not organisation:
        return actor
    place = next((place for place in actor.workplaces if place.code == organisation), None)
    if place is None or token.organisation_id not in {None, place.organisation_id}:
        raise NotYourOrganisation
    return parties.actor_for(token.person.user, acting_for=place.organisation_id)


def organisations_connected_by(actor: Actor) -> frozenset[int]:
    """The organisations whose webhooks this actor runs."""
    return frozenset(place for place in actor.organisation_ids if actor.has_role(place, *CONNECTING_ROLES))


def webhooks_of(actor: Actor) -> QuerySet[Webhook]:
    """Those of the organisations that this actor connects."""
    rows = Webhook.objects.filter(organisation_id__in=organisations_connected_by(actor), deleted_at=None)
    return rows.select_related("organisation").order_by("-id")


def get_webhook(code: str, *, actor: Actor, lock: bool = False) -> Webhook:
    rows = webhooks_of(actor)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def deliveries_of(webhook: Webhook) -> QuerySet[Delivery]:
    """Newest first; `webhook` is one that the actor may see."""
    return Delivery.objects.filter(webhook=webhook).order_by("-id")


@dataclass(frozen=True)
class Sending:
    """What a job posts."""

    url: str
    body: str
    secrets: tuple[str, ...]
    at: int
    code: str
    kind: str


def delivery_to_send(delivery_id: int) -> Sending | None:
    """For the job: None when there is nothing left to do."""
    row = Delivery.objects.select_related("webhook").filter(pk=delivery_id).first()
    if row is None or row.state != DeliveryState.WAITING or not row.webhook.is_active or row.webhook.deleted_at:
        return None
    now, hook = clock.now(), row.webhook
    old = (hook.old_secret,) if hook.old_secret and hook.old_secret_until and hook.old_secret_until > now else ()
    return Sending(hook.url, row.body, (hook.secret, *old), int(now.timestamp()), row.code, row.kind)
