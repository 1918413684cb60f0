"""The API of matching's upkeep: runs of every need against every achievement, for operators."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from keqiao.kernel.api import (
    Code,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    needs_scope,
    paged,
)
from keqiao.matching import selectors, services
from keqiao.matching.types import RunState

router = Router(tags=["matching"])
READ, WRITE = "matching:read", "matching:write"


class RunOut(Schema):
    code: str
    state: RunState
    needs: int = Field(description="Public when it began.")
    done: int = Field(description="Needs whose matches are kept.")
    shards: int
    shards_done: int
    kept: int = Field(description="Matches.")
    changed: int = Field(description="Needs whose matches are others than before.")
    begun_at: datetime
    ended_at: datetime | None
    last_at: datetime | None = Field(description="When a shard was last kept.")
    failing: int = Field(description="Shards that were tried in vain and are not done.")
    faults: int = Field(description="How often that was, with what kept the run from its shards.")
    fault: str = Field(description="The last fault: its kind and the line of code; empty when there was none.")
    fault_at: datetime | None


class Runs(PageOut):
    items: list[RunOut]


@router.get("/matching/all-pairs", response=answers(Runs), summary="Runs over all pairs, newest first; for operators")
@needs_scope(READ)
def list_runs(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> dict[str, Any]:
    return paged(selectors.pairs_runs_visible_to(api_actor(request)), page, per_page, selectors.pairs_progress)


@router.post(
    "/matching/all-pairs",
    response=change_answers(RunOut, 202),
    summary="Begin to match every need with every research result in the background, or join the run under way",
)
@needs_scope(WRITE)
def begin_run(request: HttpRequest) -> Any:
    actor = api_actor(request)
    return Status(202, selectors.get_pairs_run(services.begin_all_pairs(actor=actor), actor=actor))


@router.get("/matching/all-pairs/{code}", response=answers(RunOut), summary="How far a run is; for operators")
@needs_scope(READ)
def get_run(request: HttpRequest, code: Code) -> Any:
    return selectors.get_pairs_run(code, actor=api_actor(request))


@router.post("/matching/all-pairs/{code}/stop", response=change_answers(RunOut), summary="End it; what is kept stays")
@needs_scope(WRITE)
def stop_run(request: HttpRequest, code: Code) -> Any:
    actor = api_actor(request)
    services.stop_pairs_run(actor=actor, code=code)
    return selectors.get_pairs_run(code, actor=actor)
