"""The semantic leg trained on the corpus."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import keqiao
from keqiao.matching import dense
from keqiao.matching.dense import DenseModel, train
from keqiao.matching.text import fingerprint, index_tokens

TEXTS = [
    "membrane for sea water desalination",
    "reverse osmosis membrane desalination",
    "reverse osmosis of sea water",
    "lithium battery cathode material",
    "cathode of a lithium cell",
    "battery cell with a solid cathode",
    "膜分离 海水淡化",
    "海水淡化 反渗透",
]
TOKENS = [index_tokens(text) for text in TEXTS]


@pytest.fixture(scope="module")
def model():
    return train(TOKENS, dims=3)


def cosine(model, a, b):
    return float(model.encode(index_tokens(a)) @ model.encode(index_tokens(b)))


def test_vectors_are_float32_of_norm_one(model):
    vector = model.encode(TOKENS[0])
    assert (vector.dtype, vector.shape) == (np.dtype(np.float32), (3,))
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)


def test_texts_without_a_common_word_are_near_through_the_others(model):
    assert cosine(model, "osmosis", "desalination") > 0.5
    assert cosine(model, "osmosis", "battery") < 0.3
    assert cosine(model, "海水", "淡化") > 0.5


@pytest.mark.parametrize("tokens", [[], ["unheard"], ["unheard"] * 9])
def test_nothing_known_has_no_vector(model, tokens):
    assert model.encode(tokens) is None


def test_same_corpus_same_model_other_corpus_other_version(model):
    again = train(TOKENS, dims=3)
    assert again.version == model.version
    assert np.array_equal(again.projection, model.projection)
    assert train(TOKENS[:5], dims=3).version != model.version


def test_saved_model_is_the_same_and_stays_on_disk(model, tmp_path):
    folder = model.save(tmp_path)
    assert folder == tmp_path / model.version
    assert model.save(tmp_path) == folder
    loaded = DenseModel.load(folder)
    assert isinstance(loaded.projection.base, np.memmap)
    assert loaded.version == model.version
    assert np.array_equal(loaded.encode(TOKENS[3]), model.encode(TOKENS[3]))
    assert [path.name for path in tmp_path.iterdir()] == [model.version]


def test_rare_words_have_a_high_idf(model):
    common, rare, unheard = model.idf_of(["membran", "solid", "unheard"])
    assert common <= rare == unheard


def test_pairs_of_words_are_left_to_the_lexical_leg(model):
    assert np.array_equal(model.encode(["sea", "water"]), model.encode(["sea", "water", "sea_water"]))


@pytest.mark.parametrize("corpus", [[], [[]], [["alone"]], [["a", "b"], ["c"]], [["same"], ["same"]]])
def test_tiny_corpora_train_and_encode(corpus, tmp_path):
    made = DenseModel.load(train(corpus).save(tmp_path))
    assert made.encode(["same"]) is None or made.encode(["same"]).shape == (made.dims,)
    assert made.idf_of(["same"]).shape == (1,)


def test_large_corpus_is_sampled_the_same_way_each_time(monkeypatch):
    many = [[f"w{i % 7}", f"v{i % 5}"] for i in range(200)]
    chosen = dense.sampled(len(many), 50)
    assert (len(chosen), chosen.tolist()) == (50, dense.sampled(len(many), 50).tolist())
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert max(chosen) > 150  # drawn over the whole, not from its beginning
    assert dense.sampled(7, 50).tolist() == list(range(7))
    monkeypatch.setattr(dense, "VOCABULARY_MOST", 3)
    assert train(many, dims=3).projection.shape == (3, 3)


@pytest.mark.slow
def test_texts_are_read_once_and_kept_as_numbers():
    """6,000 texts of 400 tokens are 170 MB as Python strings: training on them needs a fraction."""
    words = [f"word{n}" for n in range(5_000)]
    rng = np.random.default_rng(0)
    texts = ([words[n] + "" for n in rng.zipf(1.3, size=400) % 5_000] for _ in range(6_000))
    tracemalloc.start()
    made = dense._counted(texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (made.documents, int(made.counts.sum())) == (6_000, 2_400_000)
    assert peak < 20_000_000


def test_encoding_does_not_import_scipy(model, tmp_path):
    folder = model.save(tmp_path)
    code = (
        "import sys; from pathlib import Path; from keqiao.matching.dense import DenseModel;"
        f"DenseModel.load(Path({str(folder)!r})).encode(['membran']);"
        "import keqiao.matching.retrieval;"
        "print('scipy' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(keqiao.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_passages_together_mean_what_each_means_alone(model):
    texts = ["reverse osmosis", "nothing_known", "海水淡化 膜", "", "lithium cathode"]
    prints = [np.array([fingerprint(t) for t in dict.fromkeys(index_tokens(text))], dtype=np.uint64) for text in texts]
    ends = np.cumsum([len(one) for one in prints])
    together = model.encode_each(np.concatenate(prints), ends)
    for one, row in zip(prints, together, strict=True):
        alone = model.encode_prints(one)
        assert np.allclose(row, np.zeros(model.dims) if alone is None else alone, atol=1e-6)
    assert not model.encode_each(np.zeros(0, dtype=np.uint64), np.zeros(2, dtype=np.int64)).any()
