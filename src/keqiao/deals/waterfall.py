"""The distribution of what a deal brings: gross, taxes and costs, net income, the people's reward, what the unit keeps.

Nothing here reads a clock or a database. Everything is divided cumulatively: what somebody is due from all receipts so far,
rounded once, less what earlier receipts gave. So instalments end where one payment would, and a refund takes back exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from math import ceil, floor

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from keqiao.deals import checks
from keqiao.deals.arithmetic import BASIS_POINTS, converted, half_up, split
from keqiao.deals.types import (
    CONTRACT_WORK,
    DEDUCTED_AS,
    SHARES,
    STEP_OF,
    Achievement,
    Basis,
    Charge,
    ChargeKind,
    Choice,
    EquityAs,
    Holding,
    Line,
    Note,
    Owner,
    OwnerKind,
    Part,
    PartKind,
    Receipt,
    ReceiptKind,
    Role,
    Rule,
    Rulebook,
    Share,
    Sheet,
    Stake,
    Step,
    Terms,
)
from keqiao.kernel.errors import BadInput
from keqiao.kernel.money import allocate

NOTHING = Fraction(0)
SIGNED = Basis(gettext_noop("贡献人签署的分配比例"))
CONTRACT = Basis(gettext_noop("合同约定"))
OWNERSHIP = Basis(gettext_noop("权属份额"))
RATE = gettext_noop("收款当日汇率")
VOUCHER = Basis(gettext_noop("财务凭证"))


def distribute(
    terms: Terms, receipts: Sequence[Receipt], rules: Rulebook, given: Mapping[str, int] | None = None
) -> Sheet:
    """The sheet of the last receipt; the ones before it are history under the same terms.

    `given` is what earlier sheets gave, by line key, where that is not what the history gives again. Raises BadInput.
    """
    checks.check(terms, receipts, rules)
    now = receipts[-1]
    history = _stream(terms, receipts)
    after, earlier = _entitle(terms, history, rules), _entitle(terms, history[:-1], rules)
    before = {key: line.due for key, line in earlier.items()} if given is None else given
    _refuse_unknown(before, after, earlier)
    gone = {key: replace(line, due=0, base=0) for key, line in earlier.items() if key not in after}
    lines = [
        replace(
            line,
            base=line.base - (earlier[key].base if key in earlier else 0),
            amount=line.due - before.get(key, 0),
            given=before.get(key, 0),
            on=now.received_on,
        )
        for key, line in (after | gone).items()
    ]
    unit = SHARES if now.kind == ReceiptKind.SHARES else terms.currency
    return Sheet(unit, now.received_on, tuple(lines), _facts(terms, rules))


def holdings_of(sheet: Sheet) -> tuple[Holding, ...]:
    """Who holds how many shares after a sheet that divided them."""
    return tuple(
        Holding(line.payee, line.step, line.due, line.achievement, line.owner) for line in sheet.leaves if line.due
    )


def _refuse_unknown(before: Mapping[str, int], *known: Mapping[str, Line]) -> None:
    strange = [key for key, amount in before.items() if amount and not any(key in lines for lines in known)]
    if strange:
        raise BadInput(
            _("以前的分配有本方案没有的项目“%(key)s”。条款变了，请先冲销原分配再重新计算。") % {"key": strange[0]},
            field="given",
        )


def _stream(terms: Terms, receipts: Sequence[Receipt]) -> list[Receipt]:
    """The receipts that are divided together with the last one."""
    now = receipts[-1]
    if now.kind in {ReceiptKind.DIVIDEND, ReceiptKind.EXIT} and terms.holdings:
        return [now]  # holdings change from one to the next
    if now.kind == ReceiptKind.PROFIT:
        return [r for r in receipts if r.kind == now.kind and r.year == now.year]
    kinds = {now.kind} if now.kind in {ReceiptKind.PAYMENT, ReceiptKind.SHARES} else set(ReceiptKind.values[-2:])
    return [r for r in receipts if r.kind in kinds]


# --- what is due from all receipts so far -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cell:
    """One owner's part of one result."""

    achievement: Achievement
    owner: Owner
    stake: Stake
    part: Fraction  # of the whole deal


class _Due:
    """Lines with what is due in all, in the order in which money flows."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}

    def add(
        self,
        step: Step,
        due: int,
        *,
        source: str = "",
        cell: _Cell | None = None,
        label: str = "",
        payee: str = "",
        base: int = 0,
        rate: Fraction | None = None,
        bases: Iterable[Basis | None] = (),
        note: str = "",
    ) -> str:
        achievement, owner = (cell.achievement.key, cell.owner.key) if cell else ("", "")
        key = f"{step}|{label}|{achievement}|{owner}|{payee}"
        cited = tuple(dict.fromkeys(basis for basis in bases if basis))
        self.lines[key] = Line(
            key=key, source=source, step=step, label=label, achievement=achievement, owner=owner, payee=payee, rate=rate,
            base=base, amount=due, due=due, given=0, on=date.min, bases=cited, note=note,
        )  # fmt: skip
        return key


def _entitle(terms: Terms, receipts: Sequence[Receipt], rules: Rulebook) -> dict[str, Line]:
    due = _Due()
    if not receipts:
        return due.lines
    kind = receipts[-1].kind
    gross = sum(converted(receipt, terms.currency) for receipt in receipts)
    if kind == ReceiptKind.PROFIT:
        gross = max(0, gross)  # a loss gives nobody a debt
    charges = _charges(terms, receipts, gross, rules)
    if kind in {ReceiptKind.DIVIDEND, ReceiptKind.EXIT} and terms.holdings:
        _divide_by_holdings(due, terms, gross, charges, receipts[-1])
        return due.lines
    cells = _cells(terms)
    for cell, amount in zip(cells, split(gross, [cell.part for cell in cells]), strict=True):
        mine = [
            (charge, basis, part) for charge, basis in charges if (part := _part_of(charge, cell, cells)) is not None
        ]
        _divide(due, terms, cell, amount, mine, receipts[-1], rules)
    return due.lines


def _cells(terms: Terms) -> list[_Cell]:
    """Each owner's part of each result. Whoever was assigned ownership and chose the reward leaves the part to the unit."""
    cells = []
    for achievement in terms.achievements:
        left: dict[str, Fraction] = {}
        for stake in achievement.stakes:
            owner = terms.owner(stake.owner)
            if owner.kind == OwnerKind.PERSON and owner.choice == Choice.REWARD:
                left[owner.assigned_by] = left.get(owner.assigned_by, NOTHING) + stake.fraction
        for stake in achievement.stakes:
            owner = terms.owner(stake.owner)
            if not (owner.kind == OwnerKind.PERSON and owner.choice == Choice.REWARD):
                fraction = stake.fraction + left.get(owner.key, NOTHING)
                cells.append(_Cell(achievement, owner, stake, achievement.weight * fraction))
    return cells


def _charges(
    terms: Terms, receipts: Sequence[Receipt], gross: int, rules: Rulebook
) -> list[tuple[Charge, tuple[Basis, ...]]]:
    """Charges of all receipts so far, added up by what they are, with where they come from; in the order they are taken."""
    sums: dict[Charge, int] = {}
    for charge in (charge for receipt in receipts for charge in receipt.charges):
        plain = replace(charge, amount=0, note="")
        sums[plain] = sums.get(plain, 0) + charge.amount
    found: list[tuple[Charge, tuple[Basis, ...]]] = [
        (replace(c, amount=amount), (VOUCHER,)) for c, amount in sums.items()
    ]
    found += _value_added_tax(terms, receipts, rules)
    if terms.broker and terms.broker.is_cost:
        found.append((Charge(ChargeKind.BROKER, half_up(gross * terms.broker.rate)), (CONTRACT,)))
    order = list(ChargeKind)
    return sorted(found, key=lambda each: order.index(each[0].kind))


def _value_added_tax(
    terms: Terms, receipts: Sequence[Receipt], rules: Rulebook
) -> list[tuple[Charge, tuple[Basis, ...]]]:
    """VAT inside payments for which finance stated none: nothing where the registered contract is exempt."""
    by_rule: dict[str, tuple[Rule | None, int, date]] = {}
    for receipt in receipts:
        if receipt.kind == ReceiptKind.PAYMENT and not checks.states_vat(receipt):
            exemption = checks.vat_exemption(terms, receipt, rules)
            name = exemption.basis.instrument if exemption else ""
            sum_so_far = by_rule.get(name, (None, 0, receipt.received_on))[1]
            by_rule[name] = (exemption, sum_so_far + converted(receipt, terms.currency), receipt.received_on)
    found: list[tuple[Charge, tuple[Basis, ...]]] = []
    for exemption, gross, on in by_rule.values():
        if exemption:
            found.append((Charge(ChargeKind.VAT, 0), (exemption.basis,)))
            continue
        where = terms.owners[0].jurisdiction
        vat, surtax = rules.find("tax.vat.rate", on, where), rules.find("tax.vat.surtaxes", on, where)
        tax = half_up(Fraction(gross * vat.value, BASIS_POINTS + vat.value))
        found.append((Charge(ChargeKind.VAT, tax), (vat.basis,)))
        found.append((Charge(ChargeKind.SURTAX, half_up(Fraction(tax * surtax.value, BASIS_POINTS))), (surtax.basis,)))
    return found


def _part_of(charge: Charge, cell: _Cell, cells: Sequence[_Cell]) -> int | None:
    """What of a charge falls on a cell; None where the charge is somebody else's."""
    bearing = [c for c in cells if charge.achievement in {"", c.achievement.key} and charge.owner in {"", c.owner.key}]
    if cell not in bearing:
        return None
    return split(charge.amount, [c.part for c in bearing])[bearing.index(cell)]


# --- one owner's part of one result -----------------------------------------------------------------------------------------


def _divide(
    due: _Due,
    terms: Terms,
    cell: _Cell,
    gross: int,
    charges: Sequence[tuple[Charge, tuple[Basis, ...], int]],
    receipt: Receipt,
    rules: Rulebook,
) -> None:
    top = due.add(
        Step.GROSS, gross, cell=cell, base=gross, rate=cell.part,
        bases=[CONTRACT if cell.part == 1 else OWNERSHIP, _rate_basis(receipt)],
    )  # fmt: skip
    net, net_bases = _take_charges(due, terms, cell, gross, charges, top, rules)
    below = due.add(Step.NET, net, source=top, cell=cell, base=gross, bases=net_bases)
    if cell.owner.kind == OwnerKind.PERSON:
        due.add(
            Step.OWNER,
            net,
            source=below,
            cell=cell,
            payee=cell.owner.key,
            base=net,
            rate=Fraction(1),
            bases=[OWNERSHIP],
        )
        return
    rate, bases, note = _reward_rate(terms, cell, receipt, rules)
    reward = min(net, ceil(rate * net))  # up to the fen: the floor is never short
    if reward or rate:
        at = due.add(Step.REWARD, reward, source=below, cell=cell, base=net, rate=rate, bases=bases, note=note)
        _divide_reward(due, terms, cell, reward, at, rules)
    kept = due.add(
        Step.UNIT, net - reward, source=below, cell=cell, base=net, rate=1 - rate, bases=bases if not rate else bases[:1],
        note="" if rate else note,
    )  # fmt: skip
    rest = rules.seek("net_income.rest", terms.signed_on, cell.owner.jurisdiction)
    _divide_unit_part(due, terms, cell, net - reward, gross, kept, rest.basis if rest else None)


def _rate_basis(receipt: Receipt) -> Basis | None:
    """By which rate of which day a foreign receipt was converted."""
    if receipt.rate is None:
        return None
    return Basis(
        RATE, f"{receipt.currency} {receipt.rate.normalize():f}", receipt.rate_source, since=receipt.received_on
    )


def _take_charges(
    due: _Due,
    terms: Terms,
    cell: _Cell,
    gross: int,
    charges: Sequence[tuple[Charge, tuple[Basis, ...], int]],
    top: str,
    rules: Rulebook,
) -> tuple[int, list[Basis]]:
    """What is left after what may be taken off. Costs beyond the receipts wait for the next ones."""
    left = gross
    allowed = checks.deductions(terms, cell.owner, rules)
    public = rules.seek("net_income.public_money_is_a_cost", terms.signed_on, checks.law_of(terms, cell.owner))
    taken: dict[tuple[Step, str], tuple[int, list[Basis], str]] = {}
    for charge, bases, amount in charges:
        cited, step, note = [*bases], STEP_OF[charge.kind], ""
        if charge.is_public_money and public and not public.value:
            step, cited = Step.BORNE, [public.basis]
        elif allowed and not DEDUCTED_AS[charge.kind] & set(allowed.value):
            step, cited = Step.BORNE, [allowed.basis]
        elif amount > left:
            note = Note.WAITS
        take = min(amount, left) if step != Step.BORNE else amount
        left -= take if step != Step.BORNE else 0
        before, seen, _note = taken.get((step, charge.kind), (0, [], ""))
        taken[step, charge.kind] = (before + take, [*seen, *cited], note)
    for (step, kind), (amount, cited, note) in taken.items():
        due.add(step, amount, source=top, cell=cell, label=kind, base=gross, bases=cited, note=note)
    return left, [allowed.basis if allowed else CONTRACT]


def _reward_rate(
    terms: Terms, cell: _Cell, receipt: Receipt, rules: Rulebook
) -> tuple[Fraction, list[Basis | None], str]:
    """The part of net income that goes to people, where that is written, and why it is none."""
    owner = cell.owner
    least, permitted = checks.least_reward(terms, owner, rules), checks.permitted_reward(terms, owner, rules)
    floor_basis = least.basis if least and checks.floor_binds(owner) else None
    if receipt.kind == ReceiptKind.SHARES and terms.equity_as == EquityAs.PROCEEDS:
        return NOTHING, [floor_basis], Note.BY_PROCEEDS
    if not cell.stake.team:
        excludes = rules.seek("ownership.excludes_reward", terms.signed_on, owner.jurisdiction)
        return NOTHING, [excludes.basis if excludes else OWNERSHIP], Note.ALL_OWN
    if receipt.kind == ReceiptKind.PROFIT:
        window = checks.profit_window(terms, owner, rules)
        if receipt.year not in window.years:
            return NOTHING, [window.rule.basis], Note.OUTSIDE_YEARS
        floor_basis_of_years: Basis | None = window.rule.basis
    else:
        floor_basis_of_years = None
    if owner.rule:
        named = permitted.basis if permitted and owner.rule.reward * BASIS_POINTS >= permitted.value else None
        return owner.rule.reward, [owner.rule.basis, named, floor_basis, floor_basis_of_years], ""
    if least is None:
        raise BadInput(_("没有法定标准，请填写单位的奖励办法，例如净收入的 70%，第 11 条。"), field="owners.rule")
    return Fraction(least.value, BASIS_POINTS), [least.basis, floor_basis_of_years], ""


def _divide_reward(due: _Due, terms: Terms, cell: _Cell, reward: int, source: str, rules: Rulebook) -> None:
    """Transfer staff, main contributors and others; inside each group by signed parts."""
    owner, team = cell.owner, cell.stake.team
    limits = checks.inside_reward(terms, owner, rules)
    main_part = sum((share.part for share in team if share.role == Role.MAIN), NOTHING)
    main = floor(main_part * (1 - limits.staff) * reward)
    if limits.least_main is not None:
        main = max(main, ceil(limits.least_main * reward))
    staff = min(reward - main, ceil(limits.staff * reward))
    others = reward - main - staff
    if main_part == 1:
        main, others = main + others, 0
    elif main_part == 0:
        main, others = 0, main + others
    if limits.staff:
        _divide_staff(due, terms, cell, staff, limits, source, reward)
    for role, pool in ((Role.MAIN, main), (Role.OTHER, others)):
        group = [share for share in team if share.role == role]
        parts = split(pool, [share.part for share in group]) if group else []
        for share, amount in zip(group, parts, strict=True):
            due.add(
                Step.CONTRIBUTOR, amount, source=source, cell=cell, label=role, payee=share.person, base=reward,
                rate=share.part * (1 - limits.staff), bases=[SIGNED, limits.main_basis if role == Role.MAIN else None],
            )  # fmt: skip


def _divide_staff(
    due: _Due, terms: Terms, cell: _Cell, staff: int, limits: checks.InsideReward, source: str, reward: int
) -> None:
    rule, shares = cell.owner.rule, terms.staff or (Share("", Fraction(1)),)
    for share, amount in zip(shares, split(staff, [share.part for share in shares]), strict=True):
        due.add(
            Step.STAFF, amount, source=source, cell=cell, label=Step.STAFF, payee=share.person, base=reward,
            rate=limits.staff * share.part, bases=[rule.basis if rule else None, limits.staff_basis],
        )  # fmt: skip


def _divide_unit_part(
    due: _Due, terms: Terms, cell: _Cell, kept: int, gross: int, source: str, rest: Basis | None
) -> None:
    """The commission, then who shares what the unit keeps."""
    left, broker, rule = kept, terms.broker, cell.owner.rule
    if broker and not broker.is_cost:
        asked = half_up(gross * broker.rate)
        paid = min(asked, left)
        note = "" if paid == asked else Note.LIMITED
        due.add(
            Step.BROKER, paid, source=source, cell=cell, payee=broker.payee, base=gross, rate=broker.rate,
            bases=[CONTRACT], note=note,
        )  # fmt: skip
        left -= paid
    parts = rule.parts if rule and rule.parts else (Part(cell.owner.key, PartKind.SCHOOL, Fraction(1)),)
    whole = sum((part.of_net for part in parts), NOTHING)
    for part, amount in zip(parts, split(left, [part.of_net for part in parts]), strict=True):
        due.add(
            Step.PART, amount, source=source, cell=cell, label=part.kind, payee=part.payee, base=left,
            rate=part.of_net / whole, bases=[rule.basis if rule else rest],
        )  # fmt: skip


# --- dividends and exits of shares that people hold ------------------------------------------------------------------------


def _divide_by_holdings(
    due: _Due, terms: Terms, gross: int, charges: Sequence[tuple[Charge, tuple[Basis, ...]]], receipt: Receipt
) -> None:
    top = due.add(Step.GROSS, gross, base=gross, bases=[CONTRACT, _rate_basis(receipt)])
    left = gross
    for kind in dict.fromkeys(charge.kind for charge, _bases in charges):
        same = [(charge.amount, bases) for charge, bases in charges if charge.kind == kind]
        amount = sum(amount for amount, _bases in same)
        left -= amount
        cited = [basis for _amount, bases in same for basis in bases]
        due.add(STEP_OF[kind], amount, source=top, label=kind, base=gross, bases=cited)
    below = due.add(Step.NET, left, source=top, base=gross, bases=[CONTRACT])
    shares = [holding.shares for holding in terms.holdings]
    for holding, amount in zip(terms.holdings, allocate(left, shares), strict=True):
        due.add(
            holding.step, amount, source=below, label=f"{holding.achievement}/{holding.owner}", payee=holding.payee,
            base=left, rate=Fraction(holding.shares, sum(shares)), bases=[Basis(gettext_noop("股东名册与分配协议"))],
        )  # fmt: skip


def _facts(terms: Terms, rules: Rulebook) -> tuple[Basis, ...]:
    """Rules that hold for the whole sheet without moving an amount."""
    units = [owner for owner in terms.owners if owner.kind != OwnerKind.PERSON]
    keys = ["reward.counts_in_payroll"]
    if terms.mode in CONTRACT_WORK:
        keys.append("reward.contract_work.follows")
    if any(owner.rule for owner in units):
        keys.append("reward.policy_must_be_published")
    found = [rules.seek(key, terms.signed_on, owner.jurisdiction) for key in keys for owner in units]
    return tuple(dict.fromkeys(rule.basis for rule in found if rule))
