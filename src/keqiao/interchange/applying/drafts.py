"""Rows become drafts of the importer's organisation, to be finished and handed in for review like any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, transaction

from keqiao.catalogue import selectors as catalogue
from keqiao.interchange.applying.shared import Run, canonical, merged
from keqiao.interchange.columns import Column, by_name
from keqiao.interchange.models import ImportRow
from keqiao.interchange.rows import SAID, SUBMISSION_KIND
from keqiao.interchange.types import Kind, RowState
from keqiao.kernel.errors import Busy, DomainError, NotFound
from keqiao.submissions import selectors as submissions
from keqiao.submissions import services as drafting
from keqiao.submissions.content import content_of
from keqiao.submissions.types import SubmissionState

ENDED = {SubmissionState.DECLINED, SubmissionState.DISCARDED}


def apply(run: Run, rows: Sequence[ImportRow]) -> None:
    """New ones in bulk; those that are there already one by one."""
    run.remember(rows, "submission")
    kind = SUBMISSION_KIND[Kind(run.job.kind)]
    visible = submissions.submissions_visible_to(run.actor).filter(kind=kind)
    known = [thing.became_id for row in rows if (thing := run.known(row))]
    alive = {s.pk: s for s in visible.filter(pk__in=known).exclude(state__in=ENDED)}
    external = {row.content["external_id"] for row in rows if row.content.get("external_id")}
    writing: dict[tuple[int | None, str], Any] = {
        (s.organisation_id, s.external_id): s
        for s in visible.filter(external_id__in=external).exclude(state__in=[*ENDED, SubmissionState.ACCEPTED])
    }
    items = _items(run, external)
    new = []
    for row in rows:
        thing = run.known(row)
        was = alive.get(thing.became_id) if thing else None
        external_id = row.content.get("external_id", "")
        draft = writing.get((row.organisation_id, external_id)) if external_id else None
        item = items.get((row.organisation_id, external_id)) if external_id else None
        if was is not None and run.is_unchanged(row):
            run.done(row, RowState.UNCHANGED, was.code, was.pk)
        elif row.content.get("code"):
            run.safely(row, _change_of_item)
        elif draft is not None:
            run.safely(row, lambda r, x, code=draft.code: _rewrite(r, x, code))  # type: ignore[misc]
        elif item is not None:
            row.content["code"] = item
            run.safely(row, _change_of_item)
        else:
            new.append(row)
    _start(run, kind, new)


def _items(run: Run, external: set[str]) -> dict[tuple[int | None, str], str]:
    """(owner, external id) → code of the owner's items."""
    if not external:
        return {}
    if run.job.kind == Kind.NEEDS:
        rows = catalogue.needs_visible_to(run.actor).filter(external_id__in=external)
        return {(o, e): c for o, e, c in rows.values_list("publisher_id", "external_id", "code")}
    achievements = catalogue.achievements_visible_to(run.actor).filter(external_id__in=external)
    return {(o, e): c for o, e, c in achievements.values_list("owner_id", "external_id", "code")}


def _start(run: Run, kind: str, rows: Sequence[ImportRow]) -> None:
    """All in one statement; when one is refused, each alone, so that the others are not lost."""
    by_organisation: dict[int | None, list[ImportRow]] = {}
    for row in rows:
        by_organisation.setdefault(row.organisation_id, []).append(row)
    for group in by_organisation.values():
        try:
            with transaction.atomic():
                _start_group(run, kind, group)
        except Busy:
            raise
        except (DomainError, DatabaseError):
            for row in group:
                run.safely(row, lambda r, x: _start_group(r, kind, [x]))


def _start_group(run: Run, kind: str, rows: Sequence[ImportRow]) -> None:
    organisation_id = rows[0].organisation_id
    if organisation_id is None:
        raise NotFound
    made = drafting.start_drafts(
        actor=run.actor,
        kind=kind,
        organisation_id=organisation_id,
        contents=[_content(row) for row in rows],
        said=[row.content.get(SAID, "") for row in rows],
    )
    for row, submission in zip(rows, made, strict=True):
        run.done(row, RowState.ADDED, submission.code, submission.pk)


def _content(row: ImportRow) -> dict[str, Any]:
    return {name: value for name, value in row.content.items() if name != SAID}


def _change_of_item(run: Run, row: ImportRow) -> None:
    """A new version of the organisation's own item; another's looks like a missing one."""
    kind = SUBMISSION_KIND[Kind(run.job.kind)]
    code = row.content["code"]
    item: Any = (catalogue.get_need if kind == "need" else catalogue.get_achievement)(code, actor=run.actor)
    if (item.publisher_id if kind == "need" else item.owner_id) != row.organisation_id:
        raise NotFound
    before = content_of(item)
    is_same = canonical(merged(before, _content(row), _columns(run))) == canonical(before)
    if is_same and submissions.open_change_of(item, actor=run.actor) is None:
        run.done(row, RowState.UNCHANGED, item.code, None)
        return
    _rewrite(run, row, drafting.start_change(actor=run.actor, kind=kind, item_code=code).code)


def _columns(run: Run) -> list[Column]:
    """Those of ours that the file has."""
    return [by_name(run.job.kind)[name] for name in run.job.mapping.values() if name in by_name(run.job.kind)]


def _rewrite(run: Run, row: ImportRow, code: str) -> None:
    """Into the draft that is there: what the file has no column for stays as it was written."""
    draft = submissions.get_submission(code, actor=run.actor, lock=True)
    content = merged(draft.content, _content(row), _columns(run))
    gone: dict[str, Any] = {name: None for name in draft.content if name not in content}
    texts = {
        lang: {**dict.fromkeys(text, ""), **content["texts"].get(lang, {})}
        for lang, text in {**content["texts"], **(draft.content.get("texts") or {})}.items()
    }
    if canonical(content) == canonical(draft.content):
        run.done(row, RowState.UNCHANGED, draft.code, draft.pk)
        return
    saved = drafting.save_draft(
        actor=run.actor, code=code, revision=draft.revision, content={**gone, **content, "texts": texts}
    )
    if said := row.content.get(SAID):
        drafting.mark_indicators(actor=run.actor, code=code, said=said)
    run.done(row, RowState.CHANGED, saved.code, saved.pk)
