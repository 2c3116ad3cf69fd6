"""Puts together what stands behind the page, and serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from threading import Lock

from coalition_qa.archive import Archive
from coalition_qa.config import PREFIX, Dial, Settings
from coalition_qa.credentials import Credentials
from coalition_qa.encoders import Encoder, open_encoder
from coalition_qa.eval_serving import Evaluation
from coalition_qa.ingest import Ingest, Progress
from coalition_qa.plan import Step, dry_run
from coalition_qa.standing import Standing
from coalition_qa.types import DocumentError
from coalition_qa.ui import Behind, Lines, Measured, serve
from coalition_qa.verification import Calibration, open_calibration
from coalition_qa.watching import watching


class Desk:
    """Changes the documents of the library that the page answers from, one change at a time."""

    def __init__(self, settings: Settings, standing: Standing, encoder: Encoder) -> None:
        self._settings = settings
        self._standing = standing
        self._encoder = encoder
        self._lock = Lock()

    def plan(self, paths: Sequence[Path] | None) -> Sequence[Step]:
        """What `add` would do with these files, or without any what `sync` would do; nothing is changed."""
        with self._standing.lent() as now:
            return dry_run(self._settings, now.library, paths)

    def add(self, paths: Sequence[Path], done: Callable[[Step], None]) -> Sequence[Step]:
        """Copy files into the corpus folder and index them; `done` hears of each.

        Raises DocumentError where the folder would grow larger than it may.
        """
        with self._changing() as ingest:
            self._check_room(paths)
            return ingest.add(paths, _Told(done))

    def remove(self, names: Sequence[str]) -> Sequence[Step]:
        """Take documents out of the corpus folder and the library."""
        with self._changing() as ingest:
            return ingest.remove(names)

    def sync(self, done: Callable[[Step], None]) -> Sequence[Step]:
        """Bring the library in line with the corpus folder; `done` hears of each file. Whoever asks for it has seen
        the plan: an empty folder is meant.
        """
        with self._changing() as ingest:
            return ingest.sync(_Told(done), emptied=True)

    def follow(self, done: Callable[[Step], None]) -> Sequence[Step]:
        """As `sync`, where nobody has seen a plan: a folder that became empty is left alone, and CorpusGone raised."""
        with self._changing() as ingest:
            return ingest.sync(_Told(done))

    @contextmanager
    def _changing(self) -> Iterator[Ingest]:
        with self._lock, self._standing.lent() as now:
            yield Ingest(self._settings, now.library, self._encoder)

    def _check_room(self, paths: Sequence[Path]) -> None:
        corpus, coming = self._settings.corpus, {path.name for path in paths}
        there = [
            path for path in corpus.rglob("*") if path.is_file() and path.relative_to(corpus).as_posix() not in coming
        ]
        size = sum(path.stat().st_size for path in (*there, *paths)) / 1e6
        most = self._settings.max_corpus_megabytes
        if size > most:
            raise DocumentError(
                f"The corpus folder would hold {size:,.1f} MB, and may hold {most:,.1f}: remove documents first, or "
                f"raise {PREFIX}MAX_CORPUS_MEGABYTES."
            )


class _Told(Progress):
    """Passes on what was done."""

    def __init__(self, done: Callable[[Step], None]) -> None:
        self._done = done

    def done(self, step: Step) -> None:
        """This was done, and is on disk; for a file that is refused, this is why."""
        self._done(step)


def lines_of(calibration: Calibration, usual: Dial) -> Lines:
    """The dial's lines, and what each setting did on questions that they were not fitted on, where that is known."""
    measured = {dial: Measured(**each) for dial, each in calibration.measured.items()}
    return Lines(calibration.thresholds, usual, measured)


def serve_page(
    settings: Settings, *, open_browser: bool, notice: str = "", watch: Callable[[str], None] | None = None
) -> None:
    """Serve the page over the library on disk until it is stopped. `notice` is shown at its top. With `watch` the
    corpus folder is watched, and `watch` told what became of each change.

    Raises SettingsError, LibraryError and ModelError.
    """
    check = Credentials(settings.auth).check if settings.auth else None
    encoder = open_encoder(settings)
    with Standing(settings, encoder) as standing, closing(Evaluation(settings, standing)) as evaluation:
        desk = Desk(settings, standing, encoder)
        behind = Behind(
            assistant=standing,
            archive=Archive(settings.conversations_path),
            changes=desk,
            lines=lines_of(open_calibration(settings.calibration), settings.dial),
            measures=evaluation,
            notice=notice,
        )
        with watching(settings.corpus, desk.follow, watch) if watch else nullcontext():
            serve(behind, settings, open_browser=open_browser, check=check)
