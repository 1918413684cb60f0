"""What `make bench` runs: retrieval on the published collections and those of BENCH_DATA, figures in texts, then speed."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    folders = [HERE / "collections", *(Path(folder) for folder in [os.environ.get("BENCH_DATA", "")] if folder)]
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        print(f"no collections in {', '.join(missing)}: BENCH_DATA=FOLDER make bench")
        return 2
    today = date.today()  # noqa: DTZ011 -- the day on this machine
    out = HERE / "results" / f"quality-{today}"
    runs = (["quality.py", *folders, "--out", out, "--show"], ["quantities.py"], ["speed.py"])
    return max(subprocess.run([sys.executable, HERE / name, *more], check=False).returncode for name, *more in runs)


if __name__ == "__main__":
    sys.exit(main())
