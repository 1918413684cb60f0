"""What a process frees goes back to the system."""

import importlib
import platform
import subprocess
import sys

import pytest

from keqiao.runtime import environment

# Two hundred pieces of a megabyte, each beside a smaller one that stays: as holes they would be kept.
WORK = """
import ctypes, sys
from keqiao.runtime import memory
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
ask, free = library.malloc, library.free
first = ask(20 << 20); free(first)  # after this, glibc by itself takes pieces of up to 20 MB from its heap
if sys.argv[1] == "little":
    memory.hold_little()
pieces = []
for _ in range(200):
    large = ask(1 << 20); ctypes.memset(large, 1, 1 << 20)
    pieces.append((large, ask(50_000)))
for large, _small in pieces:
    free(large)
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc has these settings; elsewhere nothing is done"
)
def test_a_process_that_holds_little_gives_large_pieces_back():
    def held(how: str) -> int:
        run = subprocess.run([sys.executable, "-c", WORK, how], capture_output=True, text=True, check=True)
        return int(run.stdout)

    assert held("as it is") > held("little") + 150


def test_a_part_of_a_library_that_is_never_used_is_not_loaded(tmp_path, monkeypatch):
    (tmp_path / "big_library" / "messages").mkdir(parents=True)
    (tmp_path / "big_library" / "__init__.py").write_text("")
    (tmp_path / "big_library" / "messages" / "__init__.py").write_text("class Message:\n    size = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    with environment.emptying("big_library.messages"):
        messages = importlib.import_module("big_library.messages")
        assert not hasattr(messages.Message, "size")
        assert not hasattr(importlib.import_module("big_library.messages.deeper"), "__all__")
    for name in [name for name in sys.modules if name.startswith("big_library")]:
        monkeypatch.delitem(sys.modules, name)
    assert importlib.import_module("big_library.messages").Message.size == 1


def test_the_engine_is_loaded_without_what_it_never_uses():
    code = "import sys, keqiao.matching.lance; print(sum(name.startswith('lance_namespace_urllib3') for name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 20  # empty ones; of the 160 none
