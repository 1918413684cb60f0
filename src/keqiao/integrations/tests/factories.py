"""Plain functions that build integrations rows."""

from datetime import timedelta
from itertools import count

from keqiao.integrations.models import Delivery, Token, Webhook
from keqiao.integrations.selectors import digest_of
from keqiao.integrations.types import SCOPES
from keqiao.kernel import clock
from keqiao.parties.tests.factories import make_organisation, make_person

_number = count(1)


def make_token(*, person=None, organisation=None, scopes=tuple(SCOPES), days=30, **fields):
    """The token and its secret."""
    number = next(_number)
    secret = f"kq_test-{number:08d}-" + "x" * 24
    token = Token.objects.create(
        person=person or make_person(organisation=organisation or make_organisation()),
        organisation=organisation,
        name=f"令牌 {number}",
        digest=digest_of(secret),
        hint=secret[:8],
        scopes=list(scopes),
        created_at=clock.now() - timedelta(days=60),
        expires_at=clock.now() + timedelta(days=days),
        **fields,
    )
    return token, secret


def bearer(secret):
    """Headers of a request with the token, for Django's test client."""
    return {"Authorization": f"Bearer {secret}"}


def make_webhook(*, organisation=None, person=None, **fields):
    number = next(_number)
    fields.setdefault("code", f"WH{number:06d}")
    fields.setdefault("url", "https://hooks.example.org/keqiao")
    fields.setdefault("kinds", ["need.published"])
    fields.setdefault("secret", "kqw_test-secret")
    organisation = organisation or make_organisation()
    return Webhook.objects.create(organisation=organisation, made_by=person, **fields)


def make_delivery(webhook, **fields):
    number = next(_number)
    fields.setdefault("code", f"delivery-{number}")
    fields.setdefault("kind", "need.published")
    fields.setdefault("body", '{"kind":"need.published"}')
    return Delivery.objects.create(webhook=webhook, **fields)
