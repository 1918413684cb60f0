"""What the tests of search engines share: a small index, and documents for it."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest

from keqiao.matching.engine import (
    Attribute,
    Document,
    Schema,
)
from keqiao.matching.lance import LanceEngine
from keqiao.matching.milvus import MilvusEngine
from keqiao.matching.text import fingerprint

SCHEMA = Schema(
    {
        "state": Attribute.KEYWORD,
        "modes": Attribute.KEYWORDS,
        "trl": Attribute.INTEGER,
        "price": Attribute.REAL,
        "shown_on": Attribute.DATE,
    },
    dims=4,
)
ENGINES = ("lance", pytest.param("milvus", marks=pytest.mark.slow))


def make_engine(request, name, folder):
    """Of the same folder the same index, as two processes have it."""
    if name == "lance":
        return LanceEngine(folder)
    prefix = f"t{fingerprint(str(folder)):x}_"
    return MilvusEngine(request.getfixturevalue("milvus"), folder, consistency="Strong", prefix=prefix)


def make(code, tokens="pump", rev=1, vector=None, **attributes):
    return Document(code, rev, tokens.split(), unit(vector) if vector else None, attributes)


def unit(values):
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def words(text):
    return {token: float(n) for token, n in Counter(text.split()).items()}


def codes(hits):
    return [hit.code for hit in hits]


def found(engine, where=None, query="pump"):
    return sorted(codes(engine.lexical("things_v1", words(query), where, 100)))


THINGS = [
    make("a", state="open", modes=["licence", "sale"], trl=3, price=1.5, shown_on=date(2026, 1, 5)),
    make("b", state="open", modes=["sale"], trl=6, price=2.5, shown_on=date(2026, 3, 1)),
    make("c", state='it\'s "closed" \\ % _ \x00 中', modes=["o'x"], trl=9, price=-1.0),
    make("d"),
]
