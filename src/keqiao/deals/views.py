"""Pages of deals: parse, one command or selector, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from keqiao.deals import computing, forms, selectors, services, showing
from keqiao.deals.models import Deal, Receipt
from keqiao.deals.policies import can_open_deal, can_record_receipt, can_run_deal, can_write_rules
from keqiao.deals.states import GONE, Pricing
from keqiao.deals.types import ChargeKind, EquityAs, Mode, PartKind, ReceiptKind, Step
from keqiao.kernel import clock
from keqiao.kernel.errors import DomainError, NotFound
from keqiao.kernel.money import MINOR_DIGITS
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, signed_in
from keqiao.kernel.replicas import may_lag
from keqiao.kernel.site import known_jurisdictions

PER_PAGE = 20
RULES = 20  # an institution has a handful


def refused(problem: DomainError) -> None:
    """What the form cannot show: somebody else's thing."""
    if problem.status in {403, 404}:
        raise problem


# --- deals --------------------------------------------------------------------------------------------------------------


@page
@signed_in
@may_lag
def deals(request: HttpRequest) -> HttpResponse:
    """The deals that one takes part in, and what waits for one's approval."""
    actor = actor_of(request)
    found = LongList(selectors.deals_visible_to(actor), PER_PAGE).get_page(page_number(request.GET))
    context = {
        "tab": "me",
        "page": found,
        "waiting": selectors.waiting_for_approval(actor)[:PER_PAGE],
        "opens": actor.acting_for is not None and can_open_deal(actor, actor.acting_for),
        "unanswered": selectors.open_confirmations(actor),
        "reads": bool(selectors.reading_homes(actor)),
    }
    return render(request, "deals/deals.html", context)


@form_page
@signed_in
def new_deal(request: HttpRequest) -> HttpResponse:
    """Enter a signed deal."""
    actor = actor_of(request)
    if actor.acting_for is None or not can_open_deal(actor, actor.acting_for):
        raise NotFound
    if request.method != "POST":
        return _new_deal(request)
    try:
        made = services.open_deal(actor=actor, draft=forms.read_deal(request.POST))
    except DomainError as problem:
        if problem.status == 404:
            raise
        return _new_deal(request, problem)
    return redirect("deal", code=made.code)


def _new_deal(request: HttpRequest, problem: DomainError | None = None) -> HttpResponse:
    given = request.POST
    milestone = ("milestone", "milestone_amount", "milestone_due", "milestone_condition")
    context = {
        "tab": "me",
        "form": given,
        "problem": problem,
        "modes": Mode,
        "pricings": Pricing,
        "equities": EquityAs,
        "currencies": sorted(MINOR_DIGITS),
        "results": forms.rows_of(given, ("result", "weight"), forms.RESULTS),
        "milestones": forms.rows_of(given, milestone, forms.MILESTONES),
        "price_notices": selectors.passed_price_notices(actor_of(request))[:PER_PAGE],
        "today": clock.machine_today(),
    }
    return render(request, "deals/new_deal.html", context, status=problem.status if problem else 200)


@page
@signed_in
def deal(request: HttpRequest, code: str) -> HttpResponse:
    """Stages, what came in and how it was divided, milestones, parties."""
    return _deal(request, code)


def _deal(request: HttpRequest, code: str, problem: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    found = selectors.get_deal(code, actor=actor)
    sees_money, own = selectors.sees_money(actor, found), selectors.own_owners(actor, found)
    receipts = list(selectors.receipts_of(found)) if sees_money else []
    rows = list(selectors.distributions_of(found, actor=actor)) if sees_money else []
    live = {row.receipt_id: row for row in rows if row.state not in GONE}
    shown = next(iter(sorted(live.values(), key=lambda row: -row.receipt.number)), None)
    lines = list(selectors.lines_of(shown)) if shown else []
    received = sum(row.amount for row in receipts if row.currency == found.currency)
    mine = selectors.own_confirmations(actor).filter(distribution__deal=found, answer="waiting")
    context = {
        "tab": "me",
        "deal": found,
        "problem": problem,
        "stages": showing.stages(found, len(receipts)),
        "owners": selectors.owners_of(found),
        "results": found.results.select_related("achievement").prefetch_related("achievement__texts"),
        "milestones": _milestones(found, receipts) if sees_money else [],
        "sees_money": sees_money,
        "sees_sheets": bool(own),
        "receipts": [(row, live.get(row.pk)) for row in receipts],
        "gone": [row for row in rows if row.state in GONE],
        "received": received,
        "shown": shown,
        "lines": lines,
        "pictures": showing.pictures(lines) if shown else [],
        "picture_words": showing.picture_words(lines, shown.unit) if shown else "",
        "leaves": [line for line in lines if line.step in showing.LEAVES],
        "reward": next((line for line in lines if line.step == Step.REWARD), None),
        "mine": list(mine[:5]),
        "runs": can_run_deal(actor, found),
        "own_laws": [
            (row, row.jurisdiction or found.jurisdiction) for row in own if can_open_deal(actor, row.organisation_id)
        ],
        "shown_price": selectors.shown_price_of(found) if own else None,
        "jurisdictions": known_jurisdictions(),
        "records": can_record_receipt(actor, found),
        "today": clock.machine_today(),
        "form": request.POST,
    }
    return render(request, "deals/deal.html", context, status=problem.status if problem else 200)


def _milestones(found: Deal, receipts: list[Receipt]) -> list[tuple[Any, int, Receipt | None]]:
    """Each with what came in for it, and the last receipt of it."""
    rows = []
    for milestone in found.milestones.all():
        own = [row for row in receipts if row.milestone_id == milestone.pk]
        rows.append((milestone, sum(row.amount for row in own), own[-1] if own else None))
    return rows


@require_POST
@signed_in
def registration(request: HttpRequest, code: str) -> HttpResponse:
    try:
        day = forms.read_day(request.POST.get("registered_on", ""), "registered_on")
        services.register_contract(
            actor=actor_of(request), code=code, number=request.POST.get("number", ""), registered_on=day
        )
    except DomainError as problem:
        refused(problem)
        return _deal(request, code, problem)
    return redirect("deal", code=code)


@require_POST
@signed_in
def law(request: HttpRequest, code: str) -> HttpResponse:
    given = request.POST
    try:
        services.choose_law(
            actor=actor_of(request), code=code, jurisdiction=given.get("jurisdiction", ""),
            organisation_code=given.get("organisation", ""),
        )  # fmt: skip
    except DomainError as problem:
        refused(problem)
        return _deal(request, code, problem)
    return redirect("deal", code=code)


@require_POST
@signed_in
def settle(request: HttpRequest, code: str) -> HttpResponse:
    services.settle_deal(actor=actor_of(request), code=code)
    return redirect("deal", code=code)


# --- receipts -----------------------------------------------------------------------------------------------------------


@form_page
@signed_in
def new_receipt(request: HttpRequest, code: str) -> HttpResponse:
    """Say what came in, or was paid back."""
    actor = actor_of(request)
    found = selectors.get_deal(code, actor=actor)
    if not can_record_receipt(actor, found):
        raise NotFound
    problem: DomainError | None = None
    if request.method == "POST":
        try:
            draft = forms.read_receipt(request.POST, found.currency)
            services.record_receipt(actor=actor, code=code, draft=draft, key=request.POST.get("key", ""))
        except DomainError as error:
            refused(error)
            problem = error
        else:
            return redirect("deal", code=code)
    context = {
        "tab": "me",
        "deal": found,
        "form": request.POST,
        "problem": problem,
        "kinds": ReceiptKind,
        "charge_kinds": ChargeKind,
        "currencies": sorted(MINOR_DIGITS),
        "milestones": found.milestones.all(),
        "charges": forms.rows_of(request.POST, forms.CHARGE_COLUMNS, forms.CHARGES),
        "key": request.POST.get("key") or forms.fresh_key(),
        "today": clock.machine_today(),
    }
    return render(request, "deals/new_receipt.html", context, status=problem.status if problem else 200)


@form_page
@signed_in
def divide(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """Compare what two rules would give, without writing anything; then ask the contributors by one of them."""
    actor = actor_of(request)
    found = selectors.get_deal(code, actor=actor)
    homes = [row for row in selectors.own_owners(actor, found) if can_open_deal(actor, row.organisation_id)]
    if not homes:
        raise NotFound
    receipt = selectors.get_receipt(found, number)
    if request.method != "POST":
        return _divide(request, found, receipt, homes)
    try:
        made = services.prepare(
            actor=actor, code=code, receipt_number=number, rule_code=request.POST.get("rule", ""),
            organisation_code=request.POST.get("organisation", ""), staff=forms.read_staff(request.POST, _staff(found, homes)),
        )  # fmt: skip
    except DomainError as problem:
        refused(problem)
        return _divide(request, found, receipt, homes, problem)
    return redirect("distribution", code=made.code)


def _divide(
    request: HttpRequest, found: Deal, receipt: Receipt, homes: list[Any], problem: DomainError | None = None
) -> HttpResponse:
    actor = actor_of(request)
    home = next((row for row in homes if row.organisation.code == request.GET.get("organisation")), homes[0])
    rules = list(selectors.rules_of([home.organisation_id], actor=actor)[:RULES])
    in_force = selectors.rule_in_force(rules, found.signed_on)
    codes = request.GET.getlist("rule")[:2] or [in_force.code if in_force else ""]
    columns = [_simulated(actor, found, receipt, home.organisation_id, code) for code in codes]
    context = {
        "tab": "me",
        "deal": found,
        "receipt": receipt,
        "home": home,
        "homes": homes,
        "rules": rules,
        "first": codes[0],
        "second": codes[1] if len(codes) > 1 else None,
        "columns": columns,
        "compared": _compared(columns),
        "problem": problem,
        "people": selectors.staff_to_choose(found, home.organisation_id) if _has_staff(columns) else {},
        "staff_rows": forms.rows_of(request.POST, ("staff", "staff_share"), forms.STAFF),
        "live": selectors.live_distribution(receipt, home.organisation_id),
    }
    return render(request, "deals/divide.html", context, status=problem.status if problem else 200)


def _staff(found: Deal, homes: list[Any]) -> dict[str, int]:
    """Key of the form → person, of all owners for which the actor divides."""
    return {
        key: person.pk for row in homes for key, person in selectors.staff_to_choose(found, row.organisation_id).items()
    }


def _has_staff(columns: list[dict[str, Any]]) -> bool:
    return any(column.get("has_staff") for column in columns)


def _simulated(actor: Any, found: Deal, receipt: Receipt, home: int, code: str) -> dict[str, Any]:
    """One column: the lines of the sheet, or why there is none."""
    try:
        rule = selectors.chosen_rule(actor, home, code)
        computed = computing.compute(found, receipt, home, rule)
    except DomainError as problem:
        return {"code": code, "rule": None, "problem": problem, "lines": [], "unit": found.currency}
    lines = selectors.with_payees(computing.line_rows(computed))
    return {
        "code": code, "rule": rule, "lines": lines, "unit": computed.sheet.unit, "problem": None,
        "has_staff": any(line.step == Step.STAFF for line in lines),
        "pictures": showing.pictures(lines), "words": showing.picture_words(lines, computed.sheet.unit),
    }  # fmt: skip


def _compared(columns: list[dict[str, Any]]) -> list[tuple[Any, list[Any]]]:
    """Line by line, side by side: (a line that names it, the line of each column)."""
    keys: dict[str, Any] = {}
    for column in columns:
        for line in column["lines"]:
            keys.setdefault(line.key, line)
    by_key = [{line.key: line for line in column["lines"]} for column in columns]
    return [(line, [lines.get(key) for lines in by_key]) for key, line in keys.items()]


# --- rules --------------------------------------------------------------------------------------------------------------


@form_page
@signed_in
def reward_rules(request: HttpRequest) -> HttpResponse:
    """The rules that one's institution published; a form for one more."""
    actor = actor_of(request)
    place, problem = actor.workplace, None
    writes = place is not None and can_write_rules(actor, place.organisation_id)
    if request.method == "POST":
        if place is None:
            raise NotFound
        try:
            services.add_rule(actor=actor, organisation_code=place.code, **forms.read_rule(request.POST))
        except DomainError as error:
            refused(error)
            problem = error
        else:
            return redirect("reward_rules")
    context = {
        "tab": "me",
        "page": LongList(selectors.rules_visible_to(actor), PER_PAGE).get_page(page_number(request.GET)),
        "writes": writes,
        "form": request.POST,
        "parts": forms.rows_of(request.POST, ("part_kind", "part", "part_share"), forms.PARTS),
        "part_kinds": PartKind,
        "problem": problem,
    }
    return render(request, "deals/rules.html", context, status=problem.status if problem else 200)
