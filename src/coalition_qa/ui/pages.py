"""What the page links to: a document as a page of its own, a conversation to take away, reports of evaluations."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from coalition_qa.types import CoalitionQAError, Span
from coalition_qa.ui import paper
from coalition_qa.ui.behind import Behind
from coalition_qa.ui.exchanges import loaded
from coalition_qa.ui.export import FORMS
from coalition_qa.ui.guard import user_of

if TYPE_CHECKING:
    from fastapi import FastAPI

FRAMED = {
    "Content-Security-Policy": paper.POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'"),
    "X-Frame-Options": "SAMEORIGIN",
}


def add_pages(app: "FastAPI", behind: Behind) -> None:
    """Serve `/document`, `/export` and `/evaluation` beside the page."""
    from fastapi import Request
    from fastapi.responses import HTMLResponse, PlainTextResponse, Response

    @app.get("/document")
    def document(name: str, start: int = 0, end: int = 0, id: str = "") -> Response:
        """A document, with the sentence from `start` to `end` marked, where it is still the text with that id."""
        try:
            found = behind.assistant.document(name)
            spans = behind.assistant.spans(name)
        except CoalitionQAError as error:
            return PlainTextResponse(str(error), 503)
        if found is None:
            return PlainTextResponse("There is no such document any more.", 404)
        place = Span(start, end) if 0 <= start < end <= len(found.text) else None
        same = found.id.startswith(id)
        page = paper.document_page(found, spans, place if same else None, changed=not same)
        return HTMLResponse(page, headers={"Content-Security-Policy": paper.POLICY})

    def export(id_: str, form: str, request: Request) -> Response:
        """A conversation as a file."""
        if form not in FORMS:
            return PlainTextResponse("There is no such form.", 404)
        user = user_of(request)
        try:
            body = behind.archive.read(user, id_)
            title = next((one.title for one in behind.archive.listed(user) if one.id == id_), "Conversation")
            if body is None:
                return PlainTextResponse("There is no such conversation.", 404)
            write, kind = FORMS[form]
            text = write(title, loaded(body))
        except CoalitionQAError as error:
            return PlainTextResponse(str(error), 404)
        disposition = f'attachment; filename="conversation-{id_}.{form}"'
        return Response(text, media_type=kind, headers={"Content-Disposition": disposition})

    app.add_api_route("/export/{id_}.{form}", export, methods=["GET"])
    _add_evaluation(app, behind)


def _add_evaluation(app: "FastAPI", behind: Behind) -> None:
    from fastapi import Request
    from fastapi.responses import HTMLResponse, PlainTextResponse, Response

    def framed(page: Callable[[str], str], request: Request) -> Response:
        """A page of the evaluation, which only our own page may frame."""
        try:
            return HTMLResponse(page(user_of(request)), headers=FRAMED)
        except CoalitionQAError as error:
            return PlainTextResponse(str(error), 404)

    @app.get("/evaluation/report")
    def report(run: str, request: Request) -> Response:
        """The report of a run."""
        return framed(lambda user: behind.measures.report(user, run), request)

    @app.get("/evaluation/compared")
    def compared(one: str, other: str, request: Request) -> Response:
        """Two runs against each other."""
        return framed(lambda user: behind.measures.compared(user, one, other), request)
