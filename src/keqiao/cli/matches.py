"""keqiao matches all-pairs: every need against every achievement, with its progress in the terminal."""

from __future__ import annotations

import argparse
import time

from keqiao.cli import ground
from keqiao.cli.errors import CommandTrouble
from keqiao.cli.words import pick, say
from keqiao.runtime.environment import Environment

TELL_EVERY = 2.0  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["all-pairs"], help="begin a run, or go on with the one that is under way")
    parser.add_argument(
        "--processes", type=int, metavar="N", help="that compute on this machine; one a core by default"
    )
    parser.add_argument("--stop", action="store_true", help="end the run that is under way; what is kept stays")
    parser.epilog = "See docs/guides/match-all-pairs.md."


def run(args: argparse.Namespace, env: Environment) -> int:
    if args.processes is not None and not 1 <= args.processes <= 1_000:
        raise CommandTrouble(f"--processes {args.processes}: a number from 1 to 1000, for example 2")
    with ground.django(env):
        ground.require_migrations()
        if args.stop:
            _stop()
        else:
            _drive(args.processes)
    return 0


def _stop() -> None:
    from keqiao.matching import services
    from keqiao.matching.all_pairs import driving
    from keqiao.parties import selectors as parties

    run = driving.under_way()
    if run is None:
        raise CommandTrouble(pick("没有进行中的全量匹配。", "no run is under way"))
    services.stop_pairs_run(actor=parties.system(), code=run.code)
    say(f"已停止 {run.code}，已保存的匹配保留", f"{run.code} stopped; what is kept stays")


def _drive(processes: int | None) -> None:
    from keqiao.matching import selectors, services
    from keqiao.matching.all_pairs import driving, runners
    from keqiao.matching.models import PairsRun
    from keqiao.matching.types import RunState
    from keqiao.parties import selectors as parties

    code, began = services.begin_all_pairs(actor=parties.system()), time.monotonic()
    say(f"{code}：正在准备成果库", f"{code}: preparing the library")
    try:
        driving.drive(runners.of_settings(processes), tell=_Told(began), warn=_warn)
    except runners.WorkersLost as trouble:
        raise CommandTrouble(
            pick(
                f"{code}：计算进程一再中断（内存不足？），已保存的保留；再运行一次即从未完成的接着做。",
                f"{code}: those who compute die again and again (out of memory?); what is kept stays, run it again to go on",
            )
        ) from trouble
    except driving.BusyElsewhere as trouble:
        raise CommandTrouble(
            pick(
                f"另一个进程正在做 {code}，进度见 /admin/all-pairs。",
                f"another process works at {code}; its progress stands at /admin/all-pairs",
            )
        ) from trouble
    (found,) = selectors.pairs_progress([PairsRun.objects.get(code=code)])
    say(
        f"{found.state.label}：{found.done} 项需求，{found.kept} 个匹配，{found.changed} 项需求的匹配有变化，"
        f"{time.monotonic() - began:.0f} 秒",
        f"{found.state.value}: {found.done} needs, {found.kept} matches, those of {found.changed} needs changed, "
        f"{time.monotonic() - began:.0f} s",
    )
    if found.state == RunState.FAILED:
        raise CommandTrouble(
            pick(
                f"{found.failing} 批多次出错，最近一次：{found.fault}。已保存的匹配保留。",
                f"{found.failing} shards failed each time, the last with: {found.fault}. What is kept stays",
            )
        )


def _warn(failed: int, fault: str) -> None:
    say(f"  {failed} 批出错，稍后再试：{fault}", f"  {failed} shards failed and are tried again: {fault}")


class _Told:
    """A line now and then."""

    def __init__(self, began: float) -> None:
        self._began, self._last = began, 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= TELL_EVERY or done == total:
            self._last = now
            print(f"  {done} / {total} · {now - self._began:.0f} s", flush=True)
