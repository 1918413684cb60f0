"""How often which tokens stand in which of some documents: counted once for all who weigh or count them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from keqiao.matching.text import fingerprints


@dataclass(frozen=True, eq=False)
class Counted:
    """`document`, `token` and `times` speak of one token of one document each, those of a document together."""

    documents: int
    prints: np.ndarray  # uint64: fingerprints of the distinct tokens, in no order
    document: np.ndarray  # int64, ascending
    token: np.ndarray  # int64: position in `prints`
    times: np.ndarray  # int64

    def tally(self) -> tuple[np.ndarray, np.ndarray]:
        """Fingerprints, ascending, and in how many of the documents each token stands (uint32)."""
        found = np.bincount(self.token, minlength=len(self.prints)).astype(np.uint32)
        order = np.argsort(self.prints)
        order = order[found[order] > 0]
        return self.prints[order], found[order]


def count_tokens(texts: Sequence[str] | pa.Array) -> Counted:
    """Of documents whose tokens are joined by spaces."""
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    words = pc.split_pattern(column, " ")
    coded = pc.list_flatten(words).dictionary_encode()
    names = coded.dictionary.to_pylist()
    width = max(len(names), 1)
    entries = pc.list_parent_indices(words).to_numpy().astype(np.int64) * width + coded.indices.to_numpy()
    if "" in names:  # of a document without tokens
        entries = entries[coded.indices.to_numpy() != names.index("")]
    distinct, times = np.unique(entries, return_counts=True)
    return Counted(len(column), fingerprints(names), distinct // width, distinct % width, times)
