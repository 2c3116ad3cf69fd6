"""The command `coalition-qa eval run`: from where the questions and documents are to the report on the answers."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Protocol

from coalition_qa.assistant import Assistant
from coalition_qa.config import Settings, load_settings
from coalition_qa.corpus import readable_files
from coalition_qa.encoders import MODELS, Encoder, open_encoder
from coalition_qa.evaluation import baseline, gate, measure, provenance, report
from coalition_qa.evaluation.adding import add_item, fields_of
from coalition_qa.evaluation.corpora import NOISE, made_corpus, with_noise
from coalition_qa.evaluation.gold import Gold, GoldItem, load_gold
from coalition_qa.evaluation.journal import Journal
from coalition_qa.evaluation.judge_llm import ChatJudge
from coalition_qa.evaluation.judging import Similar
from coalition_qa.evaluation.progress import ProgressLine
from coalition_qa.evaluation.results import RunInfo, read_results
from coalition_qa.evaluation.run import TUNED_ON_DEV, Extras, choose, run, warm_up
from coalition_qa.evaluation.squad import load_squad
from coalition_qa.ingest import Ingest, Progress
from coalition_qa.library import Library
from coalition_qa.plan import Step
from coalition_qa.types import Answer, Document, DocumentInfo, SettingsError, Turn
from coalition_qa.verification import open_calibration

ANSWERED_BY = {"encoder", "reader", "calibration", "dial", "passages_read", "max_question_characters", "threads"}
"""The settings that results depend on; the others say where things are, and how they are served."""


def run_command(given: argparse.Namespace) -> int:
    """`coalition-qa eval run`: 0, or 1 where a baseline was given and the gate did not pass."""
    if given.library and (given.squad or given.noise):
        raise SettingsError("--squad and --noise make a library of their own: leave out --library.")
    if given.as_is and (given.squad or given.noise):
        raise SettingsError("--squad and --noise fill a library of their own: leave out --as-is.")
    if given.baseline:
        baseline.read(given.baseline)  # what is wrong with it should not be heard of after the run
    squad = load_squad(given.squad) if given.squad else None
    judge = ChatJudge(given.judge, given.judge_model) if given.judge else None
    settings = load_settings({"library": given.library, "corpus": given.corpus})
    encoder = open_encoder(settings)
    settings = _place(given, settings, encoder, squad.documents if squad else None)
    notes, ingest_s = ([], 0.0) if given.as_is else _bring_in_line(settings, encoder)
    with Assistant.open(settings) as assistant, _folder(given.out) as out:
        gold = Gold(squad.items) if squad else load_gold(given.gold, Documents(assistant))
        for each in gold.stale:
            print(f"stale: {each}", file=sys.stderr)
        info = _info(given, settings, encoder, assistant, gold, notes, judge.model if judge else "")
        results, timings = _asked(given, assistant, settings, gold, info, out, Extras(_similar(encoder), judge))
        return _reported(given, results, replace(info, timings={"ingest_s": ingest_s, **timings}), out)


def add_from_chat(
    assistant: Holds, gold: Path, answer: Answer, history: Sequence[Turn] = (), answers: Sequence[str] = ()
) -> GoldItem:
    """Make an answer that somebody found right a gold item, with its citations as evidence; see `fields_of`.

    Raises GoldError where it makes no right item (the same question is there already, say).
    """
    documents = Documents(assistant)
    return add_item(gold, fields_of(answer, documents, history, answers), documents)


def _asked(
    given: argparse.Namespace,
    assistant: Assistant,
    settings: Settings,
    gold: Gold,
    info: RunInfo,
    out: Path,
    extras: Extras,
) -> tuple[Path, dict[str, float]]:
    """Ask what is to be asked; the path of the results, and what was timed beside them."""
    items = choose(gold.items, given.split, given.limit, given.seed)
    with Journal(out, info) as journal:
        if journal.done:
            print(f"Going on in {out}: {len(journal.done):,} of {len(items):,} are there.", file=sys.stderr)
        elif journal.had_another:
            print(f"Starting afresh: what {out} held a part of was another run.", file=sys.stderr)
        timings = {} if journal.done or given.as_is else {"cold_start_ms": _cold_start_ms(settings, items[0].question)}
        warm_up(assistant, items)
        began = perf_counter()
        whole = not journal.done
        try:
            results = run(assistant, items, journal, extras, ProgressLine(sys.stderr))
        except KeyboardInterrupt:
            if given.out:
                print(f"\n{len(journal.done):,} of {len(items):,} are kept: the same command goes on.", file=sys.stderr)
            raise
        if whole:
            timings["run_s"] = round(perf_counter() - began, 3)
    return results, {**timings, "peak_rss_mb": provenance.peak_rss_mb()}


def _reported(given: argparse.Namespace, results: Path, info: RunInfo, out: Path) -> int:

    made = measure.report(read_results(results, texts=False), info)
    outcome = gate.check(made, given.baseline) if given.baseline else None
    print(report.to_text(made))
    if given.out:
        report.write(made, out, outcome)
        Journal.reported(out)
        print(f"Written to {out}.")
    if given.new_baseline:
        gate.write_baseline(made, given.new_baseline)
        print(f"{given.new_baseline} is the baseline now.")
    if outcome is None:
        return 0
    print("\n".join(outcome.lines))
    return 0 if outcome.passed else 1


def _info(
    given: argparse.Namespace,
    settings: Settings,
    encoder: Encoder,
    assistant: Assistant,
    gold: Gold,
    notes: Sequence[str],
    judge: str,
) -> RunInfo:
    """All that the results depend on."""
    catalogue = assistant.documents()
    source = given.squad or given.gold
    tuned = [TUNED_ON_DEV] if given.split != "test" else []
    return RunInfo(
        split=given.split,
        gold=source.name,
        gold_sha256=provenance.digest_of(source),
        corpus_sha256=provenance.digest_of_corpus(catalogue),
        index_fingerprint=assistant.fingerprint,
        documents=len(catalogue),
        n=len(choose(gold.items, given.split, given.limit, given.seed)),
        limit=given.limit,
        seed=given.seed,
        settings=settings.model_dump(mode="json", include=ANSWERED_BY),
        models={"encoder": encoder.identity, **provenance.model_hashes(MODELS), **_own_calibration(settings)},
        fitted_on=open_calibration(settings.calibration).fitted_on,
        packages=provenance.package_versions(),
        python=provenance.python_version(),
        code_sha256=provenance.digest_of_files(Path(__file__).parent, "*.py"),
        judge=judge,
        notes=(*tuned, *notes),
        stale=gold.stale,
    )


def _own_calibration(settings: Settings) -> dict[str, str]:
    return {"calibration": provenance.digest_of(settings.calibration)} if settings.calibration else {}


def _place(
    given: argparse.Namespace, settings: Settings, encoder: Encoder, texts: Mapping[str, str] | None
) -> Settings:
    """The settings with the corpus and the library that are asked about; the user's own only where none was named."""
    if given.library or not (texts is not None or given.noise or given.corpus):
        return settings
    cache = settings.cache / "evaluation"
    alone = {"chroma_url": ""}  # a passing library leaves nothing on a server
    tag = sha256(encoder.identity.encode()).hexdigest()[:8]

    def files(folder: Path) -> dict[str, Path]:
        return {path.relative_to(folder).as_posix(): path for path in readable_files(folder)}

    if texts is None and not given.noise:
        key = sha256(str(settings.corpus).encode()).hexdigest()[:16]
        return settings.model_copy(update={"library": cache / key / f"library-{tag}", **alone})
    documents = dict(texts) if texts is not None else files(settings.corpus)
    corpus = made_corpus(cache, with_noise(documents, files(given.noise) if given.noise else {}))
    return settings.model_copy(update={"corpus": corpus, "library": corpus.parent / f"library-{tag}", **alone})


def _bring_in_line(settings: Settings, encoder: Encoder) -> tuple[list[str], float]:
    """Index what the corpus folder holds; what there is to note about it, and the seconds it took."""
    if settings.corpus_is_own:
        settings.corpus.mkdir(parents=True, exist_ok=True)
    began = perf_counter()
    with Library(settings.library_path, encoder, create=True, chroma_url=settings.chroma_url) as library:
        steps = Ingest(settings, library, encoder).sync(_Indexing())
    refused = [step for step in steps if step.action == "refused"]
    for step in refused:
        print(f"refused: {step.note}", file=sys.stderr)
    notes = [f"{len(refused)} documents could not be read, {refused[0].name} first."] if refused else []
    return notes, round(perf_counter() - began, 3)


def _similar(encoder: Encoder) -> Similar:
    def closest(text: str, others: Sequence[str]) -> float:
        first, *rest = encoder.encode([text, *others])
        return max(float(first @ row) for row in rest)

    return closest


def _cold_start_ms(settings: Settings, question: str) -> float:
    """Milliseconds from starting the program to its answer to one question, in a process of its own."""
    places = ("--library", settings.library_path, "--corpus", settings.corpus)
    began = perf_counter()
    command = [sys.executable, "-m", "coalition_qa", "ask", *map(str, places), "--", question]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return round(1000 * (perf_counter() - began), 3)


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """The folder for the results; without one, a passing one."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory() as passing:
        yield Path(passing)


class _Indexing(Progress):
    """Shows how many of the documents to index are indexed."""

    def __init__(self) -> None:
        self._show = ProgressLine(sys.stderr, "documents")
        self._left: set[str] = set()
        self._total = 0

    def planned(self, steps: Sequence[Step]) -> None:
        self._left = {step.name for step in steps if step.action in ("new", "changed")}
        self._total = len(self._left)

    def done(self, step: Step) -> None:
        if step.name in self._left:
            self._left.remove(step.name)
            self._show(self._total - len(self._left), self._total)


class Holds(Protocol):
    """Whatever knows its documents by name."""

    def documents(self) -> Sequence[DocumentInfo]:
        """The catalogue."""

    def document(self, name: str) -> Document | None:
        """The document of that name, None where there is none."""


class Documents(Mapping[str, Document]):
    """The documents of a library by name, distractors left out: no gold is about them."""

    def __init__(self, assistant: Holds) -> None:
        self._assistant = assistant
        names = (info.name for info in assistant.documents())
        self._names = dict.fromkeys(name for name in names if not name.startswith(f"{NOISE}/"))

    def __getitem__(self, name: str) -> Document:
        document = self._assistant.document(name) if name in self._names else None
        if document is None:
            raise KeyError(name)
        return document

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
