"""Scripted answers are judged; every verdict here can be told by looking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log2

import pytest
from scripted import (
    FOCUS,
    MET,
    NAME,
    SUPPORTS,
    TEXT,
    WELCOMED,
    Scripted,
    citation,
    declines,
    excerpt,
    fact,
    hit,
    quotes,
    says,
    span,
    unanswerable,
)

from coalition_qa.evaluation import judging
from coalition_qa.evaluation.gold import GoldItem
from coalition_qa.evaluation.results import Citing, Retrieval, Verdicts, Wording
from coalition_qa.types import Answer, Citation, Document, Sentence, Span

ITEM = fact()


def judge(item: GoldItem, answer: Answer) -> Verdicts:
    return judging.judge(item, answer, Scripted({}))


def worded(item: GoldItem, answer: Answer) -> Wording:
    wording = judge(item, answer).wording
    assert wording is not None
    return wording


def found(item: GoldItem, answer: Answer) -> Retrieval:
    retrieval = judge(item, answer).retrieval
    assert retrieval is not None
    return retrieval


def cited(item: GoldItem, answer: Answer) -> Citing:
    citing = judge(item, answer).citing
    assert citing is not None
    return citing


def test_a_correct_answer_with_sound_citations_is_right() -> None:
    verdicts = judge(ITEM, quotes(MET))
    assert verdicts.right
    assert verdicts.best_correct
    assert not verdicts.abstained
    assert verdicts.citing == Citing(("verbatim",), (True,), (True,), (True,), (True,))
    assert verdicts.citing.sound
    assert verdicts.forbidden is None


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
    assert worded(item, answer).correct is correct


def test_the_short_answer_is_what_matches_and_lengths_are_of_what_is_shown() -> None:
    wording = worded(fact(answers=["in Rome", "Rome"]), replace(quotes(MET), short_answer="Rome"))
    assert (wording.exact_match, wording.token_f1) == (True, 1.0)
    assert (wording.tokens, wording.gold_tokens) == (4, 1)  # "coalition met in rome": articles don't count
    # Without one "coalition met in rome" against "rome": precision 1/4, recall 1.
    whole = worded(ITEM, quotes(MET))
    assert (whole.exact_match, whole.token_f1) == (False, 0.4)


def test_an_answer_that_was_declined_says_nothing_and_is_not_right() -> None:
    verdicts = judge(fact(required=(("Rome",),)), declines(MET))
    assert verdicts.wording == Wording(required_recall=0.0, gold_tokens=1)
    assert (verdicts.right, verdicts.abstained, verdicts.citing) == (False, True, None)
    assert verdicts.best_correct  # it could have been forced


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
    assert worded(ITEM, answer).correct
    assert not judge(ITEM, answer).right


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
    assert cited(ITEM, answer).valid == (False,)
    assert not judge(ITEM, answer).right


def test_citations_are_judged_by_statement_by_citation_and_by_gold() -> None:
    two = fact(evidence_alt=((excerpt(FOCUS), excerpt(SUPPORTS)),))
    answer = says(("The coalition met in Rome.", [MET, WELCOMED]), ("Aliens from Jupiter landed.", [FOCUS]))
    citing = cited(two, answer)
    assert citing.tiers == ("verbatim", None)
    assert citing.valid == (True, True, True)
    assert citing.precise == (True, False, False)
    assert citing.on_gold == (True, False, True)
    assert citing.gold_cited == (True,)  # of the set that was reached best
    assert cited(unanswerable("u"), quotes(FOCUS)).on_gold == ()


@pytest.mark.parametrize(
    ("category", "answer", "right", "corrected"),
    [
        ("unanswerable-near", declines(), True, False),
        ("unanswerable-near", quotes(FOCUS), False, False),
        ("false-premise", declines(), True, False),
        ("false-premise", quotes(FOCUS), True, True),  # to Africa
        ("false-premise", quotes(MET), False, False),
        ("adversarial", quotes(FOCUS), False, False),
    ],
)
def test_an_unanswerable_question_is_right_when_declined_or_its_premise_corrected(
    category: str, answer: Answer, right: bool, corrected: bool
) -> None:
    verdicts = judge(unanswerable("u", category, corrections=("to Africa",)), answer)
    assert (verdicts.right, verdicts.corrected) == (right, corrected)
    assert not verdicts.best_correct  # to answer is wrong, whatever it says


def test_a_correction_beside_forbidden_words_corrects_nothing() -> None:
    item = unanswerable("u", "false-premise", corrections=("to Africa",), forbidden=("Rome",))
    verdicts = judge(item, quotes(MET, FOCUS))
    assert (verdicts.right, verdicts.forbidden, verdicts.corrected) == (False, True, False)
    assert judge(item, quotes(FOCUS)).forbidden is False


def test_retrieval_is_judged_answered_or_not() -> None:
    third = replace(declines(), hits=tuple(map(hit, (FOCUS, WELCOMED, MET))))
    retrieval = found(ITEM, third)
    assert (retrieval.hit_1, retrieval.hit_3, retrieval.hit_5) == (False, True, True)
    assert retrieval.reciprocal_rank == 0.333333
    assert retrieval.ndcg == round((1 / log2(4)) / 1, 6)  # one passage of the index is relevant, and it is third
    shown = sum(len(excerpt(words).text) for words in (FOCUS, WELCOMED, MET))
    assert retrieval.evidence_recall == 1
    assert retrieval.evidence_precision == retrieval.iou == round(len(excerpt(MET).text) / shown, 6)
    assert retrieval.all_evidence
    assert retrieval.context_tokens == 4 + 4 + 4  # "focus moves to africa", "it welcomed 4 states", ...
    assert judge(unanswerable("u"), quotes(FOCUS)).retrieval is None


def test_every_relevant_passage_of_the_index_counts_for_ndcg() -> None:
    both = fact(evidence_alt=((excerpt(FOCUS),),))
    assert found(both, quotes(MET)).ndcg == round(1 / (1 + 1 / log2(3)), 6)
    nowhere = fact(evidence=MET)
    nowhere = replace(nowhere, evidence=(replace(nowhere.evidence[0], doc="milan.txt"),))
    assert found(nowhere, quotes(MET)).ndcg is None


def test_numbers_about_characters_are_of_the_first_five() -> None:
    sixth = replace(quotes(MET), hits=tuple(map(hit, (FOCUS, FOCUS, FOCUS, FOCUS, FOCUS, MET))))
    retrieval = found(ITEM, sixth)
    assert (retrieval.hit_5, retrieval.evidence_recall, retrieval.all_evidence) == (False, 0, False)
    assert retrieval.reciprocal_rank == 0.166667


def test_a_passage_that_holds_half_of_the_evidence_is_no_whole_hit() -> None:
    start, end = span(MET).start, span(WELCOMED).end
    wide = replace(ITEM, evidence=(replace(ITEM.evidence[0], span=Span(start + 15, end)),))
    half = replace(quotes(MET), hits=(hit(MET),))
    assert (found(wide, half).hit_1, found(wide, half).hit_5_whole) == (False, False)
    narrow = replace(ITEM, evidence=(replace(ITEM.evidence[0], span=Span(start + 10, end - 15)),))
    assert (found(narrow, half).hit_1, found(narrow, half).hit_5_whole) == (True, False)


def test_an_item_without_answers_is_judged_by_retrieval_alone() -> None:
    verdicts = judge(fact(answers=[], category="retrieval-only"), quotes(MET))
    assert (verdicts.right, verdicts.wording) == (None, None)
    assert verdicts.retrieval is not None
    assert verdicts.retrieval.hit_1


def test_what_got_no_answer_is_wrong_in_all_that_it_can_be_judged_by() -> None:
    assert judging.failed(fact(required=(("Rome",),), forbidden=("x",))) == Verdicts(
        right=False, forbidden=False, retrieval=Retrieval(), wording=Wording(required_recall=0.0, gold_tokens=1)
    )
    assert judging.failed(unanswerable("u")) == Verdicts(right=False)
    assert judging.failed(fact(answers=[])).right is None


def test_meaning_is_compared_with_all_gold_answers_where_an_encoder_is_given() -> None:
    asked: list[tuple[str, Sequence[str]]] = []

    def similar(text: str, others: Sequence[str]) -> float:
        asked.append((text, others))
        return 0.12345678

    answer = replace(quotes(MET), short_answer="in Rome")
    wording = judging.judge(ITEM, answer, Scripted({}), similar).wording
    assert wording is not None
    assert wording.semantic == 0.123457
    assert asked == [("in Rome", ("Rome",))]
    assert worded(ITEM, answer).semantic is None


class Twice(Scripted):
    """A shelf on which the document has a second name."""

    def document(self, name: str) -> Document | None:
        return Document(name, TEXT)

    def spans(self, name: str) -> list[Span]:
        return super().spans(NAME)


def test_a_document_is_its_text_whatever_the_gold_calls_it() -> None:
    item = replace(ITEM, evidence=(replace(ITEM.evidence[0], doc="copy.txt"),))
    verdicts = judging.judge(item, quotes(MET), Twice({}))
    assert verdicts.retrieval == found(ITEM, quotes(MET))
    assert verdicts.citing == cited(ITEM, quotes(MET))
