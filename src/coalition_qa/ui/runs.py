"""Runs over gold questions, and what came of them, as escaped HTML. Pure: no Gradio in here."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from coalition_qa.types import Hit
from coalition_qa.ui.behind import Failure, GoldSet, Run
from coalition_qa.ui.gold import Draft, fault_line, fields
from coalition_qa.ui.html import counted, escaped

MOST_FAILURES = 200
"""So many are listed; the report has the others."""


def controls(sets: Sequence[GoldSet], runs: Sequence[Run], going: Run | None, fault: str = "") -> str:
    """What can be run, and the button that begins, goes on, or stops."""
    if going is not None:
        return '<div class="controls"><button class="go" data-do="stop">Stop</button></div>'
    if not sets:
        return (
            '<div class="empty"><p><strong>No gold questions yet.</strong> Say below an answer whether it is right, '
            f"or add a question further down.</p></div>{fault_line(fault)}"
        )
    latest = {run.id.rpartition("-")[2]: run for run in reversed(runs)}
    stopped = {key: run for key, run in latest.items() if not run.whole}
    last = runs[0].id.rpartition("-")[2] if runs else ""
    options = "".join(_option(each, stopped.get(each.key), chosen=each.key == last) for each in sets)
    return (
        f'<form class="controls"><label>Gold questions<select name="key">{options}</select></label>'
        f'<button class="go" data-do="start">Run</button></form>{fault_line(fault)}'
    )


def _option(each: GoldSet, stopped: Run | None, *, chosen: bool) -> str:
    mark = " selected" if chosen else ""
    left = f": goes on at {stopped.asked:,} of {stopped.total:,}" if stopped else ""
    return f'<option value="{escaped(each.key)}"{mark} title="{escaped(each.file)}">{escaped(each.name)}{left}</option>'


def progress(going: Run | None) -> str:
    """How far the run is."""
    if going is None:
        return ""
    if not going.asked:
        about = f"Warming up for {counted(going.total, 'question')} …" if going.total else "Starting …"
        return f'<div class="progress" role="status"><p>{about}</p><progress aria-label="Progress"></progress></div>'
    told = f"{going.asked:,} of {counted(going.total, 'question')}"
    return (
        f'<div class="progress" role="status"><p>{told}, {escaped(going.gold)}</p>'
        f'<progress aria-label="Progress" value="{going.asked}" max="{going.total}">{told}</progress></div>'
    )


def listing(runs: Sequence[Run]) -> str:
    """The runs that are kept, with what can be looked at in each."""
    items = "".join(_item(run) for run in runs if not run.going)
    if not items:
        return '<p class="about">Runs are kept here, on this machine.</p>'
    return (
        f'<div class="docs runs"><div class="bar"><p class="about">{counted(len(runs), "run")}</p>'
        f'<button data-do="compare" disabled>Compare the two chosen</button></div><ul>{items}</ul></div>'
    )


def _item(run: Run) -> str:
    name = escaped(f"{run.gold}, {run.began}")
    asked = counted(run.total, "question") if run.whole else f"stopped at {run.asked:,} of {run.total:,}"
    about = escaped(" · ".join(part for part in (run.began, asked, run.verdict) if part))
    box, acts = f'<input type="checkbox" data-run="{run.id}" aria-label="Choose {name}">', ""
    if run.whole:
        acts = (
            f'<button data-do="report" data-id="{run.id}" aria-label="Report of {name}">Report</button>'
            f'<button data-do="failures" data-id="{run.id}" aria-label="Not right in {name}">Not right</button>'
        )
    else:
        box = '<span class="nobox"></span>'
    gone = f'data-sure="Delete this run?" aria-label="Delete {name}"'
    return (
        f'<li>{box}<div><b>{escaped(run.gold)}</b><p class="meta">{about}</p></div><span class="acts">{acts}'
        f'<button data-do="forget" data-id="{run.id}" {gone}>Delete</button></span></li>'
    )


def framed(title: str, address: str) -> str:
    """A page of ours in a frame that runs no script, and the way to it on its own."""
    to = escaped(address)
    return (
        f'<section class="shown" aria-label="{escaped(title)}"><div class="bar"><h3>{escaped(title)}</h3>'
        f'<a href="{to}" target="_blank" rel="noopener">Open in a new tab</a>'
        f'<button data-do="close">Close</button></div>'
        f'<iframe src="{to}" title="{escaped(title)}" sandbox="allow-same-origin"></iframe></section>'
    )


def failures(found: Sequence[Failure]) -> str:
    """What was said, and beside it what gold says."""
    items = "".join(_failure(each) for each in found[:MOST_FAILURES])
    more = f'<p class="about">The first {MOST_FAILURES}; the report has all.</p>' if len(found) > MOST_FAILURES else ""
    none = "" if found else '<p class="about">Everything was right.</p>'
    return (
        '<section class="shown" aria-label="Not right"><div class="bar">'
        f'<h3>Not right: {len(found):,}</h3><button data-do="close">Close</button></div>{none}{items}{more}</section>'
    )


def _failure(each: Failure) -> str:
    again = escaped(f"/?{urlencode({'q': each.question.encode('utf-8', 'replace').decode()})}")
    return (
        f'<article class="pair"><h4>{escaped(each.question)}</h4><p class="meta">{escaped(each.category)} · '
        f'<a href="{again}" target="_blank" rel="noopener">Ask it</a></p><div><h5>Said</h5><p>{escaped(each.said)}</p>'
        f"</div><div><h5>Gold</h5><p>{escaped(each.gold)}</p></div></article>"
    )


def adding(draft: Draft, hits: Sequence[Hit] = (), fault: str = "", done: str = "") -> str:
    """The form for a gold item."""
    said = f'<p class="notice done" role="status">{escaped(done)}</p>' if done else ""
    absent = " checked" if draft.absent else ""
    return (
        f'<section class="adding" aria-label="Add a gold question"><h3>Add a gold question</h3>{said}'
        f"{fault_line(fault)}<form>"
        f'<label>Question<input name="question" required value="{escaped(draft.question)}"></label>'
        f'<button type="button" data-do="find">Find passages</button>{fields(draft, hits)}'
        f'<label class="check"><input type="checkbox" name="absent"{absent}>The documents don’t say</label>'
        '<p class="choices"><button class="go" data-do="add">Add</button></p></form></section>'
    )
