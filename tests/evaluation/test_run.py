"""A scripted assistant that implements `Asks` is evaluated; every number here can be counted by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from coalition_qa.evaluation.gold import Gold, GoldItem
from coalition_qa.evaluation.metrics import Estimate, Excerpt, share
from coalition_qa.evaluation.run import ONE_TEXT, TUNED_ON_DEV, Report, Result, run
from coalition_qa.types import Answer, Citation, Document, GoldError, Hit, Passage, QuestionError, Sentence, Span, Turn

NAME = "rome.txt"
TEXT = "The coalition met in Rome. It welcomed 4 states. Blinken supports Italy. The focus moves to Africa."
DOCUMENT = Document(NAME, TEXT)
MET, WELCOMED, SUPPORTS, FOCUS = ("met in Rome", "welcomed 4 states", "Blinken supports Italy", "focus moves to Africa")


def span(words: str) -> Span:
    """The sentence of TEXT that holds these words."""
    start = TEXT.rfind(". ", 0, TEXT.index(words)) + 2 if ". " in TEXT[: TEXT.index(words)] else 0
    return Span(start, TEXT.index(".", start) + 1)


def excerpt(words: str) -> Excerpt:
    return Excerpt(NAME, span(words), span(words).of(TEXT))


def citation(words: str) -> Citation:
    return Citation(NAME, DOCUMENT.id, span(words), span(words).of(TEXT), words)


def hit(words: str) -> Hit:
    where = span(words)
    return Hit(Passage(words, DOCUMENT.id, where, where.of(TEXT), (where,)), NAME, "", 1.0)


def says(*sentences: tuple[str, Sequence[str]], retrieved: Sequence[str] = (), confidence: float = 0.9) -> Answer:
    """An answer whose sentences each cite the sentences of TEXT that hold the given words."""
    said = tuple(Sentence(text, tuple(map(citation, cited))) for text, cited in sentences)
    return Answer("", "", "answered", "", said, said, "", confidence, tuple(map(hit, retrieved)), "f" * 8)


def quotes(*words: str, confidence: float = 0.9) -> Answer:
    """An answer that says, cites and retrieved the sentences of TEXT that hold these words."""
    return says(*((span(each).of(TEXT), [each]) for each in words), retrieved=words, confidence=confidence)


def declines(best: str = FOCUS, confidence: float = 0.1) -> Answer:
    return replace(quotes(best, confidence=confidence), status="abstained", sentences=())


class Scripted:
    """Answers from a script; a question that isn't in it raises. Remembers what it was asked."""

    def __init__(self, script: Mapping[str, Answer]) -> None:
        self.script = script
        self.asked: list[tuple[str, tuple[Turn, ...]]] = []

    def ask(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        self.asked.append((question, tuple(history)))
        if question not in self.script:
            raise QuestionError(f"no script for\n{question}")
        return replace(self.script[question], question=question, standalone_question=f"{question} in full")

    def document(self, name: str) -> Document | None:
        return DOCUMENT if name == NAME else None


def fact(name: str = "fact", answers: Sequence[str] = ("Rome",), evidence: str = MET, **rest: object) -> GoldItem:
    item = GoldItem(name, f"{name}?", True, "factoid", answers=tuple(answers), evidence=(excerpt(evidence),))
    return replace(item, **rest)  # type: ignore[arg-type]


def unanswerable(name: str, category: str = "unanswerable-near", **rest: object) -> GoldItem:
    return replace(GoldItem(name, f"{name}?", False, category), **rest)  # type: ignore[arg-type]


def evaluate(*pairs: tuple[GoldItem, Answer | None]) -> Report:
    items = [item for item, _ in pairs]
    script = {item.question: answer for item, answer in pairs if answer is not None}
    return run(Scripted(script), Gold(tuple(items)))


def verdict(item: GoldItem, answer: Answer | None) -> Result:
    return evaluate((item, answer)).results[0]


def value(report: Report, name: str) -> float | None:
    return report.metrics[name].value


def test_a_correct_answer_with_sound_citations_is_right() -> None:
    verdicts = verdict(fact(), quotes(MET)).verdicts
    assert verdicts.right
    assert verdicts.wording is not None
    assert verdicts.wording.correct
    assert verdicts.citing is not None
    assert verdicts.citing.sound
    assert verdicts.citing.tiers == ("verbatim",)


@pytest.mark.parametrize(
    ("item", "answer", "correct"),
    [
        (fact(), quotes(MET, FOCUS), True),
        (fact(), quotes(FOCUS), False),
        (fact(), quotes(FOCUS, MET), True),
        (fact(answers=["Milan", "Rome"]), quotes(MET), True),
        (fact(forbidden=("Africa",)), quotes(MET, FOCUS), False),
        (fact(required=(("Rome",), ("4", "four"))), quotes(MET), False),
        (fact(required=(("Rome",), ("4", "four")), evidence_alt=((excerpt(WELCOMED),),)), quotes(WELCOMED, MET), True),
        (fact(), quotes(WELCOMED, MET), False),  # the headline's 4 is nobody's
        (fact(question="Where did it welcome 4 states?"), quotes(WELCOMED, MET), True),
        (fact(), declines(MET), False),
    ],
)
def test_an_answer_is_correct_when_it_contains_the_gold_and_invents_no_number(
    item: GoldItem, answer: Answer, correct: bool
) -> None:
    wording = verdict(item, answer).verdicts.wording
    assert wording is not None
    assert wording.correct is correct


@pytest.mark.parametrize(
    "answer",
    [
        says(("The coalition met in Rome.", [])),
        says(("The coalition met in Rome.", [FOCUS])),
        says(("The coalition met in Rome.", [MET]), ("Aliens from Jupiter landed.", [FOCUS])),
    ],
    ids=["no citation", "a citation of something else", "one statement of two"],
)
def test_a_correct_answer_that_its_citations_do_not_support_is_not_right(answer: Answer) -> None:
    verdicts = verdict(fact(), answer).verdicts
    assert verdicts.wording is not None
    assert verdicts.wording.correct
    assert not verdicts.right


@pytest.mark.parametrize(
    "broken",
    [
        replace(citation(MET), quote="The coalition met in Milan."),
        replace(citation(MET), span=Span(1, 27)),
        replace(citation(MET), doc="milan.txt"),
    ],
    ids=["another quote", "another span", "no such document"],
)
def test_a_citation_that_does_not_resolve_is_invalid_and_the_answer_not_right(broken: Citation) -> None:
    answer = replace(quotes(MET), sentences=(Sentence(span(MET).of(TEXT), (broken,)),))
    report = evaluate((fact(), answer))
    assert value(report, "citations/valid") == 0
    assert not report.results[0].verdicts.right


@pytest.mark.parametrize(
    ("category", "answer", "right", "hallucinated"),
    [
        ("unanswerable-near", declines(), True, False),
        ("unanswerable-near", quotes(FOCUS), False, True),
        ("false-premise", declines(), True, False),
        ("false-premise", quotes(FOCUS), True, False),  # it corrects: to Africa
        ("false-premise", quotes(MET), False, True),
        ("adversarial", quotes(FOCUS), False, True),
    ],
)
def test_an_unanswerable_question_is_right_when_declined_or_its_premise_corrected(
    category: str, answer: Answer, right: bool, hallucinated: bool
) -> None:
    result = verdict(unanswerable("u", category, corrections=("to Africa",)), answer)
    assert result.verdicts.right is right
    assert result.hallucinated is hallucinated


def test_a_correction_beside_forbidden_words_corrects_nothing() -> None:
    item = unanswerable("u", "false-premise", corrections=("to Africa",), forbidden=("Rome",))
    report = evaluate((item, quotes(MET, FOCUS)))
    assert not report.results[0].verdicts.right
    assert report.metrics["answers/forbidden said"] == share(1, 1)


def test_an_error_is_counted_scores_zero_and_ends_nothing() -> None:
    report = evaluate((fact("broken"), None), (unanswerable("lost"), None), (fact("fine"), quotes(MET)))
    assert [each.item.id for each in report.errors] == ["broken", "lost"]
    assert report.errors[0].error == "QuestionError: no script for broken?"
    assert report.metrics["headline/reliable accuracy"] == share(1, 3)
    assert report.metrics["retrieval/hit@1"] == share(1, 2)
    assert report.metrics["answers/correct"] == share(1, 2)
    assert report.metrics["abstention/recall"] == share(0, 1)
    assert report.metrics["abstention/hallucination"] == share(0, 1)


@pytest.mark.parametrize("confidence", [float("nan"), 1.5, -0.1])
def test_a_confidence_that_is_no_probability_is_an_error(confidence: float) -> None:
    assert "is not between 0 and 1" in verdict(fact(), quotes(MET, confidence=confidence)).error


def test_an_earlier_question_that_fails_fails_the_item() -> None:
    item = fact(history=(Turn("never scripted"),))
    assert "never scripted" in verdict(item, quotes(MET)).error


def test_history_is_made_by_really_asking_the_earlier_questions() -> None:
    item = fact("then", history=(Turn("first?"), Turn("second?", "a gold answer")))
    assistant = Scripted({"first?": quotes(MET), "second?": declines(), "then?": quotes(MET)})
    run(assistant, Gold((item,)))
    first = Turn("first? in full", "The coalition met in Rome.")
    second = Turn("second? in full", "")
    assert assistant.asked == [("first?", ()), ("second?", (first,)), ("then?", (first, second))]


def test_retrieval_is_scored_on_items_with_evidence_answered_or_not() -> None:
    third = replace(declines(), hits=tuple(map(hit, (FOCUS, WELCOMED, MET))))
    report = evaluate((fact("a"), quotes(MET)), (fact("b"), third), (unanswerable("c"), quotes(FOCUS)))
    assert [value(report, f"retrieval/hit@{k}") for k in (1, 3, 5)] == [0.5, 1, 1]
    assert report.metrics["retrieval/MRR@10"].n == 2
    assert value(report, "retrieval/MRR@10") == pytest.approx((1 + 1 / 3) / 2)
    assert value(report, "retrieval/evidence recall@5") == 1


def test_answers_are_scored_on_answerable_items_and_a_short_answer_is_what_matches() -> None:
    short = replace(quotes(MET), short_answer="Rome")
    report = evaluate((fact("a"), short), (fact("b"), quotes(MET)), (fact("c"), declines()))
    assert report.metrics["answers/contains"] == share(2, 3)
    assert report.metrics["answers/exact match"] == share(1, 3)
    # "coalition met in rome" against "rome": precision 1/4, recall 1.
    assert value(report, "answers/token F1") == pytest.approx((1 + 0.4 + 0) / 3)
    assert report.metrics["answers/required groups"] == Estimate(None, 0)


def test_citations_are_counted_over_statements_and_gold() -> None:
    two = fact("a", evidence_alt=((excerpt(FOCUS), excerpt(SUPPORTS)),))
    report = evaluate(
        (two, says(("The coalition met in Rome.", [MET, WELCOMED]), ("Aliens from Jupiter landed.", [FOCUS]))),
        (unanswerable("b"), quotes(SUPPORTS)),
        (fact("c"), declines()),
    )
    assert report.metrics["citations/valid"] == share(4, 4)
    assert report.metrics["citations/statements supported"] == share(2, 3)
    assert report.metrics["citations/precision"] == share(2, 4)
    assert report.metrics["citations/on gold"] == share(2, 3)
    assert report.metrics["citations/gold cited"] == share(1, 1)


def test_abstention_is_scored_by_kind() -> None:
    corrections = ("to Africa",)
    report = evaluate(
        (fact("a"), quotes(MET)),
        (fact("b"), declines()),
        (unanswerable("near"), quotes(FOCUS)),
        (unanswerable("far", "unanswerable-far"), declines()),
        (unanswerable("p1", "false-premise", corrections=corrections), quotes(FOCUS)),
        (unanswerable("p2", "false-premise", corrections=corrections), declines()),
        (unanswerable("p3", "false-premise", corrections=corrections), quotes(MET)),
    )
    metrics = {name.removeprefix("abstention/"): each for name, each in report.metrics.items()}
    assert metrics["precision"] == share(2, 3)
    assert metrics["recall"] == share(2, 5)
    assert metrics["F1"].value == pytest.approx(2 * 2 / (3 + 5))
    assert metrics["over-abstention"] == share(1, 2)
    assert metrics["hallucination"] == share(2, 5)
    assert metrics["hallucination, unanswerable-near"] == share(1, 1)
    assert metrics["hallucination, unanswerable-far"] == share(0, 1)
    assert metrics["hallucination, false-premise"] == share(1, 3)
    assert metrics["hallucination, adversarial"] == share(0, 0)
    assert metrics["false premise corrected"] == share(1, 3)
    assert metrics["false premise abstained"] == share(1, 3)
    assert metrics["false premise accepted"] == share(1, 3)
    assert report.metrics["headline/reliable accuracy"] == share(4, 7)


def test_confidence_is_judged_by_the_answer_that_could_have_been_forced() -> None:
    report = evaluate(
        (fact("a"), quotes(MET, confidence=0.9)),
        (fact("b"), declines(MET, confidence=0.4)),
        (unanswerable("c"), declines(confidence=0.6)),
    )
    assert value(report, "confidence/AUROC answerable") == 0.5
    # Right, wrong, right, most confident first.
    assert value(report, "confidence/AURC") == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)


def test_latency_leaves_the_warm_up_out_when_there_is_more() -> None:
    assert evaluate((fact("a"), quotes(MET))).metrics["latency/p50 ms"].n == 1
    report = evaluate(*((fact(str(number)), quotes(MET)) for number in range(5)))
    assert report.metrics["latency/p50 ms"].n == report.metrics["latency/p95 ms"].n == 2


def test_retrieval_only_items_are_judged_by_retrieval_alone() -> None:
    report = evaluate((fact(answers=[], category="retrieval-only"), quotes(MET)))
    assert report.metrics["retrieval/hit@1"] == share(1, 1)
    assert report.metrics["headline/reliable accuracy"] == report.metrics["answers/correct"] == Estimate(None, 0)
    assert report.metrics["confidence/AURC"] == Estimate(None, 0)
    assert report.categories == ()


def test_a_small_category_shows_counts_and_no_accuracy() -> None:
    many = [(unanswerable(f"n{number}"), declines()) for number in range(20)]
    report = evaluate(*many, (fact("a"), quotes(MET)), (fact("b"), quotes(FOCUS)))
    assert [(row.category, row.n, row.right, row.accuracy) for row in report.categories] == [
        ("factoid", 2, 1, None),
        ("unanswerable-near", 20, 20, share(20, 20)),
    ]


def test_only_the_split_that_is_asked_for_is_run_and_dev_is_flagged() -> None:
    gold = Gold((fact("a", split="dev"), fact("b"), unanswerable("c")))
    assistant = Scripted({"a?": quotes(MET), "b?": quotes(MET), "c?": declines()})
    reports = {split: run(assistant, gold, split=split) for split in ("dev", "test", "all")}
    ids = {split: [each.item.id for each in report.results] for split, report in reports.items()}
    assert ids == {"dev": ["a"], "test": ["b", "c"], "all": ["a", "b", "c"]}
    assert [TUNED_ON_DEV in reports[split].notes for split in ("dev", "test", "all")] == [True, False, True]
    assert all(ONE_TEXT in report.notes for report in reports.values())


def test_a_split_without_items_is_refused() -> None:
    with pytest.raises(GoldError, match="no item of the dev split"):
        run(Scripted({}), Gold((fact(),)), split="dev")


def test_progress_is_told_after_each_item() -> None:
    told: list[tuple[int, int]] = []
    gold = Gold((fact("a"), fact("broken")))
    run(Scripted({"a?": quotes(MET)}), gold, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_an_interrupt_is_not_an_error_of_the_item() -> None:
    class Interrupted(Scripted):
        def ask(self, question: str, history: Sequence[Turn] = ()) -> Answer:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted({}), Gold((fact(),)))
