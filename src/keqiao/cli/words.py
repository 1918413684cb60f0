"""What the command line says, in the language of the terminal."""

from __future__ import annotations

import os


def is_chinese() -> bool:
    """The terminal's language: not a setting of the site, so it is not read with them."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return value.lower().startswith("zh")
    return False


def pick(zh: str, en: str) -> str:
    return zh if is_chinese() else en


def say(zh: str, en: str) -> None:
    print(pick(zh, en), flush=True)
