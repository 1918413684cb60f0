"""Stored matches: what was computed, by which version of the model, with every stone. And counts of long lists."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from keqiao.matching.types import RunState


class Match(models.Model):
    """A scored pair. Recomputed by a job; a page never computes it."""

    need = models.ForeignKey("catalogue.Need", on_delete=models.CASCADE, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", on_delete=models.CASCADE, related_name="+")
    score = models.PositiveSmallIntegerField()
    has_unmet = models.BooleanField()
    arch = models.JSONField()  # matching.stones.arch_to_json
    version = models.CharField(max_length=80)  # of the weights, the code and the dense model
    computed_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["need", "has_unmet", "-score", "achievement"], name="match_by_need"),
            models.Index(fields=["achievement", "has_unmet", "-score", "need"], name="match_by_achievement"),
            models.Index(fields=["has_unmet", "-score", "id"], name="match_by_score"),
        ]
        constraints = [
            models.UniqueConstraint(name="one_match_per_pair", fields=["need", "achievement"]),
            models.CheckConstraint(name="match_score_0_to_100", condition=Q(score__range=(0, 100))),
        ]

    def __str__(self) -> str:
        return f"{self.need_id} × {self.achievement_id}: {self.score}"


class Computation(models.Model):
    """When a need's matches were last computed, and by which version: also for a need that has none."""

    need = models.OneToOneField("catalogue.Need", on_delete=models.CASCADE, related_name="+")
    version = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["version"], name="computation_by_version")]

    def __str__(self) -> str:
        return f"{self.need_id} {self.version}"


class Study(models.Model):
    """What a need's candidates say beyond single matches: what a relaxed condition brings, and which fit together.

    Achievements stand in it by id; a reader is told only of those that they may see.
    """

    need = models.OneToOneField("catalogue.Need", on_delete=models.CASCADE, related_name="+")
    version = models.CharField(max_length=80)
    relaxations = models.JSONField(default=list)  # matching.relaxing: row, target, high, achievements
    combinations = models.JSONField(default=list)  # matching.combining.to_json, the best first
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["version"], name="study_by_version")]

    def __str__(self) -> str:
        return f"{self.need_id} {self.version}"


class Excerpt(models.Model):
    """What the stones read of a published item at one revision: its facts, and its passages ready to compare.

    Who publishes it is not in it.
    """

    achievement = models.OneToOneField("catalogue.Achievement", null=True, on_delete=models.CASCADE, related_name="+")
    need = models.OneToOneField("catalogue.Need", null=True, on_delete=models.CASCADE, related_name="+")
    revision = models.PositiveBigIntegerField()
    format = models.PositiveSmallIntegerField()  # matching.known.FORMAT of the code that made it
    model = models.CharField(max_length=80)  # version of the dense model
    content = models.BinaryField()  # matching.known.packed

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="excerpt_is_of_one_item", condition=Q(achievement__isnull=False) ^ Q(need__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.achievement_id or self.need_id} at {self.revision}"


class PairsRun(models.Model):
    """Every need against every achievement, once: its shards are its progress."""

    code = models.CharField(max_length=16, unique=True)
    state = models.CharField(max_length=8, choices=RunState, default=RunState.RUNNING)
    version = models.CharField(max_length=80)  # that its matches are computed by; another one: done shards wait again
    needs = models.PositiveIntegerField()
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    faults = models.PositiveSmallIntegerField(default=0, db_default=0)  # in a row that no shard was to blame for
    # The last one, of a shard too: its kind, not what it was about.
    fault = models.CharField(max_length=120, blank=True, default="", db_default="")
    fault_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["-begun_at"], name="pairs_run_by_time")]
        constraints = [
            models.UniqueConstraint(
                name="one_pairs_run_at_a_time", fields=["state"], condition=Q(state=RunState.RUNNING)
            ),
            models.CheckConstraint(name="pairs_run_state", condition=Q(state__in=RunState.values)),
            models.CheckConstraint(
                name="pairs_run_ended",
                condition=Q(state=RunState.RUNNING, ended_at__isnull=True)
                | (~Q(state=RunState.RUNNING) & Q(ended_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.state}"


class PairsShard(models.Model):
    """Some needs of a run, by their ids: computed and kept as one."""

    run = models.ForeignKey(PairsRun, on_delete=models.CASCADE, related_name="shards")
    code = models.CharField(max_length=16, unique=True)
    first_need_id = models.BigIntegerField()
    last_need_id = models.BigIntegerField()
    needs = models.PositiveIntegerField()
    kept = models.PositiveIntegerField(default=0)  # matches that stand after it
    changed = models.PositiveIntegerField(default=0)  # needs whose matches are others than before
    done_at = models.DateTimeField(null=True)
    faults = models.PositiveSmallIntegerField(default=0, db_default=0)  # times that it was tried in vain

    class Meta:
        constraints = [models.UniqueConstraint(name="one_pairs_shard", fields=["run", "first_need_id"])]

    def __str__(self) -> str:
        return f"{self.code} of {self.run_id}"


class WeightChange(models.Model):
    """Points of the stones put in force on this site; the newest row holds. Without points: those of the rule pack."""

    points = models.JSONField(null=True)  # stone → whole points
    label = models.CharField(max_length=24, blank=True)  # what they come from; stored matches carry it
    first_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(name="own_weights_have_a_label", condition=Q(points__isnull=True) | ~Q(label="")),
        ]

    def __str__(self) -> str:
        return f"{self.label or 'rules'} from {self.first_at}"


class Tally(models.Model):
    """How long a public list is and how many of each trait it holds, counted ahead by a job."""

    kind = models.CharField(max_length=12, unique=True)
    total = models.PositiveBigIntegerField()
    facets = models.JSONField(default=dict)  # facet → value → rows
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind}: {self.total}"
