"""Measure how follow-ups are made to stand alone: eval/invented/talks.jsonl, and the CAsT conversations where given.

    python scripts/follow_ups.py [--split test] [--answers] [--cast FOLDER]

Of the turns that need something from before: the recall of the content words that the rewriting by hand adds, and the
words added that it does not. Of those that need nothing: the share that is changed all the same. Of both, where their
document answers them: whether the passage that does is found first, among the passages of the set's documents, and
with --answers what the whole program does with them, its own answers to earlier turns before (minutes). "by hand" is
the upper bound. FOLDER holds cast2020_manual.json and cast2019_resolved.tsv.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coalition_qa.assistant import Assistant
from coalition_qa.config import Settings
from coalition_qa.conversation import standalone
from coalition_qa.encoders import Encoder, open_encoder
from coalition_qa.ingest import Ingest
from coalition_qa.library import Library
from coalition_qa.retrieval import Retriever
from coalition_qa.types import Answer, Hit, Turn
from coalition_qa.words import content

ROOT = Path(__file__).parents[1]
READ = 5
FORMS = ("as asked", "standalone", "by hand")


@dataclass(frozen=True)
class Asked:
    """A later turn of a conversation, in each of FORMS, and the passage of its document that answers it, if any."""

    forms: tuple[str, str, str]
    quote: str
    doc: str

    @property
    def needs(self) -> bool:
        """Whether it lacks words that were said before."""
        return self.forms[0] != self.forms[2]


def later_turns(conversation: dict[str, Any]) -> Iterator[Asked]:
    """The turns after the first, those before answered as the file says."""
    history: list[Turn] = []
    for turn in conversation["turns"]:
        whole = standalone(turn["question"], history)
        if history:
            yield Asked((turn["question"], whole, turn["alone"]), turn["quote"], Path(conversation["doc"]).name)
        history.append(Turn(whole, turn["quote"], turn["answer"]))


def added(question: str, whole: str) -> set[str]:
    """The content words that a rewriting adds."""
    return set(content(whole)) - set(content(question))


def words_report(turns: Sequence[Asked]) -> str:
    """Recall of the words added by hand, other words added, and what was changed without need."""
    pairs = [(added(t.forms[0], t.forms[2]), added(t.forms[0], t.forms[1])) for t in turns if t.needs]
    wanted, got = sum(len(hand) for hand, _ in pairs), sum(len(hand & own) for hand, own in pairs)
    more = sum(len(own - hand) for hand, own in pairs) / len(pairs)
    alone = [t.forms[0] != t.forms[1] for t in turns if not t.needs]
    return (
        f"{len(pairs)} need words: {got / wanted:.3f} of {wanted} found, {more:.1f} others added a question; "
        f"{len(alone)} need none: {sum(alone)} changed ({sum(alone) / len(alone):.3f})"
    )


def place(hits: Sequence[Hit], turn: Asked) -> int:
    """At which place the passage that answers a turn is, 0 for none. A quote may go on in the next passage."""
    for number, hit in enumerate(hits, 1):
        text = hit.passage.text
        if hit.doc == turn.doc and (turn.quote[:60] in text or text[-60:] in turn.quote):
            return number
    return 0


def quotes(answer: Answer, turn: Asked) -> bool:
    """Whether an answer quotes the sentence that answers a turn."""
    return any(sentence.text in turn.quote or turn.quote in sentence.text for sentence in answer.sentences)


def searched(library: Library, encoder: Encoder, turns: Sequence[Asked]) -> Iterator[tuple[bool, list[int]]]:
    """For each turn that is answered: whether it needs words, and the right passage's place for each form."""
    retriever = Retriever(library, encoder)
    for turn in turns:
        if turn.quote:
            yield turn.needs, [place(retriever.search(form, READ), turn) for form in turn.forms]


def answered(assistant: Assistant, conversation: dict[str, Any]) -> Iterator[tuple[bool, bool, list[bool]]]:
    """For each later turn: whether it needs words, whether its document answers it, and for each form whether the right
    sentence was quoted, or it was rightly declined.
    """
    history: list[Turn] = []
    for turn, asked in zip(conversation["turns"][1:], later_turns(conversation), strict=True):
        if not history:
            said = assistant.ask(conversation["turns"][0]["question"])
            history.append(Turn(said.standalone_question, said.text, said.short_answer))
        said = assistant.ask(turn["question"], history)
        all_three = (assistant.ask(asked.forms[0]), said, assistant.ask(asked.forms[2]))
        history.append(Turn(said.standalone_question, said.text, said.short_answer))
        right = [quotes(a, asked) if asked.quote else a.status == "abstained" for a in all_three]
        yield asked.needs, bool(asked.quote), right


def cast_report(folder: Path) -> str:
    """The same on conversations that were not written for this project, whose answers are not given."""
    rewritten: list[Asked] = []
    for talk in json.loads((folder / "cast2020_manual.json").read_text("utf-8")):
        turns = [
            {"question": t["raw_utterance"], "alone": t["manual_rewritten_utterance"], "quote": "", "answer": ""}
            for t in talk["turn"]
        ]
        later = later_turns({"turns": turns, "doc": ""})
        rewritten += [turn for turn in later if added(turn.forms[0], turn.forms[2])]
    whole: dict[str, list[dict[str, str]]] = defaultdict(list)
    for line in (folder / "cast2019_resolved.tsv").read_text("utf-8").splitlines():
        number, question = line.split("\t")[:2]
        whole[number.partition("_")[0]].append({"question": question, "alone": question, "quote": "", "answer": ""})
    rewritten += [turn for turns in whole.values() for turn in later_turns({"turns": turns, "doc": ""})]
    return words_report(rewritten)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--answers", action="store_true", help="ask the whole program too")
    parser.add_argument("--cast", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    lines = (ROOT / "eval" / "invented" / "talks.jsonl").read_text("utf-8").splitlines()
    talks = [talk for talk in map(json.loads, lines) if talk["split"] == given.split]
    print(words_report([turn for talk in talks for turn in later_turns(talk)]))
    if given.cast:
        print("CAsT:", cast_report(given.cast))
    places: dict[str, list[list[int]]] = defaultdict(list)
    right: dict[str, list[list[bool]]] = defaultdict(list)
    for folder in dict.fromkeys(Path(talk["doc"]).parent for talk in talks):
        here = [talk for talk in talks if Path(talk["doc"]).parent == folder]
        with tempfile.TemporaryDirectory() as scratch:
            settings = Settings(corpus=ROOT / folder, library=Path(scratch) / "library")
            encoder = open_encoder(settings)
            with Library(settings.library_path, encoder, create=True) as library:
                Ingest(settings, library, encoder).sync()
                for needs, found in searched(library, encoder, [turn for talk in here for turn in later_turns(talk)]):
                    places["need words" if needs else "need none"].append(found)
            if given.answers:
                with Assistant.open(settings) as assistant:
                    for needs, held, kept in (row for talk in here for row in answered(assistant, talk)):
                        right[f"{'need words' if needs else 'need none'}, {'held' if held else 'not held'}"].append(
                            kept
                        )
    for name, rows in places.items():
        for form, column in zip(FORMS, zip(*rows, strict=True), strict=True):
            first, some, mrr = (sum(map(score, column)) / len(column) for score in (_is_first, bool, _reciprocal))
            print(f"{name:22} {form:10} n={len(column):4}  first {first:.3f}  of {READ} {some:.3f}  MRR {mrr:.3f}")
    for name, kept_rows in right.items():
        for form, kept_column in zip(FORMS, zip(*kept_rows, strict=True), strict=True):
            print(f"{name:22} {form:10} n={len(kept_column):4}  right {sum(kept_column) / len(kept_column):.3f}")


def _is_first(place: int) -> bool:
    return place == 1


def _reciprocal(place: int) -> float:
    return 1 / place if place else 0.0


if __name__ == "__main__":
    main()
