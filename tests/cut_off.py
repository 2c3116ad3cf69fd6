"""Run the command where every connection but to this machine fails: `python cut_off.py ask "Who?"`."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from functools import partial
from typing import Any


class CutOff(RuntimeError):
    """Something tried to reach the network. Not an OSError, which a library might swallow and go on."""


def loopback(address: Any) -> bool:  # noqa: ANN401 - whatever a socket connects to
    host = address[0] if isinstance(address, tuple) else address  # a name is looked up, a tuple connected to
    return host in (None, "", "localhost", "127.0.0.1", "::1")


def guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Hears of what Python's sockets do, by whichever function."""
    address = {
        "socket.connect": lambda: arguments[1],
        "socket.sendto": lambda: arguments[1],
        "socket.getaddrinfo": lambda: arguments[0],
        "socket.gethostbyname": lambda: arguments[0],
    }.get(event)
    if address is not None and not loopback(address()):
        raise CutOff(f"{event} {address()!r}")


if __name__ == "__main__":
    sys.addaudithook(guard)
    for attempt in (
        partial(socket.socket().connect, ("192.0.2.1", 80)),
        partial(socket.getaddrinfo, "example.org", 80),
    ):
        with suppress(CutOff):
            attempt()
            sys.exit("the network is not cut off")

    from coalition_qa.cli import main

    sys.exit(main())
