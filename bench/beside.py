"""Words alone beside tantivy and bm25s, over the same documents and the same tokens: speed and quality, in one run.

Generated items have no judgements. So the documents of the open judged collections (bench/collections) are put among them in
the index, the questions of those are asked of everybody, and the documents are taken out again.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

COLLECTIONS = Path(__file__).resolve().parent / "collections"
JUDGED = ("zh_stard_closed", "zh_chinaxiv_4000", "en_sbir_4000")
BM25S_HOLDS = 12_000  # bytes of memory for a document, while it builds
DEPTH = 100
SEED = 5
MARK = "judged:"  # before the ids of what is put among the others
Row = tuple[str, str, str]
Ask = Callable[[list[str]], list[str]]  # tokens of a question → ids, the best first


@dataclass(frozen=True)
class Question:
    text: str
    gains: dict[str, float]  # of documents, by their ids in the index
    own: str  # the document that the question itself is, or nothing


def compared(data: Path, texts: Sequence[str], judged: int) -> Iterator[Row]:
    """`texts`: questions to take the time of, after ten to warm up; `judged`: questions of each collection."""
    from keqiao.matching import indexing
    from keqiao.matching.text import index_tokens

    retriever = indexing.retriever("achievement")
    assert retriever
    with put_among(retriever) as name:
        ways = {"LanceDB": lance_search(retriever), "tantivy": tantivy_search(data, name)}
        if psutil.virtual_memory().available > retriever.engine.count(name) * BM25S_HOLDS:  # everything in memory
            ways["bm25s"] = bm25s_search(name)
        else:
            yield "words alone, bm25s", "not asked: too little memory here", "reported"
        for who, ask in ways.items():
            yield f"words alone, {who}", timed(ask, [index_tokens(text) for text in texts]), "reported"
        for collection in JUDGED:
            questions = questions_of(collection, judged)
            found = {
                who: ndcg(questions, [ask(index_tokens(one.text)) for one in questions]) for who, ask in ways.items()
            }
            hits = [retriever.search(one.text, k=DEPTH, without=one.own) for one in questions]
            whole = ndcg(questions, [[hit.code for hit in those] for those in hits])
            told = ", ".join(f"{who} {figure:.3f}" for who, figure in found.items())
            what = f"nDCG@10 of {len(questions)} questions of {collection}, among all"
            yield what, f"words alone: {told}; a whole search {whole:.3f}", "reported"


def timed(ask: Ask, questions: Sequence[list[str]]) -> str:
    times = []
    for words in questions:
        began = time.monotonic()
        ask(words)
        times.append((time.monotonic() - began) * 1000)
    counted = sorted(times[10:])
    return f"p50 {statistics.median(counted):.0f}, p95 {counted[int(0.95 * len(counted))]:.0f} ms"


# --- judged documents -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def put_among(retriever: Any) -> Iterator[str]:
    """The name of the index while the judged documents stand in it."""
    from keqiao.matching.engine import Document
    from keqiao.matching.evaluation import read_records
    from keqiao.matching.retrieval import document_tokens, title_tokens

    engine, name = retriever.engine, retriever.engine.resolve(retriever.index_name)
    documents = []
    for collection in JUDGED:
        for record in read_records(COLLECTIONS / collection / "corpus.jsonl.gz"):
            words = document_tokens(record.title, record.text)
            code, length = f"{MARK}{collection}:{record.id}", len(title_tokens(record.title))
            documents.append(Document(code, 1, words, retriever.model.encode(words), title_length=length))
    engine.delete(name, [one.id for one in documents])  # of a run that was broken off
    try:
        engine.upsert(name, documents)
        engine.maintain(name, budget_s=3_600)
        yield name
    finally:
        engine.delete(name, [one.id for one in documents])
        engine.maintain(name, budget_s=3_600)


def questions_of(collection: str, most: int) -> list[Question]:
    from keqiao.matching.evaluation import query_text, read_judgements, read_records

    folder = COLLECTIONS / collection / "dev"
    judgements = read_judgements(folder / "qrels.tsv.gz")
    asked = [query for query in read_records(folder / "queries.jsonl.gz") if judgements.get(query.id)]
    chosen = random.Random(SEED).sample(asked, min(most, len(asked)))
    prefix = f"{MARK}{collection}:"
    return [
        Question(
            query_text(query),
            {prefix + document: gain for document, gain in judgements[query.id].items()},
            prefix + query.own_document if query.own_document else "",
        )
        for query in chosen
    ]


def ndcg(questions: Sequence[Question], found: Sequence[Sequence[str]]) -> float:
    """Mean over the questions, each with the ids that were found for it."""
    from keqiao.matching.evaluation import ndcg_at

    return statistics.mean(
        ndcg_at([code for code in codes if code != one.own], one.gains, 10)
        for one, codes in zip(questions, found, strict=True)
    )


# --- engines ----------------------------------------------------------------------------------------------------------


def lance_search(retriever: Any) -> Ask:
    from keqiao.matching.retrieval import query_weights

    def ask(words: list[str]) -> list[str]:
        hits = retriever.engine.lexical(retriever.index_name, query_weights(words), None, DEPTH)
        return [hit.code for hit in hits]

    return ask


def token_texts(name: str) -> Iterator[tuple[str, str]]:
    """Id and tokens of each document, as the index holds them."""
    from keqiao.matching import indexing

    table = indexing.engine()._table(name)  # noqa: SLF001 -- to read all
    for batch in table.search().select(["id", "tokens"]).limit(None).to_batches(1_000):
        yield from zip(batch["id"].to_pylist(), batch["tokens"].to_pylist(), strict=True)


def tantivy_search(data: Path, name: str) -> Ask:
    import tantivy

    folder = data / "tantivy"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    schema = tantivy.SchemaBuilder().add_text_field("tokens", tokenizer_name="whitespace").add_text_field(
        "code", stored=True, tokenizer_name="raw"
    )  # fmt: skip
    built = schema.build()
    made = tantivy.Index(built, path=str(folder))
    writer = made.writer(200_000_000, 1)
    for code, text in token_texts(name):
        writer.add_document(tantivy.Document(tokens=[text], code=[code]))
    writer.commit()
    writer.wait_merging_threads()
    made.reload()
    searcher = made.searcher()

    def ask(words: list[str]) -> list[str]:
        terms = [(tantivy.Occur.Should, tantivy.Query.term_query(built, "tokens", word)) for word in set(words)]
        hits = searcher.search(tantivy.Query.boolean_query(terms), DEPTH).hits
        return [searcher.doc(address)["code"][0] for _score, address in hits]

    return ask


def bm25s_search(name: str) -> Ask:
    import bm25s

    numbers: dict[str, int] = {}
    codes, documents = [], []
    for code, text in token_texts(name):
        codes.append(code)
        documents.append([numbers.setdefault(word, len(numbers)) for word in text.split(" ")])
    made = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    made.index((documents, numbers), show_progress=False)
    del documents

    def ask(words: list[str]) -> list[str]:
        known = [word for word in words if word in numbers]
        if not known:
            return []
        found, _scores = made.retrieve([known], k=DEPTH, show_progress=False)
        return [codes[number] for number in found[0].tolist()]

    return ask
