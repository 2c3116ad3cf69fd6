"""What tests of the readers share: one parsing process for them all, and a file made of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from coalition_qa.documents import Limits, Parser
from coalition_qa.types import Document

Read = Callable[..., Document]
Parse = Callable[[str, bytes], Document]


@pytest.fixture(scope="session")
def read() -> Iterator[Read]:
    """Reads a path under a name, with a limit on the file's megabytes."""
    parsers: dict[float, Parser] = {}
    with ExitStack() as stack:

        def reading(path: Path, name: str, megabytes: float = 20) -> Document:
            if megabytes not in parsers:
                parsers[megabytes] = stack.enter_context(Parser(Limits(file_megabytes=megabytes)))
            return parsers[megabytes].document(path, name)

        yield reading


@pytest.fixture
def parse(read: Read, tmp_path: Path) -> Parse:
    """Reads bytes as a file of that name."""

    def parsing(name: str, raw: bytes) -> Document:
        path = tmp_path / name
        path.write_bytes(raw)
        return read(path, name)

    return parsing
