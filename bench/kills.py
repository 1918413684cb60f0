"""Random kills, as many as one likes: `python bench/kills.py [--kills 200] [--seed 7] [--rounds 3]`.

Each round is a site of its own in use: items come, change and go, its index is rebuilt and moved, all pairs run on a Ray
cluster, and worker, web, database and the rest are killed at random. Then it comes to rest and is compared with a fresh
rebuild. The same as tests/test_random_kills.py, which kills twenty times; what is found there is looked into with this.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="in each round")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each further one has the next")
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", str(ROOT / "src"))
    from tests.random_kills.turmoil import turmoil

    for seed in range(args.seed, args.seed + args.rounds):
        began = time.monotonic()
        say = lambda text, began=began: print(f"{time.monotonic() - began:5.0f} s  {text}", flush=True)  # noqa: E731
        print(f"seed {seed}, {args.kills} kills")
        with tempfile.TemporaryDirectory(prefix="keqiao-kills-") as folder, turmoil(Path(folder), seed, say) as site:
            site.kill(args.kills)
            site.rest()
            site.check()
        say(f"whole after {dict(site.kills)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
