"""What is told of a fault: its class, what the system calls it, and the line of ours where it came up. Never its message,
which may quote what somebody wrote.
"""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

OURS = Path(__file__).resolve().parents[2]  # the package
LONGEST = 120


def kind_of(trouble: BaseException) -> str:
    """For example "OSError ENOSPC · matching/all_pairs/library.py:231"."""
    words = [type(trouble).__name__]
    if isinstance(trouble, OSError) and trouble.errno:
        words.append(errno.errorcode.get(trouble.errno, ""))
    frames = [frame for frame in traceback.extract_tb(trouble.__traceback__) if OURS in Path(frame.filename).parents]
    if frames:
        words += ["·", f"{Path(frames[-1].filename).relative_to(OURS).as_posix()}:{frames[-1].lineno}"]
    return " ".join(filter(None, words))[:LONGEST]
