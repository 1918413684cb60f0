"""A process that does not outlive its parent.

`python -m keqiao.runtime.child PARENT MODULE [ARGUMENT…]` runs MODULE.main(arguments) until the process PARENT is gone.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1


def follow(parent: int, farewell: signal.Signals = signal.SIGTERM) -> None:
    """Be sent `farewell` when the process `parent`, which started this one, is gone, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(farewell))
    else:
        threading.Thread(target=_watch, args=(parent, farewell), daemon=True).start()
    if os.getppid() != parent:  # it went before the kernel was asked
        os.kill(os.getpid(), farewell)


def _watch(parent: int, farewell: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), farewell)


def main() -> None:
    parent, module, *arguments = sys.argv[1:]
    follow(int(parent))
    sys.exit(importlib.import_module(module).main(arguments))


if __name__ == "__main__":
    main()
