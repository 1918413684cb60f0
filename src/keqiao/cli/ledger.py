"""keqiao ledger check | export BOOK"""

from __future__ import annotations

import argparse
import re
from datetime import date
from pathlib import Path

from keqiao.cli import ground
from keqiao.cli.errors import CommandTrouble
from keqiao.cli.words import say
from keqiao.runtime.environment import Environment

MOST_SHOWN = 50
FORMATS = {".beancount", ".xlsx"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["check", "export"], help="check: add everything up again; export: one book")
    parser.add_argument("book", nargs="?", default="", help="code of the book to export, such as ZB-7K2M9QX4")
    parser.add_argument("--to", type=Path, metavar="FILE", help="the file; its ending says the format")
    parser.add_argument("--first", metavar="YYYY-MM", default="1990-01", help="the first month")
    parser.add_argument("--last", metavar="YYYY-MM", default="", help="the last month; without: this one")


def run(args: argparse.Namespace, env: Environment) -> int:
    with ground.django(env):
        ground.require_migrations()
        return _check() if args.what == "check" else _export(args)


def _check() -> int:
    from keqiao.ledger import checking

    found = list(checking.check())
    for finding in found[:MOST_SHOWN]:
        print(f"{finding.where}: {finding.what}")
    entries, _events = checking.counted()
    if found:
        say(f"账簿有 {len(found)} 处不对，共 {entries} 张凭证", f"{len(found)} things are wrong in {entries} entries")
        return 1
    say(f"账簿无误：{entries} 张凭证，借贷相等，余额与分录一致", f"the books hold: {entries} entries add up")
    return 0


def _export(args: argparse.Namespace) -> int:
    from keqiao.kernel import clock
    from keqiao.ledger import exporting, selectors
    from keqiao.parties import selectors as parties

    if args.to is None or args.to.suffix not in FORMATS:
        raise CommandTrouble("name a file with --to; its ending says the format: .beancount or .xlsx")
    book = selectors.get_book(args.book, actor=parties.system())
    first, last = _month(args.first), _month(args.last or f"{clock.today():%Y-%m}")
    if args.to.suffix == ".xlsx":
        with args.to.open("wb") as out:
            exporting.workbook(book, first, selectors.month_end(last), out)
    else:
        with args.to.open("w", encoding="utf-8") as text:
            text.writelines(exporting.beancount(book, first, selectors.month_end(last)))
    say(f"已导出到 {args.to}", f"exported to {args.to}")
    return 0


def _month(text: str) -> date:
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if found is None or int(found.group(1)) == 0:
        raise CommandTrouble(f"{text!r} is not a month such as 2026-03")
    return date(int(found.group(1)), int(found.group(2)), 1)
