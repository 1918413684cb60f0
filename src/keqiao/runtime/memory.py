"""Memory that a large work took and no longer needs goes back to the system."""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache
from typing import Any

from keqiao.runtime.environment import tell_library

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
LARGE = 128 * 1024  # bytes of a piece that is asked of the system by itself, and goes back to it when freed
ARENAS = 2  # heaps, which the threads share: each one keeps the most it ever held
# For the environment of processes that serve. Each request has a thread of its own, and the C library would give each of these
# a heap that it never shrinks; large pieces go back to the system when they are freed, instead of leaving holes that grow
# with every search. Among a million a process that searches held 528 MB, 1,045 without (bench/scale.py).
OF_A_SERVER = {
    "MALLOC_ARENA_MAX": str(ARENAS),
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_MMAP_THRESHOLD_": str(LARGE),
    "MALLOC_TRIM_THRESHOLD_": str(8 * LARGE),
}


def begin_to_hold_little() -> None:
    """At the start of a process, before Arrow is loaded, whose own reserves are larger than what it holds for us."""
    tell_library("ARROW_DEFAULT_MEMORY_POOL", "system")
    hold_little()


def hold_little() -> None:
    """From here on what this process frees goes back to the system, instead of leaving holes that grow with the work.

    An index of 64,000 documents was built with 386 MB instead of 550, and of 16,000 with 349 instead of 417. Does nothing
    where the C library is another than glibc.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # TypeError: Windows has no library without a name
        tell = ctypes.CDLL(None).mallopt
        for what, value in ((M_ARENA_MAX, ARENAS), (M_MMAP_THRESHOLD, LARGE), (M_TRIM_THRESHOLD, 8 * LARGE)):
            tell(what, value)


def give_back() -> None:
    """Of the C library, which keeps what was freed: after an index build that was twice what the process needs.

    Does nothing where the library has no such call (macOS, musl).
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no library without a name
        return None
