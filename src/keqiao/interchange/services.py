"""Commands of the interchange context: a file is staged, checked, then applied in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from procrastinate.contrib.django import app

from keqiao.interchange import mapping as columns_of
from keqiao.interchange import readers
from keqiao.interchange.applying import apply_rows
from keqiao.interchange.columns import by_name
from keqiao.interchange.models import ColumnMapping, Import, ImportRow
from keqiao.interchange.policies import can_import, can_publish
from keqiao.interchange.selectors import get_import, importer, saved_mapping
from keqiao.interchange.types import FileFormat, ImportState, Kind, RowState
from keqiao.interchange.workflow import import_workflow
from keqiao.kernel import clock, codes, files, notices
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, WrongState
from keqiao.kernel.events import record
from keqiao.kernel.models import StoredFile
from keqiao.parties.types import Actor

CHUNK = 200  # rows of one transaction
KEEP_DAYS = 90  # how long the file and the rows of a finished import stay
MEDIA = {
    FileFormat.CSV: "text/csv",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileFormat.XLS: "application/vnd.ms-excel",
    FileFormat.JSONL: "application/jsonl",
}
COUNTERS = {
    RowState.READY: "ready",
    RowState.WRONG: "wrong",
    RowState.ADDED: "added",
    RowState.CHANGED: "changed",
    RowState.UNCHANGED: "unchanged",
    RowState.FAILED: "failed",
}
NOTHING_READY = gettext_noop("没有可以导入的行。请按报告改好文件再传一次。")


@command
def start_import(*, actor: Actor, kind: str, name: str, chunks: Iterable[bytes], publishes: bool = False) -> Import:
    """Take a file in: kept, looked at, its columns recognised. Nothing of it is applied before somebody says so."""
    if kind not in Kind.values:
        raise BadInput(_("没有这一类，可以导入的有：成果、需求、单位、人员、知识产权。"), field="kind")
    if not can_import(actor, kind) or (publishes and not can_publish(actor, kind)):
        raise NotAllowed
    stored = files.store(actor=actor, name=name, media_type="application/octet-stream", chunks=chunks)
    path = files.path_of(stored.digest)
    try:
        source = readers.look_at(path, name)
        header = readers.header_of(source)
    except BaseException:
        _forget_bytes(stored)
        raise
    stored.media_type = MEDIA[source.format]
    stored.save(update_fields=["media_type"])
    organisation_id = actor.acting_for
    known = saved_mapping(organisation_id, kind, columns_of.fingerprint(header))
    mapping = columns_of.match(kind, header, known)
    job = Import.objects.create(
        code=codes.fresh(Import, "DR"),
        kind=kind,
        person_id=actor.person_id,
        organisation_id=organisation_id,
        file=stored,
        file_name=stored.name,
        format=source.format,
        encoding=source.encoding,
        delimiter=source.delimiter,
        header=header,
        mapping=mapping,
        publishes=publishes,
        is_mapped=not columns_of.missing(kind, mapping),
    )
    record("interchange.import_started", job, actor=actor, kind=kind, format=str(source.format), publishes=publishes)
    if job.is_mapped:
        _defer("validate_import", job)
    return job


@command
def map_columns(*, actor: Actor, code: str, mapping: Mapping[str, str]) -> Import:
    """Say by hand which column is which; kept for the organisation's next file with the same header. Rows are read anew."""
    job = get_import(code, actor=actor, lock=True)
    import_workflow.check(job, "read_again", actor=actor)
    chosen: dict[str, str] = {}
    for name, column in mapping.items():
        if name not in job.header or not column:
            continue
        if column != columns_of.PASSED_OVER and column not in by_name(job.kind):
            raise BadInput(_("没有“%(name)s”这一列。") % {"name": column[:40]}, field=name)
        if column != columns_of.PASSED_OVER and column in chosen.values():
            message = _("“%(name)s”选了两次：一列只能对应一次。")
            raise BadInput(message % {"name": by_name(job.kind)[column].zh}, field=name)
        chosen[name] = column
    lacking = columns_of.missing(job.kind, chosen)
    if lacking:
        names = "、".join(column.zh for column in lacking)
        raise BadInput(_("还缺必填的列：%(names)s。") % {"names": names}, field=lacking[0].name)
    job.staged.all().delete()
    for counter in COUNTERS.values():
        setattr(job, counter, 0)
    job.mapping, job.is_mapped, job.rows_read, job.rows_total = chosen, True, 0, None
    job.save()
    if job.organisation_id is not None:
        ColumnMapping.objects.update_or_create(
            organisation_id=job.organisation_id,
            kind=job.kind,
            fingerprint=columns_of.fingerprint(job.header),
            defaults={"mapping": chosen, "saved_at": clock.now()},
        )
    import_workflow.advance(job, "read_again", actor=actor)
    _defer("validate_import", job)
    return job


@command
def stage_rows(*, actor: Actor, import_id: int, after: int, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Keep the next rows that were read and checked. False when another worker did, or it was cancelled meanwhile."""
    job = _locked(actor, import_id)
    if job is None or job.state != ImportState.UPLOADED or job.rows_read != after:
        return False
    staged = [ImportRow(job=job, **row) for row in rows]
    _refuse_doubles(job, staged)
    ImportRow.objects.bulk_create(staged)
    job.rows_read = staged[-1].number if staged else after
    job.ready += sum(row.state == RowState.READY for row in staged)
    job.wrong += sum(row.state == RowState.WRONG for row in staged)
    job.save(update_fields=["rows_read", "ready", "wrong"])
    return True


@command
def finish_staging(*, actor: Actor, import_id: int) -> None:
    """Every row was read and checked."""
    job = _locked(actor, import_id)
    if job is None or job.state != ImportState.UPLOADED:
        return
    job.rows_total = job.ready + job.wrong
    job.save(update_fields=["rows_total"])
    import_workflow.advance(job, "validate", actor=actor, ready=job.ready, wrong=job.wrong)


@command
def refuse_import(*, actor: Actor, import_id: int, said: Mapping[str, str]) -> None:
    """The file turned out to be unreadable further down."""
    job = _locked(actor, import_id)
    if job is None or job.state != ImportState.UPLOADED:
        return
    job.problem, job.finished_at = dict(said), clock.now()
    job.save(update_fields=["problem", "finished_at"])
    import_workflow.advance(job, "refuse", actor=actor)


@command
def apply_import(*, actor: Actor, code: str) -> Import:
    """Let the rows without errors in. The work is done in chunks, in the worker."""
    job = get_import(code, actor=actor, lock=True)
    import_workflow.check(job, "apply", actor=actor)
    if not can_import(actor, job.kind) or (job.publishes and not can_publish(actor, job.kind)):
        raise NotAllowed
    if not job.ready:
        raise WrongState(_(NOTHING_READY))
    import_workflow.advance(job, "apply", actor=actor)
    _defer("apply_import", job)
    return job


@command
def apply_chunk(*, actor: Actor, import_id: int) -> bool:
    """Apply the next rows and count them, in one transaction. Are there more?"""
    job = _locked(actor, import_id)
    if job is None or job.state != ImportState.APPLYING:
        return False
    rows = list(job.staged.filter(state=RowState.READY).order_by("number")[:CHUNK])
    person = importer(job)
    if can_import(person, job.kind) and (not job.publishes or can_publish(person, job.kind)):
        apply_rows(person, job, rows)
    else:
        _refuse_all(rows)
    for row in rows:
        row.content = {}  # now it is in the item; texts and addresses are not kept twice
    ImportRow.objects.bulk_update(rows, ["state", "content", "problems", "made"])
    for row in rows:
        counter = COUNTERS[RowState(row.state)]
        setattr(job, counter, getattr(job, counter) + 1)
    job.ready -= len(rows)
    job.save(update_fields=["ready", "added", "changed", "unchanged", "failed"])
    if len(rows) == CHUNK and job.ready:
        return True
    _finish(actor, job)
    return False


@command
def cancel_import(*, actor: Actor, code: str) -> Import:
    """Stop. Rows that were applied stay applied; the others are forgotten."""
    job = get_import(code, actor=actor, lock=True)
    import_workflow.check(job, "cancel", actor=actor)
    job.staged.filter(state=RowState.READY).delete()
    job.ready, job.finished_at = 0, clock.now()
    job.save(update_fields=["ready", "finished_at"])
    import_workflow.advance(job, "cancel", actor=actor)
    return job


@command
def forget_import(*, actor: Actor, import_id: int) -> None:
    """Throw away the file and the rows; what was made, and the counts, stay."""
    job = _locked(actor, import_id)
    if job is None:
        return
    stored, job.file, job.file_name = job.file, None, ""
    job.header, job.mapping, job.is_mapped = [], {}, False
    job.save(update_fields=["file", "file_name", "header", "mapping", "is_mapped"])
    job.staged.all().delete()
    if stored is not None:
        files.discard(stored)
    record("interchange.import_forgotten", job, actor=actor)


@command
def forget_old_imports(*, actor: Actor) -> int:
    """Files and rows of imports that ended long ago, or were left lying, go. How many."""
    if not actor.is_system:
        raise NotAllowed
    before = clock.now() - timedelta(days=KEEP_DAYS)
    old = list(Import.objects.filter(created_at__lt=before, file__isnull=False).values_list("pk", flat=True)[:500])
    for import_id in old:
        forget_import(actor=actor, import_id=import_id)
    return len(old)


def _locked(actor: Actor, import_id: int) -> Import | None:
    """For the job: nobody else takes these steps."""
    if not actor.is_system:
        raise NotAllowed
    return Import.objects.select_for_update(of=("self",), no_key=True).filter(pk=import_id).first()


def _defer(name: str, job: Import) -> None:
    """By its name: the jobs stand above the commands."""
    task = app.configure_task(f"keqiao.interchange.tasks.{name}", queue="imports", lock=f"import:{job.pk}")
    task.defer(import_id=job.pk)


def _finish(actor: Actor, job: Import) -> None:
    job.finished_at = clock.now()
    job.save(update_fields=["finished_at"])
    counts = {name: getattr(job, name) for name in ("added", "changed", "unchanged", "failed", "wrong")}
    import_workflow.advance(job, "finish", actor=actor, **counts)
    if job.person_id is not None:
        done = job.added + job.changed + job.unchanged
        notices.tell(
            actor=actor,
            person_id=job.person_id,
            kind="import_finished",
            key=f"import:{job.code}",
            title_zh=f"导入完成：{done} 行已导入，{job.wrong + job.failed} 行有错误",
            title_en=f"Import finished: {done} rows in, {job.wrong + job.failed} rows with errors",
            link=f"/import/{job.code}",
        )


def _refuse_doubles(job: Import, staged: Sequence[ImportRow]) -> None:
    """A key that stands in an earlier row of the file: which of the two is meant is not ours to say."""
    ready = [row for row in staged if row.state == RowState.READY]
    earlier = {
        (place, key): number
        for place, key, number in ImportRow.objects.filter(job=job, key__in=[row.key for row in ready])
        .order_by("-number")
        .values_list("organisation_id", "key", "number")
    }
    for row in ready:
        number = earlier.setdefault((row.organisation_id, row.key), row.number)
        if number != row.number:
            row.state, row.content = RowState.WRONG, {}
            row.problems = [_double(row, number)]


def _double(row: ImportRow, number: int) -> dict[str, str]:
    is_external = not row.key.startswith("#")
    said = {"column": "external_id" if is_external else "", "example_zh": "", "example_en": ""}
    for lang, short in (("zh-hans", "zh"), ("en", "en")):
        with translation.override(lang):
            message = _("第 %(n)d 行已经有这个外部编号。") if is_external else _("与第 %(n)d 行完全相同。")
            said[short] = message % {"n": number}
    return said


def _refuse_all(rows: Sequence[ImportRow]) -> None:
    """Who started it has left the organisation or lost the right meanwhile."""
    for row in rows:
        said = {"column": "", "example_zh": "", "example_en": ""}
        for lang, short in (("zh-hans", "zh"), ("en", "en")):
            with translation.override(lang):
                said[short] = str(NotAllowed())
        row.state, row.problems = RowState.FAILED, [said]


def _forget_bytes(stored: StoredFile) -> None:
    """The row goes with the transaction; the bytes of a refused file go now, unless another file has the same."""
    if not StoredFile.objects.filter(digest=stored.digest).exclude(pk=stored.pk).exists():
        Path(files.path_of(stored.digest)).unlink(missing_ok=True)
