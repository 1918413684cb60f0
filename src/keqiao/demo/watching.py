"""What the demo's people watch, and a need that another enterprise has as well. May be loaded again."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from keqiao.alerts import services as alerts
from keqiao.alerts.models import Watch
from keqiao.catalogue import selectors as catalogue
from keqiao.joining import services as joining
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

OFFICER, ENTERPRISE = "shen@lut.example", "xu@chengyuan.example"


def load() -> None:
    """Once; call it after the items are there."""
    officer, enterprise = _actor(OFFICER), _actor(ENTERPRISE)
    if (
        officer is None
        or enterprise is None
        or Watch.objects.filter(person__user__email=OFFICER, is_chosen=True).exists()
    ):
        return
    alerts.start_watch(actor=officer, subject="own", cadence="daily")
    alerts.start_watch(actor=officer, subject="class", scheme="field", of="materials", threshold=60, cadence="weekly")
    needs = catalogue.newest_needs(parties.visitor()).filter(is_fictional=True)
    other = needs.exclude(publisher_id=enterprise.acting_for).order_by("code").first()
    if other is not None:
        note = "我们的产线也有这个问题，年用量约为贵方的一半。"
        joining.ask_to_join(actor=enterprise, kind="need", code=other.code, note=note)


def _actor(email: str) -> Actor | None:
    user = get_user_model().objects.filter(email=email, is_active=True).first()
    return parties.actor_for(user) if user else None
