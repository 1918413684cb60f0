"""The API of interchange: a second view over the same commands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import File, Form, Query, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field, StringConstraints

from keqiao.interchange import presenting, sending, services
from keqiao.interchange.exporting import Wanted
from keqiao.interchange.selectors import get_import, own_imports, troubled_rows
from keqiao.interchange.writers import MEDIA
from keqiao.kernel.api import (
    Code,
    PageNumber,
    PageOut,
    PerPage,
    answers,
    api_actor,
    change_answers,
    each,
    needs_scope,
    paged,
)
from keqiao.kernel.files import LARGEST, FileTooLarge

router = Router(tags=["interchange"])
WRITE, READ = "import:write", "export:read"
CHUNK = 1 << 16
KindName = Literal["achievements", "needs", "organisations", "people", "assets"]


class ImportOut(Schema):
    """A file on its way in. Counts are rows."""

    code: str
    url: str
    kind: str
    state: str = Field(description="uploaded, validated, applying, done, cancelled, refused")
    format: str
    publishes: bool
    is_mapped: bool = Field(description="false: required columns were not recognised; map them first.")
    header: list[str]
    mapping: dict[str, str] = Field(description="Column name of the file → ours; - is not read.")
    rows_total: int | None = Field(description="null while the file is still being read.")
    ready: int
    wrong: int
    added: int
    changed: int
    unchanged: int
    failed: int
    problem: str
    created_at: datetime
    finished_at: datetime | None


class ImportsOut(PageOut):
    items: list[ImportOut]


class RowProblemOut(Schema):
    column: str = Field(description="As the file calls it; empty: the row as a whole.")
    problem: str
    example: str


class RowOut(Schema):
    row: int = Field(description="As a spreadsheet counts; the header is row 1.")
    state: str
    problems: list[RowProblemOut]


class ReportOut(PageOut):
    items: list[RowOut]


class MappingIn(Schema):
    mapping: dict[
        Annotated[str, StringConstraints(max_length=500)], Annotated[str, StringConstraints(max_length=40)]
    ] = Field(description="Column name of the file → ours, or - for a column that is not read.", max_length=200)


@router.post("/imports", response=change_answers(ImportOut, 201), summary="Upload a file to import")
@needs_scope(WRITE)
def start(
    request: HttpRequest,
    file: Annotated[UploadedFile, File(description="CSV, XLSX, XLS or JSONL, up to 50 MB.")],
    kind: Annotated[KindName, Form(description="What the rows are.")],
    publishes: Annotated[bool, Form(description="Straight into public view: operators only.")] = False,
) -> Any:
    """The rows are checked by a job. Nothing is applied before `apply`."""
    if file.size is None or file.size > LARGEST:
        raise FileTooLarge(field="file")
    job = services.start_import(
        actor=api_actor(request), kind=kind, name=file.name or "file", chunks=file.chunks(CHUNK), publishes=publishes
    )
    return Status(201, import_out(job))


@router.get("/imports", response=answers(ImportsOut), summary="Your imports, newest first")
@needs_scope(WRITE)
def imports(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 20) -> Any:
    return paged(own_imports(api_actor(request)), page, per_page, each(import_out))


@router.get("/imports/{code}", response=answers(ImportOut), summary="How far an import is")
@needs_scope(WRITE)
def one(request: HttpRequest, code: Code) -> Any:
    return import_out(get_import(code, actor=api_actor(request)))


@router.get("/imports/{code}/report", response=answers(ReportOut), summary="The rows with errors")
@needs_scope(WRITE)
def report(request: HttpRequest, code: Code, page: PageNumber = 1, per_page: PerPage = 50) -> Any:
    """In the language that is asked for."""
    job = get_import(code, actor=api_actor(request))
    return paged(
        troubled_rows(job),
        page,
        per_page,
        each(lambda row: {"row": row.number, "state": row.state, "problems": _problems(job, row)}),
    )


@router.put("/imports/{code}/mapping", response=change_answers(ImportOut), summary="Say which column is which")
@needs_scope(WRITE)
def map_columns(request: HttpRequest, code: Code, given: MappingIn) -> Any:
    return import_out(services.map_columns(actor=api_actor(request), code=code, mapping=given.mapping))


@router.post("/imports/{code}/apply", response=change_answers(ImportOut), summary="Let the rows without errors in")
@needs_scope(WRITE)
def apply(request: HttpRequest, code: Code) -> Any:
    return import_out(services.apply_import(actor=api_actor(request), code=code))


@router.post("/imports/{code}/cancel", response=change_answers(ImportOut), summary="Stop; what was applied stays")
@needs_scope(WRITE)
def cancel(request: HttpRequest, code: Code) -> Any:
    return import_out(services.cancel_import(actor=api_actor(request), code=code))


FILE = {"content": {media.split(";")[0]: {"schema": {"type": "string"}} for media in MEDIA.values()}}


@router.get(
    "/exports/{kind}",
    response=answers(str),
    summary="A file of what you may see",
    openapi_extra={"responses": {200: FILE}},
)
@needs_scope(READ)
def export(
    request: HttpRequest,
    kind: KindName,
    format: Annotated[Literal["csv", "xlsx", "jsonl"], Query(description="The file's format.")] = "jsonl",  # noqa: A002 -- the parameter's public name
    q: Annotated[str, Query(max_length=200, description="Words, as the search page finds them (at most 100).")] = "",
    field: Annotated[str, Query(max_length=200, description="A field of the site's list.")] = "",
    region: Annotated[str, Query(max_length=200, description="A region's code.")] = "",
    mode: Annotated[str, Query(max_length=200, description="A way of cooperation.")] = "",
    organisation: Annotated[str, Query(max_length=200, description="An organisation's code.")] = "",
    own: Annotated[bool, Query(description="Only of your own organisation.")] = False,
) -> Any:
    """What is exported can be imported again. A publisher who is not shown is in no file."""
    wanted = Wanted(kind=kind, q=q, field=field, region=region, mode=mode, organisation=organisation, own=own)
    return sending.export(api_actor(request), wanted, format)


def import_out(job: Any) -> dict[str, Any]:
    kept = (
        "code", "kind", "state", "format", "publishes", "is_mapped", "header", "mapping", "rows_total", "ready", "wrong",
        "added", "changed", "unchanged", "failed", "created_at", "finished_at",
    )  # fmt: skip
    return {
        **{name: getattr(job, name) for name in kept},
        "url": f"/import/{job.code}",
        "problem": presenting.problem_of(job),
    }


def _problems(job: Any, row: Any) -> list[dict[str, str]]:
    return [
        {"column": shown["column"], "problem": shown["text"], "example": shown["example"]}
        for shown in presenting.shown_problems(job, row)
    ]
