"""Ask every gold question, judge every answer, and draw the numbers together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from time import perf_counter
from typing import Literal, Protocol

from coalition_qa.evaluation import metrics
from coalition_qa.evaluation.gold import CATEGORIES, Gold, GoldItem
from coalition_qa.evaluation.metrics import Estimate, Excerpt, Statement
from coalition_qa.types import Answer, Document, GoldError, Sentence, Turn
from coalition_qa.verification import supports

WARM_UPS = 3
VERDICT_FROM = 20  # a category of fewer items shows its counts and no accuracy

TUNED_ON_DEV = (
    "Thresholds were tuned on the dev split, so numbers that count it flatter; quote those of the test split."
)
ONE_TEXT = "All evidence is in one document: the intervals are over questions about this text only."


class Asks(Protocol):
    """What is evaluated: something that answers questions from documents."""

    def ask(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        """Answer the question that follows `history`."""

    def document(self, name: str) -> Document | None:
        """The document of that name, None where there is none."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How well the retrieved passages hold the gold evidence."""

    hit_1: bool = False
    hit_3: bool = False
    hit_5: bool = False
    reciprocal_rank: float = 0.0
    evidence_recall: float = 0.0


@dataclass(frozen=True, slots=True)
class Wording:
    """How an answer's words compare with the gold answers."""

    contains: bool = False
    exact_match: bool = False
    token_f1: float = 0.0
    required_recall: float | None = None
    numbers_guarded: bool = False
    correct: bool = False


@dataclass(frozen=True, slots=True)
class Citing:
    """Of each statement the tier that supports it; of each citation, whether valid, needed, on gold; gold reached."""

    tiers: tuple[str | None, ...]
    valid: tuple[bool, ...]
    precise: tuple[bool, ...]
    on_gold: tuple[bool, ...]
    gold_cited: tuple[bool, ...]

    @property
    def sound(self) -> bool:
        """Whether something is said, all of it is supported, and every citation is valid."""
        return bool(self.tiers) and all(self.tiers) and all(self.valid)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Everything judged of one item; None is what the item cannot be judged by.

    `right` is what reliable accuracy counts: a correct answer whose citations are sound, or an unanswerable
    question declined; a false premise is right when corrected, too. `best_correct` is of the forced answer.
    """

    right: bool | None
    abstained: bool = False
    corrected: bool = False
    forbidden: bool = False
    best_correct: bool = False
    retrieval: Retrieval | None = None
    wording: Wording | None = None
    citing: Citing | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One gold item, what it was answered, and the verdicts; `error` says why there is no answer."""

    item: GoldItem
    answer: Answer | None
    verdicts: Verdicts
    seconds: float
    error: str = ""

    @property
    def hallucinated(self) -> bool:
        """Whether an unanswerable question was answered without correcting its premise."""
        return not (self.item.answerable or self.error or self.verdicts.abstained or self.verdicts.corrected)


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """How many of a category's items are right; the accuracy only where there are enough to say."""

    category: str
    n: int
    right: int
    accuracy: Estimate | None


@dataclass(frozen=True, slots=True)
class Report:
    """The results and what they amount to; `metrics` are named "section/metric"."""

    split: str
    results: tuple[Result, ...]
    metrics: Mapping[str, Estimate]
    categories: tuple[CategoryRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Result, ...]:
        """The results of items that could not be asked or judged; each scores 0."""
        return tuple(result for result in self.results if result.error)


def run(
    assistant: Asks,
    gold: Gold,
    *,
    split: Literal["dev", "test", "all"] = "test",
    on_progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Ask each item of the split and judge its answer; what fails is counted as an error and never ends the run.

    `on_progress` is told how many items of how many are done. Raises GoldError when the split has no items.
    """
    items = [item for item in gold.items if split in ("all", item.split)]
    if not items:
        raise GoldError(f"The gold file holds no item of the {split} split; choose another split.")
    results: list[Result] = []
    for item in items:
        results.append(_result(assistant, item))
        if on_progress is not None:
            on_progress(len(results), len(items))
    documents = {place.doc for item in items for place in item.evidence_spans}
    notes = [TUNED_ON_DEV] * (split != "test") + [ONE_TEXT] * (len(documents) == 1)
    return Report(split, tuple(results), measure(results), _by_category(results), tuple(notes))


def _result(assistant: Asks, item: GoldItem) -> Result:
    started = perf_counter()
    try:
        history: list[Turn] = []
        for earlier in item.history:
            said = assistant.ask(earlier.question, tuple(history))
            history.append(Turn(said.standalone_question, said.text))
        started = perf_counter()
        answer = assistant.ask(item.question, tuple(history))
        seconds = perf_counter() - started
        if not 0 <= answer.confidence <= 1:
            raise ValueError(f"the confidence {answer.confidence} is not between 0 and 1")
        return Result(item, answer, judge(item, answer, assistant.document), seconds)
    # Whatever goes wrong with one question must not cost the answers to the others.
    except Exception as error:  # noqa: BLE001
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return Result(item, None, _failed(item), perf_counter() - started, reason)


def judge(item: GoldItem, answer: Answer, document: Callable[[str], Document | None]) -> Verdicts:
    """Judge one answer against its gold item, looking up cited text in the documents themselves."""
    abstained = answer.status == "abstained"
    forbidden = metrics.contains_any(answer.text, item.forbidden)
    premise = item.category == "false-premise" and metrics.contains_any(answer.text, item.corrections)
    corrected = premise and not abstained and not forbidden
    citing = None if abstained else _citing(item, answer, document)
    nothing = _nothing_said(item)
    wording = _wording(item, answer.sentences, answer.short_answer) if nothing and not abstained else nothing
    correct = wording is not None and wording.correct and citing is not None and citing.sound
    return Verdicts(
        right=None if _unjudged(item) else correct if item.answerable else abstained or corrected,
        abstained=abstained,
        corrected=corrected,
        forbidden=forbidden,
        best_correct=item.answerable and _wording(item, answer.best).correct,
        retrieval=_retrieval(item, answer),
        wording=wording,
        citing=citing,
    )


def _unjudged(item: GoldItem) -> bool:
    return item.answerable and not item.answers


def _nothing_said(item: GoldItem) -> Wording | None:
    """The wording of no answer, which is 0 all through; None where there is no gold answer."""
    return Wording(required_recall=0.0 if item.required else None) if item.answers else None


def _failed(item: GoldItem) -> Verdicts:
    right = None if _unjudged(item) else False
    return Verdicts(right, retrieval=Retrieval() if item.evidence else None, wording=_nothing_said(item))


def _retrieval(item: GoldItem, answer: Answer) -> Retrieval | None:
    if not item.evidence:
        return None
    retrieved = [Excerpt(hit.doc, hit.passage.span, hit.passage.text) for hit in answer.hits]
    ranked = [metrics.relevant(place, item.evidence_spans) for place in retrieved]
    return Retrieval(
        hit_1=metrics.hit_at(1, ranked),
        hit_3=metrics.hit_at(3, ranked),
        hit_5=metrics.hit_at(5, ranked),
        reciprocal_rank=metrics.reciprocal_rank(ranked, 10),
        evidence_recall=metrics.evidence_recall(retrieved[:5], item.evidence_sets) or 0.0,
    )


def _wording(item: GoldItem, sentences: Sequence[Sentence], short_answer: str = "") -> Wording:
    """Judge sentences; EM and F1 take the short answer where there is one, the rest what is shown."""
    text = " ".join(sentence.text for sentence in sentences)
    groups = metrics.required_recall(text, item.required)
    known = [*(turn.question for turn in item.history), item.question, *item.answers]
    known += [alias for group in item.required for alias in group] + [place.text for place in item.evidence_spans]
    found = metrics.contains_any(text, item.answers)
    guarded = metrics.numbers_guarded(sentences[0].text if sentences else "", known)
    forbidden = metrics.contains_any(text, item.forbidden)
    return Wording(
        contains=found,
        exact_match=metrics.exact_match(short_answer or text, item.answers),
        token_f1=metrics.token_f1(short_answer or text, item.answers),
        required_recall=groups,
        numbers_guarded=guarded,
        correct=(found if groups is None else groups == 1) and guarded and not forbidden,
    )


def _citing(item: GoldItem, answer: Answer, document: Callable[[str], Document | None]) -> Citing:
    texts = {each.doc: found.text for each in answer.citations if (found := document(each.doc)) is not None}

    def judged_by(statement: str, cited: str) -> str | None:
        return supports(statement, cited, answer.standalone_question)

    statements = [
        Statement(sentence.text, tuple(each.span.of(texts.get(each.doc, "")) for each in sentence.citations))
        for sentence in answer.sentences
    ]
    places = [Excerpt(each.doc, each.span, each.quote) for sentence in answer.sentences for each in sentence.citations]
    return Citing(
        tiers=tuple(metrics.support(statement, judged_by) for statement in statements),
        valid=tuple(metrics.valid(place, texts.get(place.doc)) for place in places),
        precise=tuple(chain.from_iterable(metrics.precise_citations(each, judged_by) for each in statements)),
        on_gold=tuple(metrics.relevant(place, item.evidence_spans) for place in places if item.evidence),
        gold_cited=tuple(metrics.gold_cited(places, item.evidence_sets)),
    )


def measure(results: Sequence[Result]) -> dict[str, Estimate]:
    """Every number of the report by name, with n and 95% interval; definitions are in `metrics`."""
    verdicts = [result.verdicts for result in results]
    retrieval = [each.retrieval for each in verdicts if each.retrieval is not None]
    wording = [each.wording for each in verdicts if each.wording is not None]
    groups = [each.required_recall for each in wording if each.required_recall is not None]
    return {
        "headline/reliable accuracy": metrics.share_of(each.right for each in verdicts if each.right is not None),
        "retrieval/hit@1": metrics.share_of(each.hit_1 for each in retrieval),
        "retrieval/hit@3": metrics.share_of(each.hit_3 for each in retrieval),
        "retrieval/hit@5": metrics.share_of(each.hit_5 for each in retrieval),
        "retrieval/MRR@10": metrics.mean([each.reciprocal_rank for each in retrieval]),
        "retrieval/evidence recall@5": metrics.mean([each.evidence_recall for each in retrieval]),
        "answers/correct": metrics.share_of(each.correct for each in wording),
        "answers/contains": metrics.share_of(each.contains for each in wording),
        "answers/exact match": metrics.share_of(each.exact_match for each in wording),
        "answers/token F1": metrics.mean([each.token_f1 for each in wording]),
        "answers/required groups": metrics.mean(groups),
        "answers/forbidden said": metrics.share_of(each.verdicts.forbidden for each in results if each.item.forbidden),
        **_citations([each.citing for each in verdicts if each.citing is not None]),
        **_abstention(results),
        **_confidence(results),
        **_latency(results),
    }


def _citations(citing: Sequence[Citing]) -> dict[str, Estimate]:
    return {
        "citations/valid": metrics.share_of(chain.from_iterable(each.valid for each in citing)),
        "citations/statements supported": metrics.share_of(bool(tier) for each in citing for tier in each.tiers),
        "citations/precision": metrics.share_of(chain.from_iterable(each.precise for each in citing)),
        "citations/on gold": metrics.share_of(chain.from_iterable(each.on_gold for each in citing)),
        "citations/gold cited": metrics.share_of(chain.from_iterable(each.gold_cited for each in citing)),
    }


def _abstention(results: Sequence[Result]) -> dict[str, Estimate]:
    refusals = [metrics.Refusal(each.verdicts.abstained, not each.item.answerable) for each in results]
    unanswerable = [each for each in results if not each.item.answerable]
    premises = [each for each in unanswerable if each.item.category == "false-premise"]
    kinds = ("unanswerable-near", "unanswerable-far", "false-premise", "adversarial")
    by_kind = {kind: [each for each in unanswerable if each.item.category == kind] for kind in kinds}
    return {
        "abstention/precision": metrics.share_of(each.unanswerable for each in refusals if each.abstained),
        "abstention/recall": metrics.share_of(each.abstained for each in refusals if each.unanswerable),
        "abstention/F1": metrics.estimate(metrics.abstention_f1, refusals),
        "abstention/over-abstention": metrics.share_of(each.abstained for each in refusals if not each.unanswerable),
        "abstention/hallucination": metrics.share_of(each.hallucinated for each in unanswerable),
        **{
            f"abstention/hallucination, {kind}": metrics.share_of(each.hallucinated for each in each_kind)
            for kind, each_kind in by_kind.items()
        },
        "abstention/false premise corrected": metrics.share_of(each.verdicts.corrected for each in premises),
        "abstention/false premise abstained": metrics.share_of(each.verdicts.abstained for each in premises),
        "abstention/false premise accepted": metrics.share_of(each.hallucinated for each in premises),
    }


def _confidence(results: Sequence[Result]) -> dict[str, Estimate]:
    asked = [(each.answer.confidence, each) for each in results if each.answer is not None]
    answerable = [(confidence, each.item.answerable) for confidence, each in asked]
    wrong = [(confidence, not each.verdicts.best_correct) for confidence, each in asked if not _unjudged(each.item)]
    return {
        "confidence/AUROC answerable": metrics.estimate(metrics.auroc, answerable),
        "confidence/AURC": metrics.estimate(metrics.aurc, wrong),
    }


def _latency(results: Sequence[Result]) -> dict[str, Estimate]:
    asked = [each.seconds * 1000 for each in results if not each.error]
    warm = asked[WARM_UPS:] or asked
    return {f"latency/p{p} ms": metrics.estimate(partial(metrics.quantile, q=p / 100), warm) for p in (50, 95)}


def _by_category(results: Iterable[Result]) -> tuple[CategoryRow, ...]:
    rights: dict[str, list[bool]] = {}
    for result in results:
        if result.verdicts.right is not None:
            rights.setdefault(result.item.category, []).append(result.verdicts.right)
    return tuple(
        CategoryRow(name, len(each), sum(each), metrics.share_of(each) if len(each) >= VERDICT_FROM else None)
        for name, each in sorted(rights.items(), key=lambda row: CATEGORIES.index(row[0]))
    )
