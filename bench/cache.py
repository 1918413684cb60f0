"""What memory for the search index does: `python bench/cache.py [--data build/bench-scale] [--mb 48,96,160,320,1024]`.

Asks the words alone of 60 questions of 300 characters of the index that serves in a folder (bench/scale.py makes one), each
size of the cache in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from keqiao.runtime.memory import OF_A_SERVER

ROOT = Path(__file__).resolve().parent.parent
WARM = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "bench-scale")
    parser.add_argument("--mb", default="48,96,160,320,1024")
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--alone", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        print(ask(args.data, args.alone, args.queries))
        return 0
    print("| MB | p50, ms | p95, ms | processor, ms | memory of the process, MB |\n|--:|--:|--:|--:|--:|")
    for mb in args.mb.split(","):
        command = [sys.executable, __file__, "--data", str(args.data), "--queries", str(args.queries), "--alone", mb]
        environ = {**os.environ, **OF_A_SERVER, "DJANGO_SETTINGS_MODULE": "keqiao.web.settings"}
        print(
            subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout, end="", flush=True
        )
    return 0


def ask(data: Path, mb: int, queries: int) -> str:
    import django

    django.setup()
    from keqiao.demo import recombining
    from keqiao.matching.lance import LanceEngine
    from keqiao.matching.retrieval import query_weights
    from keqiao.matching.text import index_tokens

    folder = data / "index" / "lance"
    engine, process = LanceEngine(folder, mb), psutil.Process()
    name = max((folder / "lance").glob("achievements_v*.lance"), key=lambda path: path.stat().st_mtime).stem
    asked = [query_weights(index_tokens(text)) for text in recombining.long_questions(queries + WARM)]
    times, cpu = [], 0.0
    for number, words in enumerate(asked):
        if number == WARM:
            cpu = sum(process.cpu_times()[:2])
        began = time.monotonic()
        engine.lexical(name, words, None, 200)
        times.append((time.monotonic() - began) * 1000)
    counted = sorted(times[WARM:])
    spent = (sum(process.cpu_times()[:2]) - cpu) * 1000 / queries
    p95 = counted[int(0.95 * len(counted))]
    return (
        f"| {mb} | {statistics.median(counted):.0f} | {p95:.0f} | {spent:.0f} | {process.memory_info().rss / 1e6:.0f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
