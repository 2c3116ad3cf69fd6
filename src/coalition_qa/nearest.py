"""Finding the nearest vectors: what an index promises, and the exact way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from coalition_qa.encoders import Vectors

Hits = list[tuple[str, float]]


class Index(Protocol):
    """What the library needs of an index: it is used only while it provably holds a generation of the store, and
    where it can't be asked, or filled, it says so instead of failing.
    """

    @property
    def address(self) -> str:
        """Of the Chroma server that holds it; empty where it is in files of our own."""
        ...

    @property
    def died(self) -> bool:
        """Whether who filled it last did not live to say how it went."""
        ...

    @property
    def dead(self) -> int:
        """How many vectors that were taken away still take room in it."""
        ...

    def generation(self) -> str | None:
        """The store's generation that it holds; None where that can't be proved."""
        ...

    def fault(self) -> str:
        """Why it can't be asked at all; empty where it can, or could if it were filled."""
        ...

    def search(self, vector: Vectors, count: int) -> Hits | None:
        """The nearest passage ids with their cosine similarity, best first; None where it can't be asked now."""
        ...

    def refill(self, batches: Iterable[tuple[list[str], Vectors]], count: int, generation: str) -> bool:
        """Start from nothing, put `count` vectors in, given in batches, and mark them. False where that can't be."""
        ...

    def update(self, gone: Sequence[str], ids: Sequence[str], vectors: Vectors, generation: str) -> bool:
        """Take away what is gone, put in what came, mark it. False where that can't be."""
        ...

    def ids(self) -> set[str] | None:
        """The passage ids that it holds; None where it can't be asked now."""
        ...

    def distrust(self) -> None:
        """Whoever fills it next starts from nothing."""
        ...

    def leftovers(self) -> list[Path]:
        """Files that belong to no index any more."""
        ...

    def close(self) -> None:
        """Let others fill it."""
        ...


def exact_search(ids: Sequence[str], matrix: Vectors, vector: Vectors, count: int) -> Hits:
    """The nearest rows by dot product, best first, ties by id: what the index approximates."""
    scores = matrix @ vector
    rows = np.arange(len(ids))
    if count < len(ids):
        worst = np.partition(scores, len(ids) - count)[len(ids) - count]  # the last one that is among the best
        rows = np.flatnonzero(scores >= worst)
    order = sorted(rows.tolist(), key=lambda row: (-scores[row], ids[row]))[:count]
    return [(ids[row], float(scores[row])) for row in order]
