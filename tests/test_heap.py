"""How many heaps the threads of a process make."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import ctypes, sys, threading
from coalition_qa.heap import share_one_heap
if sys.argv[1] == "one":
    share_one_heap()
held, meet = [], threading.Barrier(4)
def fill():
    held.append([bytes(2000) for _ in range(100)])
    meet.wait()
threads = [threading.Thread(target=fill) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""


def heaps(how: str) -> int:
    ran = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True)
    return ran.stderr.count("Arena ")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have other heaps")
def test_threads_share_one_heap() -> None:
    assert heaps("each its own") > 1
    assert heaps("one") == 1
