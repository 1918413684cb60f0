"""Which public items may no longer hold, and why: one query for each reason."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from keqiao.alerts.types import StaleReason
from keqiao.catalogue import selectors as catalogue
from keqiao.engagement import selectors as engagement
from keqiao.engagement.types import RECEIVING_ROLES
from keqiao.kernel import clock
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import OrganisationKind

KINDS = ("need", "achievement")


def stale(kind: str, reason: str) -> QuerySet[Any]:
    """The public items of a kind to which the reason applies now."""
    rows: QuerySet[Any] = catalogue.published_ids(kind)
    now, today = clock.now(), clock.today()
    if reason == StaleReason.DEADLINE:
        return rows.filter(deadline__lt=today) if kind == "need" else rows.none()
    if reason == StaleReason.RIGHT:
        lapsed = catalogue.granted_assets().filter(achievements=OuterRef("pk"), expires_on__lt=today)
        return rows.filter(Exists(lapsed)) if kind == "achievement" else rows.none()
    if reason == StaleReason.EVIDENCE:
        before = now - timedelta(days=parameter("alerts.stale_evidence_days", on=today))
        return rows.filter(Exists(catalogue.proofs_older_than(before, kind)))
    owner = "publisher" if kind == "need" else "owner"
    if reason == StaleReason.NOBODY:  # a repository of open texts has no people, and needs none
        rows = rows.exclude(**{f"{owner}__kind": OrganisationKind.REPOSITORY})
        return rows.exclude(**{f"{owner}__in": parties.organisations_with(RECEIVING_ROLES)})
    return _quiet(rows, kind, now - timedelta(days=parameter("alerts.stale_quiet_days", on=today)))


def _quiet(rows: QuerySet[Any], kind: str, before: datetime) -> QuerySet[Any]:
    contacted = engagement.contacts_since(before).filter(**{kind: OuterRef("pk")})
    return rows.filter(updated_at__lt=before).exclude(Exists(contacted))
