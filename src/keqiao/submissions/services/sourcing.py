"""Commands: drafts made from a text or file, translations of drafts, and the answers of people to what no person wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import IO, Any

from django.db.models import Q
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from keqiao.inference import selectors as inference
from keqiao.inference.types import NoConsent, NoProvider, Service
from keqiao.kernel import clock, codes, files
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.events import record
from keqiao.kernel.parameters import parameter
from keqiao.parties import selectors as parties
from keqiao.parties.types import Actor
from keqiao.submissions import extracting, suggestions
from keqiao.submissions.filetypes import media_type_of
from keqiao.submissions.models import Source, Submission, Suggestion
from keqiao.submissions.services.drafting import save_draft
from keqiao.submissions.types import (
    SourcePurpose,
    SourceState,
    SubmissionKind,
    SuggestionAnswer,
    TooManySources,
    Writer,
    Written,
)
from keqiao.submissions.writing import begin_draft, writable

__all__ = [
    "BODY",
    "SHORTEST_TEXT",
    "answer_suggestions",
    "ask_translation",
    "begin_source",
    "fail_source",
    "finish_drafting",
    "finish_translation",
    "forget_old_sources",
    "keep_source_text",
    "start_from_source",
]

LARGEST_FILE = 10 * 1024 * 1024
SHORTEST_TEXT = 20
A_DAY = 30  # sources of one person
BODY = {"need": "problem", "achievement": "summary"}
WORKING = frozenset({SourceState.WAITING, SourceState.READING, SourceState.DRAFTING})


# --- asking -----------------------------------------------------------------------------------------------------------


@command
def start_from_source(
    *,
    actor: Actor,
    kind: str,
    organisation_id: int,
    text: str = "",
    file: IO[bytes] | None = None,
    file_name: str = "",
    asks_model: bool = False,
) -> Source:
    """Have a draft made from a pasted text or a file (DOCX, PDF, TXT). A job does it; nothing is published or handed in."""
    if actor.person_id is None or not actor.works_for(organisation_id):
        raise NotAllowed
    if kind not in SubmissionKind.values:
        raise BadInput(_("只能写需求（need）或成果（achievement）。"), field="kind")
    _check_count(actor.person_id)
    given: dict[str, Any] = {}
    if file is not None:
        media_type = _checked_file(file, file_name)
        chunks = iter(lambda: file.read(64 * 1024), b"")
        given["file"] = files.store(actor=actor, name=file_name, media_type=media_type, chunks=chunks)
        given |= {"file_name": given["file"].name, "media_type": media_type}
    else:
        given["text"] = _checked_text(text)
    source = Source.objects.create(
        code=codes.fresh(Source, "YG"),
        purpose=SourcePurpose.DRAFTING,
        kind=kind,
        organisation_id=organisation_id,
        author_id=actor.person_id,
        asks_model=asks_model,
        made_at=clock.now(),
        **given,
    )
    record("submissions.source_given", source, actor=actor, kind=kind)
    _defer(source)
    return source


def _check_count(person_id: int) -> None:
    since = clock.now() - timedelta(days=1)
    if Source.objects.filter(author_id=person_id, made_at__gte=since).count() >= A_DAY:
        raise TooManySources


def _checked_file(file: IO[bytes], name: str) -> str:
    media_type = media_type_of(name, file)
    if media_type not in extracting.KINDS:
        raise BadInput(_("起草可以用 DOCX、PDF 或 TXT 文件，例如“技术需求.docx”。"), field="file")
    file.seek(0, 2)
    if file.tell() > LARGEST_FILE:
        raise BadInput(_("文件超过 10 MB。请只传正文，或把文字粘贴进来。"), field="file")
    file.seek(0)
    return media_type


def _checked_text(text: str) -> str:
    tidy = text.replace("\r\n", "\n").strip()
    if len(tidy) < SHORTEST_TEXT:
        raise BadInput(_("请粘贴一段至少二十个字的文字，或选一个文件，例如“技术需求.docx”。"), field="text")
    if len(tidy) > extracting.MOST_CHARACTERS:
        raise BadInput(_("文字超过六万字。请只粘贴与需求有关的部分。"), field="text")
    if "\x00" in tidy:
        raise BadInput(_("文字里有不能保存的控制字符。"), field="text")
    return tidy


@command
def ask_translation(*, actor: Actor, code: str, language: str) -> Source:
    """Have title and main text of a draft translated by the model. Only an empty language version is written."""
    submission = writable(code, actor)
    if language not in {"zh", "en"}:
        raise BadInput(_("只能译成中文（zh）或英文（en）。"), field="language")
    assert actor.person_id is not None
    if inference.provider(Service.CHAT) is None:
        raise NoProvider
    if not inference.has_consent(submission.organisation_id):
        raise NoConsent
    body, texts = BODY[submission.kind], submission.content.get("texts") or {}
    other = texts.get("en" if language == "zh" else "zh") or {}
    if not (other.get("title") or "").strip() or not (other.get(body) or "").strip():
        raise BadInput(_("先写好一种语言的标题和正文，再翻译。"), field="language")
    if any((texts.get(language) or {}).get(part) for part in ("title", body)):
        raise BadInput(_("这种语言已经有内容。请先清空，再翻译。"), field="language")
    _check_count(actor.person_id)
    source = Source.objects.create(
        code=codes.fresh(Source, "YG"),
        purpose=SourcePurpose.TRANSLATION,
        kind=submission.kind,
        organisation_id=submission.organisation_id,
        author_id=actor.person_id,
        asks_model=True,
        language=language,
        submission=submission,
        made_at=clock.now(),
    )
    record("submissions.translation_asked", source, actor=actor, submission=submission.code, language=language)
    _defer(source)
    return source


def _defer(source: Source) -> None:
    """By its name: the jobs stand above the commands."""
    task = app.configure_task("keqiao.submissions.tasks.work_on_source", queue="drafting", lock=f"source:{source.pk}")
    task.defer(source_id=source.pk)


# --- the job's steps --------------------------------------------------------------------------------------------------


@command
def begin_source(*, actor: Actor, source_id: int) -> Source | None:
    """The source to work on; None when that is done already or its draft has gone."""
    source = _working(actor, source_id)
    if source is not None:
        source.state = SourceState.DRAFTING if source.text or source.submission_id else SourceState.READING
        source.save(update_fields=["state"])
    return source


@command
def keep_source_text(*, actor: Actor, source_id: int, text: str) -> None:
    """What was read of a file; the file itself is no longer needed."""
    source = _working(actor, source_id)
    if source is None:
        return
    stored, source.file = source.file, None
    source.text, source.state = text, SourceState.DRAFTING
    source.save(update_fields=["text", "state", "file"])
    if stored is not None:
        files.discard(stored)


@command
def fail_source(*, actor: Actor, source_id: int, problem: str) -> None:
    source = _working(actor, source_id)
    if source is None:
        return
    _end(source, SourceState.FAILED, problem=problem)
    record("submissions.source_failed", source, actor=actor, problem=problem)


@command
def finish_drafting(
    *,
    actor: Actor,
    source_id: int,
    content: Mapping[str, Any],
    written: Sequence[Written],
    model: str = "",
    problem: str = "",
) -> Submission | None:
    """The draft, private to its organisation, with a mark at every value. `problem`: why the model wrote none of it."""
    source = _working(actor, source_id)
    if source is None:
        return None
    submission = begin_draft(
        actor=actor,
        kind=source.kind,
        organisation_id=parties.final_organisation(source.organisation_id, lock=True),
        author_id=source.author_id,
        content=content,
    )
    suggestions.mark(submission, written, source=source, model=model)
    source.submission = submission
    _end(source, SourceState.DONE, problem=problem, model=model)
    record("submissions.drafted_from_source", source, actor=actor, submission=submission.code, model=model)
    return submission


@command
def finish_translation(
    *, actor: Actor, source_id: int, parts: Mapping[str, str], originals: Mapping[str, str], model: str
) -> None:
    """Write what the model translated, unless somebody wrote there meanwhile; marked, and the version says machine."""
    source = _working(actor, source_id)
    if source is None or source.submission_id is None:
        return
    submission = Submission.objects.select_for_update(of=("self",), no_key=True).get(pk=source.submission_id)
    lang, body = source.language, BODY[source.kind]
    names = {"title": "title", "body": body}
    version = dict((submission.content.get("texts") or {}).get(lang) or {})
    if not parts:
        _end(source, SourceState.FAILED, problem="nothing_usable")
        return
    if any(version.get(names[part]) for part in parts) or submission.state not in {"draft", "returned"}:
        _end(source, SourceState.FAILED, problem="written_meanwhile")
        return
    version |= {names[part]: text for part, text in parts.items()} | {"origin": "machine"}
    texts = {**(submission.content.get("texts") or {}), lang: version}
    submission.content = {**submission.content, "texts": texts}
    submission.revision += 1
    submission.saved_at = clock.now()
    submission.save(update_fields=["content", "revision", "saved_at"])
    written = [Written(f"texts.{lang}.{names[p]}", parts[p], originals[p], Writer.MODEL) for p in parts]
    suggestions.mark(submission, written, source=source, model=model)
    _end(source, SourceState.DONE, model=model)
    record("submissions.draft_translated", source, actor=actor, submission=submission.code, model=model)


def _working(actor: Actor, source_id: int) -> Source | None:
    """Locked; only jobs come here."""
    if not actor.is_system:
        raise NotAllowed
    source = Source.objects.select_for_update(of=("self",), no_key=True).filter(pk=source_id).first()
    return source if source is not None and source.state in WORKING else None


def _end(source: Source, state: str, *, problem: str = "", model: str = "") -> None:
    stored, source.file = source.file, None
    source.state, source.problem, source.model, source.ended_at = state, problem, model, clock.now()
    source.save(update_fields=["state", "problem", "model", "ended_at", "submission", "file"])
    if stored is not None:
        files.discard(stored)


@command
def forget_old_sources(*, actor: Actor) -> int:
    """Nightly: texts that drafts were made from, some weeks later; the passages stay with what is still to confirm."""
    if not actor.is_system:
        raise NotAllowed
    kept = timedelta(days=parameter("submissions.sources_kept_days", on=clock.today()))
    old = Source.objects.filter(Q(made_at__lt=clock.now() - kept) | Q(submission__state="discarded"))
    count = 0
    for source in old.select_related("file")[:500]:
        stored = source.file
        source.delete()
        if stored is not None:
            files.discard(stored)
        count += 1
    return count


# --- answering --------------------------------------------------------------------------------------------------------


@command
def answer_suggestions(*, actor: Actor, code: str, answers: Mapping[int, str]) -> Submission:
    """A person answers for values, one by one: confirmed, or dropped from the draft."""
    submission = writable(code, actor)
    rows = {row.pk: row for row in suggestions.open_suggestions(submission)}
    if not set(answers) <= set(rows):
        raise NotFound
    if any(answer not in {SuggestionAnswer.CONFIRMED, SuggestionAnswer.DROPPED} for answer in answers.values()):
        raise BadInput(_("只能确认（confirmed）或不要（dropped）。"), field="answer")
    dropped = [rows[pk] for pk, answer in answers.items() if answer == SuggestionAnswer.DROPPED]
    now = clock.now()
    for pk, answer in answers.items():
        row = rows[pk]
        row.answer, row.answered_by_id, row.answered_at = answer, actor.person_id, now
        row.save(update_fields=["answer", "answered_by", "answered_at"])
    changes = suggestions.without(submission.content, dropped)
    changes = _with_origins(submission, changes, set(rows) - set(answers), rows)
    if changes:
        submission = save_draft(actor=actor, code=code, revision=submission.revision, content=changes)
    record(
        "submissions.suggestions_answered",
        submission,
        actor=actor,
        confirmed=[rows[pk].field for pk, answer in answers.items() if answer == SuggestionAnswer.CONFIRMED],
        dropped=[row.field for row in dropped],
    )
    return submission


def _with_origins(
    submission: Submission, changes: dict[str, Any], still_open: set[int], rows: Mapping[int, Suggestion]
) -> dict[str, Any]:
    """A machine's translation that a person has read and confirmed as a whole is a translation."""
    for lang, version in (submission.content.get("texts") or {}).items():
        waits = any(rows[pk].field.startswith(f"texts.{lang}.") for pk in still_open)
        touched = any(row.field.startswith(f"texts.{lang}.") for row in rows.values())
        if version.get("origin") == "machine" and touched and not waits:
            changes.setdefault("texts", {}).setdefault(lang, {})["origin"] = "translated"
    return changes
