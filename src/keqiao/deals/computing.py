"""From rows to the pure heart and back: the terms of a deal as an owner divides them, and the lines of its sheet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.deals import types as t
from keqiao.deals.models import Deal, DealOwner, Distribution, Receipt, RewardRule, SheetLine
from keqiao.deals.rulebook import rules_in_force
from keqiao.deals.selectors import STATE_UNITS, law_for
from keqiao.deals.states import GONE, SharesMissing
from keqiao.deals.waterfall import distribute
from keqiao.kernel.errors import BadInput
from keqiao.parties import selectors as parties

if TYPE_CHECKING:
    from keqiao.catalogue.models import AssignedFraction, ShareVersion

WHOLE = 10_000
# (person, basis points) of those who divide what transfer staff get.
Staff = Sequence[tuple[int, int]]
SOMEBODY = (t.Share("", Fraction(1)),)  # the team of another owner


@dataclass(frozen=True)
class Computed:
    """A sheet of one owner, with what it was computed from."""

    sheet: t.Sheet
    lines: tuple[t.Line, ...]  # those of the owner
    rule: RewardRule | None
    share_versions: list[list[int]]
    terms_digest: str


def compute(deal: Deal, receipt: Receipt, organisation_id: int, rule: RewardRule | None, staff: Staff = ()) -> Computed:
    """Divide a receipt by an owner's rule, or by the law alone. Reads; nothing is written. Raises BadInput.

    `staff`: who divides what transfer staff get; nobody: the institution's office does.
    """
    versions = shares_in_force(deal)
    terms = terms_of(deal, organisation_id, rule, versions, staff)
    pairs = sorted([achievement_id, version.pk] for achievement_id, version in versions.items())
    digest = _digest(deal, organisation_id, rule, pairs, staff)
    receipts = [receipt_of(row) for row in [*_history(deal, receipt, organisation_id, digest), receipt]]
    sheet = distribute(terms, receipts, rules_in_force())
    mine = {"", owner_key(organisation_id)} | {o.key for o in terms.owners if o.kind == t.OwnerKind.PERSON}
    return Computed(sheet, tuple(line for line in sheet.lines if line.owner in mine), rule, pairs, digest)


def shares_in_force(deal: Deal) -> dict[int, ShareVersion]:
    """Achievement → the version that every contributor has signed. Raises SharesMissing."""
    ids = [row.achievement_id for row in deal.results.all()]
    versions = catalogue.shares_of(ids)
    if set(versions) != set(ids):
        raise SharesMissing(field="shares")
    return versions


def _history(deal: Deal, receipt: Receipt, organisation_id: int, digest: str) -> list[Receipt]:
    """Receipts that were divided under the same terms and still count."""
    rows = Distribution.objects.filter(deal=deal, organisation_id=organisation_id, terms_digest=digest)
    rows = rows.exclude(state__in=GONE).exclude(receipt_id=receipt.pk).select_related("receipt")
    return [row.receipt for row in rows.order_by("receipt__number")]


def _digest(deal: Deal, organisation_id: int, rule: RewardRule | None, pairs: list[list[int]], staff: Staff) -> str:
    said = [
        deal.pk, organisation_id, deal.mode, deal.signed_on.isoformat(), law_for(deal, organisation_id), deal.broker_bp,
        deal.registered_on.isoformat() if deal.registered_on else None, rule.pk if rule else None, pairs,
    ]  # fmt: skip
    said += [sorted(staff)] if staff else []
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


# --- rows → terms -------------------------------------------------------------------------------------------------------


def owner_key(organisation_id: int) -> str:
    return f"o{organisation_id}"


def _person_key(person_id: int) -> str:
    return f"p{person_id}"


def terms_of(
    deal: Deal, organisation_id: int, rule: RewardRule | None, versions: Mapping[int, ShareVersion], staff: Staff = ()
) -> t.Terms:
    owners = list(deal.owners.select_related("organisation"))
    homes = {row.organisation_id for row in owners}
    own, law = rule_of(rule) if rule else None, law_for(deal, organisation_id)
    strangers = {f.organisation_id for v in versions.values() for f in v.owners.all()} - parties.merged_into(homes)
    if strangers:
        raise BadInput(_("成果的权属单位与合同不一致：请先在合同中加入新的权属单位，或更正权属份额。"), field="owners")
    became = parties.final_organisations({f.organisation_id for v in versions.values() for f in v.owners.all()})
    teams = _teams(versions, homes)
    return t.Terms(
        mode=t.Mode(deal.mode),
        signed_on=deal.signed_on,
        achievements=tuple(
            t.Achievement(
                f"a{row.achievement_id}",
                Fraction(row.weight_bp, WHOLE),
                _stakes(versions[row.achievement_id], became, organisation_id, teams),
            )
            for row in deal.results.all()
        ),
        owners=tuple(
            _owner(row, law, own) if row.organisation_id == organisation_id else _other_owner(deal, row, law)
            for row in owners
        )
        + _assigned_owners(versions, became, organisation_id, law),
        registered_on=deal.registered_on,
        currency=deal.currency,
        broker=_broker(deal),
        staff=tuple(t.Share(_person_key(person), Fraction(bp, WHOLE)) for person, bp in staff),
        holdings=_holdings(deal, organisation_id),
        produced_on=deal.produced_on,
        first_profitable_year=deal.first_profitable_year,
        equity_as=t.EquityAs(deal.equity_as),
    )


def _owner(row: DealOwner, law: str, own: t.OwnRule | None) -> t.Owner:
    kind = t.OwnerKind.STATE_UNIT if row.organisation.kind in STATE_UNITS else t.OwnerKind.ENTERPRISE
    return t.Owner(owner_key(row.organisation_id), kind, law, own)


def _other_owner(deal: Deal, row: DealOwner, law: str) -> t.Owner:
    """Its part is taken out of the whole; whom it rewards by which law and rule is neither known nor judged here."""
    rule = t.OwnRule("", "", deal.signed_on, Fraction(1, 2), profit_years=1)
    return t.Owner(owner_key(row.organisation_id), t.OwnerKind.ENTERPRISE, law, rule)


def _assigned(version: ShareVersion, became: Mapping[int, int], organisation_id: int) -> list[AssignedFraction]:
    """What an owner assigned to completers; what others assigned is their affair."""
    return [row for row in version.assigned.all() if became.get(row.organisation_id) == organisation_id]


def _assigned_owners(
    versions: Mapping[int, ShareVersion], became: Mapping[int, int], organisation_id: int, law: str
) -> tuple[t.Owner, ...]:
    found: dict[int, t.Choice] = {}
    for version in versions.values():
        for row in _assigned(version, became, organisation_id):
            if found.setdefault(row.person_id, t.Choice(row.choice)) != row.choice:
                raise BadInput(
                    _("同一位完成人对各项成果选择了不同的收益方式，请按成果分别签订合同。"), field="assigned"
                )
    return tuple(
        t.Owner(_person_key(pk), t.OwnerKind.PERSON, law, assigned_by=owner_key(organisation_id), choice=choice)
        for pk, choice in found.items()
    )


def _stakes(version: ShareVersion, became: Mapping[int, int], organisation_id: int, teams: Any) -> tuple[t.Stake, ...]:
    """Each owner's fraction; of the one that divides, without what it assigned, which stands beside it."""
    assigned = [
        t.Stake(_person_key(row.person_id), Fraction(row.share_bp, WHOLE))
        for row in _assigned(version, became, organisation_id)
    ]
    given = sum((stake.fraction for stake in assigned), Fraction(0))
    stakes = []
    for home, fraction in _fractions(version, became):
        mine = home == organisation_id
        left = fraction - given if mine else fraction
        if left:
            stakes.append(t.Stake(owner_key(home), left, teams(version.achievement_id, home) if mine else SOMEBODY))
    return tuple(stakes + assigned)


def _fractions(version: ShareVersion, became: Mapping[int, int]) -> list[tuple[int, Fraction]]:
    """Organisations that have become one own together."""
    found: dict[int, Fraction] = {}
    for row in version.owners.all():
        home = became[row.organisation_id]
        found[home] = found.get(home, Fraction(0)) + Fraction(row.share_bp, WHOLE)
    return list(found.items())


def _teams(versions: Mapping[int, ShareVersion], homes: set[int]) -> Any:
    """Whom each owner rewards: its own people, with the parts they signed among themselves; a sole owner rewards all."""
    people = {row.person_id for version in versions.values() for row in version.contributors.all()}
    tenures = parties.tenures_ever(people) if len(homes) > 1 else set()
    became = parties.final_organisations({home for _person, home in tenures}) if tenures else {}
    places: dict[int, set[int]] = {}
    for person, home in tenures:
        if became[home] in homes:
            places.setdefault(person, set()).add(became[home])

    def team(achievement_id: int, home: int) -> tuple[t.Share, ...]:
        rows = [
            row
            for row in versions[achievement_id].contributors.all()
            if len(homes) == 1 or home in places.get(row.person_id, homes)
        ]
        whole = sum(row.share_bp for row in rows)
        return tuple(
            t.Share(
                _person_key(row.person_id),
                Fraction(row.share_bp, whole),
                t.Role.MAIN if row.is_main else t.Role.OTHER,
                row.is_head,
            )
            for row in rows
        )

    return team


def _broker(deal: Deal) -> t.Broker | None:
    if deal.broker_id is None or not deal.broker_bp:
        return None
    return t.Broker(owner_key(deal.broker_id), Fraction(deal.broker_bp, WHOLE), is_cost=deal.broker_is_cost)


def _holdings(deal: Deal, organisation_id: int) -> tuple[t.Holding, ...]:
    """Who holds shares after the last live distribution that divided some; nobody where the unit keeps them and pays cash."""
    if deal.equity_as == t.EquityAs.PROCEEDS:
        return ()
    rows = Distribution.objects.filter(deal=deal, organisation_id=organisation_id, unit=t.SHARES).exclude(
        state__in=GONE
    )
    last = rows.order_by("-receipt__number").first()
    if last is None:
        return ()
    return tuple(
        t.Holding(
            payee_key(line), t.Step(line.step), line.due,
            f"a{line.achievement_id}" if line.achievement_id else "", owner_key(organisation_id),
        )
        for line in last.lines.all()
        if line.step in t.LEAVES and line.due
    )  # fmt: skip


def payee_key(line: SheetLine) -> str:
    if line.person_id is not None:
        return _person_key(line.person_id)
    return owner_key(line.organisation_id) if line.organisation_id is not None else line.name


def rule_of(rule: RewardRule) -> t.OwnRule:
    return t.OwnRule(
        f"《{rule.name}》",
        rule.article,
        rule.published_on,
        Fraction(rule.reward_bp, WHOLE),
        tuple(t.Part(part.name, t.PartKind(part.kind), Fraction(part.of_net_bp, WHOLE)) for part in rule.parts.all()),
        Fraction(rule.staff_bp, WHOLE),
        profit_years=rule.profit_years,
    )


def receipt_of(row: Receipt) -> t.Receipt:
    return t.Receipt(
        f"r{row.number}",
        row.received_on,
        row.amount,
        t.ReceiptKind(row.kind),
        row.currency,
        row.rate,
        row.rate_source,
        row.year,
        tuple(
            t.Charge(
                t.ChargeKind(charge["kind"]), charge["amount"], is_public_money=charge.get("is_public_money", False),
                note=charge.get("note", ""),
            )
            for charge in row.charges
        ),
    )  # fmt: skip


# --- lines → rows -------------------------------------------------------------------------------------------------------


def line_rows(computed: Computed, distribution: Distribution | None = None) -> list[SheetLine]:
    """Unsaved rows of the sheet: pages of a simulation show the same."""
    return [_row(line, place, distribution) for place, line in enumerate(computed.lines, start=1)]


def _row(line: t.Line, place: int, distribution: Distribution | None) -> SheetLine:
    person, organisation, name = _payee(line)
    return SheetLine(
        distribution=distribution,
        position=place,
        key=line.key,
        source=line.source,
        step=line.step,
        label=line.label.split("/")[0],
        achievement_id=int(line.achievement[1:]) if line.achievement else None,
        person_id=person,
        organisation_id=organisation,
        name=name,
        rate=str(line.rate) if line.rate is not None else "",
        base=line.base,
        amount=line.amount,
        due=line.due,
        given=line.given,
        bases=bases_of(line.bases),
        note=line.note[:300],
    )


def _payee(line: t.Line) -> tuple[int | None, int | None, str]:
    kind, rest = line.payee[:1], line.payee[1:]
    if line.step in {t.Step.CONTRIBUTOR, t.Step.STAFF, t.Step.OWNER} and kind == "p" and rest.isdigit():
        return int(rest), None, ""
    if kind == "o" and rest.isdigit():
        return None, int(rest), ""
    return None, None, line.payee


def bases_of(bases: Iterable[t.Basis]) -> list[dict[str, Any]]:
    return [
        {
            "instrument": basis.instrument,
            "article": basis.article,
            "source": basis.source,
            "since": _day(basis.since),
            "confirmed": basis.is_confirmed,
        }
        for basis in bases
    ]


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def totals(lines: Sequence[SheetLine], *steps: str) -> int:
    return sum(line.amount for line in lines if line.step in steps)
