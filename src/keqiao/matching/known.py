"""An item ready to be compared: its facts, and its passages with what each says and means. In memory, and as bytes that
give back the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from keqiao.matching.dense import DenseModel
from keqiao.matching.gathering import Regions
from keqiao.matching.passages import TextOffers
from keqiao.matching.reasons import Passages, Place, parts_of, read_passages
from keqiao.matching.types import AchievementFacts, NeedFacts, Offered, Price, TextPart, Wanted

FORMAT = 3  # of the bytes and of what is in them: raise it when facts are gathered, texts cut or figures read otherwise
NUMBERS = ("value", "target", "high", "current")  # of an indicator
LISTS = ("ipc", "industry", "keywords", "modes")
WORKED_OUT = ("text", "region_path")  # from the parts, and from the table of regions as it is then


@dataclass(frozen=True, eq=False)
class Known:
    """What is kept of an item at one revision."""

    revision: int
    facts: Any
    passages: Passages
    model: str  # version of the model that their meaning is told by


def as_known(facts: NeedFacts | AchievementFacts, revision: int, model: DenseModel | None) -> Known:
    return Known(revision, facts, read_passages(facts, model), model.version if model else "")


def packed(known: Known) -> bytes:
    """Four lengths, then the fingerprints, the places, the meanings and the facts."""
    passages = known.passages
    sizes = np.bincount(passages.owners, minlength=len(passages.places))
    places = np.array(
        [(*place, size) for place, size in zip(passages.places, sizes.tolist(), strict=True)],
        dtype=np.int32,
    )
    return _joined(passages.prints, places, passages.vectors, _written(known.facts))


def retold(content: bytes, model: DenseModel) -> bytes:
    """The same bytes with the meanings as another model tells them; nothing else depends on one."""
    prints_count, places_count, meanings_length, _ = np.frombuffer(content, np.int32, 4).tolist()
    prints = np.frombuffer(content, np.uint64, prints_count, offset=16)
    at = 16 + prints.nbytes
    places = np.frombuffer(content, np.int32, 4 * places_count, offset=at).reshape(places_count, 4)
    facts = content[at + places.nbytes + meanings_length :]
    return _joined(prints, places, _meanings(prints, places, model), facts)


def _joined(prints: np.ndarray, places: np.ndarray, meanings: np.ndarray | None, facts: bytes) -> bytes:
    told = b"" if meanings is None else meanings.tobytes()
    lengths = np.array([len(prints), len(places), len(told), len(facts)], dtype=np.int32)
    return b"".join((lengths.tobytes(), prints.tobytes(), places.tobytes(), told, facts))


def _meanings(prints: np.ndarray, places: np.ndarray, model: DenseModel) -> np.ndarray | None:
    """float16[places, dims]"""
    if not len(places):
        return None
    return model.encode_each(prints, np.cumsum(places[:, 3], dtype=np.int64)).astype(np.float16)


def unpacked(content: bytes, revision: int, made_by: str, regions: Regions, model: DenseModel | None) -> Known:
    """`made_by`: version of the model that told the meanings. By another one they are told anew, from the same words."""
    prints_count, places_count, meanings_length, facts_length = np.frombuffer(content, np.int32, 4).tolist()
    facts = _facts(json.loads(content[-facts_length:]), regions)
    content = content[:-facts_length]  # arrays are views of it, and the facts need not stay in memory twice
    prints = np.frombuffer(content, np.uint64, prints_count, offset=16)
    at = 16 + prints.nbytes
    rows = np.frombuffer(content, np.int32, 4 * places_count, offset=at).reshape(places_count, 4)
    at += rows.nbytes
    sizes = rows[:, 3]
    if model is None or not places_count:
        vectors = None
    elif made_by == model.version:
        found = np.frombuffer(content, np.float16, meanings_length // 2, offset=at)
        vectors = found.reshape(places_count, model.dims)
    else:
        vectors = _meanings(prints, rows, model)
    places = tuple(map(Place._make, rows[:, :3].tolist()))
    owners = np.repeat(np.arange(places_count, dtype=np.int32), sizes)
    passages = Passages(parts_of(facts), places, prints, owners, vectors)
    return Known(revision, facts, passages, model.version if model else "")


def _written(facts: NeedFacts | AchievementFacts) -> bytes:
    row = {field.name: getattr(facts, field.name) for field in fields(facts) if field.name not in WORKED_OUT}
    if isinstance(facts.indicators, TextOffers):  # a text of its own, which is not looked into until somebody asks
        row |= {"indicators": (), "read_in_text": json.dumps([*facts.indicators], ensure_ascii=False, default=_plain)}
    row["parts"] = [(part.lang, part.name, part.text) for part in facts.parts]
    return json.dumps(row, ensure_ascii=False, default=_plain, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def _facts(row: dict[str, Any], regions: Regions) -> NeedFacts | AchievementFacts:
    parts = tuple(TextPart(*part) for part in row["parts"])
    text = "\n".join(part.text for part in parts if part.name != "keywords")
    lists = {name: tuple(row[name]) for name in LISTS}
    shared = {**row, **lists, "parts": parts, "text": text, "region_path": regions.path(row["region"])}
    if "price" in row:
        kept = shared.pop("read_in_text", "")
        offers = TextOffers(text, lambda _text: _offers(json.loads(kept))) if kept else _offers(row["indicators"])
        return AchievementFacts(**{**shared, "indicators": offers, "price": Price(**row["price"])})
    wanted = tuple(Wanted(**_indicator(one)) for one in row["indicators"])
    deadline = date.fromisoformat(row["deadline"]) if row["deadline"] else None
    return NeedFacts(**{**shared, "indicators": wanted, "budget": Price(**row["budget"]), "deadline": deadline})


def _offers(rows: Sequence[dict[str, Any]]) -> tuple[Offered, ...]:
    return tuple(Offered(**_indicator(row)) for row in rows)


def _indicator(row: dict[str, Any]) -> dict[str, Any]:
    return row | {name: Decimal(row[name]) for name in NUMBERS if row.get(name) is not None}
