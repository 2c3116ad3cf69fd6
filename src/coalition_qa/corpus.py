"""The corpus folder: which files are in it, and how others get in. No name leads out of it."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from coalition_qa.documents import is_readable, reader_version
from coalition_qa.types import CoalitionQAError, CorpusGone, DocumentError

_CHUNK = 1 << 20


class Source(NamedTuple):
    """A file, the name it has or is to have in the corpus, and the folder that a link in its place may not leave."""

    path: Path
    name: str
    root: Path | None


def sources_in(corpus: Path) -> list[Source]:
    """What the corpus folder holds. Raises CorpusGone where it is missing, which is not the same as empty."""
    if not corpus.is_dir():
        raise CorpusGone(f"There is no corpus folder {corpus}: make it, or name another with COALITION_QA_CORPUS.")
    return [Source(path, path.relative_to(corpus).as_posix(), corpus) for path in readable_files(corpus)]


def sources_of(paths: Sequence[Path], corpus: Path) -> list[Source]:
    """The files that given paths stand for, each once, their names in NFC.

    Raises DocumentError for a path that does not exist, a folder with nothing readable in it, and two files that
    would have one name, or names that differ only in case.
    """
    found = list({source.path: source for path in paths for source in _sources_of(path, corpus)}.values())
    first: dict[str, str] = {}
    for source in found:
        other = first.get(folded(source.name))
        if other is not None:
            names = other if other == source.name else f"{other} or {source.name}, which some disks take for the same"
            raise DocumentError(f"Two files would both be called {names}: add the folder above them, or rename one.")
        first[folded(source.name)] = source.name
    return found


def readable_files(folder: Path) -> Iterator[Path]:
    """What is below a folder and is named like a file that a reader may read; hidden ones left out. A link to a folder
    is not followed, but named, so that whoever reads it says so.

    Raises DocumentError for a folder that can't be listed, which is not the same as an empty one.
    """

    def stop(error: OSError) -> None:
        raise DocumentError(
            f"{error.filename}: the folder cannot be read ({error.strerror}); mend that or move it away."
        ) from error

    for place, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in folders if Path(place, name).is_symlink())
        for name in sorted(names):
            if not name.startswith(".") and is_readable(Path(name)):
                yield Path(place, name)


def check_inside(path: Path, folder: Path, name: str) -> None:
    """Raises DocumentError where `path` is, or leads through, a link out of `folder`."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise DocumentError(f"{name}: is a link that leads out of {folder}; put the file itself there.")


def place_of(corpus: Path, name: str) -> Path:
    """Where a name stands in the corpus. Raises DocumentError for one that stands elsewhere, as `../a.txt` does."""
    target = corpus / name
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts or "\0" in name:
        raise DocumentError(f"{name!a}: is no name of a file in {corpus}; rename it.")
    check_inside(target.parent, corpus, name)
    return target


def file_digest(path: Path) -> str:
    """Hexadecimal sha256 of a file, and behind it which reader reads it (`reader_version`).

    Raises DocumentError where it can't be read.
    """
    try:
        if not path.is_file():  # a pipe or a device would be read for ever
            raise DocumentError(f"{path}: is not a file, or is a link that leads nowhere; leave it out.")
        with path.open("rb") as file:
            return f"{hashlib.file_digest(file, 'sha256').hexdigest()} {reader_version(path)}".strip()
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read ({error.strerror}); mend that or leave it out.") from error


def copy_whole(source: Path, target: Path, digest: str) -> None:
    """Copy so that `target` is always either what it was or all of `source`.

    Raises DocumentError where that can't be done, or `source` is no longer what `digest` (see `file_digest`) says.
    """
    temporary = target.with_name(f".{os.getpid()}.part")
    copied = hashlib.sha256()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reading, temporary.open("wb") as writing:
            while chunk := reading.read(_CHUNK):
                copied.update(chunk)
                writing.write(chunk)
            writing.flush()
            os.fsync(writing.fileno())
        if copied.hexdigest() != digest.partition(" ")[0]:
            raise DocumentError(f"{source} was changed while it was being added; add it again.")
        temporary.replace(target)
    except OSError as error:
        raise DocumentError(
            f"{source} cannot be copied to {target} ({error.strerror}); make room or rights for it."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def folded(name: str) -> str:
    """Equal for names that a disk that ignores case or composition takes for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises CoalitionQAError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CoalitionQAError(f"The folder {folder} cannot be made ({error.strerror}).") from error


def _sources_of(path: Path, corpus: Path) -> list[Source]:
    given = os.path.expanduser(path)
    real, home = Path(os.path.realpath(given)), Path(os.path.realpath(corpus))
    inside = real.is_relative_to(home) and home.is_dir()
    if os.path.isdir(given):
        top = home if inside else real
        found = [Source(file, file.relative_to(top).as_posix(), real) for file in readable_files(real)]
        if not found:
            raise DocumentError(f"{path}: the folder holds no file that can be read; give .txt, .pdf or .docx files.")
    elif os.path.isfile(given):
        name = real.relative_to(home).as_posix() if inside else os.path.basename(given)
        if any(part.startswith(".") for part in name.split("/")):
            raise DocumentError(f"{path}: hidden files are left out of a corpus; give it another name.")
        found = [Source(Path(os.path.abspath(given)), name, None)]
    else:
        raise DocumentError(f"{path}: there is no such file; check the path.")
    return found if inside else [one._replace(name=unicodedata.normalize("NFC", one.name)) for one in found]
