from __future__ import annotations

import pytest

from coalition_qa.evaluation.quotes import Place, QuoteError, Quotes, cut, spans_of
from coalition_qa.types import Document, Span

TEXTS = {
    "a.txt": "Préface. The owls of Finland hunt mice at night. The end.",
    "b.txt": "The zebra crossing in Oslo was painted by Kari. The end.",
}
QUOTES = Quotes({name: Document(name, text) for name, text in TEXTS.items()})


def refusal(quote: str, doc: str | None = None, occurrence: int | None = None) -> str:
    with pytest.raises(QuoteError) as refused:
        QUOTES.find(Place(quote, doc, occurrence))
    return str(refused.value)


def test_a_quote_has_one_place_to_the_letter_or_but_for_typography() -> None:
    excerpt, exact = QUOTES.find(Place("owls of Finland"))
    assert (excerpt.doc, excerpt.text, exact) == ("a.txt", "owls of Finland", True)
    assert excerpt.span.of(TEXTS["a.txt"]) == "owls of Finland"
    excerpt, exact = QUOTES.find(Place("zebra  crossing\nin Oslo"))
    assert (excerpt.doc, excerpt.text, exact) == ("b.txt", "zebra crossing in Oslo", False)


def test_a_quote_in_several_documents_wants_one_named() -> None:
    assert refusal("The end.") == "the quote 'The end.' is in a.txt, b.txt; say which as doc."
    assert QUOTES.find(Place("The end.", "b.txt"))[0].doc == "b.txt"


@pytest.mark.parametrize(
    ("quote", "nearest"),
    [
        ("owls in Finland hunted mice", "in a.txt at character 13, is: 'owls of Finland hunt mice'"),
        ("zebra crossing at Oslo is painted", "in b.txt at character 4, is: 'zebra crossing in Oslo was painted'"),
    ],
)
def test_the_nearest_words_of_all_documents_are_shown_whole_and_with_their_place(quote: str, nearest: str) -> None:
    assert nearest in refusal(quote)
    assert nearest.split("'")[1] in TEXTS["a.txt"] + TEXTS["b.txt"]


def test_the_nearest_is_looked_for_in_the_document_that_was_named() -> None:
    assert "is not in a.txt; the nearest, in a.txt at" in refusal("zebra crossing in Oslo", "a.txt")


def test_places_are_found_to_the_letter_and_do_not_overlap() -> None:
    assert spans_of("a.a", "a.a.a a.a aaa") == [Span(0, 3), Span(6, 9)]


def test_a_long_text_is_cut_for_a_message() -> None:
    assert cut("a" * 60) == "a" * 60
    assert cut("a" * 61) == "a" * 57 + "..."
