"""One machine with many items: `python bench/scale.py [--achievements 100000] [--needs 10000] [--parts fill,index,…]`.

Makes a site of its own (build/bench-scale) with `keqiao bench generate`, indexes it, and measures what docs/why/capacity.md
tells: searches of 300 characters per filter class beside the raw engine's two queries, two processes at once, facets,
additions while it serves, memory. Ratios within one run decide; milliseconds depend on the machine. A million takes about
half an hour and 20 GB of disk: `python bench/scale.py --achievements 1000000 --needs 100000 --out bench/results/scale.md`.
List pages at ten thousand and a million rows: bench/lists.py.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from beside import compared
from memory import Together

from keqiao.runtime.memory import OF_A_SERVER

ROOT = Path(__file__).resolve().parent.parent
CLASSES = {"none": 1.0, "40 %": 0.4, "2 %": 0.02}
WARM = 10  # searches before those that count
NEW, CHANGED = "zn", "zc"  # how marks begin that a search looks for
LATER = 7  # seed of other questions than the first
PARTS = ("fill", "index", "keep", "search", "beside", "two", "facets", "additions", "upkeep")
INSTEAD = {"hits": "keep"}  # a part that stands for another
Waiting = dict[str, tuple[str, float]]  # mark → code of the item, and since when it has it
Report = list[tuple[str, str, str]]  # what, measured, bar


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--achievements", type=int, default=100_000)
    parser.add_argument("--needs", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=100, help="of each filter class")
    parser.add_argument("--judged", type=int, default=100, help="questions of each judged collection")
    parser.add_argument("--seconds", type=int, default=60, help="of additions, 50 a second")
    parser.add_argument("--edits", type=int, default=2, help="of old items a second, beside the additions")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {','.join(PARTS)}; hits instead of keep")
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "bench-scale")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--alone", help=argparse.SUPPRESS)  # one of several processes that search at once
    args = parser.parse_args()
    if OF_A_SERVER.items() - os.environ.items():  # the C library reads it when a process begins
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | OF_A_SERVER)
    os.environ |= {"KEQIAO_DATA": str(args.data), "KEQIAO_LOG_LEVEL": "ERROR"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
    from keqiao.runtime import postgres
    from keqiao.runtime.environment import read_environment

    with postgres.using(read_environment(), {"max_wal_size": "4GB", "shared_buffers": "512MB"}):
        import django

        django.setup()
        if args.alone:
            print(json.dumps(ALONE[args.alone](args)))
            return 0
        report = run(args)
    text = as_table(args, report)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return 0


def run(args: argparse.Namespace) -> Report:
    steps: dict[str, Callable[[argparse.Namespace], Iterator[tuple[str, str, str]]]] = {
        "fill": fill, "index": index, "keep": keep, "hits": hits, "search": search, "beside": beside, "two": two, "facets": facets,
        "additions": additions, "upkeep": upkeep,
    }  # fmt: skip
    chosen = args.parts.split(",")
    if unknown := set(chosen) - set(PARTS) - set(INSTEAD):
        raise SystemExit(f"no such parts: {', '.join(sorted(unknown))}")
    report: Report = []
    for name in chosen:
        print(f"{name} …", file=sys.stderr, flush=True)
        for row in steps[name](args):
            print("  " + " · ".join(row), file=sys.stderr, flush=True)
            report.append(row)
    return report


@contextlib.contextmanager
def as_installed() -> Iterator[None]:
    """What is started here gets the environment of a site: this bench has that of a web process."""
    own = {name: os.environ.pop(name) for name in OF_A_SERVER}
    try:
        yield
    finally:
        os.environ |= own


# --- Making -----------------------------------------------------------------------------------------------------------


def keqiao(*words: str) -> tuple[str, float]:
    """Time, and most memory of one command and the processes that it started, as words; and the seconds. Processor time
    tells more on a busy machine.
    """
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with as_installed():
        process = subprocess.Popen([sys.executable, "-m", "keqiao", *words], stdout=subprocess.DEVNULL)
    together = Together(process.pid)
    process.wait()
    together.ended.set()
    together.join()
    if process.returncode:
        raise SystemExit(f"keqiao {' '.join(words)} failed")
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{took:.0f} s ({cpu:.0f} s of processor), at most {together.peak / 1e6:.0f} MB of all its processes", took


def fill(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    from django.db import connection

    from keqiao.demo.generating import TABLES

    keqiao("migrate")
    counts = ("--achievements", str(args.achievements), "--needs", str(args.needs))
    said, took = keqiao("bench", "generate", *counts)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        size = cursor.fetchone()[0] / 1e9
        cursor.execute("SELECT sum(reltuples) FROM pg_class WHERE relname = ANY(%s)", [list(TABLES)])
        rows = cursor.fetchone()[0]
    measured = f"{said}; {rows:,.0f} rows, {rows / took:,.0f} a second; database {size:.2f} GB"
    yield "generate, start and code tables and all", measured, "≥ 5,000 rows/s"


def index(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    said, took = keqiao("reindex")
    size = sum(f.stat().st_size for f in (args.data / "index").rglob("*") if f.is_file()) / 1e9
    bar = "≤ 15 min for a million; ≤ 1.5 GB"
    yield "index build", f"{said}; {(args.achievements + args.needs) / took:.0f} documents a second; {size:.2f} GB", bar


def keep(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """What the worker does after a rebuild."""
    from django.db import connection

    from keqiao.matching import excerpts, indexing

    began, model = time.process_time(), indexing.model()
    for kind in indexing.KINDS:
        excerpts.keep_lacking(kind, model, after=0, most=10**9)
    took = time.process_time() - began
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('matching_excerpt') / 1e9")
        size = float(cursor.fetchone()[0])
    count = args.achievements + args.needs
    yield (
        "what the stones read, kept by jobs",
        f"{took:.0f} s of processor, {count / took:.0f} a second; {size:.2f} GB",
        "",
    )


def hits(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Instead of `keep`, which takes its time at a million: rows of what the questions of `search` and `two` find alone."""
    kept = json.loads(in_process_alone(args, "hits").communicate()[0])  # this process is to meet them as new
    yield "what the stones read, kept of the hits of these questions alone", f"{kept:,} items", ""


def keep_hits(args: argparse.Namespace) -> int:
    from keqiao.catalogue import selectors as catalogue
    from keqiao.demo import recombining
    from keqiao.matching import excerpts, indexing
    from keqiao.matching.search import NEAREST, NEARNESS

    texts, later = recombining.long_questions(args.queries + WARM), recombining.long_questions(args.queries, seed=LATER)
    asked = [(text, conditions(requests_of(share)[0])) for share in CLASSES.values() for text in texts]
    asked += [(text, None) for text in later]
    search = indexing.retriever("achievement").search
    found = {hit.code for text, where in asked for hit in search(text, where, NEAREST, least=NEARNESS)}
    ids = catalogue.published_ids("achievement").filter(code__in=found).values_list("pk", flat=True)
    excerpts.keep("achievement", list(ids), indexing.model())
    return len(ids)


def in_process_alone(args: argparse.Namespace, work: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--alone", work, "--data", str(args.data), "--queries", str(args.queries)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


# --- Searching --------------------------------------------------------------------------------------------------------


def requests_of(share: float) -> Any:
    """Facets that leave about this share, and the share that they leave."""
    from keqiao.matching import indexing, search

    if share == 1.0:
        return search.SearchRequest(), 1.0
    engine, name = indexing.engine(), f"achievements_v{indexing.serving().version}"
    every = engine.count(name)
    bands = [("1-3",), ("4-6",), ("7-9",), ("1-3", "7-9"), ("4-6", "7-9")]
    offers = [{"trl": band} for band in bands]
    offers += [{"field": (field,), "trl": band} for field in engine.facets(name, "field") for band in bands[:3]]
    shares = []
    for facets in offers:
        request = search.SearchRequest(facets=facets)
        shares.append((engine.count(name, conditions(request)) / every, request))
    found = min(shares, key=lambda pair: abs(pair[0] / share - 1))
    return found[1], found[0]


def conditions(request: Any) -> Any:
    """The filter that a search sends to the index."""
    from keqiao.matching import search

    return search._where(request)  # noqa: SLF001 -- the very same


class Stages:
    """Stands where Prometheus' histogram would."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.now = ""

    def labels(self, name: str) -> Stages:
        self.now = name
        return self

    def observe(self, seconds: float) -> None:
        self.seconds.setdefault(self.now, []).append(seconds)

    def __str__(self) -> str:
        medians = {name: 1000 * statistics.median(times) for name, times in self.seconds.items()}
        return ", ".join(f"{name} {ms:.0f} ms" for name, ms in medians.items())


def search_times(texts: list[str], request: Any, *, whole: bool) -> list[float]:
    """Milliseconds of each search. No text twice: the answer to one that was asked before is kept."""
    from keqiao.matching import search
    from keqiao.parties import selectors as parties

    request, times = request or search.SearchRequest(), []
    for text in texts:
        if not whole:
            times.append(raw(text, request))
            continue
        began = time.monotonic()
        search.search(replace(request, q=text), actor=parties.visitor())
        times.append((time.monotonic() - began) * 1000)
    return times


def raw(text: str, request: Any) -> float:
    """Milliseconds of the engine's two queries alone, one after the other: the very tokens, translations among them, weights,
    vector, filter and depth that a search sends. What it takes to make these of a text is the search's own.
    """
    from keqiao.matching import indexing, search
    from keqiao.matching.retrieval import SHIPPED

    retriever, where = indexing.retriever("achievement"), conditions(request)
    asked, depth = retriever.asked(text), max(search.NEAREST, SHIPPED.candidates)
    began = time.monotonic()
    retriever.engine.lexical(retriever.index_name, asked.words, where, depth)
    retriever.engine.dense(retriever.index_name, asked.vector, where, depth)
    return (time.monotonic() - began) * 1000


def search(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Raw and whole by turns, so that what disturbs the machine disturbs both."""
    from keqiao.demo import recombining
    from keqiao.kernel import measures

    for name, wanted in CLASSES.items():
        stages = Stages()
        measures.observers = measures.Observers(stages=stages)
        request, left = requests_of(wanted)
        own: list[float] = []
        engine: list[float] = []
        spent = {True: 0.0, False: 0.0}
        texts = recombining.long_questions(args.queries + WARM)
        search_times(texts[:WARM], request, whole=True)
        for first in range(WARM, len(texts), 20):
            for whole, times in ((False, engine), (True, own)):
                before = time.process_time()
                times.extend(search_times(texts[first : first + 20], request, whole=whole))
                spent[whole] += time.process_time() - before
        ratio = quantile(own, 0.95) / quantile(engine, 0.95)
        measured = (
            f"p50 {statistics.median(own):.0f}, p95 {quantile(own, 0.95):.0f} ms; "
            f"raw p50 {statistics.median(engine):.0f}, p95 {quantile(engine, 0.95):.0f} ms; {ratio:.2f} ×; "
            f"processor {spent[True] / spent[False]:.2f} ×"
        )
        bar = "p95 ≤ 1.5 × raw" + ("; ≤ 120 ms" if name == "none" else "")
        yield f"search, 300 characters, filter {name} (leaves {100 * left:.1f} %)", measured, bar
        yield f"its stages, median, filter {name}", str(stages), "reported"
        if name != "none":
            yield f"the same, asked before without the filter, filter {name}", *narrowed(args, request, engine)
    measures.observers = measures.Observers()
    yield "memory of the process that searched", f"{memory():.0f} MB", "≤ 700 MB"


def narrowed(args: argparse.Namespace, request: Any, engine: list[float]) -> tuple[str, str]:
    """As people do it: they ask, look, and then choose a facet."""
    from keqiao.demo import recombining

    own: list[float] = []
    for text in recombining.long_questions(args.queries, seed=LATER):
        search_times([text], None, whole=True)
        own += search_times([text], request, whole=True)
    ratio = quantile(own, 0.95) / quantile(engine, 0.95)
    return f"p50 {statistics.median(own):.0f}, p95 {quantile(own, 0.95):.0f} ms; {ratio:.2f} ×", "p95 ≤ 1.5 × raw"


def beside(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """tantivy and bm25s over the same tokens, the lexical query alone: speed, and nDCG of judged documents among all."""
    from keqiao.demo import recombining

    yield from compared(args.data, recombining.long_questions(args.queries + WARM), args.judged)


def two(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """One process that searches without pause, then two at once."""

    def at_once(number: int) -> float:
        started = [in_process_alone(args, "search") for _ in range(number)]
        return max(quantile(json.loads(process.communicate()[0]), 0.95) for process in started)

    one, both = at_once(1), at_once(2)
    yield (
        "two processes that search without pause",
        f"p95 {both:.0f} ms, alone {one:.0f} ms; {both / one:.2f} ×",
        "≤ 1.6 ×",
    )


def search_alone(args: argparse.Namespace) -> list[float]:
    from keqiao.demo import recombining

    return search_times(recombining.long_questions(args.queries + WARM), None, whole=True)[WARM:]


def upkeep(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:  # noqa: ARG001 -- a part
    """What `additions` left becomes part of the indexes, in a process of its own as the worker's job has it."""
    from keqiao.matching import indexing

    if not indexing.needs_upkeep("achievement"):
        yield "upkeep of the index", "too little waits: run additions before", "reported"
        return
    began, together = time.monotonic(), Together(os.getpid(), itself=False)
    with as_installed():
        indexing.keep_up("achievement")
    took = time.monotonic() - began
    together.ended.set()
    together.join()
    yield "upkeep of the index", f"{took:.0f} s, at most {together.peak / 1e6:.0f} MB", "≤ 1.5 GB"


ALONE: dict[str, Callable[[argparse.Namespace], Any]] = {"search": search_alone, "hits": keep_hits}


def facets(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:  # noqa: ARG001 -- a part
    """Lists without a question, with all their facets."""
    from django.core.cache import cache

    from keqiao.matching import search, services
    from keqiao.parties import selectors as parties

    began = time.monotonic()
    services.count_list(actor=parties.system(), kind="achievement")
    yield "counting the list ahead (a job, every five minutes)", f"{time.monotonic() - began:.1f} s", "reported"
    for name, request in {
        "all": search.SearchRequest(),
        "of a field": search.SearchRequest(facets={"field": ("energy",)}),
        "within a price": search.SearchRequest(price_high=100),
    }.items():
        times = []
        for _ in range(10):
            cache.clear()
            began = time.monotonic()
            found = search.search(request, actor=parties.visitor())
            times.append((time.monotonic() - began) * 1000)
        said = f"; counted among the newest {found.facets_within:,}" if found.facets_within else ""
        bar = "≤ 150 ms, or sampled and said so"
        yield (
            f"list with facets, {name}",
            f"p50 {statistics.median(times):.0f}, p95 {quantile(times, 0.95):.0f} ms{said}",
            bar,
        )


# --- Additions while it serves ------------------------------------------------------------------------------------------


def additions(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Fifty new items a second and some changed ones by the ordinary commands; one of each is looked for until a search
    finds it.
    """
    from django.db import connection

    from keqiao.runtime import heartbeat

    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs"
        )  # what the worker of an earlier run was killed at holds the lock
    heartbeat.forget(args.data)
    with as_installed():
        worker = psutil.Popen(
            [sys.executable, "-m", "keqiao", "worker"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    try:
        while not heartbeat.is_alive(args.data):  # its start is no part of it
            if worker.poll() is not None:
                raise SystemExit("the worker ended: run `keqiao migrate`")
            time.sleep(0.2)
        new, changed, searches, most = add_and_look(args, worker)
    finally:
        worker.kill()  # it has jobs for minutes; the queue is this bench's own
        worker.wait()
    meanwhile = f"50 additions/s and {args.edits} changes/s for {args.seconds} s"
    for name, delays, bar in (("new", new, "≤ 5 s"), ("changed", changed, "reported")):
        if delays:
            yield (
                f"{name} item found, {meanwhile}",
                f"p50 {statistics.median(delays):.1f}, p95 {quantile(delays, 0.95):.1f}, longest {max(delays):.1f} s",
                bar,
            )
    yield (
        "searches meanwhile",
        f"p50 {statistics.median(searches):.0f}, p95 {quantile(searches, 0.95):.0f} ms",
        "reported",
    )
    yield (
        "worker's memory, most; that of the process in which it keeps the index up; of both at once",
        "{:.0f}; {:.0f}; {:.0f} MB".format(*most),
        "≤ 1.5 GB",
    )


def add_and_look(
    args: argparse.Namespace, worker: psutil.Popen
) -> tuple[list[float], list[float], list[float], tuple[float, ...]]:
    """Seconds until new items and changed ones were found, milliseconds of searches meanwhile, and most MB of the worker, of
    what it started, and of both.
    """
    from keqiao.demo import recombining
    from keqiao.matching import indexing

    waiting: Waiting = {}
    delays: dict[str, list[float]] = {NEW: [], CHANGED: []}
    searches: list[float] = []
    most = (0.0, 0.0, 0.0)
    made = recombining.made("achievement", 50 * args.seconds, seed=int(time.time()))
    ended = threading.Event()
    adder = threading.Thread(target=add, args=(args, made, waiting, ended))
    adder.start()
    questions = iter(recombining.long_questions(100_000))
    retriever = indexing.retriever("achievement")
    last = time.monotonic() + args.seconds + 400
    while not ended.is_set() or (waiting and time.monotonic() < last):
        began = time.monotonic()
        retriever.search(next(questions))
        searches.append((time.monotonic() - began) * 1000)
        looked_for = list(waiting.items())
        marks = {mark: 1.0 for mark, _ in looked_for}
        found = {hit.code for hit in retriever.engine.lexical(retriever.index_name, marks, None, 2 * len(marks))}
        for mark, (code, since) in looked_for:
            if code in found:
                delays[mark[:2]].append(time.monotonic() - since)
                del waiting[mark]
        with contextlib.suppress(psutil.Error):
            own = worker.memory_info().rss / 1e6
            started = sum(child.memory_info().rss for child in worker.children(recursive=True)) / 1e6
            most = tuple(map(max, most, (own, started, own + started)))
        time.sleep(0.05)
    adder.join()
    for mark, (_, since) in waiting.items():
        delays[mark[:2]].append(time.monotonic() - since)
    return delays[NEW], delays[CHANGED], searches, most


def add(args: argparse.Namespace, made: Iterator[Any], waiting: Waiting, ended: threading.Event) -> None:
    from django.db import connection

    from keqiao.catalogue import services as catalogue
    from keqiao.catalogue.services import AchievementDraft
    from keqiao.parties import selectors as parties
    from keqiao.parties.models import Organisation

    owner = Organisation.objects.order_by("pk").first()
    stamp, began = f"{int(time.time()):x}", time.monotonic()
    try:
        for second in range(args.seconds):
            drafts = []
            for n in range(50):
                item = next(made)
                code = f"CG-R-{stamp}{second:04d}{n:02d}"
                texts = {text["lang"]: {name: text[name] for name in text if name != "lang"} for text in item.texts}
                if n == 0:
                    marked = code
                    mark = f"{NEW}{stamp}x{second}"
                    next(iter(texts.values()))["title"] += f" {mark}"
                fields = {
                    **item.columns,
                    "code": code,
                    "state": "published",
                    "published_at": item.columns["updated_at"],
                }
                drafts.append(AchievementDraft({**fields, "owner_id": owner.pk}, texts))
            catalogue.load_items(actor=parties.system(), achievements=drafts)
            waiting[mark] = marked, time.monotonic()
            if args.edits:
                mark = f"{CHANGED}{stamp}x{second}"
                waiting[mark] = change(args.edits, mark), time.monotonic()
            time.sleep(max(0.0, began + second + 1 - time.monotonic()))
    finally:
        ended.set()
        connection.close()


def change(count: int, mark: str) -> str:
    """Rewrite some of the oldest hundred thousand items; the first of them, whose code this is, gets the mark into its title."""
    from keqiao.catalogue import services as catalogue
    from keqiao.catalogue.models import Achievement
    from keqiao.catalogue.services import AchievementDraft
    from keqiao.parties import selectors as parties

    first = Achievement.objects.order_by("pk").values_list("pk", flat=True)[0]
    drawn = [first + place for place in random.Random(mark).sample(range(100_000), 4 * count)]
    chosen = Achievement.objects.filter(pk__in=drawn, state="published").prefetch_related("texts")[:count]
    names = ("title", "problem", "how", "stage", "summary", "incumbent", "advantage")
    codes = []
    for item in chosen:
        texts = {text.lang: {name: getattr(text, name) for name in names} for text in item.texts.all()}
        if not codes:
            next(iter(texts.values()))["title"] += f" {mark}"
        catalogue.rewrite_achievement(actor=parties.system(), code=item.code, draft=AchievementDraft({}, texts))
        codes.append(item.code)
    return codes[0]


# --- Telling ------------------------------------------------------------------------------------------------------------


def memory() -> float:
    return psutil.Process().memory_info().rss / 1e6


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def as_table(args: argparse.Namespace, report: Report) -> str:
    size = psutil.virtual_memory().total / 1e9
    machine = f"{os.cpu_count()} cores, {size:.0f} GB, {platform.machine()}, Python {platform.python_version()}"
    asked = f"{args.queries} searches of each class"
    head = [
        f"{args.achievements:,} achievements (96 % public), {args.needs:,} needs; {asked}. {machine}.",
        f"Load of the machine at the end: {os.getloadavg()[1]:.1f}.",
        "",
        "| what | measured | bar |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *(f"| {a} | {b} | {c} |" for a, b, c in report)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
