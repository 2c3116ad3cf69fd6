"""The web page: it renders an `Answer` and decides nothing. Gradio is imported when a page is built."""

from coalition_qa.ui.behind import Behind, Failure, GoldSet, Judged, Lines, Measured, Run
from coalition_qa.ui.page import build
from coalition_qa.ui.server import serve

__all__ = ["Behind", "Failure", "GoldSet", "Judged", "Lines", "Measured", "Run", "build", "serve"]
