"""What serves searches now, where it lies, and the move from one engine to the other while it serves.

Small files in the data folder, each replaced at once: `serving.json`, while an index moves `move.json`, and of large ones
`upkeep.json`. Which of the two engines serves is the first's word alone, so that no crash can leave both or neither serving.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from keqiao.matching.engine import SearchEngine
from keqiao.matching.outer import OuterLeg
from keqiao.runtime.files import replace_file

FORMAT = 5  # of tokens, attributes and vectors: raise it when an older index must not be read
LANCE, MILVUS = "lance", "milvus"
ENGINES = (LANCE, MILVUS)


@dataclass(frozen=True)
class Serving:
    """What serves now: the version number of both indexes, the model they were made with, and the engine they lie in."""

    version: int
    model: str
    outer: str = ""  # the provider's model whose vectors stand beside our own; empty: none
    outer_dims: int = 0
    engine: str = LANCE

    @property
    def leg(self) -> OuterLeg | None:
        return OuterLeg(self.outer, self.outer_dims) if self.outer else None


@dataclass(frozen=True)
class Compared:
    """The same searches asked of both engines."""

    searches: int
    overlap: float  # share of the first ten that both found
    same_first: float
    ms_serving: float  # median of a search
    ms_other: float


@dataclass(frozen=True)
class Move:
    """From one engine to the other: of one version, and void when that is rebuilt."""

    source: str
    target: str
    version: int
    began_at: str
    filled: Mapping[str, int] = field(default_factory=dict)  # kind → the last item's id that is in
    is_filled: bool = False
    compared: Compared | None = None
    trouble: str = ""  # a change did not reach the side that does not serve: it must be filled anew
    unsure: Mapping[str, Sequence[int]] = field(default_factory=dict)  # kind → items changed on one side only, perhaps

    @property
    def began(self) -> datetime:
        return datetime.fromisoformat(self.began_at)

    def other(self, state: Serving) -> str:
        """The engine that does not serve."""
        return self.source if state.engine == self.target else self.target


def folder() -> Path:
    return Path(settings.DATA_DIR) / "index"


@cache
def engine_of(name: str) -> SearchEngine:
    """One of each per process; it sees what other processes write."""
    folder().mkdir(parents=True, exist_ok=True)
    if name == MILVUS:
        from keqiao.matching.milvus import MilvusEngine

        more = {"token": settings.MILVUS_TOKEN, "consistency": settings.MILVUS_CONSISTENCY}
        return MilvusEngine(settings.MILVUS_URI, folder(), **more)
    from keqiao.matching.lance import LanceEngine  # two seconds to load, and some processes never search

    return LanceEngine(folder() / "lance", settings.INDEX_CACHE_MB)


def engine() -> SearchEngine:
    """That of what serves."""
    return engine_of(engine_name())


def engine_name() -> str:
    """Before anything serves, that of the settings. An index that serves stays where it is until `keqiao index move`."""
    state = serving()
    return state.engine if state else MILVUS if settings.MILVUS_URI else LANCE


def serving() -> Serving | None:
    """Read at every use: another process may have switched."""
    try:
        state = json.loads((folder() / "serving.json").read_text())
    except FileNotFoundError:
        return None
    # Made by code that cut texts into other tokens: as good as none. `keqiao serve` and `demo` rebuild at the start.
    # The same when it lies where the settings no longer lead.
    where = state.get("engine", LANCE)
    if state.get("format") != FORMAT or (where == MILVUS and not settings.MILVUS_URI):
        return None
    return Serving(state["version"], state["model"], state.get("outer", ""), state.get("outer_dims", 0), where)


def serving_elsewhere() -> bool:
    """The settings name Milvus, LanceDB serves, and nobody has begun to move it."""
    state = serving()
    return bool(settings.MILVUS_URI and state and state.engine == LANCE and move() is None)


def switch(state: Serving) -> None:
    content = json.dumps({**asdict(state), "format": FORMAT})
    replace_file(folder() / "serving.json", content.encode())


def index_name(kind: str, version: int) -> str:
    return f"{kind}s_v{version}"


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """One writer at a time over all processes; the lock is gone with the process that held it."""
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "writer.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- upkeep -----------------------------------------------------------------------------------------------------------


def note_upkeep(name: str, took: float) -> None:
    """An upkeep of this index has just ended, after so many seconds."""
    replace_file(folder() / "upkeep.json", json.dumps({**_upkeeps(), name: [time.time(), took]}).encode())


def since_upkeep(name: str) -> tuple[float, float] | None:
    """Seconds since the last noted upkeep of this index ended, and how many it took."""
    noted = _upkeeps().get(name)
    return (time.time() - noted[0], noted[1]) if noted else None


def _upkeeps() -> dict[str, list[float]]:
    """Of what serves: indexes of older versions have gone, or go soon."""
    state = serving()
    names = {index_name(kind, state.version) for kind in ("achievement", "need")} if state else set()
    try:
        found: dict[str, list[float]] = json.loads((folder() / "upkeep.json").read_text())
    except FileNotFoundError:
        return {}
    return {name: noted for name, noted in found.items() if name in names}


# --- the move ---------------------------------------------------------------------------------------------------------


def move() -> Move | None:
    """The one that is under way, or that can still be taken back."""
    try:
        found: dict[str, Any] = json.loads((folder() / "move.json").read_text())
    except FileNotFoundError:
        return None
    compared = found.pop("compared")
    return Move(**found, compared=Compared(**compared) if compared else None)


def keep_move(wanted: Move) -> None:
    replace_file(folder() / "move.json", json.dumps(asdict(wanted)).encode())


def forget_move() -> None:
    (folder() / "move.json").unlink(missing_ok=True)


def note_trouble(trouble: str) -> None:
    found = move()
    if found:
        keep_move(replace(found, trouble=trouble, is_filled=False))


@contextlib.contextmanager
def changing(kind: str, ids: Sequence[int]) -> Iterator[None]:
    """Around a change that both sides of a moving index get: what a writer killed in between began is found in the move."""
    before = move()
    if before:
        begun = sorted({*before.unsure.get(kind, []), *ids})
        keep_move(replace(before, unsure={**before.unsure, kind: begun}))
    yield
    after = move()
    if after:
        left = sorted({*after.unsure.get(kind, [])} - {*ids})
        keep_move(replace(after, unsure={**after.unsure, kind: left}))
