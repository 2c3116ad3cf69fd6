"""Results of a run, made by hand: what is not said is as plain as can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coalition_qa.evaluation import measure
from coalition_qa.evaluation.measure import Report
from coalition_qa.evaluation.results import Citing, Result, Retrieval, RunInfo, Variant, Verdicts, Wording

INFO = RunInfo(
    split="test",
    gold="gold.jsonl",
    gold_sha256="g" * 64,
    corpus_sha256="c" * 64,
    index_fingerprint="f" * 16,
    documents=1,
    n=3,
    settings={"encoder": "shipped"},
    models={"reader": "r" * 64},
)
FOUND = Retrieval(True, True, True, True, 1.0, 1.0, 1.0, 0.25, 0.25, True, 80)
MISSED = Retrieval()
RIGHT_WORDS = Wording(True, True, 1.0, None, True, True, 12, 3)
WRONG_WORDS = Wording(tokens=9, gold_tokens=3)
NO_WORDS = Wording(gold_tokens=3)
SOUND = Citing(("verbatim",), (True,), (True,), (True,), (True,))

RIGHT = Verdicts(right=True, best_correct=True, retrieval=FOUND, wording=RIGHT_WORDS, citing=SOUND)
WRONG = Verdicts(right=False, retrieval=MISSED, wording=WRONG_WORDS, citing=replace(SOUND, on_gold=(False,)))
OVERCAUTIOUS = Verdicts(right=False, abstained=True, best_correct=True, retrieval=FOUND, wording=NO_WORDS)
DECLINED = Verdicts(right=True, abstained=True)
HALLUCINATED = Verdicts(right=False, citing=replace(SOUND, on_gold=(), gold_cited=()))
BROKEN = Verdicts(right=False, retrieval=MISSED, wording=NO_WORDS)


def answered(name: str, verdicts: Verdicts = RIGHT, **rest: Any) -> Result:  # noqa: ANN401 - any field of a result
    """An answerable question that was answered."""
    plain: dict[str, Any] = {
        "id": name,
        "question": f"{name}?",
        "standalone_question": f"{name}?",
        "history": (),
        "answerable": True,
        "category": "factoid",
        "split": "test",
        "status": "answered",
        "verdicts": verdicts,
        "cluster": "rome.txt",
        "gold_answers": ("Rome",),
        "answer": "They met in Rome.",
        "confidence": 0.8,
        "timings": {"retrieve": 2.0, "read": 8.0, "total": 10.0},
    }
    return Result(**plain | rest)


def declined(name: str, verdicts: Verdicts = OVERCAUTIOUS, **rest: Any) -> Result:  # noqa: ANN401
    """An answerable question that was declined."""
    return answered(name, verdicts, **{"status": "abstained", "answer": "", "confidence": 0.3} | rest)


def unanswerable(name: str, verdicts: Verdicts = DECLINED, **rest: Any) -> Result:  # noqa: ANN401
    """A question that the documents don't answer, declined or not as the verdicts say."""
    plain: dict[str, Any] = {
        "answerable": False,
        "category": "unanswerable-near",
        "status": "abstained" if verdicts.abstained else "answered",
        "answer": "" if verdicts.abstained else "They met in Oslo.",
        "confidence": 0.1 if verdicts.abstained else 0.7,
        "cluster": "",
        "gold_answers": (),
    }
    return answered(name, verdicts, **plain | rest)


def failed(name: str, verdicts: Verdicts = BROKEN, **rest: Any) -> Result:  # noqa: ANN401
    """A question that could not be asked."""
    error = {"status": "error", "answer": "", "confidence": None, "timings": {}, "error": "QuestionError: no"}
    return answered(name, verdicts, **error | rest)


def variant(verdicts: Verdicts, answer: str = "They met in Rome.") -> Variant:
    """The same item asked another way."""
    return Variant("?", "?", "abstained" if verdicts.abstained else "answered", answer, "", 0.5, verdicts)


def report(*results: Result, **info: Any) -> Report:  # noqa: ANN401 - any field of the run's info
    """What these results amount to."""
    return measure.report(results, replace(INFO, n=len(results), **info))
