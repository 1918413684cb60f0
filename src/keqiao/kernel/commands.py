"""A command changes the world: one transaction, keyword arguments, somebody who does it."""

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from django.db import OperationalError, connection, transaction

from keqiao.kernel.errors import Busy, OnlyReads

LOCK_WAIT = "3s"
LOCK_NOT_AVAILABLE = "55P03"

# What is asked before a command runs, with the command and the actor; it raises to refuse.
Guard = Callable[[Callable[..., Any], Any], None]
_guards: list[Guard] = []

_depth: ContextVar[int] = ContextVar("commands under way", default=0)

F = TypeVar("F", bound=Callable[..., Any])


def is_inside_command() -> bool:
    """Inside a command nobody waits for another machine: gateways ask this before they call out."""
    return _depth.get() > 0


def guards_commands(guard: Guard) -> None:
    """Register a context's question that every command passes (from its `apps.py`)."""
    if guard not in _guards:
        _guards.append(guard)


def publishes(func: F) -> F:
    """Mark a command by which a person posts or writes to others: it needs their consent to the agreement in force.

    Stands above `@command`. Reading, withdrawing one's own and leaving never carry it.
    """
    func.needs_agreement = True  # type: ignore[attr-defined]  # the guard of accounts asks for it
    return func


def command(func: F) -> F:
    """Wrap a function `(*, actor, …)` into one transaction; commands called inside join it."""
    params = list(inspect.signature(func).parameters.values())
    by_keyword = all(p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in params)
    if not params or params[0].name != "actor" or not by_keyword:
        raise TypeError(f"{func.__module__}.{func.__qualname__} must be (*, actor, ...)")

    @functools.wraps(func)
    def run(**given: Any) -> Any:
        if given.get("actor") is None:
            raise TypeError(f"{func.__qualname__} needs an actor; a job passes parties.selectors.system()")
        if getattr(given["actor"], "only_reads", False):
            raise OnlyReads
        for guard in _guards:
            guard(run, given["actor"])
        outermost = not connection.in_atomic_block
        before = _depth.set(_depth.get() + 1)
        try:
            with transaction.atomic():
                if outermost:
                    with connection.cursor() as cursor:
                        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
                return func(**given)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") == LOCK_NOT_AVAILABLE:
                raise Busy from error
            raise
        finally:
            _depth.reset(before)

    run.is_command = True  # type: ignore[attr-defined]  # the architecture test asks for it
    return cast("F", run)
