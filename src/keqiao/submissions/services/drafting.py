"""Commands: drafting. What is written here nobody outside the author's organisation sees."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import AttachmentLevel
from keqiao.kernel import clock, codes, files
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, DomainError, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.parties.types import Actor
from keqiao.submissions.content import BadContent, content_of, shape_problems
from keqiao.submissions.filetypes import media_type_of
from keqiao.submissions.models import Submission
from keqiao.submissions.selectors import get_submission, open_change_of
from keqiao.submissions.suggestions import note_changed
from keqiao.submissions.types import Origin, SubmissionKind
from keqiao.submissions.workflow import submission_workflow
from keqiao.submissions.writing import begin_draft, writable

__all__ = [
    "SavedElsewhere",
    "attach_file",
    "discard_draft",
    "drop_file",
    "save_draft",
    "start_change",
    "start_draft",
]

LARGEST_CONTENT = 1_500_000  # bytes of JSON: all texts in both languages at their longest
MOST_FILES = 20
STEPS = 5


class SavedElsewhere(DomainError):
    """Another tab, device or colleague saved since: neither version is lost, the author chooses."""

    message = gettext_lazy("这份草稿已在别处保存过。请比较两份内容，再决定保留哪一份。")


@command
def start_draft(
    *,
    actor: Actor,
    kind: str,
    organisation_id: int,
    content: Mapping[str, Any] | None = None,
    origin: str = Origin.FORM,
    external_id: str = "",
) -> Submission:
    """An empty draft, or one filled from elsewhere, for an organisation that the actor works for."""
    if actor.person_id is None or not actor.works_for(organisation_id):
        raise NotAllowed
    if kind not in SubmissionKind.values:
        raise BadInput(_("只能写需求（need）或成果（achievement）。"), field="kind")
    given = dict(content or {})
    _check(given)
    if given.get("attachments"):
        raise BadInput(_("附件要逐个上传，不能写在内容里。"), field="attachments")
    _check_assets(given, organisation_id)
    return begin_draft(
        actor=actor,
        kind=kind,
        organisation_id=organisation_id,
        author_id=actor.person_id,
        content=given,
        origin=origin,
        external_id=external_id,
    )


@command
def start_change(*, actor: Actor, kind: str, item_code: str) -> Submission:
    """Write a new version of a published item, from its present content. A change that is open already is taken up."""
    item: Any
    if kind == SubmissionKind.NEED:
        item = catalogue.get_need(item_code, actor=actor, lock=True)
        owner_id = item.publisher_id
    else:
        item = catalogue.get_achievement(item_code, actor=actor, lock=True)
        owner_id = item.owner_id
    if actor.person_id is None or not actor.works_for(owner_id):
        raise NotAllowed
    under_way = open_change_of(item, actor=actor)
    if under_way is not None:
        return under_way
    submission = Submission.objects.create(
        code=codes.fresh(Submission, "SB"),
        kind=kind,
        organisation_id=owner_id,
        author_id=actor.person_id,
        content=content_of(item),
        writers=[actor.person_id],
        saved_at=clock.now(),
        **{kind: item},
    )
    record("submissions.submission_started", submission, actor=actor, kind=kind, item=item.code)
    return submission


@command
def save_draft(
    *, actor: Actor, code: str, revision: int, content: Mapping[str, Any], step: int | None = None
) -> Submission:
    """Keep what was written, complete or not. The keys given replace those of the draft (texts: part by part).

    `revision` is the one that the writer knew: with an older one nothing is saved and both versions stay.
    `step` is where the form is left, so that another device goes on there.
    """
    submission = writable(code, actor)
    if revision != submission.revision:
        raise SavedElsewhere
    _check(content)
    merged = _merged(submission.content, content)
    _check(merged)
    _check_files(submission, merged)
    _check_assets(merged, submission.organisation_id, kept=submission.content)
    return _save(submission, merged, actor, step)


@command
def discard_draft(*, actor: Actor, code: str) -> None:
    """Throw a draft away. It leaves every list; the trail keeps that it was there."""
    submission = get_submission(code, actor=actor, lock=True)
    submission_workflow.advance(submission, "discard", actor=actor)
    submission.content = {}
    submission.save(update_fields=["content"])


@command
def attach_file(
    *,
    actor: Actor,
    code: str,
    name: str,
    file: IO[bytes],
    level: str = AttachmentLevel.SIGNED_IN,
    title: str = "",
    proves: str = "",
) -> Submission:
    """Add a file to a draft. What it is, its bytes say, not its name; only its organisation opens it before publication."""
    submission = writable(code, actor)
    rows = list(submission.content.get("attachments") or [])
    if len(rows) >= MOST_FILES:
        raise BadInput(_("最多 %(most)d 个附件。") % {"most": MOST_FILES}, field="file")
    if level not in AttachmentLevel.values:
        raise BadInput(_("没有“%(value)s”这个选项。") % {"value": level[:40]}, field="level")
    media_type = media_type_of(name, file)
    stored = files.store(actor=actor, name=name, media_type=media_type, chunks=iter(lambda: file.read(64 * 1024), b""))
    rows.append({"file_id": stored.pk, "level": str(level), "title": title.strip()[:200], "proves": proves[:20]})
    _save(submission, {**submission.content, "attachments": rows}, actor)
    record("submissions.file_attached", submission, actor=actor, file_id=stored.pk, level=str(level))
    return submission


@command
def drop_file(*, actor: Actor, code: str, file_id: int) -> Submission:
    """Take a file out of a draft."""
    submission = writable(code, actor)
    rows = list(submission.content.get("attachments") or [])
    kept = [row for row in rows if row.get("file_id") != file_id]
    if len(kept) == len(rows):
        raise NotFound
    _save(submission, {**submission.content, "attachments": kept}, actor)
    record("submissions.file_dropped", submission, actor=actor, file_id=file_id)
    return submission


def _save(submission: Submission, content: Mapping[str, Any], actor: Actor, step: int | None = None) -> Submission:
    submission.content = dict(content)
    submission.revision += 1
    submission.saved_at = clock.now()
    if actor.person_id is not None and actor.person_id not in submission.writers:
        submission.writers = [*submission.writers, actor.person_id]  # who wrote it does not review it
    if step is not None:
        submission.step = min(max(step, 1), STEPS)
    submission.save(update_fields=["content", "revision", "saved_at", "step", "writers"])
    note_changed(submission, actor)
    return submission


def _merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A key that is None is taken away; texts are put together part by part, so that a step writes only its own."""
    merged = {**before, **given}
    if isinstance(given.get("texts"), Mapping):
        old = before.get("texts") or {}
        merged["texts"] = {
            lang: {**old.get(lang, {}), **given["texts"].get(lang, {})} for lang in {**old, **given["texts"]}
        }
    return {name: value for name, value in merged.items() if value is not None}


def _check(content: Mapping[str, Any]) -> None:
    """Of the shape that a draft has, of a size that can be kept, and nothing that the database cannot hold."""
    problems = shape_problems(content)
    if problems:
        raise BadContent(problems)
    try:
        written = json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # also of text that is no Unicode
        raise BadInput(_("内容里有不能保存的数字或字符。")) from None
    if len(written) > LARGEST_CONTENT:
        raise BadInput(_("内容太长，最多约五十万字。请把细节放进附件。"))
    if b"\\u0000" in written:
        raise BadInput(_("文字里有不能保存的控制字符。"))


def _check_files(submission: Submission, content: Mapping[str, Any]) -> None:
    """Only files that were uploaded to this draft: nobody reaches another's file by its number."""
    known = {row.get("file_id") for row in submission.content.get("attachments") or []}
    if any(row.get("file_id") not in known for row in content.get("attachments") or []):
        raise BadInput(_("附件没有传完，请重新上传。"), field="attachments")


def _check_assets(content: Mapping[str, Any], organisation_id: int, kept: Mapping[str, Any] | None = None) -> None:
    """Only rights of the organisation itself, and those that the item already has."""
    wanted = set(content.get("asset_ids") or []) - set((kept or {}).get("asset_ids") or [])
    if wanted - set(catalogue.assets_owned_by(organisation_id).filter(pk__in=wanted).values_list("pk", flat=True)):
        raise BadInput(_("只能选本单位登记的知识产权。"), field="asset_ids")
