"""Reads of the inference context."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Sum

from keqiao.inference.models import Call, Circuit, Consent
from keqiao.inference.types import CallState, Provider, Service
from keqiao.kernel import clock
from keqiao.kernel.errors import NotAllowed
from keqiao.parties.types import Actor


def provider(service: str) -> Provider | None:
    """The site's model for a service; None when it has none, which is how a site begins."""
    if service == Service.CHAT:
        if not settings.CHAT_URL:
            return None
        return Provider(
            Service.CHAT,
            settings.CHAT_MODEL,
            urlsplit(settings.CHAT_URL).netloc or settings.CHAT_URL,
            url=settings.CHAT_URL,
            key=settings.CHAT_KEY,
            price_in=settings.CHAT_PRICE_IN or Decimal(0),
            price_out=settings.CHAT_PRICE_OUT or Decimal(0),
        )
    if settings.EMBEDDINGS_FOLDER:
        folder = settings.EMBEDDINGS_FOLDER
        return Provider(Service.EMBEDDINGS, settings.EMBEDDINGS_MODEL or Path(folder).name, "", folder=folder)
    if not settings.EMBEDDINGS_URL:
        return None
    return Provider(
        Service.EMBEDDINGS,
        settings.EMBEDDINGS_MODEL,
        urlsplit(settings.EMBEDDINGS_URL).netloc or settings.EMBEDDINGS_URL,
        url=settings.EMBEDDINGS_URL,
        key=settings.EMBEDDINGS_KEY,
        price_in=settings.EMBEDDINGS_PRICE or Decimal(0),
    )


def may_send_searches(found: Provider) -> bool:
    """What people type may reach a model on this machine; one elsewhere only where the operator says so."""
    return found.is_here or bool(settings.EMBEDDINGS_SEARCHES)


# --- consent ----------------------------------------------------------------------------------------------------------


def consent_of(organisation_id: int) -> Consent | None:
    """What the organisation agreed to and did not withdraw, whatever model the site has now."""
    rows = Consent.objects.select_related("given_by")
    return rows.filter(organisation_id=organisation_id, withdrawn_at=None).first()


def has_consent(organisation_id: int) -> bool:
    """Did it agree that unpublished text goes to the chat model that the site has now?"""
    found = provider(Service.CHAT)
    return found is not None and _in_force(organisation_id, found).exists()


def _in_force(organisation_id: int, found: Provider) -> QuerySet[Consent]:
    return Consent.objects.filter(
        organisation_id=organisation_id, model=found.model, host=found.host, withdrawn_at=None
    )


def consent_in_force(organisation_id: int, found: Provider, *, lock: bool = False) -> Consent | None:
    rows = _in_force(organisation_id, found)
    return (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()


def consents_before(organisation_id: int) -> QuerySet[Consent]:
    """Those that were withdrawn, the latest first."""
    rows = Consent.objects.select_related("given_by", "withdrawn_by")
    return rows.filter(organisation_id=organisation_id, withdrawn_at__isnull=False).order_by("-pk")


def calls_of(organisation_id: int) -> QuerySet[Call]:
    """What was sent for an organisation, the latest first."""
    return Call.objects.filter(organisation_id=organisation_id).order_by("-at", "-pk")


# --- what it costs ----------------------------------------------------------------------------------------------------


def month_began() -> datetime:
    return datetime.combine(clock.today().replace(day=1), time.min, tzinfo=clock.site_zone())


def spent_this_month() -> int:
    """Millionths of a yuan, reservations included."""
    return int(Call.objects.filter(at__gte=month_began()).aggregate(sum=Sum("micros"))["sum"] or 0)


def cap() -> int:
    """Millionths of a yuan a month."""
    return int(settings.MODELS_CAP * 1_000_000)


def use_this_month(actor: Actor) -> list[dict[str, Any]]:
    """Calls, tokens and cost by task and model; for operators."""
    if not actor.is_operator:
        raise NotAllowed
    rows = Call.objects.filter(at__gte=month_began()).values("task", "model", "host")
    summed = rows.annotate(
        calls=Count("pk"),
        failed=Count("pk", filter=Q(state=CallState.FAILED)),
        sent=Sum("tokens_in"),
        received=Sum("tokens_out"),
        cost=Sum("micros"),
    )
    return [dict(row) for row in summed.order_by("task", "model", "host")]


def latest_calls(actor: Actor) -> QuerySet[Call]:
    if not actor.is_operator:
        raise NotAllowed
    return Call.objects.order_by("-at", "-pk")


def consents_in_force(actor: Actor) -> QuerySet[Consent]:
    if not actor.is_operator:
        raise NotAllowed
    return Consent.objects.filter(withdrawn_at=None).select_related("organisation", "given_by").order_by("-pk")


# --- how it does ------------------------------------------------------------------------------------------------------


def circuit(service: str) -> Circuit | None:
    return Circuit.objects.filter(pk=service).first()


def is_resting(service: str) -> bool:
    found = circuit(service)
    return found is not None and found.open_until is not None and found.open_until > clock.now()


def health() -> dict[str, str]:
    """Service → off, ok or resting: what a monitor may know."""
    return {
        str(service): "off" if provider(service) is None else "resting" if is_resting(service) else "ok"
        for service in Service
    }
