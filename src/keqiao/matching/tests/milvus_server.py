"""A small server that speaks Milvus' protocol."""

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path


class MilvusServer:
    """`milvus-lite server` on loopback; `kill` and `start` as a crash and what follows it."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.start()
        return self

    def start(self):
        command = [Path(sys.executable).parent / "milvus-lite", "server", "--data-dir", self.folder]
        # It would listen on every address.
        self.process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.1)
        raise RuntimeError("the Milvus server did not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_):
        self.kill()
