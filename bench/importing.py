"""How fast rows come in: check, apply and index generated research results, with the peak of memory.

    python bench/importing.py --rows 5000 [--format csv|xlsx|jsonl] [--drafts] [--no-index] [--limit SECONDS] [--files N]

Rows are made from the open demo data, the same for the same number, and sent as somebody would send them: in as many
files as the limit of one upload asks for. Runs on a throw-away database of its own. The bar: 100,000 rows imported and
indexed in 10 minutes on 2 cores, with memory that does not grow with the number of rows: each stage says its own peak.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import itertools
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memory import Together

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
OPEN = ROOT / "src" / "keqiao" / "demo" / "data" / "open"
HEADER = [
    "外部编号",
    "完成单位",
    "成果名称",
    "成果简介",
    "成果名称（英文）",
    "成果简介（英文）",
    "产业领域",
    "技术成熟度",
    "报价",
    "合作方式",
    "关键词",
    "指标",
]
GROWTH = 1.15  # of a peak, from the first file to all of them
MODES = ("转让", "普通许可", "独占许可、技术服务", "委托或合作开发")


def texts() -> Iterator[dict[str, Any]]:
    """The open texts, over and over."""
    found = []
    for file in sorted(OPEN.glob("*achievements*.jsonl.gz")) or sorted(OPEN.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            found += [json.loads(line) for line in itertools.islice(lines, 2_000)]
    return itertools.cycle(found)


def rows(count: int, owner: str, fields: list[str]) -> Iterator[list[str]]:
    for number, text in zip(range(count), texts(), strict=False):
        zh = next(iter(_strings(text, "zh")), {})
        en = next(iter(_strings(text, "en")), {})
        title = zh.get("title") or en.get("title") or f"成果 {number}"
        summary = zh.get("summary") or zh.get("problem") or en.get("summary") or en.get("problem") or title
        yield [
            f"B-{number:07d}",
            owner,
            f"{title[:200]}（{number}）",
            summary[:2_000],
            en.get("title", "")[:250],
            (en.get("summary") or en.get("title", ""))[:2_000],
            fields[number % len(fields)],
            f"TRL {number % 9 + 1}",
            f"{number % 90 + 10}–{number % 90 + 60}万元",
            MODES[number % len(MODES)],
            "膜、分离、材料",
            f"水通量≥{number % 50 + 1} LMH/bar；脱盐率≥{90 + number % 10}%",
        ]


def _strings(text: dict[str, Any], lang: str) -> Iterator[dict[str, str]]:
    """A text's parts in one language, however the data file names them."""
    given = text.get(lang)
    if isinstance(given, dict):
        yield {name: value for name, value in given.items() if isinstance(value, str)}
    flat = {name.removesuffix(f"_{lang}"): value for name, value in text.items() if name.endswith(f"_{lang}") and value}
    if flat:
        yield {name: value for name, value in flat.items() if isinstance(value, str)}
    if text.get("lang") == lang:
        yield {name: value for name, value in text.items() if isinstance(value, str)}


def write(folder: Path, kind: str, count: int, owner: str, fields: list[str], least: int) -> list[Path]:
    """The rows in as many files as needed, at least `least` of them, none above the limit of one upload."""
    from keqiao.kernel.files import LARGEST

    table = rows(count, owner, fields)
    if kind == "xlsx":  # packed by its format: one file
        paths = [_write(folder / "rows-1.xlsx", kind, table)]
    else:
        size = sum(len(",".join(row).encode()) + 200 for row in rows(count, owner, fields))
        share = math.ceil(count / max(least, math.ceil(1.1 * size / LARGEST)))
        paths = [
            _write(folder / f"rows-{number}.{kind}", kind, itertools.islice(table, share))
            for number in range(1, math.ceil(count / share) + 1)
        ]
    too_large = [path.name for path in paths if path.stat().st_size > LARGEST]
    if too_large:
        raise SystemExit(f"more than one upload may have: {', '.join(too_large)}")
    return paths


def _write(path: Path, kind: str, table: Iterator[list[str]]) -> Path:
    from keqiao.interchange import writers

    if kind == "xlsx":
        with writers.workbook([("achievements", HEADER, table)]) as made, path.open("wb") as out:
            shutil.copyfileobj(made, out)
        return path
    parts = (
        writers.csv_lines(HEADER, table)
        if kind == "csv"
        else writers.json_lines(dict(zip(HEADER, row, strict=True)) for row in table)
    )
    with path.open("w", encoding="utf-8", newline="") as out:
        for part in parts:
            out.write(part)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--format", choices=["csv", "xlsx", "jsonl"], default="csv")
    parser.add_argument("--drafts", action="store_true", help="as drafts, not into public view; nothing to index")
    parser.add_argument("--no-index", action="store_true")
    parser.add_argument("--files", type=int, default=1, help="at least so many; two show whether memory grows")
    parser.add_argument("--limit", type=float, default=0, help="seconds; exit 1 when it takes longer")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keqiao-bench-") as folder:
        os.environ["KEQIAO_DATA"] = folder
        os.environ.setdefault("KEQIAO_LOG_LEVEL", "WARNING")
        from keqiao.runtime import postgres
        from keqiao.runtime.environment import read_environment

        env = read_environment()
        with postgres.using(env):
            try:
                return run(args, Path(folder))
            finally:
                from keqiao.cli import ground

                ground.close_connections()


def run(args: argparse.Namespace, folder: Path) -> int:
    from keqiao.cli import ground

    ground.load_django()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    owner, actor = prepare(is_draft=args.drafts)
    from keqiao.catalogue import selectors as catalogue

    fields = [entry.code for entry in catalogue.table("field")]
    paths = write(folder, args.format, args.rows, owner, fields, args.files)
    sizes = ", ".join(f"{path.stat().st_size / 1e6:.1f} MB" for path in paths)
    print(f"{args.rows} rows in {len(paths)} {args.format}: {sizes}; before: {peak()} MB; {load()}")
    is_indexed = not (args.no_index or args.drafts)
    stages: dict[str, list[Stage]] = {"checked": [], "applied": [], "indexed": []}
    added = 0
    for path in paths:
        with measured(stages["checked"]) as stage:
            job = check(path, actor, publishes=not args.drafts)
        stage.say("checked", job.rows_total or 0)
        with measured(stages["applied"]) as stage:
            job = apply(job, actor)
        stage.say("applied", job.added)
        print(f"  {path.name}: added {job.added}, wrong {job.wrong}, failed {job.failed}", flush=True)
        added += job.added
        if is_indexed and path == paths[0] != paths[-1]:
            index(stages["indexed"], added)
    if is_indexed:
        index(stages["indexed"], added)
    took = sum(stage.took for stage in stages["checked"] + stages["applied"]) + sum(
        stage.took for stage in stages["indexed"][-1:]
    )
    for what in ("checked", "applied"):
        total(what, args.rows, sum(stage.took for stage in stages[what]))
    total("together", args.rows, took)
    print(load())
    has_grown = [grows(what, [stage.peak for stage in made]) for what, made in stages.items() if made]
    return 1 if added != args.rows or any(has_grown) or (args.limit and took > args.limit) else 0


def index(stages: list[Stage], count: int) -> None:
    """By `keqiao reindex`, as an operator does it: what the build holds is gone when its process ends. With as many
    processes for few rows as for many, so that only the rows differ; the peak is that of all of them together.
    """
    with measured(stages) as stage:
        settings = {"PYTHONPATH": str(ROOT / "src"), "KEQIAO_INDEX_PROCESSES": str(os.cpu_count() or 1)}
        child = subprocess.Popen([sys.executable, "-m", "keqiao", "reindex"], env=os.environ | settings)
        together = Together(child.pid)
        _pid, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        together.ended.set()
        together.join()
    if child.returncode:
        raise SystemExit(f"keqiao reindex ended with {child.returncode}")
    stage.own += used.ru_utime + used.ru_stime
    stage.peak = max(together.peak >> 20, used.ru_maxrss // 1024)
    stage.say("indexed", count)


def grows(what: str, peaks: list[int]) -> bool:
    """Is the peak of a later part above that of the first by more than it may be?"""
    if len(peaks) < 2:
        print(f"{what:<9} peak {peaks[0]} MB; with one part nothing is said about growth (--files 2)")
        return False
    ratio = max(peaks[1:]) / peaks[0]
    print(f"{what:<9} peak {peaks[0]} MB at first, {max(peaks[1:])} MB later: {ratio:.2f} times (most {GROWTH})")
    return ratio > GROWTH


def check(path: Path, actor: Any, *, publishes: bool) -> Any:
    from keqiao.interchange import services, staging
    from keqiao.interchange.models import Import

    with path.open("rb") as file:
        job = services.start_import(
            actor=actor,
            kind="achievements",
            name=path.name,
            chunks=iter(lambda: file.read(1 << 16), b""),
            publishes=publishes,
        )
    staging.stage(job.pk)
    return Import.objects.get(pk=job.pk)


def apply(job: Any, actor: Any) -> Any:
    from keqiao.interchange import services
    from keqiao.interchange.models import Import
    from keqiao.parties import selectors as parties

    services.apply_import(actor=actor, code=job.code)
    while services.apply_chunk(actor=parties.system(), import_id=job.pk):
        pass
    return Import.objects.get(pk=job.pk)


def prepare(*, is_draft: bool) -> tuple[str, Any]:
    """Code tables, one verified organisation, and somebody who may import."""
    from keqiao.catalogue import codes
    from keqiao.kernel import parameters
    from keqiao.parties import selectors as parties
    from keqiao.parties import services as people

    system = parties.system()
    parameters.load_packs(actor=system)
    codes.load(actor=system)
    place = people.register_organisation(actor=system, code="DW-BENCH", kind="university", name_zh="量测大学")
    place.is_verified = True
    place.save(update_fields=["is_verified"])
    if not is_draft:
        return place.code, system
    from django.contrib.auth import get_user_model

    person = people.register_person(actor=system, email="bench@example.org", password="bench-2026-only", name_zh="量测")
    people.appoint(actor=system, person_id=person.pk, organisation_id=place.pk, role="conversion_officer")
    return place.code, parties.actor_for(get_user_model().objects.get())


class Stage:
    """A stretch of the work with a clock and a peak of memory of its own."""

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # Linux: the highest mark starts from here
        self.began, self.worked = time.monotonic(), cpu_seconds()
        self.took, self.peak, self.own, self.database = 0.0, 0, 0.0, 0.0

    def end(self) -> None:
        self.took, self.peak = time.monotonic() - self.began, peak()
        self.own, self.database = (after - before for after, before in zip(cpu_seconds(), self.worked, strict=True))

    def say(self, what: str, count: int) -> None:
        cost = (self.own + self.database) / max(count, 1) * 1_000
        about = f"CPU {self.own:.1f} s here, {self.database:.1f} s database: {cost:.2f} s for 1,000 rows"
        total(what, count, self.took, f"  {about}  peak {self.peak} MB")


@contextlib.contextmanager
def measured(stages: list[Stage]) -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.end()
    stages.append(stage)


def total(what: str, count: int, seconds: float, more: str = "") -> None:
    print(f"{what:<9} {seconds:8.1f} s  {count / max(seconds, 0.001):8.0f} rows/s{more}", flush=True)


def cpu_seconds() -> tuple[float, float]:
    """Of this process and of the database: what the work costs, whatever else the machine does."""
    import psutil
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0]).parent()
    if server is None:
        return time.process_time(), 0.0
    seconds = server.cpu_times().children_user + server.cpu_times().children_system
    for process in (server, *server.children()):
        with contextlib.suppress(psutil.Error):  # a helper of the database that has just ended
            seconds += sum(process.cpu_times()[:2])
    return time.process_time(), seconds


def peak() -> int:
    """Most memory that this process had since the mark was put back, in MB; the database's own is not in it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def load() -> str:
    """What else the machine had to do: figures of two days compare only beside it."""
    return f"{os.cpu_count()} cores, load {' '.join(f'{n:.1f}' for n in os.getloadavg())}"


if __name__ == "__main__":
    sys.exit(main())
