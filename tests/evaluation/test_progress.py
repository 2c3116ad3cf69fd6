from __future__ import annotations

from collections.abc import Iterable
from io import StringIO

import pytest

from coalition_qa.evaluation.progress import ProgressLine, told


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: StringIO, calls: Iterable[tuple[float, int, int]]) -> str:
    """What is written when so many are done at these seconds."""
    times = list(calls)
    clock = iter([at for at, _, _ in times])
    line = ProgressLine(stream, clock=lambda: next(clock))
    for _, done, total in times:
        line(done, total)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0, 5, "questions", None), "0 of 5 questions, 0%"),
        ((120, 6_000, "questions", 845.4), "120 of 6,000 questions, 2%, 14:05 left"),
        ((1, 3, "documents", 4.0), "1 of 3 documents, 33%, 0:04 left"),
        ((1, 3, "questions", 7_384.0), "1 of 3 questions, 33%, 2:03:04 left"),
        ((3, 3, "questions", 9.0), "3 of 3 questions, 100%"),
        ((0, 0, "documents", None), "0 of 0 documents, 0%"),
    ],
)
def test_a_line_says_how_far_it_is_and_how_long_it_takes(
    arguments: tuple[int, int, str, float | None], text: str
) -> None:
    assert told(*arguments) == text


def test_a_terminal_has_one_line_that_changes_not_too_often_and_ends() -> None:
    calls = [(0, 1, 4), (0.1, 2, 4), (3, 3, 4), (3.05, 4, 4)]
    assert shown(Terminal(), calls) == (
        "\r\x1b[K1 of 4 questions, 25%\r\x1b[K3 of 4 questions, 75%, 0:02 left\r\x1b[K4 of 4 questions, 100%\n"
    )


def test_elsewhere_there_is_a_line_now_and_then_and_none_for_a_short_run() -> None:
    assert shown(StringIO(), [(0, 1, 3), (20, 2, 3), (29, 3, 3)]) == ""
    calls = [(0, 1, 100), (31, 11, 100), (45, 12, 100), (62, 31, 100)]
    assert shown(StringIO(), calls) == "11 of 100 questions, 11%, 4:36 left\n31 of 100 questions, 31%, 2:23 left\n"


def test_speed_is_that_of_this_run_not_of_what_was_there_already() -> None:
    assert "0:05 left" in shown(Terminal(), [(0, 990, 1_000), (5, 995, 1_000)])
