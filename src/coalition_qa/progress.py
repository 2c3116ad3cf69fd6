"""How far adding documents is, on a terminal: the plan, then a bar with the time left. Elsewhere one line a file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TextIO

from coalition_qa.ingest import Progress
from coalition_qa.plan import Action, Step

MOST_ROWS = 40
_BAR = 24
_ACTIONS: tuple[Action, ...] = ("new", "changed", "unchanged", "removed", "refused")
_TO_DO = ("new", "changed", "removed")


class Shown(Progress):
    """Writes lines to `out`, each made fit for a terminal by `plain`; refusals go to `complain`."""

    def __init__(self, out: TextIO, plain: Callable[[str], str], complain: Callable[[str], object]) -> None:
        self._out = out
        self._plain = plain
        self._complain = complain
        self._live = out.isatty()
        self._begun = time.monotonic()
        self._sizes: dict[str, int] = {}
        self._total = 0
        self._behind = 0
        self._files = 0

    def reading(self, done: int, total: int) -> None:
        """A line that is written over, where there is a terminal."""
        if self._live and total > 1:
            self._over(f"Comparing {done:,} of {total:,} files" if done < total else "")

    def planned(self, steps: Sequence[Step]) -> None:
        """The plan: on a terminal row by row, else its numbers, and those only where it is about several files."""
        self._sizes = {step.name: step.size + 10_000 for step in steps if step.action in _TO_DO}
        self._total = sum(self._sizes.values())
        self._begun = time.monotonic()
        if self._live and len(self._sizes) > 1:
            self.rows(steps)
        elif len(self._sizes) > 1:
            self._line(f"Plan: {counted(steps)}.")

    def done(self, step: Step) -> None:
        """The row of one file, and below it the bar."""
        self._over("")
        if step.action == "refused":
            self._complain(step.note)
        elif step.action != "unchanged" and not (self._live and len(self._sizes) > 1):
            self._line(_row(step))
        self._behind += self._sizes.get(step.name, 0)
        self._files += step.name in self._sizes
        if self._live and self._behind < self._total:
            self._over(self._bar())

    def rows(self, steps: Sequence[Step]) -> None:
        """What is to be done about each file that isn't unchanged, then how many of each."""
        shown = [step for step in steps if step.action != "unchanged"]
        for step in shown[:MOST_ROWS]:
            self._line(_row(step) if step.action != "refused" else f"refused    {step.note}")
        if len(shown) > MOST_ROWS:
            self._line(f"... and {len(shown) - MOST_ROWS:,} more.")
        self._line(f"Plan: {counted(steps)}.")

    def _bar(self) -> str:
        share = self._behind / self._total
        left = (time.monotonic() - self._begun) * (1 - share) / share if share else 0
        filled = int(share * _BAR)
        time_left = f", {_spoken(left)} left" if share else ""
        return f"[{'#' * filled}{'.' * (_BAR - filled)}] {self._files:,} of {len(self._sizes):,} files{time_left}"

    def _over(self, text: str) -> None:
        if self._live:
            self._out.write(f"\r\x1b[K{text}")
            self._out.flush()

    def _line(self, text: str) -> None:
        self._out.write(self._plain(" ".join(text.split("\n"))) + "\n")


def counted(steps: Sequence[Step]) -> str:
    """How many steps of each kind, such as `3 new, 1 refused`."""
    numbers = Counter(step.action for step in steps)
    return ", ".join(f"{numbers[action]:,} {action}" for action in _ACTIONS if numbers[action]) or "nothing to do"


def _row(step: Step) -> str:
    return f"{step.action:9}  {step.name}{f'  ({step.note})' if step.note else ''}"


def _spoken(seconds: float) -> str:
    whole = int(seconds + 0.5)
    return f"{whole} s" if whole < 90 else f"{whole // 60} min" if whole < 5400 else f"{whole // 3600} h"
