"""What the site shows of its measurements is what was measured, and the published collections are whole."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from keqiao.matching import measured

ROOT = Path(__file__).resolve().parents[4]
COLLECTIONS = sorted(path.parent for path in (ROOT / "bench" / "collections").glob("*/corpus.jsonl.gz"))


def rows(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().split("\n") if line]


def test_the_page_shows_the_newest_results():
    newest = max((ROOT / "bench" / "results").glob("quality-*.json"))
    shown = ROOT / "src" / "keqiao" / "matching" / "data" / "measured.json"
    assert shown.read_text() == newest.read_text()


def test_every_published_collection_was_measured_beside_bm25():
    lines = [line for line in measured.quality().lines if line.is_published]
    assert {line.collection for line in lines} == {folder.name for folder in COLLECTIONS}
    for line in lines:
        assert line.licence
        assert line.name_zh != line.collection
        assert 0 < line.bm25 <= 1
        assert 0 < line.ours <= 1
        assert line.queries > 0
        assert line.kind or line.low <= line.ours - line.bm25 <= line.high


def test_the_weakest_are_the_lowest_of_ours():
    lines = measured.quality().lines
    weakest = measured.quality().weakest
    assert len(weakest) == 2
    assert weakest[0].ours == min(line.ours for line in lines if line.is_published and not line.asked_in)


def test_the_rounds_are_those_of_the_readme():
    readme = (ROOT / "src/keqiao/matching/reading/labelled/README.md").read_text()
    table = re.findall(
        r"^\| (?:[\w-]+-test|typed-)[^|]*\| (\d+) \| (\d+) \| ([01]\.\d+)[^|]* \| ([01]\.\d+)[^|]* \|$",
        readme,
        re.MULTILINE,
    )
    assert [(int(s), int(f), float(p), float(r)) for s, f, p, r in table] == [
        (one.sentences, one.figures, one.precision, one.recall) for one in measured.rounds()
    ]


@pytest.mark.parametrize("folder", COLLECTIONS, ids=lambda folder: folder.name)
def test_a_published_collection_is_whole(folder):
    """Every judged document is there, every query judged; nothing that was held back can be told from the file names."""
    documents = {row["_id"] for row in rows(folder / "corpus.jsonl.gz")}
    for queries in (folder / "dev").glob("queries*.gz"):
        asked = {row["_id"] for row in rows(queries)}
        table = gzip.decompress(
            (folder / "dev" / queries.name.replace("queries", "qrels").replace(".jsonl", ".tsv")).read_bytes()
        )
        judged = [line.split("\t") for line in table.decode().splitlines()[1:]]
        assert {query for query, _document, _score in judged} == asked
        assert {document for _query, document, _score in judged} <= documents
