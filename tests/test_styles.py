"""What is served is made from its source, and holds nothing that the oldest supported browser (Chromium 99) cannot read."""

import subprocess
import sys
from pathlib import Path

import pytest
from tools.styles import flatten

ROOT = Path(__file__).resolve().parent.parent
SERVED = sorted((ROOT / "src" / "keqiao" / "web" / "static").glob("*.css"))


def test_served_style_sheets_are_made_from_their_sources():
    command = [sys.executable, ROOT / "tools" / "styles.py", "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("file", SERVED, ids=lambda file: file.name)
def test_nothing_is_nested_in_what_is_served(file):
    """Flattening it again changes nothing but white space: no rule stands in a rule."""
    text = file.read_text()
    assert "&" not in text
    assert "".join(flatten(text).split()) == "".join(flatten(flatten(text)).split())
    assert [line for line in flatten(text).splitlines() if line.count("{") > 1 and "{}" not in line] == []


@pytest.mark.parametrize(
    ("nested", "flat"),
    [
        ("a { color:red; &:hover { color:blue } }", "a { color:red } a:hover { color:blue }"),
        ("a, b { c { x:1 } }", ":is(a, b) c { x:1 }"),
        ("a { @media (w) { x:1; > b { y:2 } } z:3 }", "@media (w) { a { x:1 } a > b { y:2 } } a { z:3 }"),
        ("a { .dark & { x:1 } &.on, & + & { y:2 } }", ".dark a { x:1 } a.on, a + a { y:2 }"),
        ("@layer l { a { b:is(c, d) { x:1 } } }", "@layer l { a b:is(c, d) { x:1 } }"),
        ('a::before { content:";}" }', 'a::before { content:";}" }'),
        ("@keyframes k { from { x:1 } to { x:2 } }", "@keyframes k { from { x:1; } to { x:2; } }"),
    ],
)
def test_flattening(nested, flat):
    assert "".join(flatten(nested).split()) == "".join(flat.split())
