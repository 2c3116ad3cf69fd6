"""The commands below `coalition-qa eval`: parse, call, print, exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from coalition_qa.types import Document, DocumentError, GoldError

if TYPE_CHECKING:
    from coalition_qa.config import Settings

GOLD = Path("eval/gold.jsonl")
FAILED = 2
"""Exit code of what could not be done; 1 is a gate that did not pass, and nothing else."""

_LISTED = 20
_CATEGORIES = "factoid list who-said-what why temporal numeric multi-sentence follow-up false-premise adversarial"
_CATEGORIES += " unanswerable-near unanswerable-far long-answer retrieval-only"


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:  # noqa: ANN401 - argparse keeps its type private
    """Add `eval` and what is below it; each sets `run`."""
    top = commands.add_parser("eval", help="Measure answers against gold questions.")
    within = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], what: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = within.add_parser(name, parents=[shared], help=what, description=what)
        made.set_defaults(run=run, failure=FAILED)
        return made

    check = command("check", _check, "Check a gold file against its documents.")
    check.add_argument("--gold", type=Path, default=GOLD, metavar="FILE", help="gold file (default: %(default)s)")
    check.add_argument("--lock", action="store_true", help="remember the texts: an item whose text changed is stale")
    check.add_argument("--strict", action="store_true", help="stale items are an error, too")
    _add_run(command("run", _run, "Ask gold questions, score the answers, hold them against a baseline."))
    compare = command("compare", _compare, "Compare two runs item by item, with paired tests.")
    compare.add_argument("a", type=Path, metavar="A", help="folder that `eval run --out` wrote, or its results.jsonl")
    compare.add_argument("b", type=Path, metavar="B", help="the other one")
    add = command("add", _add, "Write a question with its evidence into a gold file, once it is checked.")
    add.add_argument("question")
    add.add_argument(
        "--quote", action="append", default=[], metavar="TEXT", help="words that answer it; may be repeated"
    )
    add.add_argument("--doc", metavar="NAME", help="document of the quotes, where more than one has them")
    add.add_argument("--occurrence", type=int, metavar="N", help="which place, where the document has the quote often")
    add.add_argument("--answer", action="append", default=[], metavar="TEXT", help="short answer; repeat for aliases")
    add.add_argument("--unanswerable", action="store_true", help="the documents don't hold the answer")
    add.add_argument("--category", choices=_CATEGORIES.split(), metavar="NAME", help=_CATEGORIES.replace(" ", ", "))
    add.add_argument("--split", choices=("dev", "test"), default="test", help="default: %(default)s")
    add.add_argument("--gold", type=Path, default=GOLD, metavar="FILE", help="gold file (default: %(default)s)")


def _add_run(run: argparse.ArgumentParser) -> None:
    source = run.add_mutually_exclusive_group()
    source.add_argument("--gold", type=Path, default=GOLD, metavar="FILE", help="gold file (default: %(default)s)")
    source.add_argument(
        "--squad", type=Path, metavar="FILE", help="SQuAD file: its paragraphs become a throw-away library"
    )
    run.add_argument("--split", choices=("dev", "test", "all"), default="test", help="default: %(default)s")
    run.add_argument("--limit", type=_positive, metavar="N", help="ask only N of the questions, drawn at random")
    run.add_argument("--seed", type=int, default=0, metavar="S", help="of that draw (default: %(default)s)")
    run.add_argument("--noise", type=Path, metavar="DIR", help="add these documents as distractors")
    as_is = "ask the library as it is, whatever the corpus folder holds, and time no cold start"
    run.add_argument("--as-is", action="store_true", help=as_is)
    run.add_argument("--baseline", type=Path, metavar="FILE", help="gate: exit with 1 where this run is worse")
    run.add_argument("--new-baseline", type=Path, metavar="FILE", help="make this run the baseline")
    run.add_argument(
        "--out", type=Path, metavar="DIR", help="write results and reports; an interrupted run goes on there"
    )
    run.add_argument("--judge", metavar="URL", help="also ask an LLM behind an OpenAI-compatible server; never counted")
    run.add_argument("--judge-model", default="", metavar="NAME", help="default: the first that the server lists")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _run(given: argparse.Namespace) -> int:
    from coalition_qa.eval_running import run_command

    return run_command(given)


def _settings(given: argparse.Namespace) -> Settings:
    from coalition_qa.config import load_settings

    return load_settings({"library": given.library, "corpus": given.corpus})


def _check(given: argparse.Namespace) -> int:
    with _Folder(_settings(given)) as documents:
        return _checked(given, documents)


def _checked(given: argparse.Namespace, documents: Mapping[str, Document]) -> int:
    from coalition_qa.evaluation.gold import check_gold
    from coalition_qa.evaluation.lock import lock_path, write_lock

    gold = check_gold(given.gold, documents)
    _tell("warning", gold.warnings)
    _tell("stale", gold.stale)
    _tell("wrong", gold.problems)
    answerable = sum(item.answerable for item in gold.items)
    dev = sum(item.split == "dev" for item in gold.items)
    print(
        f"{given.gold}: {len(gold.items)} items, {answerable} answerable, {dev} dev and {len(gold.items) - dev} test, "
        f"in {len(documents)} documents; {len(gold.warnings)} warnings, {len(gold.stale)} stale, "
        f"{len(gold.problems)} wrong."
    )
    if gold.problems or (given.strict and gold.stale):
        return FAILED
    if given.lock and gold.stale:
        raise GoldError(f"{given.gold}: stale items would be locked out; mend or remove them first.")
    if given.lock and write_lock(given.gold, gold.quoted, documents):
        print(f"The texts are locked in {lock_path(given.gold)}.")
    return 0


def _tell(kind: str, lines: Sequence[str]) -> None:
    for line in lines[:_LISTED]:
        print(f"{kind}: {line}", file=sys.stderr)
    if len(lines) > _LISTED:
        print(f"{kind}: and {len(lines) - _LISTED} more", file=sys.stderr)


def _compare(given: argparse.Namespace) -> int:
    from coalition_qa.evaluation import compare

    print(compare.to_text(compare.compare(given.a, given.b)))
    return 0


def _add(given: argparse.Namespace) -> int:
    from coalition_qa.evaluation.adding import NO_CATEGORY, add_item

    place = {"doc": given.doc, "occurrence": given.occurrence}
    named = {key: value for key, value in place.items() if value is not None}
    fields = {
        "question": given.question,
        "answerable": not given.unanswerable,
        "category": given.category or NO_CATEGORY[not given.unanswerable],
        "answers": given.answer,
        "evidence": [{**named, "quote": quote} for quote in given.quote],
        "split": given.split,
    }
    with _Folder(_settings(given)) as documents:
        item = add_item(given.gold, fields, documents)
    where = "; ".join(f"{p.doc}, characters {p.span.start}-{p.span.end}" for p in item.evidence) or "no evidence"
    print(f"{item.id} added to {given.gold}: {where}.")
    return 0


class _Folder(Mapping[str, Document]):
    """The readable documents of the corpus folder by name, each read again when it is asked for."""

    def __init__(self, settings: Settings) -> None:
        from coalition_qa.corpus import sources_in
        from coalition_qa.documents import Parser
        from coalition_qa.plan import limits

        self._paths = {source.name: source.path for source in sources_in(settings.corpus)}
        self._parser = Parser(limits(settings))

    def __enter__(self) -> Self:
        self._paths = {name: path for name, path in self._paths.items() if self._is_readable(name)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parser.close()

    def _is_readable(self, name: str) -> bool:
        try:
            return bool(self[name].text)
        except DocumentError:
            return False

    def __getitem__(self, name: str) -> Document:
        return self._parser.document(self._paths[name], name)

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)
