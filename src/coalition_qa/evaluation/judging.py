"""One answer against its gold item: the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Protocol

from coalition_qa.evaluation import metrics
from coalition_qa.evaluation.gold import GoldItem
from coalition_qa.evaluation.metrics import Excerpt, Statement
from coalition_qa.evaluation.normalise import tok
from coalition_qa.evaluation.results import Citing, Retrieval, Verdicts, Wording
from coalition_qa.types import Answer, Document, Sentence, Span
from coalition_qa.verification import supports

DEPTH = 5
"""How many of the best passages the numbers about characters are of."""

Similar = Callable[[str, Sequence[str]], float]
"""The cosine of a text to the closest of others, in an encoder's space."""


class Shelf(Protocol):
    """The documents that answers cite, and how they are cut."""

    def document(self, name: str) -> Document | None:
        """The document of that name, None where there is none."""

    def spans(self, name: str) -> Sequence[Span]:
        """Where the passages of that document stand in it; none where there is no such document."""


def judge(item: GoldItem, answer: Answer, shelf: Shelf, similar: Similar | None = None) -> Verdicts:
    """Judge one answer against its gold item, looking up cited text in the documents themselves."""
    abstained = answer.status == "abstained"
    forbidden = metrics.contains_any(answer.text, item.forbidden) if item.forbidden else None
    premise = item.category == "false-premise" and metrics.contains_any(answer.text, item.corrections)
    corrected = premise and not abstained and not forbidden
    citing = None if abstained else _citing(item, answer, shelf)
    wording = _nothing_said(item)
    if wording and not abstained:
        wording = _wording(item, answer.sentences, answer.short_answer, similar)
    correct = wording is not None and wording.correct and citing is not None and citing.sound
    return Verdicts(
        right=None if _unjudged(item) else correct if item.answerable else abstained or corrected,
        abstained=abstained,
        corrected=corrected,
        forbidden=forbidden,
        best_correct=item.answerable and _wording(item, answer.best).correct,
        retrieval=_retrieval(item, answer, shelf),
        wording=wording,
        citing=citing,
    )


def failed(item: GoldItem) -> Verdicts:
    """The verdicts of an item that got no answer at all: wrong in all that it can be judged by."""
    return Verdicts(
        right=None if _unjudged(item) else False,
        forbidden=False if item.forbidden else None,
        retrieval=Retrieval() if item.evidence else None,
        wording=_nothing_said(item),
    )


def _unjudged(item: GoldItem) -> bool:
    return item.answerable and not item.answers


def _nothing_said(item: GoldItem) -> Wording | None:
    """The wording of no answer, which is 0 all through; None where there is no gold answer."""
    if not item.answers:
        return None
    return Wording(required_recall=0.0 if item.required else None, gold_tokens=_shortest(item))


def _shortest(item: GoldItem) -> int:
    return min(len(tok(answer)) for answer in item.answers)


def _retrieval(item: GoldItem, answer: Answer, shelf: Shelf) -> Retrieval | None:
    if not item.evidence:
        return None
    sets = _by_text(item.evidence_sets, shelf)
    gold = list(chain.from_iterable(sets))
    names = {one.doc: place.doc for one, place in zip(gold, item.evidence_spans, strict=True)}
    retrieved = [Excerpt(hit.passage.document_id, hit.passage.span, hit.passage.text) for hit in answer.hits]
    ranked = [metrics.relevant(place, gold) for place in retrieved]
    best = retrieved[:DEPTH]
    indexed = [Excerpt(id_, span, "") for id_, name in names.items() for span in shelf.spans(name)]
    relevant_in_index = sum(metrics.relevant(place, gold) for place in indexed)
    return Retrieval(
        hit_1=metrics.hit_at(1, ranked),
        hit_3=metrics.hit_at(3, ranked),
        hit_5=metrics.hit_at(5, ranked),
        hit_5_whole=any(metrics.relevant(place, gold, 1.0) for place in best),
        reciprocal_rank=rounded(metrics.reciprocal_rank(ranked, 10)),
        ndcg=_rounded_or_none(metrics.ndcg(ranked, relevant_in_index)),
        evidence_recall=rounded(metrics.evidence_recall(best, sets) or 0.0),
        evidence_precision=rounded(metrics.evidence_precision(best, sets) or 0.0),
        iou=rounded(metrics.iou(best, sets) or 0.0),
        all_evidence=metrics.all_evidence(best, sets),
        context_tokens=sum(len(tok(place.text)) for place in best),
    )


def _by_text(sets: Sequence[Sequence[Excerpt]], shelf: Shelf) -> list[tuple[Excerpt, ...]]:
    """Evidence with the id of its document for a name: a text may have several, and is found under one of them."""

    def id_of(name: str) -> str:
        document = shelf.document(name)
        return document.id if document else name

    return [tuple(replace(place, doc=id_of(place.doc)) for place in places) for places in sets]


def _wording(
    item: GoldItem, sentences: Sequence[Sentence], short_answer: str = "", similar: Similar | None = None
) -> Wording:
    """Judge sentences; EM and F1 take the short answer where there is one, the rest what is shown."""
    text = " ".join(sentence.text for sentence in sentences)
    groups = metrics.required_recall(text, item.required)
    known = [*(turn.question for turn in item.history), item.question, *item.answers]
    known += [alias for group in item.required for alias in group] + [place.text for place in item.evidence_spans]
    found = metrics.contains_any(text, item.answers)
    guarded = metrics.numbers_guarded(sentences[0].text if sentences else "", known)
    forbidden = metrics.contains_any(text, item.forbidden)
    said = short_answer or text
    return Wording(
        contains=found,
        exact_match=metrics.exact_match(said, item.answers),
        token_f1=rounded(metrics.token_f1(said, item.answers)),
        required_recall=_rounded_or_none(groups),
        numbers_guarded=guarded,
        correct=(found if groups is None else groups == 1) and guarded and not forbidden,
        tokens=len(tok(text)),
        gold_tokens=_shortest(item) if item.answers else 0,
        semantic=rounded(similar(said, item.answers)) if similar and said else None,
    )


def _citing(item: GoldItem, answer: Answer, shelf: Shelf) -> Citing:
    texts = {each.doc: found.text for each in answer.citations if (found := shelf.document(each.doc)) is not None}

    def judged_by(statement: str, cited: str) -> str | None:
        return supports(statement, cited, answer.standalone_question)

    statements = [
        Statement(sentence.text, tuple(each.span.of(texts.get(each.doc, "")) for each in sentence.citations))
        for sentence in answer.sentences
    ]
    cited = [each for sentence in answer.sentences for each in sentence.citations]
    places = [Excerpt(each.document_id, each.span, each.quote) for each in cited]
    sets = _by_text(item.evidence_sets, shelf)
    gold = list(chain.from_iterable(sets))
    return Citing(
        tiers=tuple(metrics.support(statement, judged_by) for statement in statements),
        valid=tuple(metrics.valid(Excerpt(c.doc, c.span, c.quote), texts.get(c.doc)) for c in cited),
        precise=tuple(chain.from_iterable(metrics.precise_citations(each, judged_by) for each in statements)),
        on_gold=tuple(metrics.relevant(place, gold) for place in places if item.evidence),
        gold_cited=tuple(metrics.gold_cited(places, sets)),
    )


def rounded(value: float) -> float:
    """To the six digits that are written down, so that what is read back is what was measured."""
    return round(value, 6)


def _rounded_or_none(value: float | None) -> float | None:
    return None if value is None else rounded(value)
