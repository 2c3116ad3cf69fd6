"""The page's behaviour as plain generators, its machine interface over HTTP, and its server."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from html import unescape
from pathlib import Path
from threading import Event, Semaphore
from typing import TYPE_CHECKING, Any

import pytest

from coalition_qa.types import LibraryBusy, QuestionError, SettingsError, Turn
from coalition_qa.ui import server
from coalition_qa.ui.asking import How, Ticket, View, converse
from coalition_qa.ui.exchanges import Exchange, loaded, settled
from coalition_qa.ui.page import Greeting
from coalition_qa.ui.tabs import Tab
from coalition_qa.ui.talk import Busy, leading_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.conftest import FakeAssistant, Served

    from coalition_qa.config import Settings
    from coalition_qa.ui import Behind

# Gradio counts its events with what pandas 3 deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*future.no_silent_downcasting", "ignore:The copy keyword is deprecated:DeprecationWarning"
)

FIRST = "The coalition met on Monday in Rome."
CHAIRS = "Luigi Di Maio and Antony Blinken chaired the meeting."


def last_text(view: View) -> str:
    return view.messages[-1]["content"]


def test_an_answer_comes_in_steps(fake: FakeAssistant) -> None:
    fake.answers("Where?", FIRST, CHAIRS, short="Rome")
    views = list(converse(fake, " Where? ", ()))
    assert [view.busy for view in views] == [True, True, True, False]
    assert views[0].messages[-1]["metadata"]["status"] == "pending"
    assert views[0].exchanges[0].pending
    assert [last_text(view).count('class="sentence"') for view in views[1:]] == [0, 1, 2]
    assert "Rome</strong>" in last_text(views[1])
    assert all('id="src-1-2"' in view.panel for view in views[1:])
    assert views[-1].exchanges[0].dates == {"rome.txt": "2021-06-28", fake.shelf[1].name: ""}


def test_a_follow_up_is_asked_with_what_was_searched_and_answered(fake: FakeAssistant) -> None:
    fake.answers("Where?", FIRST, standalone="Where did the coalition meet?")
    fake.abstains("Who won?", "Nobody says.")
    fake.script["Why?"] = QuestionError("No.")
    fake.answers("Who chaired it?", CHAIRS)
    exchanges: tuple[Any, ...] = ()
    for question in ("Where?", "Why?", "Who won?", "Who chaired it?"):
        *_, last = converse(fake, question, exchanges)
        exchanges = last.exchanges
    assert fake.asked[-1] == ("Who chaired it?", (Turn("Where did the coalition meet?", FIRST), Turn("Who won?", "")))


def test_questions_that_lead_on_wait_for_those_that_people_ask(
    fake: FakeAssistant, stand: Callable[..., Behind]
) -> None:
    fake.next = ["Who chaired it?"]
    busy, asked = Busy(), (Exchange("Where?", 2, fake.answers("Where?", FIRST)),)
    assert "Who chaired it?" in unescape(leading_on(stand(fake), busy, asked))
    with busy:
        assert leading_on(stand(fake), busy, asked) == ""
    assert leading_on(stand(fake), busy, asked)


def test_questions_to_begin_with_are_tried_again_when_their_documents_change(
    fake: FakeAssistant, stand: Callable[..., Behind], tmp_path: Path
) -> None:
    greeting = Greeting(stand(fake), tmp_path)
    fake.examples = ["Where?"]
    assert greeting.welcome()[1] == [{"text": "Where?"}]
    fake.examples = ["Who?"]
    assert greeting.welcome()[1] == [{"text": "Where?"}]
    fake.shelf = fake.shelf[:1]
    assert greeting.welcome()[1] == [{"text": "Who?"}]


def test_an_abstention_is_shown_at_once(fake: FakeAssistant) -> None:
    fake.abstains("Who won?", "Nobody says.")
    _, last = converse(fake, "Who won?", ())
    assert "The documents don’t say" in last_text(last)
    assert "Closest passages (not an answer)" in last.panel


def test_our_errors_are_shown_in_their_own_words(fake: FakeAssistant) -> None:
    fake.script["Where?"] = LibraryBusy("Another process is writing to the library: try again.")
    *_, last = converse(fake, "Where?", ())
    assert not last.busy
    assert "Another process is writing to the library" in last_text(last)


def test_any_other_error_is_logged_and_named(fake: FakeAssistant, caplog: pytest.LogCaptureFixture) -> None:
    fake.answers("Where?", FIRST)
    *_, before = converse(fake, "Where?", ())
    fake.script["Why?"] = ZeroDivisionError("secret detail")
    *_, last = converse(fake, "Why?", before.exchanges)
    assert "Something went wrong; nothing was lost" in last_text(last)
    assert "ZeroDivisionError" in last_text(last)
    assert "secret detail" not in str(last.messages)
    assert "secret detail" in caplog.text
    assert 'id="src-1-1"' in last.panel, "the sources of the answer before are still there"


def test_an_error_before_the_search_is_a_card_too(fake: FakeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(type(fake)):
        def documents(self) -> list[Any]:
            raise LibraryBusy("Busy.")

    (only,) = converse(Broken(), "Where?", ())
    assert "Busy" in last_text(only)


def test_a_blank_question_changes_nothing(fake: FakeAssistant) -> None:
    (only,) = converse(fake, " \n ", ())
    assert (only.messages, only.exchanges, only.busy, fake.asked) == ([], (), False, [])


def test_a_question_that_is_given_up_leaves_what_its_asker_wanted(fake: FakeAssistant) -> None:
    fake.held = Event()
    fake.answers("Where?", FIRST)
    ticket = Ticket()
    views = converse(fake, "Where?", (), ticket)
    pending = next(views)
    ticket.give_up(settled(pending.exchanges))
    (last,) = views
    assert not last.busy
    assert "Stopped before there was an answer" in last_text(last)
    fake.held.set()
    *_, following = converse(fake, "Where?", last.exchanges)
    assert fake.asked[-1] == ("Where?", ())
    assert following.exchanges[0].stopped


def test_an_error_after_giving_up_is_not_shown(fake: FakeAssistant) -> None:
    fake.script["Where?"] = RuntimeError("too late")
    ticket = Ticket()
    views = converse(fake, "Where?", (), ticket)
    next(views)
    ticket.give_up(())
    assert [view.messages for view in views] == [[]]


def test_the_machine_interface_is_one_endpoint(served: Served) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    answer = served.assistant.answers("By machine?", FIRST)
    served.assistant.script["Refused?"] = QuestionError("The question is refused.")
    client = Client(served.address, verbose=False, analytics_enabled=False)
    try:
        described = client.view_api(return_format="dict", print_info=False)
        assert list(described["named_endpoints"]) == ["/query"]
        assert described["unnamed_endpoints"] == {}
        assert client.predict("By machine?", api_name="/query") == answer.to_json()
        with pytest.raises(AppError, match=r"The question is refused\."):
            client.predict("Refused?", api_name="/query")
    finally:
        client.close()


def test_a_port_in_use_is_named(settings: Settings, fake: FakeAssistant, stand: Callable[..., Behind]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = settings.model_copy(update={"port": other.getsockname()[1]})
        with pytest.raises(SettingsError, match=rf"^Port {taken.port} on 127\.0\.0\.1 is in use: .* --port\.$"):
            server.serve(stand(fake), taken, open_browser=False)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^The page cannot be served on 192\.0\.2\.1, port 0: "):
        server.listen("192.0.2.1", 0)


def test_serve_says_one_line_and_stops_cleanly(tmp_path: Path) -> None:
    code = (
        "import conftest, sys; from pathlib import Path; from coalition_qa.config import Settings;"
        "from coalition_qa.ui import serve;"
        "stands = conftest.behind(conftest.FakeAssistant(), Path(sys.argv[1]));"
        "serve(stands, Settings(corpus=Path('.'), port=0), open_browser=False); print('closed')"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": Path(__file__).parent}
    signals = (signal.SIGINT, signal.SIGTERM)
    with ExitStack() as running:
        started = [running.enter_context(subprocess.Popen(command, **pipes)) for _ in signals]
        for process in started:
            running.callback(process.kill)
        for process, stopping in zip(started, signals, strict=True):
            line = process.stdout.readline().decode()
            assert line.startswith("coalition-qa is at http://127.0.0.1:")
            assert line.endswith("  (Ctrl+C stops it)\n")
            process.send_signal(stopping)
            assert process.communicate(timeout=10) == (b"closed\n", b"")
            assert process.returncode == 0


def test_asked_again_the_old_answer_stays_until_there_is_a_new_one(fake: FakeAssistant) -> None:
    fake.answers("Where?", FIRST)
    *_, asked = converse(fake, "Where?", ())
    fake.script["Where?"] = QuestionError("No.")
    *_, failed = converse(fake, "Where?", (), Ticket(asked.exchanges))
    assert failed.exchanges[:-1] == asked.exchanges
    assert failed.exchanges[-1].error == "No."


def test_so_many_answers_are_worked_out_at_once_those_given_up_among_them(fake: FakeAssistant) -> None:
    fake.answers("Where?", FIRST)
    slots = Semaphore(1)
    how, given_up = How(slots=slots), Ticket()
    with slots:
        waiting = converse(fake, "Where?", (), given_up, how)
        assert next(waiting).busy
        given_up.give_up(())
        assert [view.exchanges for view in waiting] == [()]
    *_, last = converse(fake, "Where?", (), Ticket(), how)
    assert last.exchanges[-1].answer is not None
    assert len(fake.asked) == 1


def test_two_tabs_keep_what_each_was_told(fake: FakeAssistant, stand: Callable[..., Behind]) -> None:
    behind = stand(fake)
    fake.answers("Where?", FIRST)
    fake.answers("Who?", CHAIRS)
    *_, first = converse(fake, "Where?", ())
    kept, _ = Tab(behind, "ann", "0" * 16, ()).kept_with(first.exchanges)
    *_, one = converse(fake, "Who?", first.exchanges)
    *_, other = converse(fake, "Where?", first.exchanges)
    same, _ = Tab(behind, "ann", kept, first.exchanges).kept_with(one.exchanges)
    beside, _ = Tab(behind, "ann", kept, first.exchanges).kept_with(other.exchanges)
    assert same == kept != beside
    assert [loaded(behind.archive.read("ann", id_) or "") for id_ in (kept, beside)] == [one.exchanges, other.exchanges]
    behind.archive.delete("ann", kept)
    anew, _ = Tab(behind, "ann", kept, one.exchanges).kept_with((*one.exchanges, *other.exchanges))
    assert anew not in (kept, beside)
