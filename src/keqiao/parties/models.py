"""Organisations, people, and the posts that people hold."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from keqiao.parties.types import OrganisationKind, Role


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

    class Meta:
        indexes = [models.Index(fields=["kind", "id"], name="organisation_by_kind")]
        constraints = [
            models.CheckConstraint(name="organisation_kind_is_known", condition=Q(kind__in=OrganisationKind.values)),
            models.CheckConstraint(name="organisation_has_a_name", condition=~Q(name_zh="", name_en="")),
        ]

    def __str__(self) -> str:
        return self.name_zh or self.name_en


class Person(models.Model):
    """Somebody known to the platform; has an account when `user` is set."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="person")
    name_zh = models.CharField(max_length=80, blank=True)
    name_en = models.CharField(max_length=80, blank=True)
    is_fictional = models.BooleanField(db_default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(name="person_has_a_name", condition=~Q(name_zh="", name_en=""))]

    def __str__(self) -> str:
        return self.name_zh or self.name_en


class Post(models.Model):
    """A role that a person holds in an organisation."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="posts")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="posts")
    role = models.CharField(max_length=30, choices=Role)
    title_zh = models.CharField(max_length=80, blank=True)
    title_en = models.CharField(max_length=80, blank=True)
    ended_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="post_role_is_known", condition=Q(role__in=Role.values)),
            models.UniqueConstraint(name="one_post_per_role", fields=["person", "organisation", "role"]),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.person_id} at {self.organisation_id}"
