"""A gold item as it is being written: the form, and what was typed into it. Pure: no Gradio in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coalition_qa.types import CoalitionQAError, Hit, Turn
from coalition_qa.ui.behind import Judged
from coalition_qa.ui.html import escaped

MOST_TYPED = 5_000
"""Characters of one field: more is not an answer, and not a quote."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form; `answers` is one wording a line, `doc` where the quote was taken from, if it was."""

    question: str = ""
    answers: str = ""
    quote: str = ""
    doc: str = ""
    absent: bool = False

    @staticmethod
    def of(fields: Mapping[str, object]) -> Draft:
        """What a browser sent. Raises CoalitionQAError where that is too much."""
        texts = {key: str(fields.get(key, "")).strip() for key in ("question", "answers", "quote", "doc")}
        if any(len(text) > MOST_TYPED for text in texts.values()):
            raise CoalitionQAError(f"No field may hold more than {MOST_TYPED:,} characters: quote a sentence or two.")
        return Draft(**texts, absent=bool(fields.get("absent")))

    def judged(self, history: Sequence[Turn] = ()) -> Judged:
        """The item that it is to become."""
        if self.absent:
            return Judged(self.question, answerable=False, history=tuple(history))
        answers = tuple(line.strip() for line in self.answers.splitlines() if line.strip())
        return Judged(self.question, True, answers, self.quote, self.doc, tuple(history))


def answers(draft: Draft) -> str:
    """The field for what is right."""
    return (
        '<label>The right answer; other wordings, a line each<textarea name="answers" rows="2">'
        f"{escaped(draft.answers)}</textarea></label>"
    )


def fields(draft: Draft, hits: Sequence[Hit]) -> str:
    """The two fields in which stands what is right, and the sentences that a quote can be taken from."""
    return (
        f"{answers(draft)}"
        '<label>The words of a document that prove it<textarea name="quote" rows="3">'
        f'{escaped(draft.quote)}</textarea></label><input type="hidden" name="doc" value="{escaped(draft.doc)}">'
        f"{_sentences(hits)}"
    )


def _sentences(hits: Sequence[Hit]) -> str:
    if not hits:
        return ""
    groups = "".join(
        f'<li><p class="meta">{escaped(hit.title or hit.doc)}</p>'
        + "".join(
            f'<button type="button" class="sentence" data-quote="{escaped(text)}" data-doc="{escaped(hit.doc)}">'
            f"{escaped(text)}</button>"
            for text in _texts(hit)
        )
        + "</li>"
        for hit in hits
    )
    return f'<div class="pick"><p class="about">Take the quote from a passage that was read:</p><ul>{groups}</ul></div>'


def _texts(hit: Hit) -> list[str]:
    passage = hit.passage
    return [passage.sentence_text(sentence) for sentence in passage.sentences] or [passage.text]


def fault_line(fault: str) -> str:
    """Why something was not done, in one line; nothing where it was."""
    return f'<p class="notice error" role="alert">{escaped(fault)}</p>' if fault else ""
