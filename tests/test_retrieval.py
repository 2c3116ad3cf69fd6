"""Dense and lexical search, fused: what comes first, and that it always comes in the same order."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from coalition_qa.encoders import Encoder, Vectors
from coalition_qa.retrieval import DEPTH, Retriever, Searchable, best, fuse
from coalition_qa.store import Found
from coalition_qa.types import Passage, Span


@pytest.mark.parametrize(
    ("dense", "lexical", "fused"),
    [
        ({"a": 0.75, "b": 0.5}, {"b": 0.5, "a": 0.125}, {"a": 0.875, "b": 1.0}),
        ({"a": 0.75, "b": 0.5}, {}, {"a": 0.75, "b": 0.5}),
        ({}, {"a": 0.5}, {"a": 0.5}),
        ({"a": 0.75, "b": 0.25}, {"c": 0.5}, {"a": 0.75, "b": 0.25, "c": 0.75}),
        ({"a": -0.25}, {"b": 0.5}, {"a": -0.25, "b": 0.25}),
        ({}, {}, {}),
    ],
)
def test_fusing_adds_similarity_and_lexical_share(
    dense: Mapping[str, float], lexical: Mapping[str, float], fused: Mapping[str, float]
) -> None:
    assert fuse(dense, lexical) == fused


class ConstantEncoder:
    """Every text is the same; what was encoded is in `seen`."""

    identity, dimensions, window = "constant@1", 2, 8

    def __init__(self) -> None:
        self.seen: list[str] = []

    def pieces(self, text: str) -> list[Span]:
        return [Span(0, len(text))]

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.seen.extend(texts)
        return np.tile(np.array([0, 1], dtype=np.float32), (len(texts), 1))


@dataclass
class Shelf:
    """Passages whose scores are given; what was asked for is in `asked`."""

    similar: Mapping[str, float] = field(default_factory=dict)
    shared: Mapping[str, float] = field(default_factory=dict)
    docs: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    asked: list[object] = field(default_factory=list)
    within: list[Collection[str] | None] = field(default_factory=list)

    def dense(self, vector: Vectors, count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        self.asked.append((vector.tolist(), count))
        self.within.append(only)
        return self._shuffled(self.similar)

    def lexical(self, terms: Sequence[str], count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        self.asked.append((list(terms), count))
        self.within.append(only)
        return self._shuffled(self.shared)

    def found(self, ids: Sequence[str]) -> dict[str, Found]:
        there = [(id_, 0.0) for id_ in ids if id_ not in self.gone]
        return {id_: self._passage(id_) for id_, _ in self._shuffled(dict(there))}

    def _shuffled(self, scores: Mapping[str, float]) -> list[tuple[str, float]]:
        return self.chance.sample(list(scores.items()), len(scores))

    def _passage(self, id_: str) -> Found:
        start = ord(id_[0])
        doc = self.docs.get(id_, "doc.txt")
        return Found(Passage(id_, "0", Span(start, start + 1), "x", ()), doc, doc.title())


def search(shelf: Searchable, count: int = 5, question: str = "Who met whom in Rome?") -> list[str]:
    encoder: Encoder = ConstantEncoder()
    return [hit.passage.id for hit in Retriever(shelf, encoder).search(question, count)]


@pytest.mark.parametrize(
    ("shelf", "ranked"),
    [
        (Shelf({"a": 0.5, "b": 0.75, "c": 0.25}, {"c": 0.75}), ["c", "b", "a"]),
        (Shelf({"a": 0.5, "b": 0.25}, {"c": 0.5}), ["c", "a", "b"]),
        (Shelf({}, {"a": 0.25, "b": 0.5}), ["b", "a"]),
        (Shelf({"a": 0.5, "b": 0.75}, {}), ["b", "a"]),
        (Shelf(), []),
        (Shelf({"a": 0.5, "b": 0.75}, gone=frozenset("b")), ["a"]),
    ],
)
def test_passages_come_best_first(shelf: Shelf, ranked: list[str]) -> None:
    assert search(shelf) == ranked


@pytest.mark.parametrize("seed", range(10))
def test_ties_are_settled_by_similarity_then_document_then_place(seed: int) -> None:
    shelf = Shelf(
        similar={"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.75, "e": 0.25},
        shared={"d": 0.0, "c": 0.25, "b": 0.25, "a": 0.25, "e": 0.5},
        docs={"a": "z.txt", "b": "y.txt", "c": "y.txt"},
        chance=random.Random(seed),
    )
    assert search(shelf) == ["d", "b", "c", "a", "e"]


@pytest.mark.parametrize(("count", "length"), [(1, 1), (2, 2), (5, 3)])
def test_no_more_come_than_asked_for(count: int, length: int) -> None:
    assert len(search(Shelf({"a": 0.5, "b": 0.75, "c": 0.25}), count)) == length


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, ["a"]), (2, ["a", "b", "c"]), (3, ["a", "b", "c"]), (4, ["a", "b", "c", "d"]), (9, "abcd")],
)
def test_the_best_are_taken_with_all_that_tie_with_the_last(count: int, expected: str) -> None:
    assert best({"a": 3, "b": 2, "c": 2, "d": 1}, count) == list(expected)


def test_the_question_is_encoded_once_and_looked_up_by_its_terms() -> None:
    encoder = ConstantEncoder()
    shelf = Shelf({"a": 0.5})
    Retriever(shelf, encoder).search("Who met the ministers of the US?", 1)
    assert encoder.seen == ["Who met the ministers of the US?"]
    assert len(shelf.asked) == 2  # one beside the other
    assert ([0, 1], DEPTH) in shelf.asked
    assert (["met", "ministers", "us"], DEPTH) in shelf.asked


def test_a_hit_says_how_it_was_found() -> None:
    shelf = Shelf({"a": 0.5}, {"a": 0.25, "b": 0.125}, docs={"b": "rome.txt"})
    first, second = Retriever(shelf, ConstantEncoder()).search("Rome?", 2)
    assert (first.score, first.similarity, first.lexical, first.doc, first.title) == (
        0.75,
        0.5,
        0.25,
        "doc.txt",
        "Doc.Txt",
    )
    assert (second.score, second.similarity, second.lexical, second.doc) == (0.625, None, 0.125, "rome.txt")


def test_both_rankings_are_told_which_documents_to_search() -> None:
    shelf = Shelf({"a": 0.5}, {"a": 0.25})
    Retriever(shelf, ConstantEncoder()).search("Who met?", 5, ["rome.txt"])
    assert shelf.within == [["rome.txt"], ["rome.txt"]]
    Retriever(shelf, ConstantEncoder()).search("Who met?", 5)
    assert shelf.within[2:] == [None, None]
