"""Measures worked out by hand, and files as people send them."""

from __future__ import annotations

import gzip
import json
import math

import pytest

from keqiao.matching.evaluation import (
    BadCollection,
    main,
    mrr_at,
    ndcg_at,
    read_judgements,
    read_records,
    recall_at,
)

CORPUS = [
    {"_id": "D1", "title": "Reverse osmosis membrane", "text": "Desalination of sea water."},
    {"_id": "D2", "text": "Lithium battery with a solid electrolyte."},
    {"_id": "D3", "title": None, "text": "海水淡化用反渗透膜。", "metadata": {}},
    {"_id": "D4", "title": "", "text": "Gearbox for wind turbines."},
]
QUERIES = [
    {"_id": "Q1", "text": "desalination membrane", "metadata": {"type": "need"}},
    {"_id": "Q2", "text": "solid battery", "metadata": {"type": "need"}},
    {"_id": "Q3", "text": "反渗透膜"},
    {"_id": "unjudged", "text": "gearbox"},
    {"_id": "C-D4", "text": "Gearbox for wind turbines, lithium battery", "metadata": {"type": "citation"}},
]
QRELS = "query-id\tcorpus-id\tscore\nQ1\tD1\t2\nQ1\tD3\t1\nQ2\tD2\t1\nQ3\tD3\t1\nQ3\tD1\t0\nC-D4\tD2\t1\n"


@pytest.fixture
def files(tmp_path):
    paths = {name: tmp_path / f"{name}.jsonl" for name in ("corpus", "queries")}
    paths["corpus"].write_text("".join(json.dumps(row) + "\n" for row in CORPUS))
    paths["queries"].write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in QUERIES) + "\n\n")
    paths["qrels"] = tmp_path / "qrels.tsv"
    paths["qrels"].write_text(QRELS)
    return paths


def call(files, *more):
    return main([*(part for name in ("corpus", "queries", "qrels") for part in (f"--{name}", str(files[name]))), *more])


def measured(files, capsys, *more):
    assert call(files, "--json", *more) == 0
    return json.loads(capsys.readouterr().out)


def test_measures_by_hand():
    gains = {"a": 2.0, "b": 1.0, "c": 1.0}
    ideal = 2 + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg_at(["x", "a", "b"], gains, 10) == pytest.approx((2 / math.log2(3) + 1 / math.log2(4)) / ideal)
    assert ndcg_at(["a", "b", "c"], gains, 10) == pytest.approx(1.0)
    assert ndcg_at(["x", "a"], gains, 1) == 0.0
    assert recall_at(["x", "a", "b"], gains, 100) == pytest.approx(2 / 3)
    assert recall_at(["x", "a", "b"], gains, 2) == pytest.approx(1 / 3)
    assert mrr_at(["x", "a", "b"], gains, 10) == 0.5
    assert mrr_at(["x", "a"], gains, 1) == 0.0
    assert (ndcg_at([], {}, 10), recall_at([], {}, 100), mrr_at([], {}, 10)) == (0.0, 0.0, 0.0)


def test_figures(files, capsys):
    out = measured(files, capsys)
    assert (out["queries"], out["documents"]) == (4, 4)
    # Q1 finds D1 by its words and D3 by their translation.
    assert out["ndcg@10"] == pytest.approx(1.0, abs=1e-4)
    assert out["recall@100"] == pytest.approx(1.0, abs=1e-4)
    assert out["mrr@10"] == 1.0
    assert {kind: row["queries"] for kind, row in out["by_type"].items()} == {"(none)": 1, "citation": 1, "need": 2}
    assert out["by_type"]["need"]["ndcg@10"] == pytest.approx(1.0, abs=1e-4)
    assert out["p50_ms"] <= out["p95_ms"]
    assert out["peak_mb"] > 0


def test_citation_query_does_not_find_itself(files, tmp_path):
    assert call(files, "--run-out", str(tmp_path / "run")) == 0
    rows = [line.split() for line in (tmp_path / "run").read_text().splitlines()]
    citing = [row for row in rows if row[0] == "C-D4"]
    assert citing[0][:4] == ["C-D4", "Q0", "D2", "1"]
    assert all(row[2] != "D4" for row in citing)
    assert all(len(row) == 6 and row[5] == "keqiao" for row in rows)


def test_packed_files_and_judgements_without_header_give_the_same(files, capsys, tmp_path):
    packed = {}
    for name, path in files.items():
        packed[name] = tmp_path / f"{path.name}.gz"
        text = QRELS.split("\n", 1)[1] if name == "qrels" else path.read_text()
        packed[name].write_bytes(gzip.compress(text.encode("utf-8-sig")))
    assert measured(packed, capsys)["by_type"] == measured(files, capsys)["by_type"]


def test_reverse_searches_queries_with_documents(files, capsys, tmp_path):
    out = measured(files, capsys, "--reverse", "--run-out", str(tmp_path / "run"))
    assert (out["documents"], out["queries"]) == (5, 3)
    first = {row[0]: row[2] for row in map(str.split, (tmp_path / "run").read_text().splitlines()) if row[3] == "1"}
    assert first["D2"] == "Q2"
    assert first["D3"] == "Q3"


def test_limit(files, capsys):
    assert measured(files, capsys, "--limit", "2")["queries"] == 2


def test_table_for_readers(files, capsys):
    assert call(files) == 0
    out = capsys.readouterr().out
    assert "nDCG@10" in out
    assert "4 documents indexed" in out


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("corpus", '{"_id": "D1", "text": "x"}\n{"_id": ', "corpus.jsonl, line 2: not JSON"),
        ("corpus", '["D1"]\n', "corpus.jsonl, line 1: no _id"),
        ("queries", '{"text": "x"}\n', "queries.jsonl, line 1: no _id"),
        ("queries", '{"_id": "a"}\n{"_id": "a"}\n', "'a' stands twice"),
        ("qrels", "query-id\tcorpus-id\tscore\nQ1\tD1\n", "qrels.tsv, line 2: expected"),
        ("qrels", "Q1\tD1\t1\nQ1\tD2\tmany\n", "qrels.tsv, line 2: expected"),
    ],
)
def test_bad_file_is_named_with_its_line(files, capsys, name, content, said):
    files[name].write_text(content)
    assert call(files) == 2
    assert said in capsys.readouterr().err


def test_missing_and_broken_files_are_named(files, capsys, tmp_path):
    for path in (tmp_path / "absent.jsonl", tmp_path / "broken.jsonl.gz", tmp_path / "binary.jsonl"):
        if path.name != "absent.jsonl":
            path.write_bytes(b"\xff\xfe\x00 not text")
        assert call({**files, "corpus": path}) == 2
        assert str(path) in capsys.readouterr().err


def test_judgements_of_trec_and_with_spaces(tmp_path):
    path = tmp_path / "qrels"
    path.write_text("Q1 0 D1 1\nQ1 0 D2 0\nQ2 0 D1 -1\n")
    assert read_judgements(path) == {"Q1": {"D1": 1.0}}


def test_nothing_judged_is_no_failure(files, capsys):
    files["qrels"].write_text("query-id\tcorpus-id\tscore\n")
    out = measured(files, capsys)
    assert (out["queries"], out["ndcg@10"], out["p95_ms"]) == (0, 0.0, 0.0)


def test_bad_collection_is_an_error_of_its_own(tmp_path):
    with pytest.raises(BadCollection):
        read_records(tmp_path / "absent")
