"""Static files carry a hash of their content in the address, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage


class HashedStatic(StaticFilesStorage):
    """`/static/site.css?v=…`: no collecting step; whitenoise serves the files from where they lie."""

    def url(self, name: str | None) -> str:
        return f"{super().url(name)}?v={_digest(name or '')}"


@cache
def _digest(name: str) -> str:
    found = finders.find(name)
    if not found:
        raise ValueError(f"no static file {name!r}")
    with Path(str(found)).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
