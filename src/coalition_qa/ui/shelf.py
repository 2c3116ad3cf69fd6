"""The screen of the documents: what there is, what goes in and out, and which of it is asked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coalition_qa.config import Settings
from coalition_qa.types import CoalitionQAError, DocumentInfo
from coalition_qa.ui import past
from coalition_qa.ui.behind import Behind, Row
from coalition_qa.ui.changing import asked_first, failure, looking, planned, progress, removed
from coalition_qa.ui.html import counted, escaped, place_of
from coalition_qa.ui.talk import ACTS, PLAIN, QUIET, Talk

MOST_LISTED = 200
"""So many documents are listed; a search finds the others."""

LISTS: dict[str, Any] = {"concurrency_id": "list", "concurrency_limit": 1, **QUIET}
"""For every event that writes the list: in turn, so that an older one never overwrites what a newer one found."""

MOST_FILES = 200
"""So many files are taken at once."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The components of the screen."""

    drop: Any
    outcome: Any
    find: Any
    listing: Any
    sync: Any
    waiting: Any


def lay_out(listing: str, settings: Settings) -> Shelf:
    """Make the components, within a page that is being made; the list is `listed`'s."""
    import gradio as gr

    with gr.Column(elem_id="shelf"):
        gr.HTML("<h2>Documents</h2>", **PLAIN)
        drop = gr.File(
            label="Files to add",
            show_label=False,
            file_count="multiple",
            elem_id="drop",
            height=132,
        )
        gr.HTML(_taken(settings), **PLAIN)
        outcome = gr.HTML("", elem_id="outcome", **ACTS)
        with gr.Row(elem_id="find"):
            find = gr.Textbox(label="Find a document", placeholder="Name, title or date", elem_id="finder", scale=4)
            sync = gr.Button("Sync with the folder", elem_id="sync", scale=1, min_width=0)
        shown = gr.HTML(listing, elem_id="listing", **ACTS)
    return Shelf(drop, outcome, find, shown, sync, gr.State(()))


class Desk:
    """What the screen's events do: each method's results are what the page shows next."""

    def __init__(self, behind: Behind, corpus: Path) -> None:
        self._assistant, self._changes, self._corpus = behind.assistant, behind.changes, corpus

    def take(self, uploaded: Sequence[str]) -> Iterator[tuple[str, tuple[Path, ...]]]:
        """Add what is new, and ask about what would replace a document or is odd; those files wait."""
        files = [Path(one) for one in uploaded]
        if len(files) > MOST_FILES:
            yield failure(f"At most {MOST_FILES} files at once: drop fewer."), ()
            return
        files, others = _sorted_out(files)
        _throw_away(list(others))
        faults = "".join(map(failure, others.values()))
        yield looking(len(files)) + faults, ()
        rows, fault = planned(lambda: self._changes.plan(files)) if files else ((), "")
        if fault:
            _throw_away(files)
            yield fault + faults, ()
            return
        odd = {row.name: row for row in rows if _is_odd(row)}
        waiting = tuple(file for file in files if file.name in odd)
        question = asked_first(list(odd.values()), "take") if odd else ""
        at_once = [file for file in files if file.name not in odd]
        for shown in self._added(at_once) if at_once else [""]:
            yield shown + question + faults, waiting

    def settle(self, waiting: Sequence[Path], choice: str) -> Iterator[tuple[str, tuple[Path, ...]]]:
        """Do what was asked about, or leave it: add the files that wait, or bring the library in line."""
        if choice == "take":
            yield from ((shown, ()) for shown in self._added(waiting))
        elif choice == "sync":
            yield from ((shown, ()) for shown in progress(self._changes.sync, ()))
        else:
            _throw_away(waiting)
            yield "", ()

    def sync(self) -> Iterator[str]:
        """Bring the library in line with the folder; where that changes what is there, the plan is shown first."""
        held = {info.name for info in self._assistant.documents()}
        yield looking(0)
        rows, fault = planned(lambda: self._changes.plan(None))
        if fault:
            yield fault
        elif any(_is_odd(row) or (row.action == "refused" and row.name in held) for row in rows):
            yield asked_first([row for row in rows if row.action != "unchanged"], "sync")
        else:
            yield from progress(self._changes.sync, ())

    def remove(self, name: str) -> str:
        """Remove a document, with proof."""
        try:
            return removed(self._assistant, self._changes, self._corpus, name)
        except CoalitionQAError as error:
            return failure(str(error))

    def choose(self, names: Sequence[object]) -> tuple[str, ...]:
        """Those of the names that documents have."""
        return tuple(info.name for info in self._assistant.documents() if info.name in names)

    def _added(self, files: Sequence[Path]) -> Iterator[str]:
        try:
            names = [file.name for file in files]
            yield from progress(lambda done: self._changes.add(files, done), names)
        finally:
            _throw_away(files)  # what was uploaded is in the corpus folder now, or not wanted


def _is_odd(row: Row) -> bool:
    """Whether somebody should look before it is done: a document would be replaced or go, or there is a note."""
    return row.action in ("changed", "removed") or (row.action == "new" and bool(row.note))


def _throw_away(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _sorted_out(files: Sequence[Path]) -> tuple[list[Path], dict[Path, str]]:
    """The files that can be added together, and what is said of the others: one of them must not stop the rest."""
    fine: dict[str, Path] = {}
    others: dict[Path, str] = {}
    for file in files:
        if file.name.startswith("."):
            others[file] = f"{file.name}: hidden files are left out; give it another name."
        elif fine.setdefault(file.name.casefold(), file) != file:
            others[file] = f"{file.name}: two files of that name; rename one, and cut a very long name short."
    return list(fine.values()), others


def connect(shelf: Shelf, talk: Talk, behind: Behind, settings: Settings, refresh: Callable[[Any], Any]) -> None:
    """Tie the screen's events to what they do; `refresh` is called with each event that changes the documents."""
    import gradio as gr

    corpus, desk = settings.corpus, Desk(behind, settings.corpus)

    def adding(uploaded: list[str] | None) -> Iterator[tuple[Any, ...]]:
        for shown, waiting in desk.take(uploaded or ()):
            yield gr.update(value=None), shown, waiting  # what becomes of the files is told below

    def settling(waiting: tuple[Path, ...], event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        yield from desk.settle(waiting, str(event._data.get("do")))

    def acting(event: gr.EventData) -> tuple[Any, ...]:
        if event._data.get("do") == "within":
            only = desk.choose(event._data.get("names", ()))
            return gr.skip(), only, past.within(only)
        return desk.remove(str(event._data.get("name", ""))), (), ""

    one: dict[str, Any] = {"concurrency_id": "change", "concurrency_limit": 1, **QUIET}
    refresh(shelf.drop.upload(adding, [shelf.drop], [shelf.drop, shelf.outcome, shelf.waiting], **one))
    refresh(shelf.outcome.click(settling, [shelf.waiting], [shelf.outcome, shelf.waiting], **one))
    refresh(shelf.sync.click(desk.sync, None, [shelf.outcome], **one))
    refresh(shelf.listing.click(acting, None, [shelf.outcome, talk.only, talk.within], **one))
    shelf.find.change(
        lambda sought: listed(behind.assistant.documents(), sought, corpus), [shelf.find], [shelf.listing], **LISTS
    )


def _taken(settings: Settings) -> str:
    """Which files may be dropped, and where they go."""
    return (
        '<p class="about">PDF, Word, OpenDocument, EPUB, RTF, Markdown, HTML, text, mail, CSV, TSV, JSON lines; '
        f"{settings.max_file_megabytes:g} MB each at most. They are copied into "
        f"<code>{escaped(str(settings.corpus))}</code>; sync after changing that folder yourself.</p>"
    )


def listed(catalogue: Sequence[DocumentInfo], sought: str, corpus: Path) -> str:
    """The documents in whose name, title or date all the words sought stand, as escaped HTML."""
    words = sought.casefold().split()
    found = [one for one in catalogue if all(word in f"{one.name} {one.title} {one.date}".casefold() for word in words)]
    if not catalogue:
        return (
            '<div class="empty"><p><strong>No documents yet.</strong> Drop files above, or put them into '
            f"<code>{escaped(str(corpus))}</code> and sync.</p></div>"
        )
    rest = len(found) - MOST_LISTED
    more = f'<p class="about">and {rest:,} more: find them by name, title or date.</p>' if rest > 0 else ""
    about = counted(len(found), "document") + (f" of {len(catalogue):,}" if len(found) < len(catalogue) else "")
    return (
        f'<div class="docs"><div class="bar"><p class="about">{about}</p>'
        '<button data-do="within" disabled>Ask only the chosen ones</button></div>'
        f"<ul>{''.join(_line(one) for one in found[:MOST_LISTED])}</ul>{more}</div>"
    )


def _line(info: DocumentInfo) -> str:
    name, title = escaped(info.name), escaped(info.title or info.name)
    size = [counted(info.passages, "passage"), counted(info.characters, "character")]
    about = escaped(" · ".join(part for part in (info.name if info.title else "", info.date, *size) if part))
    return (
        f'<li><input type="checkbox" data-name="{name}" aria-label="Choose {title}">'
        f'<div><a href="{place_of(info.name)}" target="_blank" rel="noopener">{title}</a>'
        f'<p class="meta">{about}</p></div>'
        f'<button data-do="remove" data-name="{name}" aria-label="Remove {title}"'
        f' data-sure="Remove {name} from the corpus folder and the library?">Remove</button></li>'
    )
