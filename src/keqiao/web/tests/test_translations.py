"""Every string has an English translation that fits, and no translation is left of a string that went."""

import io
import re
import runpy
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[4]
CATALOGUE = Path(__file__).parent.parent / "locale" / "en" / "LC_MESSAGES" / "django.po"
HAN = re.compile(r"[\u3400-\u9fff]")
PLACE = re.compile(r"%\(\w+\)[sd]|%%")


@pytest.fixture(scope="module")
def translated():
    return read_po(io.BytesIO(CATALOGUE.read_bytes()), locale="en")


@pytest.fixture(scope="module")
def in_the_sources():
    tool = ROOT / "tools" / "messages.py"
    messages = runpy.run_path(str(tool))
    template = Catalog(charset="utf-8")
    for file in sorted((ROOT / "src" / "keqiao").rglob("*")):
        if file.suffix == ".py" and not {"tests", "migrations"} & {*file.relative_to(ROOT).parts}:
            messages["add"](template, file, file.read_text(encoding="utf-8"))
        elif file.suffix in {".html", ".txt", ".xml"} and "templates" in file.parts:
            messages["add"](template, file, messages["as_python"](file))
    return {(message.id, message.context) for message in template if message.id}


def strings(message):
    return message.string if isinstance(message.string, tuple) else (message.string,)


def test_the_catalogue_holds_what_the_sources_say(translated, in_the_sources):
    assert {(message.id, message.context) for message in translated if message.id} == in_the_sources
    assert list(translated.obsolete) == []


def test_every_string_is_translated(translated):
    assert [message.id for message in translated if message.id and not all(strings(message))] == []


def test_translations_are_english_and_keep_their_places(translated):
    wrong = []
    for message in translated:
        if not message.id:
            continue
        source = message.id[0] if isinstance(message.id, tuple) else message.id
        for text in strings(message):
            if HAN.search(text) or sorted(PLACE.findall(text)) != sorted(PLACE.findall(source)):
                wrong.append(source)
    assert wrong == []


WORDS = re.compile(r"\b(achievement|docking|technology manager|catalog|organization|center|license)s?\b", re.IGNORECASE)


def test_translations_use_the_houses_words(translated):
    assert [text for message in translated if message.id for text in strings(message) if WORDS.search(text)] == []
