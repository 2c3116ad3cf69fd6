"""What one result adds to each mean of the report, by the metric's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from coalition_qa.evaluation.metrics import agreement
from coalition_qa.evaluation.results import Citing, Result, Retrieval, Wording

Each = Callable[[Result], Iterable[float]]
"""What one result adds to a mean: nothing where it cannot be judged by it; truth counts 1."""

CITATION_PRECISION = "citations/precision: citations that do work"
CITATION_RECALL = "citations/recall: statements supported"


def _of_retrieval(get: Callable[[Retrieval], float | None]) -> Each:
    return lambda result: _given(get(result.verdicts.retrieval) if result.verdicts.retrieval else None)


def _of_wording(get: Callable[[Wording], float | None]) -> Each:
    return lambda result: _given(get(result.verdicts.wording) if result.verdicts.wording else None)


def _of_citing(get: Callable[[Citing], Iterable[float]]) -> Each:
    return lambda result: get(result.verdicts.citing) if result.verdicts.citing else ()


def _given(value: float | None) -> tuple[float, ...]:
    return () if value is None else (value,)


def _when(condition: bool, value: float | None) -> tuple[float, ...]:
    return _given(value) if condition else ()


def _trust(result: Result) -> tuple[float, ...]:
    """Right 1, wrong -1; declining an answerable question and failing to ask are 0."""
    if result.verdicts.right is None:
        return ()
    return (1.0 if result.verdicts.right else -1.0 if result.status == "answered" else 0.0,)


def _variants(result: Result) -> list[bool]:
    """Whether each wording of a question that has several was answered right, the gold's own first."""
    if not result.paraphrases or result.verdicts.right is None:
        return []
    return [result.verdicts.right, *(bool(each.verdicts.right) for each in result.paraphrases)]


def _worst(result: Result) -> list[bool]:
    rights = _variants(result)
    return [all(rights)] if rights else []


def _agreement(result: Result) -> tuple[float, ...]:
    said = [result.answer, *(each.answer for each in result.paraphrases)]
    return _given(agreement(said)) if result.paraphrases else ()


def _judged(result: Result, verdict: str) -> list[bool]:
    return [] if result.judge is None else [result.judge == verdict]


def _premise(result: Result, outcome: bool) -> list[bool]:
    return [outcome] if result.category == "false-premise" and not result.answerable else []


def right(result: Result) -> Iterable[float]:
    """Whether the item is right, as reliable accuracy counts it."""
    return _given(result.verdicts.right)


SHARES: dict[str, Each] = {
    "headline/reliable accuracy": right,
    "retrieval/hit@1": _of_retrieval(lambda each: each.hit_1),
    "retrieval/hit@3": _of_retrieval(lambda each: each.hit_3),
    "retrieval/hit@5": _of_retrieval(lambda each: each.hit_5),
    "retrieval/hit@5, overlap of 1.0": _of_retrieval(lambda each: each.hit_5_whole),
    "retrieval/all evidence@5": _of_retrieval(lambda each: each.all_evidence),
    "answers/correct": _of_wording(lambda each: each.correct),
    "answers/contains": _of_wording(lambda each: each.contains),
    "answers/exact match": _of_wording(lambda each: each.exact_match),
    "answers/all required groups": _of_wording(
        lambda each: None if each.required_recall is None else each.required_recall == 1
    ),
    "answers/numbers guarded": lambda each: _when(
        each.status == "answered", each.verdicts.wording.numbers_guarded if each.verdicts.wording else None
    ),
    "answers/forbidden said": lambda each: _given(each.verdicts.forbidden),
    "citations/valid": _of_citing(lambda each: each.valid),
    CITATION_RECALL: _of_citing(lambda each: map(bool, each.tiers)),
    CITATION_PRECISION: _of_citing(lambda each: each.precise),
    "citations/gold precision: citations on gold": _of_citing(lambda each: each.on_gold),
    "citations/gold recall: gold cited": _of_citing(lambda each: each.gold_cited),
    "citations/supported verbatim": _of_citing(lambda each: [tier == "verbatim" for tier in each.tiers]),
    "citations/supported by tokens": _of_citing(lambda each: [tier == "tokens" for tier in each.tiers]),
    "abstention/precision": lambda each: _when(each.verdicts.abstained, not each.answerable),
    "abstention/recall": lambda each: _when(not each.answerable, each.verdicts.abstained),
    "abstention/over-abstention": lambda each: _when(each.answerable, each.verdicts.abstained),
    "abstention/hallucination": lambda each: _when(not each.answerable, each.hallucinated),
    "abstention/false premise corrected": lambda each: _premise(each, each.verdicts.corrected),
    "abstention/false premise abstained": lambda each: _premise(each, each.verdicts.abstained),
    "abstention/false premise accepted": lambda each: _premise(each, each.hallucinated),
    "conversation/right after own answers": lambda each: _when(bool(each.history), each.verdicts.right),
    "conversation/right after gold answers": lambda each: _given(
        each.gold_history.verdicts.right if each.gold_history else None
    ),
    "paraphrases/right in every wording": _worst,
    "judge/right": lambda each: _judged(each, "right"),
    "judge/invalid replies": lambda each: _judged(each, "invalid"),
}

MEANS: dict[str, Each] = {
    "headline/trust: right - wrong": _trust,
    "retrieval/MRR@10": _of_retrieval(lambda each: each.reciprocal_rank),
    "retrieval/nDCG@10": _of_retrieval(lambda each: each.ndcg),
    "retrieval/evidence recall@5": _of_retrieval(lambda each: each.evidence_recall),
    "retrieval/evidence precision@5": _of_retrieval(lambda each: each.evidence_precision),
    "retrieval/evidence IoU@5": _of_retrieval(lambda each: each.iou),
    "retrieval/context tokens@5": _of_retrieval(lambda each: each.context_tokens),
    "answers/token F1": _of_wording(lambda each: each.token_f1),
    "answers/list recall: required groups": _of_wording(lambda each: each.required_recall),
    "answers/semantic similarity": _of_wording(lambda each: each.semantic),
    "paraphrases/right, mean of wordings": _variants,
    "paraphrases/agreement of answers": _agreement,
}

TESTED: Mapping[str, Each] = {
    name: (SHARES | MEANS)[name]
    for name in (
        "headline/reliable accuracy",
        "answers/correct",
        "answers/token F1",
        "retrieval/hit@1",
        "retrieval/evidence recall@5",
    )
}
"""What paired tests compare: at most one number an item."""
