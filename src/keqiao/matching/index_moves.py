"""`keqiao index move`: a serving index is carried from one engine to the other while it serves.

1. **Fill.** The other engine gets every published item of the serving version, a chunk at a time, each under the writers'
   lock; what changes meanwhile is written to both sides by `indexing.update`. Killed, it goes on after the last chunk.
2. **Compare.** Both sides must hold the same revisions; then the same questions are asked of both, and some of the visitors'
   own searches too (`shadow.py`).
3. **Switch.** One file is replaced. The side that no longer serves keeps following, so **back** is the same step again.
4. **Finish.** The side that does not serve is dropped.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from django.conf import settings

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel import clock
from keqiao.kernel import progress as work
from keqiao.matching import building, indexing, shadow
from keqiao.matching.dense import DenseModel
from keqiao.matching.engine import Filter, In
from keqiao.matching.gathering import joined_texts
from keqiao.matching.index_state import (
    ENGINES,
    MILVUS,
    Compared,
    Move,
    Serving,
    engine_of,
    folder,
    index_name,
    keep_move,
    move,
    serving,
    switch,
    writing,
)
from keqiao.matching.types import Hit

Progress = Callable[[str], None]
QUESTIONS = 200
LATE_MOST = 40  # times some hundred items that are brought to both sides; where more differ, one is filled anew


class MoveTrouble(Exception):
    """The step cannot be taken; the message, in Chinese and English, says why and what to do."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.zh, self.en = zh, en


@dataclass(frozen=True)
class Sides:
    """A move and what serves while it is under way."""

    move: Move
    state: Serving

    @property
    def other(self) -> str:
        return self.move.other(self.state)

    @property
    def has_switched(self) -> bool:
        return self.state.engine == self.move.target


def under_way() -> Sides | None:
    moving, state = move(), serving()
    return Sides(moving, state) if moving and state and moving.version == state.version else None


def carry(target: str, progress: Progress) -> Sides:
    """Fill the other engine and compare; begun, or gone on with where it stopped. What serves stays the same."""
    sides = _begun(target)
    _settle()
    with writing():
        why = sides.move.trouble or (sides.move.is_filled and _disagreement(sides))
    if why:
        progress(f"filled anew: {why}")
        with writing():
            _clear(sides)
            keep_move(Move(sides.move.source, target, sides.move.version, clock.now().isoformat()))
    if not _sides().move.is_filled:
        _fill(progress)
    return _compare(progress)


def switch_over(*, back: bool = False) -> Serving:
    """Let the other side serve; `back`: the one that served at first."""
    _settle()
    with writing():
        sides = _sides()
        if sides.has_switched != back:
            raise MoveTrouble("那一边已在服务。", "that side serves already")
        if not sides.move.is_filled or sides.move.trouble:
            raise MoveTrouble(
                "另一边还没有填满，请先运行 keqiao index move。",
                "the other side is not filled: run `keqiao index move` first",
            )
        _must_agree(sides)
        now = replace(sides.state, engine=sides.other)
        switch(now)
    return now


def finish() -> None:
    """Drop the side that does not serve. Before the switch this gives the move up, after it there is no way back."""
    _sides()
    with writing():
        indexing.drop_other()


# --- filling ----------------------------------------------------------------------------------------------------------


def _begun(target: str) -> Sides:
    """The move to this engine that is under way, or a new one."""
    if target not in ENGINES:
        raise MoveTrouble(f"没有引擎 {target}。", f"there is no engine {target}")
    if target == MILVUS and not settings.MILVUS_URI:
        raise MoveTrouble("请先设置 MILVUS_URI。", "set MILVUS_URI first")
    with writing():
        state = serving()
        if state is None:
            raise MoveTrouble("还没有索引：keqiao reindex。", "there is no index yet: `keqiao reindex`")
        sides = under_way()
        if sides and sides.move.target == target:
            return sides
        if sides:
            raise MoveTrouble(
                f"到 {sides.move.target} 的搬迁还没有结束：keqiao index move --finish。",
                f"the move to {sides.move.target} is not ended: `keqiao index move --finish`",
            )
        if state.engine == target:
            raise MoveTrouble(f"索引已在 {target}。", f"the index lies in {target} already")
        begun = Sides(Move(state.engine, target, state.version, clock.now().isoformat()), state)
        _clear(begun)  # what an earlier move left
        keep_move(begun.move)
        return begun


def _sides() -> Sides:
    sides = under_way()
    if sides is None:
        raise MoveTrouble("没有进行中的搬迁。", "no move is under way")
    return sides


def _clear(sides: Sides) -> None:
    shadow.forget()
    for kind in indexing.KINDS:
        engine_of(sides.other).drop(index_name(kind, sides.move.version))


def _fill(progress: Progress) -> None:
    counts = {kind: catalogue.published_ids(kind).count() for kind in indexing.KINDS}
    with work.of("index_move", sum(counts.values())) as tell:
        filled = 0
        for kind in indexing.KINDS:
            for done in _chunks_of(kind):
                progress(f"{kind}s: {done} carried over")
                tell(filled + done)
            filled += counts[kind]
    with writing():
        keep_move(replace(_sides().move, is_filled=True))


def _chunks_of(kind: str) -> Iterator[int]:
    """How many were carried, after each chunk. Others write in between."""
    done, is_more = 0, True
    while is_more:
        with writing():
            sides = _sides()
            other, name = engine_of(sides.other), index_name(kind, sides.move.version)
            made = DenseModel.load(folder() / "models" / sides.state.model)
            other.ensure(name, building.schema(made, sides.state.leg))
            rows = catalogue.items_to_index(kind).filter(state="published", pk__gt=sides.move.filled.get(kind, 0))
            chunk = list(rows.order_by("pk")[: indexing.CHUNK])
            is_more = bool(chunk)
            other.upsert(name, building.documents(kind, chunk, made, sides.state.leg))
            last = chunk[-1].pk if chunk else sides.move.filled.get(kind, 0)
            keep_move(replace(sides.move, filled={**sides.move.filled, kind: last}))
            if not is_more:
                other.maintain(name, budget_s=600.0)
        done += len(chunk)
        yield done


# --- comparing --------------------------------------------------------------------------------------------------------


def _disagreement(sides: Sides) -> str:
    """Where the other side holds other items than the one that serves; empty when both hold the same.

    What changed a moment ago waits for its job on both sides alike, so both are held against the same rows.
    """
    found = []
    for kind in indexing.KINDS:
        revisions = dict(catalogue.published_ids(kind).values_list("code", "revision"))
        serves, other = (indexing.held_of(kind, side, revisions) for side in (sides.state.engine, sides.other))
        if serves != other:
            found.append(f"{kind}s {sum(other[:-1])}/{other[-1]} : {sum(serves[:-1])}/{serves[-1]}")
    return ", ".join(found)


def _must_agree(sides: Sides) -> None:
    found = _disagreement(sides)
    if found:
        raise MoveTrouble(
            f"两边不一致（{found}），请再运行 keqiao index move。",
            f"the two sides do not agree ({found}): run `keqiao index move` again",
        )


def _settle() -> None:
    """Bring to both sides what only one has: of a killed writer, or what changed while the other was filled and whose job has
    not come yet. The jobs do so too, when their turn comes.
    """
    for kind, ids in _sides().move.unsure.items():
        for first in range(0, len(ids), indexing.CHUNK):
            indexing.update(kind, ids[first : first + indexing.CHUNK])
    sides = _sides()
    if not sides.move.is_filled or sides.move.trouble:
        return
    for kind, ids in list(islice(_held_by_one(sides), LATE_MOST)):
        indexing.update(kind, ids)


def _held_by_one(sides: Sides) -> Iterator[tuple[str, list[int]]]:
    """Kind and ids of some hundred items at a time, of which the two sides do not hold equally many as they are now."""
    for kind in indexing.KINDS:
        name = index_name(kind, sides.move.version)
        for batch in indexing.chunks(catalogue.item_revisions(kind).iterator()):
            shown = indexing.at_revision((code, rev) for _, code, rev, state in batch if state == "published")
            gone = In("id", tuple(code for _, code, _, state in batch if state != "published"))
            if any(_counts_differ(name, wanted) for wanted in (shown, gone)):
                yield kind, [pk for pk, *_ in batch]


def _counts_differ(name: str, wanted: Filter) -> bool:
    return len({engine_of(side).count(name, wanted) for side in ENGINES}) > 1


def _compare(progress: Progress) -> Sides:
    _settle()
    with writing():
        sides = _sides()
        _must_agree(sides)
    found = compared(sides.state, sides.other, _questions())
    progress(f"{found.searches} searches compared: {found.overlap:.1%} of the first {shadow.FIRST} the same")
    with writing():
        sides = _sides()
        keep_move(replace(sides.move, compared=found))
    return _sides()


def _questions() -> list[tuple[str, str]]:
    """(kind that is searched, text): published items of the other kind, in the middle of them and at both ends."""
    asked = []
    for kind, answering in (("need", "achievement"), ("achievement", "need")):
        rows = catalogue.items_to_index(kind).filter(state="published").order_by("pk")
        step = max(1, rows.count() // (QUESTIONS // 2))
        ids = list(rows.values_list("pk", flat=True)[::step][: QUESTIONS // 2])
        asked += [(answering, joined_texts(row, building.PARTS[kind])) for row in rows.filter(pk__in=ids)]
    return asked


def compared(state: Serving, other: str, questions: Sequence[tuple[str, str]]) -> Compared:
    """The same questions asked of both sides, in turns, so that neither profits from what the first has warmed."""
    pairs: list[tuple[float, bool]] = []
    times: tuple[list[float], list[float]] = ([], [])
    sides = [
        {kind: indexing.retriever_of(kind, replace(state, engine=name)) for kind in indexing.KINDS}
        for name in (state.engine, other)
    ]
    for number, (kind, text) in enumerate(questions):
        hits: list[list[Hit]] = [[], []]
        for side in (0, 1) if number % 2 else (1, 0):
            began = time.perf_counter()
            hits[side] = sides[side][kind].search(text, None, shadow.FIRST)
            times[side].append((time.perf_counter() - began) * 1000)
        pairs.append(shadow.agreement(*hits))
    if not pairs:
        return Compared(0, 1.0, 1.0, 0.0, 0.0)
    return Compared(
        len(pairs),
        statistics.fmean(overlap for overlap, _ in pairs),
        statistics.fmean(same for _, same in pairs),
        statistics.median(times[0]),
        statistics.median(times[1]),
    )
