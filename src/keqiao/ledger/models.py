"""Tables of the ledger context. What must hold of money is promised by triggers, whoever writes."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from keqiao.kernel.models import never, never_truncate
from keqiao.kernel.money import MINOR_DIGITS
from keqiao.ledger.types import LARGEST, AccountKind, EntryKind, Purpose, Standard


def final(name: str) -> list[pgtrigger.Trigger]:
    """Rows of the table are never changed or deleted."""
    return [never(pgtrigger.Update | pgtrigger.Delete, f"{name}_is_final"), never_truncate(f"{name}_no_truncate")]


class Book(models.Model):
    """The books (账簿) of one organisation. Whoever writes in a book locks this row."""

    code = models.CharField(max_length=24, unique=True)
    organisation = models.OneToOneField("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    standard = models.CharField(max_length=12, choices=Standard)
    opened_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(name="book_standard_is_known", condition=Q(standard__in=Standard.values)),
        ]

    def __str__(self) -> str:
        return self.code


class Account(models.Model):
    """An account (科目) of one book, of one purpose and currency."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="accounts", db_index=False)
    number = models.CharField(max_length=20)  # 1002.01
    purpose = models.CharField(max_length=20, choices=Purpose)
    kind = models.CharField(max_length=10, choices=AccountKind)
    currency = models.CharField(max_length=3)
    label = models.CharField(max_length=60, blank=True)  # tells several of one purpose and currency apart
    name_zh = models.CharField(max_length=80)
    is_escrow = models.BooleanField()
    has_party = models.BooleanField()
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_ledger_account_per_number", fields=["book", "number"]),
            models.UniqueConstraint(
                name="one_ledger_account_per_purpose", fields=["book", "purpose", "currency", "label"]
            ),
            models.CheckConstraint(name="account_kind_is_known", condition=Q(kind__in=AccountKind.values)),
            models.CheckConstraint(name="account_purpose_is_known", condition=Q(purpose__in=Purpose.values)),
            models.CheckConstraint(name="account_currency_is_known", condition=Q(currency__in=sorted(MINOR_DIGITS))),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="account_stays_what_it_is",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=(
                    "IF (NEW.book_id, NEW.purpose, NEW.kind, NEW.currency, NEW.is_escrow, NEW.has_party) IS DISTINCT "
                    "FROM (OLD.book_id, OLD.purpose, OLD.kind, OLD.currency, OLD.is_escrow, OLD.has_party) THEN "
                    "RAISE EXCEPTION 'an account keeps its book, purpose and currency' "
                    "USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name_zh}"


class Entry(models.Model):
    """A voucher (凭证): a number of lines that add up to zero per currency. Final; a mistake is reversed."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="entries", db_index=False)
    month = models.DateField()  # its first day
    number = models.IntegerField()  # from 1 in every month of a book, without gaps
    booked_on = models.DateField()
    kind = models.CharField(max_length=10, choices=EntryKind)
    why = models.CharField(max_length=200)
    cause = models.CharField(max_length=80, blank=True)
    key = models.CharField(max_length=120)
    digest = models.CharField(max_length=64)  # sha256 of what was posted
    line_count = models.IntegerField()
    reverses = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="reversed_by")
    posted_at = models.DateTimeField()
    posted_by = models.ForeignKey(
        "parties.Person", null=True, on_delete=models.PROTECT, related_name="+"
    )  # null: the system

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_ledger_entry_per_key", fields=["book", "key"]),
            models.UniqueConstraint(name="one_ledger_entry_per_number", fields=["book", "month", "number"]),
            models.CheckConstraint(name="entry_kind_is_known", condition=Q(kind__in=EntryKind.values)),
            models.CheckConstraint(name="entry_has_a_number", condition=Q(number__gte=1)),
            models.CheckConstraint(name="entry_has_two_lines", condition=Q(line_count__gte=2)),
            models.CheckConstraint(name="entry_says_why", condition=~Q(why="")),
            models.CheckConstraint(
                name="reversal_names_what_it_reverses",
                condition=Q(kind="reversal", reverses__isnull=False) | (~Q(kind="reversal") & Q(reverses__isnull=True)),
            ),
        ]
        triggers = [
            *final("entry"),
            pgtrigger.Trigger(
                name="entry_month_is_open",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=(
                    "IF NEW.month <> date_trunc('month', NEW.booked_on)::date THEN RAISE EXCEPTION "
                    "'% is not the month of %', NEW.month, NEW.booked_on USING ERRCODE = 'check_violation'; END IF; "
                    "PERFORM 1 FROM ledger_book WHERE id = NEW.book_id FOR SHARE; "
                    "IF EXISTS (SELECT 1 FROM ledger_closing WHERE book_id = NEW.book_id AND last_on >= NEW.booked_on) "
                    "THEN RAISE EXCEPTION 'the month is closed' USING ERRCODE = 'restrict_violation'; END IF; "
                    "RETURN NEW;"
                ),
            ),
            pgtrigger.Trigger(
                name="entry_balances",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func=(
                    "IF (SELECT count(*) FROM ledger_line WHERE entry_id = NEW.id) <> NEW.line_count OR EXISTS ("
                    "SELECT 1 FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id WHERE l.entry_id = NEW.id "
                    "GROUP BY a.currency, a.is_escrow HAVING sum(l.amount) <> 0) "
                    "THEN RAISE EXCEPTION 'entry % does not balance', NEW.id USING ERRCODE = 'check_violation'; END IF; "
                    "RETURN NULL;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}-{self.number}"


class EntryLine(models.Model):
    """One line (分录): debits are positive. `is_red`: a correction, which lowers its own side instead of raising the other."""

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.IntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="lines", db_index=False)
    organisation = models.ForeignKey(
        "parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    booked_on = models.DateField()
    due_on = models.DateField(null=True)
    amount = models.BigIntegerField()
    is_red = models.BooleanField()
    why = models.CharField(max_length=200)

    class Meta:
        db_table = "ledger_line"
        indexes = [
            models.Index(fields=["account", "booked_on", "id"], include=["amount", "is_red"], name="line_by_account"),
            models.Index(
                fields=["organisation", "account", "booked_on", "id"],
                include=["amount", "is_red"],
                condition=Q(organisation__isnull=False),
                name="line_by_organisation",
            ),
            models.Index(
                fields=["person", "account", "booked_on", "id"],
                include=["amount", "is_red"],
                condition=Q(person__isnull=False),
                name="line_by_person",
            ),
            models.Index(
                F("account"),
                Coalesce("due_on", "booked_on"),
                include=["organisation", "person", "amount", "is_red", "due_on", "booked_on"],
                condition=Q(organisation__isnull=False) | Q(person__isnull=False),
                name="line_by_age",
            ),
        ]
        constraints = [
            models.UniqueConstraint(name="one_ledger_line_per_position", fields=["entry", "position"]),
            models.CheckConstraint(name="line_has_a_position", condition=Q(position__gte=1)),
            models.CheckConstraint(
                name="line_amount_is_sensible",
                condition=Q(amount__gte=-LARGEST, amount__lte=LARGEST) & ~Q(amount=0),
            ),
            models.CheckConstraint(name="line_says_why", condition=~Q(why="")),
            models.CheckConstraint(
                name="line_has_one_party", condition=Q(organisation__isnull=True) | Q(person__isnull=True)
            ),
        ]
        triggers = [
            *final("line"),
            pgtrigger.Trigger(
                name="line_fits_its_entry",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_lines"),
                func=(
                    # Positions beyond the entry's count are refused, so nothing is added to an entry that is there.
                    "IF EXISTS (SELECT 1 FROM new_lines l JOIN ledger_entry e ON e.id = l.entry_id "
                    "JOIN ledger_account a ON a.id = l.account_id WHERE l.position > e.line_count "
                    "OR a.book_id <> e.book_id OR l.booked_on <> e.booked_on "
                    "OR (a.has_party AND l.organisation_id IS NULL AND l.person_id IS NULL)) "
                    "THEN RAISE EXCEPTION 'a line does not fit its entry' USING ERRCODE = 'check_violation'; END IF; "
                    "RETURN NULL;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id}.{self.position}"


class Closing(models.Model):
    """A month of a book was closed (结账), by whom. It stays closed."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="closings", db_index=False)
    last_on = models.DateField()  # the month's last day
    closed_at = models.DateTimeField()
    closed_by = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(name="one_ledger_closing_per_month", fields=["book", "last_on"])]
        triggers = [
            *final("closing"),
            pgtrigger.Trigger(
                name="closing_waits_for_entries",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=(
                    "PERFORM 1 FROM ledger_book WHERE id = NEW.book_id FOR NO KEY UPDATE; "
                    "IF EXISTS (SELECT 1 FROM ledger_closing WHERE book_id = NEW.book_id AND last_on > NEW.last_on) "
                    "OR NEW.last_on <> (date_trunc('month', NEW.last_on) + interval '1 month - 1 day')::date "
                    "THEN RAISE EXCEPTION 'months are closed whole and in order' USING ERRCODE = 'check_violation'; "
                    "END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book_id} {self.last_on}"


class Checkpoint(models.Model):
    """What an account held with a party at the end of a closed month, and what moved in it. No row: nothing."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    organisation = models.ForeignKey(
        "parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    last_on = models.DateField()
    balance = models.BigIntegerField()
    debit = models.BigIntegerField()
    credit = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_ledger_checkpoint_per_month",
                fields=["account", "last_on", "organisation", "person"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="checkpoint_has_one_party", condition=Q(organisation__isnull=True) | Q(person__isnull=True)
            ),
            models.CheckConstraint(
                name="checkpoint_says_something",
                condition=~Q(balance=0, debit=0, credit=0),
            ),
        ]
        triggers = final("checkpoint")

    def __str__(self) -> str:
        return f"{self.account_id} {self.last_on} {self.balance}"
