"""A search page and a need's recomputation, in this release and in the one before, side by side:
`python bench/latency.py [--before COMMIT] [--achievements 10000] [--questions 100] [--out FILE]`.

The code of COMMIT is taken out of git; both releases run on this Python and these libraries, each in a process of its own
with a database and an index of its own, filled with the same items (`keqiao.demo.recombining` of this release; columns that
one of them does not have are left out for both). Each question is put to both, one after the other, in alternating order.
Processor time is that of the release's process, all its threads; it is what a busy machine does not disturb.

COMMIT is, unless said otherwise, the last one before work on the quality of matching began.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
BEFORE = "38cf3a1"
SEED = 20_261_127
MOST = 1.5  # times what the release before takes
RELEASES = ("before", "now")
Times = dict[str, list[tuple[float, float]]]  # release → wall and processor time, ms


# --- One release, in a process of its own ------------------------------------------------------------------------------


def serve(items: Path) -> None:
    """Fills and indexes its site, then answers one line of JSON with another until there is none."""
    import django

    django.setup()
    from django.core.management import call_command

    from keqiao.catalogue import selectors as catalogue
    from keqiao.matching import indexing

    call_command("migrate", verbosity=0)
    if not catalogue.published_ids("achievement").exists():
        fill(items)
    if not indexing.is_ready():
        indexing.rebuild(lambda _text: None)
    keep_excerpts()
    answer = {"search": searcher(), "need": recomputer(), "version": lambda _asked: indexing.model().version}
    say({"ready": catalogue.published_ids("achievement").count()})
    for line in sys.stdin:
        asked = json.loads(line)
        wall, processor = time.perf_counter(), time.process_time()
        found = answer[asked["do"]](asked["what"])
        say(
            {"ms": 1000 * (time.perf_counter() - wall), "cpu": 1000 * (time.process_time() - processor), "found": found}
        )


def keep_excerpts() -> None:
    """What the worker does after a rebuild, in a release that does it."""
    if not find_spec("keqiao.matching.excerpts"):
        return
    from keqiao.matching import excerpts, indexing

    for kind in indexing.KINDS:
        excerpts.keep_lacking(kind, indexing.model(), after=0, most=10**9)


def say(what: Mapping[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def searcher() -> Callable[[str], int]:
    """Through the site's own door: the whole page."""
    from django.conf import settings
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()

    def search(question: str) -> int:
        page = client.get("/search", {"q": question})
        assert page.status_code == 200
        return page.content.count(b'class="hit"')

    return search


def recomputer() -> Callable[[int], int]:
    """What the job does: the nearest hundred, their stones, the stored matches."""
    from keqiao.catalogue import selectors as catalogue
    from keqiao.matching import services
    from keqiao.parties import selectors as parties

    needs = list(catalogue.published_ids("need").values_list("pk", flat=True))
    return lambda n: services.compute_matches(actor=parties.system(), kind="need", item_id=needs[n % len(needs)])


def fill(items: Path) -> None:
    from django.db import transaction

    from keqiao.catalogue import models
    from keqiao.catalogue import services as catalogue
    from keqiao.kernel import parameters
    from keqiao.parties import selectors as parties
    from keqiao.parties.models import Organisation

    parameters.load_packs(actor=parties.system())
    about = json.loads(items.read_text(encoding="utf-8"))
    catalogue.load_codes(actor=parties.system(), rows=about["regions"])
    with transaction.atomic():
        for kind, model, owner in (("achievement", models.Achievement, "owner"), ("need", models.Need, "publisher")):
            holder = Organisation.objects.create(code=f"DW-B-{kind[0]}", kind="university", name_zh="测速单位")
            rows = model.objects.bulk_create(
                [model(**of(model, item["columns"]), **{owner: holder}) for item in about[kind]], batch_size=1000
            )
            for part in ("texts", "indicators"):
                table = getattr(rows[0], part).model
                pairs = [(row, one) for row, item in zip(rows, about[kind], strict=True) for one in item[part]]
                table.objects.bulk_create(
                    [table(**{kind: row}, **of(table, one)) for row, one in pairs], batch_size=1000
                )


def of(model: Any, columns: Mapping[str, Any]) -> dict[str, Any]:
    """What this release has a column for."""
    known = {field.attname for field in model._meta.fields} - {"id"}  # noqa: SLF001 -- Django documents it
    return {name: value for name, value in columns.items() if name in known}


# --- Both side by side -------------------------------------------------------------------------------------------------


class Release:
    """The code under `tree`, with its data under `data`."""

    def __init__(self, tree: Path, data: Path, items: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        own = {"PYTHONPATH": str(tree / "src"), "KEQIAO_DATA": str(data), "KEQIAO_LOG_LEVEL": "ERROR", "PORT": "8899"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(items)],
            env={**os.environ, **own, "DJANGO_SETTINGS_MODULE": "keqiao.web.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=data,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)

    def heard(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a release ended: see above")
        return json.loads(line)

    def ask(self, do: str, what: Any) -> dict[str, Any]:
        assert self._process.stdin
        print(json.dumps({"do": do, "what": what}), file=self._process.stdin, flush=True)
        return self.heard()


def taken_out(commit: str, folder: Path) -> Path:
    tree = folder / commit
    if not tree.is_dir():
        packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(tree, filter="data")
    return tree


def write_items(path: Path, achievements: int, needs: int) -> None:
    import django

    django.setup()
    from keqiao.demo import recombining
    from keqiao.demo.generating import site_regions

    counts = {"achievement": achievements, "need": needs}
    made = {kind: [vars(item) for item in recombining.made(kind, n)] for kind, n in counts.items()}
    path.write_text(
        json.dumps({**made, "regions": list(site_regions())}, default=str, ensure_ascii=False), encoding="utf-8"
    )


def measured(releases: Mapping[str, Release], do: str, whats: list[Any]) -> Times:
    """One after the other, which first by turns, so that what else the machine does falls on both."""
    times: Times = {name: [] for name in RELEASES}
    for turn, what in enumerate(whats):
        for name in RELEASES if turn % 2 else reversed(RELEASES):
            answer = releases[name].ask(do, what)
            times[name].append((answer["ms"], answer["cpu"]))
    return times


def rows(releases: Mapping[str, Release], questions: list[str], longs: list[str], needs: int) -> Iterator[str]:
    measured(releases, "search", questions[:20])
    numbers = list(range(needs))
    yield line("search page, new question", measured(releases, "search", questions[20:]))
    yield line("search page, new question of 300 characters", measured(releases, "search", longs))
    yield line("search page, the same questions again", measured(releases, "search", questions[20:]))
    yield line("recomputation of a need, first time", measured(releases, "need", numbers))
    yield line("recomputation of a need, again", measured(releases, "need", numbers))


def line(what: str, times: Times) -> str:
    cells = []
    for column in (0, 1):
        before, now = ([row[column] for row in times[name]] for name in RELEASES)
        low, high = interval(before, now)
        cells += [f"{statistics.mean(before):.0f}", f"{statistics.mean(now):.0f}"]
        cells.append(f"{sum(now) / sum(before):.2f} ({low:.2f} … {high:.2f})")
    return "| " + " | ".join([what, str(len(before)), *cells]) + " |"


def interval(before: list[float], now: list[float]) -> tuple[float, float]:
    """95 % of the ratio of sums, by drawing the questions anew."""
    chance, places = random.Random(SEED), range(len(before))
    drawn = []
    for _ in range(2000):
        chosen = chance.choices(places, k=len(before))
        drawn.append(sum(now[i] for i in chosen) / sum(before[i] for i in chosen))
    drawn.sort()
    return drawn[50], drawn[-50]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default=BEFORE)
    parser.add_argument("--achievements", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--needs", type=int, default=60)
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "latency")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        from keqiao.runtime import postgres
        from keqiao.runtime.environment import read_environment

        with postgres.using(read_environment(), {"fsync": "off"}):
            serve(args.serve)
        return 0
    return compare(args)


def compare(args: argparse.Namespace) -> int:
    folder = args.data / f"{args.achievements}-{args.needs}"
    folder.mkdir(parents=True, exist_ok=True)
    items = folder / "items.json"
    os.environ |= {"KEQIAO_DATA": str(folder / "now"), "DJANGO_SETTINGS_MODULE": "keqiao.web.settings"}
    if not items.exists():
        write_items(items, args.achievements, args.needs)
    from keqiao.demo import recombining

    questions, longs = recombining.questions(args.questions + 20), recombining.long_questions(args.questions // 2)
    with (
        Release(taken_out(args.before, args.data), folder / args.before, items) as before,
        Release(ROOT, folder / "now", items) as now,
    ):
        counts = {before.heard()["ready"], now.heard()["ready"]}
        assert len(counts) == 1, "the releases hold different numbers of items"
        found = list(rows({"before": before, "now": now}, questions, longs, args.needs))
    text = "\n".join(head(args, counts.pop()) + found) + "\n"
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return 0


def head(args: argparse.Namespace, count: int) -> list[str]:
    return [
        f"Machine: {os.cpu_count()} cores. {count:,} achievements, the same in both. Before: {args.before}. Bar: {MOST} ×.",
        "Means in ms; ratio of sums with its 95 % interval over questions. Processor time is that of the whole process.",
        "",
        "| what | n | wall before | now | ratio | processor before | now | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]


if __name__ == "__main__":
    sys.exit(main())
