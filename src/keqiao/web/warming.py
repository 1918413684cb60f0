"""A web process is warm before it says that it is ready.

Its first search page would otherwise wait seconds for what every later one finds in memory: modules, templates, the
index's tables, the lexicon. So the pages are asked for once, through the application's own door, before the server takes
a request. What fails here is no reason not to start: the first reader would meet the same failure and be told.
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

from django.conf import settings

log = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Between them they open both indexes, both directions of the lexicon and the templates that most pages share.
PAGES: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("/search", {"kind": "achievement", "q": "耐酸纳滤膜，通量 15 LMH/bar 以上"}),
    ("/search", {"kind": "need", "q": "membrane for water treatment with low energy use"}),
    ("/", {}),
)

# Threads that wait for the index or the database get on after 1 ms instead of 5 when others compute: a search page waits
# some twenty times.
SWITCH_S = 0.001
# Collections of the whole memory stop all requests for tenths of a second. What is there when the process is warm stays, so
# it is not looked at again; and the young are looked at less often: pages make and drop many small objects, few in cycles.
YOUNG, MIDDLE, OLD = 20_000, 20, 50


def warm(application: Application) -> None:
    for path, query in PAGES:
        try:
            _ask(application, path, urlencode(query))
        except Exception:
            log.warning("could not warm up", extra={"path": path}, exc_info=True)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    sys.setswitchinterval(SWITCH_S)


def _ask(application: Application, path: str, query: str) -> None:
    """One GET as a server would hand it over; the answer is let go."""
    host = next((name for name in settings.ALLOWED_HOSTS if name != "*" and not name.startswith(".")), "localhost")
    environ = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": host, "REMOTE_ADDR": "127.0.0.1"}
    setup_testing_defaults(environ)
    answer = application(environ, lambda *_said: None)
    for _part in answer:
        pass
    if hasattr(answer, "close"):
        answer.close()  # also gives the database connection back
