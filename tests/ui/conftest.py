"""A scripted assistant, and the page served over it by the real server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import uvicorn

from coalition_qa.archive import Archive
from coalition_qa.config import Dial, Settings
from coalition_qa.types import Answer, Citation, Document, DocumentInfo, GoldError, Hit, Passage, Sentence, Span, Turn
from coalition_qa.ui import Behind, Failure, GoldSet, Judged, Lines, Measured, Run, page, server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from coalition_qa.ui.guard import Doors

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

XSS = "<img src=x onerror=\"window.pwned='img'\"><script>window.pwned='script'</script>"
MARKDOWN = (
    "*a* _b_ `c` [d](http://127.0.0.2/e) ![f](http://127.0.0.2/g.png) $$h$$ ${window.pwned=1} {{i}} http://127.0.0.2/"
)

ROME = Document(
    "rome.txt",
    "The coalition met on Monday in Rome. It was the first meeting in almost two years.\n\n"
    "Luigi Di Maio and Antony Blinken chaired the meeting.\nAbout twenty ministers took part. "
    "More than 40 foreign officials came as well.\n\n"
    "Spain strongly supports a working group for the Sahel.",
    title="The Rome meeting",
    date="2021-06-28",
)
ODD = Document(f"odd {XSS} {MARKDOWN}.txt", f"Before. {XSS} {MARKDOWN} is what it says. After.", title=f"Title {XSS}")
QUESTION_WITH_MARKUP = f"What is <b>bold</b>? {XSS} {MARKDOWN}"


def passages(document: Document) -> list[Passage]:
    """A passage for each paragraph."""
    return [
        Passage(f"{document.name}:{match.start()}", document.id, Span(*match.span()), match.group(), ())
        for match in re.finditer(r"[^\n](?:.|\n(?!\n))*", document.text)
    ]


@dataclass
class FakeAssistant:
    """Answers each question as it was told to; what it was asked is in `asked`."""

    shelf: Sequence[Document] = ()
    script: dict[str, Answer | Exception] = field(default_factory=dict)
    asked: list[tuple[str, tuple[Turn, ...]]] = field(default_factory=list)
    how: list[tuple[Dial | None, tuple[str, ...] | None]] = field(default_factory=list)
    examples: Sequence[str] = ()
    next: Sequence[str] = ()
    held: Event | None = None

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        dial: Dial | None = None,
        only: Collection[str] | None = None,
    ) -> Answer:
        self.asked.append((question, tuple(history)))
        self.how.append((dial, None if only is None else tuple(only)))
        if self.held:
            self.held.wait(10)
        outcome = self.script[question]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def documents(self) -> list[DocumentInfo]:
        return [
            DocumentInfo(one.name, one.id, one.title, one.date, len(one.text), len(passages(one))) for one in self.shelf
        ]

    def document(self, name: str) -> Document | None:
        return next((one for one in self.shelf if one.name == name), None)

    def spans(self, name: str) -> list[Span]:
        return [passage.span for one in self.shelf if one.name == name for passage in passages(one)]

    def follow_ups(self, answer: Answer, count: int = 3) -> list[str]:
        return list(self.next[:count])

    def example_questions(self, count: int = 4) -> list[str]:
        return list(self.examples[:count])

    def hits(self) -> tuple[Hit, ...]:
        return tuple(Hit(part, one.name, one.title, 1.0) for one in self.shelf for part in passages(one))

    def cite(self, quote: str) -> Citation:
        """The citation of words that stand in some document."""
        hit = next(hit for hit in self.hits() if quote in hit.passage.text)
        start = hit.passage.span.start + hit.passage.text.index(quote)
        return Citation(hit.doc, hit.passage.document_id, Span(start, start + len(quote)), quote, hit.passage.id)

    def answers(self, question: str, *quotes: str, short: str = "", standalone: str = "") -> Answer:
        """From now on `question` is answered with these sentences of the documents."""
        sentences = tuple(Sentence(quote, (self.cite(quote),)) for quote in quotes)
        answer = Answer(
            question=question,
            standalone_question=standalone or question,
            status="answered",
            reason="",
            sentences=sentences,
            best=sentences,
            short_answer=short,
            confidence=0.9,
            hits=self.hits(),
            fingerprint="f" * 64,
            timings={"retrieval": 3.2, "reading": 40.0},
        )
        self.script[question] = answer
        return answer

    def abstains(self, question: str, reason: str, *quotes: str) -> Answer:
        """From now on `question` has no answer."""
        answered = self.answers(question, *quotes)
        answer = replace(answered, status="abstained", reason=reason, sentences=(), confidence=0.3)
        self.script[question] = answer
        return answer


@dataclass(frozen=True)
class FakeStep:
    """What became of one file."""

    action: str
    name: str
    note: str = ""


@dataclass
class FakeChanges:
    """Puts files on the shelf of an assistant, or takes them off; a file called bad.txt is refused.

    `folder` is what a plan for the corpus folder says besides.
    """

    assistant: FakeAssistant
    error: Exception | None = None
    folder: Sequence[FakeStep] = ()

    def plan(self, paths: Sequence[Path] | None) -> Sequence[FakeStep]:
        if self.error:
            raise self.error
        if paths is None:
            return [FakeStep("unchanged", one.name) for one in self.assistant.shelf] + list(self.folder)
        there = {one.name for one in self.assistant.shelf}
        texts = {one.text: one.name for one in self.assistant.shelf}
        steps = []
        for path in paths:
            text = path.read_text("utf-8")
            same = texts.setdefault(text, path.name)
            note = f"same text as {same}" if same != path.name else ""
            refused = FakeStep("refused", path.name, "bad.txt: there is no text in it.")
            step = FakeStep("changed" if path.name in there else "new", path.name, note)
            steps.append(refused if path.name == "bad.txt" else step)
        return steps

    def add(self, paths: Sequence[Path], done: Callable[[FakeStep], None]) -> Sequence[FakeStep]:
        if self.error:
            raise self.error
        steps = []
        for path in paths:
            steps.append(self._added(path))
            done(steps[-1])
        return steps

    def _added(self, path: Path) -> FakeStep:
        if path.name == "bad.txt":
            return FakeStep("refused", path.name, "bad.txt: there is no text in it.")
        others = [one for one in self.assistant.shelf if one.name != path.name]
        there = len(others) < len(self.assistant.shelf)
        self.assistant.shelf = [*others, Document(path.name, path.read_text("utf-8"), title=path.stem)]
        return FakeStep("changed" if there else "new", path.name)

    def remove(self, names: Sequence[str]) -> Sequence[FakeStep]:
        if self.error:
            raise self.error
        self.assistant.shelf = [one for one in self.assistant.shelf if one.name not in names]
        return [FakeStep("removed", name, "2 passages; not in <the> index any more") for name in names]

    def sync(self, done: Callable[[FakeStep], None]) -> Sequence[FakeStep]:
        if self.error:
            raise self.error
        return [FakeStep("unchanged", one.name) for one in self.assistant.shelf]


@dataclass
class FakeMeasures:
    """Holds runs and items; a run goes on by a question each time that somebody looks, up to four."""

    kept: list[Run] = field(default_factory=list)
    items: list[tuple[str, Judged]] = field(default_factory=list)
    wrong: Sequence[Failure] = ()
    error: str = ""
    slow: bool = False

    def sets(self, user: str) -> list[GoldSet]:
        return [GoldSet("test", "gold.jsonl, test split", "/x/gold.jsonl"), GoldSet("all", "gold.jsonl, all", "/x")]

    def runs(self, user: str) -> list[Run]:
        return list(reversed(self.kept))

    def going(self, user: str) -> Run | None:
        run = next((one for one in self.kept if one.going), None)
        if run is None:
            return None
        asked = run.asked + (not self.slow or run.asked < 2)
        self._put(replace(run, asked=asked) if asked < 4 else replace(run, asked=4, going=False, verdict="50% right"))
        return run

    def start(self, user: str, key: str) -> None:
        self._check()
        stopped = next((one for one in self.kept if not one.whole and one.id.endswith(key)), None)
        if stopped:
            self._put(replace(stopped, going=True))
        else:
            self.kept.append(Run(f"2026110{len(self.kept)}-120000-{key}", "gold.jsonl", "2026-11-01", 0, 4, going=True))

    def stop(self, user: str) -> None:
        for run in [one for one in self.kept if one.going]:
            self._put(replace(run, going=False))

    def fault(self, user: str) -> str:
        return ""

    def forget(self, user: str, id_: str) -> None:
        self.kept = [one for one in self.kept if one.id != id_]

    def report(self, user: str, id_: str) -> str:
        self._check()
        return f"<!doctype html><title>Report</title><body><h1>Report of {id_}</h1>{'<p>number</p>' * 60}"

    def compared(self, user: str, one: str, other: str) -> str:
        self._check()
        return f"<!doctype html><title>Compared</title><body><h1>{one} and {other}</h1>"

    def failures(self, user: str, id_: str) -> list[Failure]:
        self._check()
        return list(self.wrong)

    def add(self, user: str, item: Judged) -> str:
        self._check()
        if item.answerable and not item.quote:
            raise GoldError("The item was not added: answerable without evidence; quote the words that answer it.")
        self.items.append((user, item))
        return f"q{len(self.items):03d}"

    def confirm(self, user: str, answer: Answer, history: Sequence[Turn], answers: Sequence[str]) -> str:
        quotes = "".join(citation.quote for citation in answer.citations)
        item = Judged(answer.question, answer.status == "answered", tuple(answers), quotes, "", tuple(history))
        return self.add(user, item)

    def _check(self) -> None:
        if self.error:
            raise GoldError(self.error)

    def _put(self, run: Run) -> None:
        self.kept = [run if one.id == run.id else one for one in self.kept]


LINES = Lines({"strict": 0.8, "balanced": 0.5, "helpful": 0.2}, meaning={"strict": Measured(0.431, 0.964)})


def behind(assistant: FakeAssistant, folder: Path, **more: Any) -> Behind:  # noqa: ANN401 - any part of it
    """What stands behind a page over this assistant, with conversations kept in `folder`."""
    given = {
        "archive": Archive(folder),
        "changes": FakeChanges(assistant),
        "lines": LINES,
        "measures": FakeMeasures(),
        **more,
    }
    return Behind(assistant=assistant, **given)


@pytest.fixture
def stand(tmp_path: Path) -> Callable[..., Behind]:
    """Makes what stands behind a page over the assistant given, with conversations in the test's own folder."""
    return lambda assistant, **more: behind(assistant, tmp_path / "kept", **more)


@pytest.fixture
def fake() -> FakeAssistant:
    """An assistant over two documents, one of them hostile, with nothing scripted yet."""
    return FakeAssistant([ROME, ODD])


@pytest.fixture
def assistant_over() -> Callable[..., FakeAssistant]:
    """Makes an assistant over the documents given."""
    return lambda *documents: FakeAssistant(documents)


@pytest.fixture
def hostile() -> str:
    """Text that would be markup, a template or a script if anything took it for one."""
    return f"{XSS}\n{MARKDOWN}\t</p></div>&amp;\r\n# heading\n- item\n1. one a@b.example www.example.com"


@dataclass(frozen=True)
class Served:
    """A running page, and the assistant behind it."""

    address: str
    assistant: FakeAssistant
    behind: Behind


@contextmanager
def serving(behind: Behind, settings: Settings, doors: Doors | None = None) -> Iterator[str]:
    """The page, served by the real server in a thread of its own; its address."""
    up = Event()

    async def made() -> uvicorn.Server:  # outside a running loop Gradio makes loops and leaves them open
        return server.web_server(page.build(behind, settings), behind, settings, up.set, doors)

    with server.listen(settings.host, settings.port) as listening, ThreadPoolExecutor(1) as aside:
        running = aside.submit(lambda: asyncio.run(made())).result()  # a browser keeps a loop running in this thread
        thread = Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert up.wait(30)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        running.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page over an assistant with two documents."""
    assistant = FakeAssistant([ROME, ODD], examples=["Where did the coalition meet?", "Who chaired the meeting?"])
    settings = Settings(corpus=tmp_path_factory.mktemp("corpus"), port=0, requests_per_minute=100_000)
    stands = behind(assistant, tmp_path_factory.mktemp("kept"))
    with serving(stands, settings) as address:
        yield Served(address, assistant, stands)


@pytest.fixture
def serve_page() -> Callable[..., AbstractContextManager[str]]:
    """Serves a page over what stands behind it, with settings of its own."""
    return serving


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of nobody's own."""
    return Settings(corpus=tmp_path, port=0)


@pytest.fixture(scope="module")
def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        absent = "no Chromium on this machine: install it (Debian: apt-get install chromium)"
        pytest.fail(absent) if os.environ.get("CI") else pytest.skip(absent)
    return path


@pytest.fixture(scope="module")
def browser(chromium: str, served: Served) -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # a machine may be busy with other work
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def desktop(browser: Browser) -> BrowserContext:
    return browser.new_context(color_scheme="light")


@pytest.fixture
def open_page(browser: Browser, desktop: BrowserContext, served: Served) -> Iterator[Callable[..., Page]]:
    """Opens the page. Afterwards no script may have failed, and no request may have left the machine."""
    pages, requests, errors = [], [], []

    def opened(
        width: int = 1280, height: int = 800, path: str = "/", ready: str = "#bot .example", **options: object
    ) -> Page:
        page = (browser.new_context(**options) if options else desktop).new_page()
        pages.append(page)
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(error))
        page.set_viewport_size({"width": width, "height": height})
        page.goto(served.address + path)
        page.wait_for_selector(ready)
        return page

    yield opened
    for opened_page in pages:
        opened_page.close()
    assert errors == []
    assert requests or not pages
    assert {urlsplit(url).hostname for url in requests if not url.startswith("data:")} <= {"127.0.0.1"}


@pytest.fixture
def ask() -> Callable[[Page, str], None]:
    """Asks with the keyboard, and waits until the answer is there and the box is ready again."""
    from playwright.sync_api import TimeoutError

    def asked(page: Page, question: str) -> None:
        rows = page.locator("#bot .bot-row").count()
        page.locator("#ask textarea").fill(question)
        for _ in range(10):  # Gradio drops what is sent in the blink between an answer and the end of its event
            page.keyboard.press("Enter")
            with suppress(TimeoutError):
                page.locator("#bot .bot-row").nth(rows).wait_for(timeout=3000)
                break
        else:
            pytest.fail(f"{question!r} was not answered")
        page.locator("#ask .submit-button").wait_for()
        page.locator("#bot .loading-spinner").wait_for(state="detached")

    return asked
