"""From a file to a citation: what is read is stored, found, and cited with its page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from making import SENTENCE, docx, line, lines, one_of_each, paragraph, pdf

from coalition_qa.documents import Limits, Parser
from coalition_qa.ingest import Ingest
from coalition_qa.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import FakeEncoder, Place

QUESTION = "Who painted the zebra crossing in Oslo?"
OTHERS = [
    "Owls hunt mice at night in the forests of Finland, and they sleep during the whole day.",
    "Bread needs salt.",
]


@pytest.fixture
def library(place: Place, fake_encoder: FakeEncoder) -> Iterator[Library]:
    """An empty library."""
    with Library(place.library, fake_encoder, create=True) as made:
        yield made


@pytest.fixture
def ingest(place: Place, library: Library, fake_encoder: FakeEncoder) -> Ingest:
    """Its writer."""
    return place.ingest(library, fake_encoder)


def test_every_format_is_stored_as_it_was_read(place: Place, library: Library, ingest: Ingest) -> None:
    files = one_of_each()
    for name, raw in files.items():
        place.write(name, raw)
    assert {step.action for step in ingest.sync()} == {"new"}
    assert {step.action for step in ingest.sync()} == {"unchanged"}
    with Parser(Limits()) as parser:
        for name in files:
            assert library.document(name) == parser.document(place.corpus / name, name)
    assert {info.name: info.pages for info in library.catalogue()} == {name: 2 * (name == "a.pdf") for name in files}


def test_a_citation_says_its_page(place: Place) -> None:
    place.write("oslo.pdf", pdf(lines(OTHERS[0]), "", lines(OTHERS[1]), lines(SENTENCE), info="/Title (Oslo)"))
    asked = place.run("ask", QUESTION)
    assert asked.code == 0, asked.err
    assert "(1 of 4 pages hold no text)" in asked.err
    (citation,) = json.loads(place.run("ask", QUESTION, "--json").out)["sentences"][0]["citations"]
    assert (citation["page"], citation["quote"]) == (4, SENTENCE)
    assert f"[1] oslo.pdf, page 4, characters {citation['start']}-{citation['end']}" in asked.out
    listed = place.run("list")
    assert "oslo.pdf  (4 pages, " in listed.out
    assert json.loads(place.run("list", "--json").out)[0]["pages"] == 4


def test_a_sentence_over_two_pages_is_cited_where_it_begins(place: Place, library: Library, ingest: Ingest) -> None:
    half = SENTENCE.index("was painted")
    place.write("a.pdf", pdf(lines(OTHERS[0], SENTENCE[:half].strip()), lines(SENTENCE[half:])))
    ingest.sync()
    document = library.document("a.pdf")
    assert document is not None
    assert document.text.endswith(SENTENCE)
    assert document.pages == (0, document.text.index("was painted"))


def test_two_files_of_one_text_each_keep_what_they_say_of_it(place: Place, library: Library, ingest: Ingest) -> None:
    place.write("a.txt", SENTENCE)
    place.write("b.pdf", pdf(lines(SENTENCE), info="/Title (Oslo) /CreationDate (D:20210628)"))
    place.write("c.docx", docx(paragraph(SENTENCE), "<dc:language>en</dc:language>"))
    ingest.sync()
    first, second, third = library.catalogue()
    assert first.document_id == second.document_id == third.document_id
    assert (first.title, first.date, first.pages) == ("a", "", 0)
    assert (second.title, second.date, second.pages) == ("Oslo", "2021-06-28", 1)
    assert (third.title, third.language) == ("c", "en")
    ingest.remove(["a.txt"])
    ids = [id_ for id_, _ in library.lexical(["zebra"], 5)]
    assert [(found.doc, found.title, found.pages) for found in library.found(ids).values()] == [("b.pdf", "Oslo", (0,))]


def test_saved_again_with_the_same_text_the_library_holds_the_same(
    place: Place, library: Library, ingest: Ingest
) -> None:
    place.write("a.docx", docx(paragraph(SENTENCE), "<dc:title>Old</dc:title>"))
    place.write("b.pdf", pdf(lines(*OTHERS)))
    ingest.sync()
    before = library.fingerprint
    place.write("a.docx", docx(paragraph(SENTENCE), "<dc:title>New</dc:title>"))
    place.write("b.pdf", pdf(line(OTHERS[0], size=11.01) + line(OTHERS[1], bottom=686), info="/Title (New)"))
    assert [step.action for step in ingest.sync()] == ["changed", "changed"]
    assert [info.title for info in library.catalogue()] == ["New", "New"]
    assert library.fingerprint == before


def test_a_hostile_file_is_one_row_among_the_others(place: Place, library: Library, ingest: Ingest) -> None:
    files = one_of_each()
    for name, raw in files.items():
        place.outside(f"good/{name}", raw)
        place.outside(f"good/bad-{name}", raw[: len(raw) // 3] + b"\0\xff" * 50)
    steps = ingest.add([place.folder / "outside" / "good"])
    assert {step.name for step in steps if step.action == "new"} >= set(files)
    refused = {step.name for step in steps if step.action == "refused"}
    assert {"bad-a.pdf", "bad-a.docx", "bad-a.odt", "bad-a.epub", "bad-a.rtf"} <= refused
    assert sorted(path.name for path in place.corpus.iterdir()) == sorted(library.names())
