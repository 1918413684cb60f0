"""Fill build/wheelhouse with the locked packages, checked by their hashes, for machines without a network.

`make wheelhouse` on a machine with the same system and Python; carry the project's folder over; `make serve` there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "wheelhouse"


def main() -> int:
    lock = ROOT / "requirements" / "runtime.txt"
    draft = PLACE.with_name("wheelhouse.new")
    shutil.rmtree(draft, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    found = subprocess.call(
        [*pip, "download", "--quiet", "--require-hashes", "--no-deps", "-r", str(lock), "-d", str(draft)]
    )
    if found != 0:
        shutil.rmtree(draft, ignore_errors=True)
        print("the wheelhouse was not made; the old one, if any, is as it was", file=sys.stderr)
        return found
    shutil.rmtree(PLACE, ignore_errors=True)
    draft.rename(PLACE)
    wheels = sorted(PLACE.iterdir())
    size = sum(wheel.stat().st_size for wheel in wheels) / 1e6
    print(f"{len(wheels)} packages, {size:.0f} MB in {PLACE.relative_to(ROOT)}: carry the project's folder with it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
