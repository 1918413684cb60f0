"""The rules a distribution needs, read once: from the database, or from the packs that ship."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from keqiao.deals.types import Basis, Rule, Rulebook
from keqiao.kernel import parameters
from keqiao.kernel.models import Parameter

PREFIXES = ("reward.", "net_income.", "ownership.", "tax.", "bonus.")  # of the keys that money is divided by


def rules_in_force() -> Rulebook:
    """What the site has loaded."""
    return _rulebook(parameters.rules())


def rules_that_ship(folder: Path = parameters.FOLDER) -> Rulebook:
    return _rulebook(row for file in sorted(folder.glob("*.toml")) for row in parameters.read_pack(file))


def _rulebook(rows: Iterable[Parameter]) -> Rulebook:
    """Refuses rows with a gap or an overlap in their dates."""
    mine = [row for row in rows if row.key.startswith(PREFIXES)]
    parameters.refuse_gaps(mine)
    return Rulebook(
        Rule(
            key=row.key,
            jurisdiction=row.jurisdiction,
            value=row.value,
            first_on=row.first_on,
            last_on=row.last_on,
            basis=Basis(row.instrument, row.article, row.source, row.is_confirmed, row.key, row.first_on),
        )
        for row in mine
    )
