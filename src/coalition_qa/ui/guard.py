"""Who may speak to the page, from where, and how much: checked before Gradio sees anything.

A browser carries the user's cookies to whoever asks it to, so every request that may change something must come from
the page itself (its Origin), to an address that is really this machine's (its Host).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from threading import Lock
from time import monotonic
from typing import Any, Protocol
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

USER = b"x-coalition-qa-user"
"""The header in which the page's own code finds the user; what a client sends in it is thrown away."""

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self' blob:; frame-ancestors 'none'; form-action 'self'; base-uri 'self'; object-src 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # without any, a form says that it comes from nowhere
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_SAFE = {"GET", "HEAD", "OPTIONS"}
_UPLOAD = "/upload"
_BODY = 2_000_000  # bytes that any other request may carry
_CLIENTS = 10_000
_TOO_MANY = (429, "Too many requests: wait a moment.")
_LOCAL = {"localhost"}


class Doors(Protocol):
    """Who a request comes from, where users log in."""

    async def user(self, headers: dict[str, str], client: str) -> str | None:
        """The user's name; None for nobody that is known."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer somebody who is not known: let them log in."""


@dataclass(slots=True)
class Limits:
    """How much one client may ask for, and under which names: `localhost`, this machine's own addresses, `names`, and
    any address `beyond` where others are to reach it: nobody who owns a domain can make a number point here.
    """

    per_minute: int
    upload_bytes: int
    names: frozenset[str] = frozenset()
    beyond: bool = False
    clock: Callable[[], float] = monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def allows(self, client: str) -> bool:
        """Whether the client may ask once more: `per_minute` at once, and as many again each minute."""
        with self._lock:
            now = self.clock()
            left, then = self._left.pop(client, (float(self.per_minute), now))
            left = min(float(self.per_minute), left + (now - then) * self.per_minute / 60)
            self._left[client] = (max(0.0, left - 1), now)
            while len(self._left) > _CLIENTS:
                self._left.popitem(last=False)
            return left >= 1

    def serves(self, host: str) -> bool:
        """Whether the page is served under that name."""
        name = _name(host)
        if name in self.names or name in _LOCAL:
            return True
        try:
            return ip_address(name).is_loopback or self.beyond
        except ValueError:
            return False


class Guard:
    """Stands before an application."""

    def __init__(self, app: App, limits: Limits, doors: Doors | None = None) -> None:
        self._app = app
        self._limits = limits
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or say why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        sending = _with_headers(send)
        client = (scope.get("client") or ("",))[0]
        refusal = self._refusal(scope, headers, client)
        if refusal:
            await refuse(sending, *refusal)
            return
        user = await self._doors.user(headers, client) if self._doors else ""
        if user is None and self._doors is not None:
            await self._doors(scope, _limited(receive, _BODY), sending)
            return
        if user and scope["method"] not in _SAFE and not self._limits.allows(f"user {user}"):
            await refuse(sending, *_TOO_MANY)
            return
        known = [(key, value) for key, value in scope["headers"] if key != USER]
        inner = {**scope, "headers": [*known, (USER, (user or "").encode("utf-8").hex().encode())]}
        await self._app(inner, _limited(receive, self._most(scope)), sending)

    def _refusal(self, scope: Scope, headers: dict[str, str], client: str) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._limits.serves(host):
            return 400, f"This page is not served under the name {_name(host)[:80]}: allow it with --allow-host."
        if scope["method"] in _SAFE:
            return None
        origin = headers.get("origin", "")
        if origin and urlsplit(origin).netloc != host and _name(urlsplit(origin).netloc) not in self._limits.names:
            return 403, "This request comes from another site."
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "This request comes from another site."
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._most(scope):
            return 413, "That is more than may be sent at once."
        return None if self._doors or self._limits.allows(client) else _TOO_MANY

    def _most(self, scope: Scope) -> int:
        return self._limits.upload_bytes if scope["path"].endswith(_UPLOAD) else _BODY


def user_of(request: Any) -> str:  # noqa: ANN401 - Gradio's request, or Starlette's
    """The user that the guard let in; "" where nobody logs in."""
    return bytes.fromhex(request.headers.get(USER.decode(), "")).decode("utf-8")


async def refuse(send: Send, status: int, why: str) -> None:
    """Answer with one line of text."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": why.encode()})


def _name(host: str) -> str:
    """A host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [(key.lower(), value) for key, value in message.get("headers", [])]
            there = {key for key, _ in given}
            ours = [(key.encode(), value.encode()) for key, value in HEADERS.items() if key.encode() not in there]
            message = {**message, "headers": [*given, *ours]}
        await send(message)

    return sending


def _limited(receive: Receive, most: int) -> Receive:
    """The body as it comes, cut off where it grows longer than it said it was."""
    seen = 0

    async def receiving() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > most else message

    return receiving
