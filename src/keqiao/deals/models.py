"""Tables of the deals context. Only workflow.py writes `state`. Sheets are written once; a correction is another one."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from keqiao.deals.states import GONE, LONGEST_KEY, Answer, DealState, DistributionState, PaymentState, Pricing
from keqiao.deals.types import LARGEST, SHARES, EquityAs, Mode, PartKind, ReceiptKind, Step
from keqiao.kernel.models import never, never_truncate
from keqiao.kernel.money import MINOR_DIGITS

CURRENCIES = sorted(MINOR_DIGITS)


def within(name: str, field: str, least: int, most: int) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, condition=Q(**{f"{field}__gte": least, f"{field}__lte": most}))


def known(name: str, field: str, values: list[str]) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, condition=Q(**{f"{field}__in": values}))


class RewardRule(models.Model):
    """分配办法: what an institution's published rule gives. Never edited: another rule follows it from a day on."""

    code = models.CharField(max_length=24, unique=True)
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    article = models.CharField(max_length=80, blank=True)
    published_on = models.DateField()
    reward_bp = models.PositiveIntegerField()  # of net income, to the people
    staff_bp = models.PositiveIntegerField(default=0)  # of the reward, to transfer staff
    profit_years = models.PositiveSmallIntegerField(null=True)
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["organisation", "-published_on", "-id"], name="reward_rule_by_home")]
        constraints = [
            within("reward_rule_is_a_part", "reward_bp", 1, 10_000),
            within("reward_rule_staff_is_a_part", "staff_bp", 0, 10_000),
        ]
        triggers = [never(pgtrigger.Delete, "reward_rule_stays")]

    def __str__(self) -> str:
        return f"《{self.name}》{self.article}"


class RewardPart(models.Model):
    """Who shares what the institution keeps, in basis points of net income."""

    rule = models.ForeignKey(RewardRule, on_delete=models.PROTECT, related_name="parts")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=20, choices=PartKind)
    name = models.CharField(max_length=80)
    of_net_bp = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(name="one_reward_part_per_place", fields=["rule", "position"]),
            within("reward_part_is_a_part", "of_net_bp", 1, 10_000),
            known("reward_part_kind_is_known", "kind", PartKind.values),
        ]

    def __str__(self) -> str:
        return self.name


class PriceNotice(models.Model):
    """协议定价公示: the price that an institution means to agree, shown before it signs. Never edited."""

    code = models.CharField(max_length=24, unique=True)
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200, blank=True)
    mode = models.CharField(max_length=16, choices=Mode)
    currency = models.CharField(max_length=3, default="CNY")
    amount = models.BigIntegerField(null=True)  # minor units; none: the words alone say it
    price_text = models.CharField(max_length=300, blank=True)  # how it is paid: royalties, shares
    notice = models.ForeignKey("kernel.PublicNotice", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["organisation", "-id"], name="price_notice_by_home")]
        constraints = [
            known("price_notice_mode_is_known", "mode", Mode.values),
            known("price_notice_currency_is_known", "currency", CURRENCIES),
            models.CheckConstraint(
                name="price_notice_names_a_price",
                condition=Q(amount__gt=0, amount__lte=LARGEST) | (Q(amount=None) & ~Q(price_text="")),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class PricedResult(models.Model):
    """One of the results whose price is shown."""

    price_notice = models.ForeignKey(PriceNotice, on_delete=models.PROTECT, related_name="results")
    achievement = models.ForeignKey("catalogue.Achievement", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(name="one_place_per_priced_result", fields=["price_notice", "achievement"])
        ]

    def __str__(self) -> str:
        return f"{self.price_notice_id}: {self.achievement_id}"


class Deal(models.Model):
    """合同: what was agreed about one or more results with one other party."""

    code = models.CharField(max_length=24, unique=True)
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200, blank=True)
    mode = models.CharField(max_length=16, choices=Mode)
    pricing = models.CharField(max_length=12, choices=Pricing)
    other_party = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3, default="CNY")
    amount = models.BigIntegerField(null=True)  # minor units; none: not fixed, as with royalties alone
    signed_on = models.DateField()
    ends_on = models.DateField(null=True)
    jurisdiction = models.CharField(max_length=20)
    registration_number = models.CharField(max_length=60, blank=True)  # 技术合同登记编号
    registered_on = models.DateField(null=True)
    broker = models.ForeignKey("parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+")
    broker_bp = models.PositiveIntegerField(default=0)  # of what comes in
    broker_is_cost = models.BooleanField(default=False)
    produced_on = models.DateField(null=True)
    first_profitable_year = models.PositiveSmallIntegerField(null=True)
    equity_as = models.CharField(max_length=8, choices=EquityAs, db_default=EquityAs.SHARES)
    state = models.CharField(max_length=12, choices=DealState, default=DealState.RUNNING)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["other_party", "-made_at", "-id"], name="deal_by_party"),
            models.Index(fields=["-made_at", "-id"], name="deal_by_age"),
        ]
        constraints = [
            known("deal_state_is_known", "state", DealState.values),
            known("deal_mode_is_known", "mode", Mode.values),
            known("deal_pricing_is_known", "pricing", Pricing.values),
            known("deal_currency_is_known", "currency", CURRENCIES),
            models.CheckConstraint(
                name="deal_amount_is_sensible", condition=Q(amount=None) | Q(amount__gt=0, amount__lte=LARGEST)
            ),
            known("deal_equity_as_is_known", "equity_as", EquityAs.values),
            within("deal_broker_is_a_part", "broker_bp", 0, 10_000),
            models.CheckConstraint(
                name="deal_registration_is_whole",
                condition=Q(registration_number="", registered_on=None)
                | (~Q(registration_number="") & Q(registered_on__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class ShownPrice(models.Model):
    """On which notice the price of a deal had been shown before it was signed: one of ours, or one outside the platform."""

    deal = models.OneToOneField(Deal, on_delete=models.PROTECT, related_name="shown_price")
    price_notice = models.ForeignKey(PriceNotice, null=True, on_delete=models.PROTECT, related_name="+")
    first_on = models.DateField(null=True)
    last_on = models.DateField(null=True)
    place = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="price_was_shown_here_or_there",
                condition=Q(price_notice__isnull=False, first_on=None, last_on=None, place="")
                | (Q(price_notice=None, first_on__isnull=False, last_on__gte=F("first_on")) & ~Q(place="")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.deal_id}: {self.price_notice_id or self.place}"


class DealOwner(models.Model):
    """An organisation that owns results of the deal. Their fractions are versions of the catalogue."""

    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="owners")
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    jurisdiction = models.CharField(max_length=20, blank=True, db_default="")  # whose law divides it; empty: the deal's

    class Meta:
        ordering = ["position"]
        indexes = [models.Index(fields=["organisation"], include=["deal"], name="deals_of_an_owner")]
        constraints = [models.UniqueConstraint(name="one_place_per_owner", fields=["deal", "organisation"])]

    def __str__(self) -> str:
        return f"{self.deal_id}: {self.organisation_id}"


class DealResult(models.Model):
    """One result of a deal and its part of the price, in basis points."""

    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="results")
    achievement = models.ForeignKey("catalogue.Achievement", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    weight_bp = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(name="one_place_per_result", fields=["deal", "achievement"]),
            within("deal_result_is_a_part", "weight_bp", 1, 10_000),
        ]

    def __str__(self) -> str:
        return f"{self.deal_id}: {self.achievement_id}"


class Milestone(models.Model):
    """付款里程碑: when what is to be paid."""

    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="milestones")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=80)
    condition = models.CharField(max_length=300, blank=True)
    due_on = models.DateField(null=True)
    amount = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(name="one_milestone_per_place", fields=["deal", "position"]),
            models.CheckConstraint(
                name="milestone_amount_is_sensible", condition=Q(amount=None) | Q(amount__gt=0, amount__lte=LARGEST)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Receipt(models.Model):
    """到账: something that came in, or, below zero, was paid back. Never edited."""

    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="receipts")
    number = models.PositiveIntegerField()
    key = models.CharField(max_length=LONGEST_KEY)
    milestone = models.ForeignKey(Milestone, null=True, on_delete=models.PROTECT, related_name="receipts")
    kind = models.CharField(max_length=12, choices=ReceiptKind)
    name = models.CharField(max_length=80)
    received_on = models.DateField()
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=8)
    rate = models.DecimalField(max_digits=18, decimal_places=8, null=True)  # of the deal's currency for one of this
    rate_source = models.CharField(max_length=120, blank=True)
    year = models.PositiveSmallIntegerField(null=True)  # of a profit
    charges = models.JSONField(default=list)  # [{kind, amount, note, is_public_money}] in the deal's currency
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(name="one_receipt_per_number", fields=["deal", "number"]),
            models.UniqueConstraint(name="one_receipt_per_key", fields=["deal", "key"]),
            known("receipt_kind_is_known", "kind", ReceiptKind.values),
            known("receipt_currency_is_known", "currency", [*CURRENCIES, SHARES]),
            models.CheckConstraint(
                name="receipt_amount_is_sensible",
                condition=Q(amount__gte=-LARGEST, amount__lte=LARGEST) & ~Q(amount=0),
            ),
        ]
        triggers = [
            never(pgtrigger.Update | pgtrigger.Delete, "receipt_is_final"),
            never_truncate("receipt_no_truncate"),
        ]

    def __str__(self) -> str:
        return f"{self.deal_id}-{self.number}"


class Distribution(models.Model):
    """分配方案: a receipt divided by the rule of one owner, on its way from confirmation to payment."""

    code = models.CharField(max_length=24, unique=True)
    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="distributions")
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="distributions")
    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    rule = models.ForeignKey(RewardRule, null=True, on_delete=models.PROTECT, related_name="+")  # none: the law's
    share_versions = models.JSONField()  # [[achievement id, version id], …]
    staff = models.JSONField(db_default=[])  # [[person id, basis points], …]: who divides what transfer staff get
    terms_digest = models.CharField(max_length=64)  # receipts under the same terms are divided cumulatively
    unit = models.CharField(max_length=8)  # a currency, or SHARE
    facts = models.JSONField(default=list)
    state = models.CharField(max_length=12, choices=DistributionState, default=DistributionState.CONFIRMING)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    notice = models.ForeignKey("kernel.PublicNotice", null=True, on_delete=models.PROTECT, related_name="+")
    entry = models.ForeignKey("ledger.Entry", null=True, on_delete=models.PROTECT, related_name="+")  # 计提
    ended_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)  # why it was withdrawn or reversed

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "state", "-id"], name="distribution_by_home"),
            models.Index(fields=["deal", "-id"], name="distribution_by_deal"),
            models.Index(fields=["id"], include=["deal", "state"], name="distribution_in_short"),
        ]
        constraints = [
            known("distribution_state_is_known", "state", DistributionState.values),
            models.UniqueConstraint(
                name="one_live_distribution_per_receipt",
                fields=["receipt", "organisation"],
                condition=~Q(state__in=GONE),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class SheetLine(models.Model):
    """One line of a distribution's sheet: rule, base, rate, amount, as it was computed. Never edited."""

    distribution = models.ForeignKey(Distribution, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    key = models.CharField(max_length=160)
    source = models.CharField(max_length=160, blank=True)
    step = models.CharField(max_length=12, choices=Step)
    label = models.CharField(max_length=40, blank=True)
    achievement = models.ForeignKey("catalogue.Achievement", null=True, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey("parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80, blank=True)  # of a part of the institution
    rate = models.CharField(max_length=40, blank=True)  # an exact fraction, 7/10
    base = models.BigIntegerField()
    amount = models.BigIntegerField()
    due = models.BigIntegerField()
    given = models.BigIntegerField()
    bases = models.JSONField(default=list)  # [{instrument, article, source, confirmed}]
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["position"]
        indexes = [models.Index(fields=["person", "-id"], condition=Q(person__isnull=False), name="sheet_by_person")]
        constraints = [
            models.UniqueConstraint(name="one_sheet_line_per_place", fields=["distribution", "position"]),
            models.UniqueConstraint(name="one_sheet_line_per_key", fields=["distribution", "key"]),
            known("sheet_line_step_is_known", "step", Step.values),
        ]
        triggers = [never(pgtrigger.Update | pgtrigger.Delete, "sheet_line_is_final")]

    def __str__(self) -> str:
        return self.key


class Confirmation(models.Model):
    """What a contributor says to what they get by one distribution."""

    distribution = models.ForeignKey(Distribution, on_delete=models.PROTECT, related_name="confirmations")
    person = models.ForeignKey("parties.Person", on_delete=models.PROTECT, related_name="+")
    amount = models.BigIntegerField()
    answer = models.CharField(max_length=12, choices=Answer, default=Answer.WAITING)
    answered_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)  # of a contest
    reply = models.TextField(blank=True)  # the officer's, to a contest
    replied_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["person", "answer", "-id"], name="confirmation_by_person"),
            models.Index(fields=["person"], include=["distribution"], name="distributions_of_a_person"),
        ]
        constraints = [
            models.UniqueConstraint(name="one_confirmation_per_person", fields=["distribution", "person"]),
            known("confirmation_answer_is_known", "answer", Answer.values),
        ]

    def __str__(self) -> str:
        return f"{self.distribution_id}: {self.person_id}"


class Payment(models.Model):
    """付款单: what one payee gets, or, below zero, gives back, by one distribution."""

    code = models.CharField(max_length=24, unique=True)
    distribution = models.ForeignKey(Distribution, on_delete=models.PROTECT, related_name="payments")
    person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey("parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=12, choices=PaymentState, default=PaymentState.WAITING)
    paid_on = models.DateField(null=True)
    paid_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    entry = models.OneToOneField("ledger.Entry", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["person", "-id"], condition=Q(person__isnull=False), name="payment_by_person")]
        constraints = [
            known("payment_state_is_known", "state", PaymentState.values),
            known("payment_currency_is_known", "currency", CURRENCIES),
            models.CheckConstraint(
                name="payment_has_one_payee",
                condition=Q(person__isnull=False, organisation=None) | Q(person=None, organisation__isnull=False),
            ),
            models.UniqueConstraint(name="one_payment_per_person", fields=["distribution", "person"]),
            models.UniqueConstraint(name="one_payment_per_organisation", fields=["distribution", "organisation"]),
            models.CheckConstraint(
                name="payment_is_posted_when_paid",
                condition=Q(state=PaymentState.PAID, entry__isnull=False, paid_on__isnull=False)
                | (~Q(state=PaymentState.PAID) & Q(entry=None)),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Evidence(models.Model):
    """The document by which an officer confirmed for, or released the money of, somebody who has no account."""

    confirmation = models.OneToOneField(Confirmation, null=True, on_delete=models.PROTECT, related_name="evidence")
    payment = models.OneToOneField(Payment, null=True, on_delete=models.PROTECT, related_name="evidence")
    file = models.ForeignKey("kernel.StoredFile", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="evidence_is_of_one",
                condition=Q(confirmation__isnull=False, payment=None) | Q(confirmation=None, payment__isnull=False),
            )
        ]
        triggers = [never(pgtrigger.Update | pgtrigger.Delete, "evidence_is_final")]

    def __str__(self) -> str:
        return f"{self.confirmation_id or self.payment_id}: {self.file_id}"
