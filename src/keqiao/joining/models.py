"""Tables of the joining context. Only workflow.py writes `state`."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from keqiao.joining.types import OPEN, JoinState


class Joining(models.Model):
    """加入: an organisation says that a public need is its own as well, or that a public result is the same work as its own."""

    code = models.CharField(max_length=24, unique=True)
    need = models.ForeignKey("catalogue.Need", null=True, on_delete=models.CASCADE, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", null=True, on_delete=models.CASCADE, related_name="+")
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=JoinState, default=JoinState.ASKED)
    shows_name = models.BooleanField()  # to the item's owner and, once accepted, to everybody
    note = models.CharField(max_length=500, blank=True)  # for the owner alone
    asked_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["need", "state"], name="joining_by_need"),
            models.Index(fields=["achievement", "state"], name="joining_by_achievement"),
            models.Index(fields=["organisation", "-asked_at"], name="joining_by_organisation"),
        ]
        constraints = [
            models.CheckConstraint(
                name="joining_is_of_one_item",
                condition=Q(need__isnull=False, achievement=None) | Q(need=None, achievement__isnull=False),
            ),
            models.CheckConstraint(name="joining_state_is_known", condition=Q(state__in=JoinState.values)),
            models.UniqueConstraint(
                name="one_open_joining_per_item",
                fields=["organisation", "need", "achievement"],
                condition=Q(state__in=[state.value for state in OPEN]),
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def item(self) -> Any:
        return self.need or self.achievement

    @property
    def owner_id(self) -> int:
        return int(self.need.publisher_id if self.need else self.achievement.owner_id)  # type: ignore[union-attr]
