"""Questions of who said something, and of what somebody said: candidates put with their speakers before they answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from coalition_qa.reading import Candidate
from coalition_qa.speakers import Speakers, asks_for_speaker, quotations, statement_of
from coalition_qa.types import Document, Span
from coalition_qa.words import amounts, content, words

TRIED = 3
"""Candidates that are read again with their speaker named: "he said" answers nothing by itself."""

_OVERLAP_WEIGHT = 20.0  # logits that a sentence gains when it has all of the question's words
# what is wrong is put behind all else, whatever reader and retrieval say for it
_RIGHT_SPEAKER, _WRONG_SPEAKER = 2.0, -30.0  # logits for a sentence that the person asked about says, or another
_SAYS_OTHER = -10.0  # logits for a sentence with other numbers or other words than the question has it say
_CONVINCING = 5.0  # logits from which a sentence is not read once more within its quotation: that takes as long again
_TOLD = 0.8  # share of the question's words from which a sentence that nobody says tells what the question repeats
_LOOKED_BACK, _LOOKED_AHEAD = 20_000, 2_000  # characters around a passage in which its speakers are looked for


class Attribution:
    """Who says what, as far as one question asks for it.

    `document` gives a document by name; `margin` reads a question with any text, as `Reader.margin`. The speakers
    around a passage are found once, and only where the question asks for them.
    """

    def __init__(
        self, question: str, document: Callable[[str], Document | None], margin: Callable[[str, str], float]
    ) -> None:
        self._question = question
        self._document = document
        self._margin = margin
        self._asks_for_speaker = asks_for_speaker(question)
        self._stated = set(content(statement_of(question)))
        self._around: dict[str, tuple[int, Speakers]] = {}

    def who_said_it(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Where the question asks who said something: the sentence that says it, and where that has no name in it the
        one that names the speaker. The last one's answer is the name. Empty where other candidates answer better.
        """
        found: list[tuple[Candidate, ...]] = []
        ranked = sorted(candidates, key=self._likeness, reverse=True) if self._asks_for_speaker and self._stated else []
        for candidate in ranked[:TRIED]:
            beside = [c for c in candidates if c.hit.doc == candidate.hit.doc]
            names = self._named(candidate)
            named = [replace(c, answer=name) for name in names for c in beside if _within(name, c.sentence)]
            if named:
                found.append(self._said_by(named[0], candidate))
            elif self._shared(candidate) >= _TOLD:
                break  # the document itself tells this, and what is less like the question is something else
        best = max(found, key=lambda one: self._likeness(one[0]), default=())
        return best if best and self._likeness(best[0]) >= self._likeness(candidates[0]) else ()

    def ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Where the question asks what somebody says: first what that person says, last what another one does."""
        persons = [self._of(candidate)[1].asked_of(self._question) for candidate in candidates]
        moved = sorted(map(self._placed, candidates, persons), key=lambda one: -one[0].score)
        read = [self._with_speaker(*one) for one in moved[:TRIED]]
        return sorted([*read, *(candidate for candidate, _ in moved[TRIED:])], key=lambda candidate: -candidate.score)

    def _said_by(self, who: Candidate, candidate: Candidate) -> tuple[Candidate, ...]:
        said = replace(candidate, margin=self._margin_with(who.answer_text, candidate))
        if who.sentence == said.sentence:  # so the reader could see who says it, and must agree
            said = replace(said, answer=who.answer, margin=min(said.margin, candidate.margin))
        said = self._less_sure(said, self._words(said))
        return (said,) if who.sentence == said.sentence else (said, who)

    def _placed(self, candidate: Candidate, person: str) -> tuple[Candidate, str]:
        """The candidate by whether this person says it, and the person, if so."""
        if self._asks_for_speaker:
            candidate = self._less_sure(candidate, candidate.hit.passage.text)
        shift, speakers = self._of(candidate)
        says = speakers.says(person, _moved(candidate.sentence, -shift)) if person else None
        change = 0.0 if says is None else _RIGHT_SPEAKER if says else _WRONG_SPEAKER
        return replace(candidate, margin=candidate.margin + change), person if says else ""

    def _with_speaker(self, candidate: Candidate, person: str) -> Candidate:
        """As sure as it is with the person who says it named beside it."""
        if not person or words(person)[-1] in words(candidate.text):
            return candidate
        return replace(candidate, margin=max(candidate.margin, self._margin_with(person, candidate)))

    def _margin_with(self, person: str, candidate: Candidate) -> float:
        """With the sentence alone or, where that is not convincing, with all of the quotation that it is part of."""
        alone = self._margin(self._question, f"{person} said: {candidate.text}")
        whole = self._words(candidate)
        if alone >= _CONVINCING or whole == candidate.text:
            return alone
        return max(alone, self._margin(self._question, f"{person} said: {whole}"))

    def _less_sure(self, candidate: Candidate, said: str) -> Candidate:
        """Less, where what is said lacks a number, or a word between quotation marks, that the question has in it."""
        quoted = " ".join(span.of(self._question) for span in quotations(self._question))
        same = amounts(self._question) <= amounts(said) and set(content(quoted)) <= set(content(said))
        return candidate if same else replace(candidate, margin=candidate.margin + _SAYS_OTHER)

    def _shared(self, candidate: Candidate) -> float:
        return len(self._stated & set(content(candidate.text))) / max(1, len(self._stated))

    def _likeness(self, candidate: Candidate) -> float:
        return candidate.score + _OVERLAP_WEIGHT * self._shared(candidate)

    def _named(self, candidate: Candidate) -> list[Span]:
        """Where the document names who says the candidate's sentence; a title in place of the name comes last."""
        shift, speakers = self._of(candidate)
        return [_moved(name, shift) for name in speakers.named(_moved(candidate.sentence, -shift))]

    def _words(self, candidate: Candidate) -> str:
        """The candidate's sentence, with all of the quotation that it is part of."""
        shift, speakers = self._of(candidate)
        sentence = _moved(candidate.sentence, -shift)
        quote = speakers.quotation(sentence) or sentence
        return speakers.text[min(sentence.start, quote.start) : max(sentence.end, quote.end)]

    def _of(self, candidate: Candidate) -> tuple[int, Speakers]:
        """The speakers around the candidate's passage, and where the text begins in which they were looked for."""
        passage = candidate.hit.passage
        if passage.id not in self._around:
            document = self._document(candidate.hit.doc)
            start = max(0, passage.span.start - _LOOKED_BACK)
            text = document.text[start : passage.span.end + _LOOKED_AHEAD] if document else ""
            self._around[passage.id] = (start, Speakers(text))
        return self._around[passage.id]


def _moved(span: Span, by: int) -> Span:
    return Span(span.start + by, span.end + by)


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
