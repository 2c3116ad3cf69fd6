"""What is to be done about each file, and why not: found out by reading them, before anything is changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from coalition_qa.alike import Sketch, likeness, sketch, stacked
from coalition_qa.config import Settings
from coalition_qa.corpus import Source, check_inside, file_digest, folded, place_of, sources_in, sources_of
from coalition_qa.documents import Limits, Parser
from coalition_qa.library import Library
from coalition_qa.passages import CHUNKER
from coalition_qa.store import Named
from coalition_qa.types import CorpusGone, Document, DocumentError

Action = Literal["new", "changed", "unchanged", "removed", "refused"]

NEAR = 0.8
"""Texts that share this much of their word 5-shingles are called near-duplicates."""

KEPT_CHARACTERS = 50_000_000
"""Of the documents that were read for the plan; those beyond are read again when their turn comes."""


_REPLACED = "replaces another file of that name in the folder, which was not in the library"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done, or was done, about one name. `note` says why a file was refused, or what is odd about it:
    a text that the library holds under another name, or nearly, pages without text, and another file in its place that
    the library does not hold. `size` is in bytes.
    """

    action: Action
    name: str
    note: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """A document as it was read, and the digest of its file then."""

    document: Document
    digest: str


def limits(settings: Settings) -> Limits:
    """What one file may take."""
    return Limits(settings.max_file_megabytes, settings.parse_seconds, settings.parse_megabytes)


def dry_run(settings: Settings, library: Library | None, paths: Sequence[Path] | None = None) -> list[Step]:
    """The steps that `sync` would take, or with `paths` those that `add` would. Nothing is changed.

    Raises DocumentError where the corpus folder is missing, or a path stands for no file.
    """
    with Parser(limits(settings)) as parser:
        plan = Plan(settings.corpus, library, parser)
        return plan.of_corpus() if paths is None else plan.of_files(sources_of(paths, settings.corpus))


def check_not_emptied(corpus: Path, steps: Sequence[Step]) -> None:
    """Raises CorpusGone for a plan that would do nothing but take several documents, which are all, out of the library.
    The only document is taken out: people who try the program do just that.
    """
    if len(steps) > 1 and all(step.action == "removed" for step in steps):
        raise CorpusGone(
            f"{corpus} holds no documents any more, and the library {len(steps):,}: nothing is removed. Is its disk "
            "missing? If it is meant to be empty, run `coalition-qa sync --emptied`."
        )


class Plan:
    """Compares files with what a library holds, and keeps the documents that it read to do so."""

    def __init__(self, corpus: Path, library: Library | None, parser: Parser) -> None:
        self.held: dict[str, Named] = library.names() if library else {}
        self._corpus = corpus
        self._parser = parser
        self._known = Known(library.sketches() if library else [])
        self._kept: dict[str, Read] = {}
        self._characters = 0

    def of_corpus(self, watch: Callable[[int, int], None] | None = None) -> list[Step]:
        """A step for every file in the corpus folder and every name in the library, by name.

        `watch` is told how many of how many files are done. Raises DocumentError where the folder is missing.
        """
        sources = sources_in(self._corpus)
        steps = self._steps(sources, watch)
        there = {source.name for source in sources}
        steps += [Step("removed", name) for name in self.held if name not in there]
        return sorted(steps, key=lambda step: step.name)

    def of_files(self, sources: Sequence[Source], watch: Callable[[int, int], None] | None = None) -> list[Step]:
        """A step for each file that is to be added."""
        alike = {folded(name): name for name in self.held}
        clashes = {}
        for source in sources:
            other = alike.get(folded(source.name), source.name)
            if other != source.name and source.name not in self.held:
                clashes[source.name] = other
        return self._steps(sources, watch, clashes)

    def read(self, source: Source) -> Read:
        """The document in a file. Raises DocumentError."""
        kept = self._kept.pop(source.name, None)
        if kept:
            self._characters -= len(kept.document.text)
            return kept
        digest = file_digest(source.path)  # first: should the file change now, the next sync sees it
        return Read(self._parser.document(source.path, source.name), digest)

    def is_current(self, path: Path, name: str) -> bool:
        """Whether the library holds a file as it is now. Raises DocumentError for one that can't be read."""
        held = self.held.get(name)
        return held is not None and held.chunker == CHUNKER and held.file_sha256 == file_digest(path)

    def _steps(
        self,
        sources: Sequence[Source],
        watch: Callable[[int, int], None] | None,
        clashes: dict[str, str] | None = None,
    ) -> list[Step]:
        steps = []
        for done, source in enumerate(sources, 1):
            try:
                if clashes and source.name in clashes:
                    raise DocumentError(
                        f"{source.name}: the corpus holds {clashes[source.name]}, which some disks take for the same "
                        "name; rename one of them."
                    )
                steps.append(self._step(source))
            except DocumentError as error:
                steps.append(Step("refused", source.name, str(error)))
            if watch:
                watch(done, len(sources))
        return steps

    def _step(self, source: Source) -> Step:
        target = place_of(self._corpus, source.name)
        if source.root is not None and source.path.is_symlink():
            check_inside(source.path, source.root, source.name)
        if self.is_current(source.path, source.name) and target.is_file() and self.is_current(target, source.name):
            return Step("unchanged", source.name)
        size = _size(source.path)
        read = self.read(source)
        if self._characters + len(read.document.text) <= KEPT_CHARACTERS:
            self._kept[source.name] = read
            self._characters += len(read.document.text)
        replaced = self._is_other_file(source, target)
        action: Action = "changed" if source.name in self.held or replaced else "new"
        notes = (_REPLACED if replaced else "", self._known.note(read.document), _pages_without_text(read.document))
        return Step(action, source.name, "; ".join(filter(None, notes)), size)

    def _is_other_file(self, source: Source, target: Path) -> bool:
        """Whether the corpus has another file in the place of this one, which the library does not hold."""
        if source.name in self.held or not target.is_file() or os.path.samefile(source.path, target):
            return False
        return file_digest(source.path) != file_digest(target)


class Known:
    """The texts of the library and of the plan so far, as far as it takes to say which are alike."""

    def __init__(self, stored: Sequence[tuple[str, str, bytes]]) -> None:
        self._names = [name for name, _, _ in stored]
        self._row_of = {name: row for row, name in enumerate(self._names)}
        self._name_of = {id_: name for name, id_, _ in reversed(stored)}
        self._sketches = stacked(known for _, _, known in stored)  # may have room below the last name's row

    def note(self, document: Document) -> str:
        """Which other name has the same text, or else nearly; empty where none has. The document is known then."""
        same = self._name_of.setdefault(document.id, document.name)
        own = sketch(document.text)
        shares = likeness(own, self._sketches[: len(self._names)])
        if document.name in self._row_of:
            shares[self._row_of[document.name]] = 0.0  # what this name stood for
        self._remember(document.name, own)
        if same != document.name:
            return f"same text as {same}"
        best = int(shares.argmax()) if len(shares) else 0
        alike = len(shares) > 0 and shares[best] >= NEAR
        return f"near-duplicate of {self._names[best]} ({shares[best]:.0%} alike)" if alike else ""

    def _remember(self, name: str, own: Sketch) -> None:
        row = self._row_of.setdefault(name, len(self._names))
        if row == len(self._names):
            self._names.append(name)
            if row == len(self._sketches):
                room = stacked([b""] * max(64, row))
                self._sketches = np.concatenate([self._sketches, room])
        self._sketches[row] = own


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read ({error.strerror}); mend that or leave it out.") from error


def _pages_without_text(document: Document) -> str:
    ends = (*document.pages[1:], len(document.text))
    empty = sum(not document.text[start:end].strip() for start, end in zip(document.pages, ends, strict=False))
    return f"{empty} of {len(document.pages)} pages hold no text" if empty else ""
