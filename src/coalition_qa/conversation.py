"""A follow-up to a question that can be searched for on its own, without a language model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from coalition_qa.types import Turn
from coalition_qa.words import content, fold, names, stem, words

_PEOPLE = frozenset("he him his she her hers they them their theirs former latter".split())
_OBJECTS = frozenset("him her it them this that these those".split())
_REFERRING = _PEOPLE | _OBJECTS | frozenset("its there one ones another".split())
_POINTING_NOWHERE = re.compile(
    r"\b(?:is|are|was|were|will|be) there\b|\bthere (?:is|are|was|were)\b|\bone of\b", re.IGNORECASE
)
_CONTINUING = re.compile(
    r"\s*(?:and|but|or|so|also|what about|how about|what else|who else|where else)\b", re.IGNORECASE
)
_ASKING = re.compile(
    r"\s*(?:and|but|or|so|also)\W+(?:who|whom|whose|what|when|where|which|how)\b(?! about)", re.IGNORECASE
)
_TO_BE = frozenset("is are was were be".split())
_CONTINUING_WORDS = 7
_BARE_WORDS = 3
_DEFINITE_WORDS = 2
_ENOUGH_WORDS = 3
_CARRIED_WORDS = 6


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The question with what it leaves unsaid, taken from the turns before; unchanged where nothing is missing.

    `history` holds earlier questions in the form this function gave them. A question that only makes sense
    after the last one ("And in Iraq?") gets that question in front; one that refers to somebody or something
    ("What did she say about it?"), or says too little ("And who took part?"), gets the words it may mean behind,
    in brackets.
    """
    if not history:
        return question
    last = history[-1]
    asked, carried = _parted(last.question)
    if _refers_back(question):
        return _with(question, _topic(last, question))
    if _CONTINUING.match(question) and len(words(question)) <= _CONTINUING_WORDS:
        if _ASKING.match(question):  # a question of its own: the last one in front would be answered again
            return _with(question, _topic(last, question)) if len(content(question)) < _ENOUGH_WORDS else question
        return _with(f"{_first_question(asked)} {question}", carried)
    if _is_bare(question):
        return _with(f"{asked} {question}", carried)
    if _is_definite(question):
        return _with(question, _topic(last, question))
    return question


def _is_bare(question: str) -> bool:
    """Hardly a word with a meaning of its own ("Why?", "Which countries?"), and not asking what that word means."""
    said = [fold(word) for word in words(question)]
    meaning = len(content(question))
    return meaning == 0 or (meaning == 1 and len(said) <= _BARE_WORDS and _TO_BE.isdisjoint(said))


def _is_definite(question: str) -> bool:
    """Short, without a name, about "the" something that was spoken of before ("Who was the leader?")."""
    definite = re.search(r"\bthe\b", question, re.IGNORECASE) is not None
    return definite and len(content(question)) <= _DEFINITE_WORDS and not names(question)


def _refers_back(question: str) -> bool:
    """Whether a word points to something that the question itself does not name.

    A name before it is what it points to, unless it is the object ("Does Spain back it?"); so is the clause before
    an "and" ("What is anaemia and how is it treated?").
    """
    said = [fold(word) for word in words(_POINTING_NOWHERE.sub(" ", question))]
    named = names(question)
    name = meaning = False
    for place, word in enumerate(said):
        before = said[place - 1] if place else ""
        if meaning and word in ("and", "but", "or", "if"):
            return False
        if word in _REFERRING and not (word == "that" and _takes_that(before)):
            return not name or (word in _OBJECTS and place == len(said) - 1)
        name = name or word.removesuffix("'s") in named
        meaning = meaning or (place > 0 and bool(content(word)))
    return False


def _takes_that(word: str) -> bool:
    """Whether "that" after this word opens a clause: "did they say that ...", "exercises that help"."""
    return bool(content(word)) or word in ("say", "says", "said")


def _topic(last: Turn, question: str) -> list[str]:
    """What the last question was about, as far as this one lacks it: the words that it carried, then its own, a
    few in all. Where this one asks about somebody and the last named nobody, the first name of its answer too.
    """
    asked, carried = _parted(last.question)
    have = set(content(question))
    wanted = [word for word in [*carried, *words(asked)] if content(word) and stem(word) not in have]
    wanted = list(dict.fromkeys(wanted))[:_CARRIED_WORDS]
    if not names(last.question) and any(fold(word) in _PEOPLE for word in words(question)):
        wanted.extend(_first_name(last.answer))
    return list(dict.fromkeys(wanted))


def _first_name(answer: str) -> list[str]:
    """The first run of capitalised words of an answer that doesn't merely open it."""
    known = names(answer)
    run: list[str] = []
    for word in words(answer):
        if fold(word).removesuffix("'s") in known:
            run.append(word)
        elif run:
            break
    return run


def _with(question: str, carried: Sequence[str]) -> str:
    return f"{question} ({' '.join(carried)})" if carried else question


def _parted(question: str) -> tuple[str, list[str]]:
    """A question in the form that `standalone` gave it, and the words that it carries in brackets."""
    brackets = re.search(r"\s*\(([^()]*)\)\s*$", question)
    return (question[: brackets.start()], words(brackets.group(1))) if brackets else (question, [])


def _first_question(asked: str) -> str:
    """Without the continuations that were put behind it."""
    return re.sub(r"(?<=\?)\s.*", "", asked)
