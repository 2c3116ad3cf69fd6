"""A sketch says how much of their text two documents share."""

from __future__ import annotations

import random

import numpy as np
import pytest

from coalition_qa.alike import BINS, likeness, sketch, stacked

WORDS = random.Random(1).choices([f"word{n}" for n in range(500)], k=2_000)


def shared(one: list[str], other: list[str]) -> float:
    """The Jaccard similarity of the 5-shingles, counted."""
    first, second = ({tuple(words[at : at + 5]) for at in range(len(words) - 4)} for words in (one, other))
    return len(first & second) / len(first | second)


def estimated(one: str, other: str) -> float:
    return float(likeness(sketch(one), stacked([sketch(other).tobytes()]))[0])


@pytest.mark.parametrize("kept", [1.0, 0.98, 0.9, 0.5, 0.0])
def test_the_estimate_is_near_the_share_that_is_counted(kept: float) -> None:
    other = [*WORDS[: int(kept * len(WORDS))], *(f"other{n}" for n in range(int((1 - kept) * len(WORDS))))]
    assert estimated(" ".join(WORDS), " ".join(other)) == pytest.approx(shared(WORDS, other), abs=0.13)


def test_case_punctuation_and_line_ends_do_not_count() -> None:
    plain = " ".join(WORDS)
    assert estimated(plain, ",\n".join(WORDS).upper() + ".") == 1.0


@pytest.mark.parametrize("text", ["", "one two three", "one two three four five six"])
def test_of_a_short_text_nothing_is_said(text: str) -> None:
    assert estimated(text, text) == 0.0


def test_a_sketch_of_an_older_library_is_like_nothing() -> None:
    assert likeness(sketch(" ".join(WORDS)), stacked([b"", b"short"])).tolist() == [0.0, 0.0]
    assert stacked([]).shape == (0, BINS)


def test_a_sketch_is_the_same_on_every_machine() -> None:
    known = sketch("the zebra crossing in Oslo was painted by Kari Nordmann in 1987")
    assert known.dtype == np.dtype("<u4")
    assert known[known != 0xFFFFFFFF].tolist() == [
        1714275396,
        832966125,
        142227053,
        1755450878,
        1294451282,
        1736554991,
        737431990,
        413148274,
    ]
