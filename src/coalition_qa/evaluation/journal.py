"""The results of a run as they come in: written line by line, gone on with after an interruption, whole at the end."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from coalition_qa.evaluation.results import RESULTS, Result, RunInfo, to_line
from coalition_qa.types import CoalitionQAError

PART = f"{RESULTS}.part"
REPORT = "report.json"


class Journal:
    """The file results.jsonl.part of one run: a line that says which run it is of, then a line a result.

    `done` holds the ids of the items whose results are there. A line that a kill cut short is taken off.
    """

    def __init__(self, folder: Path, info: RunInfo) -> None:
        """Go on with the run that `folder` holds a part of, if it is the same one; else start afresh.

        Raises CoalitionQAError where the folder can't be written to, or another process is running there.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = (folder / PART).open("a+b")
        except OSError as error:
            raise CoalitionQAError(f"The results cannot be written to {folder}: {error.strerror}.") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise CoalitionQAError(
                f"Another evaluation is writing to {folder}: wait for it, or choose another --out."
            ) from error
        self.had_another = False
        self.done = self._kept(info)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, result: Result) -> None:
        """Write one result; a process killed afterwards doesn't lose it."""
        self._file.write(to_line(result).encode())
        self._file.flush()
        self.done.add(result.id)

    def finish(self) -> Path:
        """Make the part the folder's results.jsonl, which until now was another run's or not there; give its path.

        That run's report.json goes first: with results of another run beside it, it would be mistaken for theirs. The
        part stays until `reported`: a run that is killed before its report is there is gone on with.
        """
        whole, fresh = self._folder / RESULTS, self._folder / f".{RESULTS}.new"
        try:
            self._file.seek(0)
            self._file.readline()
            with fresh.open("wb") as file:
                shutil.copyfileobj(self._file, file)
                file.flush()
                os.fsync(file.fileno())
            (self._folder / REPORT).unlink(missing_ok=True)
            fresh.replace(whole)
        except OSError as error:
            raise CoalitionQAError(f"{whole} cannot be written: {error.strerror}.") from error
        return whole

    @staticmethod
    def reported(folder: Path) -> None:
        """The run in a folder has its report: nothing of it is to be gone on with."""
        (folder / PART).unlink(missing_ok=True)

    def _kept(self, info: RunInfo) -> set[str]:
        """The ids of the results that can stay; all else is cut off the file."""
        self._file.seek(0)
        head = self._file.readline()
        done: set[str] = set()
        end = 0
        if head and _is_of(head, info):
            end = len(head)
            for line, name in _whole_lines(self._file):
                done.add(name)
                end += len(line)
        self.had_another = bool(head) and not end
        self._file.truncate(end)
        self._file.seek(0, os.SEEK_END)
        if not end:
            self._file.write(to_line(info).encode())
            self._file.flush()
        return done


def _is_of(head: bytes, info: RunInfo) -> bool:
    try:
        return head.endswith(b"\n") and RunInfo.from_json(json.loads(head)).is_same_run(info)
    except ValueError:
        return False


def _whole_lines(file: BinaryIO) -> Iterator[tuple[bytes, str]]:
    """Each line up to the first that is no result, with its item's id."""
    for line in file:
        try:
            name = Result.from_json(json.loads(line)).id
        except ValueError:
            return
        if not line.endswith(b"\n"):
            return
        yield line, name
