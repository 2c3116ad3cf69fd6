"""One file that holds the library, and the way back. It holds texts and vectors, not the files they were read from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from coalition_qa.audit import Audit
from coalition_qa.database import FILE, copy
from coalition_qa.folder import replacing
from coalition_qa.library import EncoderFacts, Library, name_of
from coalition_qa.types import LibraryDamaged, LibraryError


def backup(folder: Path, target: Path) -> None:
    """Write the library in `folder` to a new file; it may be in use meanwhile. The copy was looked over before it gets
    its name.

    Raises LibraryError where `target` is there already or can't be written, LibraryDamaged where the library is.
    """
    if target.exists() or target.is_symlink():
        raise LibraryError(f"{target} is there already: name another file.")
    if not (folder / FILE).is_file():
        raise LibraryError(f"There is no library in {folder}: nothing to back up.")
    with _beside(target) as draft:
        copy(folder / FILE, draft / FILE, in_use=True)
        _look_over(draft, f"The library in {folder} is not whole ({{fault}}): run `coalition-qa doctor --repair`.")
        os.link(draft / FILE, target)  # refuses, unlike a rename, where somebody else was faster
        handle = os.open(target.parent, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def restore(folder: Path, source: Path, encoder: EncoderFacts, chroma_url: str = "") -> int:
    """Put the library in `source`, a file that `backup` wrote, in place of the one in `folder`: how many names it has.

    The present library stays until the restored one was looked over and its index filled. Raises LibraryError where
    `source` can't be read, LibraryDamaged where it is no whole backup, EncoderMismatch where it needs another encoder.
    """
    if not source.is_file():
        raise LibraryError(f"There is no file {source}: name one that `coalition-qa backup` wrote.")
    with replacing(folder) as fresh:
        fresh.mkdir(mode=0o700)
        copy(source, fresh / FILE, in_use=False)
        _look_over(fresh, f"{source} is no whole backup ({{fault}}): the library is left as it is.")
        with Library(fresh, encoder, chroma_url=chroma_url, name=name_of(folder)) as library:
            library.refresh_index()
            return len(library.names())


def _look_over(folder: Path, complaint: str) -> None:
    try:
        with closing(Audit(folder, create=False)) as audit:
            faults = [f"{name}: {fault}" for name, fault in audit.faults() if fault]
    except LibraryError as error:
        raise LibraryDamaged(complaint.format(fault=error)) from error
    if faults:
        raise LibraryDamaged(complaint.format(fault=faults[0]))


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    draft = target.with_name(f".{target.name[:200]}-{os.urandom(4).hex()}")
    try:
        draft.mkdir(mode=0o700)
        yield draft
    except OSError as error:
        raise LibraryError(f"{target} cannot be written ({error.strerror}).") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
