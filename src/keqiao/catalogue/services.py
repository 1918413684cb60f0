"""Commands of the catalogue: add and publish achievements and needs, load code tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from keqiao.catalogue.models import (
    Achievement,
    AchievementIndicator,
    AchievementText,
    Code,
    IPAsset,
    Need,
    NeedIndicator,
    NeedText,
    TeamMember,
    TrueLink,
)
from keqiao.catalogue.policies import can_run_achievement, can_run_need
from keqiao.catalogue.selectors import get_achievement, get_need
from keqiao.catalogue.types import AssetKind
from keqiao.catalogue.workflow import achievement_workflow, need_workflow
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.kernel.events import record
from keqiao.kernel.identifiers import ApplicationNumberError, read_application_number
from keqiao.parties.types import Actor

PATENTS = {AssetKind.INVENTION, AssetKind.UTILITY, AssetKind.DESIGN}
FOREIGN = re.compile(r"(?:PCT|WO|US|EP|JP|KR|DE|GB|FR|IL|SG)\b|(?:US|EP|WO|PCT)[/0-9]", re.IGNORECASE)


@dataclass(frozen=True)
class AchievementDraft:
    """Everything of one achievement; `fields` are columns of the table, `texts` maps zh/en to text columns."""

    fields: Mapping[str, Any]
    texts: Mapping[str, Mapping[str, str]]
    indicators: Sequence[Mapping[str, Any]] = ()
    team: Sequence[Mapping[str, Any]] = ()
    asset_ids: Sequence[int] = ()


@dataclass(frozen=True)
class NeedDraft:
    """Everything of one need."""

    fields: Mapping[str, Any]
    texts: Mapping[str, Mapping[str, str]]
    indicators: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@command
def add_achievement(*, actor: Actor, draft: AchievementDraft) -> Achievement:
    """Add a draft achievement of an organisation that the actor works for."""
    achievement = _new_achievement(actor, draft)
    record("catalogue.achievement_added", achievement, actor=actor)
    return achievement


@command
def add_need(*, actor: Actor, draft: NeedDraft) -> Need:
    need = _new_need(actor, draft)
    record("catalogue.need_added", need, actor=actor)
    return need


@command
def publish_achievement(*, actor: Actor, code: str) -> Achievement:
    """Make it public; the index and its matches follow in the worker."""
    achievement = get_achievement(code, actor=actor, lock=True)
    _stamp(achievement)
    achievement_workflow.advance(achievement, "publish", actor=actor)
    return achievement


@command
def publish_need(*, actor: Actor, code: str) -> Need:
    need = get_need(code, actor=actor, lock=True)
    _stamp(need)
    need_workflow.advance(need, "publish", actor=actor)
    return need


@command
def withdraw_achievement(*, actor: Actor, code: str) -> Achievement:
    """Take it out of public view; the index forgets it."""
    achievement = get_achievement(code, actor=actor, lock=True)
    achievement_workflow.check(achievement, "withdraw", actor=actor)
    _stamp(achievement)
    achievement_workflow.advance(achievement, "withdraw", actor=actor)
    return achievement


@command
def withdraw_need(*, actor: Actor, code: str) -> Need:
    need = get_need(code, actor=actor, lock=True)
    need_workflow.check(need, "withdraw", actor=actor)
    _stamp(need)
    need_workflow.advance(need, "withdraw", actor=actor)
    return need


@command
def load_items(*, actor: Actor, achievements: Sequence[AchievementDraft] = (), needs: Sequence[NeedDraft] = ()) -> None:
    """Load many ready items at once (operators; demo data, migration from another system). One event for the batch."""
    if not actor.is_operator:
        raise NotAllowed
    added = [_new_achievement(actor, draft) for draft in achievements]
    wanted = [_new_need(actor, draft) for draft in needs]
    for kind, items in (("achievement", added), ("need", wanted)):
        if items:
            record(f"catalogue.{kind}s_loaded", items[0], actor=actor, ids=[item.pk for item in items])


@command
def register_asset(*, actor: Actor, **fields: Any) -> IPAsset:
    """Enter an IP asset of an organisation."""
    if not (actor.is_operator or actor.works_for(fields["owner_id"])):
        raise NotAllowed
    if fields["kind"] in PATENTS and fields.get("number"):
        fields["number"] = _application_number(fields["number"])
    asset = IPAsset.objects.create(**fields)
    record("catalogue.asset_registered", asset, actor=actor)
    return asset


def _application_number(text: str) -> str:
    """As it is kept: the check digit is right (ZC 0006-2003). Foreign applications keep their own form."""
    if FOREIGN.match(text.strip()):
        return text.strip()
    try:
        return read_application_number(text).number
    except ApplicationNumberError as error:
        message = _("专利申请号“%(text)s”不对：请核对校验位，例如 %(example)s。")
        raise BadInput(message % {"text": error.text, "example": error.example}, field="number") from error


@command
def load_codes(*, actor: Actor, rows: Iterable[Mapping[str, Any]]) -> int:
    """Load entries of code tables; an entry that is there already takes the new titles. How many rows were given."""
    if not actor.is_operator:
        raise NotAllowed
    entries = [Code(**row) for row in rows]
    Code.objects.bulk_create(
        entries,
        batch_size=2_000,
        update_conflicts=True,
        unique_fields=["scheme", "edition", "code"],
        update_fields=["parent", "level", "title_zh", "title_en", "remark", "position"],
    )
    return len(entries)


@command
def link_truly(*, actor: Actor, pairs: Iterable[tuple[str, str]]) -> None:
    """Record links that a source states: (need's external id, achievement's external id)."""
    if not actor.is_operator:
        raise NotAllowed
    wanted = set(pairs)
    needs = dict(
        Need.objects.filter(external_id__in={need for need, _achievement in wanted}).values_list("external_id", "pk")
    )
    found = dict(
        Achievement.objects.filter(external_id__in={achievement for _need, achievement in wanted}).values_list(
            "external_id", "pk"
        )
    )
    TrueLink.objects.bulk_create(
        [TrueLink(need_id=needs[n], achievement_id=found[a]) for n, a in sorted(wanted) if n in needs and a in found],
        ignore_conflicts=True,
    )


def _stamp(item: Achievement | Need) -> None:
    now = clock.now()
    item.published_at = item.published_at or now
    item.updated_at = now
    item.revision += 1
    item.save(update_fields=["published_at", "updated_at", "revision"])


def _new_achievement(actor: Actor, draft: AchievementDraft) -> Achievement:
    achievement = Achievement(**draft.fields)
    if not can_run_achievement(actor, achievement):
        raise NotAllowed
    achievement.code = achievement.code or _next_code("CG")
    achievement.save()
    AchievementText.objects.bulk_create(
        [AchievementText(achievement=achievement, lang=lang, **text) for lang, text in draft.texts.items()]
    )
    AchievementIndicator.objects.bulk_create(
        [AchievementIndicator(achievement=achievement, position=n, **row) for n, row in enumerate(draft.indicators)]
    )
    TeamMember.objects.bulk_create(
        [TeamMember(achievement=achievement, position=n, **row) for n, row in enumerate(draft.team)]
    )
    if draft.asset_ids:
        achievement.assets.add(*draft.asset_ids)
    return achievement


def _new_need(actor: Actor, draft: NeedDraft) -> Need:
    need = Need(**draft.fields)
    if not can_run_need(actor, need):
        raise NotAllowed
    need.code = need.code or _next_code("XQ")
    need.save()
    NeedText.objects.bulk_create([NeedText(need=need, lang=lang, **text) for lang, text in draft.texts.items()])
    NeedIndicator.objects.bulk_create(
        [NeedIndicator(need=need, position=n, **row) for n, row in enumerate(draft.indicators)]
    )
    return need


def _next_code(prefix: str) -> str:
    """CG-2026-00642: the year in the site's zone and a running number that is never given twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('catalogue_item_number')")
        number = cursor.fetchone()[0]
    return f"{prefix}-{clock.today().year}-{number:05d}"
