"""Answers that are files: streamed, so that a long one costs no memory; never shown by a browser as a page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation

from keqiao.interchange import exporting, reports, writers
from keqiao.interchange.columns import TABLES
from keqiao.interchange.exporting import Wanted
from keqiao.interchange.models import Import
from keqiao.interchange.types import FileFormat
from keqiao.kernel import clock
from keqiao.parties.types import Actor

END = object()


def export(actor: Actor, wanted: Wanted, extension: str) -> HttpResponseBase:
    rows = exporting.rows_for(actor, wanted)  # first: it refuses what is not there
    columns = exporting.columns_of(wanted.kind)
    name = exporting.name_of(wanted.kind, extension, clock.machine_today())
    names = writers.header(columns)
    if extension == FileFormat.JSONL:
        return stream(writers.json_lines(rows), name, writers.MEDIA[FileFormat.JSONL])
    if extension == FileFormat.XLSX:
        return attachment(writers.workbook([(wanted.kind, names, writers.cells_of(columns, rows))]), name)
    return stream(writers.csv_lines(names, writers.cells_of(columns, rows)), name, writers.MEDIA[FileFormat.CSV])


def errors(job: Import, extension: str) -> HttpResponseBase:
    """The file that was given, with the column of errors."""
    names, cells = _with_errors(job)
    name = f"{job.code}-errors.{extension}"
    if extension == FileFormat.XLSX:
        return attachment(writers.workbook([(job.kind, names, cells)]), name)
    return stream(writers.csv_lines(names, cells, job.delimiter or ","), name, writers.MEDIA[FileFormat.CSV])


def _with_errors(job: Import) -> tuple[list[str], Iterator[list[Any]]]:
    names = [*reports.given_names(job), reports.errors_name()]
    return names, ([_flat(row[name]) for name in names] for row in reports.rows_with_errors(job))


def write_errors(job: Import, path: Path) -> None:
    """For the command line: as CSV unless the path ends in .xlsx."""
    names, cells = _with_errors(job)
    if path.suffix.lower() == ".xlsx":
        _write_bytes(writers.workbook([(job.kind, names, cells)]), path)
    else:
        _write_text(writers.csv_lines(names, cells, job.delimiter or ","), path)


def write_export(kind: str, rows: Iterator[dict[str, Any]], path: Path, extension: str) -> None:
    columns = exporting.columns_of(kind)
    names, cells = writers.header(columns), writers.cells_of(columns, rows)
    if extension == FileFormat.XLSX:
        _write_bytes(writers.workbook([(kind, names, cells)]), path)
    else:
        _write_text(
            writers.json_lines(rows) if extension == FileFormat.JSONL else writers.csv_lines(names, cells), path
        )


def json_parts(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    return writers.json_lines(rows)


def _write_bytes(file: IO[bytes], path: Path) -> None:
    with file, path.open("wb") as out:
        shutil.copyfileobj(file, out)


def _write_text(parts: Iterator[str], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        for part in parts:
            out.write(part)


def template(kind: str, extension: str) -> HttpResponseBase:
    """An empty file to fill in; the workbook also explains the columns and lists the codes."""
    names, name = writers.header(TABLES[kind]), f"keqiao-{kind}-template.{extension}"
    if extension == FileFormat.XLSX:
        is_chinese = reports.lang() == "zh"
        meaning = (
            ["列", "Column", "必填", "含义", "示例"]
            if is_chinese
            else ["列", "Column", "Required", "Meaning", "Example"]
        )
        words = ["列", "代码", "名称", "English"] if is_chinese else ["Column", "Code", "名称", "Name"]
        sheets = [
            (kind, names, iter(())),
            ("说明" if is_chinese else "Explanations", meaning, reports.explanations(kind)),
            ("代码表" if is_chinese else "Codes", words, reports.code_lists(kind)),
        ]
        return attachment(writers.workbook(sheets), name)
    return stream(writers.csv_lines(names, iter(())), name, writers.MEDIA[FileFormat.CSV])


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def attachment(file: Any, name: str) -> HttpResponseBase:
    response = FileResponse(file, as_attachment=True, filename=name)
    response["Content-Type"] = writers.MEDIA[FileFormat.XLSX]
    return _private(response)


def stream(parts: Iterator[str], name: str, media_type: str) -> HttpResponseBase:
    """Part by part, in the reader's language also while it runs. The first part is made now: a refusal is still a page."""
    language = translation.get_language() or "zh-hans"
    first = next(parts, "")
    response = StreamingHttpResponse(_in_language(first, parts, language), content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return _private(response)


def _in_language(first: str, parts: Iterator[str], language: str) -> Iterator[str]:
    yield first
    while (part := _next(parts, language)) is not END:
        yield str(part)


def _next(parts: Iterator[str], language: str) -> Any:
    with translation.override(language):
        return next(parts, END)


def _private(response: HttpResponseBase) -> HttpResponseBase:
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
