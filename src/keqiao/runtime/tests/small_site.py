"""Programs for the supervisor's tests, and a site made of them: `python -m keqiao.runtime.tests.small_site`."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from keqiao.runtime import postgres, supervisor
from keqiao.runtime.environment import read_environment
from keqiao.runtime.supervisor import Program

ME = "keqiao.runtime.tests.small_site"


def main(arguments: Sequence[str]) -> None:
    """One child: notes its pid; a stubborn one does not hear SIGTERM; a failing one ends at once."""
    folder, name, kind = arguments
    if kind == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(folder, f"{name}.pid").write_text(str(os.getpid()))
    print(f"{name} speaks", flush=True)
    if kind == "failing":
        sys.exit("no such thing")
    while True:
        time.sleep(0.1)


def run_site(kinds: dict[str, str]) -> None:
    env = read_environment()
    wanted = [
        Program(name, ME, (str(env.data), name, kind), stop_within=1, is_ready=(env.data / f"{name}.pid").exists)
        if kind != "failing"
        else Program(name, ME, (str(env.data), name, kind), is_ready=lambda: False)
        for name, kind in kinds.items()
    ]
    with postgres.using(env, {"fsync": "off"}):
        supervisor.Supervisor(env, wanted, say=lambda text: print(text, flush=True)).run(
            lambda: print("READY", flush=True)
        )


if __name__ == "__main__":
    try:
        run_site(dict(pair.split("=") for pair in sys.argv[1:]))
    except supervisor.SupervisorTrouble as trouble:
        sys.exit(str(trouble))
