"""Every need against every achievement: `python bench/pairs.py [--achievements 100000] [--needs 660] [--parts fill,…]`.

Makes a site of its own (build/bench-pairs) with `keqiao bench generate`, indexes it, and measures a run over all pairs step by
step in one process (processor time: the library, searching by matrices, stones, keeping), the same needs one by one as the
jobs do, and one against two Ray nodes of this machine. Then it multiplies out what 6,600 needs × 1,000,000 take.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("fill", "index", "excerpts", "steps", "again", "clock", "nodes")
BAR_NEEDS, BAR_ACHIEVEMENTS, BAR_MINUTES = 6_600, 1_000_000, 20
ONE_BY_ONE = 30  # needs
Row = tuple[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--achievements", type=int, default=100_000)
    parser.add_argument("--needs", type=int, default=660)
    parser.add_argument("--run-needs", type=int, default=1_000_000, help="of the run in one process, in hundreds")
    parser.add_argument("--clock-needs", type=int, default=1_000_000, help="of the run by the clock, in hundreds")
    parser.add_argument("--node-needs", type=int, default=80, help="of the run on Ray nodes")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of " + ",".join(PARTS))
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "bench-pairs")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    os.environ |= {"KEQIAO_DATA": str(args.data), "KEQIAO_LOG_LEVEL": "ERROR"}
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
    from keqiao.runtime import postgres
    from keqiao.runtime.environment import read_environment

    with postgres.using(read_environment(), {"max_wal_size": "4GB", "shared_buffers": "512MB"}):
        import django

        django.setup()
        text = as_table(args, list(run(args)))
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return 0


def run(args: argparse.Namespace) -> Iterator[Row]:
    steps: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
        "fill": fill, "index": index, "excerpts": excerpts, "steps": steps_of_a_run, "again": one_by_one, "clock": by_the_clock,
        "nodes": nodes,
    }  # fmt: skip
    for name in args.parts.split(","):
        print(f"{name} …", file=sys.stderr, flush=True)
        for row in steps[name](args):
            print("  " + " · ".join(row), file=sys.stderr, flush=True)
            yield row


def fill(args: argparse.Namespace) -> Iterator[Row]:
    keqiao("migrate")
    yield "generate", keqiao("bench", "generate", "--achievements", str(args.achievements), "--needs", str(args.needs))


def index(args: argparse.Namespace) -> Iterator[Row]:  # noqa: ARG001 -- a part
    yield "index", keqiao("reindex")


def keqiao(*words: str) -> str:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-m", "keqiao", *words], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{time.monotonic() - began:.0f} s, {cpu:.0f} s of processor"


# --- steps ------------------------------------------------------------------------------------------------------------


class Times:
    """Processor seconds of this process by step."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def wrap(self, owner: Any, name: str, step: str) -> None:
        inner = getattr(owner, name)

        def timed(*given: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return inner(*given, **named)
            finally:
                self.seconds[step] += time.process_time() - began

        setattr(owner, name, timed)


def excerpts(args: argparse.Namespace) -> Iterator[Row]:  # noqa: ARG001 -- a part
    """What the stones read, kept in rows: jobs of the worker do it on a site."""
    from keqiao.matching import excerpts as rows
    from keqiao.matching import indexing

    model, cpu, after, made = indexing.model(), time.process_time(), 0, 0
    assert model
    while ids := rows.lacking("achievement", model, after, 2_000):
        rows.keep("achievement", ids, model)
        after, made = ids[-1], made + len(ids)
    cpu = time.process_time() - cpu
    yield "excerpts", f"{made:,} made, {cpu:.0f} s of processor ({1000 * cpu / max(made, 1):.1f} ms each)"


def watched() -> Times:
    """The steps of a run, from now on."""
    from keqiao.matching import scoring, services
    from keqiao.matching.all_pairs import library
    from keqiao.matching.retrieval import Retriever

    times = Times()
    times.wrap(library, "write", "library")
    times.wrap(library.Library, "_by_words", "words")
    times.wrap(library.Library, "_by_meaning", "meaning")
    times.wrap(library.Library, "nearest", "search")
    times.wrap(Retriever, "asked", "reading needs")
    times.wrap(scoring, "items", "reading achievements")
    times.wrap(scoring, "matches_among", "stones")
    times.wrap(services, "keep_pairs", "keeping")
    return times


def steps_of_a_run(args: argparse.Namespace) -> Iterator[Row]:
    """A whole run in this process; then the arithmetic."""
    from keqiao.matching import services
    from keqiao.matching.all_pairs import driving, library, runners, shards
    from keqiao.matching.models import Computation, Match, PairsRun, PairsShard
    from keqiao.parties import selectors as parties

    Match.objects.all().delete()
    Computation.objects.all().delete()
    PairsRun.objects.all().delete()
    times = watched()
    database = psutil.Process(connection_pid())
    asked = processor(database)
    began, cpu = time.monotonic(), time.process_time()
    services.begin_all_pairs(actor=parties.system())
    chosen = PairsShard.objects.order_by("first_need_id").values_list("pk", flat=True)[: max(1, args.run_needs // 100)]
    PairsShard.objects.exclude(pk__in=list(chosen)).delete()
    made: list[float] = []  # documents of the library, MB, seconds a pair, and what it took to know

    def tell(done: int, total: int) -> None:
        if not made:
            folder = shards.folder(PairsRun.objects.get(state="running").code)
            documents = json.loads((folder / library.ABOUT).read_text())["documents"]
            before, known = time.process_time(), dict(times.seconds)
            a_pair = seconds_a_pair(library.Library(folder), documents)
            times.seconds = defaultdict(float, known)
            size = sum(file.stat().st_size for file in folder.rglob("*.npy")) / 1e6
            made.extend((documents, size, a_pair, time.process_time() - before))
        print(f"    {done} / {total}", file=sys.stderr, flush=True)

    driving.drive(runners.Here(), tell=tell)
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    achievements, size, a_pair, apart = made
    cpu -= apart
    needs, held = sum(PairsShard.objects.values_list("needs", flat=True)), times.seconds
    yield (
        f"{needs:,} needs × {achievements:,.0f} public achievements, one process",
        f"{took:.0f} s, {cpu:.0f} s of processor; {Match.objects.count():,} matches; most memory {memory():.0f} MB",
    )
    asked = processor(database) - asked
    yield "the database for it", f"{asked:.1f} s of processor ({1000 * asked / needs:.1f} ms a need)"
    yield (
        "library",
        f"{held['library']:.1f} s, {size:.0f} MB ({1000 * size / achievements:.1f} KB an achievement)",
    )
    for step in ("reading needs", "words", "meaning"):
        yield step, f"{held[step]:.1f} s ({1000 * held[step] / needs:.1f} ms a need)"
    fusing = held["search"] - held["words"] - held["meaning"]
    yield "fusing", f"{fusing:.1f} s ({1000 * fusing / needs:.1f} ms a need)"
    for step in ("reading achievements", "stones", "keeping"):
        yield step, f"{held[step]:.1f} s ({1000 * held[step] / needs:.1f} ms a need)"
    grows = BAR_ACHIEVEMENTS / achievements
    more = BAR_NEEDS / needs
    once = held["library"] * grows
    by_pairs = a_pair * BAR_NEEDS * BAR_ACHIEVEMENTS
    by_needs = (cpu + asked - held["library"] - a_pair * needs * achievements) * more
    total = once + by_pairs + by_needs
    minutes = (once + (by_pairs + by_needs) / 2) / 60
    parts = (
        f"library {once:.0f} s (grows with the achievements), search {by_pairs:.0f} s (with needs × achievements), "
        f"the rest with the database {by_needs:.0f} s (with the needs)"
    )
    yield (
        f"multiplied out: {BAR_NEEDS:,} × {BAR_ACHIEVEMENTS:,}",
        f"{parts}: {total:.0f} s of processor, on two cores (the library on one) {minutes:.1f} min; bar {BAR_MINUTES} min",
    )


def seconds_a_pair(made: Any, documents: int) -> float:
    """What each further achievement adds to the search of a need: the same library once and four times over. The rest of a
    search is done once a need, however many achievements there are.
    """
    from keqiao.catalogue import selectors as catalogue
    from keqiao.matching import indexing, scoring
    from keqiao.matching.gathering import need_facts, regions
    from keqiao.matching.retrieval import SHIPPED
    from keqiao.matching.types import Reach

    retriever, needs = indexing.retriever("achievement"), catalogue.published_ids("need")
    assert retriever
    facts = [need_facts(need, regions()) for need in needs.prefetch_related("texts", "indicators")[:100]]
    asked = [retriever.asked(scoring.query_text(one), Reach.PUBLIC) for one in facts]
    parts, took = made.parts, []
    for times in (1, 1, 4):  # the first time the files are read
        made.parts, began = parts * times, time.process_time()
        made.nearest(asked, retriever.idf_of, depth=SHIPPED.candidates, k=scoring.CANDIDATES)
        took.append(time.process_time() - began)
    return (took[2] - took[1]) / 3 / len(asked) / documents


def connection_pid() -> int:
    """Of the process of the database that answers this one."""
    from django.db import connection

    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def one_by_one(args: argparse.Namespace) -> Iterator[Row]:  # noqa: ARG001 -- a part
    """As the jobs do it, for comparison; and what the two ways find."""
    from keqiao.catalogue import selectors as catalogue
    from keqiao.matching import services
    from keqiao.matching.models import Match
    from keqiao.parties import selectors as parties

    ids = list(catalogue.published_ids("need").values_list("pk", flat=True)[:ONE_BY_ONE])
    at_once = {pk: set(Match.objects.filter(need=pk).values_list("achievement", "score")) for pk in ids}
    cpu = time.process_time()
    for pk in ids:
        services.compute_matches(actor=parties.system(), kind="need", item_id=pk)
    cpu = time.process_time() - cpu
    alone = {pk: set(Match.objects.filter(need=pk).values_list("achievement", "score")) for pk in ids}
    both = sum(len(at_once[pk] & alone[pk]) for pk in ids)
    of = max(1, sum(len(found) for found in alone.values()))
    yield (
        f"{len(ids)} of the needs one by one",
        f"{1000 * cpu / len(ids):.0f} ms of processor a need; {both / of:.1%} of the matches the same, with their scores",
    )


def by_the_clock(args: argparse.Namespace) -> Iterator[Row]:
    """As who runs a site begins it, on all cores: processes of this machine, or Ray where RAY_ADDRESS says so."""
    from django.db.models import Sum

    from keqiao.matching import services
    from keqiao.matching.models import Match, PairsRun, PairsShard
    from keqiao.parties import selectors as parties

    Match.objects.all().delete()
    PairsRun.objects.all().delete()
    services.begin_all_pairs(actor=parties.system())
    chosen = PairsShard.objects.order_by("first_need_id").values_list("pk", flat=True)[
        : max(1, args.clock_needs // 100)
    ]
    PairsShard.objects.exclude(pk__in=list(chosen)).delete()
    needs = PairsShard.objects.aggregate(sum=Sum("needs"))["sum"]
    PairsRun.objects.update(needs=needs)
    took = keqiao("matches", "all-pairs")
    run = PairsRun.objects.latest("pk")
    who = os.environ.get("RAY_ADDRESS", "")
    yield (
        f"{needs:,} needs by the clock, library and all, {'on Ray ' + who if who else 'in one process a core'}",
        f"{took} (database apart); {run.state}, {Match.objects.count():,} matches; bar {BAR_MINUTES * 60} s for {BAR_NEEDS:,}",
    )


# --- nodes ------------------------------------------------------------------------------------------------------------


def nodes(args: argparse.Namespace) -> Iterator[Row]:
    """The same four shards on one and on two Ray nodes of one core each: as it went, and what the schedule alone gives.

    The second counts processor time, so that it says something on a busy machine too: the shards as they were measured, with
    one node or with two at a time, each given to the node that is free first.
    """
    (took, alone), (took_of_two, beside) = (_on_nodes(args, count) for count in (1, 2))
    yield (
        f"{args.node_needs} needs in four shards on 1 and on 2 Ray nodes of this machine",
        f"{took:.0f} s and {took_of_two:.0f} s: {took / took_of_two:.2f} × (bar 1.6 ×; nodes warm, library written)",
    )
    one, two = makespan(alone, 1), makespan(beside, 2)
    yield (
        "the schedule in processor time",
        f"shards of {_listed(alone)} s on 1 node, {_listed(beside)} s on 2: {one:.1f} s and {two:.1f} s, {one / two:.2f} ×",
    )


def makespan(shards: Sequence[float], nodes: int) -> float:
    """Until the last of these is done, each taken by the node that is free first."""
    free = [0.0] * nodes
    for seconds in shards:
        free[free.index(min(free))] += seconds
    return max(free)


def _listed(seconds: Sequence[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in seconds)


NODES = """
import json, sys, tempfile, time
from pathlib import Path
from ray.cluster_utils import Cluster
from keqiao.matching import services
from keqiao.matching.all_pairs import driving, runners
from keqiao.matching.models import Match, PairsRun, PairsShard
from keqiao.parties import selectors as parties
count, needs = int(sys.argv[1]), int(sys.argv[2])
Match.objects.all().delete()
PairsRun.objects.all().delete()
services.begin_all_pairs(actor=parties.system(), needs_a_shard=needs // 4)
kept = list(PairsShard.objects.order_by("first_need_id").values_list("pk", flat=True)[:6])
PairsShard.objects.exclude(pk__in=kept).delete()
told = Path(tempfile.mkdtemp())
def timed(code):
    import time
    runners._begin_on_ray()
    began = time.process_time()
    runners._compute(code)
    (told / f"{time.time():.6f}").write_text(str(time.process_time() - began))
    return code
runners._compute_on_ray = timed  # by value: it stands in no module
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80_000_000})
for _ in range(count):
    cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
at = []
def tell(done, total):
    at.append(time.monotonic())
assert driving.drive(runners.OnRay(cluster.address), tell=tell)
cluster.shutdown()
# The first two shards warm the nodes: a process loads the site, and its library is mapped.
shards = [float(file.read_text()) for file in sorted(told.iterdir())]
print("TOOK", json.dumps([at[-1] - at[2], shards[2:]]))
"""


def _on_nodes(args: argparse.Namespace, count: int) -> tuple[float, list[float]]:
    """Seconds by the clock, and of processor for each shard."""
    before = (
        "from keqiao.cli import ground\nfrom keqiao.runtime.environment import read_environment\n"
        "with ground.django(read_environment()):\n"
    )
    script = before + "".join(f"    {line}\n" for line in NODES.strip().splitlines())
    command = [sys.executable, "-c", script, str(count), str(args.node_needs)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    took, shards = json.loads(next(line for line in said.splitlines() if line.startswith("TOOK"))[5:])
    return took, shards


def as_table(args: argparse.Namespace, rows: list[Row]) -> str:
    size = psutil.virtual_memory().total / 1e9
    machine = f"{os.cpu_count()} cores, {size:.0f} GB, {platform.machine()}, Python {platform.python_version()}"
    head = [
        f"{args.achievements:,} achievements (96 % public), {args.needs:,} needs, generated. {machine}.",
        f"Load of the machine at the end: {os.getloadavg()[1]:.1f}; where it is more than 2, only processor time counts.",
        "",
        "| what | measured |",
        "|---|---|",
    ]
    return "\n".join([*head, *(f"| {a} | {b} |" for a, b in rows)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
