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
    return f"{word}: of ten questions that score like this one, the documents answer {often(answer.confidence)}."


def often(probability: float) -> str:
    """A probability as a count of ten."""
    of_ten = int(10 * probability + 0.5)
    if of_ten == 0:
        return "hardly one"
    return "nearly all" if of_ten == 10 else f"about {of_ten}"


def meaning(dial: Dial, lines: Lines) -> str:
    """What a setting of the dial does, and what it was measured to cost, where that is known."""
    drawn = often(lines.drawn[dial])
    line = f"{NAMES[dial]}: {KINDS[dial]}. Of ten questions scored like it the documents must answer {drawn} or more."
    measured = lines.meaning.get(dial, "")
    return f"{line} {measured}" if measured else line


def _elsewhere(answer: Answer, dial: Dial, lines: Lines) -> str:
    """The strictest setting that would show what this one doesn't."""
    if not answer.best:
        return ""
    for other in ("balanced", "helpful"):
        if lines.drawn[dial] > answer.confidence >= lines.drawn[other]:
            return f"On {NAMES[other]}, the setting below the box, its best guess would be shown."
    return ""
