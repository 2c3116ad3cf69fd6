"""Puts together what stands behind the page, and serves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from threading import Lock

from coalition_qa.archive import Archive
from coalition_qa.assistant import Assistant
from coalition_qa.config import Settings
from coalition_qa.credentials import Credentials
from coalition_qa.encoders import Encoder, open_encoder
from coalition_qa.ingest import Ingest, Progress
from coalition_qa.library import Library
from coalition_qa.plan import Step
from coalition_qa.ui import Behind, Lines, serve
from coalition_qa.verification import open_calibration
from coalition_qa.watching import watching


class Desk:
    """Changes the documents of the library that the page answers from, one change at a time."""

    def __init__(self, settings: Settings, library: Library, encoder: Encoder) -> None:
        self._ingest = Ingest(settings, library, encoder)
        self._lock = Lock()

    def add(self, paths: Sequence[Path], done: Callable[[Step], None]) -> Sequence[Step]:
        """Copy files into the corpus folder and index them; `done` hears of each."""
        with self._lock:
            return self._ingest.add(paths, _Told(done))

    def remove(self, names: Sequence[str]) -> Sequence[Step]:
        """Take documents out of the corpus folder and the library."""
        with self._lock:
            return self._ingest.remove(names)

    def sync(self, done: Callable[[Step], None]) -> Sequence[Step]:
        """Bring the library in line with the corpus folder; `done` hears of each file."""
        with self._lock:
            return self._ingest.sync(_Told(done))


class _Told(Progress):
    """Passes on what was done."""

    def __init__(self, done: Callable[[Step], None]) -> None:
        self._done = done

    def done(self, step: Step) -> None:
        """This was done, and is on disk; for a file that is refused, this is why."""
        self._done(step)


def serve_page(
    settings: Settings, *, open_browser: bool, notice: str = "", watch: Callable[[str], None] | None = None
) -> None:
    """Serve the page over the library on disk until it is stopped. `notice` is shown at its top. With `watch` the
    corpus folder is watched, and `watch` told what became of each change.

    Raises SettingsError, LibraryError and ModelError.
    """
    check = Credentials(settings.auth).check if settings.auth else None
    encoder = open_encoder(settings)
    with Library(settings.library_path, encoder, chroma_url=settings.chroma_url) as library:
        drawn = open_calibration(settings.calibration).thresholds
        desk = Desk(settings, library, encoder)
        behind = Behind(
            assistant=Assistant.over(library, encoder, settings),
            archive=Archive(settings.conversations_path),
            changes=desk,
            lines=Lines(drawn, settings.dial),
            notice=notice,
        )
        with watching(settings.corpus, desk.sync, watch) if watch else nullcontext():
            serve(behind, settings, open_browser=open_browser, check=check)
