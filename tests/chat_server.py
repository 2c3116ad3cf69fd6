"""A real server on this machine that speaks the OpenAI protocol and answers as it was told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

MODELS = {"data": [{"id": "tiny"}, {"id": "large"}]}


class Server(ThreadingHTTPServer):
    """Replies to a chat with `said`; remembers the last request."""

    said: object = ""
    models: object = MODELS
    request: dict[str, Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.reply(self.server.models if self.path == "/v1/models" else {"error": "no such path"})

    def do_POST(self) -> None:
        self.server.request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = self.server.said
        self.reply({"choices": [{"message": {"content": said}}]} if isinstance(said, str) else said)

    def reply(self, body: object) -> None:
        if body == b"":
            self.wfile.write(b"no HTTP\r\n\r\n")
            return
        self.send_response(500 if body is None else 200)
        self.end_headers()
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *arguments: object) -> None:
        """Keeps quiet."""


@contextmanager
def serving() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
