"""Write docs/reference/permissions.md: who may do what, found out by asking the site (tests/permission_matrix.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "slow", "tests/test_permissions.py"]
    return subprocess.call(command, cwd=ROOT, env=os.environ | {"KEQIAO_WRITE_PERMISSIONS": "1"})


if __name__ == "__main__":
    sys.exit(main())
