"""The library's folder: what is in it, who may write there, and how another library takes its place."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from coalition_qa.database import FILE
from coalition_qa.types import LibraryBusy, LibraryError


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the library in `folder`, whatever state it is in, for changes.

    Raises LibraryBusy, naming the holder, while another process has it.
    """
    try:
        holder = (folder / "writer").open("a+b", buffering=0)
    except OSError as error:
        raise LibraryError(f"The library in {folder} cannot be written ({error.strerror}).") from error
    with holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder.seek(0)
            who = holder.read().decode(errors="replace").strip() or "another process"
            raise LibraryBusy(f"The library in {folder} is being changed by {who}: wait for it or stop it.") from error
        command = " ".join(Path(part).name for part in sys.argv[:2])
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        with suppress(OSError):  # on a full disk it goes unsaid
            holder.truncate(0)
            holder.write(f"process {os.getpid()} ({command}) since {since}".encode(errors="replace"))
        yield


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty path beside the library in `folder`, for another that takes its place when all went well.

    The old library is kept until the new one is complete, and put back where the swap fails; after a kill between
    the two renames `recover` does so. Raises LibraryBusy while another process writes to the old one, LibraryError
    where `folder` is no library's.
    """
    folder = Path(os.path.realpath(folder))  # a link to another disk stays one
    recover(folder)
    if folder.exists() and not folder.is_dir():
        raise LibraryError(f"{folder} is not a folder: name another with --library.")
    strange = sorted(path.name for path in folder.iterdir() if not _is_ours(path)) if folder.is_dir() else []
    if strange:
        raise LibraryError(f"{folder} holds more than a library ({strange[0]}): name another folder with --library.")
    fresh = folder.with_name(f".{folder.name}-{os.urandom(4).hex()}")
    old = fresh.with_name(fresh.name + "-old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with only_writer(folder) if folder.is_dir() else nullcontext():
            clear_leftovers(folder)
            yield fresh
            if folder.exists():
                folder.rename(old)
            fresh.rename(folder)
            _sync(folder.parent)
    except OSError as error:
        recover(folder)
        raise LibraryError(f"The library in {folder} cannot be replaced ({error.strerror}).") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path) -> None:
    """Put back the library that a swap had moved aside when it was cut off."""
    folder = Path(os.path.realpath(folder))
    if not folder.exists():
        for old in sorted(folder.parent.glob(f".{folder.name}-????????-old")):
            with suppress(OSError):
                old.rename(folder)
                return


def leftovers(folder: Path) -> list[Path]:
    """What swaps that were cut off left beside the library, and a making that was cut off left in it."""
    folder = Path(os.path.realpath(folder))
    beside = [*folder.parent.glob(f".{folder.name}-????????"), *folder.parent.glob(f".{folder.name}-????????-old")]
    return sorted([*beside, *folder.glob(f"{FILE}.new*")])


def clear_leftovers(folder: Path) -> None:
    """Remove them. For who holds the library for changes, so that nobody is making them."""
    for path in leftovers(folder):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_ours(path: Path) -> bool:
    return path.name in ("index", "writer") or path.name.startswith(FILE)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
