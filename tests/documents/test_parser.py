"""Whatever a file does to its parser, it ends in time, within its memory, with one line, and the next one is read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from making import SENTENCE, docx, epub, lines, odt, one_of_each, paragraph, pdf, zipped

from coalition_qa.documents import READABLE, Limits, Parser, is_readable, reader_version
from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.documents.conftest import Parse

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'
PARENT = """
import os, sys, time
from pathlib import Path
from coalition_qa.documents import Limits, Parser
parser = Parser(Limits())
parser.document(Path(sys.argv[1]), "a.pdf")
print(Path(f"/proc/self/task/{os.getpid()}/children").read_text(), flush=True)
time.sleep(60)
"""
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


def of_xml(head: str, entity: str) -> dict[str, bytes]:
    """Files whose XML has this in front of it and this entity in it."""
    word = f'{head}<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>{entity}</w:t></w:r></w:p></w:body></w:document>'
    mime = "application/vnd.oasis.opendocument.text"
    return {
        "a.docx": zipped({"word/document.xml": word}),
        "a.odt": zipped({"mimetype": mime, "content.xml": f"{head}<d><body><text><p>{entity}</p></text></body></d>"}),
        "a.epub": epub("<p>x</p>", **{"META-INF/container.xml": f"{head}<c>{entity}</c>"}),
    }


@cache
def blown_up_pdf() -> bytes:
    """A page whose content is a gigabyte of spaces, deflated twice."""
    packer = zlib.compressobj(1)
    once = b"".join(packer.compress(b" " * 1_000_000) for _ in range(1_000)) + packer.flush()
    twice = zlib.compress(once, 9)
    body = b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%b\nendstream" % (len(twice), twice)
    old = pdf("")
    start, end = old.index(b"<< /Length"), old.index(b"endstream") + len(b"endstream")
    return old[:start] + body + old[end:]


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Parse]:
    """Reads bytes as a file of that name, with little time and memory."""
    with Parser(Limits(file_megabytes=20, seconds=1, memory_megabytes=250)) as parser:

        def parsing(name: str, raw: bytes):  # noqa: ANN202 - a Document
            (tmp_path / name).write_bytes(raw)
            return parser.document(tmp_path / name, name)

        yield parsing


def refusal(parse: Parse, name: str, raw: bytes, within: float = 10) -> str:
    """The one line with which a file is refused."""
    begun = time.monotonic()
    with pytest.raises(DocumentError) as refused:
        parse(name, raw)
    assert time.monotonic() - begun < within
    line = str(refused.value)
    assert line.startswith(f"{name}: ")
    assert "\n" not in line
    assert len(line) < 300
    return line.removeprefix(f"{name}: ")


def works(parse: Parse) -> bool:
    """Whether a plain file is read; on a busy machine a new child may take more than the second it has."""
    for _ in range(5):
        try:
            return SENTENCE in parse("next.docx", docx(paragraph(SENTENCE))).text
        except DocumentError as error:
            if "takes over 1 s" not in str(error):
                raise
    return False


@pytest.mark.parametrize("name", sorted(one_of_each()))
def test_every_format_is_read(parse: Parse, name: str) -> None:
    document = parse(name, one_of_each()[name])
    assert SENTENCE in document.text
    assert document.name == name
    assert bool(document.pages) is (name == "a.pdf")


def test_a_files_ending_says_which_reader_it_has() -> None:
    assert {Path(name).suffix for name in one_of_each()} < READABLE
    assert is_readable(Path("A.PDF"))
    assert not is_readable(Path(".pdf"))
    assert not is_readable(Path("a.doc"))
    assert reader_version(Path("a.MD")) == ""
    assert reader_version(Path("a.htm")) == reader_version(Path("a.html")) != reader_version(Path("a.pdf"))


@pytest.mark.parametrize("name", ["a.docx", "a.odt", "a.epub"])
@pytest.mark.parametrize(("head", "entity"), [(BOMB, "&l9;"), (OUTSIDE, "&e;")], ids=["bomb", "outside"])
def test_entities_are_never_followed(parse: Parse, name: str, head: str, entity: str) -> None:
    assert "uses XML entities of its own" in refusal(parse, name, of_xml(head, entity)[name])
    assert works(parse)


def test_parts_that_unpack_to_too_much_are_not_unpacked(parse: Parse) -> None:
    raw = zipped({"word/document.xml": b" " * 301_000_000})
    assert len(raw) < 2_000_000
    assert "unpacks to over 300 MB" in refusal(parse, "a.docx", raw)
    assert works(parse)


def test_an_archive_of_too_many_parts_is_not_opened(parse: Parse) -> None:
    parts = {f"{n}": b"" for n in range(20_001)}
    assert "holds 20,001 parts" in refusal(parse, "a.docx", zipped(parts))


def test_an_encrypted_archive_is_said_to_be_one(parse: Parse) -> None:
    raw = bytearray(docx(paragraph("x")))
    central = raw.index(b"PK\x01\x02")
    raw[central + 8] |= 1
    assert "is encrypted" in refusal(parse, "a.docx", bytes(raw))


@pytest.mark.parametrize("depth", [300, 100_000])
def test_nesting_is_not_followed_forever(parse: Parse, depth: int) -> None:
    nested = "<w:sdt>" * depth + paragraph("x") + "</w:sdt>" * depth
    assert "nested too deeply" in refusal(parse, "a.docx", docx(nested))
    assert "nested too deeply" in refusal(parse, "a.odt", odt("<text:p>" * depth + "x" + "</text:p>" * depth))
    assert works(parse)


def test_a_pdf_of_thousands_of_pages_is_read_or_refused_for_its_time(parse: Parse, strict: Parse) -> None:
    pages = [
        lines(f"Page {n} says nothing new.", SENTENCE) for n in range(40_000)
    ]  # fast machines read 11,000 a second
    document = parse("long.pdf", pdf(*pages[:10_000]))
    assert len(document.pages) == 10_000
    assert document.text[document.pages[6_999] :].startswith("Page 6999 says")
    assert "takes over 1 s to read; split it, or raise" in refusal(strict, "long.pdf", pdf(*pages))
    assert works(strict)


def test_too_much_memory_is_one_line(strict: Parse) -> None:
    said = refusal(strict, "many.html", b"<p>x" * 2_000_000, within=5)
    assert "takes over 250 MB to read" in said or "takes over 1 s" in said or "too much memory" in said
    assert works(strict)


def test_a_text_over_the_limit_is_refused(tmp_path: Path) -> None:
    body = docx(paragraph("word " * 500_000))
    assert len(body) < 100_000
    (tmp_path / "a.docx").write_bytes(body)
    with Parser(Limits(file_megabytes=1)) as parser, pytest.raises(DocumentError, match="holds over 1 MB of text"):
        parser.document(tmp_path / "a.docx", "a.docx")


def test_a_pdf_that_unpacks_to_gigabytes_does_not_change_what_comes_after(strict: Parse) -> None:
    assert len(blown_up_pdf()) < 100_000
    fresh = strict("a.pdf", one_of_each()["a.pdf"])
    for _ in range(2):
        refusal(strict, "bomb.pdf", blown_up_pdf())
        assert strict("a.pdf", one_of_each()["a.pdf"]) == fresh


def test_threads_may_share_a_parser(tmp_path: Path) -> None:
    for name, raw in one_of_each().items():
        (tmp_path / name).write_bytes(raw)
    paths = [path for path in sorted(tmp_path.iterdir()) for _ in range(8)]
    with Parser(Limits()) as parser, ThreadPoolExecutor(8) as pool:
        several = list(pool.map(lambda path: parser.document(path, path.name), paths))
        assert several == [parser.document(path, path.name) for path in paths]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(one_of_each()["a.pdf"])
    before = os.listdir(tmp_path), descriptors(), children()
    for _ in range(3):
        with Parser(Limits()) as parser:
            parser.document(tmp_path / "a.pdf", "a.pdf")
            assert len(children()) == len(before[2]) + 1
    assert before == (os.listdir(tmp_path), descriptors(), children())


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system does not list the children of a process")
def test_a_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(one_of_each()["a.pdf"])
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path / "a.pdf"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = Path("/proc", parent.stdout.readline().decode().split()[0], "cmdline")
        assert b"coalition_qa.documents.worker" in child.read_bytes()
        parent.kill()
    end = time.monotonic() + 10
    while child.exists() and child.read_bytes() and time.monotonic() < end:
        time.sleep(0.05)
    assert not child.exists() or not child.read_bytes()


def children() -> list[str]:
    """The processes that this thread has started and that were not waited for."""
    started = Path(f"/proc/self/task/{os.getpid()}/children")
    if not started.exists():
        pytest.skip("this system does not list the children of a process")
    return started.read_text().split()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_plain_text_in_utf_8_needs_no_other_process(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Café.", "utf-8")
    with Parser(Limits()) as parser:
        before = children()
        assert parser.document(tmp_path / "a.txt", "a.txt").text == "Café."
        assert children() == before
