"""Rows to learn from, learned points, and who does not take part. Ids and numbers: no text of anybody stands here."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from keqiao.learning.types import ModelState, Step, Trouble


class TrainingRow(models.Model):
    """A match that an organisation was shown in a list of its own item, and what became of it.

    One row a side, pair and version of the matches: what was shown when other points held is another row.
    """

    need = models.ForeignKey("catalogue.Need", on_delete=models.CASCADE, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", on_delete=models.CASCADE, related_name="+")
    side = models.CharField(max_length=12)
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")  # who answered
    version = models.CharField(max_length=80)  # what computed the match
    position = models.PositiveSmallIntegerField(null=True)  # in the list when first shown, from 1
    shown_at = models.DateTimeField(null=True)  # None: acted upon where no list was recorded
    score = models.PositiveSmallIntegerField()
    has_unmet = models.BooleanField()
    fits = ArrayField(models.FloatField(), size=6)  # of the stones, in their order, at that moment
    is_suitable = models.BooleanField(null=True)
    reason = models.CharField(max_length=12, blank=True)
    marked_at = models.DateTimeField(null=True)
    contacted_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    declined_at = models.DateTimeField(null=True)
    decline_reason = models.CharField(max_length=16, blank=True)
    signed_at = models.DateTimeField(null=True)
    touched_at = models.DateTimeField(db_default=Now())  # when it last changed

    class Meta:
        indexes = [
            models.Index(fields=["touched_at"], name="training_row_by_age"),
            models.Index(fields=["shown_at"], name="training_row_by_showing"),
            models.Index(fields=["organisation"], name="training_row_by_organisation"),
            models.Index(fields=["person"], name="training_row_by_person", condition=Q(person__isnull=False)),
            models.Index(fields=["marked_at"], name="training_row_by_mark", condition=Q(marked_at__isnull=False)),
            models.Index(
                fields=["contacted_at"], name="training_row_by_contact", condition=Q(contacted_at__isnull=False)
            ),
            models.Index(fields=["signed_at"], name="training_row_by_deal", condition=Q(signed_at__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(name="one_row_a_showing", fields=["need", "achievement", "side", "version"]),
            models.CheckConstraint(name="training_row_side_is_known", condition=Q(side__in=["need", "achievement"])),
            models.CheckConstraint(
                name="training_mark_has_a_time", condition=Q(is_suitable=None) | Q(marked_at__isnull=False)
            ),
            models.CheckConstraint(name="training_position_from_1", condition=Q(position=None) | Q(position__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.need_id} × {self.achievement_id} ({self.side})"


class LearnedModel(models.Model):
    """One training: its progress, then its points with the card that an operator reads before putting them in force."""

    code = models.CharField(max_length=24, unique=True)
    state = models.CharField(max_length=12, choices=ModelState, default=ModelState.TRAINING)
    step = models.CharField(max_length=12, choices=Step, default=Step.WAITING)
    done = models.PositiveIntegerField(default=0)  # of the step
    total = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=20, choices=Trouble, blank=True)
    asked_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    trained_at = models.DateTimeField(null=True)
    points = models.JSONField(default=dict)  # stone → whole points
    card = models.JSONField(default=dict)  # learning.training.Card
    differences = models.JSONField(default=list)  # need id and moves of its list
    promoted_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    promoted_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)
    follows = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")  # what held before it

    class Meta:
        indexes = [models.Index(fields=["-asked_at", "-id"], name="learned_model_by_age")]
        constraints = [
            models.CheckConstraint(name="learned_state_is_known", condition=Q(state__in=ModelState.values)),
            models.CheckConstraint(name="failed_model_says_why", condition=~Q(state="failed") | ~Q(trouble="")),
            models.UniqueConstraint(name="one_training_at_a_time", fields=["state"], condition=Q(state="training")),
            models.UniqueConstraint(name="one_model_in_force", fields=["state"], condition=Q(state="in_force")),
        ]

    def __str__(self) -> str:
        return self.code


class Refusal(models.Model):
    """An organisation that does not take part: nothing of it is recorded, and what was goes into no training."""

    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    refused_by = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    refused_at = models.DateTimeField()
    ended_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_refusal_at_a_time", fields=["organisation"], condition=Q(ended_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} since {self.refused_at}"
