"""How alike two texts are, from sketches small enough to keep: for information only, nothing is decided by it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Sketch = NDArray[np.uint32]

BINS = 128
SHINGLE = 5
"""Words in a row that are compared as one."""

_EMPTY = np.uint32(0xFFFFFFFF)
_ENOUGH = 16  # bins that must be filled: of a shorter text a sketch says too little
_WORD = re.compile(r"\w+")


def sketch(text: str) -> Sketch:
    """A one-permutation MinHash of the text's word 5-shingles: shape (128,), the least hash in each bin.

    Li, Owen and Zhang, "One permutation hashing", NIPS 2012. Equal on every machine.
    """
    known: dict[str, int] = {}
    codes = [known.get(word) or known.setdefault(word, crc32(word.encode())) for word in _WORD.findall(text.lower())]
    words = np.array(codes, dtype=np.uint64)
    count = max(0, len(words) - SHINGLE + 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for place in range(SHINGLE):
        hashes = _mixed(hashes * np.uint64(31) + words[place : place + count])
    least = np.full(BINS, _EMPTY, dtype="<u4")
    np.minimum.at(least, (hashes % np.uint64(BINS)).astype(np.intp), (hashes >> np.uint64(33)).astype("<u4"))
    return least


def likeness(one: Sketch, others: NDArray[np.uint32]) -> NDArray[np.float64]:
    """The estimated Jaccard similarity of the shingles of one text and of each of the others, shape (n, 128) to (n,).

    0 where too little is known. The standard error is at most 0.045.
    """
    filled = (one != _EMPTY) | (others != _EMPTY)
    known = filled.sum(axis=1)
    same = ((one == others) & filled).sum(axis=1)
    return np.where(known >= _ENOUGH, same / np.maximum(known, 1), 0.0)


def stacked(sketches: Iterable[bytes]) -> NDArray[np.uint32]:
    """Stored sketches, in their order, shape (n, 128); one of another length, as of an older library, is empty."""
    rows = [np.frombuffer(one, dtype="<u4") if len(one) == 4 * BINS else np.full(BINS, _EMPTY) for one in sketches]
    return np.array(rows, dtype="<u4").reshape(len(rows), BINS)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64: every bit of the input changes half of the output's."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
