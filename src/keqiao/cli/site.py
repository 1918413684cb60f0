"""What `keqiao demo` and `keqiao serve` share: prepare, start, say where, run until Ctrl-C."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from typing import Any

from keqiao.cli import ground, prepare
from keqiao.cli.words import is_chinese, say
from keqiao.runtime import heartbeat, postgres, supervisor
from keqiao.runtime.environment import Environment
from keqiao.runtime.supervisor import Program


def programs(env: Environment) -> list[Program]:
    """The site's processes beside the database, in the order in which they are stopped."""
    server = "keqiao.web.server"
    live = (
        "keqiao.web.live:application",
        env.host,
        str(env.port + 1),
        "1",
        "1",
    )  # an open stream ends only when it is cut
    web = ("keqiao.web.wsgi:warmed", env.host, str(env.port), str(env.web_workers), "5")
    here = f"http://{supervisor.own_host(env)}"
    telling = [Program("metrics", "keqiao.cli.metrics", (), 2)] if env.metrics else []
    return [
        *telling,
        Program("live", server, live, 5, lambda: supervisor.responds(f"{here}:{env.port + 1}/healthz")),
        Program("web", server, web, 10, lambda: supervisor.responds(f"{here}:{env.port}/healthz")),
        Program("worker", "keqiao.cli.worker", (), 8, lambda: heartbeat.age(env.data) is not None),
    ]


def run(env: Environment, *, demo: bool) -> int:
    began = time.monotonic()
    ground.open_data_folder(env)
    supervisor.check_single(env)
    supervisor.check_ports(env)
    with postgres.using(env):
        prepare.in_own_process(env, demo=demo)
        shutil.rmtree(env.data / "run" / "metrics", ignore_errors=True)  # counts of processes that are gone
        supervisor.Supervisor(env, programs(env), say=lambda text: print(text, flush=True)).run(
            _greeting(env, began, demo=demo)
        )
        say("正在停止数据库…", "stopping the database …")
    say("已停止", "stopped")
    return 0


def _greeting(env: Environment, began: float, *, demo: bool) -> Callable[[], None]:
    def greet() -> None:
        seconds = time.monotonic() - began
        print(f"\n  科桥 Keqiao   {env.site_url}\n", flush=True)
        if demo:
            _print_accounts(env)
        say(f"  数据在 {env.data}", f"  data in {env.data}")
        say("  按 Ctrl-C 停止", "  Ctrl-C stops it")
        print(f"\nready in {seconds:.1f} s", flush=True)

    return greet


def _print_accounts(env: Environment) -> None:
    """As the demo's loader left them; loading Django for this would cost a second."""
    accounts: list[dict[str, Any]] = json.loads((env.data / "demo.json").read_text())
    say("  演示账户", "  demo accounts")
    for account in accounts:
        role = account["role_zh"] if is_chinese() else account["role"].replace("_", " ")
        print(f"    {account['email']:<26} {account['password']:<20} {role}")
    print()
