"""Triggers hold for everybody: no session can leave them out."""

from __future__ import annotations

from typing import Any

from django.db import connections

# The library asks this function in every trigger, and lets a session name triggers to be ignored; ours are promises. Its
# own version also raises and catches an error each time, which walks through all that is deferred: the more was written
# in one transaction, the slower its COMMIT, with the square. Its migrations put it back, so it is replaced after each.
ALWAYS = """
CREATE OR REPLACE FUNCTION "public"._pgtrigger_should_ignore(trigger_name NAME) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE AS 'SELECT false'
"""


def hold_always(*, using: str, **_signal: Any) -> None:
    """After migrations."""
    with connections[using].cursor() as cursor:
        cursor.execute(ALWAYS)
