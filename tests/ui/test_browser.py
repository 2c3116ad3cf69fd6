"""The page in a real browser. Skipped where there is no Chromium, except in CI, where that is a failure."""

from __future__ import annotations

import re
from threading import Event
from typing import TYPE_CHECKING

import pytest

from coalition_qa.types import QuestionError, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page
    from tests.ui.conftest import Served

    Open = Callable[..., Page]
    Ask = Callable[[Page, str], None]

# Gradio counts its events with what pandas 3 deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*future.no_silent_downcasting", "ignore:The copy keyword is deprecated:DeprecationWarning"
)

FIRST = "The coalition met on Monday in Rome."
SECOND = "It was the first meeting in almost two years."
CHAIRS = "Luigi Di Maio and Antony Blinken chaired the meeting."
SPAIN = "Spain strongly supports a working group for the Sahel."

CONTRAST = """selector => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const text = document.querySelector(selector);
  let behind = text;
  while (parts(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const [a, b] = [getComputedStyle(text).color, getComputedStyle(behind).backgroundColor].map(parts).map(light);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


def test_a_click_on_a_citation_shows_its_sentence(open_page: Open, ask: Ask, served: Served) -> None:
    from playwright.sync_api import expect

    served.assistant.answers("Where?", FIRST, CHAIRS, short="Rome")
    page = open_page(height=500)
    ask(page, "Where?")
    assert page.locator("#bot .answer").inner_text() == f"Rome[1]\n\n{FIRST}[1]\n{CHAIRS}[2]"
    page.get_by_role("link", name="[2]").click()
    mark = page.locator("#src-1-2")
    expect(mark).to_be_focused()
    expect(mark).to_be_in_viewport()
    assert mark.inner_text() == CHAIRS
    assert page.locator(".card.lit .passage").inner_text().startswith(f"{CHAIRS}\nAbout twenty ministers")
    assert page.locator(".card.lit .meta").inner_text() == "rome.txt · 2021-06-28"


def test_the_keyboard_goes_to_the_source_and_back(open_page: Open, ask: Ask, served: Served) -> None:
    from playwright.sync_api import expect

    served.assistant.answers("Where?", FIRST, SECOND, CHAIRS)
    page = open_page()
    ask(page, "Where?")
    page.locator("#ref-1-3").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#src-1-3")).to_be_focused()
    page.get_by_role("link", name="3", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#ref-1-3")).to_be_focused()
    assert page.locator("#bot [data-testid][aria-label]").count() == 0, "raw source as a label"
    assert page.locator("#bot .arrow button:enabled").count() == 0, "a nameless button within a button"
    step = page.locator("#bot .thought-group .title")
    step.focus()
    page.keyboard.press("Enter")
    expect(step).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    page.evaluate("document.body.append('')")  # anything that changes the page while the step slides shut
    page.keyboard.press("Enter")
    expect(step).to_have_class(re.compile("expanded"))
    expect(step).to_have_attribute("aria-expanded", "true")
    assert "Read 4 passages from 2 documents" in page.locator("#bot .effort").inner_text()


def test_an_abstention_is_a_card_and_its_passages_are_no_answer(open_page: Open, ask: Ask, served: Served) -> None:
    served.assistant.abstains("Who won?", "No passage answers this.", FIRST)
    page = open_page()
    ask(page, "Who won?")
    assert page.locator("#bot .abstained").inner_text().split("\n\n") == [
        "The documents don’t say",
        "No passage answers this.",
        "Searched 2 documents for “Who won?” and read 4 passages.",
        "On Helpful, the setting below the box, its best guess would be shown.",
    ]
    assert page.get_by_role("heading", name="Closest passages (not an answer)").is_visible()
    assert page.locator("#bot a.cite").count() == 0


def test_a_follow_up_knows_what_went_before(open_page: Open, ask: Ask, served: Served) -> None:
    served.assistant.answers("Where?", FIRST, standalone="Where did the coalition meet?")
    served.assistant.answers("Who chaired it?", CHAIRS, standalone="Who chaired the coalition's meeting?")
    page = open_page()
    ask(page, "Where?")
    ask(page, "Who chaired it?")
    assert served.assistant.asked[-1] == ("Who chaired it?", (Turn("Where did the coalition meet?", FIRST),))
    steps = page.locator("#bot .thought-group .title").all_inner_texts()
    assert "Searched 2 documents for: Who chaired the coalition's meeting?" in steps[1]
    page.locator("#new").click()
    page.locator("#bot .example").first.wait_for()
    ask(page, "Where?")
    assert served.assistant.asked[-1] == ("Where?", ())


def test_a_long_answer_is_shown_from_its_beginning(open_page: Open, ask: Ask, served: Served) -> None:
    from playwright.sync_api import expect

    served.assistant.answers("Where?", *[FIRST, SECOND, CHAIRS, SPAIN] * 9, short="Rome")
    page = open_page(width=390, height=844, has_touch=True, is_mobile=True)
    for turn in (1, 2):
        ask(page, "Where?")
        expect(page.locator("#bot .short").nth(turn - 1)).to_be_in_viewport()
        expect(page.locator("#bot .question").nth(turn - 1)).to_be_in_viewport()
        expect(page.locator("#bot .verdicts").nth(turn - 1)).not_to_be_in_viewport()
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")  # to the end of the sources


def test_an_earlier_answers_markers_still_lead_to_their_sources(open_page: Open, ask: Ask, served: Served) -> None:
    from playwright.sync_api import expect

    served.assistant.answers("Where?", FIRST)
    served.assistant.answers("And Spain?", SPAIN)
    page = open_page()
    ask(page, "Where?")
    ask(page, "And Spain?")
    assert page.locator("#src-2-1").is_visible()
    assert not page.locator("#src-1-1").is_visible(), "folded away"
    page.locator("#ref-1-1").click()
    expect(page.locator("#src-1-1")).to_be_focused()
    expect(page.locator("#src-1-1")).to_be_in_viewport()
    assert page.locator("#src-1-1").inner_text() == FIRST


def test_hostile_documents_and_questions_are_only_text(open_page: Open, ask: Ask, served: Served, hostile: str) -> None:
    odd = served.assistant.shelf[1]
    question = " ".join(f"What is <b>bold</b>? {hostile}".split())
    quote = odd.text.removeprefix("Before. ").removesuffix(" After.")
    served.assistant.answers(question, quote, short=quote, standalone=question)
    served.assistant.abstains("Odd?", question, quote)
    page = open_page()
    ask(page, question)
    assert page.locator("#bot .question").inner_text() == question
    assert page.locator("#bot .sentence").inner_text() == f"{quote}[1]"
    assert question in page.locator("#bot .thought-group .title").inner_text()
    assert page.locator(".card .passage").first.inner_text() == odd.text
    assert page.locator(".card h3").first.inner_text() == odd.title
    ask(page, "Odd?")
    assert page.locator("#bot .abstained p").first.inner_text() == question
    assert page.evaluate("window.pwned") is None
    assert page.locator("#bot img, #panel img, #room script, #room iframe, #bot b, #bot em").count() == 0
    links = [link.get_attribute("href") or "#" for link in page.locator("#room a").all()]
    assert [link for link in links if not link.startswith(("#", "/document?", "/export/"))] == []


def test_after_an_error_the_box_goes_on(open_page: Open, ask: Ask, served: Served) -> None:
    served.assistant.script["Break!"] = RuntimeError("forced")
    served.assistant.script["Too long!"] = QuestionError("The question is too long.")
    served.assistant.answers("Where?", FIRST)
    page = open_page()
    ask(page, "Break!")
    ask(page, "Too long!")
    assert page.locator("#bot .error").all_inner_texts() == [
        "Something went wrong; nothing was lost. (RuntimeError)",
        "The question is too long.",
    ]
    ask(page, "Where?")
    assert page.locator("#bot .sentence").count() == 1
    assert page.locator("#ask textarea").input_value() == ""


def test_a_question_can_be_stopped_and_is_not_asked_twice(open_page: Open, ask: Ask, served: Served) -> None:
    assistant = served.assistant
    assistant.answers("Where?", FIRST)
    assistant.held = Event()
    page = open_page()
    try:
        before = len(assistant.asked)
        page.locator("#ask textarea").fill("Where?")
        page.keyboard.press("Enter")
        page.locator("#ask .stop-button").wait_for()
        page.keyboard.type("And then?")
        page.keyboard.press("Enter")
        page.locator("#ask .stop-button").click()
        page.get_by_text("Stopped before there was an answer.").wait_for()
        page.locator("#ask .submit-button").wait_for()
        assert len(assistant.asked) == before + 1
        assert page.locator("#ask textarea").input_value() == "And then?"
    finally:
        assistant.held.set()
        assistant.held = None
    page.wait_for_timeout(300)
    ask(page, "Where?")
    assert page.locator("#bot .sentence").count() == 1


def test_an_example_asks_itself(open_page: Open, ask: Ask, served: Served) -> None:
    from playwright.sync_api import expect

    served.assistant.answers("Who chaired the meeting?", CHAIRS)
    page = open_page()
    assert page.locator("#brand p").inner_text() == "2 documents, 4 passages, offline"
    page.get_by_role("button", name="Who chaired the meeting?").click()
    page.locator("#ref-1-1").wait_for()
    expect(page.locator("#ask textarea")).to_be_focused()


def test_a_phone_shows_one_column_without_scrolling_sideways(open_page: Open, ask: Ask, served: Served) -> None:
    from playwright.sync_api import expect

    served.assistant.answers("W" * 120, FIRST, CHAIRS)
    page = open_page(width=390, height=844, has_touch=True, is_mobile=True)
    ask(page, "W" * 120)
    box, sources = page.locator("#ask").bounding_box(), page.locator("#sources").bounding_box()
    assert box is not None
    assert sources is not None
    assert sources["y"] >= box["y"] + box["height"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("#ref-1-2").tap()
    expect(page.locator("#src-1-2")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_can_be_read(open_page: Open, ask: Ask, served: Served, scheme: str) -> None:
    served.assistant.answers("Where?", FIRST, short="Rome")
    served.assistant.abstains("Who won?", "No passage answers this.", SPAIN)
    served.assistant.script["Break!"] = RuntimeError("forced")
    page = open_page(color_scheme=scheme)
    ask(page, "Who won?")
    ask(page, "Break!")
    ask(page, "Where?")
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    texts = (
        "#brand h1, #brand p, #new, #bot .question, #bot .sentence, #bot .short strong, #bot a.cite, "
        "#bot .abstained p, #bot .error, #bot .thought-group .title p, #bot .duration, .about, "
        ".card h3, .card .meta, .card .passage, .card mark, .number, summary, #ask textarea"
    )
    faint = {text: page.evaluate(CONTRAST, text) for text in texts.split(", ")}
    assert {text: round(ratio, 2) for text, ratio in faint.items() if ratio < 4.5} == {}
