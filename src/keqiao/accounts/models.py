"""Tables of the accounts context. Passkeys, TOTP and e-mail addresses live in allauth's own tables."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


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
