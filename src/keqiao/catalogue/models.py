"""Tables of the catalogue. Only workflow.py writes `state`."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from keqiao.catalogue.types import (
    AssetKind,
    AssetStatus,
    AttachmentLevel,
    BudgetShown,
    Choice,
    Comparator,
    Evidence,
    ItemState,
    Mode,
    Origin,
    Ownership,
    PriceKind,
    Shown,
)
from keqiao.kernel.codes import DrawnKey
from keqiao.kernel.models import never

LANGUAGES = [("zh", "中文"), ("en", "English")]


def codes(max_length: int = 24) -> ArrayField:
    return ArrayField(models.CharField(max_length=max_length), default=list, blank=True)


class Code(models.Model):
    """One entry of a public code table (IPC, GB/T 4754 …) or of the site's own (fields, regions)."""

    scheme = models.CharField(max_length=20)
    edition = models.CharField(max_length=20)
    code = models.CharField(max_length=24)
    parent = models.CharField(max_length=24, blank=True)
    level = models.CharField(max_length=20)
    title_zh = models.CharField(max_length=500, blank=True)
    title_en = models.CharField(max_length=500, blank=True)
    remark = models.CharField(max_length=500, blank=True)
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["scheme", "position"]
        indexes = [models.Index(fields=["scheme", "parent", "position"], name="code_by_parent")]
        constraints = [models.UniqueConstraint(name="one_entry_per_code", fields=["scheme", "edition", "code"])]

    def __str__(self) -> str:
        return f"{self.scheme} {self.code}"


class IPAsset(models.Model):
    """A patent, software copyright, plant variety right, layout design or technical secret."""

    kind = models.CharField(max_length=20, choices=AssetKind)
    number = models.CharField(max_length=40, blank=True)  # normalised application number; empty for secrets
    title_zh = models.CharField(max_length=300, blank=True)
    title_en = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=20, choices=AssetStatus)
    owner = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    filed_on = models.DateField(null=True)
    expires_on = models.DateField(null=True)
    is_fictional = models.BooleanField(db_default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_asset_per_number", fields=["kind", "number"], condition=~Q(number="")),
            models.CheckConstraint(name="asset_kind_is_known", condition=Q(kind__in=AssetKind.values)),
            models.CheckConstraint(name="asset_status_is_known", condition=Q(status__in=AssetStatus.values)),
            models.CheckConstraint(
                name="asset_expires_after_filing",
                condition=Q(filed_on=None) | Q(expires_on=None) | Q(expires_on__gt=F("filed_on")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class Item(models.Model):
    """What an achievement and a need have in common: one abstract base, since every field below is truly shared."""

    code = models.CharField(max_length=24, unique=True)
    state = models.CharField(max_length=12, choices=ItemState, default=ItemState.DRAFT)
    field = models.CharField(max_length=20, blank=True)  # of the site's industry list
    ipc = codes()
    industry = codes()
    discipline = codes()
    keywords_zh = codes(60)
    keywords_en = codes(60)
    modes = codes()
    region = models.CharField(max_length=12, blank=True)
    price_kind = models.CharField(max_length=12, choices=PriceKind, default=PriceKind.UNKNOWN)
    price_low = models.BigIntegerField(null=True)  # minor units of `currency`
    price_high = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, default="CNY")
    is_fictional = models.BooleanField(db_default=False)
    source = models.JSONField(default=dict, blank=True)  # name, url, licence, licence_url, attribution, item_id
    passages = models.JSONField(default=dict, blank=True)  # field → the passage of the text that states it
    external_id = models.CharField(max_length=80, blank=True)
    published_at = models.DateTimeField(null=True)
    expires_on = models.DateField(null=True)  # the last day in public view; renewed or taken down after it
    updated_at = models.DateTimeField(db_default=Now())
    revision = models.PositiveBigIntegerField(default=1)  # grows with every change; the index keeps the newest

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.code


def price_is_whole(name: str) -> models.CheckConstraint:
    """An amount has both ends; anything else has none."""
    return models.CheckConstraint(
        name=f"{name}_price_is_whole",
        condition=(
            Q(
                price_kind=PriceKind.AMOUNT,
                price_low__isnull=False,  # a comparison with NULL would pass the check
                price_high__isnull=False,
                price_low__gte=0,
                price_high__gte=F("price_low"),
            )
        )
        | (Q(price_low=None, price_high=None) & Q(price_kind__in=[PriceKind.NEGOTIABLE, PriceKind.UNKNOWN])),
    )


def item_constraints(name: str, owner: str) -> list[models.BaseConstraint]:
    return [
        models.CheckConstraint(name=f"{name}_state_is_known", condition=Q(state__in=ItemState.values)),
        models.CheckConstraint(name=f"{name}_modes_are_known", condition=Q(modes__contained_by=Mode.values)),
        price_is_whole(name),
        models.CheckConstraint(
            name=f"{name}_published_has_a_date", condition=~Q(state=ItemState.PUBLISHED) | Q(published_at__isnull=False)
        ),
        models.UniqueConstraint(
            name=f"one_{name}_per_owner_and_external_id", fields=[owner, "external_id"], condition=~Q(external_id="")
        ),
    ]


def item_indexes(name: str) -> list[models.Index]:
    return [
        models.Index(fields=["state", "-published_at", "-id"], name=f"{name}_newest"),
        models.Index(fields=["field", "state", "-published_at"], name=f"{name}_by_field"),
        models.Index(fields=["region", "state", "-published_at"], name=f"{name}_by_region"),
        models.Index(fields=["state", "expires_on"], name=f"{name}_by_expiry"),
    ]


class Achievement(Item):
    """成果: something that can be transferred."""

    owner = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    unit_zh = models.CharField(max_length=120, blank=True)
    unit_en = models.CharField(max_length=120, blank=True)
    trl = models.PositiveSmallIntegerField(null=True)
    trl_evidence_zh = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    trl_evidence_en = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    ownership = models.CharField(max_length=12, choices=Ownership, default=Ownership.UNKNOWN)
    price_for = models.CharField(max_length=24, blank=True)  # the mode that the asking price is for
    disclosed_on = models.DateField(null=True)
    assets = models.ManyToManyField(IPAsset, related_name="achievements", blank=True)

    class Meta:
        indexes = [
            *item_indexes("achievement"),
            models.Index(fields=["owner", "state", "-published_at"], include=["id"], name="achievement_of_owner"),
            models.Index(
                "state",
                F("trl").desc(nulls_last=True),
                F("published_at").desc(),
                F("id").desc(),
                name="achievement_by_maturity",
            ),
        ]
        constraints = [
            *item_constraints("achievement", "owner"),
            models.CheckConstraint(name="achievement_trl_1_to_9", condition=Q(trl=None) | Q(trl__range=(1, 9))),
            models.CheckConstraint(name="achievement_ownership_is_known", condition=Q(ownership__in=Ownership.values)),
        ]


class Need(Item):
    """需求: what an enterprise wants solved. Who sees the publisher is decided in selectors.py."""

    publisher = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    publisher_shown = models.CharField(max_length=12, choices=Shown, default=Shown.SHOWN)
    kind = models.CharField(max_length=24, default="company")  # company, agency_topic, open_call, derived_problem
    trl_min = models.PositiveSmallIntegerField(null=True)
    deadline = models.DateField(null=True)
    region_wish = models.CharField(max_length=12, default="any")  # local, any

    class Meta:
        indexes = [
            *item_indexes("need"),
            models.Index(fields=["publisher", "state", "-published_at"], include=["id"], name="need_of_publisher"),
        ]
        constraints = [
            *item_constraints("need", "publisher"),
            models.CheckConstraint(name="need_trl_1_to_9", condition=Q(trl_min=None) | Q(trl_min__range=(1, 9))),
            models.CheckConstraint(name="need_publisher_shown_is_known", condition=Q(publisher_shown__in=Shown.values)),
            models.CheckConstraint(name="need_region_wish_is_known", condition=Q(region_wish__in=["local", "any"])),
        ]


class PrivateBudget(models.Model):
    """A budget that its need does not show to everybody.

    The need's own price columns say "unknown" meanwhile: lists, filters, facets, the index and matching read those
    and so cannot tell it from a need without a budget. Who reads this table is decided in selectors.py.
    """

    need = models.OneToOneField(Need, on_delete=models.CASCADE, related_name="private_budget")
    shown = models.CharField(max_length=12, choices=BudgetShown)
    price_kind = models.CharField(max_length=12, choices=PriceKind)
    price_low = models.BigIntegerField(null=True)  # minor units of `currency`
    price_high = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, default="CNY")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="private_budget_is_not_for_all", condition=Q(shown__in=[BudgetShown.MATCHED, BudgetShown.HIDDEN])
            ),
            price_is_whole("private_budget"),
        ]

    def __str__(self) -> str:
        return f"budget of {self.need_id}"


class AchievementText(models.Model):
    """An achievement in one language."""

    achievement = models.ForeignKey(Achievement, on_delete=models.CASCADE, related_name="texts")
    lang = models.CharField(max_length=2, choices=LANGUAGES)
    origin = models.CharField(max_length=12, choices=Origin, default=Origin.AUTHOR)
    title = models.CharField(max_length=300)
    problem = models.TextField(blank=True)
    how = models.TextField(blank=True)
    stage = models.TextField(blank=True)
    summary = models.TextField()
    incumbent = models.TextField(blank=True)
    advantage = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_achievement_text_per_language", fields=["achievement", "lang"]),
            models.CheckConstraint(name="achievement_text_origin_is_known", condition=Q(origin__in=Origin.values)),
        ]

    def __str__(self) -> str:
        return self.title


class NeedText(models.Model):
    """A need in one language."""

    need = models.ForeignKey(Need, on_delete=models.CASCADE, related_name="texts")
    lang = models.CharField(max_length=2, choices=LANGUAGES)
    origin = models.CharField(max_length=12, choices=Origin, default=Origin.AUTHOR)
    title = models.CharField(max_length=300)
    problem = models.TextField()
    background = models.TextField(blank=True)
    tried = models.TextField(blank=True)
    wanted = models.TextField(blank=True)
    offers = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_need_text_per_language", fields=["need", "lang"]),
            models.CheckConstraint(name="need_text_origin_is_known", condition=Q(origin__in=Origin.values)),
        ]

    def __str__(self) -> str:
        return self.title


class Indicator(models.Model):
    """What an indicator of either side has: a name, a unit, a condition."""

    position = models.PositiveSmallIntegerField()
    name_zh = models.CharField(max_length=120, blank=True)
    name_en = models.CharField(max_length=120, blank=True)
    comparator = models.CharField(max_length=5, choices=Comparator, default=Comparator.EQUAL)
    high = models.DecimalField(max_digits=24, decimal_places=8, null=True)  # upper end of a range
    unit = models.CharField(max_length=40, blank=True)
    condition_zh = models.CharField(max_length=200, blank=True)
    condition_en = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name_zh or self.name_en


class AchievementIndicator(Indicator):
    achievement = models.ForeignKey(Achievement, on_delete=models.CASCADE, related_name="indicators")
    value = models.DecimalField(max_digits=24, decimal_places=8)
    evidence = models.CharField(max_length=20, choices=Evidence, blank=True)
    evidence_zh = models.CharField(max_length=500, blank=True)
    evidence_en = models.CharField(max_length=500, blank=True)
    baseline = models.JSONField(default=list, blank=True)  # [{name_zh, name_en, value}] of today's solutions

    class Meta(Indicator.Meta):
        constraints = [
            models.UniqueConstraint(name="one_achievement_indicator_per_place", fields=["achievement", "position"]),
            models.CheckConstraint(
                name="achievement_indicator_range_has_ends",
                condition=Q(comparator=Comparator.RANGE, high__isnull=False, high__gte=F("value"))
                | (~Q(comparator=Comparator.RANGE) & Q(high=None)),
            ),
        ]


class NeedIndicator(Indicator):
    need = models.ForeignKey(Need, on_delete=models.CASCADE, related_name="indicators")
    target = models.DecimalField(max_digits=24, decimal_places=8)
    current = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    is_must = models.BooleanField(default=True)

    class Meta(Indicator.Meta):
        constraints = [
            models.UniqueConstraint(name="one_need_indicator_per_place", fields=["need", "position"]),
            models.CheckConstraint(
                name="need_indicator_range_has_ends",
                condition=Q(comparator=Comparator.RANGE, high__isnull=False, high__gte=F("target"))
                | (~Q(comparator=Comparator.RANGE) & Q(high=None)),
            ),
        ]


class TeamMember(models.Model):
    """Somebody who made an achievement, as the team wishes to be shown. Shares come with distribution."""

    achievement = models.ForeignKey(Achievement, on_delete=models.CASCADE, related_name="team")
    person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    name_zh = models.CharField(max_length=80, blank=True)
    name_en = models.CharField(max_length=80, blank=True)
    title_zh = models.CharField(max_length=80, blank=True)
    title_en = models.CharField(max_length=80, blank=True)
    role_zh = models.CharField(max_length=120, blank=True)
    role_en = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(name="one_member_per_place", fields=["achievement", "position"])]

    def __str__(self) -> str:
        return self.name_zh or self.name_en


class TrueLink(models.Model):
    """A link that the source itself states between a need and an achievement (an award made under a topic)."""

    need = models.ForeignKey(Need, on_delete=models.CASCADE, related_name="true_links")
    achievement = models.ForeignKey(Achievement, on_delete=models.CASCADE, related_name="true_links")

    class Meta:
        constraints = [models.UniqueConstraint(name="one_link_per_pair", fields=["need", "achievement"])]

    def __str__(self) -> str:
        return f"{self.need_id} {self.achievement_id}"


class Attachment(models.Model):
    """A file of one achievement or one need. Who may open it is decided in selectors.py by its level."""

    id = DrawnKey()
    achievement = models.ForeignKey(Achievement, null=True, on_delete=models.CASCADE, related_name="attachments")
    need = models.ForeignKey(Need, null=True, on_delete=models.CASCADE, related_name="attachments")
    file = models.ForeignKey("kernel.StoredFile", on_delete=models.PROTECT, related_name="+")
    level = models.CharField(max_length=12, choices=AttachmentLevel)
    title = models.CharField(max_length=200, blank=True)
    proves = models.CharField(max_length=20, blank=True)  # trl, or indicator:2 for the one at place 2
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        indexes = [models.Index(fields=["file"], name="attachment_by_file")]
        constraints = [
            models.CheckConstraint(
                name="attachment_belongs_to_one_item",
                condition=Q(achievement__isnull=False, need=None) | Q(achievement=None, need__isnull=False),
            ),
            models.CheckConstraint(name="attachment_level_is_known", condition=Q(level__in=AttachmentLevel.values)),
        ]

    def __str__(self) -> str:
        return self.title or f"attachment {self.pk}"


class ShareVersion(models.Model):
    """贡献与权属: who made an achievement and whose it is, as agreed at one time. An edit is a new version.

    It is in force from the moment when the last contributor has signed. Versions, shares and fractions never change;
    only signatures are added.
    """

    achievement = models.ForeignKey(Achievement, on_delete=models.PROTECT, related_name="share_versions")
    number = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(null=True)  # when the last contributor signed

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_share_version_per_number", fields=["achievement", "number"]),
            models.CheckConstraint(name="share_version_has_a_number", condition=Q(number__gte=1)),
        ]
        triggers = [
            never(pgtrigger.Delete, "share_version_stays"),
            pgtrigger.Trigger(
                name="shares_are_the_whole",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func=(
                    "IF (SELECT sum(share_bp) FROM catalogue_contributorshare WHERE version_id = NEW.id) "
                    "IS DISTINCT FROM 10000 OR "
                    "(SELECT sum(share_bp) FROM catalogue_ownershipfraction WHERE version_id = NEW.id) "
                    "IS DISTINCT FROM 10000 "
                    "THEN RAISE EXCEPTION 'shares of version % are not 100 %%', NEW.id "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NULL;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.achievement_id} v{self.number}"


SHARE_STAYS = (
    "IF (NEW.version_id, NEW.{who}_id, NEW.share_bp, NEW.position) IS DISTINCT FROM "
    "(OLD.version_id, OLD.{who}_id, OLD.share_bp, OLD.position) THEN RAISE EXCEPTION "
    "'a share is never edited: make a new version' USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW;"
)


def share_is_a_part(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, condition=Q(share_bp__gte=1, share_bp__lte=10_000))


class ContributorShare(models.Model):
    """One contributor's part of the work in one version, in basis points, and what they said to it."""

    version = models.ForeignKey(ShareVersion, on_delete=models.PROTECT, related_name="contributors")
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    share_bp = models.PositiveIntegerField()
    is_main = models.BooleanField(db_default=True)  # 主要贡献人; a rule may promise them a part of their own
    is_head = models.BooleanField(db_default=False)  # 单位正职领导
    signed_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)
    refusal = models.TextField(blank=True, db_default="")

    class Meta:
        ordering = ["position"]
        indexes = [models.Index(fields=["person", "version"], name="share_by_person")]
        constraints = [
            models.UniqueConstraint(name="one_share_per_contributor", fields=["version", "person"]),
            share_is_a_part("contributor_share_is_a_part"),
            models.CheckConstraint(name="share_is_signed_or_refused", condition=Q(signed_at=None) | Q(refused_at=None)),
        ]
        triggers = [
            never(pgtrigger.Delete, "contributor_share_stays"),
            pgtrigger.Trigger(
                name="contributor_share_is_final",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=SHARE_STAYS.format(who="person"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.share_bp}"


class AssignedFraction(models.Model):
    """赋权: what of an organisation's fraction it assigned to a completer, in basis points of the whole ownership."""

    version = models.ForeignKey(ShareVersion, on_delete=models.PROTECT, related_name="assigned")
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    share_bp = models.PositiveIntegerField()
    choice = models.CharField(max_length=12, choices=Choice)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(name="one_assigned_fraction_per_person", fields=["version", "person"]),
            share_is_a_part("assigned_fraction_is_a_part"),
            models.CheckConstraint(name="assigned_choice_is_known", condition=Q(choice__in=Choice.values)),
        ]
        triggers = [never(pgtrigger.Update | pgtrigger.Delete, "assigned_fraction_is_final")]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.share_bp}"


class NamedContributor(models.Model):
    """没有账号的贡献人: whom an officer named for the shares of one achievement, and whose account they have joined with."""

    code = models.CharField(max_length=24, unique=True)
    achievement = models.ForeignKey(Achievement, on_delete=models.PROTECT, related_name="named_contributors")
    person = models.OneToOneField("parties.Person", on_delete=models.PROTECT, related_name="+")
    email = models.EmailField(blank=True)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    mailed_at = models.DateTimeField(null=True)
    joined_as = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    joined_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="contributor_joined_at_a_moment",
                condition=Q(joined_as=None, joined_at=None) | Q(joined_as__isnull=False, joined_at__isnull=False),
            ),
            models.CheckConstraint(name="contributor_joins_as_another", condition=~Q(joined_as=F("person"))),
        ]

    def __str__(self) -> str:
        return self.code


class SignatureEvidence(models.Model):
    """The document by which an officer signed for somebody who has no account."""

    share = models.OneToOneField(ContributorShare, on_delete=models.PROTECT, related_name="evidence")
    file = models.ForeignKey("kernel.StoredFile", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        triggers = [never(pgtrigger.Update | pgtrigger.Delete, "signature_evidence_is_final")]

    def __str__(self) -> str:
        return f"{self.share_id}: {self.file_id}"


class OwnershipFraction(models.Model):
    """One organisation's part of the ownership in one version, in basis points."""

    version = models.ForeignKey(ShareVersion, on_delete=models.PROTECT, related_name="owners")
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    share_bp = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(name="one_fraction_per_owner", fields=["version", "organisation"]),
            share_is_a_part("ownership_fraction_is_a_part"),
        ]
        triggers = [never(pgtrigger.Delete, "ownership_fraction_stays")]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.share_bp}"
