"""Fail-over rehearsed on this machine: a cluster of two databases under load, its primary killed, restarted, handed over.

    .venv/bin/python deploy/ha/rehearse.py --patroni "/usr/bin/python3 -m patroni" --etcd /usr/bin/etcd

Starts etcd and two Patroni nodes on loopback from `patroni.yml` beside this file, makes a site's tables there, posts entries
into books by the platform's own command, and meanwhile: `database` kills the primary's processes, `machine` kills
Patroni and the database of the primary together, `switch` hands over in order. Then every entry that was acknowledged is
looked for, and the books are added up. Ends with 1 when one is missing. Everything lies in a folder that is removed at
the end, and only processes started here are ended. Guide: docs/guides/fail-over.md.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

import psutil
import psycopg

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "src"))

from keqiao.runtime import postgres  # noqa: E402 -- found from here without being installed

HOST = "127.0.0.1"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
PATIENCE = 120.0  # seconds for a cluster to be whole again on a busy machine
SETTLING = 6.0  # seconds until Patroni no longer tells what was true before: three of its rounds
THREADS = 3

MAKE_BOOKS = f"""
from keqiao.kernel import parameters
from keqiao.parties import selectors as parties
from keqiao.parties.models import Organisation
parameters.load_packs(actor=parties.system())
for number in range({THREADS}):
    made = Organisation.objects.create(code=f"DW-HA-{{number}}", kind="university", name_zh=f"澜江测试大学{{number}}")
    print("ID", made.pk)
"""
# Posts for ever in some threads, saying each key and when it was acknowledged; what failed is posted again by its key.
POST = """
import sys, threading, time
from django.db import DatabaseError, InterfaceError, connection
from keqiao.kernel.errors import DomainError
from keqiao.kernel.money import Money
from keqiao.ledger import services
from keqiao.ledger.types import Draft, Purpose, credit, debit
from keqiao.parties import selectors as parties
def work(organisation_id):
    n = 0
    while True:
        money, key = Money(100 + n), f"{organisation_id}:{n}"
        draft = Draft("入账", key, (debit(Purpose.BANK, money, "入账"), credit(Purpose.FEE_INCOME, money, "入账")))
        try:
            services.post(actor=parties.system(), organisation_id=organisation_id, draft=draft)
        except (DatabaseError, InterfaceError, DomainError):
            connection.close()
            time.sleep(0.1)
            continue
        sys.stdout.write(f"{time.time():.3f} {key}\\n")
        sys.stdout.flush()
        n += 1
for organisation_id in sys.argv[1:]:
    threading.Thread(target=work, args=(int(organisation_id),)).start()
"""


@dataclass
class Cluster:
    folder: Path
    patroni: list[str]
    etcd: str
    first_port: int
    account: postgres.Account | None
    passwords: dict[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def port(self, number: int) -> int:
        return self.first_port + number

    def rest(self, number: int) -> int:
        return self.first_port + 10 + number

    @property
    def database_url(self) -> str:
        query = (
            f"host={HOST},{HOST}&port={self.port(1)},{self.port(2)}&target_session_attrs=read-write"
            "&connect_timeout=2&tcp_user_timeout=3000"
        )
        return f"postgresql://keqiao:{self.passwords['keqiao']}@/keqiao?{query}"

    def start_etcd(self) -> None:
        client, peer = f"http://{HOST}:{self.first_port + 20}", f"http://{HOST}:{self.first_port + 21}"
        listen = ["--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer]
        alone = ["--initial-advertise-peer-urls", peer, "--initial-cluster", f"e={peer}"]
        self._start("etcd", [self.etcd, "--name", "e", "--data-dir", str(self.folder / "etcd"), *listen, *alone])

    def start_node(self, number: int) -> None:
        config = self.folder / f"node{number}.yml"
        config.write_text(
            Template((Path(__file__).parent / "patroni.yml").read_text()).substitute(
                NAME=f"node{number}",
                HOST=HOST,
                REST_PORT=self.rest(number),
                PORT=self.port(number),
                ETCD=f"{HOST}:{self.first_port + 20}",
                DATA=self.folder / f"data{number}",
                PROGRAMS=postgres.binaries(self.account),
                HOME_FOLDER=self.folder,
                NETWORK=f"{HOST}/32",
                SUPERUSER_PASSWORD=self.passwords["postgres"],
                REPLICATION_PASSWORD=self.passwords["replicator"],
                REWIND_PASSWORD=self.passwords["rewinder"],
            )
        )
        self._own(config)
        self._start(f"node{number}", [*self.patroni, str(config)])

    def _start(self, name: str, command: list[str]) -> None:
        demote: dict[str, Any] = {}
        if self.account:
            demote = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_"))}
        environ = {**kept, "HOME": str(self.folder), "LANG": "C.UTF-8"}
        with (self.folder / f"{name}.log").open("ab") as said:
            self.running[name] = subprocess.Popen(
                command, env=environ, cwd="/", stdout=said, stderr=said, start_new_session=True, **demote
            )

    def _own(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def members(self) -> list[dict[str, Any]]:
        for number in (1, 2):
            with (
                suppress(OSError, ValueError),
                DIRECT.open(f"http://{HOST}:{self.rest(number)}/cluster", timeout=2) as said,
            ):
                return list(json.load(said)["members"])
        return []

    def leader(self) -> int:
        names = [
            member["name"] for member in self.members() if member["role"] == "leader" and member["state"] == "running"
        ]
        return int(names[0].removeprefix("node")) if names else 0

    def is_whole(self) -> bool:
        """A primary, and a standby that every commit waits for."""
        roles = sorted((member["role"], member["state"]) for member in self.members())
        return roles == [("leader", "running"), ("sync_standby", "streaming")]

    def family(self, number: int) -> list[psutil.Process]:
        """The database's processes of one node."""
        with suppress(OSError, ValueError, psutil.Error):
            head = psutil.Process(int((self.folder / f"data{number}" / "postmaster.pid").read_text().split("\n", 1)[0]))
            return [head, *head.children(recursive=True)]
        return []

    def stop(self) -> None:
        for name in ("node1", "node2", "etcd"):
            if name in self.running:
                self.running[name].terminate()
                with suppress(subprocess.TimeoutExpired):
                    self.running[name].wait(30)
        for process in [*self.family(1), *self.family(2)]:
            with suppress(psutil.Error):
                process.kill()


# --- what is done to it -----------------------------------------------------------------------------------------------


def kill_database(cluster: Cluster, leader: int) -> None:
    kill(cluster.family(leader))


def kill_machine(cluster: Cluster, leader: int) -> None:
    """Patroni first, so that it cannot start the database again; after some seconds the machine comes back."""
    agent = cluster.running[f"node{leader}"]
    kill([psutil.Process(agent.pid), *cluster.family(leader)])
    agent.wait()
    wait_for(lambda: cluster.leader() not in {0, leader}, "the other one takes over")
    cluster.start_node(leader)


def switch(cluster: Cluster, leader: int) -> None:
    asked = urllib.request.Request(
        f"http://{HOST}:{cluster.rest(leader)}/switchover",
        data=json.dumps({"leader": f"node{leader}"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with DIRECT.open(asked, timeout=60):
        pass


FAULTS: dict[str, Callable[[Cluster, int], None]] = {
    "database": kill_database,
    "machine": kill_machine,
    "switch": switch,
}


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise SystemExit(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)


# --- the rehearsal ----------------------------------------------------------------------------------------------------


@contextmanager
def cluster_in(given: argparse.Namespace) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="keqiao-ha-"))
    account = postgres._account(folder)  # noqa: SLF001 -- the launcher's rule for root
    names = ("postgres", "replicator", "rewinder", "keqiao")
    cluster = Cluster(
        folder, shlex.split(given.patroni), given.etcd, given.port, account, {n: secrets.token_hex(12) for n in names}
    )
    cluster._own(folder)  # noqa: SLF001
    try:
        cluster.start_etcd()
        cluster.start_node(1)
        wait_for(lambda: cluster.leader() == 1, "the first database")
        cluster.start_node(2)
        wait_for(cluster.is_whole, "the second database")
        yield cluster
    except BaseException:
        for file in sorted(folder.glob("*.log")):
            print(f"--- {file.name}\n" + file.read_text(errors="replace")[-1500:], file=sys.stderr)
        raise
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def make_site(cluster: Cluster, site: Path) -> dict[str, str]:
    """Role, database and tables; the environment of the site."""
    where = {"host": HOST, "port": cluster.port(1), "user": "postgres", "password": cluster.passwords["postgres"]}
    with psycopg.connect(dbname="postgres", autocommit=True, **where) as connection:
        connection.execute(f"CREATE ROLE keqiao LOGIN PASSWORD '{cluster.passwords['keqiao']}'")
        connection.execute("CREATE DATABASE keqiao OWNER keqiao")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "KEQIAO_", "DATABASE_"))}
    environ |= {"KEQIAO_DATA": str(site), "DATABASE_URL": cluster.database_url, "PYTHONPATH": str(ROOT / "src")}
    environ |= {"DJANGO_SETTINGS_MODULE": "keqiao.web.settings", "KEQIAO_LOG_LEVEL": "ERROR"}
    subprocess.run([sys.executable, "-m", "keqiao", "migrate"], env=environ, check=True, stdout=subprocess.DEVNULL)
    return environ


def python(script: str) -> list[str]:
    return [sys.executable, "-c", f"import django; django.setup()\n{script}"]


def rehearse(cluster: Cluster, site: Path, given: argparse.Namespace) -> bool:
    environ = make_site(cluster, site)
    made = subprocess.run(python(MAKE_BOOKS), env=environ, check=True, capture_output=True, text=True).stdout
    books = [line.split()[1] for line in made.splitlines() if line.startswith("ID")]
    faults: list[tuple[str, int, float]] = []
    said, troubles = site / "acknowledged", site / "troubles"
    with said.open("w") as out, troubles.open("w") as err:
        poster = subprocess.Popen([*python(POST), *books], env=environ, stdout=out, stderr=err)
    try:
        wait_for(lambda: said.read_text().count("\n") > 20, f"entries are posted ({troubles})")
        time.sleep(given.between)
        for name in given.faults.split(","):
            leader = cluster.leader()
            faults.append((name, leader, time.time()))
            FAULTS[name](cluster, leader)
            time.sleep(SETTLING)
            wait_for(cluster.is_whole, f"whole again after {name}")
            before = said.stat().st_size
            wait_for(lambda: said.stat().st_size > before, f"entries are posted again after {name}")  # noqa: B023 -- asked at once
            time.sleep(given.between)
    finally:
        poster.kill()
        poster.wait()
    acknowledged = [line.split() for line in said.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return report(cluster, environ, faults, acknowledged)


def report(
    cluster: Cluster, environ: dict[str, str], faults: list[tuple[str, int, float]], acknowledged: list[list[str]]
) -> bool:
    """What was measured, in words; whether nothing is missing."""
    times = sorted(float(at) for at, _key in acknowledged)
    ends = [at for _name, _leader, at in faults[1:]] + [times[-1] + 1]
    print(
        f"{len(acknowledged)} entries acknowledged, {len(times) / (times[-1] - times[0]):.0f}/s over all, faults included"
    )
    for (name, leader, at), end in zip(faults, ends, strict=True):
        longest = max(later - max(earlier, at) for earlier, later in pairwise(times) if later > at and earlier < end)
        print(f"{name}: node{leader} was primary; no entry was acknowledged for {longest:.1f} s")
    with psycopg.connect(cluster.database_url) as connection:
        kept = [key for (key,) in connection.execute("SELECT key FROM ledger_entry")]
        (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
    lost = {key for _at, key in acknowledged} - set(kept)
    checked = subprocess.run(
        [sys.executable, "-m", "keqiao", "ledger", "check"], env=environ, capture_output=True, text=True, check=False
    )
    print(
        f"lost: {len(lost)}; posted twice: {len(kept) - len(set(kept))}; {checked.stdout.strip() or checked.stderr.strip()}"
    )
    print(
        f"PostgreSQL {version}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; node{cluster.leader()} is primary now"
    )
    return not lost and len(kept) == len(set(kept)) and checked.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--patroni", default=shutil.which("patroni"), help="command that starts Patroni with a file")
    parser.add_argument("--etcd", default=shutil.which("etcd"), help="the program etcd")
    parser.add_argument("--port", type=int, default=15430, help="the first of 22 free ports")
    parser.add_argument("--between", type=float, default=8.0, help="seconds of load between two faults")
    parser.add_argument("--faults", default="database,machine,switch", help="in this order; may repeat")
    given = parser.parse_args()
    if not given.patroni or not given.etcd:
        parser.error("Patroni and etcd are needed: apt-get install patroni etcd-server (docs/guides/fail-over.md)")
    if unknown := set(given.faults.split(",")) - set(FAULTS):
        parser.error(f"--faults: {', '.join(sorted(unknown))} is unknown; there are {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory(prefix="keqiao-ha-site-") as site, cluster_in(given) as cluster:
        is_whole = rehearse(cluster, Path(site), given)
    sys.exit(0 if is_whole else 1)


if __name__ == "__main__":
    main()
