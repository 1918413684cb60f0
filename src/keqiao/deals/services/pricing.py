"""Commands: a price found by agreement is shown before the deal is signed, where the rule asks for it (定价公示)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from keqiao.deals import announcing, asked, selectors
from keqiao.deals.models import PricedResult, PriceNotice, ShownPrice
from keqiao.deals.places import jurisdiction_of
from keqiao.deals.policies import can_open_deal
from keqiao.deals.states import PriceNotShown
from keqiao.deals.types import LARGEST, Mode
from keqiao.kernel import clock, codes, public_notices, site
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.models import PublicNoticeState
from keqiao.kernel.money import MINOR_DIGITS
from keqiao.kernel.parameters import NoSuchParameter, find, parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

ALWAYS = frozenset({"name", "intended_price"})  # a notice of a price without them would show nothing


@dataclass(frozen=True)
class PriceDraft:
    """What is meant to be agreed. `results`: codes of achievements."""

    title_zh: str
    mode: str
    results: Sequence[str]
    amount: int | None = None
    currency: str = "CNY"
    price_text: str = ""
    abstract: str = ""
    is_related: bool = False  # the other party is a completer or related to one
    title_en: str = ""


@command
def show_price(*, actor: Actor, draft: PriceDraft) -> PriceNotice:
    """Open the public notice of an intended price, as the transfer office of an owner of all results."""
    home = actor.acting_for
    if home is None or not can_open_deal(actor, home):
        raise NotAllowed
    title = asked.words(draft.title_zh, "title_zh", 200, _("例如“轴承寿命预测专利独占许可”"))
    results = [row for row, _weight in asked.results(actor, [(code, 1) for code in draft.results], whole=None)]
    asked.owners(actor, results)
    _check(draft)
    law = _law_of(home)
    code = codes.fresh_of_year(PriceNotice, "DJ")
    notice = public_notices.open_notice(
        actor=actor, kind=announcing.PRICE, subject=f"deals.price:{code}", organisation_ids=[home],
        audience=parameter("notice.audience", on=clock.today(), jurisdiction=law), title_zh=title,
        title_en=draft.title_en.strip()[:200], facts=_facts(draft, title, results, law), days_rule="notice.least_days",
        jurisdiction=law,
    )  # fmt: skip
    row = PriceNotice.objects.create(
        code=code, organisation_id=home, title_zh=title, title_en=draft.title_en.strip()[:200], mode=draft.mode,
        currency=draft.currency, amount=draft.amount, price_text=draft.price_text.strip(), notice=notice,
        made_at=clock.now(), made_by_id=actor.person_id,
    )  # fmt: skip
    PricedResult.objects.bulk_create(
        PricedResult(price_notice=row, achievement=achievement, position=place)
        for place, achievement in enumerate(results, start=1)
    )
    record("deals.price_shown", row, actor=actor, organisation_id=home, notice_id=notice.pk)
    return row


@command
def withdraw_price(*, actor: Actor, code: str) -> PriceNotice:
    """The price will not be agreed; another one is shown anew."""
    row = selectors.get_price_notice(code, actor=actor)
    if not can_open_deal(actor, row.organisation_id):
        raise NotAllowed
    if row.notice.state != PublicNoticeState.OPEN:
        raise WrongState
    public_notices.withdraw(actor=actor, notice_id=row.notice_id)
    record("deals.price_withdrawn", row, actor=actor)
    row.notice.refresh_from_db()
    return row


def _law_of(organisation_id: int) -> str:
    """Of the owner's own province, where it has written a law; else the site's."""
    home = parties.organisation_by_id(organisation_id)
    found = jurisdiction_of(home.region) if home else ""
    return found if found in site.known_jurisdictions() else site.jurisdiction()


def _is_required(*, pricing: str, mode: str, on: date, law: str, owner_kinds: Iterable[str]) -> bool:
    """A state-funded unit that agrees a price shows it first, from the day the rule is in force."""
    if not selectors.STATE_UNITS & set(owner_kinds):
        return False
    try:
        pricings, modes = (parameter(f"notice.{name}", on=on, jurisdiction=law) for name in ("required_for", "modes"))
        find("notice.least_days", on=on, jurisdiction=law)
    except NoSuchParameter:
        return False
    return pricing in pricings and mode in modes


def _shown_price(actor: Actor, draft: Any, achievement_ids: set[int], *, required: bool, law: str) -> ShownPrice | None:
    """The notice that a deal stands on, not saved yet: over before it was signed, of the same results and price."""
    if draft.price_notice.strip():
        return ShownPrice(price_notice=_shown_here(actor, draft, achievement_ids))
    if draft.noticed_from or draft.noticed_to or draft.noticed_where.strip():
        _check_shown_elsewhere(draft, law)
        place = asked.maybe(draft.noticed_where, "noticed_where", 200)
        return ShownPrice(first_on=draft.noticed_from, last_on=draft.noticed_to, place=place)
    if required:
        rule = find("notice.required_for", on=draft.signed_on, jurisdiction=law)
        raise PriceNotShown(f"{rule.instrument} {rule.article}".strip())
    return None


def _shown_here(actor: Actor, draft: Any, achievement_ids: set[int]) -> PriceNotice:
    try:
        row = selectors.get_price_notice(draft.price_notice.strip(), actor=actor)
    except NotFound:
        words = {"code": draft.price_notice.strip()[:24]}
        raise BadInput(_("没有定价公示“%(code)s”，例如 DJ-2026-7K2M9Q。") % words, field="price_notice") from None
    if row.notice.state != PublicNoticeState.PASSED:
        words = {"code": row.code, "state": row.notice.get_state_display()}
        raise BadInput(_("定价公示 %(code)s 还不能作为签约依据：%(state)s。") % words, field="price_notice")
    last_on = public_notices.last_day(row.notice)
    if draft.signed_on <= last_on:
        words = {"last": last_on.isoformat()}
        raise BadInput(_("公示到 %(last)s 期满，合同须在其后签订。") % words, field="signed_on")
    missing = achievement_ids - set(row.results.values_list("achievement_id", flat=True))
    if missing or row.mode != draft.mode or row.currency != draft.currency:
        raise BadInput(_("公示的成果、转化方式、币种须与合同一致，请重新公示。"), field="price_notice")
    if row.amount is not None and draft.amount is not None and draft.amount < row.amount:
        raise BadInput(_("合同金额低于公示的拟交易价格，请按新的价格重新公示。"), field="amount")
    return row


def _check_shown_elsewhere(draft: Any, law: str) -> None:
    """Shown before the platform was used: from when to when, and where."""
    if not (draft.noticed_from and draft.noticed_to and draft.noticed_where.strip()):
        raise BadInput(
            _("平台以外的定价公示要写起止日期和地点，例如 2026-07-01、2026-07-16、校内网。"), field="noticed_where"
        )
    try:
        least = public_notices.least_last_day("notice.least_days", first_on=draft.noticed_from, jurisdiction=law)
    except NoSuchParameter:
        least = draft.noticed_from
    if draft.noticed_to < least:
        words = {"least": least.isoformat()}
        raise BadInput(_("公示期不足：从这一天起至少公示到 %(least)s。") % words, field="noticed_to")
    if draft.signed_on <= draft.noticed_to:
        words = {"last": draft.noticed_to.isoformat()}
        raise BadInput(_("公示到 %(last)s 期满，合同须在其后签订。") % words, field="signed_on")


def _check(draft: PriceDraft) -> None:
    if draft.mode not in Mode.values or draft.currency not in MINOR_DIGITS:
        name = "mode" if draft.mode not in Mode.values else "currency"
        words = {
            "given": str(getattr(draft, name))[:20],
            "known": "、".join(Mode.values if name == "mode" else sorted(MINOR_DIGITS)),
        }
        raise BadInput(_("“%(given)s”不认识。可用：%(known)s。") % words, field=name)
    if draft.amount is not None and not 0 < draft.amount <= LARGEST:
        raise BadInput(_("拟交易价格应大于 0，例如 4800000.00。"), field="amount")
    if draft.amount is None and not draft.price_text.strip():
        raise BadInput(_("请写拟交易价格，或用文字说明，例如“净销售额的 3%%，每年结算”。") % {}, field="amount")
    for name, most in (("price_text", 300), ("abstract", 2_000), ("title_en", 200)):
        asked.maybe(getattr(draft, name), name, most)


def _facts(draft: PriceDraft, title: str, results: Sequence[Any], law: str) -> list[tuple[str, Any]]:
    """What the rule in force asks for, in its order of ours; the name and the price always."""
    wanted = ALWAYS | set(parameter("notice.fields", on=clock.today(), jurisdiction=law))
    facts: list[tuple[str, Any]] = [
        ("name", {"achievements": [row.pk for row in results], "text": title}),
        ("abstract", {"text": draft.abstract.strip()}),
        ("way", {"mode": draft.mode}),
    ]
    if draft.amount is not None:
        facts.append(("intended_price", {"minor": draft.amount, "currency": draft.currency}))
    if draft.price_text.strip():
        facts.append(("intended_price", {"text": draft.price_text.strip()}))
    facts.append(("related_party", {"flag": draft.is_related}))
    if "abstract" in wanted and not draft.abstract.strip():
        raise BadInput(_("当地规则要求公示成果简介，请填写。"), field="abstract")
    return [fact for fact in facts if fact[0] in wanted]
