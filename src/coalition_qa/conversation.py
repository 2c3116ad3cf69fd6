"""A follow-up to a question that can be searched for on its own, without a language model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from coalition_qa.types import Turn
from coalition_qa.words import content, fold, is_function_word, names, stem, words

_PEOPLE = frozenset("he him his she her hers they them their theirs former latter".split())
_OBJECTS = frozenset("him her it them this that these those".split())
_REFERRING = _PEOPLE | _OBJECTS | frozenset("its there one ones".split())
_POINTING_NOWHERE = re.compile(
    r"\b(?:is|are|was|were|will|be) there\b|\bthere (?:is|are|was|were)\b|\bone of\b|"
    r"\bit (?=(?:be )?(?:rain|snow|freez|thunder)|(?:(?:be )?\w+ )?that\b)",
    re.IGNORECASE,
)
_IS_THERE = re.compile(r"\b(?:is|are|was|were) there\W*$", re.IGNORECASE)
_EXPLETIVE = re.compile(
    r"\bit (?:be )?(?:ok|okay|all right|possible|impossible|allowed|forbidden|legal|illegal|safe|dangerous|easy|hard|"
    r"difficult|necessary|worth|common|usual|normal|known|takes?|took|costs?|needs?)"
    r"(?: \w+){0,3}? (?:to|if|when|how|who|what|where|why)\b",
    re.IGNORECASE,
)
_CONTINUING = re.compile(
    r"\s*(?:and|but|or|so|also|even|what about|how about|what if|what else|who else|where else)\b",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"\s*(?:and|but|or|so|also)\W+(?:who|whom|whose|what|when|where|which|how)\b(?! about)", re.IGNORECASE
)
_SECOND = re.compile(
    r",?\s+and\s+(?=(?:who|whom|whose|what|when|where|why|which|how)\b(?! (?:long|much|many)? ?(?:\?|$)))",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\b(?:who|whom|whose|what|when|where|why|which|how|is|are|was|were|did|does|do|can)\b", re.I)
_PREPOSITIONS = "in|at|on|of|for|to|from|with|about|by|during|after|before|since|under|against|near"
_PREPOSITION = frozenset(_PREPOSITIONS.split("|"))
_LEADS_IN = re.compile(rf"\b(?:{_PREPOSITIONS}) (?:the )?$", re.IGNORECASE)
_PROPER = r"(?:[A-Z][\w’'-]*\w|\d{3,4})(?: (?:(?:of|the|and|de|di|von|van) )?[A-Z][\w’'-]*\w)*"
_KNOWN = re.compile(
    r"\b(?:the|others?|another|else|more|any|anyone|anybody|someone|somebody|everyone|everybody|nobody)\b",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"\bhow (?:long|much|many|often|far|old|big|high|late|soon)\b", re.IGNORECASE)
_JOINING = frozenset("and but or".split())
_SUBORDINATING = frozenset("if when before after once while because until unless without since than".split())
_ELSEWHERE = re.compile(
    r"\b(?:others?|ones?|first|second|third|last|next|rest|latter|former|before|after|same|years?|months?|weeks?|days?|"
    r"mornings?|evenings?|nights?|weekends?)\b",
    re.IGNORECASE,
)
_TO_BE = frozenset("is are was were be".split())
_CONTINUING_WORDS = 7
_BARE_WORDS = 3
_DEFINITE_WORDS = 2
_ENOUGH_WORDS = 3
_CARRIED_WORDS = 6
_SHORT_WORDS = 4
_SUBORDINATED_WORDS = 2
_ENOUGH_FOLLOWS = 2
_FULL_WORDS = 4
_WHOLE_WORDS = 3
_MOST_WORDS = 10


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The question with what it leaves unsaid, taken from the turns before; unchanged where nothing is missing.

    `history` holds earlier questions in the form this function gave them. A question that only names another thing
    ("And in Iraq?") is the last one with that thing in it, or, where no place for it is seen, gets that question in
    front; one that refers to somebody or something ("What did she say about it?"), or says too little ("And who took
    part?"), gets the words it may mean behind, in brackets.
    """
    if not history:
        return question
    asked, carried = _parted(history[-1].question)
    if _refers_back(question):
        return _with(question, _topic(history, question))
    if _CONTINUING.match(question) and len(words(question)) <= _CONTINUING_WORDS:
        if _ASKING.match(question):  # a question of its own: the last one in front would be answered again
            return _with(question, _topic(history, question)) if len(content(question)) < _ENOUGH_WORDS else question
        return _with(_put_in(asked, question) or f"{_first_question(asked)} {question}", carried)
    if _is_bare(question):
        return _with(f"{asked} {question}", carried)
    if _is_definite(question):
        return _with(question, _topic(history, question))
    return question


def _put_in(asked: str, fragment: str) -> str:
    """The last question with what the fragment names in the place of its like; "" where no such place is seen.

    "Where did Italy vote?" and "And Spain?" is "Where did Spain vote?"; with "And in 2020?" it gets "in 2020".
    """
    thing = _CONTINUING.sub("", fragment).strip(" ?!.,")
    match = re.fullmatch(rf"(?:({_PREPOSITIONS}) )?(the )?(\S+(?: \S+){{0,3}})", thing)
    if match is None or not content(thing) or _QUESTION.search(thing):
        return ""
    preposition, article, _ = match.groups()
    body, end = re.fullmatch(r"(.*?)(\W*)", asked, re.DOTALL).groups()  # type: ignore[union-attr] # always matches
    if preposition:
        like = rf"\b{preposition} (?:the )?{_PROPER}"
        put, count = re.subn(rf"{like}(?!.*{like})", lambda _: thing, body)
        return (put if count else f"{body} {thing}") + end
    if thing[0].isupper():
        places = [m for m in re.finditer(_PROPER, body) if m.start() and not _LEADS_IN.search(body[: m.start()])]
        places = places or [m for m in re.finditer(_PROPER, body) if m.start()]
        return body[: places[0].start()] + thing + body[places[0].end() :] + end if places else ""
    if article:
        head = re.escape(words(thing)[-1])
        put, count = re.subn(rf"\bthe (?:\w+ ){{0,2}}{head}\b", lambda _: thing, body, count=1)
        if not count and _ELSEWHERE.search(thing) is None:
            put, count = re.subn(r"\bthe [a-z]+(?!.*\bthe [a-z]+)", lambda _: thing, body)
        return put + end if count else ""
    return ""


def parts(question: str) -> list[str]:
    """The questions that one question asks: "When did it open, and who paid?" is two, the second made standalone."""
    found = [part.strip() for part in _SECOND.split(question) if part.strip()]
    whole = all(_QUESTION.search(part) and content(part) and len(words(part)) >= _WHOLE_WORDS for part in found)
    if len(found) == 1 or not whole:
        return [question]
    turns = [Turn(found[0])]
    for part in found[1:]:
        turns.append(Turn(standalone(part, turns)))
    return [turn.question for turn in turns]


def _is_bare(question: str) -> bool:
    """Hardly a word with a meaning of its own ("Why?", "Which countries?"), and not asking what that word means."""
    text = _IS_THERE.sub("", question)
    said, meaning = words(text), len(content(text))
    return meaning == 0 or (meaning == 1 and len(said) <= _BARE_WORDS and _TO_BE.isdisjoint(map(fold, said)))


def _is_definite(question: str) -> bool:
    """Short, without a name, about "the" something, or "other" ones, spoken of before ("Who was the leader?")."""
    meaning = len(content(_AMOUNT.sub(" ", question)))
    return _KNOWN.search(question) is not None and meaning <= _DEFINITE_WORDS and not names(question)


def _refers_back(question: str) -> bool:
    """Whether a word points to something that the question itself does not name.

    A name before it is what it points to, unless it is the object ("Does Spain back it?"); so is the clause before
    an "and" ("What is anaemia and how is it treated?"), or before an "if" or "when" where that one says enough.
    """
    said = [fold(word) if is_function_word(word, question) else word for word in words(_pointing(question))]
    named = names(question)
    name, meaning = False, 0
    for place, word in enumerate(said):
        before, behind = said[place - 1] if place else "", said[place + 1] if place + 1 < len(said) else ""
        if (meaning and word in _JOINING) or (meaning >= _SUBORDINATED_WORDS and word in _SUBORDINATING):
            return False
        opens_clause = word == "that" and behind and _takes_that(before)
        stands_for_noun = word in ("one", "ones") and meaning > 1 and before in _PREPOSITION  # "my ticket for one for"
        if word.split("'")[0] in _REFERRING and not opens_clause and not stands_for_noun:
            return not name or (word in _OBJECTS and (not behind or behind in _PREPOSITION))
        name = name or fold(word).removesuffix("'s") in named
        meaning += bool(content(word)) and place > 0
    return False


def _pointing(question: str) -> str:
    """The question without words that point to nothing: "is there", "it rains", and the "it" of what is possible, or
    costs, where enough follows ("Is it possible to book a table?", not "Is it easy to clean?").
    """
    text = _POINTING_NOWHERE.sub(" ", question)
    empty = _EXPLETIVE.search(text)
    if empty is None or len(content(text[empty.end() :])) < _ENOUGH_FOLLOWS:
        return text
    return text[: empty.start()] + text[empty.start() + len("it") :]


def _takes_that(word: str) -> bool:
    """Whether "that" after this word opens a clause: "did they say that ...", "exercises that help"."""
    return bool(content(word)) or word in ("say", "says", "said")


def _topic(history: Sequence[Turn], question: str) -> list[str]:
    """What was talked about, as far as the question lacks it: the words that the last question carried, its own, its
    short answer's, and those of the last one before it that said its topic in full, a few in all. Where the question
    asks about somebody and neither named anybody, the first name of its answer too.
    """
    last = history[-1]
    asked, carried = _parted(last.question)
    have = set(content(question))
    wanted = _lacking(" ".join([*carried, asked]), have)[:_CARRIED_WORDS]
    wanted.extend(_lacking(last.short, have)[:_SHORT_WORDS])
    named = names(last.question) or names(last.short, opening=True)
    if not named and any(fold(word) in _PEOPLE for word in words(question)):
        wanted.extend(_first_name(last.answer))
    full = (turn.question for turn in reversed(history[:-1]) if not _parted(turn.question)[1])
    opening = next((said for said in full if len(content(said)) >= _FULL_WORDS), "")
    wanted.extend(_lacking(opening, have | set(content(" ".join(wanted)))))
    return list(dict.fromkeys(wanted))[:_MOST_WORDS]


def _lacking(said: str, have: set[str]) -> list[str]:
    meaning = [word for word in words(said) if not is_function_word(word, said)]
    return list(dict.fromkeys(word for word in meaning if stem(word) not in have))


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
