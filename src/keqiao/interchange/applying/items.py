"""Rows become public items at once: what an operator loads for others, a migration from another system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.db import DatabaseError, transaction

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as loading
from keqiao.catalogue.services import AchievementDraft, NeedDraft
from keqiao.catalogue.types import ItemState
from keqiao.interchange.applying.shared import Run, canonical, merged
from keqiao.interchange.columns import by_name
from keqiao.interchange.models import ImportRow
from keqiao.interchange.types import Kind, RowState
from keqiao.kernel import clock
from keqiao.kernel.errors import Busy, DomainError, NotFound
from keqiao.kernel.parameters import parameter
from keqiao.submissions.content import content_of, read_achievement, read_need

Draft = AchievementDraft | NeedDraft


def apply(run: Run, rows: Sequence[ImportRow]) -> None:
    """New ones together with one event; those that are there already one by one."""
    run.remember(rows, "item")
    found = _by_external_id(run, rows)
    known = _visible(run).in_bulk([thing.became_id for row in rows if (thing := run.known(row))])
    new = []
    for row in rows:
        external_id = row.content.get("external_id", "")
        code = found.get((row.organisation_id, external_id), "")
        thing = run.known(row)
        was = known.get(thing.became_id) if thing else None
        if was is not None and run.is_unchanged(row) and was.state == ItemState.PUBLISHED:
            run.done(row, RowState.UNCHANGED, was.code, was.pk)
        elif row.content.get("code"):
            run.safely(row, _rewrite)
        elif code:
            row.content["code"] = code
            run.safely(row, _rewrite)
        else:
            new.append(row)
    try:
        with transaction.atomic():
            _load(run, new)
    except Busy:
        raise
    except (DomainError, DatabaseError):
        for row in new:
            run.safely(row, lambda r, x: _load(r, [x]))


def _visible(run: Run) -> Any:
    if run.job.kind == Kind.NEEDS:
        return catalogue.needs_visible_to(run.actor)
    return catalogue.achievements_visible_to(run.actor)


def _owner_of(kind: str, item: Any) -> int:
    return int(item.publisher_id if kind == Kind.NEEDS else item.owner_id)


def _by_external_id(run: Run, rows: Sequence[ImportRow]) -> dict[tuple[int | None, str], str]:
    """(owner, external id) → code. Two organisations may number alike."""
    external = {row.content["external_id"] for row in rows if row.content.get("external_id")}
    found = _visible(run).filter(external_id__in=external) if external else []
    return {(_owner_of(run.job.kind, item), item.external_id): item.code for item in found}


def _load(run: Run, rows: Sequence[ImportRow]) -> None:
    if not rows:
        return
    now, today = clock.now(), clock.today()
    drafts = [_draft(run, row.content, row, now, today) for row in rows]
    made = loading.load_items(
        actor=run.actor,
        achievements=[draft for draft in drafts if isinstance(draft, AchievementDraft)],
        needs=[draft for draft in drafts if isinstance(draft, NeedDraft)],
    )
    for row, item in zip(rows, made, strict=True):
        run.done(row, RowState.ADDED, item.code, item.pk)


def _draft(run: Run, content: dict[str, Any], row: ImportRow, now: Any, today: date) -> Draft:
    """The row as the catalogue takes it, in public view for its term."""
    given = {name: value for name, value in content.items() if name != "code"}
    draft: Draft
    if run.job.kind == Kind.NEEDS:
        draft, owner = read_need(given, today=today), "publisher_id"
    else:
        draft, owner = read_achievement(given), "owner_id"
    kind = "need" if run.job.kind == Kind.NEEDS else "achievement"
    last = today + timedelta(days=parameter(f"catalogue.{kind}_term_days", on=today))
    deadline = draft.fields.get("deadline")
    fields = {
        **draft.fields,
        owner: row.organisation_id,
        "state": ItemState.PUBLISHED,
        "published_at": now,
        "expires_on": min(last, deadline) if deadline else last,
    }
    return replace(draft, fields=fields)


def _rewrite(run: Run, row: ImportRow) -> None:
    """The new content in the place of the old; files stay, and what the file has no column for."""
    code = row.content["code"]
    is_need = run.job.kind == Kind.NEEDS
    item: Any = (catalogue.get_need if is_need else catalogue.get_achievement)(code, actor=run.actor)
    if _owner_of(run.job.kind, item) != row.organisation_id:
        raise NotFound
    columns = [by_name(run.job.kind)[name] for name in run.job.mapping.values() if name in by_name(run.job.kind)]
    before = content_of(item)
    content = merged(before, row.content, columns)
    if canonical(content) == canonical(before) and item.state == ItemState.PUBLISHED:
        run.done(row, RowState.UNCHANGED, item.code, item.pk)
        return
    if is_need:
        loading.rewrite_need(actor=run.actor, code=code, draft=read_need(content, today=clock.today()))
    else:
        loading.rewrite_achievement(actor=run.actor, code=code, draft=read_achievement(content))
    if item.state == ItemState.DRAFT:
        (loading.publish_need if is_need else loading.publish_achievement)(actor=run.actor, code=code)
    run.done(row, RowState.CHANGED, item.code, item.pk)
