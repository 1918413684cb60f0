"""Organisations, people, and the posts that people hold."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from keqiao.kernel.codes import DrawnKey, DrawnNumber
from keqiao.parties.types import (
    InvitationState,
    JoinState,
    NoteKind,
    OrganisationKind,
    Qualification,
    Role,
    Scheme,
    VerificationState,
)


class Organisation(models.Model):
    """A legal or organised body. Names in two languages; one of them may be empty, not both."""

    code = models.CharField(max_length=24, unique=True)
    kind = models.CharField(max_length=20, choices=OrganisationKind)
    name_zh = models.CharField(max_length=200, blank=True)
    name_en = models.CharField(max_length=200, blank=True)
    short_zh = models.CharField(max_length=60, blank=True)
    short_en = models.CharField(max_length=60, blank=True)
    about_zh = models.TextField(blank=True)
    about_en = models.TextField(blank=True)
    credit_code = models.CharField(max_length=18, unique=True, null=True)
    region = models.CharField(max_length=12, blank=True)
    qualifications = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    is_fictional = models.BooleanField(db_default=False)
    source = models.CharField(max_length=300, blank=True)  # where the entry comes from, when not entered by itself
    created_at = models.DateTimeField(db_default=Now())
    is_verified = models.BooleanField(db_default=True)  # false from its founding until an operator has approved it
    is_listed = models.BooleanField(db_default=True)  # false once its verification was declined
    # A PNG drawn by us (kernel/images.py).
    logo = models.ForeignKey("kernel.StoredFile", null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    merged_into = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="absorbed", db_index=False
    )

    class Meta:
        indexes = [
            models.Index(fields=["kind", "id"], name="organisation_by_kind"),
            models.Index(
                fields=["merged_into"], name="organisation_by_successor", condition=Q(merged_into__isnull=False)
            ),
            models.Index(fields=["logo"], name="organisation_by_logo", condition=Q(logo__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(name="organisation_kind_is_known", condition=Q(kind__in=OrganisationKind.values)),
            models.CheckConstraint(name="organisation_has_a_name", condition=~Q(name_zh="", name_en="")),
            models.CheckConstraint(
                name="organisation_not_merged_into_itself", condition=Q(merged_into=None) | ~Q(merged_into=F("id"))
            ),
        ]

    def __str__(self) -> str:
        return self.name_zh or self.name_en


class Person(models.Model):
    """Somebody known to the platform; has an account when `user` is set."""

    id = DrawnKey()
    user = models.OneToOneField(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="person")
    name_zh = models.CharField(max_length=80, blank=True)
    name_en = models.CharField(max_length=80, blank=True)
    is_fictional = models.BooleanField(db_default=False)
    created_at = models.DateTimeField(db_default=Now())
    orcid = models.CharField(max_length=19, null=True)  # 0000-0002-1825-0097
    title_zh = models.CharField(max_length=80, blank=True, db_default="")
    title_en = models.CharField(max_length=80, blank=True, db_default="")
    expertise = ArrayField(models.CharField(max_length=40), default=list, db_default=[], blank=True)
    language = models.CharField(max_length=8, blank=True, db_default="")  # zh-hans, en; empty: the browser's
    shown = ArrayField(models.CharField(max_length=12), default=list, db_default=[], blank=True)  # of ShownPart

    class Meta:
        # Few show themselves on their organisation's page; without it the page may look at everybody.
        indexes = [models.Index(fields=["id"], name="person_who_is_shown", condition=Q(shown__contains=["name"]))]
        constraints = [models.CheckConstraint(name="person_has_a_name", condition=~Q(name_zh="", name_en=""))]

    def __str__(self) -> str:
        return self.name_zh or self.name_en


class Post(models.Model):
    """A role that a person holds in an organisation."""

    number = DrawnNumber()
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="posts")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="posts")
    role = models.CharField(max_length=30, choices=Role)
    title_zh = models.CharField(max_length=80, blank=True)
    title_en = models.CharField(max_length=80, blank=True)
    ended_on = models.DateField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["role", "organisation"], name="post_in_force", condition=Q(ended_on__isnull=True))
        ]
        constraints = [
            models.CheckConstraint(name="post_role_is_known", condition=Q(role__in=Role.values)),
            models.UniqueConstraint(name="one_post_per_role", fields=["person", "organisation", "role"]),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.person_id} at {self.organisation_id}"


class Verification(models.Model):
    """An organisation that was founded here asks to be verified. Only workflow.py writes `state`."""

    code = models.CharField(max_length=24, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="verifications")
    applicant = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    licence = models.ForeignKey("kernel.StoredFile", null=True, on_delete=models.PROTECT, related_name="+")
    credit_code = models.CharField(max_length=18, blank=True)  # as given; a declined organisation loses its claim to it
    state = models.CharField(max_length=12, choices=VerificationState, default=VerificationState.OPEN)
    made_at = models.DateTimeField(db_default=Now())
    due_on = models.DateField()  # the date promised for an answer
    decided_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "due_on", "id"], name="verification_queue")]
        constraints = [
            models.CheckConstraint(name="verification_state_is_known", condition=Q(state__in=VerificationState.values)),
            models.UniqueConstraint(
                name="one_verification_at_a_time",
                fields=["organisation"],
                condition=Q(state__in=[VerificationState.OPEN, VerificationState.ASKED]),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class VerificationNote(models.Model):
    """What was asked, answered, and why it was declined."""

    verification = models.ForeignKey(Verification, on_delete=models.CASCADE, related_name="notes")
    kind = models.CharField(max_length=10, choices=NoteKind)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(name="verification_note_is_known", condition=Q(kind__in=NoteKind.values))]

    def __str__(self) -> str:
        return f"{self.kind} on {self.verification_id}"


class JoinRequest(models.Model):
    """Somebody asks to be let into an organisation in a role. Only workflow.py writes `state`."""

    code = models.CharField(max_length=24, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="join_requests")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="join_requests")
    role = models.CharField(max_length=30, choices=Role)
    text = models.CharField(max_length=500, blank=True)  # what the person says about themselves
    state = models.CharField(max_length=12, choices=JoinState, default=JoinState.OPEN)
    made_at = models.DateTimeField(db_default=Now())
    decided_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "state", "-id"], name="join_by_organisation"),
            models.Index(fields=["person", "-id"], name="join_by_person"),
            models.Index(fields=["state", "id"], name="join_queue"),
        ]
        constraints = [
            models.CheckConstraint(name="join_role_is_known", condition=Q(role__in=Role.values)),
            models.CheckConstraint(name="join_state_is_known", condition=Q(state__in=JoinState.values)),
            models.UniqueConstraint(
                name="one_open_join_request", fields=["organisation", "person"], condition=Q(state=JoinState.OPEN)
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Invitation(models.Model):
    """A way in for one use. The token is kept as a hash; without an e-mail address, who holds the link may use it."""

    code = models.CharField(max_length=24, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="invitations")
    role = models.CharField(max_length=30, choices=Role)
    email = models.EmailField(blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=12, choices=InvitationState, default=InvitationState.OPEN)
    invited_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    used_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    used_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["organisation", "state", "-id"], name="invitation_by_organisation")]
        constraints = [
            models.CheckConstraint(name="invitation_role_is_known", condition=Q(role__in=Role.values)),
            models.CheckConstraint(name="invitation_state_is_known", condition=Q(state__in=InvitationState.values)),
            models.CheckConstraint(
                name="used_invitation_has_a_moment", condition=~Q(state=InvitationState.USED) | Q(used_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Absence(models.Model):
    """While somebody is away, a colleague of the same organisation has their roles there. It ends by its date."""

    id = DrawnKey()
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="absences")
    substitute = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="substitutions")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    first_on = models.DateField()
    last_on = models.DateField()
    made_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)  # called off before its last day

    class Meta:
        indexes = [
            models.Index(fields=["substitute", "last_on"], name="absence_by_substitute"),
            models.Index(fields=["person", "organisation", "last_on"], name="absence_by_person"),
        ]
        constraints = [
            models.CheckConstraint(name="absence_ends_after_it_begins", condition=Q(last_on__gte=F("first_on"))),
            models.CheckConstraint(name="nobody_stands_in_for_themselves", condition=~Q(person=F("substitute"))),
        ]

    def __str__(self) -> str:
        return f"{self.first_on} to {self.last_on}"


class OrganisationAlias(models.Model):
    """Another name that people search for: a former name, a brand, the name of a merged duplicate."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=200)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(name="one_alias_per_name", fields=["organisation", "name"])]

    def __str__(self) -> str:
        return self.name


class OrganisationIdentifier(models.Model):
    """What another register calls the organisation; one identifier belongs to one organisation."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="identifiers")
    scheme = models.CharField(max_length=12, choices=Scheme)
    value = models.CharField(max_length=60)

    class Meta:
        ordering = ["scheme", "value"]
        constraints = [
            models.CheckConstraint(name="identifier_scheme_is_known", condition=Q(scheme__in=Scheme.values)),
            models.UniqueConstraint(name="one_organisation_per_identifier", fields=["scheme", "value"]),
        ]

    def __str__(self) -> str:
        return f"{self.scheme} {self.value}"


class OrganisationQualification(models.Model):
    """A title that the organisation holds, with its number, last day and evidence."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="qualification_rows")
    kind = models.CharField(max_length=40, choices=Qualification)
    number = models.CharField(max_length=60, blank=True)
    valid_until = models.DateField(null=True)
    evidence = models.ForeignKey("kernel.StoredFile", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["kind"]
        constraints = [
            models.CheckConstraint(name="qualification_is_known", condition=Q(kind__in=Qualification.values)),
            models.UniqueConstraint(name="one_row_per_qualification", fields=["organisation", "kind"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.organisation_id}"


class OrganisationChange(models.Model):
    """What changed on an organisation's own page: field → [before, after]."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="changes")
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    fields = models.JSONField()

    class Meta:
        indexes = [models.Index(fields=["organisation", "-id"], name="change_by_organisation")]

    def __str__(self) -> str:
        return f"change {self.pk} of {self.organisation_id}"


class Merge(models.Model):
    """Two entries were one organisation. `moved` says what went from one to the other, so that it can be undone."""

    code = models.CharField(max_length=24, unique=True)
    kept = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    gone = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    moved = models.JSONField(default=dict)
    reason = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    undone_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_merge_at_a_time", fields=["gone"], condition=Q(undone_at=None)),
            models.CheckConstraint(name="merge_of_two", condition=~Q(kept=F("gone"))),
        ]

    def __str__(self) -> str:
        return self.code
