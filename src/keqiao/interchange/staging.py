"""Reading a file from where it was left: rows are checked outside any transaction and handed over in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from django.utils import translation

from keqiao.catalogue import selectors as catalogue
from keqiao.interchange import readers, rows, services
from keqiao.interchange.models import Import
from keqiao.interchange.readers import Row, Source
from keqiao.interchange.rows import Problem
from keqiao.interchange.selectors import importer
from keqiao.interchange.types import ITEM_KINDS, FileFormat, ImportState, RowState, UnreadableFile
from keqiao.interchange.world import World
from keqiao.kernel import files
from keqiao.kernel.errors import BadInput
from keqiao.parties import selectors as parties

CHUNK = 200


def source_of(job: Import) -> Source:
    assert job.file is not None
    return Source(files.path_of(job.file.digest), FileFormat(job.format), job.encoding, job.delimiter)


def stage(import_id: int, progress: Callable[[int], None] = lambda _rows: None) -> None:
    """Read, check and stage what is not staged yet. May run twice: the second run finds nothing to do."""
    job = Import.objects.select_related("file").filter(pk=import_id).first()
    if job is None or job.state != ImportState.UPLOADED or not job.is_mapped or job.file is None:
        return
    system = parties.system()
    is_draft = job.kind in ITEM_KINDS and not job.publishes
    world = World(importer(job), job.organisation_id, drafts=is_draft, publishes=job.publishes)
    after = job.rows_read
    try:
        remaining = (row for row in readers.rows_of(source_of(job)) if row.number > after)
        for chunk in _chunks(remaining):
            with catalogue.remembering_codes():
                staged = [_staged(job, row, world) for row in chunk]
            if not services.stage_rows(actor=system, import_id=import_id, after=after, rows=staged):
                return
            after = chunk[-1].number
            progress(after)
    except UnreadableFile:
        services.refuse_import(actor=system, import_id=import_id, said=_said_twice(job))
        return
    services.finish_staging(actor=system, import_id=import_id)


def _chunks(source: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(source, CHUNK)):
        yield chunk


def _staged(job: Import, row: Row, world: World) -> dict[str, Any]:
    """The row as it is kept. A wrong one is read once more in English: whoever reads the report has it in their language."""
    with translation.override("zh-hans"):
        found = rows.check(job.kind, row, job.mapping, world)
    shared = {"number": row.number, "organisation_id": found.organisation_id, "key": found.key[:100]}
    if not found.problems:
        return {**shared, "state": RowState.READY, "fingerprint": found.fingerprint, "content": found.content}
    with translation.override("en"):
        english = rows.check(job.kind, row, job.mapping, world)
    problems = [_both(zh, en) for zh, en in zip(found.problems, english.problems, strict=True)]
    return {**shared, "key": "", "state": RowState.WRONG, "problems": problems}


def _both(zh: Problem, en: Problem) -> dict[str, str]:
    return {
        "column": zh.column,
        "zh": str(zh.message),
        "en": str(en.message),
        "example_zh": str(zh.example),
        "example_en": str(en.example),
    }


def _said_twice(job: Import) -> dict[str, str]:
    """Why the file cannot be read, in both languages: it is read to that place again."""
    said = {}
    for lang, short in (("zh-hans", "zh"), ("en", "en")):
        with translation.override(lang):
            try:
                for _row in readers.rows_of(source_of(job)):
                    pass
                said[short] = str(UnreadableFile())
            except BadInput as error:
                said[short] = str(error)
    return said
