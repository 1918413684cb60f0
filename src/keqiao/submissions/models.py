"""Tables of the submissions context. Only workflow.py writes `state`."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from keqiao.kernel.codes import DrawnNumber
from keqiao.submissions.types import (
    ComplaintReason,
    ComplaintState,
    NoteKind,
    Origin,
    ReviewStep,
    SkipReason,
    SourcePurpose,
    SourceState,
    SubmissionKind,
    SubmissionState,
    SuggestionAnswer,
    Writer,
)


class Submission(models.Model):
    """What somebody writes about a need or an achievement: a draft, then under review, then one version of the item.

    `content` has the shape that content.py reads. `revision` grows with every save: who saves says which one they knew,
    so that two open tabs never overwrite each other in silence.
    """

    code = models.CharField(max_length=24, unique=True)
    kind = models.CharField(max_length=12, choices=SubmissionKind)
    state = models.CharField(max_length=20, choices=SubmissionState, default=SubmissionState.DRAFT)
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    need = models.ForeignKey("catalogue.Need", null=True, on_delete=models.PROTECT, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", null=True, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(null=True)  # given at acceptance: 1, 2, … of this item
    content = models.JSONField(default=dict, blank=True)
    revision = models.PositiveIntegerField(default=1)
    step = models.PositiveSmallIntegerField(default=1)  # of the form: where the author left off
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.FORM)
    external_id = models.CharField(max_length=80, blank=True)
    skipped = models.CharField(max_length=12, choices=SkipReason, blank=True)
    reviewer = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    # Ids of everybody who wrote or handed in this text: none of them reviews it.
    writers = ArrayField(models.BigIntegerField(), default=list, blank=True, db_default=Value("{}"))
    approved_content = models.JSONField(null=True)  # what the organisation agreed to
    returned_content = models.JSONField(null=True)  # what a reviewer sent back
    created_at = models.DateTimeField(db_default=Now())
    saved_at = models.DateTimeField(db_default=Now())
    submitted_at = models.DateTimeField(null=True)
    due_on = models.DateField(null=True)  # the date promised for an answer
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "state", "-saved_at"], name="submission_by_organisation"),
            models.Index(fields=["state", "submitted_at"], name="submission_queue"),
            models.Index(fields=["state", "due_on", "submitted_at", "id"], name="submission_by_promise"),
            models.Index(fields=["-saved_at", "-id"], name="submission_by_saving"),
            models.Index(fields=["author", "state", "-saved_at"], name="submission_by_author"),
            models.Index(fields=["need"], name="submission_by_need"),
            models.Index(fields=["achievement"], name="submission_by_achievement"),
        ]
        constraints = [
            models.CheckConstraint(name="submission_kind_is_known", condition=Q(kind__in=SubmissionKind.values)),
            models.CheckConstraint(name="submission_state_is_known", condition=Q(state__in=SubmissionState.values)),
            models.CheckConstraint(
                name="submission_is_about_its_kind",
                condition=(Q(kind=SubmissionKind.NEED, achievement=None))
                | Q(kind=SubmissionKind.ACHIEVEMENT, need=None),
            ),
            models.CheckConstraint(
                name="accepted_submission_has_an_item",
                condition=~Q(state=SubmissionState.ACCEPTED)
                | (Q(version__isnull=False) & (Q(need__isnull=False) | Q(achievement__isnull=False))),
            ),
            models.UniqueConstraint(
                name="one_submission_per_version",
                fields=["need", "achievement", "version"],
                condition=Q(version__isnull=False),
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                name="one_open_submission_per_external_id",
                fields=["organisation", "kind", "external_id"],
                condition=~Q(external_id="")
                & ~Q(state__in=[SubmissionState.ACCEPTED, SubmissionState.DECLINED, SubmissionState.DISCARDED]),
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def item(self) -> models.Model | None:
        """The item that this changes or became; None while it is a first draft."""
        return self.need or self.achievement


class ReviewNote(models.Model):
    """One line of a review's record: claimed, promised, asked, answered, approved, returned, declined, skipped."""

    number = DrawnNumber()
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="notes")
    step = models.CharField(max_length=12, choices=ReviewStep)
    kind = models.CharField(max_length=10, choices=NoteKind)
    person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    field = models.CharField(max_length=80, blank=True)  # the part of the content that it is about
    text = models.TextField(blank=True)
    due_on = models.DateField(null=True)
    revision = models.PositiveIntegerField(null=True)  # of the content that was looked at
    reason = models.CharField(max_length=16, blank=True, db_default="")  # of a refusal (DeclineReason) or a skip
    question = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, related_name="answers", db_constraint=False, db_index=False
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(name="note_step_is_known", condition=Q(step__in=ReviewStep.values)),
            models.CheckConstraint(name="note_kind_is_known", condition=Q(kind__in=NoteKind.values)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.submission_id}"


class ReviewWaiver(models.Model):
    """An organisation's declaration that its people's submissions go to the platform without a step of its own."""

    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    declared_by = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=300)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_waiver_at_a_time", fields=["organisation"], condition=Q(ended_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"waiver of {self.organisation_id}"


class Complaint(models.Model):
    """投诉 about a public item. Who complained is known to operators only."""

    code = models.CharField(max_length=24, unique=True)
    need = models.ForeignKey("catalogue.Need", null=True, on_delete=models.PROTECT, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=12, choices=ComplaintState, default=ComplaintState.OPEN)
    reason = models.CharField(max_length=16, choices=ComplaintReason)
    text = models.TextField()
    complainant = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    file = models.ForeignKey("kernel.StoredFile", null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    due_on = models.DateField(null=True)
    handler = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    answer = models.TextField(blank=True)  # to who complained
    owner_answer = models.TextField(blank=True, db_default="")  # to the owner of the item
    owner_view = models.TextField(blank=True, db_default="")  # what the owner says to it
    owner_view_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "made_at"], name="complaint_queue"),
            models.Index(
                fields=["due_on", "made_at", "id"],
                name="complaint_by_promise",
                condition=Q(state__in=["open", "in_review"]),
            ),
            models.Index(fields=["complainant", "-made_at"], name="complaint_by_complainant"),
            models.Index(fields=["need"], name="complaint_by_need"),
            models.Index(fields=["achievement"], name="complaint_by_achievement"),
        ]
        constraints = [
            models.CheckConstraint(name="complaint_state_is_known", condition=Q(state__in=ComplaintState.values)),
            models.CheckConstraint(name="complaint_reason_is_known", condition=Q(reason__in=ComplaintReason.values)),
            models.CheckConstraint(
                name="complaint_is_about_one_item",
                condition=Q(need__isnull=False, achievement=None) | Q(need=None, achievement__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_open_complaint_per_need",
                fields=["complainant", "need"],
                condition=Q(state__in=["open", "in_review"], need__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_open_complaint_per_achievement",
                fields=["complainant", "achievement"],
                condition=Q(state__in=["open", "in_review"], achievement__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def item(self) -> Any:
        """What it is about: a need or an achievement."""
        return self.need or self.achievement

    @property
    def owner_id(self) -> int:
        """The organisation that the item belongs to."""
        return int(self.need.publisher_id if self.need else self.achievement.owner_id)  # type: ignore[union-attr]


class Source(models.Model):
    """原稿: a text or file that a draft is made from, or a draft that is to be translated. A job works on it.

    `text` is what was pasted or read; passages are places in it. It goes with the draft, or after some weeks.
    """

    code = models.CharField(max_length=24, unique=True)
    purpose = models.CharField(max_length=12, choices=SourcePurpose)
    kind = models.CharField(max_length=12, choices=SubmissionKind)
    state = models.CharField(max_length=8, choices=SourceState, default=SourceState.WAITING)
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    asks_model = models.BooleanField()  # the author wants the model, if the organisation agreed
    media_type = models.CharField(max_length=120, blank=True)
    file = models.ForeignKey("kernel.StoredFile", null=True, on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=255, blank=True)
    text = models.TextField(blank=True)
    language = models.CharField(max_length=2, blank=True)  # to translate into
    submission = models.ForeignKey(Submission, null=True, on_delete=models.CASCADE, related_name="sources")
    model = models.CharField(max_length=120, blank=True)  # that wrote some of it
    problem = models.CharField(max_length=40, blank=True)  # a kind, told in the reader's language
    made_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["author", "-made_at"], name="source_by_author"),
            models.Index(fields=["made_at"], name="source_by_age"),
        ]
        constraints = [
            models.CheckConstraint(name="source_purpose_is_known", condition=Q(purpose__in=SourcePurpose.values)),
            models.CheckConstraint(name="source_state_is_known", condition=Q(state__in=SourceState.values)),
            models.CheckConstraint(
                name="source_of_a_translation_has_a_draft",
                condition=~Q(purpose=SourcePurpose.TRANSLATION) | Q(submission__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Suggestion(models.Model):
    """待核对: a value in a draft that no person wrote. It cannot be handed in until a person has answered for it."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="suggestions")
    source = models.ForeignKey(Source, null=True, on_delete=models.SET_NULL, related_name="+")
    field = models.CharField(max_length=80)
    value = models.JSONField()
    by = models.CharField(max_length=12, choices=Writer)
    model = models.CharField(max_length=120, blank=True)
    passage = models.TextField(blank=True)
    answer = models.CharField(max_length=10, choices=SuggestionAnswer, blank=True, db_default="")
    answered_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["submission"], condition=Q(answer=""), name="open_suggestion_by_draft"),
        ]
        constraints = [
            models.CheckConstraint(name="suggestion_writer_is_known", condition=Q(by__in=Writer.values)),
            models.CheckConstraint(
                name="suggestion_answer_is_known", condition=Q(answer__in=["", *SuggestionAnswer.values])
            ),
            models.CheckConstraint(
                name="answered_suggestion_says_when",
                condition=Q(answer="", answered_at__isnull=True) | (~Q(answer="") & Q(answered_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field} of {self.submission_id}"
