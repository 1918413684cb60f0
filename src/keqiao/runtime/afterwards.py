"""Clears up after a process of tests that was killed: `python -m keqiao.runtime.afterwards FOLDER` waits until its standard
input is closed, which the kernel does for whoever held it, and removes the data folder with its database.
"""

import shutil
import sys
from pathlib import Path


def main() -> None:
    folder = Path(sys.argv[1])
    sys.stdin.buffer.read()
    if not folder.exists():  # as a rule: the process has cleared up itself
        return
    from keqiao.runtime import postgres  # only now: every run starts one of these
    from keqiao.runtime.environment import read_environment

    postgres.remove(read_environment())
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
