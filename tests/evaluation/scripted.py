"""A document of four sentences, answers that quote it, and an assistant that gives them as it was told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from coalition_qa.evaluation.gold import GoldItem
from coalition_qa.evaluation.metrics import Excerpt
from coalition_qa.evaluation.results import RunInfo
from coalition_qa.types import Answer, Citation, Document, Hit, Passage, QuestionError, Sentence, Span, Turn

NAME = "rome.txt"
TEXT = "The coalition met in Rome. It welcomed 4 states. Blinken supports Italy. The focus moves to Africa."
DOCUMENT = Document(NAME, TEXT)
MET, WELCOMED, SUPPORTS, FOCUS = ("met in Rome", "welcomed 4 states", "Blinken supports Italy", "focus moves to Africa")
INFO = RunInfo("test", "gold.jsonl", "g" * 64, "c" * 64, "f" * 32, documents=1, n=3)


def span(words: str) -> Span:
    """The sentence of TEXT that holds these words."""
    start = TEXT.rfind(". ", 0, TEXT.index(words)) + 2 if ". " in TEXT[: TEXT.index(words)] else 0
    return Span(start, TEXT.index(".", start) + 1)


def excerpt(words: str) -> Excerpt:
    return Excerpt(NAME, span(words), span(words).of(TEXT))


def citation(words: str) -> Citation:
    return Citation(NAME, DOCUMENT.id, span(words), span(words).of(TEXT), words)


def hit(words: str) -> Hit:
    where = span(words)
    return Hit(Passage(words, DOCUMENT.id, where, where.of(TEXT), (where,)), NAME, "", 1.0)


def says(*sentences: tuple[str, Sequence[str]], retrieved: Sequence[str] = (), confidence: float = 0.9) -> Answer:
    """An answer whose sentences each cite the sentences of TEXT that hold the given words."""
    said = tuple(Sentence(text, tuple(map(citation, cited))) for text, cited in sentences)
    hits = tuple(map(hit, retrieved))
    return Answer("", "", "answered", "", said, said, "", confidence, hits, "f" * 8, {"read": 1.23456})


def quotes(*words: str, confidence: float = 0.9) -> Answer:
    """An answer that says, cites and retrieved the sentences of TEXT that hold these words."""
    return says(*((span(each).of(TEXT), [each]) for each in words), retrieved=words, confidence=confidence)


def declines(best: str = FOCUS, confidence: float = 0.1) -> Answer:
    return replace(quotes(best, confidence=confidence), status="abstained", reason="not held", sentences=())


class Scripted:
    """Answers from a script; a question that isn't in it raises. Remembers what it was asked."""

    def __init__(self, script: Mapping[str, Answer]) -> None:
        self.script = script
        self.asked: list[tuple[str, tuple[Turn, ...]]] = []

    def ask(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        self.asked.append((question, tuple(history)))
        if question not in self.script:
            raise QuestionError(f"no script for\n{question}")
        return replace(self.script[question], question=question, standalone_question=f"{question} in full")

    def document(self, name: str) -> Document | None:
        return DOCUMENT if name == NAME else None

    def spans(self, name: str) -> list[Span]:
        """Every sentence is a passage."""
        return [span(words) for words in (MET, WELCOMED, SUPPORTS, FOCUS)] if name == NAME else []


def fact(name: str = "fact", answers: Sequence[str] = ("Rome",), evidence: str = MET, **rest: object) -> GoldItem:
    item = GoldItem(
        name, f"{name}?", True, "factoid", answers=tuple(answers), evidence=(excerpt(evidence),), cluster=NAME
    )
    return replace(item, **rest)  # type: ignore[arg-type]


def unanswerable(name: str, category: str = "unanswerable-near", **rest: object) -> GoldItem:
    return replace(GoldItem(name, f"{name}?", False, category), **rest)  # type: ignore[arg-type]
