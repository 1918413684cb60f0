"""What a process frees goes back to the system."""

import platform
import subprocess
import sys

import pytest

# Two hundred pieces of a megabyte, each beside a small one that stays: as holes they would be kept.
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
    pieces.append((large, ask(64)))
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
