"""Make .venv from the locked requirements, with nothing but python3: `python3 tools/environment.py runtime|dev`.

A second call with the same requirements does nothing. uv is used for its speed, with the index that pip is told to
use, and never downloads a Python; where uv cannot be had, pip does the same more slowly. When `make wheelhouse` has
filled build/wheelhouse (or the folder that KEQIAO_WHEELHOUSE names), it is used instead of the network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WHEELHOUSE = Path(os.environ.get("KEQIAO_WHEELHOUSE") or ROOT / "build" / "wheelhouse")
BIN = VENV / "bin"
OLDEST = (3, 11)
TRIED = ("python3.13", "python3.12", "python3.11")
# Processes that a command starts import this file, too.
ENTRY = """#!{python}
import sys

from keqiao.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
"""
# What pip calls a setting, and the variable by which uv is told the same: a mirror that pip knows serves uv too.
PIP_TO_UV = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}


def main() -> int:
    kind = sys.argv[1] if len(sys.argv) > 1 else "dev"
    if sys.version_info < OLDEST:
        return with_newer_python()
    wanted = {name: digest(ROOT / "requirements" / f"{name}.txt") for name in ("runtime", "dev")}
    # The developers' environment holds the runtime's: `make demo` leaves it as it is.
    if stamp() in {f"{name} {wanted[name]}" for name in {kind, "dev"}}:
        return 0
    print(f"making the environment ({kind}) in {VENV} ...", flush=True)
    stamp_file().unlink(missing_ok=True)
    if not make_venv():
        return 2
    install(ROOT / "requirements" / f"{kind}.txt")
    link_package()
    stamp_file().write_text(f"{kind} {wanted[kind]}\n")
    return 0


def with_newer_python() -> int:
    for name in TRIED:
        if shutil.which(name):
            return subprocess.call([name, *sys.argv])
    print(
        f"Keqiao needs Python 3.11 or newer, this is {sys.version.split()[0]}: install one, or call make PYTHON=…",
        file=sys.stderr,
    )
    return 2


def stamp_file() -> Path:
    return VENV / "keqiao-stamp"


def stamp() -> str:
    works = (BIN / "python").exists() and stamp_file().exists()  # a moved or removed interpreter is a dead link
    return stamp_file().read_text().strip() if works else ""


def digest(file: Path) -> str:
    """Of the lock, of this file, and of the interpreter: a change of any makes the environment again."""
    parts = (file.read_bytes(), Path(__file__).read_bytes(), sys.version.encode(), str(ROOT).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make_venv() -> bool:
    if runs(BIN / "python", "-m", "pip", "--version"):
        return True
    for _ in range(2):
        shutil.rmtree(VENV, ignore_errors=True)
        if (
            subprocess.call(
                [sys.executable, "-m", "venv", str(VENV)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            == 0
        ):
            return True
        # Debian ships venv without ensurepip in a package of its own.
        if subprocess.call([sys.executable, str(ROOT / "tools" / "debian.py"), "python3-venv"]) != 0:
            return False
    print("python3 -m venv fails: run it by hand to see why", file=sys.stderr)
    return False


def runs(*command: str | Path) -> bool:
    try:
        return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(requirements: Path) -> None:
    pip = [str(BIN / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if WHEELHOUSE.is_dir():
        print(f"from {WHEELHOUSE}, without the network", flush=True)
        offline = ["--no-index", "--find-links", str(WHEELHOUSE), "--require-hashes", "--no-deps"]
        subprocess.run([*pip, *offline, "-r", str(requirements)], check=True)
        return
    uv = BIN / "uv"
    if uv.exists() or subprocess.call([*pip, "-qq", "uv"]) == 0:
        command = [
            str(uv),
            "pip",
            "sync",
            "--quiet",
            "--require-hashes",
            "--python",
            str(BIN / "python"),
            str(requirements),
        ]
        if subprocess.call(command, env={**os.environ, **as_uv_reads_it(), "UV_PYTHON_DOWNLOADS": "never"}) == 0:
            return
    print("uv did not succeed; pip tries the same", file=sys.stderr)
    subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(requirements)], check=True)


def as_uv_reads_it() -> dict[str, str]:
    """pip's settings for uv, unless uv has its own."""
    listing = subprocess.run(
        [str(BIN / "python"), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    found: dict[str, str] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        variable = PIP_TO_UV.get(name.rsplit(".", 1)[-1])
        if variable and variable not in os.environ:
            found[variable] = value.strip("'\"")
    return found


def link_package() -> None:
    """The package is used where it lies: a path file and the command `keqiao`, no build."""
    purelib = subprocess.run(
        [str(BIN / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    Path(purelib, "keqiao.pth").write_text(f"{ROOT / 'src'}\n")
    entry = BIN / "keqiao"
    entry.write_text(ENTRY.format(python=BIN / "python"))
    entry.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main())
