"""Tables of the integrations context."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from keqiao.integrations.types import DeliveryState
from keqiao.kernel.codes import DrawnKey


class Token(models.Model):
    """An access token of one person; only its sha256 is kept. Bound to an organisation, it acts for that one only."""

    id = DrawnKey()
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey("parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)  # its first letters, to recognise it by
    scopes = ArrayField(models.CharField(max_length=40))
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    last_used_on = models.DateField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["person", "-created_at"], name="token_by_person")]
        constraints = [
            models.CheckConstraint(name="token_has_scopes", condition=Q(scopes__len__gt=0)),
            models.CheckConstraint(name="token_ends_after_it_begins", condition=Q(expires_at__gt=F("created_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.hint}… of {self.person_id}"


class StoredAnswer(models.Model):
    """The answer to a changing request with an Idempotency-Key: written in the transaction of its command."""

    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="answers")
    key = models.CharField(max_length=200)
    operation = models.CharField(max_length=300)  # method and path
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="answer_by_age")]
        constraints = [models.UniqueConstraint(name="one_answer_per_key", fields=["token", "key"])]

    def __str__(self) -> str:
        return f"{self.operation} → {self.status}"


class RateCount(models.Model):
    """How many requests of a minute a token, a person or an address has made. Kept without a log: lost in a crash."""

    who = models.CharField(max_length=80, primary_key=True)
    minute = models.BigIntegerField()  # minutes since 1970
    count = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.who}: {self.count}"


class Webhook(models.Model):
    """An address of an organisation that is told of facts. `secret` signs; the one before it still signs for a while."""

    code = models.CharField(max_length=24, unique=True)
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    url = models.CharField(max_length=500)
    kinds = ArrayField(models.CharField(max_length=40))
    secret = models.CharField(max_length=80)
    old_secret = models.CharField(max_length=80, blank=True)
    old_secret_until = models.DateTimeField(null=True)
    is_active = models.BooleanField(db_default=True)
    failing_since = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["organisation", "id"], name="webhook_by_organisation")]
        constraints = [models.CheckConstraint(name="webhook_has_kinds", condition=Q(kinds__len__gt=0))]

    def __str__(self) -> str:
        return f"{self.code} of {self.organisation_id}"


class Delivery(models.Model):
    """One fact on its way to one webhook: told once per event, tried again for days, and again by hand."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    code = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=40)
    event_id = models.BigIntegerField(null=True)
    body = models.TextField()
    state = models.CharField(max_length=12, choices=DeliveryState, db_default=DeliveryState.WAITING.value)
    attempts = models.PositiveSmallIntegerField(db_default=0)
    tries_left = models.PositiveSmallIntegerField(db_default=9)
    created_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    took_ms = models.PositiveIntegerField(null=True)
    answer = models.CharField(max_length=200, blank=True)  # how the answer began
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["webhook", "-id"], name="delivery_by_webhook"),
            models.Index(fields=["created_at"], name="delivery_by_age"),
        ]
        constraints = [
            models.CheckConstraint(name="delivery_state_is_known", condition=Q(state__in=DeliveryState.values)),
            models.UniqueConstraint(
                name="told_once_per_webhook", fields=["webhook", "event_id"], condition=Q(event_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.webhook_id}"
