"""What went stale: found by the nightly job, answered for by the owner's people or an operator."""

from __future__ import annotations

from typing import Any

from keqiao.alerts import selectors, telling
from keqiao.alerts.models import StaleItem
from keqiao.alerts.stale import KINDS, stale
from keqiao.catalogue import services as catalogue
from keqiao.catalogue.types import EndReason
from keqiao.kernel import clock, codes, notices
from keqiao.kernel.commands import command
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.events import record
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

__all__ = ["confirm_item", "find_stale", "renew_stale_item", "withdraw_stale_item"]

CHUNK = 1_000


@command
def find_stale(*, actor: Actor, reason: str) -> int:
    """Make rows for what the reason applies to now, remove the others; how many are new. Owners are told once a day."""
    if not actor.is_system:
        raise NotAllowed
    return sum(_find(kind, reason, actor) for kind in KINDS)


def _find(kind: str, reason: str, actor: Actor) -> int:
    now_stale = stale(kind, reason)
    known = StaleItem.objects.filter(reason=reason, **{f"{kind}__isnull": False})
    known.exclude(**{f"{kind}__in": now_stale.order_by()}).delete()
    owner = "publisher_id" if kind == "need" else "owner_id"
    fresh = now_stale.exclude(pk__in=known.values(f"{kind}_id")).values_list("pk", owner)
    found = list(fresh)
    for first in range(0, len(found), CHUNK):
        some = found[first : first + CHUNK]
        names = codes.fresh_many(StaleItem, "WH", len(some))
        StaleItem.objects.bulk_create(
            [
                StaleItem(code=name, reason=reason, **{f"{kind}_id": pk})
                for name, (pk, _owner) in zip(names, some, strict=True)
            ],
            ignore_conflicts=True,
        )
    for organisation_id in sorted({home for _pk, home in found}):
        _tell(organisation_id, actor)
    return len(found)


def _tell(organisation_id: int, actor: Actor) -> None:
    zh, en = telling.STALE_TITLES
    for person_id in parties.approvers_of(organisation_id):
        notices.tell(
            actor=actor,
            person_id=person_id,
            kind=telling.STALE,
            key=f"{telling.STALE}:{organisation_id}:{clock.today()}",
            title_zh=zh,
            title_en=en,
            link="/me/upkeep",
        )


@command
def confirm_item(*, actor: Actor, code: str) -> StaleItem:
    """It still holds as it is: nobody is asked for a while."""
    row = selectors.get_stale(code, actor=actor, lock=True)
    _confirm(row, StaleItem.objects.filter(pk=row.pk), actor)
    return row


@command
def renew_stale_item(*, actor: Actor, code: str) -> StaleItem:
    """A new term for the item, which answers everything that was asked about it."""
    row = selectors.get_stale(code, actor=actor, lock=True)
    renew: Any = catalogue.renew_need if row.kind == "need" else catalogue.renew_achievement
    renew(actor=actor, code=row.item.code)
    _confirm(row, StaleItem.objects.filter(**{row.kind: row.item}), actor)
    return row


@command
def withdraw_stale_item(*, actor: Actor, code: str) -> None:
    """It no longer holds: out of public view."""
    row = selectors.get_stale(code, actor=actor, lock=True)
    withdraw: Any = catalogue.withdraw_need if row.kind == "need" else catalogue.withdraw_achievement
    withdraw(actor=actor, code=row.item.code, reason=EndReason.OUTDATED.value)
    StaleItem.objects.filter(**{row.kind: row.item}).delete()


def _confirm(row: StaleItem, rows: Any, actor: Actor) -> None:
    rows.update(confirmed_at=clock.now())
    record("alerts.stale_confirmed", row, actor=actor, reason=row.reason)
