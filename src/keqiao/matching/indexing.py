"""The search index: filled from the outbox by jobs, rebuilt by `keqiao reindex`. Nothing lives only here.

Two indexes (achievements, needs) share one dense model. Writers take a lock across processes, readers never wait. A
rebuild writes a new version beside the one that serves and then switches (blue/green). Only published items are in it,
and nothing that says who publishes a need.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from keqiao.catalogue import selectors as catalogue
from keqiao.inference.types import ModelUnavailable
from keqiao.kernel import progress as work
from keqiao.matching import building, excerpts, outer
from keqiao.matching.dense import DenseModel, sampled, train
from keqiao.matching.engine import And, Document, Eq, Filter, In, NoSuchIndex, Or, Piece, SearchError
from keqiao.matching.gathering import joined_texts, titles
from keqiao.matching.index_state import (
    Serving,
    changing,
    engine,
    engine_name,
    engine_of,
    folder,
    forget_move,
    index_name,
    move,
    note_trouble,
    note_upkeep,
    serving,
    since_upkeep,
    switch,
    writing,
)
from keqiao.matching.outer import OuterLeg
from keqiao.matching.ranking.model import shipped
from keqiao.matching.retrieval import Retriever, document_tokens
from keqiao.matching.types import Reach, SearchAway
from keqiao.runtime import processes
from keqiao.runtime.memory import give_back

log = logging.getLogger(__name__)

KINDS = ("achievement", "need")
CHUNK = 500
Progress = Callable[[str], None]


def is_ready() -> bool:
    return serving() is not None


def model() -> DenseModel | None:
    """The dense model of what serves now."""
    found = retriever("achievement")
    return found.model if found else None


_retrievers: dict[tuple[str, Serving], Retriever] = {}
_making = threading.Lock()


def retriever(kind: str) -> Retriever | None:
    """The retriever of what serves now; None while nothing is indexed."""
    state = serving()
    return retriever_of(kind, state) if state else None


def retriever_of(kind: str, state: Serving) -> Retriever:
    if (kind, state) not in _retrievers:
        with _making:
            for old in [key for key in _retrievers if replace(key[1], engine=state.engine) != state]:
                del _retrievers[old]
            shared = DenseModel.load(folder() / "models" / state.model)
            for name in KINDS:
                index = index_name(name, state.version)
                _retrievers[name, state] = Retriever(
                    engine_of(state.engine), index, shared, outer=state.leg, ranking=shipped()
                )
    return _retrievers[kind, state]


def other_side(kind: str) -> Retriever | None:
    """While the index moves: the same one in the engine that does not serve, once it is filled."""
    moving, state = move(), serving()
    if moving is None or state is None or moving.version != state.version or not moving.is_filled:
        return None
    return retriever_of(kind, replace(state, engine=moving.other(state)))


def sizes() -> dict[str, int]:
    """How many documents each index that serves has."""
    state = serving()
    return {kind: engine().count(index_name(kind, state.version)) for kind in KINDS} if state else {}


def similar(kind: str, code: str, count: int) -> list[str]:
    """Codes of the items whose text is nearest to this one's, itself left out."""
    found = retriever(kind)
    item = catalogue.items_to_index(kind).filter(code=code).first()
    if found is None or item is None:
        return []
    reach = Reach.PUBLIC if item.state == "published" else Reach.PRIVATE
    hits = found.search(joined_texts(item, building.PARTS[kind]), None, count, reach=reach, without=code)
    return [hit.code for hit in hits]


@dataclass(frozen=True)
class Updated:
    """`is_whole` False: the outer model gave no vectors; the items are found by our own model, and should be updated later.
    `left`: ids of what the index has already and could not change now.
    """

    is_whole: bool
    left: list[int]


def update(kind: str, ids: Sequence[int], *, waits: bool = True) -> Updated:
    """Bring these items up to date in what serves now; again is harmless. `waits` False: what an upkeep of the index keeps
    from being changed is left, and what is new is written.
    """
    state = serving()
    if state is None:
        rebuild_apart()
        state = serving()
        assert state is not None
    is_whole = _ask_ahead(kind, ids, state)  # before the lock: others need not wait for another machine
    with writing(), changing(kind, ids):
        state = serving() or state
        now = DenseModel.load(folder() / "models" / state.model)
        name = index_name(kind, state.version)
        rows = list(catalogue.items_to_index(kind, ids))
        shown = [row for row in rows if row.state == "published"]
        gone = [row.code for row in rows if row.state != "published"]
        fresh = building.documents(kind, shown, now, state.leg, asks=is_whole)
        left = {*engine().delete(name, gone, waits=waits), *engine().upsert(name, fresh, waits=waits)}
        _update_other(
            kind, [code for code in gone if code not in left], [one for one in fresh if one.id not in left], state
        )
    excerpts.forget(kind, ids)  # of an older revision; made anew with the matches, which are less urgent
    return Updated(is_whole, [row.pk for row in rows if row.code in left])


def needs_upkeep(kind: str) -> bool:
    """Not sooner after one of a large index than it took: each writes all of it anew and leaves the one before on disk for an
    hour.
    """
    state = serving()
    if state is None:
        return False
    name = index_name(kind, state.version)
    since, took = since_upkeep(name) or (0.0, 0.0)
    return since >= took and engine().is_due(name)


def keep_up(kind: str) -> None:
    """Put what was written lately into the index that serves. Nobody waits for it: what is new is found before.

    A large one in a process that ends: among a million it takes a gigabyte, and what pages and short jobs need comes first.
    """
    state = serving()
    if state is None:
        return
    name = index_name(kind, state.version)
    with contextlib.suppress(NoSuchIndex):  # a rebuild has taken its place
        if engine_of(state.engine).count(name) < building.FEW:
            _keep_up(state.engine, name)
        else:
            began = time.monotonic()
            processes.alone(_keep_up, state.engine, name)
            note_upkeep(name, time.monotonic() - began)


def _keep_up(side: str, name: str) -> None:
    engine_of(side).maintain(name, budget_s=600.0)


def _update_other(kind: str, gone: Sequence[str], fresh: Sequence[Document], state: Serving) -> None:
    """While an index moves, the side that does not serve follows; when it cannot, it is filled anew, and nobody waits."""
    moving = move()
    if moving is None or moving.trouble or moving.version != state.version or kind not in moving.filled:
        return  # what the move has not begun to fill, it fills with what is there then
    other, name = engine_of(moving.other(state)), index_name(kind, state.version)
    try:
        other.delete(name, gone)
        other.upsert(name, fresh)
        other.maintain(name, budget_s=5.0)
    except (SearchError, SearchAway) as trouble:
        log.warning("the other side of a moving index does not follow", extra={"problem": type(trouble).__name__})
        note_trouble(type(trouble).__name__)


def _ask_ahead(kind: str, ids: Sequence[int], state: Serving) -> bool:
    """The vectors are kept, so that writing them takes no time; False when there are none to have now."""
    if not state.outer or state.outer != outer.name():
        return True
    shown = [row for row in catalogue.items_to_index(kind, ids) if row.state == "published"]
    try:
        outer.of_documents([building.outer_text(kind, row) for row in shown])
    except ModelUnavailable as trouble:
        log.warning("indexing without the outer model", extra={"problem": trouble.code})
        return False
    return True


def follows_provider() -> bool:
    """Was the index made with the model that the settings name now?"""
    state = serving()
    return state is None or state.outer == outer.name()


def rebuild(progress: Progress = log.info, *, needs_outer: bool = False) -> int:
    """Make both indexes anew beside the serving ones, then switch. Returns the new version number.

    When the outer model fails the index is made without it, unless `needs_outer`: then ModelUnavailable, and nothing changes.
    """
    try:
        return _rebuild(_outer_leg(progress), progress)
    except ModelUnavailable as trouble:
        if needs_outer:
            raise
        progress(f"without the outer model: {trouble.code}")
        return _rebuild(None, progress)


def rebuild_apart(progress: Progress = log.info, *, needs_outer: bool = False) -> int:
    """A large index is made in a process that ends, so that the one that asks does not keep the memory that it takes."""
    if sum(catalogue.published_ids(kind).count() for kind in KINDS) < building.FEW:
        return rebuild(progress, needs_outer=needs_outer)
    return int(processes.alone(partial(rebuild, progress, needs_outer=needs_outer)))


def _outer_leg(progress: Progress) -> OuterLeg | None:
    """Ask for every vector before the lock is taken: kept, they are at hand when the index is written."""
    if not outer.name():
        return None
    leg, done = OuterLeg(outer.name(), outer.dims()), 0
    for kind in KINDS:
        rows = catalogue.items_to_index(kind).filter(state="published").iterator(chunk_size=CHUNK)
        for batch in chunks(rows):
            outer.of_documents([building.outer_text(kind, row) for row in batch])
            done += len(batch)
            progress(f"outer vectors: {done}")
    return leg


def _rebuild(leg: OuterLeg | None, progress: Progress) -> int:
    with writing():
        before = serving()
        version = before.version + 1 if before else 1
        for kind in KINDS:
            engine().drop(index_name(kind, version))  # what an interrupted rebuild left
        counts = {kind: catalogue.published_ids(kind).count() for kind in KINDS}
        with work.of("reindex", sum(counts.values())) as tell:
            made = _train(progress)
            filled = 0
            for kind in KINDS:
                _fill(kind, version, made, leg, partial(_say, kind, filled, progress, tell))
                filled += counts[kind]
        now = Serving(version, made.version, leg.name if leg else "", leg.dims if leg else 0, engine_name())
        if before:
            drop_other()  # a move is of one version
        switch(now)
        _clear(before, now)
    progress(f"version {version} serves")
    return version


def _say(kind: str, before: int, progress: Progress, tell: Callable[[int], None], done: int) -> None:
    progress(f"{kind}s: {done} indexed")
    tell(before + done)


def _train(progress: Progress) -> DenseModel:
    """On a sample of what is published, drawn over the whole of it and read some at a time."""
    ids = [
        np.fromiter(catalogue.published_ids(kind).values_list("pk", flat=True).iterator(), np.int64) for kind in KINDS
    ]
    chosen = sampled(sum(map(len, ids)))
    progress(f"training the dense model on {len(chosen)} texts")
    made = train(_texts_of(ids, chosen))
    made.save(folder() / "models")
    give_back()
    return made


def _texts_of(ids: Sequence[np.ndarray], chosen: np.ndarray) -> Iterator[list[str]]:
    """Tokens of the chosen rows; they count over the ids of the first kind, then of the second."""
    first = 0
    for kind, own in zip(KINDS, ids, strict=True):
        wanted = own[chosen[(chosen >= first) & (chosen < first + len(own))] - first]
        first += len(own)
        for place in range(0, len(wanted), CHUNK):
            rows = catalogue.items_to_index(kind, wanted[place : place + CHUNK].tolist())
            for row in rows.filter(state="published"):
                yield document_tokens(titles(row), joined_texts(row, building.PARTS[kind]))


def _fill(kind: str, version: int, model: DenseModel, leg: OuterLeg | None, tell: Callable[[int], None]) -> None:
    """Says after each piece how many are in."""
    name = index_name(kind, version)
    engine().ensure(name, building.schema(model, leg))

    def each() -> Iterator[Piece]:
        done = 0
        for made in building.pieces(kind, folder() / "models" / model.version, leg):
            yield made
            done += len(made.ids)
            tell(done)

    engine().fill(name, each())
    engine().maintain(name, budget_s=600.0)
    give_back()


def chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    """Lists of at most CHUNK."""
    batch: list[Any] = []
    for row in rows:
        batch.append(row)
        if len(batch) == CHUNK:
            yield batch
            batch = []
    if batch:
        yield batch


def drop_other() -> None:
    """The side of a moving index that does not serve, and the move with it. What cannot be dropped now is left."""
    moving, state = move(), serving()
    forget_move()
    if moving and state:
        other = engine_of(moving.other(state))
        with contextlib.suppress(SearchError, SearchAway):
            for kind in KINDS:
                other.drop(index_name(kind, moving.version))


def _clear(before: Serving | None, now: Serving) -> None:
    """The version before stays for readers that are in the middle of a search; older ones go."""
    for kind in KINDS:
        for version in range(max(1, now.version - 5), now.version - 1):
            engine().drop(index_name(kind, version))
    kept = {now.model, before.model if before else now.model}
    for made in (folder() / "models").iterdir():
        if made.name not in kept:
            shutil.rmtree(made, ignore_errors=True)


def differences(kind: str) -> tuple[int, int]:
    """How many published items the serving index lacks at their present revision, and how many it should not have."""
    state = serving()
    revisions = dict(catalogue.published_ids(kind).values_list("code", "revision"))
    if state is None:
        return len(revisions), 0
    *right, held = held_of(kind, state.engine, revisions)
    return len(revisions) - sum(right), held - sum(right)


def held_of(kind: str, side: str, revisions: Mapping[str, int]) -> list[int]:
    """How many of these items an engine's index holds at their revision, some hundred at a time, and last how many it
    holds at all.
    """
    state = serving()
    assert state
    name, asked = index_name(kind, state.version), engine_of(side)
    found = [asked.count(name, at_revision(batch)) for batch in chunks(iter(revisions.items()))]
    return [*found, asked.count(name)]


def at_revision(items: Iterable[tuple[str, int]]) -> Filter:
    """Documents of these codes and revisions. There are few different revisions: asked item by item, five hundred of a million
    took the engine a second instead of twenty milliseconds.
    """
    codes: dict[int, list[str]] = {}
    for code, revision in items:
        codes.setdefault(revision, []).append(code)
    return Or(tuple(And((In("id", tuple(alike)), Eq("revision", revision))) for revision, alike in codes.items()))
