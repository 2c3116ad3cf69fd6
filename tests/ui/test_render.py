"""What the page shows, as HTML: that it is all there, that the links lead somewhere, and that nothing gets out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.types import Document, Sentence
from coalition_qa.ui import render, sources
from coalition_qa.ui.exchanges import Exchange
from coalition_qa.ui.html import escaped, stressed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.conftest import FakeAssistant

FIRST = "The coalition met on Monday in Rome."
SECOND = "It was the first meeting in almost two years."
CHAIRS = "Luigi Di Maio and Antony Blinken chaired the meeting."
ATTRIBUTES = set("class id href title tabindex hidden target rel aria-label".split())
ATTRIBUTES |= {"data-n", "data-turn", "data-searched", "data-markdown"}
HARMLESS = set("div p h1 h2 h3 span a b strong ul li code mark article details summary".split())


class Parsed(HTMLParser):
    """The tags, ids, links, attributes and texts of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(html)

    def leading(self, start: str) -> list[str]:
        """The links within the page that begin so."""
        return [link for link in self.links if link.startswith(start)]

    def called(self, start: str) -> list[str]:
        """The ids that begin so."""
        return [id_ for id_ in self.ids if id_.startswith(start)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        self.tags.append(tag)
        self.attributes |= set(named)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"].removeprefix("#")] if "href" in named else []
        kind = named.get("class") or tag
        self._open.append((tag, kind))
        self.texts.setdefault(kind, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, kind in self._open:
            self.texts[kind][-1] += data


def chat(*exchanges: Exchange, shown: int | None = None) -> str:
    return "\n".join(message["content"] for message in render.messages(exchanges, shown))


def test_escaped_text_reads_the_same_and_holds_no_markup(hostile: str) -> None:
    assert unescape(escaped(hostile)) == hostile
    assert not set(escaped(hostile)) & set("<>\"'*_[]()`$~|!{}:@.\n\r\t\\")
    assert escaped("\ud800") == "?"


def test_header_counts(fake: FakeAssistant) -> None:
    assert "2 documents, 4 passages, offline" in render.header(fake.documents())
    assert "1 document, 3 passages, offline" in render.header(fake.documents()[:1])


def test_an_empty_library_says_what_to_do(tmp_path: Path) -> None:
    empty = unescape(render.welcome([], tmp_path))
    assert "No documents yet" in empty
    assert 'href="#/documents"' in empty
    assert str(tmp_path) in empty


def test_a_pending_question_shows_the_search() -> None:
    user, step = render.messages([Exchange("Who?", searched=42)])
    assert user == {"role": "user", "content": '<div class="question">Who?</div>'}
    assert step["metadata"] == {"title": "Searching 42 documents …", "status": "pending"}


def test_an_answer_is_step_then_short_answer_then_sentences(fake: FakeAssistant) -> None:
    answer = fake.answers("Where?", FIRST, CHAIRS, short="Rome", standalone="Where did the coalition meet?")
    _, step, text = render.messages([Exchange("Where?", 2, answer, seconds=0.25)])
    title = "Searched 2 documents for: Where did the coalition meet?"
    assert step["metadata"] == {"title": title, "status": "done", "duration": 0.25}
    assert "Read 4 passages from 2 documents" in step["content"]
    assert "retrieval: 3 ms" in unescape(step["content"])
    shown = Parsed(text["content"])
    assert shown.texts["answer"] == [f"Rome[1]{FIRST}[1] {CHAIRS}[2]"]
    assert shown.texts["strong"] == ["Rome"]
    judged = [f"{verdict}-1" for verdict in render.VERDICTS]
    assert shown.links == ["src-1-1", "src-1-1", "src-1-2", "copy-1", "edit-1", "again-1", *judged]
    assert shown.ids == ["ref-1-1", "ref-1-2"]


def test_the_short_answer_leads_to_its_sentence_and_stands_out_there(fake: FakeAssistant) -> None:
    exchange = Exchange("Who?", 2, fake.answers("Who?", FIRST, CHAIRS, short="Antony Blinken"))
    shown, panel = Parsed(chat(exchange)), Parsed(sources.panel([exchange]))
    assert shown.links[:3] == ["src-1-2", "src-1-1", "src-1-2"]
    assert shown.texts["key"] == panel.texts["key"] == ["Antony Blinken"]


@pytest.mark.parametrize(
    ("phrases", "shown"),
    [
        ([], "In 1940 and 40 <b>"),
        (["40"], "In 1940 and **40** <b>"),
        (["40", "1940", "40"], "In **1940** and **40** <b>"),
        (["<b>", "nowhere"], "In 1940 and 40 **<b>**"),
        (["In 1940 and 40 <b>"], "In 1940 and 40 <b>"),
    ],
)
def test_phrases_stand_out_where_they_are_whole_words(phrases: list[str], shown: str) -> None:
    said = stressed("In 1940 and 40 <b>", phrases)
    assert unescape(said.replace('<b class="key">', "**").replace("</b>", "**")) == shown


def test_sentences_come_one_by_one(fake: FakeAssistant) -> None:
    answer = fake.answers("Where?", FIRST, CHAIRS, short="Rome")
    earlier, latest = Exchange("Before?", 2, answer), Exchange("Where?", 2, answer)
    for shown in (0, 1, 2):
        *_, last = render.messages([earlier, latest], shown)
        assert Parsed(last["content"]).texts.get("sentence", []) == [f"{FIRST}[1]", f"{CHAIRS}[2]"][:shown]
        assert chat(earlier, latest, shown=shown).count('href="#src-1-') == 3


def test_every_marker_leads_to_a_mark_and_back(fake: FakeAssistant) -> None:
    answer = fake.answers("Where?", FIRST, SECOND, CHAIRS)
    again = replace(answer, sentences=(*answer.sentences, Sentence("Rome it was.", answer.sentences[0].citations)))
    exchanges = [Exchange("Where?", 2, again), Exchange("And?", 2, error="no"), Exchange("Where?", 2, answer)]
    markers, panel = Parsed(chat(*exchanges)), Parsed(sources.panel(exchanges))
    to_marks = markers.leading("src-")
    assert to_marks == ["src-1-1", "src-1-2", "src-1-3", "src-1-1", "src-3-1", "src-3-2", "src-3-3"]
    assert set(to_marks) == set(panel.called("src-"))
    assert set(panel.leading("ref-")) == set(markers.ids)
    asked = [int(link.rpartition("-")[2]) for link in markers.leading("again-")]
    assert [f"said-{turn}" for turn in asked] == panel.called("said-")
    assert len(set(markers.ids)) == len(markers.ids)
    assert len(set(panel.ids)) == len(panel.ids)


def test_one_card_a_passage_with_each_cited_sentence_marked(fake: FakeAssistant) -> None:
    answer = fake.answers("Where?", FIRST, SECOND, CHAIRS)
    html = sources.panel([Exchange("Where?", 2, answer, dates={"rome.txt": "2021-06-28"})])
    panel = Parsed(html)
    assert panel.texts["mark"] == [FIRST, SECOND, CHAIRS]
    assert panel.texts["numbers"] == ["12", "3"]
    assert panel.texts["passage"][:2] == [hit.passage.text for hit in answer.hits[:2]]
    assert panel.texts["meta"][0] == "rome.txt · 2021-06-28"
    assert panel.texts["h3"][0] == "The Rome meeting"
    assert panel.texts["summary"] == ["Read but not cited (2)"]
    assert 'data-n="1"' in html


def test_overlapping_citations_are_marked_without_losing_a_letter(fake: FakeAssistant) -> None:
    answer = fake.answers("Where?", "The coalition met on Monday", "met on Monday in Rome.", "The coalition")
    panel = Parsed(sources.panel([Exchange("Where?", 2, answer)]))
    assert "".join(panel.texts["mark"]) == FIRST
    assert panel.texts["passage"][0] == answer.hits[0].passage.text
    assert sorted(panel.called("src-")) == ["src-1-1", "src-1-2", "src-1-3"]


def test_a_citation_outside_the_passages_read_shows_its_quote(fake: FakeAssistant) -> None:
    answer = fake.answers("Where?", FIRST, CHAIRS)
    html = sources.panel([Exchange("Where?", 2, replace(answer, hits=answer.hits[1:]))])
    assert Parsed(html).texts["passage"][0] == FIRST
    assert Parsed(html).texts["mark"] == [FIRST, CHAIRS]


def test_an_abstention_is_a_card_and_the_closest_passages_are_called_that(fake: FakeAssistant) -> None:
    answer = fake.abstains("Who won?", "Nothing about it.", FIRST)
    exchange = Exchange("Who won?", 2, answer)
    card = Parsed(chat(exchange)).texts["notice abstained"]
    said = "Searched 2 documents for “Who won?” and read 4 passages."
    assert card == [f"The documents don’t sayNothing about it.{said}"]
    panel = Parsed(sources.panel([exchange]))
    assert panel.texts["h2"] == ["Closest passages (not an answer)"]
    assert panel.texts["summary"] == ["Further off (1)"]
    assert len(panel.texts["card"]) == 4
    assert "mark" not in panel.tags
    nothing = Parsed(sources.panel([Exchange("Who won?", 0, replace(answer, hits=()))]))
    assert nothing.texts["h2"] == ["No passage comes close"]


def test_earlier_sources_are_folded_below_the_latest(fake: FakeAssistant) -> None:
    first, second = fake.answers("Where?", FIRST), fake.answers("Who?", CHAIRS)
    panel = Parsed(sources.panel([Exchange("Where?", 2, first), Exchange("Who?", 2, second)]))
    assert panel.texts["earlier"][0].startswith("Earlier: Where?")
    assert panel.called("src-") == ["src-2-1", "src-1-1"]


def test_errors_and_given_up_questions_say_so() -> None:
    assert "notice error" in chat(Exchange("Why?", error="The library is <busy>."))
    assert "&#60;busy&#62;" in chat(Exchange("Why?", error="The library is <busy>."))
    assert "Stopped before there was an answer." in chat(Exchange("Why?", stopped=True))


def test_hostile_text_stays_text(assistant_over: Callable[..., FakeAssistant], hostile: str) -> None:
    assistant = assistant_over(Document(hostile, hostile, hostile, hostile))
    answer = assistant.answers(hostile, hostile, short=hostile)
    exchanges = [Exchange(hostile, 1, answer, {hostile: hostile}), Exchange(hostile, 1, error=hostile)] * 2
    exchanges.append(Exchange(hostile, 1, replace(answer, status="abstained", reason=hostile), {hostile: hostile}))
    texts = [message["content"] for message in render.messages(exchanges)]
    texts += [message["metadata"]["title"] for message in render.messages(exchanges) if "metadata" in message]
    assert not any("\n" in text for text in texts), "a line end would end the HTML block, and Markdown begin"
    for html in (*texts, sources.panel(exchanges)):
        parsed = Parsed(html)
        assert set(parsed.tags) <= HARMLESS
        assert parsed.attributes <= ATTRIBUTES
    assert hostile in Parsed(sources.panel(exchanges)).texts["passage"][0]


def test_the_page_module_does_not_import_gradio() -> None:
    code = "import sys, coalition_qa.ui; sys.exit('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_card_says_the_page_of_its_first_citation(fake: FakeAssistant) -> None:
    answer = fake.answers("Where?", FIRST, SECOND)
    (first,), (second,) = (sentence.citations for sentence in answer.sentences)
    paged = [
        replace(sentence, citations=(replace(citation, page=page),))
        for sentence, citation, page in zip(answer.sentences, (first, second), (4, 3), strict=True)
    ]
    hits = tuple(replace(hit, pages=(0, 0, 0, len(FIRST) + 1)) for hit in answer.hits)
    html = sources.panel([Exchange("Where?", 2, replace(answer, sentences=tuple(paged), hits=hits))])
    assert Parsed(html).texts["meta"][:2] == ["rome.txt · page 3", "rome.txt · page 4"]
