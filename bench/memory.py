"""What a process holds together with those it started."""

from __future__ import annotations

import contextlib
import threading

import psutil


class Together(threading.Thread):
    """Looks five times a second at what a process and its children hold, pages that they share counted once."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.ended = pid, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            with contextlib.suppress(psutil.Error):
                first = psutil.Process(self.pid)
                self.peak = max(self.peak, sum(map(self._held, (first, *first.children(recursive=True)))))

    @staticmethod
    def _held(process: psutil.Process) -> int:
        try:
            full = process.memory_full_info()
        except psutil.Error:  # ended meanwhile
            return 0
        return int(getattr(full, "pss", full.uss))
