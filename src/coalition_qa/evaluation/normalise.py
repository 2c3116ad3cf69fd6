"""The normal forms in which texts are compared.

`norm` is for answers, gold and cited text; `find_quote` is for quotes that somebody typed or pasted.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from coalition_qa.types import Span

_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {word: value for value, word in enumerate((*_UNITS, *_TEENS))}
_VALUES |= dict(zip(_TENS, range(20, 100, 10), strict=True))

_ARTICLES = frozenset({"a", "an", "the"})

# Groups of exactly three digits behind one kind of separator; a digit before means it isn't the number's start.
_THOUSANDS = re.compile(r"(?<!\d)(?<!\d[.,])\d{1,3}([, ])\d{3}(?:\1\d{3})*(?!\d)")

# "two hundred" is above 100 and stays "2 hundred"; so only "a" and "one" count hundreds.
_NUMBER_WORDS = re.compile(
    r"(?<![^\W_])(?:"
    r"(?P<hundred>(?:one|a)[\s\-‐‒–—]+hundred)"
    rf"|(?P<tens>{'|'.join(_TENS)})(?:[\s\-‐‒–—]+(?P<unit>{'|'.join(_UNITS[1:])}))?"
    rf"|(?P<small>{'|'.join([*_UNITS, *_TEENS])})"
    r")(?![^\W_])"
)

_NUMBER = re.compile(r"\d+(?:\.\d+)?")

_TYPOGRAPHY = str.maketrans(dict.fromkeys("“”„‟«»″", '"') | dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("‐‑‒–—―−", "-"))

# A character and the marks that combine with it are folded together, or NFKC could not compose them.
_CLUSTER = re.compile(r"\s+|\S[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]*")


def norm(text: str) -> str:
    """Fold what doesn't change an answer: "The  González–Laya, 10 000" is "gonzalezlaya 10000".

    In this order: NFKC, casefold, accents stripped, thousands separators removed (comma or a space of any
    width), number words to digits up to 100, every Unicode P* and S* character removed except a decimal
    point between digits, the articles a, an and the removed, whitespace joined.
    """
    folded = _without_accents(unicodedata.normalize("NFKC", text).casefold())
    joined = _THOUSANDS.sub(lambda number: number[0].replace(number[1], ""), folded)
    digits = _NUMBER_WORDS.sub(_value, joined)
    words = _without_punctuation(digits).split()
    return " ".join(word for word in words if word not in _ARTICLES)


def tok(text: str) -> list[str]:
    """The tokens of `norm(text)`."""
    return norm(text).split()


def numbers(text: str) -> frozenset[str]:
    """The numbers in `text` in normal form, those inside a token too: "2 of 10,000" gives {"2", "10000"}."""
    return frozenset(_NUMBER.findall(norm(text)))


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFKC", "".join(char for char in decomposed if not unicodedata.combining(char)))


def _value(word: re.Match[str]) -> str:
    if word["hundred"]:
        return "100"
    if word["small"]:
        return str(_VALUES[word["small"]])
    return str(_VALUES[word["tens"]] + (_VALUES[word["unit"]] if word["unit"] else 0))


def _without_punctuation(text: str) -> str:
    return "".join(
        char for at, char in enumerate(text) if unicodedata.category(char)[0] not in "PS" or _is_decimal_point(text, at)
    )


def _is_decimal_point(text: str, at: int) -> bool:
    return text[at] == "." and text[at - 1 : at].isdigit() and text[at + 1 : at + 2].isdigit()


class Plain(NamedTuple):
    """A text without its typography: character i of it stands for `starts[i]` up to `ends[i]` of the original."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def without_typography(text: str) -> Plain:
    """NFKC, straight quotes, plain dashes, each run of whitespace one space."""
    plain: list[str] = []
    starts, ends = array("L"), array("L")  # a list of a number a character would take 40 times the text
    for cluster in _CLUSTER.finditer(text):
        folded = " " if cluster[0].isspace() else unicodedata.normalize("NFKC", cluster[0].translate(_TYPOGRAPHY))
        plain.append(folded)
        starts.extend([cluster.start()] * len(folded))
        ends.extend([cluster.end()] * len(folded))
    return Plain("".join(plain), starts, ends)


def find_quote(quote: str, plain: Plain) -> list[Span]:
    """Where a quote is, whatever its typography: spans of the text that `plain` was made from."""
    wanted = without_typography(quote).text.strip()
    found = re.finditer(re.escape(wanted), plain.text) if wanted else ()
    return [Span(plain.starts[each.start()], plain.ends[each.end() - 1]) for each in found]
