"""A small OpenAI-compatible server on this machine, for tests: it answers as told and keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Loopback:
    """`plan`: what the next requests get instead of a good answer: a status, seconds to wait, or bytes."""

    url: str = ""
    plan: list[int | float | bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)  # of the answers with a status
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # the chat's answers, in order


@contextlib.contextmanager
def serving() -> Iterator[Loopback]:
    state = Loopback()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append({"path": self.path, **asked})
            state.keys.append(self.headers.get("Authorization", ""))
            step = state.plan.pop(0) if state.plan else None
            if isinstance(step, float):
                time.sleep(step)
            elif isinstance(step, int):
                return self.say(step, b"{}", state.headers)
            elif isinstance(step, bytes):
                return self.say(200, step)
            return self.say(200, json.dumps(self.good(asked)).encode())

        def good(self, asked):
            if self.path.endswith("/embeddings"):
                rows = [{"index": i, "embedding": [float(len(t)), 1.0, 2.0]} for i, t in enumerate(asked["input"])]
                return {"data": rows[::-1], "usage": {"prompt_tokens": 7 * len(rows), "total_tokens": 7 * len(rows)}}
            said = state.said.pop(0) if state.said else "{}"
            usage = {"prompt_tokens": 100, "completion_tokens": 20}
            return {"choices": [{"message": {"role": "assistant", "content": said}}], "usage": usage}

        def say(self, status, body, headers=None):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
