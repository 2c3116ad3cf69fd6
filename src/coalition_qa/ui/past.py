"""The list of kept conversations, and the small things around the box, as escaped HTML. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from coalition_qa.types import Kept
from coalition_qa.ui.html import counted, escaped

NAMED_WITHIN = 3
"""So many of the chosen documents are named; of the others only how many there are."""

PEN = (
    '<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" fill="none" stroke="currentColor">'
    '<path d="M3 13l.6-2.6L11 3l2 2-7.4 7.4z"/></svg>'
)
BIN = (
    '<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" fill="none" stroke="currentColor">'
    '<path d="M3 4.5h10M6.5 4V2.5h3V4M4.5 4.5l.6 9h5.8l.6-9"/></svg>'
)


def conversations(kept: Sequence[Kept], current: str, fault: str = "") -> str:
    """The user's conversations, with what can be done with each; that which is open can be taken away."""
    items = "".join(_item(one, current) for one in kept)
    body = f"<ul>{items}</ul>" if items else '<p class="about">What you ask is kept here, on this machine.</p>'
    warning = f'<p class="notice error" role="alert">{escaped(fault)}</p>' if fault else ""
    return f'<section class="past" aria-label="Conversations"><h2>Conversations</h2>{warning}{body}</section>'


def _item(one: Kept, current: str) -> str:
    title, here = escaped(one.title or "Untitled"), one.id == current
    mark = ' aria-current="true"' if here else ""
    forms = (("md", "Markdown"), ("html", "HTML"), ("json", "JSON"))
    links = "".join(f'<a href="/export/{one.id}.{end}" download>{name}</a>' for end, name in forms)
    away = f'<p class="away"><span>Export:</span> {links}</p>' if here else ""
    return (
        f'<li{mark}><div class="line"><button class="open" data-do="open" data-id="{one.id}"{mark}>{title}</button>'
        f'<button class="small" data-do="rename" data-id="{one.id}" data-value="{title}" data-ask="A new title:"'
        f' aria-label="Rename: {title}">{PEN}</button>'
        f'<button class="small" data-do="delete" data-id="{one.id}" data-sure="Delete this conversation?"'
        f' aria-label="Delete: {title}">{BIN}</button></div>{away}</li>'
    )


def chips(questions: Sequence[str]) -> str:
    """Questions that ask themselves when they are chosen."""
    texts = [escaped(question) for question in questions]
    buttons = "".join(f'<button class="chip" data-question="{text}">{text}</button>' for text in texts)
    return f'<div class="chips" role="group" aria-label="Questions that lead on">{buttons}</div>' if buttons else ""


def within(names: Sequence[str]) -> str:
    """That only some documents are searched, and the way back to all."""
    if not names:
        return ""
    shown = ", ".join(names[:NAMED_WITHIN]) + (" and others" if len(names) > NAMED_WITHIN else "")
    return (
        f'<p class="within">Asking only {counted(len(names), "document")}: {escaped(shown)}'
        '<button data-do="all">Ask all documents</button></p>'
    )
