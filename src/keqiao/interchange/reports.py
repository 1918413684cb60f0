"""The file back: as it was given, with one more column that says what is wrong in which row. And templates to fill in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from keqiao.catalogue import selectors as catalogue
from keqiao.interchange import mapping as columns_of
from keqiao.interchange import readers
from keqiao.interchange.columns import ERRORS_EN, ERRORS_ZH, TABLES, Column, by_name
from keqiao.interchange.models import Import
from keqiao.interchange.selectors import problems_between
from keqiao.interchange.staging import source_of
from keqiao.interchange.world import choices

AT_ONCE = 500
SMALL_TABLES = ("field", "region")


def lang() -> str:
    return "zh" if (translation.get_language() or "zh").startswith("zh") else "en"


def errors_name() -> str:
    return ERRORS_ZH if lang() == "zh" else ERRORS_EN


def given_names(job: Import) -> list[str]:
    """The columns of the file itself; an old column of errors is left out."""
    return [name for name in job.header if not columns_of.is_errors(name)]


def rows_with_errors(job: Import) -> Iterator[dict[str, Any]]:
    """Every row of the file under its own column names, and the errors of the wrong ones."""
    names, read = given_names(job), readers.rows_of(source_of(job))
    while chunk := list(islice(read, AT_ONCE)):
        wrong = problems_between(job, chunk[0].number, chunk[-1].number)
        for row in chunk:
            cells = {name: row.cells.get(name, "") for name in names}
            yield {**cells, errors_name(): errors_of(job, wrong.get(row.number, []))}


def errors_of(job: Import, problems: list[dict[str, str]]) -> str:
    return "；".join(line_of(job, problem) for problem in problems)


def line_of(job: Import, problem: dict[str, str]) -> str:
    """Column, problem, example in one line, in the reader's language."""
    name, example = column_name(job, problem["column"]), problem.get(f"example_{lang()}", "")
    text = problem.get(lang()) or problem.get("zh", "")
    line = f"{name}{_('：')}{text}" if name else text
    return f"{line} {_('例如')} {example}" if example else line


def column_name(job: Import, column: str) -> str:
    """As the file itself calls it, else as we do."""
    if not column:
        return ""
    given = next((name for name, ours in job.mapping.items() if ours == column), "")
    known = by_name(job.kind).get(column)
    return given or (getattr(known, lang()) if known else column)


# --- templates --------------------------------------------------------------------------------------------------------


def explanations(kind: str) -> Iterator[list[str]]:
    """One line a column: name in both languages, required or not, meaning, example."""
    for column in TABLES[kind]:
        required = _("必填") if column.required else ""
        yield [column.zh, column.en, required, str(column.meaning), example_of(column)]


def example_of(column: Column) -> str:
    return column.example


def code_lists(kind: str) -> Iterator[list[str]]:
    """Words that a column takes: column, code, name in both languages."""
    for column in TABLES[kind]:
        if column.shape in {"choice", "choices"}:
            for value, zh, en in choices(column.table).names:
                yield [getattr(column, lang()), value, zh, en]
        elif column.table in SMALL_TABLES:
            for code, zh, en in catalogue.codes_under(column.table).values_list("code", "title_zh", "title_en"):
                yield [getattr(column, lang()), code, zh, en]
