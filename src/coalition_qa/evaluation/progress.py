"""How far a run is and how long it still takes, as one line."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TextIO

_EVERY = 30.0
"""Seconds between two lines where there is no terminal to overwrite them on."""

_SHOWN_AGAIN = 0.2


class ProgressLine:
    """Writes to a stream: on a terminal one line that changes, else a line now and then."""

    def __init__(self, stream: TextIO, things: str = "questions", clock: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._things = things
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._shown = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done; speed is counted from the first call on."""
        now, terminal, last = self._clock(), self._stream.isatty(), done == total
        if self._began is None:
            self._began = (now, done)
            self._shown = float("-inf") if terminal else now
        if now - self._shown < (_SHOWN_AGAIN if terminal else _EVERY) and not (last and terminal):
            return
        self._shown = now
        began, before = self._began
        seconds = (now - began) / (done - before) * (total - done) if done > before else None
        text = told(done, total, self._things, seconds)
        self._stream.write(f"\r\x1b[K{text}" + ("\n" if last else "") if terminal else f"{text}\n")
        self._stream.flush()


def told(done: int, total: int, things: str, seconds_left: float | None) -> str:
    """As in "120 of 6,000 questions, 2%, 14:05 left"; no time where it can't be known yet."""
    text = f"{done:,} of {total:,} {things}, {100 * done // max(1, total)}%"
    if seconds_left is None or done == total:
        return text
    minutes, seconds = divmod(round(seconds_left), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{text}, {f'{hours}:{minutes:02d}' if hours else minutes}:{seconds:02d} left"
