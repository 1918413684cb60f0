"""What may be seen of deals. A hidden thing looks like a missing one.

The transfer office, finance and auditors of an owner see the deal and their own institution's sheets; the other party and
the broker see the deal and what came in, no sheet; a contributor sees the deal's name and their own line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.db.models import Prefetch, QuerySet, Sum
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.deals.models import (
    Confirmation,
    Deal,
    DealOwner,
    Distribution,
    Evidence,
    Payment,
    PriceNotice,
    Receipt,
    RewardRule,
    SheetLine,
    ShownPrice,
)
from keqiao.deals.states import GONE, OFFICER_ROLES, READING_ROLES, Answer, DistributionState, PaymentState
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, NotFound
from keqiao.kernel.models import PublicNoticeState
from keqiao.kernel.pages import counted
from keqiao.kernel.picking import is_any_of
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor, OrganisationKind


def reading_homes(actor: Actor) -> set[int]:
    """Where the actor reads sheets, with what was merged into it."""
    return parties.merged_into({place for place, role in actor.posts if role in READING_ROLES})


def workplaces(actor: Actor) -> set[int]:
    return parties.merged_into(actor.organisation_ids)


# --- deals --------------------------------------------------------------------------------------------------------------


def deals_visible_to(actor: Actor) -> QuerySet[Deal]:
    """Newest first."""
    rows = Deal.objects.select_related("other_party", "broker").order_by("-made_at", "-id")
    if actor.is_system:
        return rows
    if actor.person_id is None:
        return rows.none()
    # Asked for each by itself: with OR over several tables the database would look at every deal of all.
    homes, places = reading_homes(actor), workplaces(actor)
    owned = DealOwner.objects.filter(organisation_id__in=homes).order_by().values("deal_id")
    own = Confirmation.objects.filter(person_id__in=catalogue.selves(actor.person_id)).order_by()
    other = Deal.objects.filter(other_party_id__in=places).values("pk")
    brokered = Deal.objects.filter(broker_id__in=places).values("pk")
    return rows.filter(is_any_of(owned.union(own.values("distribution__deal_id"), other, brokered)))


def get_deal(code: str, *, actor: Actor, lock: bool = False) -> Deal:
    found = deals_visible_to(actor).filter(code=code).first()
    if found is None:
        raise NotFound
    if lock:
        return Deal.objects.select_for_update(of=("self",), no_key=True).get(pk=found.pk)
    return found


def owners_of(deal: Deal) -> list[DealOwner]:
    return list(deal.owners.select_related("organisation"))


def law_for(deal: Deal, organisation_id: int) -> str:
    """The jurisdiction whose law divides an owner's part: its own province's, else the deal's."""
    own = deal.owners.filter(organisation_id=organisation_id).values_list("jurisdiction", flat=True).first()
    return own or deal.jurisdiction


def own_owners(actor: Actor, deal: Deal) -> list[DealOwner]:
    """The owners for which the actor reads sheets."""
    if actor.is_system:
        return owners_of(deal)
    homes = reading_homes(actor)
    return [row for row in owners_of(deal) if row.organisation_id in homes]


def sees_money(actor: Actor, deal: Deal) -> bool:
    """What came in: owners' officers, and the other party, who paid it. A contributor sees it on their own sheet."""
    return bool(own_owners(actor, deal)) or deal.other_party_id in workplaces(actor)


def receipts_of(deal: Deal) -> QuerySet[Receipt]:
    return Receipt.objects.filter(deal=deal).select_related("milestone").order_by("number")


def get_receipt(deal: Deal, number: int) -> Receipt:
    found = receipts_of(deal).filter(number=number).first()
    if found is None:
        raise NotFound
    return found


# --- rules --------------------------------------------------------------------------------------------------------------


def rules_visible_to(actor: Actor) -> QuerySet[RewardRule]:
    """Those of one's own institution: it publishes them to its people."""
    rows = RewardRule.objects.select_related("organisation").prefetch_related("parts")
    rows = rows.order_by("-published_on", "-id")
    if actor.is_system:
        return rows
    places = workplaces(actor)
    return rows.filter(organisation_id__in=places) if places else rows.none()


def rules_of(organisation_ids: Iterable[int], *, actor: Actor) -> QuerySet[RewardRule]:
    return rules_visible_to(actor).filter(organisation_id__in=parties.merged_into(organisation_ids))


def chosen_rule(actor: Actor, organisation_id: int, code: str) -> RewardRule | None:
    """An institution's rule by its code; none when the law alone decides."""
    if not code:
        return None
    found = rules_of([organisation_id], actor=actor).filter(code=code).first()
    if found is None:
        raise BadInput(_("没有这份分配办法。"), field="rule")
    return found


# --- prices that are shown ------------------------------------------------------------------------------------------------

STATE_UNITS = frozenset({OrganisationKind.UNIVERSITY, OrganisationKind.INSTITUTE, OrganisationKind.HOSPITAL})


def price_notices_visible_to(actor: Actor) -> QuerySet[PriceNotice]:
    """Those of the institution, newest first, for its officers, finance and auditors; others have the public notice."""
    rows = PriceNotice.objects.select_related("organisation", "notice").order_by("-id")
    if actor.is_system:
        return rows
    homes = reading_homes(actor)
    return rows.filter(organisation_id__in=homes) if homes else rows.none()


def passed_price_notices(actor: Actor) -> QuerySet[PriceNotice]:
    """On which a deal may be signed."""
    return price_notices_visible_to(actor).filter(notice__state=PublicNoticeState.PASSED)


def get_price_notice(code: str, *, actor: Actor) -> PriceNotice:
    found = price_notices_visible_to(actor).filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def shown_price_of(deal: Deal) -> ShownPrice | None:
    return ShownPrice.objects.filter(deal=deal).select_related("price_notice__notice").first()


def staff_to_choose(deal: Deal, organisation_id: int) -> dict[str, Any]:
    """Key → somebody who works for an owner now, and may have helped to convert. Ids do not leave the house."""
    found = parties.people_of(parties.merged_into([organisation_id]), since=clock.today())
    people = parties.people_by_id({person for person, _home in found})
    return {_staff_key(deal, pk): person for pk, person in sorted(people.items())}


def _staff_key(deal: Deal, person_id: int) -> str:
    return salted_hmac("keqiao.deals.staff", f"{deal.code}:{person_id}", algorithm="sha256").hexdigest()[:16]


def rule_in_force(rules: Sequence[RewardRule], on: date) -> RewardRule | None:
    """The newest that was published by the day of signing; of rules newest first."""
    return next((rule for rule in rules if rule.published_on <= on), None)


# --- distributions ------------------------------------------------------------------------------------------------------


def distributions_visible_to(actor: Actor) -> QuerySet[Distribution]:
    """Whole sheets: for the owner's officers, finance and auditors. A contributor has `own_confirmations`."""
    rows = Distribution.objects.select_related("deal", "receipt", "organisation", "rule", "notice", "entry__book")
    rows = rows.order_by("-id")
    if actor.is_system:
        return rows
    homes = reading_homes(actor)
    return rows.filter(organisation_id__in=homes) if homes else rows.none()


def get_distribution(code: str, *, actor: Actor, lock: bool = False) -> Distribution:
    found = distributions_visible_to(actor).filter(code=code).first()
    if found is None:
        raise NotFound
    if lock:
        return Distribution.objects.select_for_update(of=("self",), no_key=True).get(pk=found.pk)
    return found


def distributions_of(deal: Deal, *, actor: Actor) -> QuerySet[Distribution]:
    return distributions_visible_to(actor).filter(deal=deal)


def live_distribution(receipt: Receipt, organisation_id: int) -> Distribution | None:
    return Distribution.objects.filter(receipt=receipt, organisation_id=organisation_id).exclude(state__in=GONE).first()


def lines_of(distribution: Distribution) -> QuerySet[SheetLine]:
    """All lines. For who may see the whole sheet."""
    return distribution.lines.select_related("person", "organisation", "achievement").order_by("position")


def with_payees(lines: list[SheetLine]) -> list[SheetLine]:
    """Lines that were not written, with the people and organisations they name."""
    people = parties.people_by_id({line.person_id for line in lines if line.person_id is not None})
    homes = parties.organisations_by_id({line.organisation_id for line in lines if line.organisation_id is not None})
    for line in lines:
        if line.person_id is not None:
            line.person = people[line.person_id]
        if line.organisation_id is not None:
            line.organisation = homes[line.organisation_id]
    return lines


def confirmations_of(distribution: Distribution) -> QuerySet[Confirmation]:
    return distribution.confirmations.select_related("person", "evidence").order_by("id")


def payments_of(distribution: Distribution) -> QuerySet[Payment]:
    return distribution.payments.select_related("person", "organisation", "entry__book", "evidence").order_by("id")


def get_payment(code: str, *, actor: Actor) -> Payment:
    rows = Payment.objects.select_related("distribution")
    found = rows.filter(code=code, distribution__in=distributions_visible_to(actor)).first()
    if found is None:
        raise NotFound
    return found


def get_evidence(code: str, of: str, name: str, *, actor: Actor) -> Any:
    """The stored file by which somebody was answered for: of the confirmation at a place, or of a payment by its code."""
    distribution = get_distribution(code, actor=actor)
    rows = Evidence.objects.select_related("file")
    if of == "payment":
        found = rows.filter(payment__distribution=distribution, payment__code=name).first()
    else:
        places = list(distribution.confirmations.order_by("id").values_list("pk", flat=True))
        place = int(name) if name.isascii() and name.isdigit() and len(name) < 5 else 0
        found = rows.filter(confirmation_id=places[place - 1]).first() if 1 <= place <= len(places) else None
    if found is None:
        raise NotFound
    return found.file


def waiting_for_approval(actor: Actor) -> QuerySet[Distribution]:
    homes = parties.merged_into({place for place, role in actor.posts if role in OFFICER_ROLES})
    rows = Distribution.objects.filter(organisation_id__in=homes, state=DistributionState.CONFIRMED)
    return rows.select_related("deal", "receipt", "organisation").order_by("id")


# --- one's own money ----------------------------------------------------------------------------------------------------


def own_confirmations(actor: Actor) -> QuerySet[Confirmation]:
    """The actor's own part of distributions, newest first; withdrawn ones are gone."""
    if actor.person_id is None:
        return Confirmation.objects.none()
    own = catalogue.selves(actor.person_id)
    mine = Payment.objects.filter(person_id__in=own).select_related("person")
    rows = Confirmation.objects.filter(person_id__in=own)
    rows = rows.exclude(distribution__state=DistributionState.WITHDRAWN)
    return rows.select_related(
        "distribution__deal", "distribution__receipt", "distribution__organisation", "distribution__rule",
        "distribution__notice",
    ).prefetch_related(Prefetch("distribution__payments", queryset=mine, to_attr="own_payments")).order_by("-id")  # fmt: skip


def own_confirmation(actor: Actor, code: str) -> Confirmation:
    found = own_confirmations(actor).filter(distribution__code=code).first()
    if found is None:
        raise NotFound
    return found


def own_lines(confirmation: Confirmation) -> list[SheetLine]:
    """A contributor's lines, with the lines that they are taken from: rule, base and total, nobody else's part."""
    lines = {line.key: line for line in confirmation.distribution.lines.select_related("achievement").all()}
    shown: dict[str, SheetLine] = {}
    for line in lines.values():
        if line.person_id != confirmation.person_id:
            continue
        chain, at = [line], line.source
        while at and at in lines:
            chain.append(lines[at])
            at = lines[at].source
        for each in reversed(chain):
            shown.setdefault(each.key, each)
    return list(shown.values())


def open_confirmations(actor: Actor) -> int:
    states = [DistributionState.CONFIRMING, DistributionState.CONTESTED]
    return counted(own_confirmations(actor).filter(answer=Answer.WAITING, distribution__state__in=states))


def own_totals(actor: Actor) -> list[tuple[str, str, int]]:
    """(currency, state, sum) of one's own payments."""
    if actor.person_id is None:
        return []
    rows = Payment.objects.filter(person_id__in=catalogue.selves(actor.person_id)).exclude(state=PaymentState.CANCELLED)
    sums = rows.values("currency", "state").annotate(sum=Sum("amount")).order_by("currency", "state")
    return [(row["currency"], row["state"], int(row["sum"])) for row in sums]
