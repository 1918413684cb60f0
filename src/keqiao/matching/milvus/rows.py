"""How a document is written in Milvus: its tokens as a sparse vector of their parts of BM25."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from keqiao.matching.engine import Document, Schema, is_one_token, stored
from keqiao.matching.text import fingerprint

K1, B = 1.2, 0.75
LONGEST_TEXT = 65_535  # bytes of one field in Milvus
NOTHING = 0  # a place in the sparse vectors that no token has


@dataclass(frozen=True)
class About:
    """What is written down of an index beside its documents."""

    schema: Schema
    average: float  # tokens of a document; 0 before the first


def place_of(token: str) -> int:
    """Where a token stands in the sparse vectors. Two tokens in one place add up: of a million about one in four thousand."""
    return 1 + fingerprint(token) % (2**32 - 2)


def row_of(doc: Document, about: About) -> dict[str, Any]:
    tokens = [token for token in doc.tokens if is_one_token(token)]
    longer = 1 - B + B * len(tokens) / about.average
    weights: defaultdict[int, float] = defaultdict(float)
    for token, n in Counter(tokens).items():
        weights[place_of(token)] += n * (K1 + 1) / (n + K1 * longer)
    row: dict[str, Any] = {
        "id": doc.id,
        "rev": doc.rev,
        "tokens": cut(" ".join(tokens)),
        "title_length": sum(map(is_one_token, doc.tokens[: doc.title_length])),
        "has_vector": doc.vector is not None,
        "lexical": dict(weights) or {NOTHING: 1.0},
    }
    if about.schema.dims:
        row["vector"] = [0.0] * about.schema.dims if doc.vector is None else np.asarray(doc.vector, np.float32).tolist()
    for name, kind in about.schema.attributes.items():
        row[name] = stored(doc.attributes.get(name), kind)
    return row


def cut(text: str) -> str:
    """As many whole tokens as one field holds; a document is still found by all of them."""
    content = text.encode()
    return (
        text
        if len(content) <= LONGEST_TEXT
        else content[: LONGEST_TEXT + 1].rpartition(b" ")[0].decode("utf-8", "ignore")
    )
