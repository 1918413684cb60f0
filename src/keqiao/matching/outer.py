"""The outer part of the semantic leg: vectors of the site's embedding model beside our own, when it has one.

Both stand in one vector, so the index has one semantic leg and one answer:

    document  [ √(1-a) · own ; √a · outer ]      query  the same      their product  (1-a) cos own + a cos outer

A document that has no outer part yet counts with its own part alone. A query that gets none (the model fails, or the
text may not be sent) is written [ own / √(1-a) ; 0 ]: its product is the cosine of our own model, as without a provider.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from keqiao.inference import asking
from keqiao.inference import selectors as inference
from keqiao.inference.types import ModelUnavailable, Service, Task
from keqiao.matching.types import Reach

log = logging.getLogger(__name__)

SHARE = 0.7  # a: experiments in docs/why/matching.md
DENSE_SHARE = 0.7  # of the semantic leg in the fused score when it has an outer part
PROBE = "科桥 Keqiao"
SHORTEST_NAME = 40


def name() -> str:
    """What vectors are made with now, for the version of the index; empty without a provider."""
    found = inference.provider(Service.EMBEDDINGS)
    if found is None:
        return ""
    place = hashlib.sha256(f"{found.host}\0{found.folder}\0{found.model}".encode()).hexdigest()[:8]
    return f"{found.model[:SHORTEST_NAME]}-{place}"


def dims() -> int:
    """Of the provider's vectors. Raises ModelUnavailable."""
    return int(asking.embed([PROBE], task=Task.INDEXING).shape[1])


def of_documents(texts: Sequence[str]) -> np.ndarray:
    """float32[texts, dims] of public texts. Raises ModelUnavailable."""
    return asking.embed(texts, task=Task.INDEXING)


@dataclass(frozen=True)
class OuterLeg:
    """The outer part as the serving index has it. `name` differs from today's after the setting changed."""

    name: str
    dims: int
    dense_share: float = DENSE_SHARE

    def joined(self, own: np.ndarray | None, outer: np.ndarray | None, own_dims: int) -> np.ndarray | None:
        """A document's vector; None when it has neither part."""
        if own is None and outer is None:
            return None
        mine = np.zeros(own_dims, np.float32) if own is None else own * np.float32(sqrt(1 - SHARE))
        other = np.zeros(self.dims, np.float32) if outer is None else outer * np.float32(sqrt(SHARE))
        return np.concatenate((mine, other)).astype(np.float32)

    def joined_all(self, own: np.ndarray, others: Sequence[np.ndarray | None]) -> np.ndarray:
        """`joined` of many documents: 0 where one has neither part."""
        found = np.zeros((len(own), own.shape[1] + self.dims), dtype=np.float32)
        for number, (mine, other) in enumerate(zip(own, others, strict=True)):
            vector = self.joined(mine if mine.any() else None, other, own.shape[1])
            if vector is not None:
                found[number] = vector
        return found

    def query(self, text: str, own: np.ndarray | None, own_dims: int, reach: Reach) -> tuple[np.ndarray | None, bool]:
        """A query's vector, and whether it has the outer part."""
        outer = self._of_query(text, reach)
        if outer is not None:
            return self.joined(own, outer, own_dims), True
        if own is None:
            return None, False
        alone = own / np.float32(sqrt(1 - SHARE))
        return np.concatenate((alone, np.zeros(self.dims, np.float32))).astype(np.float32), False

    def _of_query(self, text: str, reach: Reach) -> np.ndarray | None:
        found = inference.provider(Service.EMBEDDINGS)
        if found is None or self.name != name() or (reach is Reach.PRIVATE and not found.is_here):
            return None
        task = Task.INDEXING if reach is Reach.PUBLIC else Task.SEARCH
        try:
            vector = asking.embed([text], task=task, is_awaited=True)[0]
        except ModelUnavailable as trouble:
            log.warning("searching without the outer model", extra={"problem": trouble.code})
            return None
        return vector if len(vector) == self.dims else None


def prepare(texts: Iterable[str]) -> None:
    """Have the vectors of public query texts at hand before a command needs them; without a model, nothing."""
    if not name():
        return
    try:
        of_documents(list(texts))
    except ModelUnavailable as trouble:
        log.warning("matching without the outer model", extra={"problem": trouble.code})
