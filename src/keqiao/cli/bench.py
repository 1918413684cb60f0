"""keqiao bench generate: items to measure with, into the site's database or into files."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from keqiao.cli import ground
from keqiao.cli.errors import CommandTrouble
from keqiao.cli.words import say
from keqiao.runtime.environment import Environment

MOST = 100_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["generate"], help="achievements and needs, recombined from open texts")
    parser.add_argument("--achievements", type=_count, default=10_000, metavar="N", help="how many there shall be")
    parser.add_argument("--needs", type=_count, default=1_000, metavar="M", help="how many there shall be")
    parser.add_argument("--seed", type=int, default=None, help="another seed makes other items")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write files of JSON lines; no database is touched")
    parser.epilog = (
        "Into a database of its own: KEQIAO_DATA=build/bench keqiao bench generate --achievements 100000. "
        "The same again makes what is missing. Then `keqiao reindex`."
    )


def run(args: argparse.Namespace, env: Environment) -> int:
    began = time.monotonic()
    counts = {"achievement": args.achievements, "need": args.needs}
    if args.out:
        ground.load_django()
        written = _save(args, counts)
    else:
        with ground.django(env):
            ground.require_migrations()
            written = _fill(args, counts)
    took = time.monotonic() - began
    say(
        f"已生成 {written} 条，用时 {took:.1f} 秒，每秒 {written / took:.0f} 条",
        f"{written} items in {took:.1f} s, {written / took:.0f} a second",
    )
    return 0


def _save(args: argparse.Namespace, counts: dict[str, int]) -> int:
    from keqiao.demo import generating, recombining

    return generating.save(counts, args.out, seed=args.seed or recombining.SEED, progress=_show)


def _fill(args: argparse.Namespace, counts: dict[str, int]) -> int:
    from keqiao.demo import generating, recombining

    try:
        return generating.fill(counts, seed=args.seed or recombining.SEED, progress=_show)
    except generating.OtherItems as found:
        raise CommandTrouble(
            f"this site holds items that were not generated, such as {found}: "
            "name an empty data folder, for example KEQIAO_DATA=build/bench"
        ) from found


def _show(text: str) -> None:
    print(f"  {text}", flush=True)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number up to {MOST:,}, for example 100000")
    return int(text)
