"""The vocabulary: what records derive from their fields, and how the errors are related."""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError, replace
from hashlib import sha256

import pytest

from coalition_qa import types
from coalition_qa.types import (
    Answer,
    Citation,
    CoalitionQAError,
    Document,
    Hit,
    Passage,
    Sentence,
    Span,
)

TEXT = "The coalition met in Rome. It had not met for two years."
DOCUMENT = Document("rome.txt", TEXT)
PASSAGE = Passage("p1", DOCUMENT.id, Span(4, 56), TEXT[4:], (Span(4, 26), Span(27, 56)))
ROME = Citation("rome.txt", DOCUMENT.id, Span(0, 26), "The coalition met in Rome.", "p1")
YEARS = Citation("rome.txt", DOCUMENT.id, Span(27, 56), "It had not met for two years.", "p1")
HIT = Hit(PASSAGE, "rome.txt", "Rome", 1.23456789, similarity=0.5)


def answer(*sentences: Sentence) -> Answer:
    return Answer(
        question="Where?",
        standalone_question="Where did it meet?",
        status="answered" if sentences else "abstained",
        reason="" if sentences else "no passage answers this",
        sentences=sentences,
        best=sentences or (Sentence(ROME.quote, (ROME,)),),
        short_answer="in Rome",
        confidence=0.123456789,
        hits=(HIT,),
        fingerprint="f",
        timings={"retrieve": 1.23456},
    )


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (Span(0, 5), Span(3, 9), 2),
        (Span(3, 9), Span(0, 5), 2),
        (Span(0, 9), Span(3, 5), 2),
        (Span(0, 5), Span(5, 9), 0),
        (Span(0, 2), Span(7, 9), 0),
        (Span(4, 4), Span(0, 9), 0),
    ],
)
def test_spans_overlap_in_the_characters_that_both_cover(one: Span, other: Span, shared: int) -> None:
    assert one.overlap(other) == shared


def test_spans_cover_characters_and_sort_by_place() -> None:
    assert Span(4, 13).of(TEXT) == "coalition"
    assert Span(4, 4).of(TEXT) == ""
    assert sorted([Span(5, 9), Span(0, 7), Span(0, 3)]) == [Span(0, 3), Span(0, 7), Span(5, 9)]


def test_a_documents_identity_is_its_text() -> None:
    assert DOCUMENT.id == sha256(TEXT.encode()).hexdigest()
    assert Document("copy.txt", TEXT, title="Copy", date="2021-06-28").id == DOCUMENT.id
    assert Document("rome.txt", TEXT + " ").id != DOCUMENT.id


def test_a_passage_gives_the_text_of_its_sentences() -> None:
    assert [PASSAGE.sentence_text(sentence) for sentence in PASSAGE.sentences] == [
        "coalition met in Rome.",
        "It had not met for two years.",
    ]


def test_records_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        DOCUMENT.text = "other"  # type: ignore[misc]


def test_an_answer_cites_each_place_once_in_the_order_of_first_use() -> None:
    given = answer(Sentence("A.", (YEARS, ROME)), Sentence("B.", (ROME,)), Sentence("C.", ()))
    assert given.citations == (YEARS, ROME)
    assert given.text == "A. B. C."


def test_an_abstention_has_no_text_and_no_citation_but_keeps_its_best() -> None:
    given = answer()
    assert (given.text, given.citations) == ("", ())
    assert given.to_json()["best_answer"] == [{"text": ROME.quote, "citations": [ROME.to_json()]}]


def test_an_answer_becomes_json_that_loses_nothing_a_reader_needs() -> None:
    given = json.loads(json.dumps(answer(Sentence(ROME.quote, (ROME,))).to_json()))
    assert given == {
        "question": "Where?",
        "standalone_question": "Where did it meet?",
        "status": "answered",
        "reason": "",
        "answer": "The coalition met in Rome.",
        "short_answer": "in Rome",
        "sentences": [{"text": ROME.quote, "citations": [ROME.to_json()]}],
        "confidence": 0.123457,
        "best_answer": [{"text": ROME.quote, "citations": [ROME.to_json()]}],
        "retrieved": [{"doc": "rome.txt", "start": 4, "end": 56, "score": 1.234568, "text": TEXT[4:]}],
        "timings": {"retrieve": 1.235},
        "fingerprint": "f",
    }
    assert ROME.to_json() == {
        "doc": "rome.txt",
        "start": 0,
        "end": 26,
        "quote": "The coalition met in Rome.",
        "document_id": DOCUMENT.id,
    }


def test_a_citation_says_its_page_where_there_is_one() -> None:
    assert list(replace(ROME, page=3).to_json().items())[:4] == [
        ("doc", "rome.txt"),
        ("start", 0),
        ("end", 26),
        ("page", 3),
    ]
    paged = replace(HIT, pages=(0, 10, 10, 30))
    assert [paged.page_of(Span(at, 56)) for at in (0, 9, 10, 29, 30, 55)] == [1, 1, 3, 3, 4, 4]
    assert HIT.page_of(Span(0, 4)) is None


def test_the_tree_in_the_docstring_is_the_error_family() -> None:
    drawn = re.findall(r"^(.*?)(\w+(?:Error|Busy|Damaged|Mismatch|Gone))\b", types.__doc__ or "", re.MULTILINE)
    parents: list[tuple[int, str]] = []
    tree = {}
    for indent, name in drawn:
        while parents and parents[-1][0] >= len(indent):
            parents.pop()
        tree[name] = parents[-1][1] if parents else "Exception"
        parents.append((len(indent), name))
    errors = [kind for kind in vars(types).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert tree == {kind.__name__: kind.__base__.__name__ for kind in errors if kind.__base__ is not None}
    assert all(issubclass(kind, CoalitionQAError) for kind in errors)
