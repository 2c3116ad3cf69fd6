from __future__ import annotations

from math import log2

import pytest

from coalition_qa.evaluation import metrics
from coalition_qa.evaluation.metrics import Excerpt, Statement
from coalition_qa.types import Span


def at(start: int, end: int, doc: str = "a") -> Excerpt:
    return Excerpt(doc, Span(start, end), "x" * (end - start))


@pytest.mark.parametrize(
    ("place", "gold", "share", "expected"),
    [
        (at(0, 100), at(10, 20), 0.5, True),  # gold inside the passage
        (at(10, 20), at(0, 100), 0.5, True),  # passage inside the gold
        (at(0, 100), at(95, 105), 0.5, True),  # just half of the shorter
        (at(0, 100), at(96, 106), 0.5, False),  # 4 of 10
        (at(0, 100), at(95, 105), 1.0, False),
        (at(0, 100), at(100, 110), 0.5, False),  # they only touch
        (at(0, 100), at(10, 20, "b"), 0.5, False),  # another document
        (at(5, 5), at(0, 10), 0.5, False),  # nothing overlaps nothing
    ],
)
def test_a_place_is_relevant_when_it_shares_enough_of_the_shorter(
    place: Excerpt, gold: Excerpt, share: float, expected: bool
) -> None:
    assert metrics.relevant(place, [gold], share) is expected


def test_any_gold_span_makes_a_place_relevant() -> None:
    assert metrics.relevant(at(0, 10), [at(50, 60), at(0, 10)])
    assert not metrics.relevant(at(0, 10), [])


@pytest.mark.parametrize(
    ("ranked", "hits", "rank"),
    [
        ([True, False, False], (True, True, True), 1.0),
        ([False, False, True], (False, True, True), 1 / 3),
        ([False, False, False, False, True], (False, False, True), 1 / 5),
        ([False] * 9 + [True], (False, False, False), 1 / 10),
        ([False] * 10 + [True], (False, False, False), 0.0),
        ([], (False, False, False), 0.0),
    ],
)
def test_hits_and_reciprocal_rank(ranked: list[bool], hits: tuple[bool, ...], rank: float) -> None:
    assert tuple(metrics.hit_at(k, ranked) for k in (1, 3, 5)) == hits
    assert metrics.reciprocal_rank(ranked, 10) == rank


@pytest.mark.parametrize(
    ("ranked", "relevant", "k", "expected"),
    [
        ([True, False, False, False, False], 1, 10, 1.0),
        ([False, True], 1, 10, 1 / log2(3)),
        ([True, False, True], 2, 10, (1 + 1 / 2) / (1 + 1 / log2(3))),
        ([True, False], 2, 10, 1 / (1 + 1 / log2(3))),  # one of the two was not retrieved
        ([False, True], 5, 1, 0.0),
        ([True], 5, 1, 1.0),  # no ranking of one does better
        ([], 1, 10, 0.0),
        ([], 0, 10, None),
    ],
)
def test_ndcg_compares_with_the_best_ranking_of_the_index(
    ranked: list[bool], relevant: int, k: int, expected: float | None
) -> None:
    assert metrics.ndcg(ranked, relevant, k) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("retrieved", "gold_sets", "recall", "precision", "iou"),
    [
        ([at(0, 100)], [[at(10, 20)]], 1.0, 0.1, 0.1),
        ([at(0, 15)], [[at(10, 20)]], 0.5, 5 / 15, 5 / 20),
        ([at(0, 15), at(10, 18)], [[at(10, 20)]], 0.8, 8 / 18, 8 / 20),  # overlaps are counted once
        ([at(0, 15)], [[at(10, 20), at(12, 30)]], 0.25, 5 / 15, 5 / 30),
        ([at(0, 15)], [[at(10, 20)], [at(0, 5)]], 1.0, 5 / 15, 5 / 15),  # the best set for each
        ([at(0, 15)], [[at(10, 20, "b")]], 0.0, 0.0, 0.0),
        ([at(0, 15), at(0, 15, "b")], [[at(10, 20), at(10, 20, "b")]], 0.5, 10 / 30, 10 / 40),
        ([], [[at(10, 20)]], 0.0, None, 0.0),
        ([at(0, 15)], [], None, None, None),
    ],
)
def test_evidence_is_recalled_by_characters(
    retrieved: list[Excerpt],
    gold_sets: list[list[Excerpt]],
    recall: float | None,
    precision: float | None,
    iou: float | None,
) -> None:
    assert metrics.evidence_recall(retrieved, gold_sets) == pytest.approx(recall)
    assert metrics.evidence_precision(retrieved, gold_sets) == pytest.approx(precision)
    assert metrics.iou(retrieved, gold_sets) == pytest.approx(iou)


@pytest.mark.parametrize(
    ("retrieved", "gold_sets", "expected"),
    [
        ([at(0, 100)], [[at(10, 20), at(30, 40)]], True),
        ([at(0, 39)], [[at(10, 20), at(30, 40)]], True),  # 9 of the second's 10 are enough
        ([at(0, 38)], [[at(10, 20), at(30, 40)]], False),  # 8 are not
        ([at(0, 35), at(35, 40)], [[at(10, 20), at(30, 40)]], True),  # two passages together
        ([at(0, 20)], [[at(10, 20), at(30, 40)], [at(0, 5)]], True),  # an alternative is enough
        ([at(0, 100, "b")], [[at(10, 20)]], False),
        ([], [[at(10, 20)]], False),
        ([at(0, 100)], [], False),
    ],
)
def test_all_evidence_needs_nine_tenths_of_every_span_of_one_set(
    retrieved: list[Excerpt], gold_sets: list[list[Excerpt]], expected: bool
) -> None:
    assert metrics.all_evidence(retrieved, gold_sets) is expected


@pytest.mark.parametrize(
    ("prediction", "answers", "match", "f1"),
    [
        ("The Rome.", ["rome"], True, 1.0),
        ("in Rome", ["Rome"], False, 2 / 3),
        ("in Rome", ["Paris", "in Rome, Italy"], False, 4 / 5),
        ("Rome Rome", ["Rome"], False, 2 / 3),  # a token counts as often as it is there
        ("Rome Rome", ["Rome, Rome, Rome"], False, 4 / 5),
        ("twenty ministers", ["20 ministers"], True, 1.0),
        ("Paris", ["Rome"], False, 0.0),
        ("", ["Rome"], False, 0.0),
        ("the", ["a"], True, 1.0),
        ("Rome", [], False, 0.0),
    ],
)
def test_exact_match_and_token_f1(prediction: str, answers: list[str], match: bool, f1: float) -> None:
    assert metrics.exact_match(prediction, answers) is match
    assert metrics.token_f1(prediction, answers) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        ("added to the 79 states", "79 states", True),
        ("It was in 1979.", "79", False),
        ("Di Maio and Blinken", "Di Blinken", False),
        ("Luigi Di  Maio,", "di maio", True),
        ("some 10 000 fighters", "10,000", True),
        ("about twenty ministers", "20", True),
        ("Rome", "in Rome", False),
        ("Rome", "the", False),
        ("", "Rome", False),
    ],
)
def test_a_phrase_is_contained_as_a_run_of_whole_tokens(text: str, phrase: str, expected: bool) -> None:
    assert metrics.contains(text, phrase) is expected
    assert metrics.contains_any(text, ["absent words", phrase]) is expected


def test_required_groups_each_count_once_whatever_alias_is_there() -> None:
    groups = [["Di Maio"], ["Blinken", "Secretary of State"], ["Borrell"]]
    assert metrics.required_recall("Di Maio and the Secretary of State, Blinken", groups) == pytest.approx(2 / 3)
    assert metrics.required_recall("nobody", groups) == 0
    assert metrics.required_recall("anybody", []) is None


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["in Rome", "In Rome."], 1.0),
        (["in Rome", "in Milan"], 0.5),
        (["in Rome", "in Milan", "in Rome"], (0.5 + 1 + 0.5) / 3),
        (["in Rome", ""], 0.0),
        (["", ""], 1.0),  # both declined
        (["in Rome"], None),
    ],
)
def test_answers_to_one_question_agree_by_the_f1_of_every_two(answers: list[str], expected: float | None) -> None:
    assert metrics.agreement(answers) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("headline", "known", "expected"),
    [
        ("It met in Rome.", [], True),
        ("More than 80 countries met.", ["a group of more than 80 countries"], True),
        ("More than 90 countries met.", ["a group of more than 80 countries"], False),
        ("Twenty ministers and 40 officials", ["about 20 ministers", "How did 40 come?"], True),
        ("10 000 fighters", ["some 10,000 of its fighters"], True),
        ("It met in March 2020", ["March 2021"], False),
    ],
)
def test_a_number_that_nobody_gave_is_caught(headline: str, known: list[str], expected: bool) -> None:
    assert metrics.numbers_guarded(headline, known) is expected


@pytest.mark.parametrize(
    ("cited", "document", "expected"),
    [
        (Excerpt("a", Span(4, 8), "Rome"), "met Rome", True),
        (Excerpt("a", Span(4, 8), "rome"), "met Rome", False),
        (Excerpt("a", Span(3, 8), "Rome"), "met Rome", False),
        (Excerpt("a", Span(8, 12), "Rome"), "met Rome", False),
        (Excerpt("a", Span(4, 4), ""), "met Rome", False),
        (Excerpt("a", Span(4, 8), "Rome"), None, False),
    ],
)
def test_a_citation_is_valid_when_its_document_says_just_that_just_there(
    cited: Excerpt, document: str | None, expected: bool
) -> None:
    assert metrics.valid(cited, document) is expected


def every_word(statement: str, cited: str) -> str | None:
    """A stand-in for verification: all words of the statement are in the cited text."""
    return "tokens" if set(statement.split()) <= set(cited.split()) else None


@pytest.mark.parametrize(
    ("cited", "tier", "precise"),
    [
        (("a b c",), "tokens", [True]),
        (("a b", "c"), "tokens", [True, True]),  # only together
        (("a b c", "d"), "tokens", [True, False]),  # the second does nothing
        (("a b c", "c b a"), "tokens", [True, True]),  # each does it alone
        (("a b", "c", "d"), "tokens", [True, True, False]),
        (("a b", "b"), None, [False, False]),
        ((), None, []),
        (("",), None, [False]),
    ],
)
def test_support_and_precision_of_citations(cited: tuple[str, ...], tier: str | None, precise: list[bool]) -> None:
    statement = Statement("a b c", cited)
    assert metrics.support(statement, every_word) == tier
    assert metrics.precise_citations(statement, every_word) == precise


@pytest.mark.parametrize(
    ("cited", "gold_sets", "expected"),
    [
        ([at(0, 10)], [[at(0, 10), at(50, 60)]], [True, False]),
        ([at(0, 10)], [[at(50, 60), at(80, 90)], [at(0, 10)]], [True]),  # the alternative is cited in full
        ([], [[at(0, 10)]], [False]),
        ([at(0, 10)], [], []),
    ],
)
def test_gold_spans_are_cited_in_the_best_of_the_alternative_sets(
    cited: list[Excerpt], gold_sets: list[list[Excerpt]], expected: list[bool]
) -> None:
    assert metrics.gold_cited(cited, gold_sets) == expected
