"""What an index holds of an item; and of all items, made by several processes of this machine while one writes.

Reading an item, cutting it into tokens, counting these and telling its meaning is work that needs nothing but its row. So
each process takes a range of ids, reads the rows by itself and gives back columns; the one that writes gets them in
the order of the ids, whoever made them. Of few documents this process makes all: to start others takes seconds.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from keqiao.catalogue import selectors as catalogue
from keqiao.inference.types import ModelUnavailable
from keqiao.matching import outer
from keqiao.matching.counting import count_tokens
from keqiao.matching.dense import DenseModel
from keqiao.matching.engine import Attribute, Document, Piece, Schema, piece_of
from keqiao.matching.gathering import ACHIEVEMENT_PARTS, NEED_PARTS, joined_texts, titles
from keqiao.matching.outer import OuterLeg
from keqiao.matching.retrieval import title_tokens
from keqiao.matching.text import index_tokens
from keqiao.runtime import processes

log = logging.getLogger(__name__)

PARTS = {"achievement": ACHIEVEMENT_PARTS, "need": NEED_PARTS}
ATTRIBUTES = {
    "revision": Attribute.INTEGER,
    "field": Attribute.KEYWORD,
    "region": Attribute.KEYWORD,
    "origin": Attribute.KEYWORD,
    "modes": Attribute.KEYWORDS,
    "trl": Attribute.INTEGER,
    "price_kind": Attribute.KEYWORD,
    "currency": Attribute.KEYWORD,
    "price_low": Attribute.INTEGER,
    "price_high": Attribute.INTEGER,
    "ownership": Attribute.KEYWORD,
    "ip": Attribute.KEYWORD,
}
PIECE = 1_000  # documents: some 4 MB on their way
FEW = 20_000
MOST = 3  # processes, unless the settings say another number: 300 MB each, beside the 550 of the one that writes


def schema(model: DenseModel, leg: OuterLeg | None) -> Schema:
    return Schema(ATTRIBUTES, model.dims + (leg.dims if leg else 0))


def documents(
    kind: str, rows: Sequence[Any], model: DenseModel, leg: OuterLeg | None, *, asks: bool = True
) -> list[Document]:
    return list(piece(kind, rows, model, leg, asks=asks).documents())


def piece(kind: str, rows: Sequence[Any], model: DenseModel, leg: OuterLeg | None, *, asks: bool = True) -> Piece:
    """What the index holds of some items."""
    headings = [title_tokens(titles(row)) for row in rows]
    bodies = [index_tokens(f"{joined_texts(row, PARTS[kind], but_title=True)}\n{_keywords(row)}") for row in rows]
    made = piece_of(
        (
            Document(row.code, row.revision, heading + body, None, _attributes(kind, row), len(heading))
            for row, heading, body in zip(rows, headings, bodies, strict=True)
        ),
        schema(model, leg),
    )
    counted = count_tokens(made.tokens)
    own = model.encode_all(counted)
    vectors = leg.joined_all(own, _outer_vectors(kind, rows, leg if asks else None)) if leg else own
    return replace(made, vectors=vectors, tally=counted.tally())


def _outer_vectors(kind: str, rows: Sequence[Any], leg: OuterLeg | None) -> Sequence[np.ndarray | None]:
    """Asked for ahead and kept by now; where that failed, none."""
    if leg is None or leg.name != outer.name() or not rows:
        return [None] * len(rows)
    try:
        found = outer.of_documents([outer_text(kind, row) for row in rows])
    except ModelUnavailable:
        return [None] * len(rows)
    return list(found) if found.shape[1] == leg.dims else [None] * len(rows)


def outer_text(kind: str, row: Any) -> str:
    return f"{titles(row)}\n{joined_texts(row, PARTS[kind], but_title=True)}\n{_keywords(row)}"


def _keywords(row: Any) -> str:
    return " ".join((*row.keywords_zh, *row.keywords_en))


def _attributes(kind: str, row: Any) -> dict[str, Any]:
    shared = {
        "revision": row.revision,
        "field": row.field or None,
        "region": row.region or None,
        "origin": "fictional" if row.is_fictional else "open",
        "modes": list(row.modes),
        "price_kind": row.price_kind,
        "currency": row.currency,
        "price_low": row.price_low,
        "price_high": row.price_high,
    }
    if kind == "need":
        return {**shared, "trl": row.trl_min}
    return {**shared, "trl": row.trl, "ownership": row.ownership, "ip": "granted" if row.granted else None}


def pieces(kind: str, model: Path, leg: OuterLeg | None) -> Iterator[Piece]:
    """All published items of a kind, as they are when their range is read."""
    ids = np.fromiter(catalogue.published_ids(kind).values_list("pk", flat=True).iterator(), np.int64)
    ranges = [(kind, part[0], part[-1], model, leg) for part in _parts(ids)]
    done, count = 0, processes_for(len(ids))
    if count > 1:
        try:
            for piece in processes.in_order(make, ranges, count):
                done += 1
                yield piece
        except processes.ProcessLost:
            log.warning("a process that made documents died; this one goes on alone", extra={"done": done})
    for one in ranges[done:]:
        yield make(*one)


def processes_for(documents: int) -> int:
    """As the settings say; if they say nothing one for each core up to MOST, and one alone for few documents."""
    return settings.INDEX_PROCESSES or (1 if documents < FEW else min(MOST, os.cpu_count() or 1))


def make(kind: str, first: int, last: int, model: Path, leg: OuterLeg | None) -> Piece:
    rows = catalogue.items_to_index(kind).filter(state="published", pk__range=(first, last))
    return piece(kind, list(rows), _model(model), leg)


@lru_cache(maxsize=1)
def _model(folder: Path) -> DenseModel:
    return DenseModel.load(folder)


def _parts(ids: np.ndarray) -> Iterator[list[int]]:
    for first in range(0, len(ids), PIECE):
        yield ids[first : first + PIECE].tolist()
