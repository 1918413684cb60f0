"""Rows on their way out: what the actor may see, with the columns that reading them back would need.

A publisher who is not shown is in no cell of a file: neither the organisation nor the external id, which is the
organisation's own word. Rows are fetched some at a time by their key, so that a long export holds no transaction and sees
what was withdrawn or erased while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import ItemState, Mode
from keqiao.interchange import cells, indicators, values
from keqiao.interchange.columns import TABLES, Column
from keqiao.interchange.policies import can_export
from keqiao.interchange.selectors import external_ids, external_ids_of_people
from keqiao.interchange.types import Kind
from keqiao.interchange.world import choices
from keqiao.kernel.errors import BadInput, NotAllowed
from keqiao.matching import search as searching
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor

AT_ONCE = 300  # rows of one query
NOT_EXPORTED = {"email"}  # an address is its owner's to give


@dataclass(frozen=True)
class Wanted:
    """What of a kind is asked for. `own`: only of the organisation that the actor acts for."""

    kind: str
    q: str = ""
    field: str = ""
    region: str = ""
    mode: str = ""
    organisation: str = ""  # its code
    own: bool = False


def columns_of(kind: str) -> list[Column]:
    return [column for column in TABLES[kind] if column.name not in NOT_EXPORTED]


def rows_for(actor: Actor, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Our column's name → cell, of every row that the actor may see. Lists of objects only where a cell is JSON anyway."""
    if wanted.kind not in Kind.values:
        raise BadInput(_("没有这一类，可以导出的有：成果、需求、单位、人员、知识产权。"), field="kind")
    if not can_export(actor, wanted.kind):
        raise NotAllowed
    makers: Mapping[str, Callable[[Actor, Wanted], Iterator[dict[str, Any]]]] = {
        Kind.ACHIEVEMENTS: _items,
        Kind.NEEDS: _items,
        Kind.ORGANISATIONS: _organisations,
        Kind.PEOPLE: _people,
        Kind.ASSETS: _assets,
    }
    return makers[wanted.kind](actor, wanted)


def _batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """By primary key, so that no cursor stays open."""
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        yield batch
        last = batch[-1].pk


# --- needs and achievements -------------------------------------------------------------------------------------------


def _items(actor: Actor, wanted: Wanted) -> Iterator[dict[str, Any]]:
    is_need = wanted.kind == Kind.NEEDS
    for batch in _batches(_filtered(actor, wanted)):
        budgets = catalogue.private_budgets(batch, actor=actor) if is_need else {}
        for item in batch:
            yield _need(actor, item, budgets.get(item.pk)) if is_need else _achievement(actor, item)


def _filtered(actor: Actor, wanted: Wanted) -> QuerySet[Any]:
    """In the order of their keys. What a search finds is as many as the search page shows."""
    is_need = wanted.kind == Kind.NEEDS
    rows: QuerySet[Any] = catalogue.needs_visible_to(actor) if is_need else catalogue.achievements_visible_to(actor)
    if not wanted.own and not actor.is_operator:
        rows = rows.filter(Q(state=ItemState.PUBLISHED) | _own(is_need, actor))
    if wanted.own:
        rows = rows.filter(_own(is_need, actor))
    if wanted.organisation:
        place = parties.get_organisation(wanted.organisation, actor=actor).pk
        of = catalogue.needs_of_organisation if is_need else catalogue.achievements_of_organisation
        rows = rows.filter(pk__in=of(place, actor=actor).order_by().values("pk"))
    for name, value in (("field", wanted.field), ("region", wanted.region)):
        if value:
            rows = rows.filter(**{name: value})
    if wanted.mode in Mode.values:
        rows = rows.filter(modes__contains=[wanted.mode])
    if wanted.q.strip():
        rows = rows.filter(code__in=_found(actor, wanted))
    texts = (
        ("texts", "indicators", "attachments") if is_need else ("texts", "indicators", "attachments", "team", "assets")
    )
    return rows.select_related("publisher" if is_need else "owner").prefetch_related(*texts)


def _own(is_need: bool, actor: Actor) -> Q:
    place = actor.acting_for or 0
    return Q(publisher_id=place) if is_need else Q(owner_id=place)


def _found(actor: Actor, wanted: Wanted) -> list[str]:
    """The codes that the search page finds for the same words, page by page."""
    kind = "need" if wanted.kind == Kind.NEEDS else "achievement"
    codes: list[str] = []
    page = pages = 1
    while page <= pages:
        result = searching.search(searching.SearchRequest(kind=kind, q=wanted.q, page=page), actor=actor)
        codes += [found.item.code for found in result.items]
        page, pages = page + 1, result.page_count
    return codes


def _shared(item: Any, kind: str, *, is_own: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "code": item.code,
        "external_id": item.external_id if is_own else "",
        "field": item.field,
        "region": item.region,
        "keywords": cells.joined(item.keywords_zh),
        "keywords_en": cells.joined(item.keywords_en),
        "modes": "、".join(choices("mode").write(mode) for mode in item.modes),
        "price": values.write_price(vars(item)),
        "ipc": cells.joined(item.ipc),
        "industry": cells.joined(item.industry),
        "discipline": cells.joined(item.discipline),
        "indicators": indicators.write_indicators(
            [_indicator(each) for each in item.indicators.all()], kind=kind, evidence=choices("evidence")
        ),
    }
    for text in item.texts.all():
        ending = "" if text.lang == "zh" else "_en"
        for column in TABLES[kind]:
            if column.target.startswith(f"texts.{text.lang}.") and not column.name.startswith("origin_"):
                row[column.name] = getattr(text, column.name.removesuffix(ending))
        if text.origin != "author":
            row[f"origin_{text.lang}"] = choices("origin").write(text.origin)
    return row


def _indicator(row: Any) -> dict[str, Any]:
    """As a submission's content names the parts: the target of a need is its value."""
    found = vars(row)
    return {**found, "value": found.get("value", found.get("target"))}


def _achievement(actor: Actor, item: Any) -> dict[str, Any]:
    is_own = actor.works_for(item.owner_id) or actor.is_operator
    return {
        **_shared(item, Kind.ACHIEVEMENTS, is_own=is_own),
        "organisation": item.owner.code,
        "unit": item.unit_zh,
        "unit_en": item.unit_en,
        "trl": f"TRL {item.trl}" if item.trl else "",
        "trl_evidence": cells.joined(item.trl_evidence_zh),
        "trl_evidence_en": cells.joined(item.trl_evidence_en),
        "ownership": choices("ownership").write(item.ownership) if item.ownership != "unknown" else "",
        "price_for": choices("mode").write(item.price_for) if item.price_for else "",
        "disclosed_on": item.disclosed_on.isoformat() if item.disclosed_on else "",
        "team": indicators.write_team([vars(member) for member in item.team.all()]),
        # Numbers of pending applications are the owner's own until they are published.
        "assets": cells.joined(
            asset.number
            for asset in item.assets.all()
            if asset.number and (is_own or asset.status in {"granted", "registered"})
        ),
    }


def _need(actor: Actor, item: Any, budget: Any) -> dict[str, Any]:
    """`budget`: one that is not for everybody, where this actor may have it."""
    publisher = catalogue.publisher_seen_by(actor, item)
    is_own = actor.works_for(item.publisher_id) or actor.is_operator
    return {
        **_shared(item, Kind.NEEDS, is_own=is_own),
        "organisation": publisher.code if publisher else "",
        "trl_min": f"TRL {item.trl_min}" if item.trl_min else "",
        "deadline": item.deadline.isoformat() if item.deadline else "",
        "region_wish": choices("region_wish").write(item.region_wish) if item.region_wish != "any" else "",
        "publisher_shown": choices("shown").write(item.publisher_shown) if item.publisher_shown != "shown" else "",
        **(
            {"price": values.write_price(vars(budget)), "budget_shown": choices("budget_shown").write(budget.shown)}
            if budget
            else {}
        ),
    }


# --- organisations, people, rights ------------------------------------------------------------------------------------


def _organisations(actor: Actor, wanted: Wanted) -> Iterator[dict[str, Any]]:
    rows = parties.organisations_visible_to(actor)
    if wanted.own:
        rows = rows.filter(pk=actor.acting_for or 0)
    if wanted.region:
        rows = rows.filter(region=wanted.region)
    if wanted.q.strip():
        rows = rows.filter(pk__in=parties.find_organisations(actor, name=wanted.q.strip()).order_by().values("pk"))
    for batch in _batches(rows):
        for place in batch:
            yield {
                "code": place.code,
                "kind": choices("organisation").write(place.kind),
                "credit_code": place.credit_code or "",
                "qualifications": "、".join(choices("qualification").write(word) for word in place.qualifications),
                **{
                    name: getattr(place, name)
                    for name in ("name_zh", "name_en", "short_zh", "short_en", "region", "about_zh", "about_en")
                },
            }


def _people(actor: Actor, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Who holds which post now: in the actor's own organisation, or as operator in one or in all."""
    places = parties.organisations_visible_to(actor)
    if not actor.is_operator or wanted.own:
        places = places.filter(pk=actor.acting_for or 0)
    if wanted.organisation:
        places = places.filter(code=wanted.organisation)
    for batch in _batches(places):
        for place in batch:
            posts = list(parties.members_of(place))
            external = external_ids_of_people(place.pk, {post.person_id for post in posts}) if posts else {}
            for post in posts:
                yield {
                    # On one row only: the others of the same person are known by name, role and title.
                    "external_id": external.pop(post.person_id, ""),
                    "name_zh": post.person.name_zh,
                    "name_en": post.person.name_en,
                    "organisation": place.code,
                    "role": choices("role").write(post.role),
                    "title_zh": post.title_zh,
                    "title_en": post.title_en,
                }


def _assets(actor: Actor, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Rights in force are public; pending and secret ones go to their owner's people and to operators only."""
    places = parties.organisations_visible_to(actor)
    if wanted.own:
        places = places.filter(pk=actor.acting_for or 0)
    if wanted.organisation:
        places = places.filter(code=wanted.organisation)
    for batch in _batches(places):
        for place in batch:
            is_own = actor.works_for(place.pk) or actor.is_operator
            rows = list(catalogue.assets_owned_by(place.pk) if is_own else catalogue.assets_of_organisation(place.pk))
            external = external_ids(place.pk, Kind.ASSETS, "asset", {row.pk for row in rows}) if is_own and rows else {}
            for asset in rows:
                yield {
                    "external_id": external.get(asset.pk, ""),
                    "kind": choices("asset_kind").write(asset.kind),
                    "number": asset.number,
                    "title_zh": asset.title_zh,
                    "title_en": asset.title_en,
                    "status": choices("asset_status").write(asset.status),
                    "organisation": place.code,
                    "filed_on": asset.filed_on.isoformat() if asset.filed_on else "",
                    "expires_on": asset.expires_on.isoformat() if asset.expires_on else "",
                }


def name_of(kind: str, extension: str, day: Any) -> str:
    """A file name that says the kind and the day, and nothing of who is in it."""
    return f"keqiao-{kind}-{day:%Y%m%d}.{extension}"
