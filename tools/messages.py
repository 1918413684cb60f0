"""Translations without system tools: `extract` brings the catalogues up to date, `compile` makes them usable.

`add FILE` extracts, fills in the translations of a PO file (only msgid and msgstr are read) and compiles.

The source strings are Chinese; a catalogue holds one language's translation of each. Strings that vanished are kept as
obsolete, new ones are empty, nothing is guessed ("fuzzy").
"""

from __future__ import annotations

import fcntl
import io
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src" / "keqiao"
KEYWORDS = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None,
    "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3), "npgettext_lazy": ((1, "c"), 2, 3),
}  # fmt: skip


def main() -> int:
    commands = {"extract": extract, "compile": compile_changed, "add": add_translations}
    if sys.argv[1:2] and sys.argv[1] in commands:
        with Path(tempfile.gettempdir(), "keqiao-messages.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two that extract at once would lose each other's strings
            return commands[sys.argv[1]]()
    print(__doc__)
    return 2


# ── extract ──────────────────────────────────────────────────────────────────


def extract() -> int:
    template = Catalog(charset="utf-8")
    for file in sorted(SOURCES.rglob("*")):
        if file.suffix == ".py" and not {"tests", "migrations"} & {*file.relative_to(SOURCES).parts}:
            add(template, file, file.read_text(encoding="utf-8"))
        elif file.suffix in {".html", ".txt", ".xml"} and "templates" in file.parts:
            add(template, file, as_python(file))
    for catalogue in catalogues():
        with catalogue.open("rb") as found:
            messages = read_po(found, locale=catalogue.parent.parent.name)
        messages.update(template, no_fuzzy_matching=True, update_header_comment=False)
        with catalogue.open("wb") as out:
            write_po(out, messages, width=120, omit_header=False, sort_output=True, include_lineno=False)
        missing = [message.id for message in messages if message.id and not is_translated(message.string)]
        print(f"{catalogue.relative_to(ROOT)}: {len(messages)} strings, {len(missing)} without a translation")
        for text in missing[:20]:
            print(f"    {text}")
    return 0


def is_translated(text: str | tuple[str, ...]) -> bool:
    return all(text) if isinstance(text, tuple) else bool(text)


def add(template: Catalog, file: Path, source: str) -> None:
    place = file.relative_to(ROOT).as_posix()
    for line, function, texts, _comments in extract_python(
        io.BytesIO(source.encode()), KEYWORDS, (), {"encoding": "utf-8"}
    ):
        message, context = as_message(function, texts)
        if message:
            template.add(message, locations=[(place, line)], context=context, flags=python_format(message))


def as_message(function: str, texts: str | tuple[str | None, ...]) -> tuple[str | tuple[str, str] | None, str | None]:
    given = texts if isinstance(texts, tuple) else (texts,)
    context = given[0] if "pgettext" in function else None
    rest = [text for text in given[1 if context else 0 :] if text]
    if function.startswith("n"):
        return ((rest[0], rest[1]) if len(rest) > 1 else None), context
    return (rest[0] if rest else None), context


def python_format(message: str | tuple[str, str]) -> list[str]:
    text = message if isinstance(message, str) else message[0]
    return ["python-format"] if re.search(r"%(\(\w+\))?[sd]", text) else []


def as_python(file: Path) -> str:
    """Django rewrites a template so that only its translated strings remain, as calls."""
    from django.utils.translation.template import templatize

    return "\n".join(calls(templatize(file.read_text(encoding="utf-8"), origin=str(file))))


CALL = re.compile(r"""\b(?:np?gettext|pgettext|gettext|_)\((?:[^()'"]|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")*\)""")


def calls(rewritten: str) -> Iterator[str]:
    for line in rewritten.split("\n"):
        yield "; ".join(CALL.findall(line))


# ── add ──────────────────────────────────────────────────────────────────────


def add_translations() -> int:
    """English from a PO file that somebody wrote by hand; a string that no source has is named."""
    given = read_po(io.BytesIO(Path(sys.argv[2]).read_bytes()), locale="en")
    extract()
    (place,) = [path for path in catalogues() if path.parent.parent.name == "en"]
    messages = read_po(io.BytesIO(place.read_bytes()), locale="en")
    unknown = []
    for message in given:
        found = messages.get(message.id, message.context) if message.id else None
        if found is not None:
            found.string = message.string
        elif message.id:
            unknown.append(message.id)
    with place.open("wb") as out:
        write_po(out, messages, width=120, omit_header=False, sort_output=True, include_lineno=False)
    print(f"not in any source: {unknown}" if unknown else "all given translations are in use")
    return compile_changed()


# ── compile ──────────────────────────────────────────────────────────────────


def catalogues() -> list[Path]:
    return sorted(SOURCES.glob("**/locale/*/LC_MESSAGES/*.po"))


def compile_changed() -> int:
    for catalogue in catalogues():
        compiled = catalogue.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime >= catalogue.stat().st_mtime:
            continue
        with catalogue.open("rb") as found:
            messages = read_po(found, locale=catalogue.parent.parent.name)
        draft = compiled.with_suffix(".mo.new")
        with draft.open("wb") as out:
            write_mo(out, messages)
        draft.replace(compiled)
    return 0


if __name__ == "__main__":
    sys.exit(main())
