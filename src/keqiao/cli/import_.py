"""keqiao import FILE: what the import page does, from the command line, with its progress on the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keqiao.cli import ground
from keqiao.cli.errors import CommandTrouble
from keqiao.cli.words import is_chinese, pick, say
from keqiao.runtime.environment import Environment

KINDS = ("achievements", "needs", "organisations", "people", "assets")
MOST_SHOWN = 20
CHUNK = 1 << 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV, XLSX, XLS or JSONL; or --resume CODE", nargs="?")
    parser.add_argument("--kind", choices=KINDS, help="what the rows are")
    parser.add_argument("--as", dest="email", metavar="EMAIL", help="whose import it is; drafts need somebody")
    parser.add_argument(
        "--publish", action="store_true", help="straight into public view, for operators and migrations"
    )
    parser.add_argument("--check", action="store_true", help="only check; apply nothing")
    parser.add_argument(
        "--map", metavar="COLUMN=OURS", action="append", default=[], help="a column by hand, repeatable"
    )
    parser.add_argument(
        "--errors", type=Path, metavar="FILE", help="write the file back with a column of errors (.csv, .xlsx)"
    )
    parser.add_argument("--resume", metavar="CODE", help="go on with an import that was interrupted")


def run(args: argparse.Namespace, env: Environment) -> int:
    if bool(args.resume) == bool(args.file) or (args.file and not args.kind):
        raise CommandTrouble("give a file and --kind, or --resume CODE: keqiao import results.xlsx --kind achievements")
    if args.file and not args.file.is_file():
        raise CommandTrouble(f"there is no file {args.file}")
    with ground.django(env):
        ground.require_migrations()
        from django.utils import translation

        with translation.override("zh-hans" if is_chinese() else "en"):
            return _import(args)


def _import(args: argparse.Namespace) -> int:
    from keqiao.interchange import services

    actor = actor_of(args.email)
    job = _job(args, actor)
    say(f"导入 {job.code}", f"import {job.code}")
    if args.map:
        mapping = {**job.mapping, **dict(_pair(text) for text in args.map)}
        job = services.map_columns(actor=actor, code=job.code, mapping=mapping)
    if not job.is_mapped and job.state == "uploaded":
        raise CommandTrouble(f"required columns were not recognised: {_lacking(job)}; name them with --map COLUMN=OURS")
    job = _staged(job)
    if job.state == "refused":
        raise CommandTrouble(job.problem["zh" if is_chinese() else "en"])
    _report(job)
    if args.errors:
        _write_errors(job, args.errors)
    if args.check or not (job.ready or job.state == "applying"):
        return 1 if job.wrong else 0
    if job.state == "validated":
        services.apply_import(actor=actor, code=job.code)
    job = _applied(job)
    say(
        f"新增 {job.added}，更新 {job.changed}，没有变化 {job.unchanged}，没有导入 {job.wrong + job.failed}",
        f"added {job.added}, changed {job.changed}, unchanged {job.unchanged}, not imported {job.wrong + job.failed}",
    )
    if args.errors and job.failed:
        _write_errors(job, args.errors)
    return 1 if job.wrong + job.failed else 0


def actor_of(email: str | None) -> Any:
    """Somebody with an account; nobody means the system, whose commands only the server's administrator runs."""
    from django.contrib.auth import get_user_model

    from keqiao.parties import selectors as parties

    if not email:
        return parties.system()
    user = get_user_model().objects.filter(email__iexact=email, is_active=True).first()
    actor = parties.actor_for(user) if user else parties.visitor()
    if not actor.is_known:
        raise CommandTrouble(f"nobody has an account with {email}")
    return actor


def _job(args: argparse.Namespace, actor: Any) -> Any:
    from keqiao.interchange import selectors, services
    from keqiao.interchange.types import ITEM_KINDS

    if args.resume:
        return selectors.get_import(args.resume, actor=actor)
    if actor.is_system and args.kind in ITEM_KINDS and not args.publish:
        raise CommandTrouble("a draft is somebody's: name them with --as EMAIL, or publish at once with --publish")
    return services.start_import(
        actor=actor, kind=args.kind, name=args.file.name, chunks=_chunks(args.file), publishes=args.publish
    )


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _pair(text: str) -> tuple[str, str]:
    name, equals, ours = text.partition("=")
    if not equals:
        raise CommandTrouble(f"--map takes COLUMN=OURS, such as 课题=title, not {text!r}")
    return name, ours


def _lacking(job: Any) -> str:
    from keqiao.interchange import mapping

    return ", ".join(f"{column.zh} ({column.name})" for column in mapping.missing(job.kind, job.mapping))


def _staged(job: Any) -> Any:
    """Checked here and now; a worker that does the same at this moment is no harm."""
    from keqiao.interchange import staging

    staging.stage(job.pk, progress=lambda rows: _tick(pick(f"已检查 {rows} 行", f"{rows} rows checked")))
    _end_tick()
    job.refresh_from_db()
    return job


def _applied(job: Any) -> Any:
    from keqiao.interchange import services
    from keqiao.parties import selectors as parties

    while services.apply_chunk(actor=parties.system(), import_id=job.pk):
        job.refresh_from_db()
        _tick(pick(f"已导入 {job.applied} 行", f"{job.applied} rows imported"))
    _end_tick()
    job.refresh_from_db()
    return job


def _report(job: Any) -> None:
    from keqiao.interchange import reports, selectors

    say(f"可以导入 {job.ready} 行，有错误 {job.wrong} 行", f"{job.ready} rows ready, {job.wrong} with errors")
    for row in selectors.troubled_rows(job)[:MOST_SHOWN]:
        print(f"  {row.number:>6}  {reports.errors_of(job, row.problems)}")
    if job.wrong > MOST_SHOWN:
        say(f"  … 其余 {job.wrong - MOST_SHOWN} 行见 --errors", f"  … {job.wrong - MOST_SHOWN} more: see --errors")


def _write_errors(job: Any, path: Path) -> None:
    from keqiao.interchange import sending

    sending.write_errors(job, path)
    say(f"带错误列的文件：{path}", f"the file with errors: {path}")


def _tick(text: str) -> None:
    """Progress on one line of a terminal; nothing where output is kept in a file."""
    if sys.stdout.isatty():
        print(f"\r  {text}", end="", flush=True)


def _end_tick() -> None:
    if sys.stdout.isatty():
        print()
