"""What a distribution refuses, and which rule binds whom. Every refusal names the field, what is wrong and an example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keqiao.deals.arithmetic import BASIS_POINTS, converted
from keqiao.deals.types import (
    CONTRACT_WORK,
    LARGEST,
    SHARES,
    TAXES,
    Basis,
    Charge,
    ChargeKind,
    Choice,
    EquityAs,
    Mode,
    Owner,
    OwnerKind,
    OwnRule,
    Receipt,
    ReceiptKind,
    Role,
    Rule,
    Rulebook,
    Share,
    Stake,
    Terms,
)
from keqiao.kernel.errors import BadInput
from keqiao.kernel.money import MINOR_DIGITS

VAT_FREE = frozenset({Mode.TRANSFER, Mode.LICENCE, Mode.DEVELOPMENT})  # consulting and services only along with these
LEAST = {Mode.TRANSFER: "transfer", Mode.LICENCE: "transfer", Mode.EQUITY: "equity", Mode.IMPLEMENTATION: "profit"}
KINDS = {
    Mode.EQUITY: {ReceiptKind.SHARES, ReceiptKind.DIVIDEND, ReceiptKind.EXIT},
    Mode.IMPLEMENTATION: {ReceiptKind.PROFIT},
}


class FloorUndercut(BadInput):
    """An institution's rule gives less than the law."""


class SharesDoNotAddUp(BadInput):
    """Signed parts that are not the whole."""


# --- which rule binds --------------------------------------------------------------------------------------------------------


def law_of(terms: Terms, owner: Owner) -> str:
    """Where an owner's part is divided: of a completer's, where the unit is that assigned it."""
    return terms.owner(owner.assigned_by).jurisdiction if owner.kind == OwnerKind.PERSON else owner.jurisdiction


def floor_binds(owner: Owner) -> bool:
    """The law's figure is the floor of state-funded units, and the default of whoever agreed nothing."""
    return owner.kind == OwnerKind.STATE_UNIT or owner.rule is None


def least_reward(terms: Terms, owner: Owner, rules: Rulebook) -> Rule | None:
    """The legal floor, or nothing where the law has none for this kind of contract."""
    kind = LEAST.get(terms.mode)
    if kind is None:
        follows = rules.seek("reward.contract_work.follows", terms.signed_on, owner.jurisdiction)
        if follows is None:
            return None
        kind = follows.value
    return rules.find(f"reward.least.{kind}", terms.signed_on, owner.jurisdiction)


def permitted_reward(terms: Terms, owner: Owner, rules: Rulebook) -> Rule | None:
    """From where on local law says in words that a unit may give so much."""
    kind = LEAST.get(terms.mode, "transfer")
    return rules.seek(f"reward.permitted.{kind}", terms.signed_on, owner.jurisdiction)


def deductions(terms: Terms, owner: Owner, rules: Rulebook) -> Rule | None:
    """What may be taken off before net income; nothing is where a profit is divided, which is net already."""
    if terms.mode == Mode.IMPLEMENTATION:
        return None
    key = "net_income.deductions.contract_work" if terms.mode in CONTRACT_WORK else "net_income.deductions"
    return rules.find(key, terms.signed_on, law_of(terms, owner))


@dataclass(frozen=True)
class Window:
    years: range
    rule: Rule


def profit_window(terms: Terms, owner: Owner, rules: Rulebook) -> Window:
    """The years whose profit is shared."""
    rule = rules.find("reward.profit_years", terms.signed_on, owner.jurisdiction)
    if rule.value["from"] == "start_of_production":
        if terms.produced_on is None:
            raise BadInput(_("请填写投产日期：奖励年度自投产起算，例如 2024-03-01。"), field="produced_on")
        first = terms.produced_on.year
    else:
        if terms.first_profitable_year is None:
            raise BadInput(_("请填写开始盈利的年度：奖励年度自该年起算，例如 2024。"), field="first_profitable_year")
        first = terms.first_profitable_year
    years = owner.rule.profit_years if owner.rule and owner.rule.profit_years else rule.value["most"]
    return Window(range(first, first + years), rule)


@dataclass(frozen=True)
class InsideReward:
    """How the law divides the reward itself."""

    staff: Fraction
    staff_basis: Basis | None
    least_main: Fraction | None
    main_basis: Basis | None


def inside_reward(terms: Terms, owner: Owner, rules: Rulebook) -> InsideReward:
    binds = floor_binds(owner)
    main = rules.seek("reward.least_share_of_main_contributors", terms.signed_on, owner.jurisdiction) if binds else None
    staff = rules.seek("reward.least_share_of_transfer_staff", terms.signed_on, owner.jurisdiction) if binds else None
    own = owner.rule.transfer_staff if owner.rule else Fraction(0)
    return InsideReward(
        staff=own or (Fraction(staff.value, BASIS_POINTS) if staff else Fraction(0)),
        staff_basis=staff.basis if staff else None,
        least_main=Fraction(main.value, BASIS_POINTS) if main else None,
        main_basis=main.basis if main else None,
    )


def states_vat(receipt: Receipt) -> bool:
    return any(charge.kind == ChargeKind.VAT for charge in receipt.charges)


def vat_exemption(terms: Terms, receipt: Receipt, rules: Rulebook) -> Rule | None:
    """The rule that frees the payment from VAT, if one does; refuses to guess where the rule is not known."""
    if terms.mode not in VAT_FREE or terms.registered_on is None:
        return None
    rule = rules.find("tax.vat.technology_transfer", receipt.received_on, terms.owners[0].jurisdiction)
    if rule.value == "unknown":
        raise BadInput(
            _("%(on)s 起技术转让的增值税优惠待确认（%(where)s）。请填写这笔款实际的增值税，免税填 0。")
            % {"on": rule.first_on, "where": f"{rule.basis.instrument} {rule.basis.article}".strip()},
            field="charges",
        )
    return rule if rule.value == "exempt" else None


# --- refusals ----------------------------------------------------------------------------------------------------------------


def check(terms: Terms, receipts: Sequence[Receipt], rules: Rulebook) -> None:
    """Raises BadInput for the first thing that cannot be."""
    check_terms(terms, rules)
    if not receipts:
        raise BadInput(_("没有可分配的收入：请先登记一笔到账，例如 2,000,000.00 元。"), field="receipts")
    for receipt in receipts:
        _check_receipt(terms, receipt, rules)
    _refuse_twice((receipt.key for receipt in receipts), "receipts", _("收入"))
    _refuse_more_back_than_came(terms, receipts)


def check_terms(terms: Terms, rules: Rulebook) -> None:
    if terms.currency not in MINOR_DIGITS:
        raise BadInput(_unknown_currency(terms.currency), field="currency")
    if terms.registered_on and terms.registered_on < terms.signed_on:
        raise BadInput(
            _("合同登记日期 %(on)s 早于签订日期 %(signed)s。") % {"on": terms.registered_on, "signed": terms.signed_on},
            field="registered_on",
        )
    _refuse_twice((owner.key for owner in terms.owners), "owners", _("权利人"))
    _refuse_twice((achievement.key for achievement in terms.achievements), "achievements", _("成果"))
    check_whole([a.weight for a in terms.achievements], "achievements", _("各成果占价款的比例"))
    if terms.staff:
        check_whole([share.part for share in terms.staff], "staff", _("转化服务人员的分配比例"))
        _refuse_twice((share.person for share in terms.staff), "staff", _("转化服务人员"))
    for owner in terms.owners:
        _check_owner(terms, owner, rules)
    for achievement in terms.achievements:
        _check_stakes(terms, achievement.stakes, rules)
    broker = terms.broker
    if broker and not 0 < broker.rate < 1:
        raise BadInput(_("佣金比例应在 0 与 100% 之间，例如 3%。"), field="broker.rate")
    if broker and terms.mode in KINDS:
        raise BadInput(
            _("“%(mode)s”没有可按比例提取佣金的合同款，请按约定金额把佣金登记为费用。")
            % {"mode": Mode(terms.mode).label},
            field="broker",
        )


def check_whole(parts: Sequence[Fraction], field: str, what: str | Promise) -> None:
    """Parts above zero that make exactly the whole."""
    if any(part <= 0 for part in parts):
        raise SharesDoNotAddUp(_("%(what)s须大于 0，例如 50%%。") % {"what": what}, field=field)
    if sum(parts) != 1:
        total = _percent(sum(parts, Fraction(0)))
        raise SharesDoNotAddUp(
            _("%(what)s合计为 %(total)s，应正好为 100%%，例如 50%%、30%%、20%%。") % {"what": what, "total": total},
            field=field,
        )


def _percent(part: Fraction) -> str:
    return f"{float(part * 100):.4f}".rstrip("0").rstrip(".") + "%"


def _refuse_twice(keys: Iterable[str], field: str, what: str | Promise) -> None:
    twice = [key for key, count in Counter(keys).items() if count > 1]
    if twice:
        raise BadInput(_("%(what)s“%(key)s”出现了两次，请合并为一项。") % {"what": what, "key": twice[0]}, field=field)


def _check_owner(terms: Terms, owner: Owner, rules: Rulebook) -> None:
    if owner.kind == OwnerKind.PERSON:
        _check_person(terms, owner, rules)
    elif owner.rule is not None:
        _check_rule(terms, owner, owner.rule, rules)


def _check_person(terms: Terms, owner: Owner, rules: Rulebook) -> None:
    by = next((other for other in terms.owners if other.key == owner.assigned_by), None)
    if by is None or by.kind == OwnerKind.PERSON:
        raise BadInput(_("请写明赋权单位：“%(key)s”的所有权份额由哪个单位赋予。") % {"key": owner.key}, field="owners")
    excludes = rules.seek("ownership.excludes_reward", terms.signed_on, by.jurisdiction)
    if owner.choice == Choice.BOTH and excludes and excludes.value:
        raise BadInput(
            _("取得所有权份额的完成人不再参加单位部分的奖励，只能选择其一（%(where)s）。")
            % {"where": _where(excludes.basis)},
            field="owners.choice",
        )


def _check_rule(terms: Terms, owner: Owner, rule: OwnRule, rules: Rulebook) -> None:
    if not 0 < rule.reward <= 1:
        raise BadInput(_("奖励比例应在 0 与 100% 之间，例如 70%。"), field="owners.rule.reward")
    least = least_reward(terms, owner, rules)
    if floor_binds(owner) and least and rule.reward * BASIS_POINTS < least.value:
        raise FloorUndercut(
            _("%(name)s的奖励比例 %(own)s 低于法定的 %(least)s（%(where)s）。")
            % {
                "name": rule.name,
                "own": _percent(rule.reward),
                "least": _percent(Fraction(least.value, BASIS_POINTS)),
                "where": _where(least.basis),
            },
            field="owners.rule.reward",
        )
    _check_published(terms, owner, rule, rules)
    if rule.parts and terms.mode != Mode.IMPLEMENTATION:
        check_whole(
            [rule.reward, *(part.of_net for part in rule.parts)], "owners.rule.parts", _("奖励与单位各方的比例")
        )
    elif any(part.of_net <= 0 for part in rule.parts):
        raise SharesDoNotAddUp(_("单位各方的比例须大于 0，例如 10%。"), field="owners.rule.parts")
    _refuse_twice((part.payee for part in rule.parts), "owners.rule.parts", _("收款方"))
    if terms.mode == Mode.IMPLEMENTATION:
        _check_years(terms, owner, rule, rules)


def _check_published(terms: Terms, owner: Owner, rule: OwnRule, rules: Rulebook) -> None:
    published = rules.seek("reward.policy_must_be_published", terms.signed_on, owner.jurisdiction)
    if published and published.value and rule.published_on is None:
        raise BadInput(
            _("%(name)s须在本单位公开（%(where)s），请填写公开日期，例如 2023-06-01。")
            % {"name": rule.name, "where": _where(published.basis)},
            field="owners.rule.published_on",
        )


def _check_years(terms: Terms, owner: Owner, rule: OwnRule, rules: Rulebook) -> None:
    years = rules.find("reward.profit_years", terms.signed_on, owner.jurisdiction)
    if floor_binds(owner) and rule.profit_years is not None and rule.profit_years < years.value["least"]:
        raise FloorUndercut(
            _("%(name)s的奖励年数 %(own)s 少于法定的 %(least)s（%(where)s）。")
            % {
                "name": rule.name,
                "own": rule.profit_years,
                "least": years.value["least"],
                "where": _where(years.basis),
            },
            field="owners.rule.profit_years",
        )


def _check_stakes(terms: Terms, stakes: Sequence[Stake], rules: Rulebook) -> None:
    mine, known = {stake.owner for stake in stakes}, {owner.key for owner in terms.owners}
    if mine - known:
        raise BadInput(_("权属份额中有未列出的权利人“%(key)s”。") % {"key": min(mine - known)}, field="stakes")
    _refuse_twice((stake.owner for stake in stakes), "stakes", _("权利人"))
    check_whole([stake.fraction for stake in stakes], "stakes", _("权属份额"))
    for stake in stakes:
        owner = terms.owner(stake.owner)
        if owner.kind == OwnerKind.PERSON and owner.choice == Choice.REWARD and owner.assigned_by not in mine:
            raise BadInput(
                _("“%(key)s”选择参加单位奖励，赋权单位须保有该成果的份额。") % {"key": owner.key}, field="stakes"
            )
        _check_stake(terms, stakes, stake, rules)


def _check_stake(terms: Terms, stakes: Sequence[Stake], stake: Stake, rules: Rulebook) -> None:
    owner = terms.owner(stake.owner)
    if owner.kind == OwnerKind.PERSON:
        if stake.team:
            raise BadInput(_("个人权利人没有团队分配：请把团队写在单位名下。"), field="stakes.team")
        return
    assigned = [terms.owner(s.owner) for s in stakes if terms.owner(s.owner).assigned_by == owner.key]
    if not stake.team:
        if not any(other.choice == Choice.OWNERSHIP for other in assigned):
            raise BadInput(_("请填写“%(key)s”一方的完成人和比例。") % {"key": owner.key}, field="stakes.team")
        return
    check_whole([share.part for share in stake.team], "stakes.team", _("完成人的分配比例"))
    _refuse_twice((share.person for share in stake.team), "stakes.team", _("完成人"))
    own = {other.key for other in assigned if other.choice == Choice.OWNERSHIP}
    both = [share.person for share in stake.team if share.person in own]
    if both:
        raise BadInput(
            _("“%(key)s”选择了按所有权份额取得收益，不在单位奖励的分配之列；请把其余完成人的比例重新签为 100%%。")
            % {"key": both[0]},
            field="stakes.team",
        )
    _check_inside_reward(terms, owner, stake.team, rules)
    if terms.mode == Mode.EQUITY and terms.equity_as == EquityAs.SHARES:
        _refuse_head_with_shares(terms, owner, stake.team, rules)


def _check_inside_reward(terms: Terms, owner: Owner, team: Sequence[Share], rules: Rulebook) -> None:
    limits = inside_reward(terms, owner, rules)
    legal = rules.seek("reward.least_share_of_transfer_staff", terms.signed_on, owner.jurisdiction)
    if limits.staff_basis and legal and limits.staff * BASIS_POINTS < legal.value:
        raise FloorUndercut(
            _("转化服务人员的比例 %(own)s 低于奖励总额的 %(least)s（%(where)s）。")
            % {
                "own": _percent(limits.staff),
                "least": _percent(Fraction(legal.value, BASIS_POINTS)),
                "where": _where(legal.basis),
            },
            field="owners.rule.transfer_staff",
        )
    main = sum((share.part for share in team if share.role == Role.MAIN), Fraction(0)) * (1 - limits.staff)
    if limits.least_main is not None and limits.main_basis and main < limits.least_main:
        raise FloorUndercut(
            _("主要贡献人员的比例 %(own)s 低于奖励总额的 %(least)s（%(where)s）。")
            % {"own": _percent(main), "least": _percent(limits.least_main), "where": _where(limits.main_basis)},
            field="stakes.team",
        )


def _refuse_head_with_shares(terms: Terms, owner: Owner, team: Sequence[Share], rules: Rulebook) -> None:
    may = rules.seek("reward.head_may_hold_shares", terms.signed_on, owner.jurisdiction)
    head = next((share for share in team if share.is_head), None)
    if head and may and not may.value:
        raise BadInput(
            _("单位正职领导“%(key)s”不得获得股权奖励，可以给予现金（%(where)s）。")
            % {"key": head.person, "where": _where(may.basis)},
            field="stakes.team",
        )


def _where(basis: Basis) -> str:
    return f"{basis.instrument} {basis.article}".strip()


def _unknown_currency(currency: str) -> str:
    return _("没有币种“%(currency)s”，例如 CNY、USD、EUR。") % {"currency": currency}


def _check_receipt(terms: Terms, receipt: Receipt, rules: Rulebook) -> None:
    allowed = KINDS.get(Mode(terms.mode), {ReceiptKind.PAYMENT})
    if receipt.kind not in allowed:
        raise BadInput(
            _("“%(mode)s”的收入不能是“%(kind)s”。")
            % {"mode": Mode(terms.mode).label, "kind": ReceiptKind(receipt.kind).label},
            field="receipts.kind",
        )
    if receipt.amount == 0 or abs(receipt.amount) > LARGEST:
        raise BadInput(_("金额须不为 0，且不超过十万亿元，例如 2,000,000.00。"), field="receipts.amount")
    _check_currency(terms, receipt)
    if abs(converted(receipt, terms.currency)) > LARGEST:
        raise BadInput(_("折算后的金额超过十万亿元，请核对汇率，例如 7.1234。"), field="receipts.rate")
    if receipt.kind == ReceiptKind.PROFIT and receipt.year is None:
        raise BadInput(_("请填写利润所属的年度，例如 2025。"), field="receipts.year")
    for charge in receipt.charges:
        _check_charge(terms, receipt, charge)
    if receipt.kind == ReceiptKind.PAYMENT and not states_vat(receipt):
        vat_exemption(terms, receipt, rules)


def _check_currency(terms: Terms, receipt: Receipt) -> None:
    if receipt.kind == ReceiptKind.SHARES:
        return
    if receipt.currency not in MINOR_DIGITS:
        raise BadInput(_unknown_currency(receipt.currency), field="receipts.currency")
    if receipt.currency == terms.currency:
        if receipt.rate is not None:
            raise BadInput(_("与合同同一币种的收入不填汇率。"), field="receipts.rate")
    elif receipt.rate is None or not (receipt.rate.is_finite() and 0 < receipt.rate < LARGEST):
        raise BadInput(
            _("%(currency)s 收入须填写当日汇率及来源，例如 7.1234（中国外汇交易中心中间价）。")
            % {"currency": receipt.currency},
            field="receipts.rate",
        )


def _check_charge(terms: Terms, receipt: Receipt, charge: Charge) -> None:
    if receipt.kind in {ReceiptKind.SHARES, ReceiptKind.PROFIT}:
        raise BadInput(_("股份和营业利润没有可扣除的费用：利润已是扣除后的数。"), field="receipts.charges")
    if terms.mode == Mode.EQUITY and charge.kind in {ChargeKind.RESEARCH, ChargeKind.PROJECT, ChargeKind.UPKEEP}:
        raise BadInput(_("股份的分红和转让款只扣除税费和直接费用。"), field="receipts.charges")
    if abs(charge.amount) > LARGEST or (charge.amount < 0 < receipt.amount):
        raise BadInput(_("费用须为 0 或正数；只有退款才能冲减费用。"), field="receipts.charges")
    touched = [
        stake
        for achievement in terms.achievements
        for stake in achievement.stakes
        if charge.achievement in {"", achievement.key} and charge.owner in {"", stake.owner}
    ]
    if not touched:
        raise BadInput(_("费用所指的成果或权利人不在本合同之内。"), field="receipts.charges")
    if charge.is_public_money and charge.kind in TAXES:
        raise BadInput(_("税费不会由财政资金承担。"), field="receipts.charges")


def _refuse_more_back_than_came(terms: Terms, receipts: Sequence[Receipt]) -> None:
    sums: Counter[str] = Counter()
    for receipt in receipts:
        if receipt.kind == ReceiptKind.PROFIT:
            continue  # a year may end in a loss
        unit = SHARES if receipt.kind == ReceiptKind.SHARES else receipt.kind
        sums[unit] += converted(receipt, terms.currency)
        if sums[unit] < 0:
            raise BadInput(_("退款超过了已到账的金额。"), field="receipts.amount")
    charges: Counter[Charge] = Counter()
    for charge in (charge for receipt in receipts for charge in receipt.charges):
        charges[_plain(charge)] += charge.amount
        if charges[_plain(charge)] < 0:
            raise BadInput(_("冲减的费用超过了原来的费用。"), field="receipts.charges")


def _plain(charge: Charge) -> Charge:
    return Charge(charge.kind, 0, charge.achievement, charge.owner, charge.is_public_money)
