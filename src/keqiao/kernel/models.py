"""Tables of the kernel: what happened, its seals, parameters, working days, files, notices, the site itself."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.codes import DrawnKey

NEVER_CHANGED = (
    "RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';"
)


def never(operations: pgtrigger.Operation, name: str) -> pgtrigger.Trigger:
    """Refuse the operations; TRUNCATE passes only with the setting that test sessions give through PGOPTIONS."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Row,
        when=pgtrigger.Before,
        operation=operations,
        func=NEVER_CHANGED,
    )


def never_truncate(name: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=(
            "IF current_setting('keqiao.allow_truncate', true) = 'on' THEN RETURN NULL; END IF; "
            "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';"
        ),
    )


class Event(models.Model):
    """Something that happened: audit trail, outbox and activity feed in one table. Ids, never personal data."""

    name = models.CharField(max_length=80)
    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)  # a person's id; null when the system acted
    subject = models.CharField(max_length=80)  # "catalogue.need:12"
    is_public = models.BooleanField(db_default=False)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "id"], name="event_by_subject"),
            models.Index(fields=["name", "id"], name="event_by_name"),
            # Of the few that name a merge, the moved rows: looked up when the merge is undone.
            models.Index(
                KeyTransform("merge_id", "data"), name="event_by_merge", condition=Q(data__has_key="merge_id")
            ),
        ]
        triggers = [never(pgtrigger.Update | pgtrigger.Delete, "event_is_final"), never_truncate("event_no_truncate")]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}"


class Seal(models.Model):
    """One link of the hash chain: seals one event. The order is that of sealing, since ids commit out of order."""

    number = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="seal")
    digest = models.BinaryField(max_length=32)  # sha256 over the previous digest and the event's canonical form
    sealed_at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = [never(pgtrigger.Update | pgtrigger.Delete, "seal_is_final"), never_truncate("seal_no_truncate")]

    def __str__(self) -> str:
        return f"#{self.number} {self.event_id}"


class Parameter(models.Model):
    """A number, list or formula that law or policy sets, valid from one day to another, with its source."""

    key = models.CharField(max_length=80)
    jurisdiction = models.CharField(max_length=20)
    value = models.JSONField()
    unit = models.CharField(max_length=40, blank=True)
    first_on = models.DateField()
    last_on = models.DateField(null=True)
    pack = models.CharField(max_length=80)
    instrument = models.CharField(max_length=300)
    article = models.CharField(max_length=120, blank=True)
    source = models.CharField(max_length=500)
    rule_id = models.CharField(max_length=20, blank=True)  # RULES register, for example R-109
    is_confirmed = models.BooleanField()
    note_zh = models.TextField(blank=True)
    note_en = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["key", "jurisdiction", "first_on"], name="parameter_by_key")]
        constraints = [
            models.UniqueConstraint(name="one_parameter_per_day", fields=["key", "jurisdiction", "pack", "first_on"]),
            models.CheckConstraint(
                name="parameter_ends_after_it_begins", condition=Q(last_on=None) | Q(last_on__gte=F("first_on"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}@{self.jurisdiction} {self.first_on}"


class DayOff(models.Model):
    """A day that an announcement makes a holiday or a working day, for a jurisdiction."""

    day = models.DateField()
    jurisdiction = models.CharField(max_length=20)
    is_working = models.BooleanField()
    name_zh = models.CharField(max_length=80, blank=True)
    source = models.CharField(max_length=300)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_arrangement_per_day", fields=["jurisdiction", "day"])]

    def __str__(self) -> str:
        return f"{self.day} {'working' if self.is_working else 'off'}"


class StoredFile(models.Model):
    """A file kept under its sha256 in the data folder; who may open it is the owner context's business."""

    id = DrawnKey()
    digest = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=120)
    size = models.BigIntegerField()
    stored_at = models.DateTimeField(db_default=Now())
    stored_by_id = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["digest"], name="file_by_digest")]
        constraints = [models.CheckConstraint(name="file_size_is_not_negative", condition=Q(size__gte=0))]

    def __str__(self) -> str:
        return f"{self.name} ({self.size} bytes)"


class Notice(models.Model):
    """A message to one person, shown in the app and, by setting, sent by e-mail."""

    id = DrawnKey()
    person_id = models.BigIntegerField()
    kind = models.CharField(max_length=80)
    key = models.CharField(max_length=160)  # the same cause is told once
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200)
    link = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["person_id", "-created_at"], name="notice_by_person"),
            models.Index(fields=["person_id"], name="notice_unread", condition=Q(read_at=None)),
        ]
        constraints = [models.UniqueConstraint(name="told_once", fields=["person_id", "key"])]

    def __str__(self) -> str:
        return f"{self.kind} to {self.person_id}"


class SiteSettings(models.Model):
    """What makes this site this city's: one row, changed by administrators on a page. Empty means the environment's."""

    name_zh = models.CharField(max_length=60, default="科桥")
    name_en = models.CharField(max_length=60, default="Keqiao")
    logo = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="+")
    icp_line = models.CharField(max_length=120, blank=True)
    contact_email = models.EmailField(blank=True)
    jurisdiction = models.CharField(max_length=20, blank=True)
    time_zone = models.CharField(max_length=60, blank=True)
    languages = models.JSONField(default=list, blank=True)  # of zh-hans, en; empty means both
    region_root = models.CharField(max_length=12, blank=True)  # code of the city in the region table
    more = models.JSONField(default=dict, blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(name="one_row_of_site_settings", condition=Q(id=1))]

    def __str__(self) -> str:
        return self.name_zh


class NoticePreference(models.Model):
    """How one person wants to hear of one kind of notice; a kind without a row takes the default."""

    person_id = models.BigIntegerField()
    kind = models.CharField(max_length=80)
    email = models.CharField(max_length=10)  # at_once, daily, never
    uses_channels = models.BooleanField(db_default=True)  # also to the person's webhooks

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_preference_per_kind", fields=["person_id", "kind"]),
            models.CheckConstraint(
                name="preference_email_is_known", condition=Q(email__in=["at_once", "daily", "never"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.email}"


class NoticeChannel(models.Model):
    """A webhook that one person's notices are posted to, in the format of a messenger."""

    person_id = models.BigIntegerField()
    format = models.CharField(max_length=12)  # wecom, dingtalk, feishu
    url = models.CharField(max_length=500)  # carries a key: never shown whole, never logged
    secret = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(db_default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["person_id"], name="channel_by_person")]
        constraints = [
            models.CheckConstraint(
                name="channel_format_is_known", condition=Q(format__in=["wecom", "dingtalk", "feishu"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.format} of {self.person_id}"


class NoticeDelivery(models.Model):
    """One notice on its way to one channel: sent once, tried again when the messenger is away."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(NoticeChannel, on_delete=models.CASCADE, related_name="deliveries")
    attempts = models.PositiveSmallIntegerField(db_default=0)
    sent_at = models.DateTimeField(null=True)
    last_problem = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_delivery_per_channel", fields=["notice", "channel"])]

    def __str__(self) -> str:
        return f"{self.notice_id} to {self.channel_id}"


class NoticeAudience(models.TextChoices):
    UNIT = "unit", _("在本单位公示")
    PUBLIC = "public", _("向社会公示")


class PublicNoticeState(models.TextChoices):
    OPEN = "open", _("公示中")
    PASSED = "passed", _("公示期满")
    STOPPED = "stopped", _("异议成立，已终止")
    WITHDRAWN = "withdrawn", _("已撤回")


class ObjectionOutcome(models.TextChoices):
    UPHELD = "upheld", _("异议成立")
    DISMISSED = "dismissed", _("异议不成立")


class PublicNotice(models.Model):
    """公示: what the law has shown for a time, so that others may object. Only public_notices.py writes `state`.

    `facts` and `people` hold what the law requires and no more; people are ids, whose names are read when it is shown.
    """

    code = models.CharField(max_length=24, unique=True)
    kind = models.CharField(max_length=80)  # "deals.reward"
    subject = models.CharField(max_length=80)  # "deals.distribution:12"
    audience = models.CharField(max_length=8, choices=NoticeAudience)
    organisation_ids = ArrayField(models.BigIntegerField())  # who shows it
    title_zh = models.CharField(max_length=300)
    title_en = models.CharField(max_length=300, blank=True)
    facts = models.JSONField(default=list)  # [[key, value], …] of the kind
    people = models.JSONField(default=list)  # [{"person": id, "share_bp": 5000, "minor": 100, "currency": "CNY"}, …]
    rule_key = models.CharField(max_length=80)
    rule_text = models.CharField(max_length=400)  # instrument and article, as they stood when it was opened
    days = models.PositiveSmallIntegerField()
    in_working_days = models.BooleanField()
    is_provisional = models.BooleanField()  # a working day on the way is not announced yet
    opened_at = models.DateTimeField()
    closes_at = models.DateTimeField()  # the end of the last day
    state = models.CharField(max_length=12, choices=PublicNoticeState, default=PublicNoticeState.OPEN)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "closes_at", "id"], name="public_notice_by_close"),
            models.Index(fields=["-opened_at", "-id"], name="public_notice_by_opening"),
            models.Index(fields=["subject", "-id"], name="public_notice_by_subject"),
            GinIndex(fields=["organisation_ids"], name="public_notice_by_unit"),
        ]
        constraints = [
            models.CheckConstraint(
                name="public_notice_state_is_known", condition=Q(state__in=PublicNoticeState.values)
            ),
            models.CheckConstraint(
                name="public_notice_audience_is_known", condition=Q(audience__in=NoticeAudience.values)
            ),
            models.CheckConstraint(
                name="public_notice_closes_after_it_opens", condition=Q(closes_at__gt=F("opened_at"))
            ),
            models.UniqueConstraint(
                name="one_open_public_notice_per_subject",
                fields=["kind", "subject"],
                condition=Q(state=PublicNoticeState.OPEN),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Objection(models.Model):
    """异议: what somebody says against a public notice while it is open, and the answer."""

    code = models.CharField(max_length=24, unique=True)
    notice = models.ForeignKey(PublicNotice, on_delete=models.PROTECT, related_name="objections")
    person_id = models.BigIntegerField()
    text = models.TextField()
    made_at = models.DateTimeField()
    due_on = models.DateField()  # the day promised for the answer
    answer = models.TextField(blank=True)
    outcome = models.CharField(max_length=12, choices=ObjectionOutcome, blank=True)
    answered_at = models.DateTimeField(null=True)
    answered_by_id = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["person_id", "-id"], name="objection_by_person")]
        constraints = [
            models.CheckConstraint(
                name="objection_outcome_is_known", condition=Q(outcome__in=["", *ObjectionOutcome.values])
            ),
            models.CheckConstraint(
                name="objection_is_answered_whole",
                condition=Q(outcome="", answered_at=None, answer="") | (~Q(outcome="") & Q(answered_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Progress(models.Model):
    """How far a long piece of work is; of each name the last time only."""

    name = models.CharField(max_length=60, unique=True)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(null=True)  # unknown
    outcome = models.CharField(max_length=12)
    began_at = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="progress_outcome_is_known", condition=Q(outcome__in=["running", "done", "failed"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.done}/{self.total}"
