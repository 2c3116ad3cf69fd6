"""The screen of the evaluation: gold questions run over the library, what came of it, and new gold questions."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import sleep
from typing import Any

from coalition_qa.types import CoalitionQAError
from coalition_qa.ui import runs
from coalition_qa.ui.asking import broken
from coalition_qa.ui.behind import Behind
from coalition_qa.ui.gold import Draft, fault_line
from coalition_qa.ui.guard import user_of
from coalition_qa.ui.judging import Judge
from coalition_qa.ui.talk import ACTS, PLAIN, QUIET, Talk

log = logging.getLogger(__name__)

_EVERY = 0.5  # seconds between two looks at a run
_WATCHING = 40  # open pages that may watch a run at once


@dataclass(frozen=True, slots=True)
class Bench:
    """The components of the screen. The bar is apart from the button, which keeps the focus while the bar moves."""

    controls: Any
    bar: Any
    listing: Any
    shown: Any
    adding: Any

    @property
    def watched(self) -> list[Any]:
        """What changes while a run is made, in the order of `Examiner.watch`."""
        return [self.controls, self.bar, self.listing]


def lay_out() -> Bench:
    """Make the components, within a page that is being made; `Examiner.watch` fills them when it is opened."""
    import gradio as gr

    with gr.Column(elem_id="bench"):
        gr.HTML("<h2>Evaluation</h2>", **PLAIN)
        about = "Asks gold questions of your documents, and compares the answers with those that are known to be right."
        gr.HTML(f'<p class="about">{about}</p>', **PLAIN)
        controls = gr.HTML("", elem_id="controls", **ACTS)
        bar = gr.HTML("", elem_id="bar", **PLAIN)
        listing = gr.HTML("", elem_id="runs", **ACTS)
        shown = gr.HTML("", elem_id="shown", **ACTS)
        adding = gr.HTML(runs.adding(Draft()), elem_id="adding", **ACTS)
    return Bench(controls, bar, listing, shown, adding)


class Examiner:
    """What the screen's events do: each method's results are what the page shows next. None raises."""

    def __init__(self, behind: Behind, wait: Callable[[float], None] = sleep) -> None:
        self._assistant, self._measures, self._wait = behind.assistant, behind.measures, wait

    def watch(self, user: str, fault: str = "") -> Iterator[tuple[str | None, str, str | None]]:
        """The controls, the bar and the runs, until no run is being made; None for what stays as it is."""
        try:
            yield self._all(user, fault)
            if self._measures.going(user) is None:
                return
            while (going := self._measures.going(user)) is not None:
                yield None, runs.progress(going), None
                self._wait(_EVERY)
            yield self._all(user)
        except CoalitionQAError as error:
            yield fault_line(str(error)), "", None
        except Exception as error:  # the outermost boundary: a page that died would be worse
            log.exception("The runs could not be shown")
            yield fault_line(broken(error)), "", None

    def run(self, user: str, data: Mapping[str, Any]) -> Iterator[tuple[str | None, str, str | None]]:
        """Begin a run, or stop it."""
        fault = ""
        try:
            if data.get("do") == "start":
                self._measures.start(user, str((data.get("fields") or {}).get("key", "")))
            elif data.get("do") == "stop":
                self._measures.stop(user)
        except CoalitionQAError as error:
            fault = str(error)
        yield from self.watch(user, fault)

    def look(self, user: str, data: Mapping[str, Any]) -> tuple[str | None, str]:
        """The list, where it changed, and what is to be seen: a report, two runs compared, what was not right."""
        did, id_ = data.get("do"), str(data.get("id", ""))
        try:
            if did == "forget":
                self._measures.forget(user, id_)
                return runs.listing(self._measures.runs(user)), ""
            if did == "failures":
                return None, runs.failures(self._measures.failures(user, id_))
            if did == "report":
                self._measures.report(user, id_)
                return None, runs.framed("Report", f"/evaluation/report?run={id_}")
            one, other = (str(each) for each in data.get("ids", ()))
            self._measures.compared(user, one, other)
            return None, runs.framed("Two runs compared", f"/evaluation/compared?one={one}&other={other}")
        except CoalitionQAError as error:
            return None, fault_line(str(error))
        except Exception as error:  # as above
            log.exception("The run could not be shown")
            return None, fault_line(broken(error))

    def write(self, user: str, data: Mapping[str, Any]) -> str:
        """The form: with passages that a quote can be taken from, or empty again once the item is kept."""
        draft, hits = Draft(), ()
        try:
            draft = Draft.of(data.get("fields") or {})
            if data.get("do") == "find":
                return runs.adding(draft, self._assistant.ask(draft.question).hits)
            id_ = self._measures.add(user, draft.judged())
            return runs.adding(Draft(), done=f"Added as {id_} to your gold questions.")
        except CoalitionQAError as error:
            return runs.adding(draft, hits, str(error))
        except Exception as error:  # as above
            log.exception("The gold item could not be added")
            return runs.adding(draft, hits, broken(error))

    def _all(self, user: str, fault: str = "") -> tuple[str, str, str]:
        going, kept = self._measures.going(user), self._measures.runs(user)
        told = runs.controls(self._measures.sets(user), kept, going, fault or self._measures.fault(user))
        return told, runs.progress(going), runs.listing(kept)


def connect(bench: Bench, talk: Talk, page: Any, behind: Behind) -> None:  # noqa: ANN401 - Gradio's Blocks
    """Tie the screen's events to what they do, and the verdicts below an answer, which make gold questions too."""
    import gradio as gr

    examiner, judge = Examiner(behind), Judge(behind.measures)

    def kept(shown: tuple[str | None, ...]) -> tuple[Any, ...]:
        return tuple(gr.skip() if part is None else part for part in shown)

    def watching(request: gr.Request) -> Iterator[tuple[Any, ...]]:
        yield from map(kept, examiner.watch(user_of(request)))

    def running(event: gr.EventData, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        yield from map(kept, examiner.run(user_of(request), event._data))

    def looking(event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        return kept(examiner.look(user_of(request), event._data))

    def writing(event: gr.EventData, request: gr.Request) -> str:
        return examiner.write(user_of(request), event._data)

    def judging(exchanges: Any, event: gr.EventData, request: gr.Request) -> str:  # noqa: ANN401 - Gradio's state
        return judge.act(exchanges, event._data, user_of(request))

    many: dict[str, Any] = {"concurrency_id": "watch", "concurrency_limit": _WATCHING, **QUIET}
    page.load(watching, None, bench.watched, **many)
    bench.controls.click(running, None, bench.watched, trigger_mode="multiple", **many)
    bench.listing.click(looking, None, [bench.listing, bench.shown], **QUIET)
    bench.shown.click(lambda: "", None, [bench.shown], **QUIET)
    added = bench.adding.click(writing, None, [bench.adding], **QUIET)
    judged = talk.judging.click(judging, [talk.exchanges], [talk.judging], **QUIET)
    for done in (added, judged):
        done.then(watching, None, bench.watched, **many)
