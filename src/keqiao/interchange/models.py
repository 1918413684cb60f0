"""Tables of the interchange context. Only workflow.py writes `state` of an import."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from keqiao.interchange.types import FileFormat, ImportState, Kind, RowState


class Import(models.Model):
    """One file on its way in: read, checked row by row, then applied in chunks.

    `rows_read` is the place in the file up to which rows are staged: a worker that was killed goes on after it.
    """

    code = models.CharField(max_length=24, unique=True)
    kind = models.CharField(max_length=16, choices=Kind)
    state = models.CharField(max_length=12, choices=ImportState, default=ImportState.UPLOADED)
    person = models.ForeignKey("parties.Person", null=True, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey("parties.Organisation", null=True, on_delete=models.PROTECT, related_name="+")
    file = models.ForeignKey("kernel.StoredFile", null=True, on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=255, blank=True)
    format = models.CharField(max_length=8, choices=FileFormat)
    encoding = models.CharField(max_length=20, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    header = models.JSONField(default=list, blank=True)  # the file's own column names, in order
    mapping = models.JSONField(default=dict, blank=True)  # the file's column name → ours
    publishes = models.BooleanField(db_default=False)  # straight into public view: operators only
    is_mapped = models.BooleanField(db_default=False)  # every required column is known: rows may be read
    rows_read = models.PositiveIntegerField(db_default=0)
    rows_total = models.PositiveIntegerField(null=True)  # known when all are read
    ready = models.PositiveIntegerField(db_default=0)
    wrong = models.PositiveIntegerField(db_default=0)
    added = models.PositiveIntegerField(db_default=0)
    changed = models.PositiveIntegerField(db_default=0)
    unchanged = models.PositiveIntegerField(db_default=0)
    failed = models.PositiveIntegerField(db_default=0)
    problem = models.JSONField(default=dict, blank=True)  # zh, en: why the file could not be read
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["person", "-created_at"], name="import_by_person"),
            models.Index(fields=["state", "created_at"], name="import_by_state"),
        ]
        constraints = [
            models.CheckConstraint(name="import_kind_is_known", condition=Q(kind__in=Kind.values)),
            models.CheckConstraint(name="import_state_is_known", condition=Q(state__in=ImportState.values)),
            models.CheckConstraint(name="import_format_is_known", condition=Q(format__in=FileFormat.values)),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def applied(self) -> int:
        return self.added + self.changed + self.unchanged + self.failed

    @property
    def came_in(self) -> int:
        return self.added + self.changed + self.unchanged

    @property
    def stayed_out(self) -> int:
        return self.wrong + self.failed

    @property
    def rows(self) -> int:
        """Rows that were staged so far."""
        return self.ready + self.wrong + self.applied


class ImportRow(models.Model):
    """One staged row. `content` is emptied when it was applied: what it said is then in the item."""

    job = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="staged")
    number = models.PositiveIntegerField()  # as the spreadsheet counts
    state = models.CharField(max_length=10, choices=RowState)
    organisation_id = models.BigIntegerField(null=True)  # whose the thing is
    key = models.CharField(max_length=100, blank=True)  # the external id, or # and the content's fingerprint
    fingerprint = models.CharField(max_length=64, blank=True)
    content = models.JSONField(default=dict, blank=True)
    problems = models.JSONField(default=list, blank=True)  # [{column, zh, en, example_zh, example_en}]
    made = models.CharField(max_length=24, blank=True)  # the code of what it became

    class Meta:
        ordering = ["number"]
        indexes = [
            models.Index(fields=["job", "state", "number"], name="import_row_by_state"),
            models.Index(fields=["job", "key"], name="import_row_by_key"),
        ]
        constraints = [
            models.UniqueConstraint(name="one_staged_row_per_number", fields=["job", "number"]),
            models.CheckConstraint(name="import_row_state_is_known", condition=Q(state__in=RowState.values)),
        ]

    def __str__(self) -> str:
        return f"row {self.number} of {self.job_id}"


class ImportedThing(models.Model):
    """What a row with this key became, and the fingerprint of its content: the same row again changes nothing."""

    organisation_id = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=16, choices=Kind)
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    became = models.CharField(max_length=16)  # submission, item, organisation, person, invitation, asset
    became_id = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["became", "became_id"], name="imported_by_what_it_became")]
        constraints = [
            models.UniqueConstraint(
                name="one_imported_thing_per_key",
                fields=["organisation_id", "kind", "became", "key"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="imported_thing_kind_is_known", condition=Q(kind__in=Kind.values)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class ColumnMapping(models.Model):
    """How an organisation's files of one header are read: kept when somebody mapped columns by hand."""

    organisation = models.ForeignKey("parties.Organisation", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind)
    fingerprint = models.CharField(max_length=64)  # of the header
    mapping = models.JSONField(default=dict)
    saved_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_mapping_per_header", fields=["organisation", "kind", "fingerprint"]),
            models.CheckConstraint(name="column_mapping_kind_is_known", condition=Q(kind__in=Kind.values)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint[:8]}"
