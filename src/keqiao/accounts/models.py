"""Tables of the accounts context. Passkeys, TOTP and e-mail addresses live in allauth's own tables."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from keqiao.accounts.types import AgreementKind, ConsentWay, ExportState
from keqiao.kernel.codes import DrawnKey
from keqiao.kernel.models import never, never_truncate


class MobileNumber(models.Model):
    """The number an account can sign in with, once it was proved by a code. E.164, such as +8613800000000."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mobile")
    number = models.CharField(max_length=20)
    verified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_account_per_number", fields=["number"], condition=Q(verified_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"number of {self.user_id}"


class OneTimeCode(models.Model):
    """A code sent to a number or an address. `target_hash` finds it, `code_hash` proves it; neither can be read back."""

    purpose = models.CharField(max_length=20)  # sign_up, sign_in, change_number
    target_hash = models.CharField(max_length=64)
    code_hash = models.CharField(max_length=128)
    sent_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(db_default=0)
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["target_hash", "purpose", "-sent_at"], name="code_by_target")]

    def __str__(self) -> str:
        return f"{self.purpose} code {self.pk}"


class Agreement(models.Model):
    """One version of a text that people agree to, in force from its day until a newer one. Never edited: a new one is added."""

    kind = models.CharField(max_length=16, choices=AgreementKind)
    first_on = models.DateField()
    text_zh = models.TextField()
    text_en = models.TextField()
    digest = models.CharField(max_length=64)  # sha256 over both texts
    added_at = models.DateTimeField(db_default=Now())
    added_by_id = models.BigIntegerField(null=True)  # a person's id; null when it ships with the platform

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_agreement_per_day", fields=["kind", "first_on"]),
            models.CheckConstraint(name="agreement_kind_is_known", condition=Q(kind__in=AgreementKind.values)),
        ]
        triggers = [
            never(pgtrigger.Update | pgtrigger.Delete, "agreement_is_final"),
            never_truncate("agreement_no_truncate"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """As commands and addresses name it: privacy-2026-11-01."""
        return f"{self.kind}-{self.first_on.isoformat()}"


class Consent(models.Model):
    """One line of the ledger: a person gave or withdrew consent to one version. The last line of a version counts."""

    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="consents")
    is_given = models.BooleanField()
    at = models.DateTimeField(db_default=Now())
    how = models.CharField(max_length=12, choices=ConsentWay)

    class Meta:
        indexes = [models.Index(fields=["person", "agreement", "-id"], name="consent_by_person")]
        constraints = [models.CheckConstraint(name="consent_way_is_known", condition=Q(how__in=ConsentWay.values))]
        triggers = [
            never(pgtrigger.Update | pgtrigger.Delete, "consent_is_final"),
            never_truncate("consent_no_truncate"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {'gave' if self.is_given else 'withdrew'} {self.agreement_id}"


class DataExport(models.Model):
    """A person's own data, put together by a job into one file that only they may open, for some days."""

    id = DrawnKey()
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=ExportState, default=ExportState.WAITING)
    parts_done = models.PositiveSmallIntegerField(default=0)
    part_count = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(db_default=Now())
    done_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    file = models.ForeignKey("kernel.StoredFile", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["person", "-id"], name="export_by_person"),
            models.Index(fields=["state", "expires_at"], name="export_by_expiry"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="one_export_at_a_time", fields=["person"], condition=Q(state__in=["waiting", "running"])
            ),
            models.CheckConstraint(name="export_state_is_known", condition=Q(state__in=ExportState.values)),
            models.CheckConstraint(
                name="export_that_is_ready_has_a_file",
                condition=~Q(state="ready") | Q(file__isnull=False, expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"export {self.pk} of {self.person_id}"


class ErasureRequest(models.Model):
    """A person asked to be erased: carried out by a job from `due_at` on, unless they cancel before."""

    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="erasure_by_due_date")]
        constraints = [
            models.UniqueConstraint(
                name="one_erasure_at_a_time",
                fields=["person"],
                condition=Q(cancelled_at__isnull=True, done_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"erasure {self.pk} of {self.person_id}"


class StandingIn(models.Model):
    """代登录: an operator looked at the pages of a user, for a reason, until a time. It is shown to that user."""

    operator = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    began_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["person", "-began_at"], name="standing_in_by_person")]
        constraints = [
            models.UniqueConstraint(
                name="operator_stands_in_once", fields=["operator"], condition=Q(ended_at__isnull=True)
            ),
            models.CheckConstraint(name="nobody_stands_in_for_self", condition=~Q(operator=models.F("person"))),
        ]

    def __str__(self) -> str:
        return f"{self.operator_id} for {self.person_id}"


class AttemptCount(models.Model):
    """How often something was tried within a window. `key` is a keyed hash of action, address and IP."""

    key = models.CharField(max_length=64, primary_key=True)
    times = models.PositiveSmallIntegerField(db_default=1)
    ends_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["ends_at"], name="attempt_count_by_end")]

    def __str__(self) -> str:
        return f"{self.times} until {self.ends_at}"
