"""How users come in: a form and a cookie for people, HTTP Basic for machines, or a reverse proxy that vouches."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections import OrderedDict
from collections.abc import Callable
from html import escape
from http.cookies import CookieError, SimpleCookie
from threading import Lock
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, unquote

from coalition_qa.ui.guard import Receive, Scope, Send, refuse

COOKIE = "coalition_qa"
_LASTS = 12 * 3600.0  # seconds
_SESSIONS = 10_000
_FAILURES = 10  # wrong passwords from one address
_FORGIVEN = 300.0  # seconds after which they are
_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_STYLE = (
    ":root{color-scheme:light dark}body{display:grid;place-items:center;min-height:90vh;font:16px/1.5 system-ui}"
    "form{display:grid;gap:.8rem;width:min(20rem,90vw)}input,button{font:inherit;padding:.6rem .8rem;border-radius:8px;"
    "border:1px solid #8a939a}button{background:#0b5f63;color:#fff;border:0}p{margin:0;color:#b5483a}"
)


class Login:
    """Users who have a password. `check` says whether a user's password is right; it is slow on purpose."""

    def __init__(self, check: Callable[[str, str], bool], clock: Callable[[], float] = monotonic) -> None:
        self._check = check
        self._clock = clock
        self._lock = Lock()
        self._sessions: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._basic: OrderedDict[str, str] = OrderedDict()

    async def user(self, headers: dict[str, str], client: str) -> str | None:
        """Whose cookie that is, or whose name and password."""
        given = headers.get("authorization", "")
        if given.lower().startswith("basic "):
            return await self._machine(given, client)
        with self._lock:
            user, until = self._sessions.get(_cookie(headers), ("", 0.0))
        return user if self._clock() < until else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The form; or what was typed into it."""
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        client = (scope.get("client") or ("",))[0]
        if self._locked_out(client):
            await refuse(send, 429, "Too many wrong passwords: wait five minutes.")
        elif scope["method"] == "POST" and scope["path"] == "/login":
            await self._person(await _body(receive), client, secure=scope.get("scheme") == "https", send=send)
        elif scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", ""):
            await _page(send, 401, "")
        else:
            await refuse(send, 401, "Log in first: open the page in a browser, or send a name and password.")

    async def _machine(self, given: str, client: str) -> str | None:
        """Who sends that name and password in each request; right ones are known for as long as this runs."""
        with self._lock:
            known = self._basic.get(given)
        if known is not None or self._locked_out(client):
            return known
        try:
            name, _, password = base64.b64decode(given.partition(" ")[2], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if not await self._right(name, password, client):
            return None
        with self._lock:
            self._basic[given] = name
            _cut(self._basic)
        return name

    async def _person(self, body: bytes, client: str, *, secure: bool, send: Send) -> None:
        form = parse_qs(body.decode("utf-8", "replace"))
        name, password = (form.get(key, [""])[0] for key in ("name", "password"))
        if not await self._right(name, password, client):
            await _page(send, 401, "That name and password are not known.")
            return
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[token] = (name, self._clock() + _LASTS)
            _cut(self._sessions)
        cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={int(_LASTS)}"
        cookie += "; Secure" if secure else ""
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode())]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _right(self, name: str, password: str, client: str) -> bool:
        """Whether the password is right. It counts as wrong while it is looked at, so that many at once are no way
        round the lock.
        """
        with self._lock:
            count, _ = self._failed.pop(client, (0, 0.0))
            self._failed[client] = (count + 1, self._clock())
            _cut(self._failed)
        if count >= _FAILURES or not await asyncio.to_thread(self._check, name, password):
            return False
        with self._lock:
            count, last = self._failed.get(client, (1, 0.0))
            self._failed[client] = (count - 1, last)
        return True

    def _locked_out(self, client: str) -> bool:
        with self._lock:
            count, last = self._failed.get(client, (0, 0.0))
            if self._clock() - last > _FORGIVEN:
                self._failed.pop(client, None)
                return False
            return count >= _FAILURES


class Proxy:
    """Users whom a reverse proxy has let in, and names in a header that nobody else can send."""

    def __init__(self, header: str) -> None:
        self._header = header.lower()

    async def user(self, headers: dict[str, str], client: str) -> str | None:
        """The name in the header; None where it is missing."""
        return unquote(headers.get(self._header, "")).strip() or None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Nobody comes in past the proxy."""
        await refuse(send, 401, "This page is behind a proxy that logs users in: ask through it.")


def _cookie(headers: dict[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _cut(entries: OrderedDict[str, Any]) -> None:
    while len(entries) > _SESSIONS:
        entries.popitem(last=False)


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _page(send: Send, status: int, fault: str) -> None:
    told = f'<p role="alert">{escape(fault)}</p>' if fault else ""
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>coalition-qa: log in</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f'<form method="post" action="/login"><h1>coalition-qa</h1>{told}<label for="name">Name</label>'
        '<input id="name" name="name" autocomplete="username" autofocus required><label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
        "<button>Log in</button></form></main></body></html>"
    )
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", _POLICY)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": page.encode()})
