"""Tables of the inference context."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from keqiao.inference.types import CallState, Service, Task


class Consent(models.Model):
    """An organisation lets its unpublished texts be sent to one model at one place. Given and withdrawn, never edited.

    It names the model and the host: when the site changes either, nobody has agreed to the new one.
    """

    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    model = models.CharField(max_length=120)
    host = models.CharField(max_length=255)
    given_by = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField(db_default=Now())
    withdrawn_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_model_consent_at_a_time", fields=["organisation"], condition=Q(withdrawn_at__isnull=True)
            ),
            models.CheckConstraint(
                name="withdrawn_model_consent_says_who",
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} to {self.host}"


class Call(models.Model):
    """One question to an outside model. Reserved with the most it may cost before it is asked, settled after.

    A process that dies in between leaves the reservation: the month's sum is never too low. No text is kept.
    """

    service = models.CharField(max_length=12, choices=Service)
    task = models.CharField(max_length=12, choices=Task)
    model = models.CharField(max_length=120)
    host = models.CharField(max_length=255, blank=True)
    organisation = models.ForeignKey("parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=CallState, default=CallState.RESERVED)
    tokens_in = models.BigIntegerField()
    tokens_out = models.BigIntegerField(default=0)
    is_estimated = models.BooleanField(default=True)  # counted by us: the other side did not say
    micros = models.BigIntegerField()  # millionths of a yuan
    took_ms = models.PositiveIntegerField(null=True)
    problem = models.CharField(max_length=60, blank=True)  # a kind of error, never the other side's words
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["at"], name="model_call_by_time"),
            models.Index(fields=["organisation", "-at"], name="model_call_by_organisation"),
        ]
        constraints = [
            models.CheckConstraint(name="model_call_service_is_known", condition=Q(service__in=Service.values)),
            models.CheckConstraint(name="model_call_task_is_known", condition=Q(task__in=Task.values)),
            models.CheckConstraint(name="model_call_state_is_known", condition=Q(state__in=CallState.values)),
            models.CheckConstraint(
                name="model_call_counts_nothing_negative",
                condition=Q(tokens_in__gte=0, tokens_out__gte=0, micros__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.state}"


class Circuit(models.Model):
    """How a service is doing, for all processes: after failures in a row it rests until `open_until`."""

    service = models.CharField(max_length=12, choices=Service, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True)
    problem = models.CharField(max_length=60, blank=True)
    failed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.service}: {self.failures} failures"


class KeptVector(models.Model):
    """An embedding by the hash of model and text; the text itself is not kept."""

    key = models.BinaryField(primary_key=True, max_length=32)
    vector = models.BinaryField()  # float16[dims]
    used_on = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["used_on"], name="kept_vector_by_use")]

    def __str__(self) -> str:
        return bytes(self.key).hex()[:12]


class KeptAnswer(models.Model):
    """A chat model's answer by the hash of the question, so that a job that runs again does not pay again.

    It may say what the organisation wrote: it goes after some days, and at once when the consent is withdrawn.
    """

    key = models.BinaryField(primary_key=True, max_length=32)
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.CASCADE, related_name="+")
    answer = models.TextField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["at"], name="kept_answer_by_age"),
            models.Index(fields=["organisation"], name="kept_answer_by_owner"),
        ]

    def __str__(self) -> str:
        return bytes(self.key).hex()[:12]
