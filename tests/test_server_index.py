"""Vectors in a Chroma server: each library its own, nothing believed that is not proven, and no question fails."""

from __future__ import annotations

import json
import os
import random
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from coalition_qa.backup import backup, restore
from coalition_qa.config import load_settings
from coalition_qa.doctor import examine, repair
from coalition_qa.ingest import Ingest, rebuild
from coalition_qa.library import Library, name_of
from coalition_qa.types import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import FakeEncoder, Place

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
READ = """
import random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import FakeEncoder
from coalition_qa.config import load_settings
from coalition_qa.library import Library
settings, encoder = load_settings(), FakeEncoder()
asked = proven = wrong = 0
with Library(settings.library_path, encoder, chroma_url=settings.chroma_url) as library:
    print("ready", flush=True)
    while not Path(sys.argv[2]).exists():
        document = library.document(random.choice(list(library.names())))
        text = document.text if document else ""
        hits = library.dense(encoder.encode([text])[0], 1)
        said = [found.passage.text for found in library.found([id_ for id_, _ in hits]).values()]
        if document and library.document(document.name):  # nobody removed it meanwhile
            asked += 1
            wrong += said != [text]
        proven += library.index_is_current()
print(wrong, asked > 5, proven > 0)
"""


def text(n: int) -> str:
    """No two of these are alike."""
    dice = random.Random(n)
    return f"Crossing of {' '.join(f'word{dice.randrange(10**6)}' for _ in range(9))}."


def sync(place: Place, encoder: FakeEncoder, url: str, count: int, first: int = 0) -> None:
    for n in range(first, first + count):
        place.write(f"{n}.txt", text(n))
    with Library(place.library, encoder, create=True, chroma_url=url) as library:
        Ingest(place.settings(chroma_url=url), library, encoder).sync()


def finds_all(library: Library, encoder: FakeEncoder, numbers: range) -> bool:
    for n in numbers:
        ((id_, score),) = library.dense(encoder.encode([text(n)])[0], 1)
        assert score == pytest.approx(1, abs=1e-3)
        assert library.found([id_])[id_].passage.text == text(n)
    return library.index_is_current()


def faults(place: Place, encoder: FakeEncoder, url: str) -> dict[str, str]:
    return {check.name: check.fault for check in examine(place.settings(chroma_url=url), encoder) if check.fault}


def ask(url: str, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - Chroma's JSON
    content = None if body is None else json.dumps(body).encode()
    request = Request(f"{url}{COLLECTIONS}{path}", content, {"Content-Type": "application/json"}, method=method)
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


def collection(place: Place, url: str) -> str:
    """The id of the one that is named after this place's library."""
    return str(ask(url, "GET", f"/coalition-qa-{name_of(place.library)}")["id"])


def test_libraries_are_kept_apart_in_one_server(place: Place, fake_encoder: FakeEncoder, chroma_server: str) -> None:
    other = type(place)(place.folder / "other", place.capture)
    sync(place, fake_encoder, chroma_server, 4)
    sync(other, fake_encoder, chroma_server, 3, first=10)
    for each, numbers in ((place, range(4)), (other, range(10, 13))):
        with Library(each.library, fake_encoder, chroma_url=chroma_server) as library:
            assert finds_all(library, fake_encoder, numbers)
            assert len(library.dense(fake_encoder.encode(["crossing"])[0], 50)) == len(numbers)
        assert faults(each, fake_encoder, chroma_server) == {}
        assert not list(each.library.glob("index/chroma-*"))


def test_two_processes_read_one_library_while_a_third_writes(
    place: Place, fake_encoder: FakeEncoder, chroma_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COALITION_QA_CHROMA_URL", chroma_server)
    sync(place, fake_encoder, chroma_server, 3)
    done = place.folder / "done"
    readers = [place.start("-c", READ, Path(__file__).parent, done) for _ in range(2)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    settings = place.settings(chroma_url=chroma_server)
    with Library(place.library, fake_encoder, chroma_url=chroma_server) as library:
        ingest = Ingest(settings, library, fake_encoder)
        for n in range(3, 11):
            ingest.add([place.outside(f"{n}.txt", text(n))])
            ingest.remove([f"{n - 3}.txt"])
            assert library.index_is_current()
    time.sleep(0.5)
    done.touch()
    for reader in readers:
        assert reader.communicate(timeout=60) == ("0 True True\n", "")
    assert faults(place, fake_encoder, chroma_server) == {}


def test_a_server_that_is_down_costs_speed_only(
    place: Place, fake_encoder: FakeEncoder, serve_chroma: Callable[..., Any]
) -> None:
    with serve_chroma(place.folder) as url:
        sync(place, fake_encoder, url, 3)
        library = Library(place.library, fake_encoder, chroma_url=url)
        assert finds_all(library, fake_encoder, range(3))
    assert not finds_all(library, fake_encoder, range(3))
    library.close()
    sync(place, fake_encoder, url, 5)
    with Library(place.library, fake_encoder, chroma_url=url) as library:
        assert not finds_all(library, fake_encoder, range(5))
    (said,) = faults(place, fake_encoder, url).items()
    assert said[0] == "Chroma server"
    assert "does not answer as it should" in said[1]
    before = sorted(path.name for path in place.library.iterdir())
    repair(place.settings(chroma_url=url), fake_encoder)  # does not embed everything again, which would not help
    assert sorted(path.name for path in place.library.iterdir()) == before
    with serve_chroma(place.folder, int(url.rpartition(":")[2])) as again:
        assert again == url
        assert faults(place, fake_encoder, url) == {}  # what changed meanwhile is known, and searched exactly
        sync(place, fake_encoder, url, 5)
        assert faults(place, fake_encoder, url) == {}


def test_a_server_that_hangs_is_waited_for_once(place: Place, fake_encoder: FakeEncoder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        sync(place, fake_encoder, url, 2)
        with Library(place.library, fake_encoder, chroma_url=url) as library:
            assert not finds_all(library, fake_encoder, range(2))
            assert time.monotonic() - began < 10
            began = time.monotonic()
            assert not finds_all(library, fake_encoder, range(2))
            assert time.monotonic() - began < 1
        assert "timed out" in faults(place, fake_encoder, url)["Chroma server"]


class Nonsense(BaseHTTPRequestHandler):
    """Answers everything with what the server was given."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.said)  # type: ignore[attr-defined]

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        """Keeps quiet."""


@pytest.mark.parametrize("said", ["<html>", "[]", "{}", "7", '{"id": "x", "metadata": {"generation": "y"}}'])
def test_what_is_no_chroma_server_is_not_believed(place: Place, fake_encoder: FakeEncoder, said: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Nonsense) as server:
        server.said = said.encode()  # type: ignore[attr-defined]
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        sync(place, fake_encoder, url, 2)
        with Library(place.library, fake_encoder, chroma_url=url) as library:
            assert not finds_all(library, fake_encoder, range(2))
        assert faults(place, fake_encoder, url).keys() <= {"Chroma server", "index proven"}
        server.shutdown()
        serving.join()


@pytest.mark.parametrize("what", ["one deleted", "other vectors", "one exchanged"])
def test_what_somebody_did_to_the_collection_is_noticed(
    place: Place, fake_encoder: FakeEncoder, chroma_server: str, what: str
) -> None:
    sync(place, fake_encoder, chroma_server, 5)
    there = f"/{collection(place, chroma_server)}"
    ids = ask(chroma_server, "POST", f"{there}/get", {"include": []})["ids"]
    turned = fake_encoder.encode([text(n + 100) for n in range(5)]).tolist()
    if what != "other vectors":
        ask(chroma_server, "POST", f"{there}/delete", {"ids": ids[:1]})
    if what == "one exchanged":
        ask(chroma_server, "POST", f"{there}/upsert", {"ids": ["new"], "embeddings": turned[:1]})
    if what == "other vectors":
        ask(chroma_server, "POST", f"{there}/upsert", {"ids": ids, "embeddings": turned})
    with Library(place.library, fake_encoder, chroma_url=chroma_server) as library:
        for n in range(5):
            hits = library.dense(fake_encoder.encode([text(n)])[0], 5)
            assert library.found([hits[0][0]])[hits[0][0]].passage.text == text(n)
    assert faults(place, fake_encoder, chroma_server)
    assert not any(check.fault for check in repair(place.settings(chroma_url=chroma_server), fake_encoder))


def test_a_library_made_anew_or_put_back_keeps_its_collection(
    place: Place, fake_encoder: FakeEncoder, chroma_server: str
) -> None:
    sync(place, fake_encoder, chroma_server, 3)
    name = name_of(place.library)
    rebuild(place.settings(chroma_url=chroma_server), fake_encoder)
    assert name_of(place.library) == name
    backup(place.library, place.folder / "file")
    sync(place, fake_encoder, chroma_server, 5)
    assert restore(place.library, place.folder / "file", fake_encoder, chroma_server) == 3
    assert name_of(place.library) == name
    with Library(place.library, fake_encoder, chroma_url=chroma_server) as library:
        assert finds_all(library, fake_encoder, range(3))


def test_who_cannot_write_the_library_does_not_fill_its_collection(
    place: Place, fake_encoder: FakeEncoder, chroma_server: str
) -> None:
    sync(place, fake_encoder, "", 3)
    before = len(ask(chroma_server, "GET", ""))
    os.chmod(place.library, 0o500)
    try:
        with Library(place.library, fake_encoder, chroma_url=chroma_server) as library:
            finds_all(library, fake_encoder, range(3))
    finally:
        os.chmod(place.library, 0o700)
    assert len(ask(chroma_server, "GET", "")) == before


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://127.0.0.1/path"])
def test_an_address_that_is_none_is_refused(place: Place, url: str) -> None:
    with pytest.raises(SettingsError, match="http://host:port"):
        load_settings({"chroma_url": url})
