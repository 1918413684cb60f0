"""What may be seen of interchange. A hidden thing looks like a missing one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from keqiao.interchange.models import ColumnMapping, Import, ImportedThing, ImportRow
from keqiao.interchange.types import Kind, RowState
from keqiao.kernel.errors import NotFound
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor


def imports_visible_to(actor: Actor) -> QuerySet[Import]:
    """One's own: a file may hold drafts that even colleagues have not seen yet."""
    if actor.is_system:
        return Import.objects.all()
    if actor.person_id is None:
        return Import.objects.none()
    return Import.objects.filter(person_id=actor.person_id)


def own_imports(actor: Actor) -> QuerySet[Import]:
    """Newest first."""
    return imports_visible_to(actor).order_by("-created_at", "-id")


def get_import(code: str, *, actor: Actor, lock: bool = False) -> Import:
    rows = imports_visible_to(actor)
    rows = rows.select_for_update(of=("self",), no_key=True) if lock else rows.select_related("organisation", "file")
    found = rows.filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def troubled_rows(job: Import) -> QuerySet[ImportRow]:
    """The rows that are not or will not be imported, in the order of the file."""
    return ImportRow.objects.filter(job=job, state__in=[RowState.WRONG, RowState.FAILED]).order_by("number")


def problems_between(job: Import, first: int, last: int) -> dict[int, list[dict[str, str]]]:
    """Row number → problems, of a stretch of the file."""
    rows = troubled_rows(job).filter(number__gte=first, number__lte=last)
    return dict(rows.values_list("number", "problems"))


def saved_mapping(organisation_id: int | None, kind: str, fingerprint: str) -> dict[str, str]:
    if organisation_id is None:
        return {}
    rows = ColumnMapping.objects.filter(organisation_id=organisation_id, kind=kind, fingerprint=fingerprint)
    return rows.values_list("mapping", flat=True).first() or {}


def external_ids(organisation_id: int, kind: str, became: str, ids: Collection[int]) -> dict[int, str]:
    """What the organisation itself calls the things that its files became: for its own people and operators."""
    rows = ImportedThing.objects.filter(
        organisation_id=organisation_id, kind=kind, became=became, became_id__in=ids
    ).exclude(key__startswith="#")
    return dict(rows.order_by("-pk").values_list("became_id", "key"))


def external_ids_of_people(organisation_id: int, person_ids: Collection[int]) -> dict[int, str]:
    """Of people who were registered, and of those who accepted the invitation that a row became."""
    invited = parties.invitations_accepted_by(person_ids, organisation_id=organisation_id)
    by_invitation = external_ids(organisation_id, Kind.PEOPLE, "invitation", invited.keys())
    found = {invited[pk]: key for pk, key in by_invitation.items()}
    return found | external_ids(organisation_id, Kind.PEOPLE, "person", person_ids)


def importer(job: Import) -> Actor:
    """Whose import it is, with the posts of this moment, acting for the organisation it was started for."""
    if job.person_id is None:
        return parties.system()
    user: Any = get_user_model().objects.filter(person=job.person_id, is_active=True).first()
    found = parties.actor_for(user, acting_for=job.organisation_id) if user else parties.visitor()
    return found if found.acting_for == job.organisation_id else parties.visitor()
