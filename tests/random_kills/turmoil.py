"""Starts a site and what uses it, kills at random, lets it come to rest, and says what is not whole."""

import csv
import io
import json
import random
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from keqiao.matching.tests.milvus_server import MilvusServer
from tests.running_sites import DIRECT, ROOT, Site, new_site, processes, said, wait_for, with_django

ACHIEVEMENTS, NEEDS = 240, 60
ROWS = 5  # of an imported file
HEADER = ("外部编号", "完成单位", "成果名称", "成果简介", "产业领域")
READY_WITHIN, REST_WITHIN, APPEARS_WITHIN = 120.0, 600.0, 30.0
INSIDE = "from tests.random_kills import inside\ninside."
KINDS = ("worker", "web", "postmaster", "backend", "rebuild", "move", "all pairs", "ray node", "ray process")
LONGEST_WAIT = 6.0  # seconds between a victim's turn and its death


class NotWhole(AssertionError):
    """The site came to rest, and something is not as it should be."""


class Program:
    """A process that is started again whenever it ends, as a service manager would."""

    def __init__(self, name: str, site: Site, command: Callable[[int], list[str]], pause: float = 1.0) -> None:
        self.name, self.starts = name, 0
        self._site, self._command, self._pause = site, command, pause
        self._out = site.env.data.parent / f"{site.env.data.name}.{name.replace(' ', '-')}.out"
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            self.starts += 1
            self._said_before = len(self.output())
            with self._out.open("ab") as out:
                self._process = subprocess.Popen(
                    self._command(self.starts), env=self._site.variables, cwd=ROOT, stdout=out, stderr=out
                )
            self._process.wait()
            self._over.wait(self._pause)

    def alive(self) -> list[psutil.Process]:
        if self._process is None or self._process.poll() is not None:
            return []
        return [psutil.Process(self._process.pid)]

    def at_work(self) -> list[psutil.Process]:
        """Once it said something: what is killed before has only been loading its libraries."""
        return self.alive() if len(self.output()) > self._said_before else []

    def end(self) -> None:
        self._over.set()
        if self._process:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
            self._process.kill()
        if self._thread.ident:
            self._thread.join()

    def output(self) -> str:
        return self._out.read_text(errors="replace") if self._out.exists() else ""


class Importer:
    """Imports small files through the API, one after the other: new rows, and older ones with another title."""

    def __init__(self, site: Site, token: str, owner: str, seed: int) -> None:
        self.expected: dict[str, str] = {}  # external id → mark of the last title that was acknowledged to come in
        self.imports: list[str] = []
        self.trouble: list[str] = []
        self._site, self._token, self._owner = site, token, owner
        self._chance, self._over = random.Random(seed), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            mark = f"zzimport{number}x"
            old = list(self.expected)
            ids = self._chance.sample(old, min(2, len(old)))
            ids += [f"K-{number}-{n}" for n in range(ROWS - len(ids))]
            code = self._upload(self._file(ids, mark))
            if code and self._brought_in(code):
                self.imports.append(code)
                self.expected |= dict.fromkeys(ids, mark)
            self._over.wait(2.0)

    def _file(self, ids: list[str], mark: str) -> bytes:
        out = io.StringIO()
        rows = [(name, self._owner, f"耐酸纳滤膜 {mark}", "在 pH 1 下稳定，水通量高。", "materials") for name in ids]
        csv.writer(out).writerows([HEADER, *rows])
        return out.getvalue().encode("utf-8-sig")

    def _upload(self, content: bytes) -> str:
        """Its code when it was acknowledged. What was not, waits for ever to be applied: nothing of it comes in."""
        status, told = self._ask("POST", "/imports", {"kind": "achievements", "publishes": "true"}, content)
        return told["code"] if status == 201 else ""

    def _brought_in(self, code: str) -> bool:
        """Checked by a job, applied when asked to; asked until it is certain, also when the site is still dead."""
        until = time.monotonic() + REST_WITHIN
        while time.monotonic() < until:
            status, told = self._ask("GET", f"/imports/{code}")
            state = told.get("state")
            if status == 404:
                self.trouble.append(f"import {code} was acknowledged and is lost")
                return False
            if state == "validated":
                self._ask("POST", f"/imports/{code}/apply")
            elif state in {"done", "cancelled", "refused"}:
                right = state == "done" and told["added"] + told["changed"] + told["unchanged"] == ROWS
                if not right:
                    self.trouble.append(f"import {code}: {told}")
                return right
            time.sleep(0.3)
        self.trouble.append(f"import {code} does not end")
        return False

    def _ask(self, method: str, path: str, fields: Mapping[str, str] | None = None, file: bytes = b"") -> Any:
        """(status, answer); (0, {}) when nobody answered, or only to say that something is away."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        body = None
        if fields is not None:
            edge = uuid.uuid4().hex
            headers["Content-Type"] = f"multipart/form-data; boundary={edge}"
            body = _multipart(edge, fields, file)
        asked = urllib.request.Request(f"{self._site.url}/api/v1{path}", body, headers, method=method)
        try:
            with DIRECT.open(asked, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as answer:
            if answer.code not in {404, 409, 429, 500, 502, 503}:
                self.trouble.append(f"{method} {path}: {answer.code} {answer.read()[:300]!r}")
            time.sleep(0.3)
            return answer.code, {}
        except (OSError, ValueError):
            time.sleep(0.3)
            return 0, {}


def _multipart(edge: str, fields: Mapping[str, str], file: bytes) -> bytes:
    parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\nContent-Type: text/csv\r\n\r\n'
    return "".join([*parts, head]).encode() + file + f"\r\n--{edge}--\r\n".encode()


@dataclass
class Turmoil:
    """One site with all that goes on in it. Use `turmoil(…)`."""

    site: Site
    seed: int
    chance: random.Random
    supervisor: Program
    ray: Program
    editor: Program
    importer: Importer
    jobs: dict[str, Program]
    tell: Callable[[str], None]
    kills: Counter[str] = field(default_factory=Counter)

    # --- killing

    def kill(self, count: int) -> None:
        """So many deaths; every kind of process has its turn before one dies again."""
        wait_for(lambda: bool(self.importer.imports and self.editor.at_work()), READY_WITHIN, "the first changes")
        deck: list[str] = []
        while self.kills.total() < count:
            if not deck:
                deck = self.chance.sample(KINDS, len(KINDS))
            name = deck.pop()
            if self._kill_one(name):
                self.kills[name] += 1
                self.tell(f"kill {self.kills.total()}: {name}")

    def _kill_one(self, name: str) -> bool:
        until = time.monotonic() + APPEARS_WITHIN
        while not self._victims(name):
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        time.sleep(self.chance.uniform(0, LONGEST_WAIT))  # at whatever point of its work that is
        found = self._victims(name)
        if not found:
            return False
        with suppress(psutil.Error):
            self.chance.choice(found).kill()
            return True
        return False

    def _victims(self, name: str) -> list[psutil.Process]:
        if name in self.jobs:
            return self.jobs[name].at_work()
        with suppress(psutil.Error, IndexError):
            if name == "ray node":
                pids = map(int, re.findall(r"^NODE (\d+)$", self.ray.output(), re.MULTILINE))
                return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
            if name == "ray process":
                return [p for p in self.ray.alive()[0].children(recursive=True) if _computes(p)]
            found = processes(self.site, self.supervisor.alive()[0].pid)
            backends = [p for p in found["database"][1:] if "[local]" in " ".join(p.cmdline())]
            return {**found, "postmaster": found["database"][:1], "backend": backends}[name]
        return []

    # --- coming to rest

    def rest(self) -> None:
        """Nobody changes anything any more; what was begun is brought to its end by the site itself."""
        for program in (self.editor, *self.jobs.values()):
            program.end()
        wait_for(lambda: self.site.answers("/readyz") == 200, READY_WITHIN, "to be ready again")
        self.importer.end()
        for _round in range(2):  # what the first one was too early for
            self._call("look_after()")
            self._until_quiet()

    def _until_quiet(self) -> None:
        quiet = 0
        until = time.monotonic() + REST_WITHIN
        while quiet < 2:  # a job may be what another one defers
            told = json.loads(said(self._call("hasten()"), "JOBS"))
            if told["failed"]:
                raise NotWhole(f"jobs failed for good: {told['failed']}\n{self._why()}")
            quiet = 0 if told["open"] else quiet + 1
            if time.monotonic() > until:
                raise NotWhole(f"not at rest within {REST_WITHIN:.0f} s: {told['open']}")

    def _why(self) -> str:
        """What the logs say of the jobs that failed last."""
        logs = sorted((self.site.env.data / "logs").glob("*.log"))
        lines = [
            line for file in logs for line in file.read_text(errors="replace").splitlines() if "status: Error" in line
        ]
        return "\n".join(line[:3_000] for line in lines[-4:])

    def _call(self, what: str) -> str:
        return self.site.python(INSIDE + what)

    # --- comparing

    def check(self) -> None:
        """Nothing lost, nothing stale, equal to a fresh rebuild."""
        self._check_rows(json.loads(said(self._call("rows()"), "ROWS")))
        self._both_sides()
        self._no_faults("after the kills")
        before = json.loads(said(self._call("contents()"), "CONTENTS"))
        self._keqiao("reindex")
        self._until_quiet()
        if json.loads(said(self._call("contents()"), "CONTENTS")) != before:
            raise NotWhole("the index is not that of a fresh rebuild")
        self._no_faults("after the rebuild")
        self._call("match_all_pairs()")
        self._until_quiet()
        stored = said(self._call("matches()"), "MATCHES")
        self._call("compute_anew()")
        if said(self._call("matches()"), "MATCHES") != stored:
            raise NotWhole("the matches are not those of a fresh computation")
        self._keqiao("audit", "verify")

    def _both_sides(self) -> None:
        """A move that nobody kills fills the other engine, or goes on where it was."""
        self._call("index_moves.carry(inside.other_engine(), print)")

    def _no_faults(self, when: str) -> None:
        found = {what: count for what, count in json.loads(said(self._call("faults()"), "FAULTS")).items() if count}
        if found:
            raise NotWhole(f"{when}: {found}")

    def _keqiao(self, *arguments: str) -> None:
        done = self.site.keqiao(*arguments)
        if done.returncode:
            raise NotWhole(f"keqiao {' '.join(arguments)}: {done.stdout[-2_000:]}{done.stderr[-2_000:]}")

    def _check_rows(self, rows: dict[str, tuple[str, int, str, str]]) -> None:
        """What was acknowledged stands, once."""
        wrong = list(self.importer.trouble)
        by_id = Counter(row[0] for row in rows.values() if row[0])
        titles = {row[0]: row[3] for row in rows.values()}
        wrong += [f"{name} stands {by_id[name]} times" for name in self.importer.expected if by_id[name] != 1]
        for name, mark in self.importer.expected.items():
            if mark not in titles.get(name, ""):
                wrong.append(f"{name} has not {mark}: {titles.get(name)}")
        last, is_certain = acknowledged(self.editor.output())
        for code, (revision, state, mark) in last.items():
            _id, now, stands, title = rows[code]
            if now < revision or (is_certain[code] and (now, stands) != (revision, state)):
                wrong.append(f"{code}: {state} at {revision} was acknowledged, it is {stands} at {now}")
            if is_certain[code] and mark not in {"-", *title.split()}:
                wrong.append(f"{code} has not {mark}: {title}")
        if wrong:
            raise NotWhole("\n".join(wrong))
        edits = self.editor.output().count("ACK ")
        assert edits >= self.kills.total(), f"too little happened: {edits} changes"
        self.tell(f"{edits} changes and {len(self.importer.imports)} imports acknowledged, all there")


def acknowledged(output: str) -> tuple[dict[str, tuple[int, str, str]], dict[str, bool]]:
    """Code → what was said of it last, and whether nothing was tried since."""
    last: dict[str, tuple[int, str, str]] = {}
    is_certain: dict[str, bool] = {}
    for line in output.splitlines():
        match line.split():
            case ["TRY", code]:
                is_certain[code] = False
            case ["ACK", code, revision, state, mark]:
                last[code], is_certain[code] = (int(revision), state, mark), True
    return last, is_certain


def _computes(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.name().startswith("ray::")
    return False


@contextmanager
def turmoil(folder: Path, seed: int, tell: Callable[[str], None] = print) -> Iterator[Turmoil]:
    """A site of some hundred items in full use."""
    with MilvusServer(folder / "milvus") as server, new_site(folder / "data") as bare:
        more = {"MILVUS_URI": server.uri, "MILVUS_CONSISTENCY": "Strong"}
        site = Site(bare.env, {**more, "RAY_USAGE_STATS_ENABLED": "0"})
        ray = Program("ray", site, lambda _: [sys.executable, str(Path(__file__).with_name("ray_nodes.py"))])
        ray.start()
        token, owner = _filled(Site(bare.env))
        wait_for(lambda: "NODE" in ray.output(), READY_WITHIN, "Ray")
        site = Site(site.env, {**site.more, "RAY_ADDRESS": said(ray.output(), "RAY")})
        made = _made(site, ray, token, owner, seed, tell)
        programs = [made.supervisor, made.editor, *made.jobs.values()]
        try:
            made.supervisor.start()
            wait_for(lambda: site.answers("/readyz") == 200, READY_WITHIN, "the first start")
            made.importer.start()
            for program in programs[1:]:
                program.start()
            yield made
        except BaseException:
            for program in (*programs, ray):
                tell(f"{program.name}, started {program.starts} times: {program.output()[-1_500:]}")
            raise
        finally:
            for program in (*reversed(programs), ray):
                program.end()


def _filled(site: Site) -> tuple[str, str]:
    """Token and owner for imports. The index lies in LanceDB at first."""
    for words in (
        ["migrate"],
        ["bench", "generate", "--achievements", str(ACHIEVEMENTS), "--needs", str(NEEDS)],
        ["reindex"],
    ):
        done = site.keqiao(*words)
        assert done.returncode == 0, done.stderr
    told = site.python(INSIDE + "prepare()")
    return said(told, "TOKEN"), said(told, "OWNER")


def _made(site: Site, ray: Program, token: str, owner: str, seed: int, tell: Callable[[str], None]) -> Turmoil:
    def lines(what: str) -> Callable[[int], list[str]]:
        return lambda number: with_django(INSIDE + what.format(seed=seed * 1000 + number))

    def keqiao(*words: str) -> Callable[[int], list[str]]:
        return lambda _number: [sys.executable, "-m", "keqiao", *words]

    jobs = {
        "rebuild": Program("rebuild", site, keqiao("reindex"), pause=5.0),
        "move": Program("move", site, lines("move_index({seed})"), pause=0.5),
        "all pairs": Program("all pairs", site, lines("match_all_pairs()"), pause=2.0),
    }
    return Turmoil(
        site=site,
        seed=seed,
        chance=random.Random(seed),
        supervisor=Program("serve", site, keqiao("serve")),
        ray=ray,
        editor=Program("editor", site, lines("edit({seed})")),
        importer=Importer(site, token, owner, seed),
        jobs=jobs,
        tell=tell,
    )
