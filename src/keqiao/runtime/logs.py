"""What the processes say, one JSON object a line, in `<data>/logs/<process>.log`, rotated by size."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

LARGEST = 10 * 1024 * 1024
KEPT = 5


class LogFile:
    """One process's log. Lines that are not JSON yet (of the server, a traceback) become it."""

    def __init__(self, folder: Path, process: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.process = process
        self.path = folder / f"{process}.log"
        self.last_words = ""
        self._handler = RotatingFileHandler(self.path, maxBytes=LARGEST, backupCount=KEPT, encoding="utf-8")

    def line(self, text: str) -> None:
        """A line as the process wrote it."""
        if not text.strip():
            return
        self.last_words = text.strip()
        if not (text.startswith("{") and text.endswith("}")):
            text = _as_json(process=self.process, level="INFO", message=text)
        self._handler.emit(logging.makeLogRecord({"msg": text}))

    def say(self, message: str, level: str = "INFO", **facts: Any) -> None:
        self._handler.emit(
            logging.makeLogRecord({"msg": _as_json(process=self.process, level=level, message=message, **facts)})
        )

    def close(self) -> None:
        self._handler.close()


def _as_json(**facts: Any) -> str:
    return json.dumps(
        {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts}, ensure_ascii=False, default=str
    )
