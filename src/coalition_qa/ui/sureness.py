"""How sure the program is, in words that its calibration backs. Pure."""

from __future__ import annotations

from coalition_qa.config import Dial
from coalition_qa.types import Answer
from coalition_qa.ui.behind import Lines

NAMES: dict[Dial, str] = {"strict": "Strict", "balanced": "Balanced", "helpful": "Helpful"}
KINDS: dict[Dial, str] = {
    "strict": "rather no answer than a wrong one",
    "balanced": "the middle way",
    "helpful": "rather a guess to check than no answer",
}


def sure(answer: Answer, dial: Dial | None, lines: Lines) -> str:
    """How sure an answer is; of an abstention, whether another setting would show what was found."""
    if answer.status == "abstained":
        return _elsewhere(answer, dial or lines.usual, lines)
    drawn = lines.drawn
    if answer.confidence >= drawn["strict"]:
        word = "Well supported"
    elif answer.confidence >= drawn["balanced"]:
        word = "Supported"
    else:
        word = "Weakly supported, check the source"
    return f"{word}: the documents hold the answer in {often(answer.confidence)} like this one."


def often(probability: float) -> str:
    """A probability as a count of ten cases."""
    of_ten = int(10 * probability + 0.5)
    if of_ten == 0:
        return "hardly any case"
    return "nearly all cases" if of_ten == 10 else f"about {of_ten} of 10 cases"


def meaning(dial: Dial, lines: Lines) -> str:
    """What a setting of the dial does, and what it was measured to cost, where that is known."""
    measured = lines.meaning.get(dial)
    told = (
        f"In tests it answered {_percent(measured.answered)} of the questions that documents answer, and declined "
        f"{_percent(measured.declined)} of the others."
        if measured
        else f"It answers where the documents hold the answer in {often(lines.drawn[dial])} like it, or more."
    )
    return f"{NAMES[dial]}: {KINDS[dial]}. {told}"


def _percent(part: float) -> str:
    return f"{100 * part:.0f}%"


def _elsewhere(answer: Answer, dial: Dial, lines: Lines) -> str:
    """The strictest setting that would show what this one doesn't."""
    if not answer.best:
        return ""
    for other in ("balanced", "helpful"):
        if lines.drawn[dial] > answer.confidence >= lines.drawn[other]:
            return f"On {NAMES[other]}, the setting below the box, its best guess would be shown."
    return ""
