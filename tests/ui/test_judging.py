"""What somebody says of an answer, made a gold question: plain functions, no browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.ui.conftest import FakeMeasures

from coalition_qa.types import Turn
from coalition_qa.ui import Judged
from coalition_qa.ui.exchanges import Exchange
from coalition_qa.ui.gold import MOST_TYPED
from coalition_qa.ui.judging import Judge

if TYPE_CHECKING:
    from tests.ui.conftest import FakeAssistant

FIRST = "The coalition met on Monday in Rome."
CHAIRS = "Luigi Di Maio and Antony Blinken chaired the meeting."


@pytest.fixture
def talked(fake: FakeAssistant) -> tuple[Exchange, ...]:
    """An answer, one that followed from it, one that is none, and one that never was."""
    return (
        Exchange("Where?", 2, fake.answers("Where?", FIRST, short="Rome")),
        Exchange("And who?", 2, fake.answers("And who?", CHAIRS, short="Di Maio", standalone="Who chaired it?")),
        Exchange("Who won?", 2, fake.abstains("Who won?", "Nobody says.", FIRST)),
        Exchange("Why?", error="It is busy."),
    )


@pytest.mark.parametrize(
    ("turn", "verdict", "fields", "item"),
    [
        (1, "right", {"answers": "Rome"}, Judged("Where?", True, ("Rome",), FIRST)),
        (1, "right", {"answers": "Rome\n in Rome \n"}, Judged("Where?", True, ("Rome", "in Rome"), FIRST)),
        (1, "wrong", {"answers": "Oslo", "quote": "in Oslo"}, Judged("Where?", True, ("Oslo",), "in Oslo")),
        (1, "absent", {"answers": "Oslo"}, Judged("Where?", False)),
        (1, "passage", {"answers": "Rome", "quote": "q", "doc": "d"}, Judged("Where?", True, ("Rome",), "q", "d")),
        (
            2,
            "wrong",
            {"answers": "Blinken", "quote": "q"},
            Judged("And who?", True, ("Blinken",), "q", "", (Turn("Where?", FIRST, "Rome"),)),
        ),
        (3, "right", {}, Judged("Who won?", False)),
        (3, "wrong", {"answers": "Spain", "quote": "q"}, Judged("Who won?", True, ("Spain",), "q")),
    ],
)
def test_a_word_on_an_answer_becomes_an_item(
    talked: tuple[Exchange, ...], turn: int, verdict: str, fields: dict[str, str], item: Judged
) -> None:
    measures = FakeMeasures()
    shown = Judge(measures).act(talked, {"do": "accept", "turn": turn, "verdict": verdict, "fields": fields}, "ann")
    assert 'class="toast"' in shown
    assert "q001" in shown
    assert measures.items == [("ann", item)]


@pytest.mark.parametrize(
    ("turn", "verdict"), [(0, "right"), (9, "right"), (4, "right"), ("x", "right"), (1, "nothing"), (3, "absent")]
)
def test_nothing_opens_where_there_is_nothing_to_judge(
    talked: tuple[Exchange, ...], turn: object, verdict: str
) -> None:
    measures = FakeMeasures()
    for did in ("judge", "accept", "close", None):
        assert Judge(measures).act(talked, {"do": did, "turn": turn, "verdict": verdict}, "") == ""
    assert measures.items == []


def test_the_form_comes_back_with_what_was_typed_and_why_it_was_not_taken(
    talked: tuple[Exchange, ...], hostile: str
) -> None:
    measures = FakeMeasures(error=f"The item was not added: {hostile}")
    given = {"do": "accept", "turn": 1, "verdict": "wrong", "fields": {"answers": hostile, "quote": hostile}}
    shown = Judge(measures).act(talked, given, "")
    assert 'role="alert"' in shown
    assert shown.startswith("<dialog data-open")
    assert "<img" not in shown
    assert "<script" not in shown
    assert measures.items == []


def test_too_much_is_refused_in_a_line(talked: tuple[Exchange, ...]) -> None:
    measures = FakeMeasures()
    given = {"do": "accept", "turn": 1, "verdict": "wrong", "fields": {"answers": "x" * (MOST_TYPED + 1)}}
    assert "No field may hold more than" in Judge(measures).act(talked, given, "")
    assert measures.items == []


def test_the_answer_stands_in_the_form_where_it_is_right(talked: tuple[Exchange, ...]) -> None:
    judge = Judge(FakeMeasures())
    shown = {
        verdict: judge.act(talked, {"do": "judge", "turn": 1, "verdict": verdict}, "")
        for verdict in ("right", "wrong", "absent", "passage")
    }
    assert ">Rome</textarea>" in shown["right"]
    assert ">Rome</textarea>" in shown["passage"]
    assert ">Rome</textarea>" not in shown["wrong"]
    assert "<textarea" not in shown["absent"]
    assert shown["passage"].count('class="sentence"') == len(talked[0].answer.hits)
