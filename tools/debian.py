"""Have these Debian packages: `python3 tools/debian.py chromium fonts-noto-cjk`. Installs as root, else says how."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

QUIET = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}


def main() -> int:
    missing = [name for name in sys.argv[1:] if not is_installed(name)]
    if not missing:
        return 0
    line = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(missing)}"
    if not shutil.which("apt-get"):
        print(
            f"missing: {' '.join(missing)} (names of Debian's packages): install what this system calls them",
            file=sys.stderr,
        )
        return 2
    if os.geteuid() != 0:
        print(f"missing: {' '.join(missing)}. As root:\n    {line}", file=sys.stderr)
        return 2
    print(f"installing {' '.join(missing)} ...", flush=True)
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
    ):
        if subprocess.call(command, env=QUIET, stdout=subprocess.DEVNULL) != 0:
            print(f"this failed; try by hand:\n    {line}", file=sys.stderr)
            return 2
    return 0


def is_installed(name: str) -> bool:
    """By what it gives, so that a browser from elsewhere counts too; else by dpkg."""
    if name == "chromium" and any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        return True
    if not shutil.which("dpkg-query"):
        return False
    found = subprocess.run(["dpkg-query", "-W", "-f=${Status}", name], capture_output=True, text=True, check=False)
    return found.stdout.strip().endswith("ok installed")


if __name__ == "__main__":
    sys.exit(main())
