"""Tables of the engagement context. Only workflow.py writes `state`."""

from __future__ import annotations

from functools import cached_property

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from keqiao.engagement.types import (
    BROKER,
    OPEN,
    BrokerState,
    ContactState,
    DeclineReason,
    MessageKind,
    Side,
    UnsuitableReason,
)
from keqiao.kernel.codes import DrawnKey

PLACES = [*Side.values, BROKER]


class Contact(models.Model):
    """对接: one organisation asks another about a need, an achievement, or a pair of them.

    `masked`: the need's side is not named to anybody else, until it reveals itself (`revealed_at`).
    """

    code = models.CharField(max_length=24, unique=True)
    need = models.ForeignKey("catalogue.Need", null=True, on_delete=models.PROTECT, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", null=True, on_delete=models.PROTECT, related_name="+")
    from_side = models.CharField(max_length=12, choices=Side)
    from_organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    from_person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    to_organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    to_person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=12, choices=ContactState, default=ContactState.SENT)
    masked = models.BooleanField(default=False)
    revealed_at = models.DateTimeField(null=True)
    key = models.CharField(max_length=64)  # of the sender's form: the same one is sent once
    sent_at = models.DateTimeField(db_default=Now())
    due_on = models.DateField()  # the date by which an answer is promised
    due_is_provisional = models.BooleanField(db_default=False)
    answered_at = models.DateTimeField(null=True)  # the first answer or refusal
    ended_at = models.DateTimeField(null=True)
    decline_reason = models.CharField(max_length=16, choices=DeclineReason, blank=True)
    last_at = models.DateTimeField(db_default=Now())  # of the newest message or step
    last_side = models.CharField(max_length=12)  # who made it: while open, it is the other side's turn

    class Meta:
        indexes = [
            models.Index(fields=["from_organisation", "-last_at"], name="contact_by_sender"),
            models.Index(fields=["to_organisation", "-last_at"], name="contact_by_receiver"),
            models.Index(fields=["state", "due_on"], name="contact_by_due_date"),
            models.Index(fields=["achievement"], name="contact_by_achievement"),
        ]
        constraints = [
            models.CheckConstraint(name="contact_state_is_known", condition=Q(state__in=ContactState.values)),
            models.CheckConstraint(name="contact_side_is_known", condition=Q(from_side__in=Side.values)),
            models.CheckConstraint(
                name="contact_is_about_something", condition=Q(need__isnull=False) | Q(achievement__isnull=False)
            ),
            models.CheckConstraint(
                name="contact_names_what_is_asked_for",
                condition=Q(from_side=Side.NEED, achievement__isnull=False)
                | Q(from_side=Side.ACHIEVEMENT, need__isnull=False),
            ),
            models.CheckConstraint(name="contact_is_between_two", condition=~Q(from_organisation=F("to_organisation"))),
            models.CheckConstraint(
                name="contact_reason_is_known",
                condition=Q(decline_reason="") | Q(decline_reason__in=DeclineReason.values),
            ),
            models.CheckConstraint(
                name="declined_contact_has_a_reason",
                condition=~Q(state=ContactState.DECLINED) | ~Q(decline_reason=""),
            ),
            models.CheckConstraint(name="contact_last_side_is_known", condition=Q(last_side__in=PLACES)),
            models.UniqueConstraint(name="contact_sent_once", fields=["from_person", "key"]),
            models.UniqueConstraint(
                name="one_open_contact_per_pair",
                fields=["from_organisation", "need", "achievement", "to_organisation"],
                condition=Q(state__in=OPEN),
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def to_side(self) -> str:
        return Side.ACHIEVEMENT if self.from_side == Side.NEED else Side.NEED

    @property
    def is_masked(self) -> bool:
        """The need's side is not to be named to others now."""
        return self.masked and self.revealed_at is None

    def organisation_id_of(self, side: str) -> int:
        return self.from_organisation_id if side == self.from_side else self.to_organisation_id

    @cached_property
    def people(self) -> list[Participant]:
        """Who may read the thread now; ready when `participants` is prefetched."""
        return [row for row in self.participants.all() if row.left_at is None]


class Participant(models.Model):
    """A person who is in the thread, on a side or as its broker. `last_read` is the newest message they have seen."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="participants")
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    place = models.CharField(max_length=12)
    joined_at = models.DateTimeField(db_default=Now())
    left_at = models.DateTimeField(null=True)
    last_read = models.PositiveIntegerField(db_default=0)  # number of a message

    class Meta:
        indexes = [models.Index(fields=["person", "contact"], name="participant_by_person")]
        constraints = [
            models.UniqueConstraint(name="in_a_thread_once", fields=["contact", "person"]),
            models.CheckConstraint(name="participant_place_is_known", condition=Q(place__in=PLACES)),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.contact_id}"


class Message(models.Model):
    """One message of a thread, numbered from 1. An erased person's text is gone; the message stays."""

    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="messages")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=MessageKind)
    place = models.CharField(max_length=12)
    author = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    text = models.TextField(blank=True)
    key = models.CharField(max_length=64)
    sent_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["author"], name="message_by_author")]
        constraints = [
            models.UniqueConstraint(name="one_message_per_number", fields=["contact", "number"]),
            models.UniqueConstraint(name="message_sent_once", fields=["contact", "author", "key"]),
            models.CheckConstraint(name="message_kind_is_known", condition=Q(kind__in=MessageKind.values)),
            models.CheckConstraint(name="message_place_is_known", condition=Q(place__in=PLACES)),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} #{self.number}"


class MessageFile(models.Model):
    """A file sent with a message. Others see `neutral_name` while the sender's side is masked."""

    id = DrawnKey()
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="files")
    file = models.ForeignKey("kernel.StoredFile", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    neutral_name = models.CharField(max_length=60)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(name="one_file_per_place", fields=["message", "position"])]

    def __str__(self) -> str:
        return self.neutral_name


class BrokerRequest(models.Model):
    """A technology manager is asked in: nobody reads anything before both sides agreed.

    Without a broker, the platform assigns one after both sides agreed.
    """

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="broker_requests")
    broker = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    broker_organisation = models.ForeignKey(
        "parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_side = models.CharField(max_length=12, choices=Side)  # the side that asked, and so agrees
    state = models.CharField(max_length=8, choices=BrokerState, default=BrokerState.ASKED)
    asked_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "asked_at"], name="broker_request_queue")]
        constraints = [
            models.CheckConstraint(name="broker_request_state_is_known", condition=Q(state__in=BrokerState.values)),
            models.CheckConstraint(name="broker_request_side_is_known", condition=Q(asked_side__in=Side.values)),
            models.CheckConstraint(
                name="joined_broker_is_somebody",
                condition=~Q(state=BrokerState.JOINED) | Q(broker__isnull=False, broker_organisation__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_broker_request_at_a_time", fields=["contact"], condition=~Q(state=BrokerState.REFUSED)
            ),
        ]

    def __str__(self) -> str:
        return f"broker for {self.contact_id}: {self.state}"


class MatchFeedback(models.Model):
    """What one side of a pair made of the match: where it stood in the list, and what came of it."""

    need = models.ForeignKey("catalogue.Need", on_delete=models.CASCADE, related_name="+")
    achievement = models.ForeignKey("catalogue.Achievement", on_delete=models.CASCADE, related_name="+")
    side = models.CharField(max_length=12, choices=Side)
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    shown_position = models.PositiveSmallIntegerField(null=True)  # in the side's list when first acted upon, from 1
    score = models.PositiveSmallIntegerField(null=True)
    version = models.CharField(max_length=80, blank=True)  # what computed the score
    is_suitable = models.BooleanField(null=True)  # None: nobody said
    reason = models.CharField(max_length=12, choices=UnsuitableReason, blank=True)
    note = models.CharField(max_length=300, blank=True)
    marked_at = models.DateTimeField(null=True)
    contacted_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "is_suitable", "-marked_at"], name="feedback_by_organisation"),
            models.Index(fields=["achievement", "side", "is_suitable"], name="feedback_by_achievement"),
            models.Index(
                fields=["organisation", "need", "achievement"], condition=Q(is_suitable=False), name="feedback_refused"
            ),
        ]
        constraints = [
            models.UniqueConstraint(name="one_feedback_per_side", fields=["need", "achievement", "side"]),
            models.CheckConstraint(name="feedback_side_is_known", condition=Q(side__in=Side.values)),
            models.CheckConstraint(
                name="feedback_reason_is_known", condition=Q(reason="") | Q(reason__in=UnsuitableReason.values)
            ),
            models.CheckConstraint(
                name="feedback_mark_has_a_time", condition=Q(is_suitable=None) | Q(marked_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.need_id} × {self.achievement_id} ({self.side})"


class SavedSearch(models.Model):
    """A search that a person keeps, and hears of new results of."""

    id = DrawnKey()
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2500)  # of /search, in its canonical form
    digest = models.CharField(max_length=64)  # of the query: one search is kept once
    wants_alerts = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    checked_at = models.DateTimeField(db_default=Now())
    told = ArrayField(models.CharField(max_length=24), default=list, blank=True)  # codes already told of, newest last
    new_count = models.PositiveIntegerField(db_default=0)  # since it was last opened

    class Meta:
        indexes = [
            models.Index(fields=["person", "-created_at"], name="saved_search_by_person"),
            models.Index(fields=["wants_alerts", "checked_at"], name="saved_search_by_check"),
        ]
        constraints = [models.UniqueConstraint(name="one_saved_search_per_query", fields=["person", "digest"])]

    def __str__(self) -> str:
        return self.name


class Task(models.Model):
    """Something a person wants to do by a day, perhaps about a contact. Only they see it."""

    id = DrawnKey()
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=200)
    due_on = models.DateField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["person", "done_at", "due_on"], name="task_by_person")]

    def __str__(self) -> str:
        return self.text


class Visit(models.Model):
    """When a person was last at the workbench, and up to which match they had seen then."""

    person = models.OneToOneField("parties.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    previous_at = models.DateTimeField(null=True)
    match_seen = models.BigIntegerField(default=0)  # newest match at the visit before this one
    match_newest = models.BigIntegerField(default=0)  # newest match at this visit

    def __str__(self) -> str:
        return f"{self.person_id} at {self.at}"
