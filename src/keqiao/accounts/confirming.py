"""Whether it is still the same person: changes of protection ask again after a quarter of an hour."""

from __future__ import annotations

import time

from django.http import HttpRequest

from keqiao.accounts.types import CONFIRMED_FOR_SECONDS

STAMP = "accounts_confirmed"


def confirm(request: HttpRequest) -> None:
    request.session[STAMP] = time.time()


def is_confirmed(request: HttpRequest) -> bool:
    """The machine's clock will do: the stamp and the question come from the same one or its neighbour."""
    return 0 <= time.time() - request.session.get(STAMP, 0) < CONFIRMED_FOR_SECONDS
