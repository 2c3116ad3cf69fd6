"""One heap for all threads of a program that runs for long."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h


def share_one_heap() -> None:
    """Let glibc give no thread a heap of its own; elsewhere, nothing happens. Call it before threads are started.

    The page answers in threads that come and go, and each heap keeps the room of the largest thing that was ever on it:
    with one, the process is as large after a thousand questions as after a hundred.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
