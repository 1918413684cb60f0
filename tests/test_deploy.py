"""The files under deploy/ name commands, variables and ports that exist."""

import re
from pathlib import Path

import pytest

from keqiao.cli.main import COMMANDS
from keqiao.runtime.environment import VARIABLES

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
KNOWN = {variable for variable, _default in VARIABLES.values()}
PORT = int(dict(VARIABLES.values())["PORT"])


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda file: file.name)
def test_a_unit_starts_a_command_that_exists_and_may_write_where_it_must(unit):
    text = unit.read_text()
    commands = re.findall(r"/\.venv/bin/keqiao ([a-z]+)", text)
    assert commands
    assert set(commands) <= set(COMMANDS)
    assert "EnvironmentFile=/etc/keqiao/keqiao.env" in text
    assert "User=keqiao" in text
    assert re.search(r"^ReadWritePaths=/var/lib/keqiao", text, re.MULTILINE)


@pytest.mark.parametrize("file", ["keqiao.env", "Containerfile"])
def test_every_variable_is_one_that_is_read(file):
    text = (DEPLOY / file).read_text()
    named = set(re.findall(r"\b(KEQIAO_[A-Z_]+|PORT|EMAIL_URL|DATABASE_URL)=", text))
    assert named
    assert named <= KNOWN


@pytest.mark.parametrize("file", sorted((DEPLOY / "proxy").iterdir()), ids=lambda file: file.name)
def test_a_proxy_leads_to_the_web_and_the_live_process(file):
    ports = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", file.read_text())}
    assert ports == {PORT, PORT + 1}


def test_a_guide_names_every_file():
    guides = DEPLOY.parent / "docs" / "guides"
    guide = "".join((guides / name).read_text() for name in ("run-a-site.md", "fail-over.md"))
    assert [
        str(file.relative_to(DEPLOY)) for file in DEPLOY.rglob("*") if file.is_file() and file.name not in guide
    ] == []


def test_the_rehearsal_of_a_fail_over_fills_in_every_name_of_the_cluster():
    named = set(re.findall(r"\$\{(\w+)\}", (DEPLOY / "ha" / "patroni.yml").read_text()))
    filled = set(re.findall(r"^ +([A-Z_]+)=", (DEPLOY / "ha" / "rehearse.py").read_text(), re.MULTILINE))
    assert named == filled
