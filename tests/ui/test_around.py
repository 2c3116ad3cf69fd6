"""What the page says around an answer, as pure text: how sure it is, exports, kept forms, one document as a page."""

from __future__ import annotations

import json
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from coalition_qa.types import CoalitionQAError, Document, Kept, Span, Turn
from coalition_qa.ui import Lines, Measured, export, past, sureness
from coalition_qa.ui.exchanges import Exchange, dumped, history, loaded, title_of
from coalition_qa.ui.paper import document_page
from coalition_qa.ui.shelf import MOST_LISTED, listed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ui.conftest import FakeAssistant

    from coalition_qa.config import Dial

FIRST = "The coalition met on Monday in Rome."
CHAIRS = "Luigi Di Maio and Antony Blinken chaired the meeting."
LINES = Lines({"strict": 0.8, "balanced": 0.5, "helpful": 0.2}, meaning={"strict": Measured(0.431, 0.964)})


class Tags(HTMLParser):
    """The tags of some HTML, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(key.startswith("on") for key, _ in attrs)
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def talked(fake: FakeAssistant) -> tuple[Exchange, ...]:
    """A conversation with one of everything."""
    answer = fake.answers("Where?", FIRST, CHAIRS, short="Rome", standalone="Where did the coalition meet?")
    none = fake.abstains("Who won?", "Nobody says.", FIRST)
    return (
        Exchange("Where?", 2, answer, {"rome.txt": "2021-06-28"}, 0.25, only=("rome.txt",), sure="Supported."),
        Exchange("Who won?", 2, none),
        Exchange("Why?", error="It is *busy*."),
        Exchange("What?", stopped=True),
    )


@pytest.mark.parametrize(
    ("confidence", "said"),
    [
        (0.99, "Well supported: the documents hold the answer in nearly all cases like this one."),
        (0.81, "Well supported: the documents hold the answer in about 8 of 10 cases like this one."),
        (0.55, "Supported: the documents hold the answer in about 6 of 10 cases like this one."),
        (0.3, "Weakly supported, check the source: the documents hold the answer in about 3 of 10"),
    ],
)
def test_an_answer_says_how_sure_it_is(fake: FakeAssistant, confidence: float, said: str) -> None:
    answer = replace(fake.answers("Where?", FIRST), confidence=confidence)
    assert sureness.sure(answer, "helpful", LINES).startswith(said)


@pytest.mark.parametrize(
    ("dial", "confidence", "other"),
    [
        ("strict", 0.6, "On Balanced"),
        ("strict", 0.3, "On Helpful"),
        (None, 0.3, "On Helpful"),
        (None, 0.1, ""),
        ("helpful", 0.1, ""),
    ],
)
def test_an_abstention_says_which_setting_would_show_a_guess(
    fake: FakeAssistant, dial: Dial | None, confidence: float, other: str
) -> None:
    answer = replace(fake.abstains("Who won?", "Nobody says.", FIRST), confidence=confidence)
    assert sureness.sure(answer, dial, LINES).partition(",")[0] == other
    assert sureness.sure(replace(answer, best=()), dial, LINES) == ""


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.01, "hardly any case"),
        (0.05, "about 1 of 10 cases"),
        (0.605, "about 6 of 10 cases"),
        (0.95, "nearly all cases"),
    ],
)
def test_a_probability_is_a_count_of_ten(probability: float, words: str) -> None:
    assert sureness.often(probability) == words


def test_the_dial_says_what_was_measured() -> None:
    assert sureness.meaning("strict", LINES).endswith(
        "In tests it answered 43% of the questions that documents answer, and declined 96% of the others."
    )
    assert sureness.meaning("balanced", LINES).endswith("hold the answer in about 5 of 10 cases like it, or more.")
    assert sureness.meaning("helpful", LINES).endswith("in about 2 of 10 cases like it, or more.")


def test_what_is_kept_comes_back_the_same(talked: tuple[Exchange, ...]) -> None:
    assert loaded(dumped(talked)) == talked
    assert history(talked) == [Turn("Where did the coalition meet?", f"{FIRST} {CHAIRS}", "Rome"), Turn("Who won?", "")]


@pytest.mark.parametrize("body", ["", "{", "{}", '[{"question": 1}]', '[{"question": "a", "unknown": {}}, 1]'])
def test_what_is_no_conversation_is_said(body: str) -> None:
    with pytest.raises(CoalitionQAError, match="cannot be read any more"):
        loaded(body)


def test_a_title_is_the_first_question_cut_at_a_word() -> None:
    assert title_of([Exchange("Where?"), Exchange("Who?")]) == "Where?"
    assert title_of([Exchange("word " * 40)]) == "word " * 11 + "word …"
    assert title_of([]) == ""


def test_markdown_holds_the_answer_its_quotes_and_the_fingerprint(talked: tuple[Exchange, ...]) -> None:
    text = export.markdown("My *title*", talked)
    assert text.startswith("# My \\*title\\*\n")
    assert f"{FIRST}[1] {CHAIRS}[2]" in text
    assert f"1. rome.txt, characters 0 to {len(FIRST)}: “{FIRST}”" in text
    assert "Searched for: Where did the coalition meet?" in text
    assert export.NOT_SAID in text
    assert "It is \\*busy\\*." in text
    assert f"Index fingerprint: `{'f' * 64}`" in text


def test_html_holds_the_same_and_only_text(talked: tuple[Exchange, ...], hostile: str, fake: FakeAssistant) -> None:
    page = Tags(export.html("Title", talked))
    for part in (f"{FIRST} [1] {CHAIRS} [2]", CHAIRS, "Nobody says.", "It is *busy*.", "f" * 64):
        assert part in page.text
    odd = fake.shelf[1]
    answer = fake.answers(hostile, odd.text[8:60], short=hostile)
    harmless = set("html meta title style h1 h2 p strong blockquote hr".split())
    assert (
        set(Tags(export.html(hostile, [Exchange(hostile, 1, answer), Exchange("a", error=hostile)])).tags) <= harmless
    )


def test_a_receipt_holds_each_answer_whole(talked: tuple[Exchange, ...]) -> None:
    receipt = json.loads(export.receipt("Title", talked))
    assert receipt["turns"][0]["answer"] == talked[0].answer.to_json() if talked[0].answer else None
    assert receipt["turns"][0]["within"] == ["rome.txt"]
    quote = receipt["turns"][0]["answer"]["sentences"][0]["citations"][0]
    assert (quote["start"], quote["end"], quote["quote"]) == (0, len(FIRST), FIRST)
    assert receipt["turns"][1]["answer"]["status"] == "abstained"
    assert [turn["answer"] for turn in receipt["turns"][2:]] == [None, None]


def test_a_document_is_shown_whole_with_its_passages_and_the_place_marked(fake: FakeAssistant) -> None:
    rome = fake.shelf[0]
    start = rome.text.index(CHAIRS)
    place = Span(start, start + len(CHAIRS))
    html = document_page(rome, fake.spans("rome.txt"), place)
    assert rome.text in Tags(html).text
    assert unescape(html.partition('<mark id="here">')[2].partition("</mark>")[0]) == CHAIRS
    assert html.count('class="passage"') == 3
    assert 'class="passage" id="p2"' in html
    assert "<mark" not in document_page(rome, fake.spans("rome.txt"))


def test_no_empty_lines_are_shown_between_the_parts_of_a_document() -> None:
    document = Document("a.txt", "One.\n\nMore information\n\nTwo.\n\nThree.")
    spans = [Span(0, 4), Span(24, 28), Span(30, 36)]
    html = document_page(document, spans)
    assert document.text in Tags(html).text
    assert '<span class="out">More information</span>' in html
    assert html.count('<span class="gap">\n\n</span>') == 3


def test_a_place_across_passages_is_marked_in_each_and_overlapping_ones_lose_nothing() -> None:
    document = Document("a.txt", "One two three four.")
    html = document_page(document, [Span(0, 7), Span(4, 13)], Span(2, 15))
    assert document.text in Tags(html).text
    assert html.count('id="here"') == 1
    assert "".join(part.partition("</mark>")[0] for part in html.split("<mark")[1:]).count(">") == 4


def test_a_hostile_document_is_only_text(hostile: str) -> None:
    document = Document(hostile, hostile, hostile, hostile)
    page = Tags(document_page(document, [Span(3, 40)], Span(5, 30)))
    assert set(page.tags) <= set("html head meta title style body h1 p main div span mark".split())
    assert hostile in page.text


def test_lists_hold_only_text(hostile: str, assistant_over: Callable[..., FakeAssistant], tmp_path: Path) -> None:
    catalogue = assistant_over(Document(hostile, hostile, hostile, hostile)).documents()
    for html in (
        past.conversations([Kept("0" * 16, hostile, "2026")], "0" * 16, hostile),
        past.chips([hostile]),
        past.within([hostile]),
        listed(catalogue, "", tmp_path),
    ):
        found = Tags(html)
        assert set(found.tags) <= set("section h2 ul li div p a span button strong input svg path".split())
    assert past.chips([]) == past.within([]) == ""


def test_documents_are_found_by_name_title_and_date(fake: FakeAssistant, tmp_path: Path) -> None:
    catalogue = fake.documents()
    assert "2 documents" in listed(catalogue, "", tmp_path)
    for sought in ("ROME", "rome meeting", "2021-06"):
        found = listed(catalogue, sought, tmp_path)
        assert "1 document of 2" in found
        assert "The Rome meeting" in found
    assert "0 documents of 2" in listed(catalogue, "no such thing", tmp_path)
    assert "No documents yet" in listed([], "", tmp_path)
    many = listed([replace(catalogue[0], name=f"{number}.txt") for number in range(MOST_LISTED + 3)], "", tmp_path)
    assert "and 3 more" in many
    assert many.count("<li>") == MOST_LISTED
