"""The API of alerts: one's own watches, what one was told, and the switch for personal recommendation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, StrictBool, StringConstraints

from keqiao.alerts import preview, selectors, services, showing
from keqiao.alerts.models import Watch
from keqiao.kernel.api import (
    Code,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    needs_scope,
    page_of,
    paged,
)
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.pages import counted_and_cut

router = Router(tags=["alerts"])
READ, WRITE = "me:read", "me:write"

Points = Annotated[int, Field(ge=0, le=100, strict=True)]
CadenceName = Literal["at_once", "daily", "weekly"]


class WatchIn(Schema):
    """`of`: the code of the item, organisation or class, or the id of a saved search; nothing for your own items."""

    subject: Literal["own", "need", "achievement", "organisation", "class", "search"]
    of: Annotated[str, StringConstraints(max_length=24, pattern=r"^[^\x00]*$")] = ""
    scheme: Literal["", "field", "ipc", "industry"] = Field("", description="Of a class.")
    threshold: Points | None = Field(None, description="From so many points on; null: the usual one.")
    cadence: CadenceName | None = None


class WatchChangeIn(Schema):
    threshold: Points | None = None
    cadence: CadenceName | None = None


class WatchOut(Schema):
    code: str
    subject: str
    name_zh: str
    name_en: str
    scheme: str
    threshold: int
    cadence: str
    is_chosen: bool = Field(
        description="False: the platform recommends it; it ends when you switch recommendation off."
    )
    is_active: bool
    since: datetime


class Watches(PageOut):
    items: list[WatchOut]


class StepOut(Schema):
    threshold: int
    count: int


class PreviewOut(Schema):
    """How many alerts each threshold would have brought lately. `is_known` is false while there is no index."""

    days: int
    is_known: bool
    is_cut: bool
    steps: list[StepOut]


class BecauseOut(Schema):
    watch: str
    name_zh: str
    name_en: str


class StoneOut(Schema):
    name: str
    points: int
    weight: int


class AlertOut(Schema):
    need: str | None
    achievement: str | None
    reason: str
    score: int | None
    because: list[BecauseOut]
    matched: list[StoneOut]
    url: str
    told_at: datetime | None


class Alerts(PageOut):
    """Those that you were told and may still see: a page may hold fewer than `per_page`."""

    items: list[AlertOut]


class StaleOut(Schema):
    """A public item of yours that may no longer hold: deadline, quiet, right, evidence or nobody."""

    code: str
    need: str | None
    achievement: str | None
    reason: str
    found_at: datetime


class StaleItems(PageOut):
    items: list[StaleOut]


class RecommendationOut(Schema):
    wanted: bool


class RecommendationIn(Schema):
    wanted: StrictBool


def reader(request: HttpRequest) -> Any:
    actor = api_actor(request, READ)
    if not actor.is_known:
        raise NotAllowed
    return actor


@router.get("/watches", response=answers(Watches), summary="What you watch")
def list_watches(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.watches_of(reader(request)), page, per_page, watches_out)


@router.post("/watches", response=change_answers(WatchOut, 201), summary="Watch something from now on")
@needs_scope(WRITE)
def start_watch(request: HttpRequest, given: WatchIn) -> Any:
    row = services.start_watch(
        actor=api_actor(request),
        subject=given.subject,
        of=given.of,
        scheme=given.scheme,
        threshold=given.threshold,
        cadence=given.cadence or "",
    )
    return Status(201, _one(request, row.code))


@router.get("/watches/{code}", response=answers(WatchOut), summary="One watch")
def get_watch(request: HttpRequest, code: Code) -> dict[str, Any]:
    return watches_out([selectors.get_watch(code, actor=reader(request))])[0]


@router.get("/watches/{code}/preview", response=answers(PreviewOut), summary="What thresholds would have brought")
def preview_watch(request: HttpRequest, code: Code) -> dict[str, Any]:
    row = selectors.get_watch(code, actor=reader(request))
    found = preview.preview(row, row.threshold)
    steps = [{"threshold": step.threshold, "count": step.count} for step in found.steps]
    return {"days": preview.DAYS, "is_known": found.is_known, "is_cut": found.is_cut, "steps": steps}


@router.patch("/watches/{code}", response=change_answers(WatchOut), summary="Another threshold or rhythm")
@needs_scope(WRITE)
def change_watch(request: HttpRequest, code: Code, given: WatchChangeIn) -> dict[str, Any]:
    services.change_watch(actor=api_actor(request), code=code, threshold=given.threshold, cadence=given.cadence or "")
    return _one(request, code)


@router.delete("/watches/{code}", response=change_answers(None, 204), summary="Stop a watch")
@needs_scope(WRITE)
def stop_watch(request: HttpRequest, code: Code) -> Any:
    services.stop_watch(actor=api_actor(request), code=code)
    return Status(204, None)


@router.get("/alerts", response=answers(Alerts), summary="What you were told, the newest first")
def list_alerts(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    actor = reader(request)
    first = (page - 1) * per_page
    total, rows = counted_and_cut(selectors.told_to(actor), first, first + per_page)
    lines = showing.lines_of(list(rows), actor=actor)
    return page_of([line_out(line) for line in lines], total=total, page=page, per_page=per_page)


@router.get("/me/recommendation", response=answers(RecommendationOut), summary="Do you want personal recommendations")
def get_recommendation(request: HttpRequest) -> dict[str, bool]:
    return {"wanted": selectors.wants_recommendations(reader(request).person_id)}


@router.put("/me/recommendation", response=change_answers(RecommendationOut), summary="Switch them on or off, at once")
@needs_scope(WRITE)
def choose_recommendation(request: HttpRequest, given: RecommendationIn) -> dict[str, bool]:
    services.choose_recommendations(actor=api_actor(request), wanted=given.wanted)
    return {"wanted": given.wanted}


@router.get("/stale-items", response=answers(StaleItems), summary="Public items that may no longer hold")
def list_stale(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    rows = selectors.stale_visible_to(reader(request))
    return paged(rows, page, per_page, lambda found: [stale_out(row) for row in found])


@router.post("/stale-items/{code}/confirm", response=change_answers(None, 204), summary="It still holds as it is")
@needs_scope(WRITE)
def confirm_item(request: HttpRequest, code: Code) -> Any:
    services.confirm_item(actor=api_actor(request), code=code)
    return Status(204, None)


def stale_out(row: Any) -> dict[str, Any]:
    return {
        "code": row.code,
        "need": row.need.code if row.need else None,
        "achievement": row.achievement.code if row.achievement else None,
        "reason": row.reason,
        "found_at": row.found_at,
    }


def _one(request: HttpRequest, code: str) -> dict[str, Any]:
    return watches_out([selectors.get_watch(code, actor=api_actor(request))])[0]


def watches_out(rows: Any) -> list[dict[str, Any]]:
    return [_watch_out(seen.watch, seen) for seen in showing.watches_seen(list(rows))]


def _watch_out(row: Watch, seen: showing.WatchSeen) -> dict[str, Any]:
    kept = ("code", "subject", "scheme", "threshold", "cadence", "is_chosen", "is_active", "since")
    return {**{name: getattr(row, name) for name in kept}, "name_zh": seen.name_zh, "name_en": seen.name_en}


def line_out(line: showing.Line) -> dict[str, Any]:
    return {
        "need": line.need.code if line.need else None,
        "achievement": line.achievement.code if line.achievement else None,
        "reason": line.reason,
        "score": line.score,
        "because": [
            {"watch": seen.watch.code, "name_zh": seen.name_zh, "name_en": seen.name_en} for seen in line.because
        ],
        "matched": [{"name": name, "points": points, "weight": weight} for name, points, weight in line.matched],
        "url": line.link,
        "told_at": line.told_at,
    }
