"""keqiao index move: carry the search index to the other engine while it serves."""

from __future__ import annotations

import argparse

from keqiao.cli import ground
from keqiao.cli.errors import CommandTrouble
from keqiao.cli.words import pick, say
from keqiao.runtime.environment import Environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["move"], help="from LanceDB in the data folder to Milvus, or back")
    step = parser.add_mutually_exclusive_group(required=True)
    step.add_argument("--to", choices=["milvus", "lance"], help="fill the other engine and compare; begin or go on")
    step.add_argument(
        "--switch", action="store_true", help="let the other engine serve; the one before keeps following"
    )
    step.add_argument("--back", action="store_true", help="let the engine before serve again")
    step.add_argument("--finish", action="store_true", help="drop the side that does not serve")
    parser.epilog = "In this order: --to milvus, --switch, then --finish or --back. See docs/guides/move-the-index.md."


def run(args: argparse.Namespace, env: Environment) -> int:
    with ground.django(env):
        ground.require_migrations()
        from keqiao.matching import index_moves

        try:
            _step(args)
        except index_moves.MoveTrouble as trouble:
            raise CommandTrouble(pick(trouble.zh, trouble.en)) from trouble
    return 0


def _step(args: argparse.Namespace) -> None:
    from keqiao.matching import index_moves

    if args.to:
        _show(index_moves.carry(args.to, progress=lambda text: print(f"  {text}", flush=True)))
    elif args.switch or args.back:
        now = index_moves.switch_over(back=args.back)
        say(f"现在由 {now.engine} 提供检索", f"{now.engine} serves searches now")
    else:
        index_moves.finish()
        say("搬迁已结束，另一边已删除", "the move is ended and the other side dropped")


def _show(sides: object) -> None:
    from keqiao.matching.index_moves import Sides

    assert isinstance(sides, Sides)
    found = sides.move.compared
    assert found
    say(
        f"已填满并逐项核对。比较 {found.searches} 次检索：前十位相同 {found.overlap:.1%}，首位相同 {found.same_first:.1%}；"
        f"中位用时 {sides.state.engine} {found.ms_serving:.0f} 毫秒，{sides.other} {found.ms_other:.0f} 毫秒",
        f"filled, and every item checked. {found.searches} searches compared: {found.overlap:.1%} of the first ten the "
        f"same, {found.same_first:.1%} begin alike; median {sides.state.engine} {found.ms_serving:.0f} ms, "
        f"{sides.other} {found.ms_other:.0f} ms",
    )
    say("切换：keqiao index move --switch", "to switch: keqiao index move --switch")
