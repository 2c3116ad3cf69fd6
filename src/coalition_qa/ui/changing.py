"""Documents on their way in or out: what the page shows of each file, as plain generators. No Gradio in here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue

from coalition_qa.types import CoalitionQAError, QuestionError
from coalition_qa.ui.asking import broken
from coalition_qa.ui.behind import Asks, Changes, Row
from coalition_qa.ui.html import counted, escaped

log = logging.getLogger(__name__)

Work = Callable[[Callable[[Row], None]], Sequence[Row]]

_OUTCOMES = {
    "new": "Added",
    "changed": "Replaced",
    "unchanged": "Already there",
    "removed": "Removed",
    "refused": "Not added",
}
_PLANNED = {"new": "New", "changed": "Replaces", "removed": "To go", "refused": "Not read"}
_SHOWN = 100
_CANARY = 300  # characters of a removed passage that are searched for


def progress(work: Work, waiting: Sequence[str]) -> Iterator[str]:
    """Do the work, and show what became of each file as soon as it is known. Raises nothing.

    `waiting` are the names that are to be worked on.
    """
    rows: list[Row] = []
    coming: SimpleQueue[Row] = SimpleQueue()
    worker = ThreadPoolExecutor(1)
    done = worker.submit(work, coming.put)
    worker.shutdown(wait=False)
    yield _table(rows, waiting)
    while not (done.done() and coming.empty()):
        try:
            rows.append(coming.get(timeout=0.1))
        except Empty:
            continue
        yield _table(rows, waiting)
    try:
        yield _table(done.result(), ())
    except CoalitionQAError as error:
        yield _table(rows, ()) + failure(str(error))
    except Exception as error:  # the outermost boundary: a page that died would be worse
        log.exception("The documents could not be changed")
        yield _table(rows, ()) + failure(broken(error))


def failure(message: str) -> str:
    """Why something was not done."""
    return f'<p class="notice error" role="alert">{escaped(message)}</p>'


def looking(files: int) -> str:
    """That the plan is being made."""
    what = counted(files, "file") if files else "the folder"
    return f'<p class="about" role="status">Looking through {what} …</p>'


def planned(plan: Callable[[], Sequence[Row]]) -> tuple[Sequence[Row], str]:
    """The plan, or else why there is none. Raises nothing."""
    try:
        return plan(), ""
    except CoalitionQAError as error:
        return (), failure(str(error))
    except Exception as error:  # as in `progress`
        log.exception("There is no plan")
        return (), failure(broken(error))


def asked_first(rows: Sequence[Row], go: str) -> str:
    """The plan, before anything is done: what each file would do, and whether it may."""
    listed = "".join(_row(row, _PLANNED) for row in rows[:_SHOWN])
    rest = f"<li>and {len(rows) - _SHOWN:,} more</li>" if len(rows) > _SHOWN else ""
    return (
        f'<div class="notice abstained outcome"><strong>{counted(len(rows), "file")} to look at first</strong>'
        f'<ul>{listed}{rest}</ul><p class="choices"><button data-do="{go}">Go ahead</button>'
        '<button data-do="leave">Leave it as it is</button></p></div>'
    )


def removed(assistant: Asks, changes: Changes, corpus: Path, name: str) -> str:
    """Remove a document, then look for it everywhere, and say what was found. Raises CoalitionQAError."""
    document = assistant.document(name)
    spans = assistant.spans(name)
    if document is None:
        return failure(f"There is no document {name}.")
    looked = "; ".join(row.note for row in changes.remove([name]))
    there = assistant.documents()
    copies = [info.name for info in there if info.document_id == document.id and info.name != name]
    words = spans[0].of(document.text)[:_CANARY] if spans else document.text[:_CANARY]
    still = {
        "in the list": any(info.name == name for info in there),
        "in the corpus folder": (corpus / name).exists(),
        "among the passages": bool(assistant.spans(name)),
        "found by a search for its own words": not copies and _found(assistant, words, document.id),
    }
    places = "".join(
        f'<li class="still">still {escaped(where)}</li>' if there else f"<li>not {escaped(where)}</li>"
        for where, there in still.items()
    )
    kept = f"Its text stays under the name {copies[0]}." if copies else looked and f"In the library’s files: {looked}."
    verdict, kind = ("could not be removed everywhere", "error") if any(still.values()) else ("is removed", "done")
    return (
        f'<div class="notice {kind}" role="status"><strong>{escaped(name)} {verdict}</strong>'
        f'<p>Looked for afterwards, it is</p><ul class="looked">{places}</ul><p>{escaped(kept)}</p></div>'
    )


def _found(assistant: Asks, words: str, document_id: str) -> bool:
    try:
        hits = assistant.ask(words).hits
    except QuestionError:  # no words in it
        return False
    return any(hit.passage.document_id == document_id for hit in hits)


def _table(rows: Sequence[Row], waiting: Sequence[str]) -> str:
    done = {row.name for row in rows}
    first = sorted(rows, key=lambda row: row.action == "unchanged")
    items = [_row(row, _OUTCOMES) for row in first]
    items += [f'<li class="waiting"><b>Waiting</b> {escaped(name)}</li>' for name in waiting if name not in done]
    files = counted(len(items), "file")
    summary = files if len(items) == len(done) else f"{len(done)} of {files}"
    rest = f"<li>and {len(items) - _SHOWN:,} more</li>" if len(items) > _SHOWN else ""
    listed = "".join(items[:_SHOWN]) + rest
    return f'<div class="outcome" role="status"><p class="about">{summary}</p><ul>{listed}</ul></div>'


def _row(row: Row, words: Mapping[str, str]) -> str:
    note = row.note.removeprefix(f"{row.name}: ")
    told = f' <span class="why">{escaped(note)}</span>' if note else ""
    word = words.get(row.action, row.action.capitalize())
    return f'<li class="{escaped(row.action)}"><b>{escaped(word)}</b> {escaped(row.name)}{told}</li>'
