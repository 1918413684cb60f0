"""Staged rows become drafts, items, organisations, people and rights: through the commands of the contexts below.

Each row is applied whole or not at all (a savepoint), and says what became of it. The same row again changes nothing:
what a key became, and the fingerprint of its content, is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from keqiao.catalogue import selectors as catalogue
from keqiao.interchange.applying import drafts, items, members, others
from keqiao.interchange.applying.shared import Run
from keqiao.interchange.models import Import, ImportRow
from keqiao.interchange.types import ITEM_KINDS, Kind
from keqiao.parties.types import Actor

ONE_BY_ONE: dict[str, Callable[[Run, ImportRow], None]] = {
    Kind.ORGANISATIONS: others.organisation,
    Kind.PEOPLE: members.person,
    Kind.ASSETS: others.asset,
}

BECOMES: dict[str, tuple[str, ...]] = {
    Kind.ORGANISATIONS: ("organisation",),
    Kind.PEOPLE: ("person", "invitation"),
    Kind.ASSETS: ("asset",),
}


def apply_rows(actor: Actor, job: Import, rows: Sequence[ImportRow]) -> None:
    """Inside the command of the chunk: sets state, problems and what was made on every row; the caller saves them."""
    run = Run(actor, job)
    if job.kind not in ITEM_KINDS:
        run.remember(rows, *BECOMES[job.kind])
        for row in rows:
            run.safely(row, ONE_BY_ONE[job.kind])
    elif job.publishes:
        with catalogue.remembering_codes():
            items.apply(run, rows)
    else:
        drafts.apply(run, rows)
    run.keep()
