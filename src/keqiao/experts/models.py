"""Tables of the experts context. Only workflow.py writes `state`."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from keqiao.experts.types import (
    AssignmentState,
    DeclaredTie,
    DeclineReason,
    PlanKind,
    PlanState,
    Solver,
)
from keqiao.kernel.codes import DrawnKey


class ExpertProfile(models.Model):
    """What a person says of themselves as an expert. Others find it only while `is_listed`, which is their consent."""

    code = models.CharField(max_length=24, unique=True)
    person = models.OneToOneField("parties.Person", on_delete=models.PROTECT, related_name="+")
    statement_zh = models.TextField(blank=True)
    statement_en = models.TextField(blank=True)
    capacity = models.PositiveSmallIntegerField(default=2)  # tasks at a time, where no dated row says otherwise
    is_listed = models.BooleanField(default=False)
    listed_at = models.DateTimeField(null=True)
    unlisted_at = models.DateTimeField(null=True)
    words = models.PositiveIntegerField(default=0)  # tokens of all the evidence
    revision = models.PositiveBigIntegerField(default=1)  # grows with every change of evidence
    indexed_revision = models.PositiveBigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["is_listed", "id"], name="expert_listed")]
        constraints = [
            models.CheckConstraint(name="expert_capacity_0_to_50", condition=Q(capacity__lte=50)),
            models.CheckConstraint(
                name="listed_expert_has_a_moment", condition=Q(is_listed=False) | Q(listed_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.code


class ExpertPaper(models.Model):
    """A paper or book that an expert lists."""

    id = DrawnKey()
    profile = models.ForeignKey(ExpertProfile, on_delete=models.CASCADE, related_name="papers")
    title = models.CharField(max_length=300)
    doi = models.CharField(max_length=200, blank=True)
    year = models.PositiveSmallIntegerField(null=True)
    abstract = models.TextField(blank=True)
    added_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-year", "-added_at", "pk"]
        constraints = [
            models.UniqueConstraint(name="one_paper_per_doi", fields=["profile", "doi"], condition=~Q(doi="")),
        ]

    def __str__(self) -> str:
        return self.title


class ExpertAchievement(models.Model):
    """An achievement whose team the expert is in, as they say; believed while the team names them (selectors)."""

    profile = models.ForeignKey(ExpertProfile, on_delete=models.CASCADE, related_name="works")
    achievement = models.ForeignKey("catalogue.Achievement", on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(name="one_work_per_expert", fields=["profile", "achievement"])]

    def __str__(self) -> str:
        return f"{self.achievement_id} of {self.profile_id}"


class Availability(models.Model):
    """How much an expert takes on in a period, other than usual. 0: away."""

    id = DrawnKey()
    profile = models.ForeignKey(ExpertProfile, on_delete=models.CASCADE, related_name="periods")
    first_on = models.DateField()
    last_on = models.DateField()
    capacity = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["first_on", "pk"]
        constraints = [
            models.CheckConstraint(name="availability_ends_after_it_begins", condition=Q(last_on__gte=F("first_on"))),
            models.CheckConstraint(name="availability_0_to_50", condition=Q(capacity__lte=50)),
        ]

    def __str__(self) -> str:
        return f"{self.capacity} from {self.first_on} to {self.last_on}"


class DeclaredConflict(models.Model):
    """An expert keeps out of an organisation's needs. The note is for themselves alone."""

    id = DrawnKey()
    profile = models.ForeignKey(ExpertProfile, on_delete=models.CASCADE, related_name="conflicts")
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=DeclaredTie)
    last_on = models.DateField(null=True)  # None: until taken back
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["organisation"], name="conflict_by_organisation")]
        constraints = [
            models.UniqueConstraint(name="one_conflict_per_organisation", fields=["profile", "organisation"]),
            models.CheckConstraint(name="conflict_kind_is_known", condition=Q(kind__in=DeclaredTie.values)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} with {self.organisation_id}"


class ExpertWord(models.Model):
    """The inverted file of the listed experts: one row for each of an expert's words. Made anew from their evidence."""

    profile = models.ForeignKey(ExpertProfile, on_delete=models.CASCADE, related_name="+")
    token = models.CharField(max_length=140)
    count = models.PositiveIntegerField()
    share = models.FloatField()  # mean over the evidence of how much of it is this word

    class Meta:
        indexes = [models.Index(fields=["token"], include=["profile", "count", "share"], name="expert_word_postings")]
        constraints = [models.UniqueConstraint(name="one_row_per_expert_word", fields=["profile", "token"])]

    def __str__(self) -> str:
        return f"{self.token} of {self.profile_id}"


class AssignmentPlan(models.Model):
    """Needs and those who could take them on: computed by a job, changed by hand, confirmed, then asked."""

    code = models.CharField(max_length=24, unique=True)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=PlanKind)
    organisation = models.ForeignKey("parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+")
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=64)  # of the sender's form: the same one makes one plan
    state = models.CharField(max_length=12, choices=PlanState, default=PlanState.COMPUTING)
    per_need = models.PositiveSmallIntegerField(default=1)
    spread = models.PositiveSmallIntegerField(default=5)
    raises_worst = models.BooleanField(default=False)
    most_each = models.PositiveSmallIntegerField(default=3)  # needs of this plan that one candidate may get
    scored = models.PositiveIntegerField(default=0)  # needs whose candidates have their scores
    total = models.PositiveIntegerField(default=0)
    solver = models.CharField(max_length=20, choices=Solver, blank=True)
    points = models.PositiveIntegerField(null=True)
    points_without_fairness = models.PositiveIntegerField(null=True)
    made_at = models.DateTimeField(db_default=Now())
    computed_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "-id"], name="plan_by_organisation"),
            models.Index(fields=["state", "-id"], name="plan_by_state"),
        ]
        constraints = [
            models.CheckConstraint(name="plan_kind_is_known", condition=Q(kind__in=PlanKind.values)),
            models.CheckConstraint(name="plan_state_is_known", condition=Q(state__in=PlanState.values)),
            models.CheckConstraint(name="plan_per_need_1_to_5", condition=Q(per_need__range=(1, 5))),
            models.CheckConstraint(name="plan_most_each_1_to_50", condition=Q(most_each__range=(1, 50))),
            models.CheckConstraint(name="plan_spread_0_to_100", condition=Q(spread__lte=100)),
            models.UniqueConstraint(name="one_plan_per_key", fields=["made_by", "key"]),
        ]

    def __str__(self) -> str:
        return self.code


class PlanNeed(models.Model):
    plan = models.ForeignKey(AssignmentPlan, on_delete=models.CASCADE, related_name="needs")
    need = models.ForeignKey("catalogue.Need", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveIntegerField()
    is_scored = models.BooleanField(default=False)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(name="a_need_once_in_a_plan", fields=["plan", "need"])]

    def __str__(self) -> str:
        return f"{self.need_id} in {self.plan_id}"


class Candidate(models.Model):
    """Somebody, or an achievement, in the pool of a plan; how much it could take and had when the plan was computed."""

    plan = models.ForeignKey(AssignmentPlan, on_delete=models.CASCADE, related_name="candidates")
    profile = models.ForeignKey(ExpertProfile, null=True, on_delete=models.PROTECT, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", null=True, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveIntegerField()
    capacity = models.PositiveSmallIntegerField()
    load = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]
        indexes = [models.Index(fields=["profile"], include=["id"], name="candidate_of_profile")]
        constraints = [
            models.CheckConstraint(
                name="candidate_is_one_thing",
                condition=Q(profile__isnull=False, achievement=None) | Q(profile=None, achievement__isnull=False),
            ),
            models.UniqueConstraint(
                name="a_candidate_once_in_a_plan", fields=["plan", "profile", "achievement"], nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"candidate {self.pk} of {self.plan_id}"


class Pair(models.Model):
    """How well a candidate fits a need of the plan, and why they must keep out of it."""

    need = models.ForeignKey(PlanNeed, on_delete=models.CASCADE, related_name="pairs")
    candidate = models.ForeignKey(Candidate, on_delete=models.CASCADE, related_name="pairs")
    score = models.PositiveSmallIntegerField()
    ties = ArrayField(models.CharField(max_length=12), default=list, blank=True)

    class Meta:
        indexes = [models.Index(fields=["need", "-score"], name="pair_by_score")]
        constraints = [models.UniqueConstraint(name="one_pair_per_need_and_candidate", fields=["need", "candidate"])]

    def __str__(self) -> str:
        return f"{self.need_id} × {self.candidate_id}"


class Assignment(models.Model):
    """派单: one need given to one candidate. Nobody hears of it before the plan is confirmed."""

    code = models.CharField(max_length=24, unique=True)
    need = models.ForeignKey(PlanNeed, on_delete=models.CASCADE, related_name="assignments")
    candidate = models.ForeignKey(Candidate, on_delete=models.CASCADE, related_name="assignments")
    state = models.CharField(max_length=12, choices=AssignmentState, default=AssignmentState.PROPOSED)
    score = models.PositiveSmallIntegerField()
    load_before = models.PositiveSmallIntegerField(default=0)
    next_best = models.ForeignKey(Candidate, null=True, on_delete=models.SET_NULL, related_name="+")
    why_not = models.CharField(max_length=12, blank=True)  # of WhyNot: why the next best was not taken
    instead_of = models.ForeignKey(Candidate, null=True, on_delete=models.SET_NULL, related_name="+")
    override_reason = models.CharField(max_length=300, blank=True)
    made_at = models.DateTimeField(db_default=Now())
    asked_at = models.DateTimeField(null=True)
    due_on = models.DateField(null=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)
    decline_reason = models.CharField(max_length=12, choices=DeclineReason, blank=True)
    decline_note = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["candidate", "state"], include=["id"], name="assignment_of_candidate"),
            models.Index(fields=["state", "due_on"], name="assignment_by_due_date"),
        ]
        constraints = [
            models.CheckConstraint(name="assignment_state_is_known", condition=Q(state__in=AssignmentState.values)),
            models.UniqueConstraint(name="one_assignment_per_pair", fields=["need", "candidate"]),
            models.CheckConstraint(
                name="assignment_reason_is_known",
                condition=Q(decline_reason="") | Q(decline_reason__in=DeclineReason.values),
            ),
            models.CheckConstraint(
                name="declined_assignment_has_a_reason",
                condition=~Q(state=AssignmentState.DECLINED) | ~Q(decline_reason=""),
            ),
            models.CheckConstraint(
                name="asked_assignment_has_a_date",
                condition=~Q(state__in=[AssignmentState.ASKED, AssignmentState.ACCEPTED]) | Q(due_on__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.code
