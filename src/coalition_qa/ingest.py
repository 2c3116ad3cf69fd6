"""Make the library match the corpus folder: plan, then apply. The only writer."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from coalition_qa.config import Settings
from coalition_qa.documents import is_readable, read_document
from coalition_qa.encoders import Encoder, Vectors
from coalition_qa.folder import replacing
from coalition_qa.library import Library
from coalition_qa.passages import CHUNKER, SentenceSplitter, split_document
from coalition_qa.store import Named
from coalition_qa.types import CoalitionQAError, Document, DocumentError, Passage

Action = Literal["new", "changed", "unchanged", "removed", "refused"]
Progress = Callable[["Step"], None]


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done, or was done, about one name. `note` says why a file was refused."""

    action: Action
    name: str
    note: str = ""


def plan(settings: Settings, names: Mapping[str, Named]) -> list[Step]:
    """Compare the corpus folder with the names in the library; nothing is changed.

    Raises DocumentError where the folder is missing, which is not the same as an empty one.
    """
    if not settings.corpus.is_dir():
        raise DocumentError(
            f"There is no corpus folder {settings.corpus}: make it, or name another with COALITION_QA_CORPUS."
        )
    steps = []
    seen = set()
    for path in readable_files(settings.corpus):
        name = path.relative_to(settings.corpus).as_posix()
        seen.add(name)
        held = names.get(name)
        if held is None:
            steps.append(Step("new", name))
        else:
            steps.append(_compared(path, name, held))
    steps.extend(Step("removed", name) for name in names if name not in seen)
    return sorted(steps, key=lambda step: step.name)


def _compared(path: Path, name: str, held: Named) -> Step:
    try:
        return Step("unchanged" if _is_current(path, held) else "changed", name)
    except DocumentError as error:
        return Step("refused", name, str(error))


def _is_current(path: Path, held: Named | None) -> bool:
    return held is not None and held.chunker == CHUNKER and held.file_sha256 == file_digest(path)


class Ingest:
    """Brings a library in line with a corpus folder, a document at a time."""

    def __init__(self, settings: Settings, library: Library, encoder: Encoder) -> None:
        self._settings = settings
        self._library = library
        self._encoder = encoder
        self._splitter: SentenceSplitter | None = None

    def sync(self, progress: Progress | None = None) -> list[Step]:
        """Apply the plan. A file that can't be read is refused on its row; what it held before is not answered
        from any more, because nobody could check the citation.
        """
        with self._library.writing():
            held = self._library.names()
            return self._apply(plan(self._settings, held), held, progress)

    def add(self, paths: Sequence[Path], progress: Progress | None = None) -> list[Step]:
        """Copy files, or the readable files of folders, into the corpus folder and index them.

        A file that can't be read is refused on its row and not copied. Raises DocumentError for a path that
        does not exist or a folder with nothing readable in it, before anything is changed.
        """
        corpus = self._settings.corpus
        chosen = {source: name for path in paths for source, name in _chosen(path, corpus)}
        twice = sorted(name for name, times in Counter(chosen.values()).items() if times > 1)
        if twice:
            raise DocumentError(f"Two files would both be called {twice[0]}: add the folder above them, or rename one.")
        _make_folder(corpus)
        with self._library.writing():
            held = self._library.names()
            steps = []
            for source, name in chosen.items():
                steps.append(self._attempt(self._add_one, source, name, held.get(name)))
                if progress:
                    progress(steps[-1])
            return steps

    def remove(self, wanted: Sequence[str]) -> list[Step]:
        """Take documents out of the corpus folder and the library, by name or by the start of their id.

        Raises DocumentError, before anything is removed, for one that is not there or not just one.
        """
        with self._library.writing():
            names = list(dict.fromkeys(self._resolve(one) for one in wanted))
            for name in names:
                target = self._settings.corpus / name
                try:
                    target.unlink(missing_ok=True)
                except OSError as error:
                    raise DocumentError(f"{target} cannot be removed ({error.strerror}).") from error
            self._library.drop(names)
            return [Step("removed", name) for name in names]

    def _resolve(self, wanted: str) -> str:
        held = self._library.names()
        if wanted in held:
            return wanted
        matching = [name for name, what in held.items() if len(wanted) >= 6 and what.document_id.startswith(wanted)]
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise DocumentError(f"{wanted!r} stands for {', '.join(matching)}: name one of them.")
        raise DocumentError(f"There is no document {wanted!r}: `coalition-qa list` shows the names.")

    def _apply(self, steps: Sequence[Step], held: Mapping[str, Named], progress: Progress | None) -> list[Step]:
        done = []
        for step in steps:
            result = step
            if step.action in ("new", "changed"):
                path = self._settings.corpus / step.name
                result = self._attempt(self._index, path, step.name, held.get(step.name))
            done.append(result)
            if progress:
                progress(result)
        self._library.drop([step.name for step in done if step.action in ("removed", "refused") and step.name in held])
        return done

    def _attempt(
        self, work: Callable[[Path, str, Named | None], Action], source: Path, name: str, held: Named | None
    ) -> Step:
        """One file's failure is one row, not the end of the rest."""
        try:
            return Step(work(source, name, held), name)
        except DocumentError as error:
            return Step("refused", name, str(error))

    def _add_one(self, source: Path, name: str, held: Named | None) -> Action:
        target = self._settings.corpus / name
        if _is_current(source, held) and target.is_file() and _is_current(target, held):
            return "unchanged"
        ready = self._ready(source, name)  # refuse before anything is copied
        if os.path.realpath(source) != os.path.realpath(target):
            copy_whole(source, target)
        self._library.put(*ready)
        return "changed" if held else "new"

    def _index(self, path: Path, name: str, held: Named | None) -> Action:
        self._library.put(*self._ready(path, name))
        return "changed" if held else "new"

    def _ready(self, path: Path, name: str) -> tuple[Document, list[Passage], Vectors, str]:
        """All that the library stores of a file. Raises DocumentError."""
        digest = file_digest(path)  # first: should the file change now, the next sync sees it
        document = read_document(path, name, self._settings.max_file_megabytes)
        self._splitter = self._splitter or SentenceSplitter()
        passages = split_document(document, self._splitter, self._encoder)
        if not passages:
            raise DocumentError(f"{name}: nothing but headings or boilerplate in it; leave it out.")
        return document, passages, self._encoder.encode([passage.text for passage in passages]), digest


def rebuild(settings: Settings, encoder: Encoder, progress: Progress | None = None) -> list[Step]:
    """Make the library anew from the corpus folder beside the old one, and swap when it is complete."""
    with replacing(settings.library_path) as fresh, Library(fresh, encoder, create=True) as library:
        return Ingest(settings, library, encoder).sync(progress)


def readable_files(folder: Path) -> Iterator[Path]:
    """What is below a folder and is named like a file that a reader may read; hidden ones left out.

    Raises DocumentError for a folder that can't be listed, which is not the same as an empty one.
    """

    def stop(error: OSError) -> None:
        raise DocumentError(
            f"{error.filename}: the folder cannot be read ({error.strerror}); mend that or move it away."
        ) from error

    for place, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and is_readable(Path(name)):
                yield Path(place, name)


def file_digest(path: Path) -> str:
    """Hexadecimal sha256 of a file. Raises DocumentError where it can't be read."""
    if not path.is_file():  # a pipe or a device would be read for ever
        raise DocumentError(f"{path}: is not a file, or is a link that leads nowhere; leave it out.")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read ({error.strerror}); mend that or leave it out.") from error


def copy_whole(source: Path, target: Path) -> None:
    """Copy so that `target` is always either what it was or all of `source`. Raises DocumentError."""
    temporary = target.with_name(f".{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reading, temporary.open("wb") as writing:
            shutil.copyfileobj(reading, writing)
            writing.flush()
            os.fsync(writing.fileno())
        temporary.replace(target)
    except OSError as error:
        raise DocumentError(
            f"{source} cannot be copied to {target} ({error.strerror}); make room or rights for it."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _chosen(path: Path, corpus: Path) -> list[tuple[Path, str]]:
    """The files that a given path stands for, each with its name in the corpus."""
    given = os.path.expanduser(path)
    real, home = Path(os.path.realpath(given)), Path(os.path.realpath(corpus))
    inside = real.is_relative_to(home) and home.is_dir()
    if os.path.isdir(given):
        found = [(file, file.relative_to(home if inside else real).as_posix()) for file in readable_files(real)]
        if not found:
            raise DocumentError(f"{path}: the folder holds no file that can be read; give .txt or .md files.")
        return found
    if not os.path.isfile(given):
        raise DocumentError(f"{path}: there is no such file; check the path.")
    name = real.relative_to(home).as_posix() if inside else os.path.basename(given)
    if any(part.startswith(".") for part in name.split("/")):
        raise DocumentError(f"{path}: hidden files are left out of a corpus; give it another name.")
    return [(Path(os.path.abspath(given)), name)]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CoalitionQAError(f"The folder {folder} cannot be made ({error.strerror}).") from error
