"""Keep a library in line with its corpus folder while files come and go in it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from coalition_qa.plan import Step
from coalition_qa.types import CoalitionQAError, LibraryBusy

Sync = Callable[[Callable[[Step], None]], object]

_LONGEST_SECONDS = 60
_AGAIN_SECONDS = 2.0


@contextmanager
def watching(corpus: Path, sync: Sync, say: Callable[[str], None], quiet: float = 1.0) -> Iterator[None]:
    """Inside, `sync` is called, in a thread, when nothing has changed in the folder for `quiet` seconds after something
    has: whoever copies a file has finished it. `say` gets one line for each document that came, changed or went, and
    for each file that can't be read, when it was changed. While another process writes to the library, this waits.
    """
    stop = Event()
    thread = Thread(target=_Watch(corpus, sync, say, quiet, stop).run, name="watching")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class _Watch:
    """What runs in the thread."""

    def __init__(self, corpus: Path, sync: Sync, say: Callable[[str], None], quiet: float, stop: Event) -> None:
        self._corpus = corpus
        self._sync = sync
        self._say = say
        self._quiet = quiet
        self._stop = stop
        self._refused: dict[str, str] = {}
        self._failure = ""

    def run(self) -> None:
        """Watch until it is stopped. A folder that is missing is waited for, and one that took its place is taken."""
        missing = False
        while not self._stop.is_set():
            if self._corpus.is_dir():
                missing = False
                self._watch()
            else:
                if not missing:
                    self._say(f"{self._corpus} is missing: its documents stay in the library until it is back")
                missing = True
                self._stop.wait(self._quiet)

    def _watch(self) -> None:
        """Watch one folder, until it is no longer the one of that name."""
        from watchfiles import watch

        own = _identity(self._corpus)
        touched: set[str] = set()
        since = time.monotonic()
        changed = True  # what came before the watch began
        for changes in watch(
            self._corpus,
            watch_filter=lambda _, path: self._is_seen(path),
            step=round(1000 * self._quiet),
            debounce=1000 * _LONGEST_SECONDS,
            rust_timeout=round(1000 * self._quiet),
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
        ):
            if self._stop.is_set() or _identity(self._corpus) != own:
                return
            if not touched:
                since = time.monotonic()
            touched |= {os.path.relpath(path, self._corpus) for _, path in changes}
            if (touched or changed) and not (
                self._are_written(touched) and time.monotonic() - since < _LONGEST_SECONDS
            ):
                changed = not self._bring_in_line(touched)
                touched = set()

    def _are_written(self, touched: set[str]) -> bool:
        """Whether one of these files was written to a moment ago: `watch` waits until no *other* file changes."""
        now = time.time()
        for name in touched:
            with suppress(OSError):
                if 0 <= now - (self._corpus / name).stat().st_mtime < self._quiet:
                    return True
        return False

    def _is_seen(self, path: str) -> bool:
        """Whether this path can be a document's; what is being copied into the folder is hidden until it is whole."""
        return not any(part.startswith(".") for part in Path(os.path.relpath(path, self._corpus)).parts)

    def _bring_in_line(self, touched: set[str]) -> bool:
        """Whether it went well; else why not was said, once, and it is to be tried again."""
        refused: dict[str, str] = {}

        def tell(step: Step) -> None:
            if step.action == "refused":
                refused[step.name] = step.note
                if step.name in touched or self._refused.get(step.name) != step.note:
                    self._say(f"refused    {step.note}")
            elif step.action != "unchanged":
                self._say(f"{step.action:9}  {step.name}{f'  ({step.note})' if step.note else ''}")

        try:
            self._sync_when_free(tell)
        except (CoalitionQAError, OSError) as error:
            if str(error) != self._failure:
                self._say(str(error))
            self._failure = str(error)
            self._stop.wait(_AGAIN_SECONDS)
            return False
        self._refused, self._failure = refused, ""
        return True

    def _sync_when_free(self, tell: Callable[[Step], None]) -> None:
        """Sync as soon as no other process writes to the library."""
        waiting = False
        while not self._stop.is_set():
            try:
                self._sync(tell)
            except LibraryBusy as error:
                if not waiting:
                    self._say(f"waiting    {error}")
                waiting = True
                self._stop.wait(_AGAIN_SECONDS)
            else:
                return


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
