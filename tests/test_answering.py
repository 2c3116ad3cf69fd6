"""Which sentences are quoted and which words answer, from candidates that are made by hand."""

from __future__ import annotations

import re

import pytest

from coalition_qa.answering import Reply, chosen, compose
from coalition_qa.reading import Candidate
from coalition_qa.types import Document, Hit, Passage, Span

TEXT = (
    "The Mayor, Ada Lindqvist, met the fishermen. “The pier is rotten,” she said. Otto Berg, the engineer, "
    "measured it. “Repairs need nine months,” Berg added. The town has two pubs. It has a mill, too."
)
ENDS = [TEXT.index(part) + len(part) for part in ("fishermen.", "she said.", "measured it.", "added.", "pubs.", "too.")]
SENTENCES = tuple(Span(0 if n == 0 else ENDS[n - 1] + 1, end) for n, end in enumerate(ENDS))
DOCUMENT = Document("harbour.txt", TEXT)
PASSAGE = Passage("p1", DOCUMENT.id, Span(0, len(TEXT)), TEXT, SENTENCES)
HIT = Hit(PASSAGE, "harbour.txt", "harbour", score=1.0)
MET, ROTTEN, MEASURED, MONTHS, PUBS, MILL = SENTENCES


def candidate(sentence: Span, margin: float, answer: str = "") -> Candidate:
    start = TEXT.index(answer, sentence.start) if answer else sentence.start
    return Candidate(HIT, sentence, Span(start, start + len(answer or "The")), margin)


def sure(question: str, text: str) -> float:
    """As a reader that finds every question answered by any text that is read on its own."""
    return 9.0


def composed(question: str, *candidates: Candidate) -> Reply:
    return compose(question, candidates, {"harbour.txt": DOCUMENT}.get, sure)


def texts(reply: Reply) -> list[str]:
    return [candidate.text for candidate in reply.sentences]


def test_the_best_span_answers_and_its_sentence_is_quoted() -> None:
    reply = composed("Who measured the pier?", candidate(MEASURED, 9.0, "Otto Berg"), candidate(PUBS, 0.0))
    assert reply.short == "Otto Berg"
    assert texts(reply) == [MEASURED.of(TEXT)]


def test_who_said_it_is_a_person_though_the_sentence_says_only_she() -> None:
    wrong = candidate(MEASURED, 9.0, "Otto Berg")
    reply = composed("Who said that the pier is rotten?", wrong, candidate(ROTTEN, 2.0), candidate(MET, 1.0))
    assert reply.short == "Ada Lindqvist"
    assert texts(reply) == [ROTTEN.of(TEXT), MET.of(TEXT)]


def test_a_speaker_named_in_the_sentence_needs_no_second_one() -> None:
    reply = composed("Who added that repairs need nine months?", candidate(MONTHS, 1.0), candidate(MET, 9.0))
    assert reply.short == "Berg"
    assert texts(reply) == [MONTHS.of(TEXT)]


def test_where_nobody_is_said_to_say_it_the_reader_decides() -> None:
    reply = composed("Who said that the town has pubs?", candidate(PUBS, 9.0, "two pubs"))
    assert reply == Reply((candidate(PUBS, 9.0, "two pubs"),), "two pubs")


def test_what_another_person_says_is_not_the_answer() -> None:
    reply = composed("What did Ada Lindqvist say about repairs?", candidate(MONTHS, 5.0), candidate(ROTTEN, 4.0))
    assert texts(reply)[0] == ROTTEN.of(TEXT)
    assert MONTHS.of(TEXT) not in texts(reply)


def test_only_what_another_person_says_loses_its_margin() -> None:
    reply = composed("What did Ada Lindqvist say about repairs?", candidate(MONTHS, 5.0))
    assert reply.sentences[0].margin < 0


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("Which two things does the town have?", "two pubs; a mill"),
        ("Name the things the town has.", "two pubs; a mill"),
        ("What does the town have?", "two pubs"),
    ],
)
def test_several_things_asked_for_are_several_spans(question: str, short: str) -> None:
    reply = composed(question, candidate(PUBS, 5.0, "two pubs"), candidate(MILL, 4.0, "a mill"))
    assert reply.short == short


def test_no_candidates_give_no_reply() -> None:
    assert composed("Who said so?") == Reply()
    assert composed("What is it?") == Reply()


def test_at_most_three_sentences_are_chosen_and_only_close_ones() -> None:
    alike = [candidate(sentence, 5.0) for sentence in SENTENCES]
    assert len(chosen(alike)) == 3
    assert len(chosen([candidate(MET, 9.0), candidate(PUBS, 1.0)])) == 1


def test_a_document_that_is_gone_has_no_speakers() -> None:
    reply = compose("Who said that the pier is rotten?", [candidate(ROTTEN, 5.0, "she")], lambda _: None, sure)
    assert reply.short == "she"


@pytest.mark.parametrize(
    ("question", "sentence", "wrong"),
    [
        ("Who is Ada Lindqvist?", MEASURED, "Otto Berg"),
        ("Who is Otto Berg?", MET, "Ada Lindqvist"),
    ],
)
def test_who_somebody_is_is_not_answered_with_somebody_else(question: str, sentence: Span, wrong: str) -> None:
    other = candidate(sentence, 9.0, wrong)
    reply = composed(question, other, candidate(PUBS, 0.0, "two pubs"))
    assert reply.short == "two pubs"
    alone = composed(question, other)
    assert alone.short == wrong  # still the best there is
    assert alone.sentences[0].margin < 0


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        ("Who is Ada Lindqvist?", MET, "The Mayor"),
        ("Who is Otto Berg?", MEASURED, "the engineer"),
        ("Who is Berg?", MEASURED, "Otto Berg"),
        ("Who is the engineer?", MEASURED, "Otto Berg"),
        ("WHO IS THE ENGINEER?", MEASURED, "Otto Berg"),
        ("Who measured Ada Lindqvist?", MEASURED, "Otto Berg"),
    ],
)
def test_who_somebody_is_is_answered_with_a_title_or_more_of_the_name(
    question: str, sentence: Span, answer: str
) -> None:
    assert composed(question, candidate(sentence, 9.0, answer), candidate(PUBS, 0.0, "two pubs")).short == answer


LIST = (
    "Plans for 2024:\n- Mend the roof. It leaks.\n\n- Open on Sundays.\n- Buy a van.\n\nThis costs money.\n- No more."
)
LINES = [Span(match.start(), match.end()) for match in re.finditer(r"\S[^\n.]*[.:]", LIST)]
PLANS = Hit(Passage("p2", "d2", Span(0, len(LIST)), LIST, tuple(LINES)), "plans.txt", "", score=1.0)


def listed(question: str, best: int) -> list[str]:
    """The sentences quoted where sentence `best` is by far the best."""
    found = [Candidate(PLANS, line, line, 50.0 if n == best else -n) for n, line in enumerate(LINES)]
    return texts(compose(question, sorted(found, key=lambda c: -c.score), {}.get, sure))


def test_a_sentence_that_leads_into_a_list_is_quoted_with_its_items() -> None:
    found = [Candidate(PLANS, line, line, 50.0 if n == 0 else -n) for n, line in enumerate(LINES)]
    reply = compose("What is planned?", found, {}.get, sure)
    assert texts(reply) == ["Plans for 2024:", "- Mend the roof.", "- Open on Sundays.", "- Buy a van."]
    assert reply.short == "- Mend the roof.; - Open on Sundays.; - Buy a van."


def test_of_a_list_all_items_are_quoted_where_several_things_are_asked_for() -> None:
    assert listed("What are the plans for 2024?", 3) == ["- Open on Sundays.", "- Mend the roof.", "- Buy a van."]


@pytest.mark.parametrize(
    ("question", "best", "quoted"),
    [
        ("When does it open?", 3, "- Open on Sundays."),  # one thing
        ("What are the costs?", 5, "This costs money."),  # no item
        ("What are the costs?", 6, "- No more."),  # a list of its own
        ("What are the costs?", 2, "It leaks."),  # begins no item
    ],
)
def test_else_a_list_is_no_reason_to_quote_more(question: str, best: int, quoted: str) -> None:
    assert listed(question, best) == [quoted]


def test_of_a_long_list_the_best_and_the_first_ten_items_are_quoted() -> None:
    text = "\n".join(f"{n}. The {n}th thing" for n in range(1, 15))
    lines = [Span(match.start(), match.end()) for match in re.finditer(r"[^\n]+", text)]
    hit = Hit(Passage("p3", "d3", Span(0, len(text)), text, tuple(lines)), "things.txt", "", score=1.0)
    found = [Candidate(hit, line, line, 50.0 if n == 12 else -n) for n, line in enumerate(lines)]
    quoted = texts(compose("What are the things?", sorted(found, key=lambda c: -c.score), {}.get, sure))
    assert quoted == ["13. The 13th thing", *(f"{n}. The {n}th thing" for n in range(1, 11))]


@pytest.mark.parametrize(
    ("line", "answer", "quoted"),
    [
        ("4.1 The deposit is £1,315.", "£1,315", "The deposit is £1,315."),
        ("4.3 The deposit is £1,315.", "£1,315", "The deposit is £1,315."),
        ("2.5 GB are free.", "free", "2.5 GB are free."),
        ("10.15 Opening by Ada Berg", "Ada Berg", "10.15 Opening by Ada Berg"),
        ("3. Oktober ist frei.", "frei", "3. Oktober ist frei."),
        ("(b) Keys are due by noon.", "noon", "Keys are due by noon."),
        ("- Mend the roof.", "roof", "Mend the roof."),
        ("12. Open on Sundays.", "12", "12. Open on Sundays."),  # the number answers
        ("3.5 million people came.", "people", "3.5 million people came."),
        ("1950 was wet.", "wet", "1950 was wet."),
    ],
)
def test_the_mark_of_an_item_or_a_clause_is_not_quoted(line: str, answer: str, quoted: str) -> None:
    text = f"Of the lease.\n{line} 4.2 Beside it.\n4.2 Of the rent."
    beside, start = text.index("4.2"), text.index(line)
    sentences = (Span(0, 13), Span(start, start + len(line)), Span(beside, beside + 14))
    hit = Hit(Passage("p4", "d4", Span(0, len(text)), text, sentences), "lease.txt", "", score=1.0)
    at = text.index(answer)
    said = Candidate(hit, sentences[1], Span(at, at + len(answer)), 9.0)
    next_to_it = Candidate(hit, sentences[2], Span(beside + 4, beside + 14), 8.0)
    assert texts(compose("What is told?", [said, next_to_it], {}.get, sure)) == [quoted, "4.2 Beside it."]


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        ("Who is Ada Berg?", "Ada Berg is the CEO of Acme.", "CEO of Acme"),
        ("Who is Ada Berg?", "Ada Berg was named CTO in 2019.", "CTO"),
        ("Who is CEO?", "Our CEO since 2019 is Maria Lopez.", "Maria Lopez"),
        ("Who is Finance Director?", "The Finance Director, since May, is Maria Lopez.", "Maria Lopez"),
    ],
)
def test_an_office_in_capitals_is_not_somebody_elses_name(question: str, sentence: str, answer: str) -> None:
    assert short_of(question, sentence, answer) == answer


def test_the_name_of_somebody_else_still_is_no_answer() -> None:
    assert short_of("Who is Ada Berg?", "Ada Berg was met by Otto Lind.", "Otto Lind") == "red brick"


@pytest.mark.parametrize(
    ("question", "several"),
    [
        ("Which rivers flow through Rome?", True),
        ("What documents in the folder are old?", True),
        ("Which river flows through Rome?", False),
        ("Which city hosts the games?", False),
        ("What happens if I miss a payment?", False),
    ],
)
def test_a_verb_in_the_third_person_asks_for_one_thing(question: str, several: bool) -> None:
    text = "- The Tiber, in Rome.\n- The Seine, in Paris."
    lines = [Span(match.start(), match.end()) for match in re.finditer(r"[^\n]+", text)]
    hit = Hit(Passage("p6", "d6", Span(0, len(text)), text, tuple(lines)), "rivers.txt", "", score=1.0)
    found = [Candidate(hit, line, Span(line.start + 2, line.start + 11), 9.0 - 17 * n) for n, line in enumerate(lines)]
    assert len(compose(question, found, {}.get, sure).sentences) == (2 if several else 1)


def short_of(question: str, sentence: str, answer: str) -> str:
    """What is answered from a sentence of which the reader is sure, and another of which it is not."""
    text = f"{sentence} The office is in a red brick building."
    sentences = (Span(0, len(sentence)), Span(len(sentence) + 1, len(text)))
    hit = Hit(Passage("p5", "d5", Span(0, len(text)), text, sentences), "office.txt", "", score=1.0)
    at, brick = text.index(answer), text.index("red brick")
    sure = Candidate(hit, sentences[0], Span(at, at + len(answer)), 9.0)
    unsure = Candidate(hit, sentences[1], Span(brick, brick + 9), -9.0)
    return compose(question, [sure, unsure], {}.get, sure).short
