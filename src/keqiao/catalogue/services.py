"""Commands of the catalogue: add and publish achievements and needs, load code tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar

from django.db.models import F
from django.utils.translation import gettext as _

from keqiao.catalogue.models import (
    Achievement,
    AchievementIndicator,
    AchievementText,
    Attachment,
    Code,
    IPAsset,
    Need,
    NeedIndicator,
    NeedText,
    PrivateBudget,
    TeamMember,
    TrueLink,
)
from keqiao.catalogue.naming import join_as_contributor, name_contributor, note_naming_mailed  # noqa: F401 -- commands of the catalogue
from keqiao.catalogue.policies import can_publish, can_run_achievement, can_run_need
from keqiao.catalogue.selectors import PRICE, get_achievement, get_need
from keqiao.catalogue.sharing import propose_shares, refuse_shares, sign_shares, sign_shares_for  # noqa: F401 -- commands of the catalogue
from keqiao.catalogue.types import AssetKind, AssetStatus, BudgetShown, EndReason, ItemState, PriceKind
from keqiao.catalogue.workflow import achievement_workflow, need_workflow
from keqiao.kernel import clock, codes, notices
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.identifiers import ApplicationNumberError, read_application_number
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

T = TypeVar("T", Achievement, Need)

ASSET_FIELDS = {"kind", "number", "title_zh", "title_en", "status", "filed_on", "expires_on"}
IN_FORCE = {AssetStatus.GRANTED, AssetStatus.REGISTERED}
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
    attachments: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class NeedDraft:
    """Everything of one need. `budget_shown` among the fields says who sees its price; it is no column of the need."""

    fields: Mapping[str, Any]
    texts: Mapping[str, Mapping[str, str]]
    indicators: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    attachments: Sequence[Mapping[str, Any]] = ()


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
def rewrite_achievement(*, actor: Actor, code: str, draft: AchievementDraft) -> Achievement:
    """Put an accepted new version in the place of the old one. Owner and code stay; the index follows in the worker."""
    achievement = get_achievement(code, actor=actor, lock=True)
    if not can_publish(actor, achievement):
        raise NotAllowed
    _set_fields(achievement, draft.fields)
    for rows in (achievement.texts, achievement.indicators, achievement.team, achievement.attachments):
        rows.all().delete()
    _write_parts_of_achievement(achievement, draft)
    achievement.assets.set(draft.asset_ids)
    _record_rewrite("achievement", achievement, actor)
    return achievement


@command
def rewrite_need(*, actor: Actor, code: str, draft: NeedDraft) -> Need:
    """As rewrite_achievement; the publisher stays."""
    need = get_need(code, actor=actor, lock=True)
    if not can_publish(actor, need):
        raise NotAllowed
    fields, budget = _without_budget(draft.fields)
    _set_fields(need, fields)
    for rows in (need.texts, need.indicators, need.attachments):
        rows.all().delete()
    _write_parts_of_need(need, draft)
    PrivateBudget.objects.filter(need=need).delete()
    _keep_budgets([(need, budget)])
    _record_rewrite("need", need, actor)
    return need


@command
def publish_achievement(*, actor: Actor, code: str) -> Achievement:
    """Make it public for its term; the index and its matches follow in the worker."""
    return _advance(get_achievement(code, actor=actor, lock=True), "publish", actor)


@command
def publish_need(*, actor: Actor, code: str) -> Need:
    return _advance(get_need(code, actor=actor, lock=True), "publish", actor)


@command
def withdraw_achievement(*, actor: Actor, code: str, reason: str = "") -> Achievement:
    """Take it out of public view; the index forgets it."""
    return _end(get_achievement(code, actor=actor, lock=True), "withdraw", actor, reason)


@command
def withdraw_need(*, actor: Actor, code: str, reason: str = "") -> Need:
    return _end(get_need(code, actor=actor, lock=True), "withdraw", actor, reason)


@command
def close_achievement(*, actor: Actor, code: str, reason: str = "") -> Achievement:
    """Say that it is no longer on offer; the page stays."""
    return _end(get_achievement(code, actor=actor, lock=True), "close", actor, reason)


@command
def close_need(*, actor: Actor, code: str, reason: str = "") -> Need:
    """Say that it is solved or given up; the page stays."""
    return _end(get_need(code, actor=actor, lock=True), "close", actor, reason)


@command
def expire_achievement(*, actor: Actor, code: str) -> Achievement:
    """Its last day has passed: out of public view until its owner renews it. The nightly job does this."""
    return _expire(get_achievement(code, actor=actor, lock=True), actor)


@command
def expire_need(*, actor: Actor, code: str) -> Need:
    return _expire(get_need(code, actor=actor, lock=True), actor)


@command
def remind_of_expiry(*, actor: Actor, kind: str, code: str, days: int) -> int:
    """Tell the owner's people that the last public day is near; once per term and reminder. How many were told."""
    if not actor.is_system:
        raise NotAllowed
    item: Any = (get_achievement if kind == "achievement" else get_need)(code, actor=actor)
    if item.state != ItemState.PUBLISHED or item.expires_on is None:
        return 0
    return _tell_owner(item, actor, "expires_soon", f"{item.expires_on}:{days}")


@command
def renew_achievement(*, actor: Actor, code: str) -> Achievement:
    """The owner says that it still holds: a new term from today, back in public view if it had expired."""
    return _renew(get_achievement(code, actor=actor, lock=True), actor, can_run=can_run_achievement)


@command
def renew_need(*, actor: Actor, code: str) -> Need:
    return _renew(get_need(code, actor=actor, lock=True), actor, can_run=can_run_need)


@command
def load_items(
    *, actor: Actor, achievements: Sequence[AchievementDraft] = (), needs: Sequence[NeedDraft] = ()
) -> list[Achievement | Need]:
    """Load many ready items at once (operators; demo data, migration from another system). One event for the batch."""
    if not actor.is_operator:
        raise NotAllowed
    added = _load_achievements(actor, achievements)
    wanted = _load_needs(actor, needs)
    for kind, items in (("achievement", added), ("need", wanted)):
        if items:
            record(f"catalogue.{kind}s_loaded", items[0], actor=actor, ids=[item.pk for item in items])
    return [*added, *wanted]


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


@command
def rewrite_asset(*, actor: Actor, asset_id: int, **fields: Any) -> IPAsset:
    """Correct an IP asset, for example when it is granted: its owner's people and operators. To others it is not there.

    Whether a right is in force stands in the index with each achievement that names it: those are indexed anew.
    """
    asset = IPAsset.objects.select_for_update(of=("self",), no_key=True).filter(pk=asset_id).first()
    if asset is None or not (actor.is_operator or actor.works_for(asset.owner_id)):
        raise NotFound
    if fields.get("number") and fields.get("kind", asset.kind) in PATENTS:
        fields["number"] = _application_number(fields["number"])
    changed = sorted(name for name in ASSET_FIELDS & fields.keys() if getattr(asset, name) != fields[name])
    if not changed:
        return asset
    was_in_force = asset.status in IN_FORCE
    for name in changed:
        setattr(asset, name, fields[name])
    asset.save(update_fields=changed)
    naming: list[int] = []
    if was_in_force != (asset.status in IN_FORCE):
        rows = Achievement.objects.filter(assets=asset).order_by("pk")
        naming = list(rows.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
        Achievement.objects.filter(pk__in=naming).update(revision=F("revision") + 1)
    record("catalogue.asset_rewritten", asset, actor=actor, fields=changed, ids=naming)
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


def _end(item: T, step: str, actor: Actor, reason: str) -> T:
    if reason and reason not in EndReason.values:
        raise BadInput(_("请从列表里选一个原因，例如“不再需要或不再提供”。"), field="reason")
    return _advance(item, step, actor, **({"reason": reason} if reason else {}))


def _advance(item: T, step: str, actor: Actor, **data: Any) -> T:
    workflow = achievement_workflow if isinstance(item, Achievement) else need_workflow
    workflow.check(item, step, actor=actor)
    if step == "publish" and not parties.may_publish(_owner_id(item)):
        raise WrongState(_("这个单位还没有通过核实，核实之后才能公开。"))
    if step in {"publish", "renew"}:
        item.expires_on = _last_day(item)
    _stamp(item, publishes=step == "publish")
    workflow.advance(item, step, actor=actor, **data)
    return item


def _owner_id(item: Achievement | Need) -> int:
    return item.owner_id if isinstance(item, Achievement) else item.publisher_id


def _expire(item: T, actor: Actor) -> T:
    """Asked after the lock: it may have been renewed while the job waited. Then nothing is left to do."""
    if item.state != ItemState.PUBLISHED or item.expires_on is None or item.expires_on >= clock.today():
        return item
    _advance(item, "expire", actor)
    _tell_owner(item, actor, "expired", str(item.expires_on))
    return item


WORDS = {
    "expires_soon": (
        "公开期限将于 {day} 届满，可续期：{title}",
        "Public until {day}, renew it if it still holds: {title}",
    ),
    "expired": ("公开期限已满，续期后重新公开：{title}", "No longer public, renew it to show it again: {title}"),
}
LONGEST_TITLE = 80


def _tell_owner(item: Achievement | Need, actor: Actor, kind: str, key: str) -> int:
    """Those at the owner's who may answer for it; the title is known to them."""
    titles = dict(item.texts.values_list("lang", "title"))
    owner_id = item.owner_id if isinstance(item, Achievement) else item.publisher_id
    place = "achievements" if isinstance(item, Achievement) else "needs"
    zh, en = (
        text.format(day=item.expires_on, title=(titles.get(lang) or titles.get(other) or item.code)[:LONGEST_TITLE])
        for text, lang, other in zip(WORDS[kind], ("zh", "en"), ("en", "zh"), strict=True)
    )
    return sum(
        notices.tell(
            actor=actor,
            person_id=person_id,
            kind=f"catalogue.{kind}",
            key=f"catalogue.{kind}:{item.code}:{key}",
            title_zh=zh,
            title_en=en,
            link=f"/{place}/{item.code}",
        )
        for person_id in parties.approvers_of(owner_id)
    )


def _renew(item: T, actor: Actor, *, can_run: Callable[[Actor, Any], bool]) -> T:
    if item.state == ItemState.EXPIRED:
        return _advance(item, "renew", actor)
    if not can_run(actor, item):
        raise NotAllowed
    if item.state != ItemState.PUBLISHED:
        raise WrongState
    item.expires_on = _last_day(item)
    item.save(update_fields=["expires_on"])
    record(f"catalogue.{item._meta.model_name}_term_extended", item, actor=actor)  # noqa: SLF001 -- Django's API
    return item


def _last_day(item: Achievement | Need) -> date:
    """Today plus the term that the site sets; a need does not outlive its own deadline."""
    today = clock.today()
    kind = "achievement" if isinstance(item, Achievement) else "need"
    last = today + timedelta(days=parameter(f"catalogue.{kind}_term_days", on=today))
    deadline = getattr(item, "deadline", None)
    return min(last, deadline) if deadline and deadline >= today else last


def _stamp(item: Achievement | Need, *, publishes: bool = False) -> None:
    now = clock.now()
    if publishes:
        item.published_at = item.published_at or now
    item.updated_at = now
    item.revision += 1
    item.save(update_fields=["published_at", "expires_on", "updated_at", "revision"])


KEPT_BY_A_REWRITE = {"code", "owner", "owner_id", "publisher", "publisher_id", "state", "published_at", "revision"}


def _set_fields(item: Achievement | Need, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if name not in KEPT_BY_A_REWRITE:
            setattr(item, name, value)
    item.updated_at = clock.now()
    item.revision += 1
    item.save()


def _record_rewrite(kind: str, item: Achievement | Need, actor: Actor) -> None:
    is_public = item.state == ItemState.PUBLISHED
    record(f"catalogue.{kind}_rewritten", item, actor=actor, public=is_public, revision=item.revision)


def _load_achievements(actor: Actor, drafts: Sequence[AchievementDraft]) -> list[Achievement]:
    """As _new_achievement for each, with one statement a table."""
    items = [Achievement(**draft.fields) for draft in drafts]
    if not all(can_run_achievement(actor, item) for item in items):
        raise NotAllowed
    _number(items, "CG")
    Achievement.objects.bulk_create(items)
    pairs = list(zip(items, drafts, strict=True))
    AchievementText.objects.bulk_create(
        AchievementText(achievement=item, lang=lang, **text) for item, d in pairs for lang, text in d.texts.items()
    )
    AchievementIndicator.objects.bulk_create(
        AchievementIndicator(achievement=item, position=n, **row)
        for item, d in pairs
        for n, row in enumerate(d.indicators)
    )
    TeamMember.objects.bulk_create(
        TeamMember(achievement=item, position=n, **row) for item, d in pairs for n, row in enumerate(d.team)
    )
    Attachment.objects.bulk_create(
        Attachment(achievement=item, position=n, **row) for item, d in pairs for n, row in enumerate(d.attachments)
    )
    for item, draft in pairs:
        if draft.asset_ids:
            item.assets.add(*draft.asset_ids)
    return items


def _load_needs(actor: Actor, drafts: Sequence[NeedDraft]) -> list[Need]:
    read = [_without_budget(draft.fields) for draft in drafts]
    items = [Need(**fields) for fields, _budget in read]
    if not all(can_run_need(actor, item) for item in items):
        raise NotAllowed
    _number(items, "XQ")
    Need.objects.bulk_create(items)
    _keep_budgets((item, budget) for item, (_fields, budget) in zip(items, read, strict=True))
    pairs = list(zip(items, drafts, strict=True))
    NeedText.objects.bulk_create(
        NeedText(need=item, lang=lang, **text) for item, d in pairs for lang, text in d.texts.items()
    )
    NeedIndicator.objects.bulk_create(
        NeedIndicator(need=item, position=n, **row) for item, d in pairs for n, row in enumerate(d.indicators)
    )
    Attachment.objects.bulk_create(
        Attachment(need=item, position=n, **row) for item, d in pairs for n, row in enumerate(d.attachments)
    )
    return items


def _number(items: Sequence[Achievement | Need], prefix: str) -> None:
    """Codes for those that have none."""
    lacking = [item for item in items if not item.code]
    if not lacking:
        return
    drawn = codes.fresh_many_of_year(type(lacking[0]), prefix, len(lacking))
    for item, code in zip(lacking, drawn, strict=True):
        item.code = code


def _new_achievement(actor: Actor, draft: AchievementDraft) -> Achievement:
    achievement = Achievement(**draft.fields)
    if not can_run_achievement(actor, achievement):
        raise NotAllowed
    achievement.code = achievement.code or codes.fresh_of_year(Achievement, "CG")
    achievement.save()
    _write_parts_of_achievement(achievement, draft)
    if draft.asset_ids:
        achievement.assets.add(*draft.asset_ids)
    return achievement


def _write_parts_of_achievement(achievement: Achievement, draft: AchievementDraft) -> None:
    AchievementText.objects.bulk_create(
        [AchievementText(achievement=achievement, lang=lang, **text) for lang, text in draft.texts.items()]
    )
    AchievementIndicator.objects.bulk_create(
        [AchievementIndicator(achievement=achievement, position=n, **row) for n, row in enumerate(draft.indicators)]
    )
    TeamMember.objects.bulk_create(
        [TeamMember(achievement=achievement, position=n, **row) for n, row in enumerate(draft.team)]
    )
    Attachment.objects.bulk_create(
        [Attachment(achievement=achievement, position=n, **row) for n, row in enumerate(draft.attachments)]
    )


def _new_need(actor: Actor, draft: NeedDraft) -> Need:
    fields, budget = _without_budget(draft.fields)
    need = Need(**fields)
    if not can_run_need(actor, need):
        raise NotAllowed
    need.code = need.code or codes.fresh_of_year(Need, "XQ")
    need.save()
    _keep_budgets([(need, budget)])
    _write_parts_of_need(need, draft)
    return need


NOTHING_SAID = {"price_kind": PriceKind.UNKNOWN, "price_low": None, "price_high": None, "currency": "CNY"}


def _without_budget(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The need's columns, and the budget that does not belong among them because not everybody may see it."""
    columns = {name: value for name, value in fields.items() if name != "budget_shown"}
    shown = fields.get("budget_shown", BudgetShown.SHOWN)
    if shown == BudgetShown.SHOWN:
        return columns, None
    kept = {**NOTHING_SAID, **{name: columns[name] for name in PRICE if name in columns}}
    return {**columns, **NOTHING_SAID}, {"shown": shown, **kept}


def _keep_budgets(pairs: Iterable[tuple[Need, dict[str, Any] | None]]) -> None:
    PrivateBudget.objects.bulk_create(PrivateBudget(need=need, **budget) for need, budget in pairs if budget)


def _write_parts_of_need(need: Need, draft: NeedDraft) -> None:
    NeedText.objects.bulk_create([NeedText(need=need, lang=lang, **text) for lang, text in draft.texts.items()])
    NeedIndicator.objects.bulk_create(
        [NeedIndicator(need=need, position=n, **row) for n, row in enumerate(draft.indicators)]
    )
    Attachment.objects.bulk_create(
        [Attachment(need=need, position=n, **row) for n, row in enumerate(draft.attachments)]
    )
