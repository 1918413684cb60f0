"""The command line: help for everything, and one clear line for each foreseeable trouble."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from keqiao import __version__
from keqiao.cli import doctor
from keqiao.cli.main import COMMANDS
from keqiao.kernel import replicas

ROOT = Path(__file__).resolve().parent.parent


def keqiao(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG"))}
    return subprocess.run(
        [sys.executable, "-m", "keqiao", *arguments],
        env={**kept, "LANG": "en_US.UTF-8", **variables},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def trouble(*arguments: str, **variables: str) -> str:
    """The one line that was said."""
    done = keqiao(*arguments, **variables)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_the_overview_names_every_command() -> None:
    done = keqiao("--help")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == list(COMMANDS)


def test_the_overview_speaks_the_terminals_language() -> None:
    assert "启动演示城市澜江" in keqiao("--help", LANG="zh_CN.UTF-8").stdout


HELP_OF_ALL = """
from contextlib import suppress
from keqiao.cli.main import COMMANDS, main
for name in COMMANDS:
    with suppress(SystemExit):
        main([name, "--help"])
"""


def test_every_command_has_help() -> None:
    """In one process: each by itself takes half a second to load."""
    done = subprocess.run([sys.executable, "-c", HELP_OF_ALL], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == ""
    usages = [line.split()[:3] for line in done.stdout.splitlines() if line.startswith("usage:")]
    assert usages == [["usage:", "keqiao", name] for name in COMMANDS]


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_by_itself(name: str) -> None:
    done = keqiao(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: keqiao {name}")


def test_the_command_runs_nothing_in_the_processes_that_it_starts() -> None:
    """Python imports the file of the command anew in each: `keqiao reindex` of many items waited for itself."""
    for file in (Path(sys.executable).parent / "keqiao", ROOT / "src" / "keqiao" / "__main__.py"):
        assert "main" in runpy.run_path(str(file), run_name="__mp_main__")


def test_the_version_is_the_packages() -> None:
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert keqiao("--version").stdout == f"keqiao {__version__}\n"


def test_a_mistyped_command_is_guessed() -> None:
    assert trouble("dmeo") == "keqiao: there is no command 'dmeo': did you mean `keqiao demo`?"


def test_a_bad_setting_is_named_with_an_example() -> None:
    assert (
        trouble("migrate", PORT="eighty") == "keqiao: PORT='eighty': a whole number from 1 to 65534, for example 8000"
    )


def test_a_data_folder_that_cannot_be_made_is_named() -> None:
    line = trouble("serve", KEQIAO_DATA="/proc/nowhere/data")
    assert line.startswith("keqiao: the data folder /proc/nowhere/data cannot be written")
    assert line.endswith("set KEQIAO_DATA to another folder")


def test_a_server_that_does_not_answer_is_no_traceback(tmp_path: Path) -> None:
    line = trouble(
        "backup", str(tmp_path / "x.tar.gz"), DATABASE_URL="postgresql://nobody@127.0.0.1:9/none?connect_timeout=2"
    )
    assert "connection" in line


def test_a_backup_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "old.tar.gz").touch()
    assert "exists: choose another name" in trouble("backup", str(tmp_path / "old.tar.gz"))


def test_doctor_starts_nothing(tmp_path: Path) -> None:
    done = keqiao("doctor", KEQIAO_DATA=str(tmp_path / "data"), PORT="48211")
    assert done.returncode == 0
    assert "does not exist yet" in done.stdout
    assert not (tmp_path / "data").exists()


def test_doctor_calls_a_readable_key_bad(tmp_path: Path) -> None:
    key = tmp_path / "keys" / "secret_key"
    key.parent.mkdir()
    key.write_text("x" * 50)
    key.chmod(0o644)
    done = keqiao("doctor", KEQIAO_DATA=str(tmp_path), KEQIAO_SECRET_KEY="", PORT="48211")
    assert done.returncode == 1
    assert f"[BAD ] others can read the key {key}" in done.stdout


def test_doctor_says_how_each_replica_does(monkeypatch: pytest.MonkeyPatch) -> None:
    standings = [
        replicas.Standing("replica1", "db2:5432", bytes_behind=0, seconds_behind=0.0),
        replicas.Standing("replica2", "db3:5432", bytes_behind=4_000_000, seconds_behind=93.5),
        replicas.Standing("replica3", "db4:5432", "away"),
        replicas.Standing("replica4", "db5:5432", "no_replica"),
        replicas.Standing("replica5", "db6:5432", bytes_behind=9),
    ]
    monkeypatch.setattr(replicas, "standings", lambda: standings)
    found = [(finding.level, finding.en) for finding in doctor._replicas()]
    assert found == [
        ("ok", "the replica replica1 (db2:5432) is 0.0 s behind"),
        ("warn", "the replica replica2 (db3:5432) is 93.5 s behind, more than 5 s: lists come from the primary"),
        ("warn", "the replica replica3 (db4:5432) does not answer; lists come from the primary"),
        ("warn", "the replica replica4 (db5:5432) takes writes itself: it follows no primary"),
        ("warn", "the replica replica5 (db6:5432) has replayed nothing yet: lists come from the primary"),
    ]


def test_doctor_says_nothing_of_replicas_that_are_not_set() -> None:
    assert list(doctor._replicas()) == []
