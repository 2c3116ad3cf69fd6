"""The whole way, as a user goes it: add, ask, check the citation, edit, sync, ask again, remove, ask in vain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from coalition_qa.assistant import Assistant
from coalition_qa.library import Library

if TYPE_CHECKING:
    from tests.conftest import Place

    from coalition_qa.encoders import Encoder
    from coalition_qa.types import Document

FIGHTERS = "How many foreign fighters are still in Syria?"
PAINTER = "Who painted the zebra crossing in Oslo?"
ZEBRA = "The zebra crossing in Oslo was painted by Kari Nordmann in 1987."
EDITED = "Everybody walks. The zebra crossing in Oslo was painted by Ola Hansen in 2003."


def asked(place: Place, question: str) -> dict[str, Any]:
    outcome = place.run("ask", question, "--json")
    assert outcome.code == 0, outcome.err
    answer: dict[str, Any] = json.loads(outcome.out)
    return answer


def cited(place: Place, answer: dict[str, Any]) -> list[str]:
    """The quotes of an answer, each checked against the file that it cites."""
    citations = [citation for sentence in answer["sentences"] for citation in sentence["citations"]]
    for citation in citations:
        text = (place.corpus / citation["doc"]).read_text("utf-8")
        assert text[citation["start"] : citation["end"]] == citation["quote"]
    return [citation["quote"] for citation in citations]


def test_from_adding_to_removing(place: Place, article: Document, shipped_encoder: Encoder) -> None:
    rome = place.outside(article.name, article.text)
    zebra = place.outside("notes/zebra.txt", ZEBRA)
    assert place.run("add", rome, zebra.parent).code == 0
    with Library(place.library, shipped_encoder) as library:
        assert library.index_is_current()

    first = asked(place, PAINTER)
    assert first["status"] == "answered"
    assert cited(place, first) == [ZEBRA]
    assert any("10,000" in quote for quote in cited(place, asked(place, FIGHTERS)))

    place.write("zebra.txt", EDITED)
    assert place.run("sync").err == "changed    zebra.txt\n2 in line.\n"
    second = asked(place, PAINTER)
    assert "Kari" not in json.dumps(second)
    assert cited(place, second) == ["The zebra crossing in Oslo was painted by Ola Hansen in 2003."]
    assert second["sentences"][0]["citations"][0]["start"] == 17
    assert second["fingerprint"] != first["fingerprint"]

    assert place.run("remove", "zebra.txt").code == 0
    third = asked(place, PAINTER)
    assert third["status"] == "abstained"
    assert third["sentences"] == []
    assert "zebra" not in json.dumps(third["retrieved"])
    assert any("10,000" in quote for quote in cited(place, asked(place, FIGHTERS)))

    assert place.run("remove", article.name).code == 0
    assert asked(place, FIGHTERS)["reason"] == "There are no documents in the library yet."
    assert list(place.corpus.iterdir()) == []


def test_an_open_assistant_sees_what_another_writer_does(stocked: Place) -> None:
    with Assistant.open(stocked.settings()) as assistant:
        assert [citation.quote for citation in assistant.ask(PAINTER).citations] == [ZEBRA]
        stocked.write("zebra.txt", EDITED)
        assert stocked.run("sync").code == 0
        (citation,) = assistant.ask(PAINTER).citations
        assert citation.quote in EDITED
        assert stocked.run("remove", "zebra.txt").code == 0
        answer = assistant.ask(PAINTER)
        assert answer.status == "abstained"
        assert {hit.doc for hit in answer.hits} == {"owls.md"}


def test_the_same_corpus_gives_the_same_answer_to_the_last_digit(place: Place, stocked: Place) -> None:
    def answer() -> dict[str, Any]:
        given = asked(place, PAINTER)
        del given["timings"]
        return given

    first = answer()
    assert place.run("sync", "--rebuild").code == 0
    assert answer() == first
