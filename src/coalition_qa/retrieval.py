"""A question to ranked passages: dense and lexical search, their scores added."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from coalition_qa.encoders import Encoder, Vectors
from coalition_qa.store import Found
from coalition_qa.types import Hit
from coalition_qa.words import terms

DEPTH = 50
"""How far down each of the two rankings is looked."""


class Searchable(Protocol):
    """What retrieval needs of a library."""

    def dense(self, vector: Vectors, count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        """The nearest passage ids with their cosine similarity, best first; with `only`, of these documents."""
        ...

    def lexical(self, terms: Sequence[str], count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        """Passage ids with their BM25 score as a share of the most possible, best first; with `only`, of these
        documents.
        """
        ...

    def found(self, ids: Sequence[str]) -> dict[str, Found]:
        """The passages with these ids."""
        ...


class Retriever:
    """Searches one library with one encoder."""

    def __init__(self, library: Searchable, encoder: Encoder) -> None:
        self._library = library
        self._encoder = encoder

    def search(self, question: str, count: int, only: Collection[str] | None = None) -> list[Hit]:
        """The `count` best passages, best first; ties by similarity, document and place. With `only`, no others than
        those of the documents of these names.
        """
        dense = dict(self._library.dense(self._encoder.encode([question])[0], DEPTH, only))
        lexical = dict(self._library.lexical(terms(question), DEPTH, only))
        fused = fuse(dense, lexical)
        found = self._library.found(best(fused, count))
        if len(found) < min(count, len(fused)):  # some were removed meanwhile
            found = self._library.found(list(fused))
        hits = [
            Hit(
                passage=item.passage,
                doc=item.doc,
                title=item.title,
                score=fused[id_],
                similarity=dense.get(id_),
                lexical=lexical.get(id_, 0.0),
                pages=item.pages,
            )
            for id_, item in found.items()
        ]
        return sorted(hits, key=_best_first)[:count]


def fuse(dense: Mapping[str, float], lexical: Mapping[str, float]) -> dict[str, float]:
    """Cosine similarity plus share of the greatest possible BM25, for each id in either ranking.

    Both legs are on scales with a fixed top of 1, so a weak match counts little even where it is the best there
    is, which a rank cannot say: Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid retrieval",
    TOIS 2023. On four question sets this was ahead of reciprocal rank fusion (eval/LOG.md). An id that dense
    search did not return is taken to be as similar as the last one that it did.
    """
    unseen = min(dense.values(), default=0.0)
    return {id_: dense.get(id_, unseen) + lexical.get(id_, 0.0) for id_ in {**dense, **lexical}}


def best(scores: Mapping[str, float], count: int) -> list[str]:
    """The ids with the `count` highest scores, and those that score as high as the last of them."""
    ranked = sorted(scores.values(), reverse=True)
    return [id_ for id_, score in scores.items() if len(ranked) <= count or score >= ranked[count - 1]]


def _best_first(hit: Hit) -> tuple[float, float, str, int]:
    similarity = hit.similarity if hit.similarity is not None else -1.0
    return (-hit.score, -similarity, hit.doc, hit.passage.span.start)
