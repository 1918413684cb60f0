"""Numbers, lists and formulas that law or policy sets: rows with a first and a last day, an article and a source.

Rule packs are TOML files in `rules/` (and in folders a site adds); loading them is idempotent. Ask with the date of the
legal fact: `parameter("reward.min.transfer", on=signed_on)`. A jurisdiction inherits from the wider one: CN-SH from CN,
and everything from KQ, the platform's own defaults.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from keqiao.kernel import site
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, DomainError, NotAllowed
from keqiao.kernel.models import Parameter

FOLDER = Path(__file__).parent / "rules"
PLATFORM = "KQ"


class NoSuchParameter(DomainError):
    """Nothing is in force on that day: a gap in the rule packs, not a mistake of the user."""

    status = 500


def jurisdictions(of: str | None = None) -> list[str]:
    """From the nearest to the widest: CN-SH → CN-SH, CN, KQ."""
    parts = (of or site.jurisdiction()).split("-")
    return [*("-".join(parts[:n]) for n in range(len(parts), 0, -1)), PLATFORM]


def find(key: str, *, on: date, jurisdiction: str | None = None) -> Parameter:
    """The row in force on that day, from the nearest jurisdiction that has one."""
    chain = jurisdictions(jurisdiction)
    rows = in_force(on).filter(key=key, jurisdiction__in=chain)
    found = min(rows, key=lambda row: (chain.index(row.jurisdiction), -row.first_on.toordinal()), default=None)
    if found is None:
        raise NoSuchParameter(f"{key} on {on} in {chain[0]}")
    return found


def parameter(key: str, *, on: date, jurisdiction: str | None = None) -> Any:
    """The value in force on that day. Raises NoSuchParameter."""
    return find(key, on=on, jurisdiction=jurisdiction).value


def in_force(on: date) -> QuerySet[Parameter]:
    return Parameter.objects.filter(Q(last_on=None) | Q(last_on__gte=on), first_on__lte=on)


def rules(*, on: date | None = None, jurisdiction: str = "") -> QuerySet[Parameter]:
    """Rows for the public page: all, or those in force on a day, of one jurisdiction or of every one."""
    rows = in_force(on) if on else Parameter.objects.all()
    if jurisdiction:
        rows = rows.filter(jurisdiction=jurisdiction)
    return rows.order_by("jurisdiction", "pack", "key", "first_on")


@command
def load_packs(*, actor: Any, folder: Path = FOLDER) -> int:
    """Load every rule pack of a folder; rows that a file no longer has are removed. How many rows there are."""
    if not actor.is_operator:
        raise NotAllowed
    packs = [list(read_pack(file)) for file in sorted(folder.glob("*.toml"))]
    rows = [row for pack in packs for row in pack]
    named = {row.pack for row in rows}
    refuse_gaps([*rows, *Parameter.objects.exclude(pack__in=named).filter(key__in={row.key for row in rows})])
    Parameter.objects.filter(pack__in=named).delete()
    Parameter.objects.bulk_create(rows)
    return len(rows)


def refuse_gaps(rows: Iterable[Parameter]) -> None:
    """Rows of one key and jurisdiction follow each other day by day: with an overlap two rules would hold, with a gap none."""
    for (key, where), same in groupby(sorted(rows, key=_place), key=lambda row: (row.key, row.jurisdiction)):
        for before, after in pairwise(same):
            next_on = before.last_on + timedelta(days=1) if before.last_on else None
            if next_on == after.first_on:
                continue
            said = {"key": key, "where": where, "before": _dated(before), "after": _dated(after)}
            if next_on is None or next_on > after.first_on:
                raise BadInput(
                    _("规则“%(key)s”（%(where)s）的日期重叠：%(before)s；%(after)s。") % said, field="first_on"
                )
            raise BadInput(
                _("规则“%(key)s”（%(where)s）的日期有空档：%(before)s；%(after)s。") % said, field="first_on"
            )


def _place(row: Parameter) -> tuple[str, str, date]:
    return row.key, row.jurisdiction, row.first_on


def _dated(row: Parameter) -> str:
    return f"{row.first_on} – {row.last_on or ''} {row.instrument} {row.article}".strip()


def read_pack(file: Path) -> Iterator[Parameter]:
    """The rows of one file. Raises BadInput naming the file, the row and the field."""
    pack = tomllib.loads(file.read_text(encoding="utf-8"))
    for number, row in enumerate(pack["parameter"], start=1):
        try:
            yield Parameter(
                key=row["key"],
                jurisdiction=row.get("jurisdiction", pack["jurisdiction"]),
                value=row["value"],
                unit=row.get("unit", ""),
                first_on=row.get("first_on", pack.get("first_on")),
                last_on=row.get("last_on", pack.get("last_on")),
                pack=pack["pack"],
                instrument=row.get("instrument", pack.get("instrument", "")),
                article=row.get("article", ""),
                source=row.get("source", pack.get("source", "")),
                rule_id=row.get("rule_id", ""),
                is_confirmed=row["confirmed"],
                note_zh=row.get("note_zh", ""),
                note_en=row.get("note_en", ""),
            )
        except KeyError as missing:
            raise BadInput(f"{file.name}, row {number}: {missing} is missing", field=str(missing)) from None


def known_jurisdictions() -> list[str]:
    """Jurisdictions that have rows, for the filter of the public page."""
    return list(Parameter.objects.order_by("jurisdiction").values_list("jurisdiction", flat=True).distinct())
