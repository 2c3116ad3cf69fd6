"""How the memory of the process is handed out, where glibc does it; elsewhere, nothing here has an effect."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PERTURB, _ARENA_MAX = -6, -8  # M_PERTURB and M_ARENA_MAX of glibc's malloc.h


def share_one_heap() -> None:
    """Let no thread have a heap of its own. Call it before threads are started.

    The page answers in threads that come and go, and each heap keeps the room of the largest thing that was ever on it:
    with one, the process is as large after a thousand questions as after a hundred.
    """
    _set(_ARENA_MAX, 1)


@contextmanager
def wiped() -> Iterator[None]:
    """While this lasts, memory is overwritten before it is handed out.

    For libraries that write memory to disk which they were given and never used: it may hold what was removed.
    """
    _set(_PERTURB, 1)
    try:
        yield
    finally:
        _set(_PERTURB, 0)


def _set(option: int, value: int) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(option, value)
