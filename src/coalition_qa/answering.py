"""Candidates to the answer that is shown: which sentences to quote, and the few words that answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from coalition_qa.attribution import Attribution
from coalition_qa.reading import Candidate
from coalition_qa.speakers import has_title
from coalition_qa.types import Document, Span
from coalition_qa.words import fold, is_function_word, words

MOST_SENTENCES = 3
CLOSE = 5.0
"""A further sentence is quoted when its score is at most this far below the best one's, in logits."""

# put behind all else, whatever reader and retrieval say for it
_WRONG_PERSON = -30.0  # logits, for a sentence that names somebody else than the one who is asked about
_WHO_IS = re.compile(r"(?i:who(?: is| was|['’]s)) (?P<name>[A-Z][\w’'-]+(?: [A-Z][\w’'-]*\w)*)\W*")
_MOST_ITEMS = 10
_ITEM = re.compile(r"(?:(?P<bullet>[-*+•‣▪–])|\(?(?P<number>\d{1,3})[.)])\s")
_BEFORE_WORDS = re.compile(
    rf"(?:{_ITEM.pattern}|(?P<clause>\d{{1,3}}(?:\.\d{{1,3}})+)\.?\s(?=\W?[A-Z])|\([a-z]{{1,4}}\)\s)\s*"
)
_SEVERAL = re.compile(
    r"\b(?:which|what|whose) (?:two|three|four|five|six|several|other)\b|\b(?:name|list) (?:the|all|some)\b|"
    r"\b(?:which|what) (?:\w+ )?(?:\w{3,}[^s\W]s)\b(?! (?:the|an?|if|when|through|his|her|its|it|their|my|our|your)\b)|"
    r"\bwho (?:are|were)\b|\bwhat (?:are|were) the\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """The sentences to quote, best first, and the short answer."""

    sentences: tuple[Candidate, ...] = ()
    short: str = ""


def compose(
    question: str,
    candidates: Sequence[Candidate],
    document: Callable[[str], Document | None],
    margin: Callable[[str, str], float],
) -> Reply:
    """Choose from candidates, best first. `document` gives a document by name, to see who says what in it; `margin`
    reads the question with any text, as `Reader.margin`.
    """
    if not candidates:
        return Reply()
    attribution = Attribution(question, document, margin)
    if said := attribution.who_said_it(candidates):
        return Reply(tuple(map(_unmarked, said)), said[-1].answer_text)
    ranked = _by_whom_it_tells_of(question, attribution.ranked(candidates))
    shown = chosen(ranked)
    if items := _led_into(shown[0], ranked):
        shown = [shown[0], *items]
        return Reply(tuple(map(_unmarked, shown)), "; ".join(item.answer_text for item in items))
    if _SEVERAL.search(question):
        shown += [item for item in _list_of(shown[0], ranked) if item not in shown]
    return Reply(tuple(map(_unmarked, shown)), _short(question, shown))


def _unmarked(candidate: Candidate) -> Candidate:
    """The candidate without the bullet, or the number of an item or a clause, that its line begins with."""
    hit, sentence = candidate.hit, candidate.sentence
    before = hit.passage.text[: sentence.start - hit.passage.span.start].rstrip(" \t")
    mark = _BEFORE_WORDS.match(candidate.text) if not before or before.endswith("\n") else None
    number = (mark.group("number") or mark.group("clause") or "") if mark else ""
    start = sentence.start + (mark.end() if mark and (not number or _is_counted(number, hit.passage.text)) else 0)
    return replace(candidate, sentence=Span(start, sentence.end)) if start <= candidate.answer.start else candidate


def _is_counted(number: str, text: str) -> bool:
    """Whether a line near it begins with the number before or behind it: "2.5 GB" and "3. Oktober" count nothing."""
    *clause, last = number.split(".")
    beside = "|".join(re.escape(".".join([*clause, str(int(last) + step)])) for step in (-1, 1))
    return re.search(rf"^\s*\(?(?:{beside})[.)]{'?' if clause else ''}\s", text, re.MULTILINE) is not None


def chosen(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best candidate and those close behind it, at most three, best first."""
    return [c for c in candidates[:MOST_SENTENCES] if c.score >= candidates[0].score - CLOSE]


def _list_of(candidate: Candidate, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The list that a candidate's sentence begins an item of: the sentences of its passage, in their order, that begin
    the items, at most the first ten. Items stand line below line and begin with the same mark. Empty for no item.
    """
    text, shift = candidate.hit.passage.text, candidate.hit.passage.span.start
    beside = sorted((c for c in candidates if c.hit == candidate.hit), key=lambda c: c.sentence.start)
    lists: list[list[Candidate]] = [[]]
    end = shift
    for one in beside:
        if end == shift or "\n" in text[end - shift : one.sentence.start - shift]:  # else it goes on with an item
            if not lists[-1] or _mark(one.text) != _mark(lists[-1][-1].text):
                lists.append([])
            lists[-1].append(one)
        end = one.sentence.end
    return next((found[:_MOST_ITEMS] for found in lists if candidate in found and _mark(candidate.text)), [])


def _led_into(candidate: Candidate, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The list that a candidate's sentence leads into with a colon; empty where none follows in its passage."""
    if not candidate.text.rstrip("*_ ").endswith(":"):
        return []
    after = [c for c in candidates if c.hit == candidate.hit and c.sentence.start >= candidate.sentence.end]
    first = min(after, key=lambda c: c.sentence.start, default=None)
    return _list_of(first, candidates) if first and _mark(first.text) else []


def _mark(sentence: str) -> str:
    """The bullet before a list's item, "1" for any number, or nothing."""
    match = _ITEM.match(sentence)
    return "" if match is None else match.group("bullet") or "1"


def _short(question: str, shown: Sequence[Candidate]) -> str:
    """The best span; where several things are asked for, those of all sentences, each once."""
    if not shown:
        return ""
    if _SEVERAL.search(question) is None:
        return shown[0].answer_text
    spans: list[str] = []
    for candidate in shown:
        if not any(candidate.answer_text in span or span in candidate.answer_text for span in spans):
            spans.append(candidate.answer_text)
    return "; ".join(spans)


def _by_whom_it_tells_of(question: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Where a question asks who somebody is: last what gives the name of somebody else."""
    match = _WHO_IS.fullmatch(question.strip())
    if match is None or is_function_word(match.group("name").split()[0], question):  # "WHO IS THE MAYOR?" names nobody
        return list(candidates)
    name = match.group("name")
    if name.isupper() or has_title(name):  # "Who is CEO?" asks for the name
        return list(candidates)
    moved = [c if _may_tell_of(name, c) else replace(c, margin=c.margin + _WRONG_PERSON) for c in candidates]
    return sorted(moved, key=lambda candidate: -candidate.score)


def _may_tell_of(name: str, candidate: Candidate) -> bool:
    """Whether the answer is more than a name, a title, a part of this name, or beside it ("the Duke, Ada Berg")."""
    answer = candidate.answer_text
    bare = all((word[0].isupper() and not word.isupper()) or is_function_word(word, answer) for word in words(answer))
    own = {fold(word) for word in words(name)} & {fold(word) for word in words(answer)}
    return not bare or has_title(answer) or bool(own) or stands_beside(name, answer, candidate.text)


def stands_beside(name: str, answer: str, sentence: str) -> bool:
    """Whether the sentence has the answer right before or behind the name, or says that the one is the other."""
    name, answer, link = re.escape(name), re.escape(answer), r"\W{1,3}(?:(?:is|was) (?:(?:the|an?) )?)?"
    return re.search(rf"{answer}{link}{name}\b|\b{name}{link}{answer}", sentence) is not None
