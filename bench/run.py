"""What `make bench` runs: retrieval on the public collections, then speed. BENCH_DATA names the collections' folder."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    data = Path(os.environ.get("BENCH_DATA", HERE.parent.parent / "shared" / "data"))
    if not data.is_dir():
        print(f"no collections in {data}: BENCH_DATA=FOLDER make bench")
        return 2
    quality = subprocess.run([sys.executable, HERE / "quality.py", data], check=False)
    speed = subprocess.run([sys.executable, HERE / "speed.py"], check=False)
    return quality.returncode or speed.returncode


if __name__ == "__main__":
    sys.exit(main())
