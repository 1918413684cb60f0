import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from keqiao.runtime import postgres

# Says where it has its data and its server, then stays at work.
RUN = """
import os, time
from pathlib import Path
from keqiao.runtime import postgres
def test_that_is_killed():
    data = Path(os.environ["KEQIAO_DATA"])
    Path("place").write_text(f"{data} {postgres.postmaster(postgres.cluster(data)).pid}")
    os.rename("place", "said")
    time.sleep(300)
"""


@pytest.mark.slow
@pytest.mark.enable_socket
def test_a_killed_run_leaves_no_server_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(RUN)
    keep_out = {"DATABASE_URL", "KEQIAO_TEST_DATA", "KEQIAO_DATA", "PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS"}
    environment = {name: value for name, value in os.environ.items() if name not in keep_out}
    environment["PYTHONPATH"] = str(Path(postgres.__file__).parents[2])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "keqiao.runtime.testing", "-p", "no:cacheprovider", "."]
    run = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    said = tmp_path / "said"
    try:
        assert until(said.exists)
        folder, server = said.read_text().split()
        assert psutil.pid_exists(int(server))
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert until(lambda: not psutil.pid_exists(int(server)) and not Path(folder).exists())


def until(condition, seconds=90):
    began = time.monotonic()
    while time.monotonic() - began < seconds and not condition():
        time.sleep(0.1)
    return condition()
