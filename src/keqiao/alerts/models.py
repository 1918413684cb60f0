"""Tables of the alerts context."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from keqiao.alerts.types import AlertState, Cadence, Reason, Scheme, StaleReason, Subject

COLUMN_OF = {
    Subject.NEED: "need",
    Subject.ACHIEVEMENT: "achievement",
    Subject.ORGANISATION: "organisation",
    Subject.SEARCH: "search",
}


def _names_its_subject() -> Q:
    """Each kind fills its own columns and no other."""
    kinds = []
    for subject in Subject:
        columns = {f"{column}__isnull": COLUMN_OF.get(subject) != column for column in COLUMN_OF.values()}
        if subject == Subject.CLASS:
            kinds.append(Q(subject=subject, scheme__in=Scheme.values, **columns) & ~Q(class_code=""))
        else:
            kinds.append(Q(subject=subject, scheme="", class_code="", **columns))
    whole = reduce(or_, kinds)
    return whole & (~Q(subject=Subject.OWN) | Q(home__isnull=False))


class Watch(models.Model):
    """关注: what one person wants to hear of, from how many points on, and how often. Stopped, not deleted."""

    code = models.CharField(max_length=24, unique=True)
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    home = models.ForeignKey("parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=12, choices=Subject)
    need = models.ForeignKey("catalogue.Need", null=True, on_delete=models.CASCADE, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", null=True, on_delete=models.CASCADE, related_name="+")
    organisation = models.ForeignKey("parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+")
    search = models.ForeignKey("engagement.SavedSearch", null=True, on_delete=models.CASCADE, related_name="+")
    scheme = models.CharField(max_length=12, choices=Scheme, blank=True)
    class_code = models.CharField(max_length=24, blank=True)
    threshold = models.PositiveSmallIntegerField()
    cadence = models.CharField(max_length=8, choices=Cadence)
    is_chosen = models.BooleanField()  # by the person; else the platform recommends, until they switch that off
    is_active = models.BooleanField(default=True)
    since = models.DateTimeField()  # what was there before is not told
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["person", "-is_active", "-created_at", "-id"], name="watch_by_person_in_order"),
            models.Index(fields=["home"], name="watch_by_home", condition=Q(subject=Subject.OWN, is_active=True)),
            models.Index(
                fields=["scheme", "class_code"],
                name="watch_by_class",
                condition=Q(subject=Subject.CLASS, is_active=True),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                name="one_watch_per_subject",
                fields=[
                    "person",
                    "home",
                    "subject",
                    "need",
                    "achievement",
                    "organisation",
                    "search",
                    "scheme",
                    "class_code",
                ],
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="watch_names_its_subject", condition=_names_its_subject()),
            models.CheckConstraint(name="watch_cadence_is_known", condition=Q(cadence__in=Cadence.values)),
            models.CheckConstraint(name="watch_threshold_0_to_100", condition=Q(threshold__range=(0, 100))),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.subject}"

    @property
    def item(self) -> Any:
        return self.need or self.achievement


class Digest(models.Model):
    """What one person was told at one time. At most one a day of the daily and of the weekly kind."""

    code = models.CharField(max_length=24, unique=True)
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    cadence = models.CharField(max_length=8, choices=Cadence)
    made_on = models.DateField()
    made_at = models.DateTimeField()
    lines = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["person", "-made_at"], name="digest_by_person")]
        constraints = [
            models.UniqueConstraint(
                name="one_digest_a_day",
                fields=["person", "cadence", "made_on"],
                condition=~Q(cadence=Cadence.AT_ONCE),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Alert(models.Model):
    """One thing to tell one person because of one watch. Never made twice, never sent twice.

    `occasion`: the revision that is told of, for a change; 0 for what happens once.
    """

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="alerts")
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    need = models.ForeignKey("catalogue.Need", null=True, on_delete=models.CASCADE, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", null=True, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=10, choices=Reason)
    occasion = models.PositiveBigIntegerField(default=0)
    score = models.PositiveSmallIntegerField(null=True)
    state = models.CharField(max_length=8, choices=AlertState, default=AlertState.WAITING)
    digest = models.ForeignKey(Digest, null=True, on_delete=models.CASCADE, related_name="alerts")
    found_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["person"], name="alert_waiting", condition=Q(state=AlertState.WAITING)),
            models.Index(fields=["digest", "-score", "id"], name="alert_by_digest"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="one_alert_per_cause",
                fields=["watch", "need", "achievement", "reason", "occasion"],
                nulls_distinct=False,
            ),
            # Several watches may bring up the same: it is told once, whichever was first.
            models.UniqueConstraint(
                name="alert_told_once",
                fields=["person", "need", "achievement", "reason", "occasion"],
                condition=Q(state=AlertState.SENT),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="alert_is_about_an_item", condition=Q(need__isnull=False) | Q(achievement__isnull=False)
            ),
            models.CheckConstraint(name="alert_reason_is_known", condition=Q(reason__in=Reason.values)),
            models.CheckConstraint(name="alert_state_is_known", condition=Q(state__in=AlertState.values)),
            models.CheckConstraint(
                name="sent_alert_has_a_digest",
                condition=~Q(state=AlertState.SENT) | Q(digest__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} for {self.person_id}"

    @property
    def cause(self) -> tuple[int | None, int | None, str, int]:
        """What is told of: the same for every watch that brings it up."""
        return self.need_id, self.achievement_id, self.reason, self.occasion


class StaleItem(models.Model):
    """待维护: a public item that may no longer hold, for one reason. Found anew every night, gone when it no longer applies."""

    code = models.CharField(max_length=24, unique=True)
    need = models.ForeignKey("catalogue.Need", null=True, on_delete=models.CASCADE, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", null=True, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=10, choices=StaleReason)
    found_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(null=True)  # somebody said that it holds; asked again after a while

    class Meta:
        indexes = [models.Index(fields=["reason", "id"], name="stale_by_reason")]
        constraints = [
            models.UniqueConstraint(
                name="one_finding_per_reason", fields=["need", "achievement", "reason"], nulls_distinct=False
            ),
            models.CheckConstraint(
                name="stale_is_about_one_item",
                condition=Q(need__isnull=False, achievement=None) | Q(need=None, achievement__isnull=False),
            ),
            models.CheckConstraint(name="stale_reason_is_known", condition=Q(reason__in=StaleReason.values)),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"

    @property
    def item(self) -> Any:
        return self.need or self.achievement

    @property
    def kind(self) -> str:
        return "need" if self.need_id else "achievement"


class Choice(models.Model):
    """Whether a person wants personal recommendations; without a row they do."""

    person = models.OneToOneField("parties.Person", on_delete=models.PROTECT, related_name="+")
    recommends = models.BooleanField()
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.person_id}: {self.recommends}"
