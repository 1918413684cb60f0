"""Commands: webhooks of an organisation, and what is sent to them."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from keqiao.integrations.models import Delivery, Webhook
from keqiao.integrations.policies import can_connect
from keqiao.integrations.selectors import deliveries_of, get_webhook
from keqiao.integrations.types import (
    BACKOFF,
    KIND_OF_EVENT,
    PING,
    SECRET_PREFIX,
    WEBHOOK_KINDS,
    Audience,
    DeliveryState,
)
from keqiao.kernel import clock, codes, notices, outgoing
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.outgoing import Answered
from keqiao.kernel.parameters import parameter
from keqiao.parties.types import Actor

MOST_REPLAYED = 1_000


@command
def make_webhook(*, actor: Actor, organisation_id: int, url: str, kinds: Iterable[str]) -> Webhook:
    """A new address of an organisation. Its secret is on the row: shown to those who connect the organisation."""
    if not can_connect(actor, organisation_id):
        raise NotAllowed
    most = int(parameter("integrations.webhooks_per_organisation", on=clock.today()))
    if Webhook.objects.filter(organisation_id=organisation_id, deleted_at=None).count() >= most:
        raise BadInput(_("每个单位最多设置 %(most)s 个回调。") % {"most": most}, field="url")
    webhook = Webhook.objects.create(
        code=codes.fresh(Webhook, "HD"),
        organisation_id=organisation_id,
        made_by_id=actor.person_id,
        url=outgoing.check_url(url.strip()),
        kinds=_known_kinds(kinds),
        secret=_new_secret(),
        is_active=True,
    )
    record("integrations.webhook_made", webhook, actor=actor, organisation=organisation_id, kinds=webhook.kinds)
    return webhook


def _known_kinds(kinds: Iterable[str]) -> list[str]:
    asked = set(kinds)
    if not asked or asked - WEBHOOK_KINDS.keys():
        raise BadInput(_("至少选一种通知，例如 need.published。"), field="kinds")
    return [name for name in WEBHOOK_KINDS if name in asked]


def _new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(32)


@command
def change_webhook(
    *,
    actor: Actor,
    code: str,
    url: str | None = None,
    kinds: Iterable[str] | None = None,
    is_active: bool | None = None,
) -> Webhook:
    """Another address, other kinds, off or on. Switching on forgets that it failed."""
    webhook = get_webhook(code, actor=actor, lock=True)
    changed = []
    if url is not None:
        webhook.url = outgoing.check_url(url.strip())
        changed.append("url")
    if kinds is not None:
        webhook.kinds = _known_kinds(kinds)
        changed.append("kinds")
    if is_active is not None:
        webhook.is_active, webhook.failing_since, webhook.disabled_at = is_active, None, None
        changed += ["is_active", "failing_since", "disabled_at"]
    if changed:
        webhook.save(update_fields=changed)
        record("integrations.webhook_changed", webhook, actor=actor, fields=changed)
    return webhook


@command
def rotate_secret(*, actor: Actor, code: str) -> Webhook:
    """A new secret; the old one signs beside it for some days, so that the receiver may change at leisure."""
    webhook = get_webhook(code, actor=actor, lock=True)
    days = int(parameter("integrations.secret_overlap_days", on=clock.today()))
    webhook.old_secret, webhook.old_secret_until = webhook.secret, clock.now() + timedelta(days=days)
    webhook.secret = _new_secret()
    webhook.save(update_fields=["secret", "old_secret", "old_secret_until"])
    record("integrations.webhook_secret_rotated", webhook, actor=actor)
    return webhook


@command
def delete_webhook(*, actor: Actor, code: str) -> None:
    """Nothing is sent any more; the log goes, the row stays for the trail without its address and secrets."""
    webhook = get_webhook(code, actor=actor, lock=True)
    webhook.deliveries.all().delete()
    webhook.url, webhook.secret, webhook.old_secret = "", "", ""
    webhook.is_active, webhook.deleted_at = False, clock.now()
    webhook.save(update_fields=["url", "secret", "old_secret", "is_active", "deleted_at"])
    record("integrations.webhook_deleted", webhook, actor=actor)


# --- what is sent -------------------------------------------------------------------------------------------------------


@command
def queue_event(
    *,
    actor: Actor,
    event_id: int,
    event: str,
    at: datetime,
    facts: dict[str, Any],
    organisation_ids: Collection[int] = (),
) -> int:
    """Write one delivery for each webhook that asked for this kind, once per event. How many are new.

    `facts`: ids in the form of codes and links, nothing confidential. `organisation_ids`: for kinds of their own.
    """
    if not actor.is_system:
        raise NotAllowed
    kind = KIND_OF_EVENT[event]
    rows = Webhook.objects.filter(is_active=True, deleted_at=None, kinds__contains=[kind.name])
    if kind.audience == Audience.OWN:
        rows = rows.filter(organisation_id__in=organisation_ids)
    told = set(Delivery.objects.filter(event_id=event_id).values_list("webhook_id", flat=True))
    fresh = [webhook for webhook in rows.order_by("pk") if webhook.pk not in told]
    for webhook in fresh:
        _queue(webhook, kind.name, at, facts, event_id)
    return len(fresh)


def _queue(webhook: Webhook, kind: str, at: datetime, facts: dict[str, Any], event_id: int | None) -> Delivery:
    code = str(uuid.uuid4())
    body = {"id": code, "kind": kind, "at": at.isoformat(), "data": facts}
    delivery = Delivery.objects.create(
        webhook=webhook,
        code=code,
        kind=kind,
        event_id=event_id,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        tries_left=len(BACKOFF) + 1,
    )
    _defer(delivery)
    return delivery


def _defer(delivery: Delivery, wait: int = 0) -> None:
    from procrastinate.contrib.django import app

    job = app.configure_task("keqiao.integrations.tasks.deliver_webhook", queue="webhooks")
    if wait:
        job = app.configure_task(
            "keqiao.integrations.tasks.deliver_webhook", queue="webhooks", schedule_in={"seconds": wait}
        )
    job.defer(delivery_id=delivery.pk)


@command
def ping_webhook(*, actor: Actor, code: str) -> Delivery:
    """A first message, to see that it arrives."""
    webhook = get_webhook(code, actor=actor)
    facts = {"webhook": webhook.code, "url": f"{settings.SITE_URL}/me/webhooks/{webhook.code}"}
    return _queue(webhook, PING, clock.now(), facts, None)


@command
def replay(*, actor: Actor, code: str, delivery: str = "", since: datetime | None = None) -> int:
    """Send one delivery again, or all since a time, in the order in which they were made. How many."""
    webhook = get_webhook(code, actor=actor, lock=True)
    rows = deliveries_of(webhook).order_by("id")
    if delivery:
        rows = rows.filter(code=delivery)
        if not rows.exists():
            raise NotFound
    elif since is not None:
        rows = rows.filter(created_at__gte=since)
    else:
        raise BadInput(_("请写明从什么时间起重发，例如 2026-11-20T09:00:00+08:00。"), field="since")
    chosen = list(rows[: MOST_REPLAYED + 1])
    if len(chosen) > MOST_REPLAYED:
        raise BadInput(_("一次最多重发 %(most)s 条，请从较晚的时间起。") % {"most": MOST_REPLAYED}, field="since")
    for row in chosen:
        row.state, row.tries_left, row.next_at = DeliveryState.WAITING, len(BACKOFF) + 1, None
        row.save(update_fields=["state", "tries_left", "next_at"])
        _defer(row)
    record("integrations.webhook_replayed", webhook, actor=actor, count=len(chosen))
    return len(chosen)


@command
def note_attempt(*, actor: Actor, delivery_id: int, answered: Answered) -> None:
    """What came of one attempt; the next one is planned, or the delivery or the whole webhook is given up."""
    if not actor.is_system:
        raise NotAllowed
    holder = Webhook.objects.filter(deliveries__pk=delivery_id, deleted_at=None)
    webhook = holder.select_for_update(of=("self",), no_key=True).first()
    if webhook is None:
        return
    delivery = Delivery.objects.select_for_update(no_key=True).get(pk=delivery_id)
    now = clock.now()
    delivery.attempts += 1
    delivery.tries_left = max(0, delivery.tries_left - 1)
    delivery.tried_at, delivery.status, delivery.took_ms = now, answered.status, answered.took_ms
    delivery.answer, delivery.problem = answered.text[:200].replace("\x00", ""), answered.problem[:200]
    delivery.next_at = None
    if answered.is_taken:
        delivery.state = DeliveryState.DELIVERED
    elif delivery.tries_left:
        wait = BACKOFF[len(BACKOFF) - delivery.tries_left]
        delivery.state, delivery.next_at = DeliveryState.WAITING, now + timedelta(seconds=wait)
        _defer(delivery, wait)
    else:
        delivery.state = DeliveryState.FAILED
    delivery.save(
        update_fields=[
            "attempts", "tries_left", "tried_at", "status", "took_ms", "answer", "problem", "next_at", "state"
        ]
    )  # fmt: skip
    _note_health(webhook, now, is_taken=answered.is_taken)


def _note_health(webhook: Webhook, now: datetime, *, is_taken: bool) -> None:
    """Since when it fails; after the parameter's days it is switched off and the one who made it is told."""
    if is_taken:
        if webhook.failing_since is not None:
            webhook.failing_since = None
            webhook.save(update_fields=["failing_since"])
        return
    if webhook.failing_since is None:
        webhook.failing_since = now
        webhook.save(update_fields=["failing_since"])
        return
    days = int(parameter("integrations.webhook_failing_days", on=clock.today()))
    if not webhook.is_active or now - webhook.failing_since < timedelta(days=days):
        return
    from keqiao.parties import selectors as parties

    webhook.is_active, webhook.disabled_at = False, now
    webhook.save(update_fields=["is_active", "disabled_at"])
    record("integrations.webhook_disabled", webhook, actor=parties.system())
    if webhook.made_by_id is not None:
        notices.tell(
            actor=parties.system(),
            person_id=webhook.made_by_id,
            kind="integrations.webhook_disabled",
            key=f"webhook_disabled:{webhook.pk}:{now.date().isoformat()}",
            title_zh=f"回调 {webhook.code} 连续 {days} 天投递失败，已停用",
            title_en=f"Webhook {webhook.code} failed for {days} days and was switched off",
            link=f"/me/webhooks/{webhook.code}",
        )


@command
def forget_old_deliveries(*, actor: Actor) -> int:
    """The log is kept for the parameter's days."""
    if not actor.is_system:
        raise NotAllowed
    days = int(parameter("integrations.delivery_kept_days", on=clock.today()))
    return Delivery.objects.filter(created_at__lt=clock.now() - timedelta(days=days)).delete()[0]
