"""One shard of a run: its needs against the whole library, then the stones of the nearest, then kept. Safe to do twice."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

from django.db import InterfaceError, OperationalError

from keqiao.catalogue import selectors as catalogue
from keqiao.kernel import clock
from keqiao.kernel.parameters import parameter
from keqiao.matching import index_state, indexing, outer, scoring, services
from keqiao.matching.all_pairs.faults import kind_of
from keqiao.matching.all_pairs.library import Library
from keqiao.matching.gathering import need_facts, regions
from keqiao.matching.models import PairsShard
from keqiao.matching.retrieval import SHIPPED
from keqiao.matching.types import IndexNotReady, NeedFacts, Reach, RunState, Scored
from keqiao.parties import selectors as parties

log = logging.getLogger(__name__)


class OutOfDate(Exception):
    """The index, the weights or the rules became others since the library was written: it must be written anew."""


def folder(run_code: str) -> Path:
    return Path(index_state.folder()).parent / "all-pairs" / run_code


def compute(shard_code: str) -> str:
    """Compute and keep one shard; its code, for whoever waits for it. Its own fault is noted, and the others go on."""
    shard = PairsShard.objects.select_related("run").get(code=shard_code)
    if shard.done_at is not None or shard.run.state != RunState.RUNNING:
        return shard_code
    try:
        _compute(shard)
    except (OutOfDate, IndexNotReady, OperationalError, InterfaceError):
        raise  # no shard is to blame
    except Exception as trouble:
        log.exception("a shard of all pairs failed", extra={"shard": shard_code})
        services.note_pairs_fault(
            actor=parties.system(), code=shard.run.code, kind=kind_of(trouble), shard_code=shard_code
        )
    return shard_code


def _compute(shard: PairsShard) -> None:
    scoring.forget_weights()
    library, version = _library(folder(shard.run.code)), scoring.version()
    if library.serving != index_state.serving() or version != shard.run.version:
        raise OutOfDate
    found = _scored(_needs(shard), library)
    services.keep_pairs(
        actor=parties.system(), shard_code=shard.code, version=version, since=library.since, found=found
    )


@lru_cache(maxsize=1)
def _library(path: Path) -> Library:
    return Library(path)


def forget() -> None:
    """The library that this process has mapped."""
    _library.cache_clear()


def _needs(shard: PairsShard) -> list[tuple[int, int, NeedFacts]]:
    """Id, revision and facts of the needs that are public now."""
    rows = catalogue.published_ids("need").filter(pk__gte=shard.first_need_id, pk__lte=shard.last_need_id)
    needs = rows.prefetch_related("texts", "indicators")
    return [(need.pk, need.revision, need_facts(need, regions())) for need in needs]


def _scored(needs: list[tuple[int, int, NeedFacts]], library: Library) -> list[Scored]:
    """As `services.compute_matches` would for each need; only who is near is found for all of them together."""
    retriever = indexing.retriever("achievement")
    assert retriever  # a library is written from an index
    texts = [scoring.query_text(facts) for _, _, facts in needs]
    if outer.name():
        outer.prepare(texts)
    asked = [retriever.asked(text, Reach.PUBLIC) for text in texts]
    near = library.nearest(asked, retriever.idf_of, depth=SHIPPED.candidates, k=scoring.CANDIDATES)
    today = clock.today()
    least, most = parameter("matching.least_score", on=today), parameter("matching.kept_per_need", on=today)
    found = []
    for (pk, revision, facts), codes in zip(needs, near, strict=True):
        known = scoring.items("achievement", codes)
        found.append(Scored(pk, revision, scoring.matches_among(facts, known, least, most)))
    return found
