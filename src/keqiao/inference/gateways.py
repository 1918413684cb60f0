"""Outside models: any OpenAI-compatible endpoint, a folder on this machine, and a twin in memory. Only jobs and searches call them.

The address is the operator's setting, never anything that a user wrote. Redirects are not followed and proxies of the
environment are not used, so text goes to the host that the consent names and to no other.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol

import httpx
import numpy as np

from keqiao.inference.types import Provider

MEMORY = "memory:"
MOST_BYTES = 64 * 1024 * 1024  # of an answer; 64 vectors of 3,072 numbers written out are about 4 MB
CONNECT_SECONDS = 3.0


@dataclass(frozen=True)
class Embedded:
    """float32[texts, dims], and the tokens that were counted; None when the other side does not say."""

    vectors: np.ndarray
    tokens: int | None


@dataclass(frozen=True)
class Said:
    text: str
    tokens_in: int | None
    tokens_out: int | None


class Trouble(Exception):
    """No answer that can be used. `kind` holds no address, no key and none of the other side's words."""

    def __init__(self, kind: str, *, may_pass: bool, is_ours: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(kind)
        self.kind = kind
        self.may_pass = may_pass  # asking again may help
        self.is_ours = is_ours  # it refused what we sent: it is not ill
        self.wait_s = wait_s  # as long as it asked us to wait


class Embedder(Protocol):
    def embed(self, texts: Sequence[str], *, seconds: float) -> Embedded: ...


class Speaker(Protocol):
    def chat(self, instructions: str, text: str, schema: Mapping[str, Any], *, most: int, seconds: float) -> Said: ...


def embedder(provider: Provider) -> Embedder:
    if provider.folder:
        return LocalFolder(provider.folder)
    return MemoryModels() if provider.url == MEMORY else OpenAICompatible(provider)


def speaker(provider: Provider) -> Speaker:
    return MemoryModels() if provider.url == MEMORY else OpenAICompatible(provider)


class OpenAICompatible:
    """POST /embeddings and /chat/completions as OpenAI, vLLM, llama.cpp, Ollama and most hosted models answer them."""

    def __init__(self, provider: Provider) -> None:
        self.url, self.model, self.key = provider.url, provider.model, provider.key

    def embed(self, texts: Sequence[str], *, seconds: float) -> Embedded:
        body = {"model": self.model, "input": list(texts), "encoding_format": "float"}
        answer = self._post("/embeddings", body, seconds)
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            if [row["index"] for row in rows] != list(range(len(texts))):
                raise Trouble("not one vector for each text", may_pass=False)
            vectors = np.array([row["embedding"] for row in rows], dtype=np.float32)
        except (KeyError, TypeError, ValueError):
            raise Trouble("not an answer to /embeddings", may_pass=False) from None
        if vectors.ndim != 2 or vectors.shape[1] == 0 or not np.isfinite(vectors).all():
            raise Trouble("not vectors of one length", may_pass=False)
        return Embedded(vectors, _count(answer, "prompt_tokens"))

    def chat(self, instructions: str, text: str, schema: Mapping[str, Any], *, most: int, seconds: float) -> Said:
        body = {
            "model": self.model,
            "messages": [{"role": "system", "content": instructions}, {"role": "user", "content": text}],
            "temperature": 0,
            "max_tokens": most,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)},
            },
        }
        try:
            answer = self._post("/chat/completions", body, seconds)
        except Trouble as trouble:
            if trouble.kind not in {"HTTP 400", "HTTP 422"}:
                raise
            # A server that does not know schemas refuses them. The instructions say the shape as well, and what comes
            # back is checked here in any case.
            del body["response_format"]
            answer = self._post("/chat/completions", body, seconds)
        try:
            said = answer["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            said = None
        if not isinstance(said, str):
            raise Trouble("not an answer to /chat/completions", may_pass=False)
        return Said(said, _count(answer, "prompt_tokens"), _count(answer, "completion_tokens"))

    def _post(self, path: str, body: Mapping[str, Any], seconds: float) -> Any:
        until = time.monotonic() + seconds
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        limits = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        try:
            with (
                httpx.Client(follow_redirects=False, trust_env=False, timeout=limits) as client,
                client.stream("POST", self.url + path, json=body, headers=headers) as answer,
            ):
                _check_status(answer)
                return json.loads(_read(answer, until))
        except httpx.TimeoutException:
            raise Trouble("timeout", may_pass=True) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Trouble(type(error).__name__, may_pass=True) from None
        except ValueError:
            raise Trouble("not JSON", may_pass=False) from None


def _check_status(answer: httpx.Response) -> None:
    status = answer.status_code
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Trouble("redirects are not followed", may_pass=False)
    asked = answer.headers.get("Retry-After", "")
    wait = float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 5 else 0.0
    raise Trouble(
        f"HTTP {status}", may_pass=status in {408, 429} or status >= 500, is_ours=status in {400, 413, 422}, wait_s=wait
    )


def _read(answer: httpx.Response, until: float) -> bytes:
    """A timeout counts from piece to piece: one who sends a byte now and then is cut off here."""
    got = bytearray()
    for piece in answer.iter_bytes():
        got += piece
        if len(got) > MOST_BYTES:
            raise Trouble("answer too long", may_pass=False)
        if time.monotonic() > until:
            raise Trouble("timeout", may_pass=True)
    return bytes(got)


def _count(answer: Any, name: str) -> int | None:
    usage = answer.get("usage") if isinstance(answer, dict) else None
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


# --- a folder on this machine -----------------------------------------------------------------------------------------

_one_at_a_time = threading.Lock()


class LocalFolder:
    """A sentence-transformers folder, loaded once a process when it is first asked. Nothing leaves the machine."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def embed(self, texts: Sequence[str], *, seconds: float) -> Embedded:  # noqa: ARG002 -- it cannot be hurried
        with _one_at_a_time:
            try:
                model = _loaded(self.folder)
            except ImportError:
                raise Trouble("keqiao[models] is not installed", may_pass=False) from None
            except (OSError, ValueError):
                raise Trouble("no model in the folder", may_pass=False) from None
            vectors = model.encode(list(texts), batch_size=32, show_progress_bar=False)
        return Embedded(np.asarray(vectors, dtype=np.float32), None)


@lru_cache(maxsize=1)
def _loaded(folder: str) -> Any:
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]  # the optional extra

    return SentenceTransformer(folder, device="cpu", local_files_only=True, trust_remote_code=False)


# --- the twin ---------------------------------------------------------------------------------------------------------


class MemoryModels:
    """The twin: keeps what it was sent, answers as told. Its vectors say which words a text has."""

    sent: ClassVar[list[str]] = []
    answers: ClassVar[list[str | Trouble]] = []  # of the chat, in order; empty: "{}"
    troubles: ClassVar[list[Trouble]] = []  # of the embeddings, before it answers again
    dims: ClassVar[int] = 64

    @classmethod
    def forget(cls) -> None:
        cls.sent.clear()
        cls.answers.clear()
        cls.troubles.clear()

    def embed(self, texts: Sequence[str], *, seconds: float) -> Embedded:  # noqa: ARG002 -- as the real ones
        self.sent.extend(texts)
        if self.troubles:
            raise self.troubles.pop(0)
        return Embedded(np.array([self._vector(text) for text in texts], dtype=np.float32), None)

    def chat(self, instructions: str, text: str, schema: Mapping[str, Any], *, most: int, seconds: float) -> Said:  # noqa: ARG002
        self.sent.append(text)
        answer = self.answers.pop(0) if self.answers else "{}"
        if isinstance(answer, Trouble):
            raise answer
        return Said(answer, len(text), len(answer))

    def _vector(self, text: str) -> np.ndarray:
        vector = np.full(self.dims, 1e-3, dtype=np.float32)
        for word in text.lower().split():
            vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % self.dims] += 1
        return vector
