"""The command line. A command is a module with `add_arguments(parser)` and `run(args, env) -> exit code`."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence

from keqiao import __version__
from keqiao.cli.errors import CommandTrouble
from keqiao.cli.words import pick
from keqiao.runtime.environment import BadSetting, read_environment
from keqiao.runtime.postgres import DatabaseTrouble
from keqiao.runtime.supervisor import SupervisorTrouble

COMMANDS = {
    "demo": ("启动演示城市澜江", "start the demo city Lanjiang"),
    "serve": ("启动站点", "start a site"),
    "worker": ("只运行后台任务进程", "run a worker alone"),
    "migrate": ("更新数据库结构", "bring the database's tables up to date"),
    "reindex": ("重建检索索引", "rebuild the search index"),
    "index": ("把检索索引搬到另一个引擎", "move the search index to the other engine"),
    "matches": ("所有需求与所有成果全部匹配一遍", "match every need with every achievement"),
    "evaluate": ("在测试集上度量检索质量", "measure retrieval on a test collection"),
    "bench": ("为测速生成数据", "make data to measure with"),
    "ledger": ("核对账簿、导出账簿", "check the books, or export one"),
    "audit": ("核验存证链", "verify the audit chain"),
    "admin": ("平台管理员：添加、列出、移除", "administrators: add, list, remove"),
    "doctor": ("检查哪里不对、怎么修", "say what is wrong and how to mend it"),
    "import": ("从表格导入", "bring rows of a table in"),
    "export": ("导出为表格", "write rows out as a table"),
    "backup": ("备份到一个文件", "back up into one file"),
    "restore": ("从备份恢复", "restore from a backup"),
}
MODULES = {"import": "import_", "export": "export_"}  # a keyword of Python, and its counterpart
TROUBLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else list(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stop cleans up like Ctrl-C
    return guarded(lambda: _main(given))


def guarded(work: Callable[[], int]) -> int:
    """The exit code; foreseen trouble is one line, a bug is a traceback."""
    try:
        return work()
    except (CommandTrouble, BadSetting, DatabaseTrouble, SupervisorTrouble) as trouble:
        return _fail(trouble)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `keqiao … | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as trouble:
        if not _is_foreseen(trouble):
            raise
        return _fail(trouble)


def _main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(_overview())
        return 0
    if arguments[0] in {"-V", "--version"}:
        print(f"keqiao {__version__}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean `keqiao {close[0]}`?" if close else "`keqiao --help` lists them"
        raise CommandTrouble(f"there is no command {name!r}: {hint}")
    module = importlib.import_module(f"keqiao.cli.{MODULES.get(name, name)}")
    parser = argparse.ArgumentParser(prog=f"keqiao {name}", description=pick(*COMMANDS[name]))
    module.add_arguments(parser)
    args = parser.parse_args(rest)
    return int(module.run(args, read_environment()))


def _overview() -> str:
    rows = "\n".join(f"  {name:<9} {pick(*words)}" for name, words in COMMANDS.items())
    usage = pick("用法：keqiao 命令 [选项]", "usage: keqiao COMMAND [options]")
    more = pick(
        "每条命令都有 --help。设置项见 docs/reference/settings.md。",
        "Every command has --help. Settings: docs/reference/settings.md.",
    )
    return f"{usage}\n\n{rows}\n\n{more}"


def _is_foreseen(trouble: Exception) -> bool:
    """Trouble of the machine, of the database or of the domain. Imported late: most commands never need these."""
    import psycopg

    kinds: list[type[Exception]] = [psycopg.OperationalError, PermissionError]
    if "django.db" in sys.modules:
        from django.db import OperationalError

        kinds.append(OperationalError)
    if "keqiao.kernel.errors" in sys.modules:
        from keqiao.kernel.errors import DomainError

        kinds.append(DomainError)
    is_disk_full = isinstance(trouble, OSError) and trouble.errno == 28
    return isinstance(trouble, tuple(kinds)) or is_disk_full


def _fail(trouble: Exception) -> int:
    text = " ".join(str(trouble).split()) or type(trouble).__name__
    print(f"keqiao: {text}", file=sys.stderr)
    return TROUBLE
