"""What the pages of imports show, prepared from rows: no decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keqiao.interchange import mapping as columns_of
from keqiao.interchange import reports
from keqiao.interchange.columns import TABLES, by_name
from keqiao.interchange.models import Import
from keqiao.interchange.policies import can_import, can_publish
from keqiao.interchange.selectors import troubled_rows
from keqiao.interchange.types import ImportState, Kind
from keqiao.interchange.workflow import import_workflow
from keqiao.kernel.pages import page_of
from keqiao.parties.types import Actor

PROBLEMS_PER_PAGE = 50
EXTENSIONS = (("csv", "CSV"), ("xlsx", "XLSX"))


def kinds_for(actor: Actor) -> list[dict[str, Any]]:
    """What this actor may import, each with its columns."""
    return [
        {
            "value": kind.value,
            "label": kind.label,
            "columns": columns(kind),
            "required": [column["name"] for column in columns(kind) if column["required"]],
        }
        for kind in Kind
        if can_import(actor, kind)
    ]


def columns(kind: str) -> list[dict[str, Any]]:
    return [
        {
            "name": getattr(column, reports.lang()),
            "meaning": column.meaning,
            "example": reports.example_of(column),
            "required": column.required,
        }
        for column in TABLES[kind]
    ]


def may_publish(actor: Actor) -> bool:
    return any(can_publish(actor, kind) for kind in Kind)


def progress(job: Import, actor: Actor) -> dict[str, Any]:
    """Counts, how far it is, and the buttons of now."""
    total = job.rows_total or 0
    done = job.applied if job.state in {ImportState.APPLYING, ImportState.DONE} else job.rows
    of = max(total - job.wrong, 1) if job.state == ImportState.APPLYING else total
    return {
        "job": job,
        "stages": import_workflow.stages(job),
        "open": {step.name for step in import_workflow.open_to(actor, job)},
        "is_moving": job.state == ImportState.APPLYING or (job.state == ImportState.UPLOADED and job.is_mapped),
        "percent": min(100, round(100 * done / of)) if of else None,
        "done": done,
        "of": of if total else None,
        "problem": problem_of(job),
        "not_read": columns_of.unknown(job.header, job.mapping),
        "extensions": EXTENSIONS,
    }


def report(job: Import, number: int) -> dict[str, Any]:
    """One page of rows with errors: row, column, problem, example."""
    found, pager = page_of(troubled_rows(job), number, PROBLEMS_PER_PAGE)
    return {**pager, "rows": [{"number": row.number, "problems": shown_problems(job, row)} for row in found]}


def problem_of(job: Import) -> str:
    """Why the file could not be read, in the reader's language."""
    return str(job.problem.get(reports.lang(), "")) if job.problem else ""


def shown_problems(job: Import, row: Any) -> list[dict[str, str]]:
    return [_shown(job, problem) for problem in row.problems]


def _shown(job: Import, problem: dict[str, str]) -> dict[str, str]:
    return {
        "column": reports.column_name(job, problem["column"]),
        "text": problem.get(reports.lang()) or problem.get("zh", ""),
        "example": problem.get(f"example_{reports.lang()}", ""),
    }


def mapping_rows(job: Import, chosen: dict[str, str], samples: dict[str, str]) -> list[dict[str, Any]]:
    """For the page where columns are mapped by hand: the file's column, what it holds, and the choices."""
    return [
        {"name": name, "field": f"c{place}", "chosen": chosen.get(name, ""), "sample": samples.get(name, "")[:60]}
        for place, name in enumerate(job.header)
        if name and not columns_of.is_errors(name)
    ]


def choices_of(kind: str) -> list[tuple[str, str, bool]]:
    return [(column.name, getattr(column, reports.lang()), column.required) for column in TABLES[kind]]


def required_names(kind: str) -> Sequence[str]:
    return [getattr(column, reports.lang()) for column in by_name(kind).values() if column.required]
