"""Pages are made by turns, a few at a time in each process, first come, first served.

Python computes in one thread at a time. Twenty pages made together are each ready at the end, when the last one is; made a few
at a time most are ready long before, none later. More than one at a time, because a page also waits: for the database, and
for the index, which computes beside Python.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]

AT_A_TIME = 3
# Who waited so long goes on without a turn: a few pages that wait for a slow query must not stop all others.
PATIENCE_S = 2.0
WITHOUT = frozenset({"/healthz", "/readyz"})


class Turns:
    """So many turns at a time, in the order of coming."""

    def __init__(self, most: int, patience: float) -> None:
        self._free = most
        self._patience = patience
        self._waiting: deque[threading.Lock] = deque()
        self._guard = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        has_turn = self._come()
        try:
            yield
        finally:
            if has_turn:
                self._leave()

    def _come(self) -> bool:
        with self._guard:
            if self._free:
                self._free -= 1
                return True
            called = threading.Lock()
            called.acquire()
            self._waiting.append(called)
        if called.acquire(timeout=self._patience):
            return True
        with self._guard:
            if called in self._waiting:
                self._waiting.remove(called)
                return False
        return True  # called in the moment in which the patience ended

    def _leave(self) -> None:
        """To who waits longest, without letting anybody in between."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


turns = Turns(AT_A_TIME, PATIENCE_S)


class ByTurns:
    """Middleware for what is only read. Who sends something waits for nobody, nor does what watches over the process."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"} or request.path in WITHOUT:
            return self.get_response(request)
        with turns.one():
            return self.get_response(request)
