"""Words as search and verification compare them: folded, stemmed, and told apart by what they do."""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property
from threading import local
from typing import Protocol

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|\w+")
_STOP = frozenset(
    """a about above after again against all also am an and any are as at be because been before being below between
    both but by can cannot could did do does doing done down during each either else ever few for from further had has
    have having he her here hers herself him himself his how however i if in into is it its itself just let may me might
    more most must my myself no nor not now of off on once only or other ought our ours ourselves out over own please
    same shall she should so some such tell than that the their theirs them themselves then there these they this those
    through to too under until up upon us very was we were what when where whether which while who whom whose why will
    with would you your yours yourself yourselves s t ca wo say says said""".split()
)
_CLITIC = re.compile(r"(?:n't|'(?:s|re|ve|ll|d|m))$")
_NEGATIONS = frozenset(
    """no not never none nobody nothing nowhere neither nor cannot without hardly refuse refused deny denied fail failed
    reject rejected""".split()
)
_COUNTED = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
    dozen hundred thousand million billion""".split()
_COUNTING = dict(zip(_COUNTED, [*range(2, 21), *range(30, 91, 10), 12, 100, 1_000, 10**6, 10**9], strict=True))


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - the library's name


class _Stemmers(local):
    """One for each thread: a stemmer keeps the word that it is at, and two threads would cut each other's."""

    @cached_property
    def own(self) -> _Stemmer:
        import snowballstemmer

        stemmer: _Stemmer = snowballstemmer.stemmer("english")
        return stemmer


_STEMMERS = _Stemmers()


def fold(text: str) -> str:
    """Lower case without accents, curly quotes made straight."""
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'").replace("‘", "'"))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def words(text: str) -> list[str]:
    """The words and numbers of a text as they stand (NFC), punctuation left out."""
    return _WORD.findall(unicodedata.normalize("NFC", text))


def is_function_word(word: str, text: str) -> bool:
    """Whether a word of the text carries no meaning of its own; in capitals amid lower case it does ("the US")."""
    head = re.split("['’]", word)[0]
    acronym = len(head) > 1 and head.isupper() and not text.isupper()
    return not acronym and _CLITIC.sub("", fold(word)) in _STOP


def stem(word: str) -> str:
    """Snowball English stem of a folded word; a number without its thousands separators."""
    folded = fold(word).removesuffix("'s")
    if folded[:1].isdigit():
        return re.sub(r"[,.](?=\d{3}\b)", "", folded)
    return _STEMMERS.own.stemWord(folded)


def content(text: str) -> list[str]:
    """The stems of the words that carry meaning, in order: function words left out."""
    return [stem(word) for word in words(text) if not is_function_word(word, text)]


def terms(text: str) -> list[str]:
    """What to look for in the full text, each once: content words as they stand, or all words where there is none."""
    plain = words(text)
    wanted = [word for word in plain if not is_function_word(word, text)] or plain
    return list(dict.fromkeys(fold(word).removesuffix("'s") for word in wanted))


def numbers(text: str) -> set[str]:
    """The numbers written in digits, without thousands separators."""
    return {stem(word) for word in words(text) if word[0].isdigit()}


def amounts(text: str) -> set[str]:
    """The numbers written in digits or, from two up, in words: "two" is "2"."""
    return numbers(text) | {str(_COUNTING[word]) for word in map(fold, words(text)) if word in _COUNTING}


def names(text: str, *, opening: bool = False) -> set[str]:
    """Folded words that are written with a capital inside a sentence, or are all capitals: likely names.

    With `opening` also the capitalised words that open a sentence and may be one.
    """
    text = unicodedata.normalize("NFC", text)
    found = set()
    for match in re.finditer(r"[^\W\d_][\w'’]*", text):
        word = match.group()
        before = text[: match.start()].rstrip(" \"“‘'([«")
        inside = bool(before) and before[-1] not in ".!?:;\n"
        acronym = len(word) > 1 and word.isupper()
        if word[0].isupper() and (opening or inside or acronym) and not is_function_word(word, text):
            found.add(fold(word).removesuffix("'s"))
    return found


def is_negated(text: str) -> bool:
    """Whether the text says an odd number of times that something is not so."""
    folded = [fold(word) for word in words(text)]
    return sum(word in _NEGATIONS or word.endswith("n't") for word in folded) % 2 == 1
