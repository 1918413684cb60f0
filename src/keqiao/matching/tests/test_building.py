"""Documents of the index: the same whoever makes them, and in the order of the items."""

import pickle

import numpy as np
import pytest

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.matching import building, indexing, tasks
from keqiao.matching.dense import train
from keqiao.matching.retrieval import document_tokens
from keqiao.matching.tests.factories import forget_everything
from keqiao.runtime import processes

TITLES = ["耐酸纳滤膜", "Ceramic membranes for acid", "陶瓷膜通量", "Heat pumps", "热泵 heat pump", "膜分离"]


@pytest.fixture
def items(db, settings, tmp_path, monkeypatch):
    """Six, two of them a piece; and where their model lies."""
    settings.DATA_DIR = tmp_path
    forget_everything()
    monkeypatch.setattr(building, "PIECE", 2)
    made = [make_achievement(title=title, summary=f"{title} 通量 18 LMH/bar", lang="zh") for title in TITLES]
    make_achievement(title="草稿", state="draft")
    make_need(title="耐酸膜")
    yield [item.code for item in made]
    forget_everything()


@pytest.fixture
def model(tmp_path):
    return train([document_tokens(title, "膜 membranes heat") for title in TITLES] * 2).save(tmp_path)


def columns(piece):
    tally = [array.tolist() for array in piece.tally]
    return piece.ids, piece.revs, piece.tokens, piece.title_lengths, piece.vectors.tolist(), piece.attributes, tally


def make_here(work, ranges, _count):
    for one in ranges:
        yield work(*one)


def lost_after_one(work, ranges, _count):
    yield work(*next(iter(ranges)))
    raise processes.ProcessLost


@pytest.mark.parametrize("others", [make_here, lost_after_one])
def test_other_processes_or_their_loss_change_nothing(items, model, others, monkeypatch, settings):
    alone = [columns(piece) for piece in building.pieces("achievement", model, None)]
    assert [code for piece in alone for code in piece[0]] == items
    assert len(alone) == 3
    settings.INDEX_PROCESSES = 2
    monkeypatch.setattr(processes, "in_order", others)
    assert [columns(piece) for piece in building.pieces("achievement", model, None)] == alone


def test_a_document_is_the_same_alone_and_among_others(items, model):
    made = building._model(model)
    rows = list(catalogue.items_to_index("achievement").filter(state="published"))
    together = building.documents("achievement", rows, made, None)
    for row, one in zip(rows, together, strict=True):
        (alone,) = building.documents("achievement", [row], made, None)
        assert (alone.id, alone.rev, alone.tokens, alone.attributes) == (one.id, one.rev, one.tokens, one.attributes)
        assert alone.tokens[: alone.title_length // 2] * 2 == alone.tokens[: alone.title_length]
        assert np.array_equal(alone.vector, one.vector)
        assert np.allclose(alone.vector, made.encode(alone.tokens), atol=1e-6)


@pytest.mark.parametrize(
    ("setting", "documents", "cores", "expected"),
    [(0, 19_999, 8, 1), (0, 20_000, 8, 3), (0, 20_000, 2, 2), (0, 20_000, None, 1), (6, 5, 8, 6)],
)
def test_processes_are_for_many_documents(setting, documents, cores, expected, settings, monkeypatch):
    settings.INDEX_PROCESSES = setting
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert building.processes_for(documents) == expected


def test_a_job_leaves_a_large_rebuild_to_a_process_that_ends(items, monkeypatch):
    asked = []
    monkeypatch.setattr(building, "FEW", 7)  # six achievements and a need
    monkeypatch.setattr(
        processes, "alone", lambda work: asked.append((pickle.loads(pickle.dumps(work)).func, work.keywords)) or 1
    )
    monkeypatch.setattr(indexing, "follows_provider", lambda: False)
    tasks.follow_provider(timestamp=0)
    assert asked == [(indexing.rebuild, {"needs_outer": True})]
    monkeypatch.setattr(building, "FEW", 8)
    assert indexing.rebuild_apart() == 1
    assert indexing.sizes() == {"achievement": 6, "need": 1}
    assert len(asked) == 1
