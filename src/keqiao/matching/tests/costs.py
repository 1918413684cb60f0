"""How much a text costs to read, against ordinary text of its length: both slow down together on a busy machine."""

import time
from functools import cache

ORDINARY = "通量不低于 15 LMH/bar，在 pH 1 下稳定；TRL 6，预算 200 万元以内，2027 年 6 月前交付。"
MOST = (
    10  # times what ordinary text costs; measured: at most 2.4. What grows with the square of the length is beyond it
)
TRIES = 3  # the least of them counts


def costs_no_more(work, text):
    """Is reading it as good as reading ordinary text?"""
    return any(_seconds(work, text) < MOST * _of_ordinary(work, len(text)) for _ in range(TRIES))


@cache
def _of_ordinary(work, length):
    text = ORDINARY * (length // len(ORDINARY) + 1)
    return min(_seconds(work, text[:length]) for _ in range(TRIES))


def _seconds(work, text):
    """Of the processor, by this thread alone."""
    began = time.thread_time()
    work(text)
    return time.thread_time() - began
