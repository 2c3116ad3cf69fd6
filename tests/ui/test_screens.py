"""The screens in a real browser: conversations, documents, the dial, links; and what axe finds wrong with them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from coalition_qa.types import Document, Span
from coalition_qa.ui.exchanges import loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page
    from tests.ui.conftest import FakeAssistant, Served

    Open = Callable[..., Page]
    Ask = Callable[[Page, str], None]

# Gradio counts its events with what pandas 3 deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*future.no_silent_downcasting", "ignore:The copy keyword is deprecated:DeprecationWarning"
)

FIRST = "The coalition met on Monday in Rome."
CHAIRS = "Luigi Di Maio and Antony Blinken chaired the meeting."
SPAIN = "Spain strongly supports a working group for the Sahel."
AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(" ")}`)"""


@pytest.fixture
def assistant(served: Served) -> Iterator[FakeAssistant]:
    """The page's assistant; what was kept is forgotten, and its shelf is put back."""
    before = served.assistant.shelf
    for kept in served.behind.archive.listed(""):
        served.behind.archive.delete("", kept.id)
    yield served.assistant
    served.assistant.shelf, served.assistant.next, served.behind.changes.error = before, (), None


def axe_script() -> str:
    """What finds faults that keep people out; the test is skipped where it is not here."""
    package = find_spec("axe_playwright_python")
    if package is None or package.origin is None:
        absent = "axe is not here: pip install axe-playwright-python"
        pytest.fail(absent) if os.environ.get("CI") else pytest.skip(absent)
    return Path(package.origin).with_name("axe.min.js").read_text("utf-8")


def documents(page: Page) -> None:
    page.get_by_role("link", name="Documents").click()
    page.locator("#listing .docs, #listing .empty").first.wait_for()


def test_a_conversation_comes_back_with_its_sources_after_a_reload(
    open_page: Open, ask: Ask, assistant: FakeAssistant
) -> None:
    from playwright.sync_api import expect

    assistant.answers("Where?", FIRST)
    assistant.answers("And Spain?", SPAIN)
    page = open_page()
    ask(page, "Where?")
    page.get_by_role("button", name="New chat").click()
    page.locator("#bot .example").first.wait_for()
    ask(page, "And Spain?")
    page.reload()
    expect(page.locator("#past .open")).to_have_text(["And Spain?", "Where?"])
    page.locator("#past").get_by_role("button", name="Where?", exact=True).click()
    page.locator("#ref-1-1").click()
    expect(page.locator("#src-1-1")).to_be_focused()
    expect(page.locator("#past [aria-current] .open")).to_have_text("Where?")
    ask(page, "And Spain?")
    assert [turn.question for turn in assistant.asked[-1][1]] == ["Where?"], "it goes on where it ended"
    expect(page.locator("#past .open")).to_have_count(2)


def test_a_question_that_waits_for_its_turn_goes_into_no_other_conversation(
    open_page: Open, ask: Ask, served: Served, assistant: FakeAssistant
) -> None:
    from playwright.sync_api import expect

    assistant.answers("Where?", FIRST)
    assistant.answers("And Spain?", SPAIN)
    page = open_page()
    ask(page, "Where?")
    page.get_by_role("button", name="New chat").click()
    assistant.held = Event()
    others = [open_page() for _ in range(2)]  # as many as are answered at once
    try:
        for other in others:
            other.locator("#ask textarea").fill("And Spain?")
            other.keyboard.press("Enter")
            other.locator("#ask .stop-button").wait_for()
        page.locator("#ask textarea").fill("And Spain?")
        page.keyboard.press("Enter")
        page.wait_for_timeout(500)
        page.locator("#past").get_by_role("button", name="Where?", exact=True).click()
        expect(page.locator("#bot .sentence")).to_have_text(f"{FIRST}[1]")
    finally:
        assistant.held.set()
        assistant.held = None
    for other in others:
        expect(other.locator("#bot .sentence")).to_have_count(1)
    page.wait_for_timeout(500)
    expect(page.locator("#bot .sentence")).to_have_text(f"{FIRST}[1]")
    kept = {one.title: loaded(served.behind.archive.read("", one.id) or "") for one in served.behind.archive.listed("")}
    assert len(kept["Where?"]) == 1


def test_a_conversation_is_renamed_deleted_and_taken_away(open_page: Open, ask: Ask, assistant: FakeAssistant) -> None:
    from playwright.sync_api import expect

    assistant.answers("Where?", FIRST)
    page = open_page()
    ask(page, "Where?")
    page.once("dialog", lambda dialog: dialog.accept("Rome <b>2021</b>"))
    page.get_by_role("button", name="Rename: Where?").click()
    expect(page.locator("#past .open")).to_have_text("Rome <b>2021</b>")
    with page.expect_download() as coming:
        page.locator("#past .away").get_by_role("link", name="JSON").click()
    receipt = json.loads(Path(coming.value.path()).read_text("utf-8"))
    assert receipt["title"] == "Rome <b>2021</b>"
    assert receipt["turns"][0]["answer"]["fingerprint"] == "f" * 64
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Delete: Rome").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete: Rome").click()
    expect(page.locator("#past .open")).to_have_count(0)
    page.locator("#bot .example").first.wait_for()


def test_a_link_carries_a_question_and_chips_lead_on(open_page: Open, assistant: FakeAssistant) -> None:
    assistant.answers("Where & when?", FIRST)
    assistant.answers("Who chaired?", CHAIRS)
    assistant.next = ["Who chaired?"]
    page = open_page(path="/?q=Where+%26+when%3F", ready="#ref-1-1")
    assert page.locator("#bot .question").all_inner_texts() == ["Where & when?"]
    assert "q=" not in page.url, "a reload does not ask again"
    page.get_by_role("group", name="Questions that lead on").get_by_role("button", name="Who chaired?").click()
    page.locator("#ref-2-1").wait_for()
    assert page.locator("#bot .question").all_inner_texts() == ["Where & when?", "Who chaired?"]


def test_many_chips_take_one_line_of_a_phone(open_page: Open, ask: Ask, assistant: FakeAssistant) -> None:
    assistant.answers("Where?", FIRST)
    assistant.next = ["Who chaired the meeting in Rome?", "W" * 80, "What happened in Syria?"]
    page = open_page(width=390, height=844, has_touch=True, is_mobile=True)
    ask(page, "Where?")
    page.locator("#chips .chip").nth(2).wait_for()
    tops = [box["y"] for box in (chip.bounding_box() for chip in page.locator("#chips .chip").all()) if box]
    assert tops == [tops[0]] * 3
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name="What happened in Syria?").tap()
    page.locator("#bot .question").nth(1).wait_for()


def test_an_answer_is_copied_edited_and_asked_again(open_page: Open, ask: Ask, assistant: FakeAssistant) -> None:
    from playwright.sync_api import expect

    assistant.answers("Where?", FIRST, standalone="Where did they meet?")
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, "Where?")
    page.get_by_role("link", name="Copy with sources").click()
    page.get_by_role("link", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f"{FIRST}[1]" in copied
    assert "1. rome.txt, characters 0 to 36" in copied
    page.get_by_role("link", name="Edit the question").click()
    expect(page.locator("#ask textarea")).to_be_focused()
    expect(page.locator("#ask textarea")).to_have_value("Where did they meet?")
    before = len(assistant.asked)
    page.get_by_role("link", name="Ask again").click()
    for _ in range(50):
        page.wait_for_timeout(100)
        if len(assistant.asked) > before:
            break
    page.locator("#ref-1-1").wait_for()
    expect(page.locator("#bot .question")).to_have_count(1)
    assert assistant.asked[before:] == [("Where?", ())], "it takes the old answer's place"


def test_the_dial_is_asked_with_and_says_what_it_means(open_page: Open, ask: Ask, assistant: FakeAssistant) -> None:
    from playwright.sync_api import expect

    assistant.answers("Where?", FIRST)
    page = open_page()
    ask(page, "Where?")
    assert assistant.how[-1] == ("balanced", None)
    page.get_by_role("radio", name="Strict").check(force=True)
    expect(page.locator("#meaning")).to_contain_text("In tests it answered 43%")
    ask(page, "Where?")
    assert assistant.how[-1] == ("strict", None)
    expect(page.locator("#bot .sure").first).to_contain_text(
        "Well supported: the documents hold the answer in about 9 of 10"
    )


def test_a_source_opens_its_document_at_the_sentence(open_page: Open, ask: Ask, assistant: FakeAssistant) -> None:
    from playwright.sync_api import expect

    assistant.answers("And Spain?", SPAIN)
    page = open_page()
    ask(page, "And Spain?")
    with page.context.expect_page() as coming:
        page.get_by_role("link", name="Open The Rome meeting at this place").first.click()
    opened = coming.value
    expect(opened.locator("#here")).to_have_text(SPAIN)
    expect(opened.locator("#here")).to_be_in_viewport()
    assert opened.locator("main").text_content() == assistant.shelf[0].text
    opened.close()


def test_files_go_in_and_a_document_goes_out_with_proof(
    open_page: Open, ask: Ask, assistant: FakeAssistant, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    files = [tmp_path / name for name in ("owls.txt", "bad.txt")]
    for file in files:
        file.write_text("Owls hunt mice at night.", "utf-8")
    page = open_page()
    documents(page)
    page.locator("#drop input[type=file]").set_input_files(files)
    expect(page.locator("#outcome li")).to_contain_text(["Added", "Not added"])
    expect(page.locator("#brand")).to_contain_text("3 documents")
    page.locator("#drop input[type=file]").set_input_files(files[0])
    page.get_by_role("button", name="Go ahead").click()
    expect(page.locator("#outcome li b")).to_have_text("Replaced")
    page.get_by_label("Find a document").fill("owl")
    expect(page.locator("#listing li")).to_have_count(1)
    answer = assistant.answers("elsewhere", FIRST)
    without = tuple(hit for hit in answer.hits if hit.doc != "owls.txt")
    assistant.script["Owls hunt mice at night."] = replace(answer, hits=without)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove owls").click()
    expect(page.locator("#outcome .done")).to_contain_text("owls.txt is removed")
    expect(page.locator("#brand")).to_contain_text("2 documents")


def test_only_chosen_documents_are_asked_until_all_are(open_page: Open, ask: Ask, assistant: FakeAssistant) -> None:
    from playwright.sync_api import expect

    assistant.answers("Where?", FIRST)
    page = open_page()
    documents(page)
    chosen = page.get_by_role("button", name="Ask only the chosen ones")
    expect(chosen).to_be_disabled()
    page.get_by_role("checkbox", name="Choose The Rome meeting").check()
    chosen.click()
    expect(page.locator("#within")).to_contain_text("Asking only 1 document: rome.txt")
    ask(page, "Where?")
    assert assistant.how[-1][1] == ("rome.txt",)
    expect(page.locator("#bot .thought-group .title")).to_contain_text("Searched 1 chosen document")
    page.get_by_role("button", name="Ask all documents").click()
    expect(page.locator("#within .within")).to_have_count(0)
    ask(page, "Where?")
    assert assistant.how[-1][1] is None


def test_an_empty_library_and_a_busy_one_say_so(open_page: Open, assistant: FakeAssistant, served: Served) -> None:
    from playwright.sync_api import expect

    from coalition_qa.types import LibraryBusy

    assistant.shelf = []
    page = open_page(ready="#bot .welcome a")
    page.get_by_role("link", name="Add your documents").click()
    expect(page.locator("#listing .empty")).to_contain_text("No documents yet.")
    served.behind.changes.error = LibraryBusy("The library is being changed by process 7: wait for it or stop it.")
    page.get_by_role("button", name="Sync with the folder").click()
    expect(page.locator("#outcome").get_by_role("alert")).to_contain_text("being changed by process 7")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_keyboard_alone_reaches_everything(open_page: Open, ask: Ask, assistant: FakeAssistant, width: int) -> None:
    assistant.answers("Where?", FIRST)
    page = open_page(width=width)
    ask(page, "Where?")
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent || '').trim()")
        )
    wanted = ["Ask", "Documents", "Evaluation", "New chat", "[1]", "Copy with sources", "Ask again", "Wrong passage"]
    wanted += ["1", "Read but not cited (3)"]
    wanted += ["Chats"] if width == 390 else ["Where?", "Rename: Where?", "Delete: Where?"]
    assert [what for what in wanted if what not in reached] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_hostile_names_and_texts_run_nothing_anywhere(
    open_page: Open, ask: Ask, assistant: FakeAssistant, hostile: str
) -> None:
    text = " ".join(hostile.split())
    assistant.shelf = [
        Document(f"{number} {text}", f"{text} {number}.", f"{text} {number}", text) for number in range(100)
    ]
    answer = assistant.answers(text, f"{text} 7.", short=text)
    assistant.answers("Again?", f"{text} 8.")
    assistant.next = [text]
    page = open_page(ready="#bot .welcome")
    ask(page, text)
    page.locator("#chips .chip").wait_for()
    assert page.locator("#past .open").first.inner_text().startswith("<img src=x …")
    documents(page)
    assert page.locator("#listing li").count() == 100
    for box in page.locator("#listing li input").all()[:4]:
        box.check()
    page.get_by_role("button", name="Ask only the chosen ones").click()
    page.locator("#within .within").wait_for()
    found = "#room img, #room iframe, #room script, #shelf img, #shelf script, #shelf iframe"
    assert page.locator(found).count() == 0
    assert page.evaluate("window.pwned") is None
    span = answer.citations[0].span
    page.goto(page.url.partition("#")[0] + page.locator(".card .to").first.get_attribute("href").lstrip("/"))
    assert page.locator("#here").inner_text() == Span(span.start, span.end).of(assistant.shelf[7].text)
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_serious(
    open_page: Open, ask: Ask, assistant: FakeAssistant, scheme: str, width: int
) -> None:
    script = axe_script()
    assistant.answers("Where?", FIRST, short="Rome")
    assistant.abstains("Who won?", "No passage answers this.", SPAIN)
    assistant.script["Break!"] = RuntimeError("forced")
    assistant.next = ["Where?"]
    page = open_page(color_scheme=scheme, width=width)
    page.evaluate(script)
    assert page.evaluate(AXE) == []
    for question in ("Who won?", "Break!", "Where?"):
        ask(page, question)
    page.locator("#chips .chip").wait_for()
    assert page.evaluate(AXE) == []
    documents(page)
    page.locator("#listing input").first.check()
    assert page.evaluate(AXE) == []
    page.goto(page.url.partition("#")[0] + "document?name=rome.txt&start=0&end=36#here")
    page.evaluate(script)
    assert page.evaluate(AXE) == []
