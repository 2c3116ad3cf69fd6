"""What the page links to: a document as a page of its own, and a conversation to take away."""

from typing import TYPE_CHECKING

from coalition_qa.types import CoalitionQAError, Span
from coalition_qa.ui import paper
from coalition_qa.ui.behind import Behind
from coalition_qa.ui.exchanges import loaded
from coalition_qa.ui.export import FORMS
from coalition_qa.ui.guard import user_of

if TYPE_CHECKING:
    from fastapi import FastAPI


def add_pages(app: "FastAPI", behind: Behind) -> None:
    """Serve `/document` and `/export` beside the page."""
    from fastapi import Request
    from fastapi.responses import HTMLResponse, PlainTextResponse, Response

    @app.get("/document")
    def document(name: str, start: int = 0, end: int = 0) -> Response:
        """A document, with the sentence from `start` to `end` marked."""
        try:
            found = behind.assistant.document(name)
            spans = behind.assistant.spans(name)
        except CoalitionQAError as error:
            return PlainTextResponse(str(error), 503)
        if found is None:
            return PlainTextResponse("There is no such document any more.", 404)
        place = Span(start, end) if 0 <= start < end <= len(found.text) else None
        return HTMLResponse(paper.document_page(found, spans, place), headers={"Content-Security-Policy": paper.POLICY})

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
