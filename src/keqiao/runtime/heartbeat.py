"""The worker's sign of life: a file it touches, whose age everybody may ask."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

EVERY = 5.0  # seconds between beats
TOO_OLD = 30.0  # seconds after which the worker counts as gone


def beat(data: Path) -> None:
    file = _file(data)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def age(data: Path) -> float | None:
    """Seconds since the last beat; None when there was none."""
    with contextlib.suppress(FileNotFoundError):
        return max(0.0, time.time() - _file(data).stat().st_mtime)
    return None


def is_alive(data: Path) -> bool:
    found = age(data)
    return found is not None and found <= TOO_OLD


def forget(data: Path) -> None:
    """The worker stopped by itself."""
    _file(data).unlink(missing_ok=True)


def backup_note(data: Path) -> Path:
    """Where `keqiao backup` notes when it last finished."""
    return data / "run" / "backup.json"


def _file(data: Path) -> Path:
    return data / "run" / "worker.heartbeat"
