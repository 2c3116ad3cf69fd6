"""What stands behind the page's Evaluation screen: runs in a process of their own, and the users' gold files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock

from coalition_qa.config import PREFIX, Settings
from coalition_qa.eval_running import ANSWERED_BY, Documents, Holds, add_from_chat
from coalition_qa.evaluation.adding import NO_CATEGORY, add_item
from coalition_qa.evaluation.compare import FLIPPED_BY, compare
from coalition_qa.evaluation.html import comparison_html, wrong_of
from coalition_qa.evaluation.journal import PART, REPORT
from coalition_qa.evaluation.results import RESULTS, read_results
from coalition_qa.types import Answer, CoalitionQAError, Turn
from coalition_qa.ui import Failure, GoldSet, Judged, Run

MOST_LISTED = 50
_ID = re.compile(r"\d{8}-\d{6}-(own|test|all)")
_LOG = "log.txt"
_NICE = "5"  # a run takes every core it gets, and questions that people ask meanwhile go first
_PATIENCE = 10.0  # seconds until a run that was told to stop is made to


class _Part:
    """The results of a run so far, counted from where they were counted last."""

    def __init__(self, folder: Path) -> None:
        self.asked = self.total = self._read = 0
        self._path = folder / PART

    def count(self) -> None:
        """Look how many there are, and how many there are to be."""
        with suppress(OSError, ValueError, KeyError), self._path.open("rb") as part:
            if part.seek(0, os.SEEK_END) < self._read:
                self.asked = self.total = self._read = 0  # it began afresh
            part.seek(self._read)
            for line in part:
                if not line.endswith(b"\n"):
                    break
                if self.total:
                    self.asked += 1
                else:
                    self.total = int(json.loads(line)["n"])
                self._read += len(line)


@dataclass
class _Going:
    """The run that is being made."""

    user: str
    folder: Path
    process: subprocess.Popen[bytes]
    part: _Part
    stopped: bool = False


class Evaluation:
    """Runs and gold files in a folder beside the library, each user's apart; one run at a time."""

    def __init__(self, settings: Settings, holds: Holds) -> None:
        """A run asks the library as it is; `holds` is what knows its documents here, for gold items."""
        self._settings = settings
        self._holds = holds
        self._lock = Lock()
        self._going: _Going | None = None
        self._faults: dict[str, str] = {}

    def sets(self, user: str) -> list[GoldSet]:
        """The user's own questions where there are any, then the gold file that everybody may run."""
        own, shared = self._own(user), self._settings.gold_path
        found = [GoldSet("own", "Your own questions", str(own))] if own.is_file() else []
        if shared is not None:
            kinds = (("test", "test split"), ("all", "all"))
            found += [GoldSet(key, f"{shared.name}, {name}", str(shared)) for key, name in kinds]
        return found

    def runs(self, user: str) -> list[Run]:
        """The user's latest runs, the latest first."""
        with self._lock:
            self._settle()
            folders = [path for path in self._runs(user).glob("*") if _ID.fullmatch(path.name)]
            found = [self._run(path) for path in sorted(folders, reverse=True)[:MOST_LISTED]]
        return [run for run in found if run is not None]

    def going(self, user: str) -> Run | None:
        """The user's run that is being made now, where there is one."""
        with self._lock:
            self._settle()
            going = self._going
            return self._run(going.folder) if going is not None and going.user == user else None

    def fault(self, user: str) -> str:
        """Why the user's latest run failed; "" where it did not."""
        with self._lock:
            self._settle()
            return self._faults.get(user, "")

    def start(self, user: str, key: str) -> None:
        """Begin a run, or go on with the latest of these questions where it was stopped.

        Raises CoalitionQAError where there are no such questions, or a run is being made.
        """
        chosen = next((each for each in self.sets(user) if each.key == key), None)
        if chosen is None:
            raise CoalitionQAError("There are no such questions: choose others.")
        with self._lock:
            self._settle()
            if self._going is not None:
                raise CoalitionQAError("An evaluation is running already: wait for it, or stop it.")
            self._faults.pop(user, None)
            folder = self._stopped(user, key) or self._runs(user) / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{key}"
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                with (folder / _LOG).open("wb") as log:
                    process = subprocess.Popen(
                        self._command(chosen, folder), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                        env=self._environment(),
                    )  # fmt: skip
            except OSError as error:
                raise CoalitionQAError(f"The run cannot be kept in {folder} ({error.strerror}).") from error
            self._going = _Going(user, folder, process, _Part(folder))

    def stop(self, user: str) -> None:
        """Stop the user's run, if there is one; what was asked is kept, also of one that has to be killed."""
        with self._lock:
            if self._going is not None and self._going.user == user:
                self._end(self._going)
                self._settle()

    def close(self) -> None:
        """Stop whatever is running."""
        with self._lock:
            if self._going is not None:
                self._end(self._going)
                self._settle()

    def forget(self, user: str, id_: str) -> None:
        """Delete a run. Raises CoalitionQAError for one that is being made."""
        folder = self._folder(user, id_)
        with self._lock:
            self._settle()
            if self._going is not None and self._going.folder == folder:
                raise CoalitionQAError("This run is being made: stop it first.")
            shutil.rmtree(folder, ignore_errors=True)

    def report(self, user: str, id_: str) -> str:
        """The report of a whole run, as a page. Raises CoalitionQAError where there is none."""
        try:
            return (self._folder(user, id_) / "report.html").read_text("utf-8")
        except OSError as error:
            raise CoalitionQAError("There is no report of this run.") from error

    def compared(self, user: str, one: str, other: str) -> str:
        """Two whole runs against each other, as a page; the earlier one is a."""
        a, b = sorted((self._folder(user, one), self._folder(user, other)))
        made = compare(a / RESULTS, b / RESULTS)
        return comparison_html(replace(made, a=self._named(a), b=self._named(b)))

    def failures(self, user: str, id_: str) -> list[Failure]:
        """What was not right in a whole run."""
        results = read_results(self._folder(user, id_) / RESULTS, texts=False)
        wrong = [wrong_of(each) for each in results if each.verdicts.right is False]
        return [Failure(each.question, each.category, each.answer, each.gold) for each in wrong]

    def add(self, user: str, item: Judged) -> str:
        """Make it an item of the user's own gold file; its id. Raises GoldError where it makes no right one."""
        place = {"doc": item.doc} if item.doc else {}
        fields = {
            "question": item.question,
            "history": [{"question": turn.question, "answer": turn.answer} for turn in item.history],
            "answerable": item.answerable,
            "category": "follow-up" if item.history and item.answerable else NO_CATEGORY[item.answerable],
            "answers": list(item.answers),
            "evidence": [{**place, "quote": item.quote}] if item.quote else [],
        }
        return add_item(self._own(user), fields, Documents(self._holds)).id

    def confirm(self, user: str, answer: Answer, history: Sequence[Turn], answers: Sequence[str]) -> str:
        """Make an answer that was found right such an item; see `add_from_chat`."""
        return add_from_chat(self._holds, self._own(user), answer, history, answers).id

    def _home(self, user: str) -> Path:
        """The folder itself where nobody logs in; else one whose name says nothing of the user."""
        home = self._settings.evaluation_path
        return home / sha256(user.encode("utf-8", "replace")).hexdigest()[:16] if user else home

    def _own(self, user: str) -> Path:
        return self._home(user) / "gold.jsonl"

    def _runs(self, user: str) -> Path:
        return self._home(user) / "runs"

    def _folder(self, user: str, id_: str) -> Path:
        if not _ID.fullmatch(id_):
            raise CoalitionQAError("There is no such run.")
        return self._runs(user) / id_

    def _named(self, folder: Path) -> str:
        began, key = _began_and_key(folder)
        names = {"own": "your own questions", "test": "test split", "all": "all questions"}
        return f"{began}, {names[key]}"

    def _run(self, folder: Path) -> Run | None:
        began, key = _began_and_key(folder)
        shared = self._settings.gold_path
        name = "Your own questions" if key == "own" else f"{shared.name if shared else 'gold'}, {key}"
        if self._going is not None and self._going.folder == folder:
            part = self._going.part
            part.count()
            return Run(folder.name, name, began, part.asked, part.total, going=True)
        if (folder / PART).is_file():
            part = _Part(folder)
            part.count()
            return Run(folder.name, name, began, part.asked, part.total)
        try:
            found = json.loads((folder / REPORT).read_text("utf-8"))
            right = found["metrics"][FLIPPED_BY]
            verdict = f"{right['value']:.0%} right and cited, or rightly declined"
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Run(folder.name, name, began, found["items"], found["items"], verdict)

    def _stopped(self, user: str, key: str) -> Path | None:
        """The latest run of these questions, if it was not finished."""
        ended = sorted(path for path in self._runs(user).glob(f"*-{key}") if _ID.fullmatch(path.name))
        return ended[-1] if ended and (ended[-1] / PART).is_file() else None

    def _command(self, chosen: GoldSet, folder: Path) -> list[str]:
        nice = [found, "-n", _NICE] if (found := shutil.which("nice")) else []
        split = "test" if chosen.key == "test" else "all"
        places = ["--library", str(self._settings.library_path), "--corpus", str(self._settings.corpus)]
        asks = ["--as-is", "--gold", chosen.file, "--split", split, "--out", str(folder)]
        return [*nice, sys.executable, "-m", "coalition_qa", "eval", "run", *asks, *places]

    def _environment(self) -> dict[str, str]:
        """With the settings that answers depend on as the page has them, whatever they were read from."""
        given = self._settings.model_dump(mode="json", include=ANSWERED_BY)
        return {**os.environ, **{f"{PREFIX}{key}".upper(): str(value) for key, value in given.items() if value}}

    def _end(self, going: _Going) -> None:
        going.stopped = True
        going.process.terminate()
        try:
            going.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            going.process.kill()
            going.process.wait()

    def _settle(self) -> None:
        """Where the run has ended, see how."""
        going = self._going
        if going is None or going.process.poll() is None:
            return
        self._going = None
        if going.process.returncode and not going.stopped:
            self._faults[going.user] = _why(going.folder / _LOG)
        if not any((going.folder / name).exists() for name in (PART, RESULTS)):
            shutil.rmtree(going.folder, ignore_errors=True)  # nothing was asked


def _began_and_key(folder: Path) -> tuple[str, str]:
    day, clock, key = folder.name.split("-")
    return f"{day[:4]}-{day[4:6]}-{day[6:]} {clock[:2]}:{clock[2:4]} UTC", key


def _why(log: Path) -> str:
    """The last line of what the run complained of."""
    with suppress(OSError):
        lines = log.read_text("utf-8", "replace").split("\n")
        said = next((line for line in reversed(lines) if line.strip()), "")
        if said:
            return said.removeprefix("coalition-qa: ")[:1000]
    return "The run failed, and left no word why."
