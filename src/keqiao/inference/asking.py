"""The door to outside models: what may be sent is checked, what was asked before is not asked again, trouble is counted.

For jobs, and for a search that somebody waits for (`is_awaited`). Never from inside a command: there only what is kept
already is given out. Whoever asks has a way to go on without: every function raises ModelUnavailable.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from keqiao.inference import gateways, selectors, services
from keqiao.inference.models import KeptAnswer, KeptVector
from keqiao.inference.types import BadAnswer, ModelUnavailable, NoConsent, NoProvider, Provider, Service, Task
from keqiao.kernel import clock
from keqiao.kernel.commands import is_inside_command
from keqiao.parties import selectors as parties

log = logging.getLogger(__name__)

LONGEST_TEXT = 8_000  # characters of a text that make its vector; models read less
BATCH = 64
BATCH_CHARACTERS = 120_000
TRIES = 3
PAUSE = 0.5  # seconds before the second try, doubled before each further one
LONGEST_PAUSE = 20.0
JOB_SECONDS = 120.0
AWAITED_SECONDS = 1.5  # somebody looks at an empty page meanwhile
MOST_ANSWER_TOKENS = 8_000
BYTES_PER_TOKEN = 2.5  # fewer than any tokenizer needs on average: an estimate that is not too low

T = TypeVar("T")
Shape = TypeVar("Shape", bound=BaseModel)


# --- vectors ----------------------------------------------------------------------------------------------------------


def embed(texts: Sequence[str], *, task: str, is_awaited: bool = False) -> np.ndarray:
    """float32[texts, dims], each of length 1."""
    found = selectors.provider(Service.EMBEDDINGS)
    if found is None:
        raise NoProvider
    if task == Task.SEARCH and not selectors.may_send_searches(found):
        raise NoConsent
    cut = [text[:LONGEST_TEXT].strip() or "-" for text in texts]
    keys = [_key("vector", found, text) for text in cut]
    known = _kept_vectors(keys)
    missing = {key: text for key, text in zip(keys, cut, strict=True) if key not in known}
    if missing and is_inside_command():
        raise ModelUnavailable
    for batch in _batches(missing):
        known |= _embedded(found, batch, task, is_awaited=is_awaited)
    vectors = [known[key] for key in keys]
    if len({len(vector) for vector in vectors}) > 1:  # the model changed under one name
        raise BadAnswer
    return np.array(vectors, dtype=np.float32).reshape(len(texts), -1)


def _embedded(found: Provider, batch: dict[bytes, str], task: str, *, is_awaited: bool) -> dict[bytes, np.ndarray]:
    texts = list(batch.values())
    seconds = AWAITED_SECONDS if is_awaited else JOB_SECONDS

    def ask() -> tuple[np.ndarray, int | None, int | None]:
        made = gateways.embedder(found).embed(texts, seconds=seconds)
        if not np.isfinite(made.vectors).all():
            raise gateways.Trouble("not numbers", may_pass=False)
        return made.vectors, made.tokens, 0

    vectors = _call(found, ask, task=task, tokens_in=sum(map(_tokens, texts)), tries=1 if is_awaited else TRIES)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    even = (vectors / np.maximum(lengths, 1e-12)).astype(np.float16)
    packed = {key: row.tobytes() for key, row in zip(batch, even, strict=True)}
    services.keep_vectors(actor=parties.system(), vectors=packed)
    return {key: _unpacked(row) for key, row in packed.items()}


def _kept_vectors(keys: Sequence[bytes]) -> dict[bytes, np.ndarray]:
    today = clock.today()
    rows = list(KeptVector.objects.filter(key__in=set(keys)))
    old = [bytes(row.key) for row in rows if row.used_on != today]
    if old and not is_inside_command():
        services.note_vectors_used(actor=parties.system(), keys=old)
    return {bytes(row.key): _unpacked(bytes(row.vector)) for row in rows}


def _unpacked(packed: bytes) -> np.ndarray:
    vector = np.frombuffer(packed, dtype=np.float16).astype(np.float32)
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _batches(texts: dict[bytes, str]) -> Iterator[dict[bytes, str]]:
    batch: dict[bytes, str] = {}
    size = 0
    for key, text in texts.items():
        if batch and (len(batch) >= BATCH or size + len(text) > BATCH_CHARACTERS):
            yield batch
            batch, size = {}, 0
        batch[key] = text
        size += len(text)
    if batch:
        yield batch


# --- words ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answered(Generic[Shape]):
    """What the model said, in the shape that was asked for, and which model it was."""

    said: Shape
    model: str


def ask(*, task: str, organisation_id: int, instructions: str, text: str, shape: type[Shape]) -> Answered[Shape]:
    """An answer of exactly this shape, from the organisation's unpublished text: only with its consent."""
    if is_inside_command():
        raise RuntimeError("a model is asked by a job, not inside a command")
    found = selectors.provider(Service.CHAT)
    if found is None:
        raise NoProvider
    if not selectors.has_consent(organisation_id):
        raise NoConsent
    schema = shape.model_json_schema()
    told = f"{instructions}\n\nAnswer with one JSON object of this schema:\n{json.dumps(schema, ensure_ascii=False)}"
    key = _key("answer", found, json.dumps([organisation_id, told, text]))
    kept = KeptAnswer.objects.filter(key=key, organisation_id=organisation_id).first()
    if kept is not None:
        return Answered(shape.model_validate_json(kept.answer), found.model)

    def once() -> tuple[tuple[str, Shape], int | None, int | None]:
        got = gateways.speaker(found).chat(told, text, schema, most=MOST_ANSWER_TOKENS, seconds=JOB_SECONDS)
        try:
            bare = _bare(got.text)
            return (bare, shape.model_validate_json(bare, strict=True)), got.tokens_in, got.tokens_out
        except ValidationError:
            raise _Unfit(got.tokens_in, got.tokens_out) from None

    bare, said = _call(
        found,
        once,
        task=task,
        tokens_in=_tokens(told) + _tokens(text),
        tokens_out=MOST_ANSWER_TOKENS,
        organisation_id=organisation_id,
        tries=TRIES,
    )
    services.keep_answer(actor=parties.system(), key=key, organisation_id=organisation_id, answer=bare)
    return Answered(said, found.model)


class _Unfit(gateways.Trouble):
    """An answer came, was paid for, and has another shape. The other side is well; once more may give the right one."""

    def __init__(self, tokens_in: int | None, tokens_out: int | None) -> None:
        super().__init__("another shape", may_pass=True, is_ours=True)
        self.tokens_in, self.tokens_out = tokens_in, tokens_out


def _bare(text: str) -> str:
    """Without the fence that some models put around JSON."""
    fenced = re.fullmatch(r"\s*```(?:json)?\s*\n(.*)\n```\s*", text, re.DOTALL)
    return fenced[1] if fenced else text


# --- one call ---------------------------------------------------------------------------------------------------------


def _call(
    found: Provider,
    ask_once: Callable[[], tuple[T, int | None, int | None]],
    *,
    task: str,
    tokens_in: int,
    tokens_out: int = 0,
    organisation_id: int | None = None,
    tries: int,
) -> T:
    """Reserve, ask, settle; again after a pause where that may help. Every try is a row of its own."""
    system = parties.system()
    for attempt in range(1, tries + 1):
        call = services.reserve_call(
            actor=system,
            service=found.service,
            task=task,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            organisation_id=organisation_id,
        )
        began = time.monotonic()
        try:
            answer, really_in, really_out = ask_once()
        except gateways.Trouble as trouble:
            services.settle_call(
                actor=system,
                call_id=call.pk,
                took_ms=_ms(began),
                problem=trouble.kind,
                is_ours=trouble.is_ours,
                tokens_in=getattr(trouble, "tokens_in", None),
                tokens_out=getattr(trouble, "tokens_out", None),
            )
            log.warning("model did not answer", extra={"service": found.service, "problem": trouble.kind})
            if attempt == tries or not trouble.may_pass:
                raise (BadAnswer if trouble.is_ours else ModelUnavailable) from trouble
            _pause(attempt, trouble.wait_s)
            continue
        services.settle_call(
            actor=system, call_id=call.pk, took_ms=_ms(began), tokens_in=really_in, tokens_out=really_out
        )
        return answer
    raise ModelUnavailable  # no tries at all


def _pause(attempt: int, asked: float) -> None:
    """Doubling, with a spread so that jobs which failed together do not come back together."""
    doubled = PAUSE * 2 ** (attempt - 1)
    time.sleep(min(max(asked, doubled * random.uniform(0.75, 1.25)), LONGEST_PAUSE))  # noqa: S311 -- no secret


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _tokens(text: str) -> int:
    return int(len(text.encode()) / BYTES_PER_TOKEN) + 1


def _key(kind: str, found: Provider, text: str) -> bytes:
    return hashlib.sha256(f"{kind}\0{found.host}\0{found.model}\0{text}".encode("utf-8", "replace")).digest()
