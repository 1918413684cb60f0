"""What a process holds together with those it started."""

from __future__ import annotations

import contextlib
import threading

import psutil


class Together(threading.Thread):
    """Looks five times a second at what a process and its children hold, or these alone; pages that they share are counted
    once.
    """

    def __init__(self, pid: int, *, itself: bool = True) -> None:
        super().__init__(daemon=True)
        self.itself = itself
        self.pid, self.peak, self.ended = pid, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            with contextlib.suppress(psutil.Error):
                first = psutil.Process(self.pid)
                counted = [*([first] if self.itself else []), *first.children(recursive=True)]
                self.peak = max(self.peak, sum(map(self._held, counted)))

    @staticmethod
    def _held(process: psutil.Process) -> int:
        try:
            full = process.memory_full_info()
        except psutil.Error:  # ended meanwhile
            return 0
        return int(getattr(full, "pss", full.uss))
