"""Make the library match the corpus folder: plan, then apply. The only writer."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from coalition_qa.config import Settings
from coalition_qa.corpus import Source, copy_whole, make_folder, place_of, sources_in, sources_of
from coalition_qa.documents import Parser
from coalition_qa.encoders import Encoder, Vectors
from coalition_qa.folder import replacing
from coalition_qa.library import Library, name_of
from coalition_qa.passages import SentenceSplitter, split_document
from coalition_qa.plan import Plan, Read, Step, check_not_emptied, limits
from coalition_qa.types import CorpusGone, Document, DocumentError, Passage


class Progress:
    """Told how far the work is; does nothing with it. Whoever wants to show it overrides what is needed."""

    def reading(self, done: int, total: int) -> None:
        """So many of the files were compared with the library, and read where they differ."""

    def planned(self, steps: Sequence[Step]) -> None:
        """This is going to be done."""

    def done(self, step: Step) -> None:
        """This was done, and is on disk; for a file that is refused, this is why."""


class Ingest:
    """Brings a library in line with a corpus folder, a document at a time."""

    def __init__(self, settings: Settings, library: Library, encoder: Encoder) -> None:
        self._settings = settings
        self._library = library
        self._encoder = encoder
        self._splitter: SentenceSplitter | None = None

    def sync(self, progress: Progress | None = None, *, emptied: bool = False) -> list[Step]:
        """Apply the plan. A file that can't be read is refused on its row; what it held before is not answered
        from any more, because nobody could check the citation.

        Raises CorpusGone, before anything is changed, where the folder is missing, or nothing is in it any more and
        that is not said to be meant: a disk that is not mounted looks just so.
        """
        progress = progress or Progress()
        corpus = self._settings.corpus
        with self._library.writing(), Parser(limits(self._settings)) as parser:
            plan = Plan(corpus, self._library, parser)
            steps = plan.of_corpus(progress.reading)
            if not emptied:
                check_not_emptied(corpus, steps)
            progress.planned(steps)

            def index(step: Step) -> None:
                self._put(plan.read(Source(corpus / step.name, step.name, corpus)))

            done = [self._attempt(step, index, progress) for step in steps]
            gone = [step.name for step in done if step.action in ("removed", "refused") and step.name in plan.held]
            self._library.drop(gone)
            return done

    def add(self, paths: Sequence[Path], progress: Progress | None = None) -> list[Step]:
        """Copy files, or the readable files of folders, into the corpus folder and index them.

        A file that can't be read is refused on its row and not copied. Raises DocumentError for a path that
        does not exist or a folder with nothing readable in it, before anything is changed.
        """
        progress = progress or Progress()
        corpus = self._settings.corpus
        sources = {source.name: source for source in sources_of(paths, corpus)}
        make_folder(corpus)
        with self._library.writing(), Parser(limits(self._settings)) as parser:
            plan = Plan(corpus, self._library, parser)
            steps = plan.of_files(list(sources.values()), progress.reading)
            progress.planned(steps)

            def take(step: Step) -> None:
                source = sources[step.name]
                target = place_of(corpus, step.name)
                read = plan.read(source)
                ready = self._ready(read)  # refuse before anything is copied
                there = Path(os.path.realpath(target.parent), target.name)  # a link in its place is replaced
                if Path(os.path.realpath(source.path)) != there:
                    copy_whole(source.path, target, read.digest)
                self._library.put(*ready)

            return [self._attempt(step, take, progress) for step in steps]

    def remove(self, wanted: Sequence[str]) -> list[Step]:
        """Take documents out of the corpus folder and the library, by name or by the start of their id. The note of
        each says what was found when it was looked for afterwards.

        Raises DocumentError, before anything is removed, for one that is not there or not just one.
        """
        with self._library.writing():
            names = list(dict.fromkeys(self._resolve(one) for one in wanted))
            for target in [place_of(self._settings.corpus, name) for name in names]:
                try:
                    target.unlink(missing_ok=True)
                except OSError as error:
                    raise DocumentError(f"{target} cannot be removed ({error.strerror}).") from error
            held = self._library.names()
            passages = {name: self._library.passage_ids(name) for name in names}
            self._library.drop(names)
            self._library.refresh_index(now=True)
            return [Step("removed", name, self._proof(held[name].document_id, passages[name])) for name in names]

    def _proof(self, document_id: str, passages: Sequence[str]) -> str:
        """What is left of a document, in words."""
        others = [name for name, what in self._library.names().items() if what.document_id == document_id]
        if others:
            return f"its text stays, as {others[0]}"
        number = f"{len(passages)} passage{'' if len(passages) == 1 else 's'}"
        left = self._library.traces(passages)
        if left:
            return f"{number}; still in {' and '.join(left)}: sync again when no other process has the library open"
        return f"{number}; not in the list, the full text or the index any more"

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

    def _attempt(self, step: Step, work: Callable[[Step], None], progress: Progress) -> Step:
        """One file's failure is one row, not the end of the rest."""
        done = step
        if step.action in ("new", "changed"):
            try:
                work(step)
            except DocumentError as error:
                done = Step("refused", step.name, str(error), step.size)
        progress.done(done)
        return done

    def _put(self, read: Read) -> None:
        self._library.put(*self._ready(read))

    def _ready(self, read: Read) -> tuple[Document, list[Passage], Vectors, str]:
        """All that the library needs to store a file: of a text that it holds, nothing more. Raises DocumentError."""
        if self._library.holds(read.document.id):
            return read.document, [], np.empty((0, 0), np.float32), read.digest
        self._splitter = self._splitter or SentenceSplitter()
        passages = split_document(read.document, self._splitter, self._encoder)
        if not passages:
            raise DocumentError(f"{read.document.name}: nothing but headings or boilerplate in it; leave it out.")
        vectors = self._encoder.encode([passage.text for passage in passages])
        return read.document, passages, vectors, read.digest


def rebuild(
    settings: Settings, encoder: Encoder, progress: Progress | None = None, *, emptied: bool = False
) -> list[Step]:
    """Make the library anew from the corpus folder beside the old one, and swap when it is complete.

    Raises CorpusGone where the folder is missing, or nothing is in it and that is not said to be meant.
    """
    at_server = {"chroma_url": settings.chroma_url, "name": name_of(settings.library_path)}
    with replacing(settings.library_path) as fresh, Library(fresh, encoder, create=True, **at_server) as library:
        if not (emptied or sources_in(settings.corpus)):
            raise CorpusGone(
                f"{settings.corpus} holds no documents to make the library of: it stays as it is. Put them back, or, "
                "if none is meant, run `coalition-qa sync --rebuild --emptied`."
            )
        return Ingest(settings, library, encoder).sync(progress)
