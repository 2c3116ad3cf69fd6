"""Every number here can be counted by hand."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import made
import pytest
from made import answered, declined, failed, unanswerable, variant

from coalition_qa.evaluation import measure
from coalition_qa.evaluation.results import Citing, Result
from coalition_qa.evaluation.statistics import Estimate, share


def value(results: list[Result], name: str) -> float | None:
    return made.report(*results).metrics[name].value


def test_reliable_accuracy_counts_every_item_and_errors_as_wrong() -> None:
    report = made.report(answered("a"), answered("b", made.WRONG), failed("c"), unanswerable("d"))
    assert report.metrics["headline/reliable accuracy"] == share(2, 4)
    assert [each.id for each in report.errors] == ["c"]


def test_trust_charges_wrong_answers_and_forgives_silence() -> None:
    results = [answered("a"), answered("b", made.WRONG), declined("c"), unanswerable("d"), failed("e")]
    assert value(results, "headline/trust: right - wrong") == pytest.approx((1 - 1 + 0 + 1 + 0) / 5)
    assert value([unanswerable("u", made.HALLUCINATED)], "headline/trust: right - wrong") == -1


def test_retrieval_is_measured_on_items_with_evidence_answered_or_not() -> None:
    late = replace(made.MISSED, hit_5=True, reciprocal_rank=0.25, ndcg=0.5, evidence_recall=0.4, context_tokens=40)
    half = replace(made.OVERCAUTIOUS, retrieval=late)
    report = made.report(answered("a"), declined("b", half), unanswerable("c"))
    numbers = {name.removeprefix("retrieval/"): each for name, each in report.metrics.items()}
    assert numbers["hit@1"] == numbers["hit@3"] == numbers["all evidence@5"] == share(1, 2)
    assert numbers["hit@5"] == share(2, 2)
    assert numbers["hit@5, overlap of 1.0"] == share(1, 2)
    assert numbers["MRR@10"].value == pytest.approx((1 + 0.25) / 2)
    assert numbers["nDCG@10"].value == pytest.approx((1 + 0.5) / 2)
    assert numbers["evidence recall@5"].value == pytest.approx((1 + 0.4) / 2)
    assert numbers["evidence precision@5"].value == pytest.approx(0.25 / 2)
    assert numbers["evidence IoU@5"].value == pytest.approx(0.25 / 2)
    assert numbers["context tokens@5"].value == 60


def test_an_ndcg_that_is_undefined_is_left_out() -> None:
    undefined = replace(made.RIGHT, retrieval=replace(made.FOUND, ndcg=None))
    assert made.report(answered("a"), answered("b", undefined)).metrics["retrieval/nDCG@10"] == Estimate(1.0, 1)


def test_answers_are_measured_on_answerable_items_and_silence_scores_0() -> None:
    listed = replace(made.RIGHT_WORDS, required_recall=0.5, correct=False, exact_match=False, token_f1=0.5)
    report = made.report(
        answered("a"), answered("b", replace(made.WRONG, wording=listed)), declined("c"), unanswerable("d")
    )
    numbers = {name.removeprefix("answers/"): each for name, each in report.metrics.items()}
    assert numbers["correct"] == numbers["exact match"] == share(1, 3)
    assert numbers["contains"] == share(2, 3)
    assert numbers["token F1"].value == pytest.approx((1 + 0.5 + 0) / 3)
    assert numbers["list recall: required groups"] == Estimate(0.5, 1)
    assert numbers["all required groups"] == share(0, 1)
    assert numbers["numbers guarded"] == share(2, 2)  # only what was said can hold a number
    assert numbers["semantic similarity"] == numbers["forbidden said"] == Estimate(None, 0)


def test_conciseness_is_the_median_of_tokens_shown_for_one_of_gold() -> None:
    lengths = [replace(made.RIGHT, wording=replace(made.RIGHT_WORDS, tokens=n, gold_tokens=2)) for n in (4, 6, 40)]
    results = [answered(str(at), each) for at, each in enumerate(lengths)]
    assert value([*results, declined("d")], "answers/conciseness: tokens for one of gold") == 3
    assert value([declined("d")], "answers/conciseness: tokens for one of gold") is None


def test_what_was_forbidden_is_counted_where_something_is() -> None:
    said, unsaid = (replace(made.RIGHT, forbidden=each) for each in (True, False))
    report = made.report(answered("a", said), answered("b", unsaid), answered("c"))
    assert report.metrics["answers/forbidden said"] == share(1, 2)


def test_citations_are_counted_over_statements_citations_and_gold() -> None:
    mixed = Citing(
        tiers=("verbatim", None, "tokens"),
        valid=(True, True, True, True),
        precise=(True, False, True, True),
        on_gold=(True, False, False, False),
        gold_cited=(True, False),
    )
    report = made.report(answered("a", replace(made.RIGHT, citing=mixed)), answered("b"), declined("c"))
    numbers = {name.removeprefix("citations/"): each for name, each in report.metrics.items()}
    assert numbers["valid"] == share(5, 5)
    assert numbers["recall: statements supported"] == share(3, 4)
    assert numbers["precision: citations that do work"] == share(4, 5)
    assert numbers["F1"].value == pytest.approx(2 * 0.75 * 0.8 / (0.75 + 0.8))
    assert numbers["F1"].n == 4
    assert numbers["gold precision: citations on gold"] == share(2, 5)
    assert numbers["gold recall: gold cited"] == share(2, 3)
    assert numbers["supported verbatim"] == share(2, 4)
    assert numbers["supported by tokens"] == share(1, 4)


def test_abstention_is_measured_by_kind() -> None:
    premise = {"category": "false-premise"}
    corrected = replace(made.HALLUCINATED, right=True, corrected=True)
    report = made.report(
        answered("a"),
        declined("b"),
        unanswerable("near", made.HALLUCINATED),
        unanswerable("far", category="unanswerable-far"),
        unanswerable("p1", corrected, **premise),
        unanswerable("p2", **premise),
        unanswerable("p3", made.HALLUCINATED, **premise),
    )
    numbers = {name.removeprefix("abstention/"): each for name, each in report.metrics.items()}
    assert numbers["precision"] == share(2, 3)
    assert numbers["recall"] == share(2, 5)
    assert numbers["F1"].value == pytest.approx(2 * 2 / (3 + 5))
    assert numbers["F1"].n == 7
    assert numbers["over-abstention"] == share(1, 2)
    assert numbers["hallucination"] == share(2, 5)
    assert numbers["hallucination, unanswerable-near"] == share(1, 1)
    assert numbers["hallucination, unanswerable-far"] == share(0, 1)
    assert numbers["hallucination, false-premise"] == share(1, 3)
    assert numbers["precision, unanswerable-far"] == share(1, 2)  # b was declined as well
    assert numbers["recall, false-premise"] == share(1, 3)
    assert numbers["F1, unanswerable-far"].value == pytest.approx(2 / (2 + 1))
    assert numbers["F1, unanswerable-far"].n == 3
    assert "recall, adversarial" not in numbers
    assert [numbers[f"false premise {how}"] for how in ("corrected", "abstained", "accepted")] == [share(1, 3)] * 3


def test_an_unanswerable_question_of_any_category_counts() -> None:
    report = made.report(answered("a"), unanswerable("b", category="numeric"))
    assert report.metrics["abstention/F1"] == Estimate(1.0, 2)
    assert report.metrics["abstention/recall"] == share(1, 1)


def test_confidence_is_judged_by_the_answer_that_could_have_been_forced() -> None:
    results = [answered("a", confidence=0.9), declined("b", confidence=0.4), unanswerable("c", confidence=0.6)]
    # Right, wrong, right, most confident first.
    assert value(results, "confidence/AURC") == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    assert value(results, "confidence/E-AURC") == pytest.approx((0 + 1 / 2 + 1 / 3) / 3 - (1 / 3) / 3)
    assert value(results, "confidence/coverage at risk 5%") == pytest.approx(1 / 3)
    assert value(results, "confidence/AUROC answerable") == 0.5
    assert value(results, "confidence/Brier score") == pytest.approx((0.01 + 0.36 + 0.36) / 3)
    assert value([*results, failed("d")], "confidence/AURC") == value(results, "confidence/AURC")


def test_follow_ups_are_told_apart_by_the_answers_before_them() -> None:
    after = {"history": ("Where?",), "category": "follow-up"}
    report = made.report(
        answered("a", made.WRONG, **after, gold_history=variant(made.RIGHT)),
        answered("b", **after, gold_history=variant(made.RIGHT)),
        answered("c", **after),
        answered("d"),
    )
    assert report.metrics["conversation/right after own answers"] == share(2, 3)
    assert report.metrics["conversation/right after gold answers"] == share(2, 2)


def test_paraphrases_are_measured_by_their_mean_their_worst_and_how_far_they_agree() -> None:
    wrong = variant(made.WRONG, "They met in Oslo.")
    report = made.report(
        answered("a", paraphrases=(variant(made.RIGHT), wrong)), answered("b", paraphrases=(variant(made.RIGHT),))
    )
    assert report.metrics["paraphrases/right, mean of wordings"].value == pytest.approx(4 / 5)
    assert report.metrics["paraphrases/right in every wording"] == share(1, 2)
    # Of "they met in Rome" and "they met in Oslo" three tokens of four agree.
    assert report.metrics["paraphrases/agreement of answers"].value == pytest.approx(((1 + 0.75 + 0.75) / 3 + 1) / 2)


def test_a_judge_is_reported_and_its_invalid_replies_counted() -> None:
    words = (None, "right", "wrong", "invalid")
    report = made.report(*(answered(str(word), judge=word) for word in words))
    assert report.metrics["judge/right"] == report.metrics["judge/invalid replies"] == share(1, 3)


def test_latency_is_by_stage_and_the_run_adds_what_it_measured_once() -> None:
    results = [answered(str(ms), timings={"read": ms, "total": 2.0 * ms}) for ms in (1.0, 2.0, 3.0)]
    report = made.report(*results, failed("x"), timings={"peak_rss_mb": 512.0})
    assert report.metrics["latency/read p50 ms"] == Estimate(2.0, 3)
    assert report.metrics["latency/total p95 ms"].value == pytest.approx(5.8)
    assert report.metrics["latency/peak rss mb"] == Estimate(512.0, 1)


def test_items_without_gold_answers_are_judged_by_retrieval_alone() -> None:
    unjudged = replace(made.RIGHT, right=None, wording=None)
    report = made.report(answered("a", unjudged, category="retrieval-only"))
    assert report.metrics["retrieval/hit@1"] == share(1, 1)
    nothing = ("headline/reliable accuracy", "headline/trust: right - wrong", "answers/correct", "confidence/AURC")
    assert [report.metrics[name] for name in nothing] == [Estimate(None, 0)] * 4
    assert report.categories == ()


def test_a_small_category_shows_counts_and_no_accuracy() -> None:
    many = [unanswerable(f"n{number}") for number in range(20)]
    report = made.report(*many, answered("a"), answered("b", made.WRONG))
    assert [(row.category, row.n, row.right, row.accuracy) for row in report.categories] == [
        ("factoid", 2, 1, None),
        ("unanswerable-near", 20, 20, share(20, 20)),
    ]


def on_documents(documents: int, each: int) -> list[Result]:
    """Questions on so many documents, all right on every second document and all wrong on the others."""
    return [
        answered(f"{document}-{at}", made.RIGHT if document % 2 else made.WRONG, cluster=f"{document}.txt")
        for document in range(documents)
        for at in range(each)
    ]


def test_with_ten_documents_the_interval_is_over_documents_and_wider() -> None:
    few, many = made.report(*on_documents(9, 10)), made.report(*on_documents(10, 10))
    assert few.metrics["headline/reliable accuracy"] == share(40, 90)
    clustered = many.metrics["headline/reliable accuracy"]
    assert (clustered.value, clustered.n) == (0.5, 100)
    assert (clustered.low, clustered.high) == (pytest.approx(0.2), pytest.approx(0.8))  # Wilson's is .40 to .60
    assert "over 10 documents" in many.notes[-1]
    assert "too few to resample" in few.notes[-1]


def test_questions_about_no_document_are_drawn_by_themselves() -> None:
    results = [*on_documents(10, 2), unanswerable("u1"), unanswerable("u2")]
    assert len(set(measure.units(results))) == 12
    assert len(set(measure.units(results[:18]))) == 18  # nine documents: each item by itself


def test_where_all_are_alike_a_share_keeps_its_wilson_interval() -> None:
    report = made.report(*(answered(str(at), cluster=str(at // 2)) for at in range(40)))
    assert report.metrics["headline/reliable accuracy"] == share(40, 40)


def test_one_document_is_said_to_be_one() -> None:
    assert "this text only" in made.report(answered("a")).notes[-1]


@pytest.mark.parametrize(
    "results",
    [[failed("a")], [unanswerable("a")], [answered("a")], [declined("a"), failed("b")], on_documents(12, 1)],
    ids=["an error", "unanswerable", "one", "no answer", "documents"],
)
def test_nothing_is_ever_nan(results: list[Result]) -> None:
    for name, estimate in made.report(*results).metrics.items():
        numbers = [each for each in (estimate.value, estimate.low, estimate.high) if each is not None]
        assert all(map(isfinite, numbers)), name
        assert (estimate.value is None) <= (estimate.low is None), name


def test_the_same_results_make_the_same_report() -> None:
    results = on_documents(12, 3)
    assert made.report(*results) == made.report(*results)
