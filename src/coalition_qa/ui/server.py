"""The server that shows the page: on this machine only, unless users log in."""

import asyncio
import socket
import sys
import webbrowser
from collections.abc import Callable
from errno import EADDRINUSE
from importlib.resources import files
from ipaddress import ip_address
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from coalition_qa.config import Settings
from coalition_qa.types import SettingsError
from coalition_qa.ui.behind import Behind
from coalition_qa.ui.guard import Doors, Guard, Limits
from coalition_qa.ui.login import Login, Proxy
from coalition_qa.ui.page import build, has_mcp
from coalition_qa.ui.pages import add_pages

if TYPE_CHECKING:
    import gradio as gr

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Noto Sans", "Arial", "sans-serif")
STYLES = ("page.css", "screens.css", "evaluation.css")
PAPER, PAPER_DARK = "#f6f5f1", "#15181b"

Check = Callable[[str, str], bool]


def serve(
    behind: Behind,
    settings: Settings,
    *,
    open_browser: bool,
    check: Check | None = None,
    say: Callable[[str], object] | None = None,
) -> None:
    """Serve the page until Ctrl+C or SIGTERM. `check` says whether a user's password is right, where users log in;
    `say` is given the line with the address once it is up.

    Raises SettingsError when the address cannot be listened on, or is open to others without a login.
    """
    doors = doors_of(settings, check)
    with listen(settings.host, settings.port) as listening:
        host, port = listening.getsockname()[:2]
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

        def up() -> None:
            (say or _say)(f"coalition-qa is at {address}  (Ctrl+C stops it)\n")
            if open_browser:
                Thread(target=webbrowser.open, args=(address,), daemon=True).start()

        web_server(build(behind, settings), behind, settings, up, doors).run(sockets=[listening])


def doors_of(settings: Settings, check: Check | None) -> Doors | None:
    """How users come in; None where only this machine's own do.

    Raises SettingsError where others could reach the page and nobody logs in.
    """
    if settings.proxy_header:
        return Proxy(settings.proxy_header)
    if check is not None:
        return Login(check)
    if not _is_own(settings.host):
        raise SettingsError(
            f"Anybody who reaches {settings.host} could read and remove the documents: let users log in with "
            "--auth FILE (`coalition-qa login FILE NAME` makes it), or name a proxy's header with --proxy-header."
        )
    return None


def _is_own(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _say(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there, on a free port for 0; raises SettingsError when it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == EADDRINUSE:
            message = f"Port {port} on {host} is in use: stop the other program or choose another with --port."
        else:
            reason = str(error.strerror).partition(" (")[0]
            message = (
                f"The page cannot be served on {host}, port {port}: {reason}. Choose others with --host and --port."
            )
        raise SettingsError(message) from error


def web_server(
    page: "gr.Blocks", behind: Behind, settings: Settings, up: Callable[[], None], doors: Doors | None = None
) -> uvicorn.Server:
    """The server for a page that `build` made; it calls `up` once it answers."""
    import gradio as gr
    from fastapi import FastAPI
    from starlette.routing import Mount

    assets = files("coalition_qa.ui") / "assets"
    *css, js = ((assets / name).read_text("utf-8") for name in (*STYLES, "page.js"))
    theme = gr.themes.Base(font=FONTS, font_mono=("ui-monospace", "Consolas", "monospace"))
    largest = int(settings.max_file_megabytes * 1e6)
    app = FastAPI(openapi_url=None)
    add_pages(app, behind)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        max_file_size=largest,
        mcp_server=has_mcp() and doors is None,  # its tools ask the page without a password
        ssr_mode=False,
        show_error=False,
        theme=theme.set(body_background_fill=PAPER, body_background_fill_dark=PAPER_DARK),
        head=f"<style>{''.join(css)}</style><script>{js}</script>",  # not css=, whose rules Gradio rewrites
    )
    gradio_app: Any = next(route.app for route in app.routes if isinstance(route, Mount))
    names = frozenset(name.lower() for name in settings.allow_hosts)
    upload = int(settings.max_upload_megabytes * 1e6)
    limits = Limits(settings.requests_per_minute, upload, names, beyond=not _is_own(settings.host))
    config = uvicorn.Config(
        Guard(app, limits, doors),
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        lifespan="on",
    )
    return _Server(config, up, gradio_app.stop_event)


class _Server(uvicorn.Server):
    """Says when it is up, ends Gradio's endless streams before it waits for them, and leaves quietly."""

    def __init__(self, config: uvicorn.Config, up: Callable[[], None], streams_end: asyncio.Event) -> None:
        super().__init__(config)
        self._up = up
        self._streams_end = streams_end

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._up()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams_end.set()  # an open page would otherwise hold the server until its time is up
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit  # the second signal does not wait
        self.should_exit = True
