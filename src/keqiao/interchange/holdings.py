"""Interchange's part of what the platform holds about a person: their imports, and rows of others that name them."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from keqiao.accounts import selectors as accounts
from keqiao.interchange import services
from keqiao.interchange.models import Import, ImportRow
from keqiao.parties import selectors as parties

ENDED = ("done", "cancelled", "refused")


def export(person_id: int) -> dict[str, Any]:
    own = Import.objects.filter(person_id=person_id).order_by("pk")
    return {
        "imports": [
            {
                "code": job.code,
                "kind": job.kind,
                "state": job.state,
                "file": job.file_name,
                "created_at": job.created_at.isoformat(),
            }
            for job in own.iterator(chunk_size=200)
        ]
    }


def erase(person_id: int) -> None:
    """Files cannot be searched like rows: those of the person, those that ended where the person works, and those whose
    rows name the person are thrown away whole. What the rows became is the other contexts' to erase.
    """
    identity = accounts.identity_of(person_id)
    named = Q()
    for needle in identity.needles:
        named |= Q(content__icontains=needle) | Q(problems__icontains=needle)
    mentioned = ImportRow.objects.filter(named).values("job_id") if named else ImportRow.objects.none().values("job_id")
    ended_here = Q(organisation_id__in=parties.organisations_of_person(person_id), state__in=ENDED)
    jobs = Import.objects.filter(Q(person_id=person_id) | ended_here | Q(pk__in=mentioned))
    for import_id in list(jobs.exclude(file=None, file_name="").values_list("pk", flat=True)):
        services.forget_import(actor=parties.system(), import_id=import_id)
