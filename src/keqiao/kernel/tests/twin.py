"""A server on the loopback that stands for somebody else's: it writes down what is posted and answers as it is told."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Posted:
    path: str
    headers: dict
    body: bytes


@dataclass
class Twin:
    url: str = ""
    posted: list = field(default_factory=list)
    status: int = 200
    answer: bytes = b"{}"
    headers: dict = field(default_factory=dict)
    drip: float = 0  # seconds between the bytes of the answer


def start():
    """A twin and the function that ends it."""
    twin = Twin()
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("Content-Length", 0))
            twin.posted.append(Posted(self.path, dict(self.headers), self.rfile.read(length)))
            self.send_response(twin.status)
            for name, value in twin.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(twin.answer)))
            self.end_headers()
            if not twin.drip:
                self.wfile.write(twin.answer)
                return
            for byte in twin.answer:
                if stopped.wait(twin.drip):
                    return
                try:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                except OSError:
                    return

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    twin.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()

    def stop():
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(5)

    return twin, stop
