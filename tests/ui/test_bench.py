"""The evaluation's screen: what its events show, and the whole of it in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.ui.conftest import FakeMeasures
from tests.ui.test_screens import AXE, axe_script

from coalition_qa.ui import Failure, Judged, Run
from coalition_qa.ui.bench import Examiner
from coalition_qa.ui.runs import MOST_FAILURES, controls, failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page
    from tests.ui.conftest import FakeAssistant, Served

    from coalition_qa.ui import Behind

    Open = Callable[..., Page]
    Ask = Callable[[Page, str], None]

# Gradio counts its events with what pandas 3 deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*future.no_silent_downcasting", "ignore:The copy keyword is deprecated:DeprecationWarning"
)

FIRST = "The coalition met on Monday in Rome."
WHOLE = Run("20261101-120000-all", "gold.jsonl, all", "2026-11-01 12:00 UTC", 4, 4, "50% right")


@pytest.fixture
def examiner(fake: FakeAssistant, stand: Callable[..., Behind]) -> Callable[[FakeMeasures], Examiner]:
    """Makes an examiner over these measures that never waits."""
    return lambda measures: Examiner(stand(fake, measures=measures), lambda seconds: None)


def test_a_run_is_shown_from_its_start_to_its_verdict(examiner: Callable[[FakeMeasures], Examiner]) -> None:
    shown = list(examiner(FakeMeasures()).run("", {"do": "start", "fields": {"key": "test"}}))
    first, *between, last = shown
    assert 'data-do="stop"' in first[0]
    assert all(each[0] is None and each[2] is None for each in between), "the button keeps the focus"
    assert any('value="2" max="4"' in bar for _, bar, _ in between)
    assert 'data-do="start"' in last[0]
    assert last[1] == ""
    assert "50% right" in last[2].replace("&#46;", ".")


def test_a_run_that_was_stopped_says_that_it_goes_on(examiner: Callable[[FakeMeasures], Examiner]) -> None:
    measures = FakeMeasures(slow=True)
    made = examiner(measures)
    watched = made.run("", {"do": "start", "fields": {"key": "test"}})
    for _ in range(4):
        next(watched)
    (stopped,) = made.run("", {"do": "stop"})
    assert "goes on at 2 of 4" in stopped[0]
    assert "stopped at 2 of 4" in stopped[2]
    assert list(watched)[-1][1] == "", "whoever watched it sees that, too"
    measures.slow = False
    assert "50% right" in list(made.run("", {"do": "start", "fields": {"key": "test"}}))[-1][2]
    assert len(measures.kept) == 1


def test_what_cannot_be_done_is_one_line(
    examiner: Callable[[FakeMeasures], Examiner], caplog: pytest.LogCaptureFixture
) -> None:
    made = examiner(FakeMeasures(error="No <b>such</b> questions."))
    *_, (started, _, _) = made.run("", {"do": "start"})
    _, looked = made.look("", {"do": "report", "id": "x"})
    _, failed = made.look("", {"do": "failures", "id": "x"})
    for html in (started, looked, failed, made.write("", {"do": "add", "fields": {"question": "Who?"}})):
        assert 'role="alert"' in html
        assert "No &#60;b&#62;such" in html
    _, odd = made.look("", {"do": "compare", "ids": ["one"]})
    assert "Something went wrong; nothing was lost" in odd
    assert "ValueError" in caplog.text


def test_an_item_is_written_with_a_quote_from_what_was_found(
    examiner: Callable[[FakeMeasures], Examiner], fake: FakeAssistant
) -> None:
    measures = FakeMeasures()
    made = examiner(measures)
    fake.answers("Where?", FIRST)
    found = made.write("", {"do": "find", "fields": {"question": "Where?"}})
    assert found.count('class="sentence"') == len(fake.hits())
    assert 'value="Where?"' in found
    wrong = made.write("ann", {"do": "add", "fields": {"question": "Where?", "answers": "Rome"}})
    assert "answerable without evidence" in wrong
    assert 'value="Where?"' in wrong, "nothing that was typed is lost"
    fields = {"question": "Where?", "answers": "Rome", "quote": FIRST, "doc": "rome.txt"}
    assert "Added as q001" in made.write("ann", {"do": "add", "fields": fields})
    assert "Added as q002" in made.write("ann", {"do": "add", "fields": {"question": "Who won?", "absent": "on"}})
    assert measures.items == [
        ("ann", Judged("Where?", True, ("Rome",), FIRST, "rome.txt")),
        ("ann", Judged("Who won?", False)),
    ]


def test_failures_stand_beside_gold_and_nothing_of_them_is_markup(hostile: str) -> None:
    html = failures([Failure(hostile, "factoid", hostile, hostile)] * (MOST_FAILURES + 1))
    assert html.count("<article") == MOST_FAILURES
    assert "<img" not in html
    assert "<script" not in html
    assert "The first 200" in html


def test_without_gold_the_way_to_some_is_shown() -> None:
    assert "No gold questions yet" in controls((), (), None)


@pytest.fixture
def measures(served: Served) -> Iterator[FakeMeasures]:
    """What the page measures with, empty before and after."""
    found = served.behind.measures
    assert isinstance(found, FakeMeasures)
    yield found
    found.kept, found.items, found.wrong, found.error, found.slow = [], [], (), "", False


def evaluation(page: Page) -> None:
    page.get_by_role("link", name="Evaluation").click()
    page.locator("#controls form, #controls button").first.wait_for()


def test_an_answer_is_judged_and_becomes_a_gold_question(
    open_page: Open, ask: Ask, served: Served, measures: FakeMeasures
) -> None:
    from playwright.sync_api import expect

    served.assistant.answers("Where?", FIRST, short="Rome")
    page = open_page()
    ask(page, "Where?")
    page.get_by_role("link", name="Wrong passage").click()
    dialog = page.get_by_role("dialog", name="Wrong passage")
    expect(dialog.get_by_label("The right answer")).to_be_focused()
    expect(dialog.get_by_label("The right answer")).to_have_value("Rome")
    dialog.get_by_role("button", name="Keep as a gold question").click()
    expect(dialog.get_by_role("alert")).to_contain_text("answerable without evidence")
    dialog.locator(".sentence").first.click()
    dialog.get_by_role("button", name="Keep as a gold question").click()
    expect(page.locator(".toast")).to_have_text("Kept as q001 in your gold questions.")
    quote = served.assistant.hits()[0].passage.text
    assert measures.items == [("", Judged("Where?", True, ("Rome",), quote, "rome.txt"))]
    for _ in range(2):
        page.get_by_role("link", name="Right", exact=True).click()
        expect(page.get_by_role("dialog", name="Right")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)


def test_a_run_is_stopped_goes_on_and_is_looked_at(open_page: Open, measures: FakeMeasures) -> None:
    from playwright.sync_api import expect

    measures.slow, measures.kept = True, [WHOLE]
    measures.wrong = [Failure("Who won?", "factoid", "Spain", "(not in the documents)")]
    page = open_page()
    evaluation(page)
    page.get_by_label("Gold questions").select_option("test")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "2")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#runs li").first).to_contain_text("stopped at 2 of 4")
    measures.slow = False
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#runs li").first).to_contain_text("50% right")
    page.get_by_role("button", name="Not right in gold.jsonl").first.click()
    expect(page.locator(".pair div")).to_have_text(["SaidSpain", "Gold(not in the documents)"])
    for box in page.locator("#runs input").all():
        box.check()
    page.get_by_role("button", name="Compare the two chosen").click()
    frame = page.frame_locator("#shown iframe")
    expect(frame.locator("h1")).to_contain_text(f" and {WHOLE.id}")
    page.locator("#runs").get_by_role("button", name="Report of").first.click()
    expect(frame.locator("p")).to_have_count(60)
    page.wait_for_function("document.querySelector('#shown iframe').offsetHeight > 1500")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete gold.jsonl, 2").click()
    expect(page.locator("#runs li")).to_have_count(1)


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1440), ("light", 390)])
def test_an_item_is_added_and_axe_finds_nothing_serious(
    open_page: Open, ask: Ask, served: Served, measures: FakeMeasures, scheme: str, width: int
) -> None:
    from playwright.sync_api import expect

    script = axe_script()
    served.assistant.answers("Where?", FIRST)
    measures.kept, measures.wrong = [WHOLE], [Failure("Who won?", "factoid", "Spain", "(not in the documents)")]
    page = open_page(color_scheme=scheme, width=width)
    page.evaluate(script)
    ask(page, "Where?")
    page.get_by_role("link", name="Wrong answer").click()
    page.get_by_role("dialog").wait_for()
    assert page.evaluate(AXE) == []
    page.get_by_role("button", name="Cancel").click()
    edge = "(name) => document.querySelector(name).getBoundingClientRect()"
    if width == 390:
        assert page.evaluate(edge, "#brand nav")["right"] <= page.evaluate(edge, "#chats")["left"], "nothing overlaps"
    evaluation(page)
    page.get_by_role("button", name="Not right in").click()
    page.locator(".pair").wait_for()
    page.get_by_label("Question", exact=True).fill("Where?")
    page.get_by_role("button", name="Find passages").click()
    page.locator("#adding .sentence").first.click()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#adding").get_by_role("alert")).to_have_count(0)
    expect(page.locator("#adding").get_by_role("status")).to_contain_text("Added as q001")
    assert measures.items[0][1].doc == "rome.txt"
    measures.error = "The item was not added: <i>nothing</i> like it is there."
    page.get_by_label("Question", exact=True).fill("Why?")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#adding").get_by_role("alert")).to_contain_text("<i>nothing</i> like it")
    assert page.evaluate(AXE) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_reports_are_framed_by_nobody_else_and_run_nothing(served: Served, measures: FakeMeasures) -> None:
    import httpx

    for path in ("report?run=a", "compared?one=a&other=b"):
        found = httpx.get(f"{served.address}/evaluation/{path}")
        assert found.headers["x-frame-options"] == "SAMEORIGIN"
        policy = found.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
    measures.error = "There is no such run."
    refused = httpx.get(f"{served.address}/evaluation/report?run=../../x")
    assert (refused.status_code, refused.text) == (404, "There is no such run.")


def test_nothing_that_writes_is_open_to_programs(served: Served) -> None:
    import httpx

    named = httpx.get(f"{served.address}/gradio_api/info").json()["named_endpoints"]
    assert set(named) <= {"/query", "/ask"}
