"""What every test may use: a small deterministic encoder, the shipped one, the article, and a place of one's own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coalition_qa.cli import main
from coalition_qa.config import SHIPPED, Settings
from coalition_qa.doctor import examine
from coalition_qa.encoders import MODELS, Encoder, OnnxEncoder, Vectors
from coalition_qa.ingest import Ingest
from coalition_qa.library import Library
from coalition_qa.types import Document, Span

ARTICLE = Path(__file__).parents[1] / "corpus" / "coalition-against-isis-rome.txt"
STOCK = {
    "owls.md": "# Owls\n\nOwls hunt mice at night in the forests of Finland, and they sleep during the whole day.\n",
    "zebra.txt": "The zebra crossing in Oslo was painted by Kari Nordmann in 1987.\n",
}
"""What `stocked` holds, by name: "Who painted the zebra crossing in Oslo?" is answered from it."""


class FakeEncoder:
    """Hashed bags of words: texts that share words are alike, nothing is loaded, every machine agrees."""

    def __init__(self, identity: str = "fake@1", dimensions: int = 64, window: int = 254) -> None:
        self.identity = identity
        self.dimensions = dimensions
        self.window = window

    def pieces(self, text: str) -> list[Span]:
        return [Span(*match.span()) for match in re.finditer(r"\w+|[^\w\s]", text)]

    def encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = 0.01  # a text without words has a direction too
            for word in re.findall(r"\w+", text.lower()):
                digest = blake2b(word.encode(), digest_size=4).digest()
                row[int.from_bytes(digest[:3], "big") % self.dimensions] += 1 if digest[3] % 2 else -1
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(lengths == 0, 1, lengths).astype(np.float32)


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error; fails where there is more, or less, or a traceback."""
        assert self.err.startswith("coalition-qa: "), self.err
        assert self.err.endswith("\n"), self.err
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        return self.err.strip()


@dataclass(frozen=True)
class Place:
    """A corpus and a library in a temporary folder, and the program run on them."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    @property
    def corpus(self) -> Path:
        return self.folder / "corpus"

    @property
    def library(self) -> Path:
        return self.folder / "library"

    def settings(self, **more: Any) -> Settings:  # noqa: ANN401 - whatever a setting takes
        return Settings(**{"corpus": self.corpus, "library": self.library, "threads": 1, **more})

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the corpus folder."""
        path = self.corpus / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def outside(self, name: str, content: str | bytes) -> Path:
        """A file that is not in the corpus folder."""
        path = self.folder / "outside" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self, library: Library, encoder: Encoder) -> Ingest:
        return Ingest(self.settings(), library, encoder)

    def sync(self, encoder: Encoder) -> None:
        """Bring the library in line with the corpus folder."""
        with Library(self.library, encoder, create=True) as library:
            self.ingest(library, encoder).sync()

    def faults(self, encoder: Encoder) -> dict[str, str]:
        """What the doctor finds wrong, by the name of the check."""
        return {check.name: check.fault for check in examine(self.settings(), encoder) if check.fault}

    def run(self, *arguments: str | Path) -> Outcome:
        """One command, in this process."""
        self.capture.readouterr()
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *self.capture.readouterr())

    def start(self, *arguments: str | Path, **more: Any) -> subprocess.Popen[str]:  # noqa: ANN401 - Popen's own
        """Python with these arguments, in a process of its own."""
        command = [sys.executable, *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, **{"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True, **more})

    def process(self, *arguments: str | Path, **more: Any) -> Outcome:  # noqa: ANN401 - subprocess.run's own
        """Python with these arguments, in a process of its own, to its end."""
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **more)
        return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session", autouse=True)
def _offline() -> Iterator[None]:
    """No test fetches a model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    """A place of one's own: nobody's settings are read, nobody's data are touched."""
    for variable in list(os.environ):
        if variable.startswith("COALITION_QA_"):
            monkeypatch.delenv(variable)
    made = Place(tmp_path, capsys)
    made.corpus.mkdir()
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setenv("COALITION_QA_CORPUS", str(made.corpus))
    monkeypatch.setenv("COALITION_QA_LIBRARY", str(made.library))
    monkeypatch.setenv("COALITION_QA_THREADS", "1")
    return made


@pytest.fixture(scope="session")
def _stock(tmp_path_factory: pytest.TempPathFactory, shipped_encoder: Encoder) -> Path:
    """A corpus and its library, made once and only ever copied."""
    folder = tmp_path_factory.mktemp("stock")
    settings = Settings(corpus=folder / "corpus", library=folder / "library", threads=1)
    settings.corpus.mkdir()
    for name, text in STOCK.items():
        (settings.corpus / name).write_text(text, "utf-8")
    with Library(settings.library_path, shipped_encoder, create=True) as library:
        Ingest(settings, library, shipped_encoder).sync()
    return folder


@pytest.fixture
def stocked(place: Place, _stock: Path) -> Place:
    """A place with two documents, indexed by the shipped encoder."""
    shutil.copytree(_stock, place.folder, dirs_exist_ok=True)
    return place


@pytest.fixture
def make_settings(place: Place) -> Callable[..., Settings]:
    """Settings over a corpus and a library in the test's own folder; any of them can be given."""
    return place.settings


@pytest.fixture(scope="session")
def fake_encoder() -> FakeEncoder:
    """The hashing encoder."""
    return FakeEncoder()


@pytest.fixture(scope="session")
def shipped_encoder() -> Encoder:
    """The encoder in the package."""
    return OnnxEncoder(MODELS / "encoder", threads=1)


@pytest.fixture(params=["fake", SHIPPED])
def any_encoder(request: pytest.FixtureRequest) -> Encoder:
    """One after the other: what holds for the fake must hold for the real one."""
    encoder: Encoder = request.getfixturevalue("fake_encoder" if request.param == "fake" else "shipped_encoder")
    return encoder


@contextmanager
def chroma_running(folder: Path, port: int = 0) -> Iterator[str]:
    """A Chroma server on this machine; its address."""
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    program = str(Path(sys.executable).with_name("chroma"))
    command = [program, "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    with subprocess.Popen(command, env={"PATH": os.environ["PATH"], "HOME": str(folder)}, **quiet) as server:
        try:
            give_up = time.monotonic() + 60
            while time.monotonic() < give_up:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert server.poll() is None, "the Chroma server ended"
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


@pytest.fixture
def serve_chroma() -> Callable[..., AbstractContextManager[str]]:
    """Starts a Chroma server of the test's own, with a folder and perhaps a port."""
    return chroma_running


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Chroma server that many tests share."""
    with chroma_running(tmp_path_factory.mktemp("chroma")) as address:
        yield address


@pytest.fixture(scope="session")
def article_text() -> str:
    """The article, as it stands in the corpus."""
    return ARTICLE.read_text("utf-8")


@pytest.fixture(scope="session")
def article(article_text: str) -> Document:
    """The article as a document."""
    return Document(ARTICLE.name, article_text)
