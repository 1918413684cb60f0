"""Asked before every command: posting needs the agreement and the privacy policy in force. Reading and leaving do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keqiao.accounts import selectors
from keqiao.accounts.types import ConsentMissing
from keqiao.kernel import clock


def asks_for_consent(func: Callable[..., Any], actor: Any) -> None:
    """Only commands that are marked with `publishes`, only people: jobs act for nobody."""
    if not getattr(func, "needs_agreement", False) or getattr(actor, "person_id", None) is None:
        return
    if selectors.missing_consents(actor.person_id, clock.today()):
        raise ConsentMissing
