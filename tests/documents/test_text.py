"""Files become documents in whatever encoding they were saved, or are refused in one line."""

from __future__ import annotations

import os
import random
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.documents.conftest import Parse, Read

SPANISH = (
    "La ministra española señaló que la situación en Mozambique ha empeorado.\n"
    "“Los esfuerzos han funcionado”, añadió después de la reunión – y Äpfel, ça, naïve.\n"
)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-with-mark", "utf-16-be-with-mark", "cp1252"]
)
def test_a_file_is_read_in_the_encoding_it_was_saved_in(read: Read, tmp_path: Path, encoding: str) -> None:
    codec = encoding.removesuffix("-with-mark")
    mark = "\ufeff" if codec != encoding else ""
    path = tmp_path / "notes.txt"
    path.write_bytes((mark + SPANISH).encode(codec))
    assert read(path, "notes.txt", 1).text == SPANISH


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Le ministre des Affaires étrangères a déclaré que la réunion a été très utile à tous.", "latin-1"),
        ("Die Außenministerin erklärte, dass die Lage sich verschlechtert habe. Über Maßnahmen sprach man.", "cp1252"),
        ("The minister said “we strongly support Italy’s initiative” – at a café near the Élysée.", "cp1252"),
        ("Café in München", "latin-1"),
        ("naïve", "latin-1"),
        ("Министр заявил, что встреча была полезной. Страны договорились о новых мерах.", "cp1251"),
        ("Minister powiedział, że spotkanie było użyteczne. Państwa zgodziły się na środki.", "cp1250"),
        ("大臣は会議が有益だったと述べた。各国は新しい措置に合意した。", "shift_jis"),
    ],
)
def test_a_legacy_encoding_is_told_by_its_text(read: Read, tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "old.txt"
    path.write_bytes(text.encode(encoding))
    assert read(path, "old.txt", 1).text == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        (b"one\r\n\r\ntwo", "one\n\ntwo"),
        ("Gonza\u0301lez".encode(), "González"),
        ("  kept \t\u00a0as\x0cit is ".encode(), "  kept \t\u00a0as\x0cit is "),
        ("\ufb01ve ½".encode(), "\ufb01ve ½"),
    ],
)
def test_only_line_ends_and_composition_are_changed(read: Read, tmp_path: Path, raw: bytes, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(raw)
    found = read(path, "a.txt", 1).text
    assert found == text
    assert unicodedata.is_normalized("NFC", found)


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("coalition-against_isis  rome.txt", "# No heading here", "coalition against isis rome"),
        ("a.txt", "\n  Ferry strike goes on\nBy Ada Berg\n\nText.", "Ferry strike goes on"),
        ("a.txt", "What now?\n\nText.", "What now?"),
        ("a.txt", "Ferry strike", "a"),  # nothing else: it is the text
        ("a.txt", "The strike goes on.\n\nText.", "a"),
        ("a.txt", "Dear parents,\n\nText.", "a"),
        ("a.txt", "12\n\nText.", "a"),
        ("a.txt", f"{'The strike goes on ' * 7}\n\nText.", "a"),
        ("notes.md", "Intro\n\n## The *Rome* meeting ##\n\n# Later", "The *Rome* meeting"),
        ("notes.markdown", "\n#   Rome\n", "Rome"),
        ("my-notes.md", "#hashtag\n####### seven\n#\ntext", "my notes"),
        ("long.md", "# " + "x" * 500, "x" * 120),
        ("hashes.md", "# " + "# " * 200_000 + "x", ("# " * 60).strip()),
        ("x" * 150 + ".txt", "text", "x" * 120),
    ],
)
def test_the_title_is_a_headline_or_the_first_markdown_heading_or_the_name(
    read: Read, tmp_path: Path, name: str, text: str, title: str
) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    document = read(path, name, 1)
    assert (document.name, document.title) == (name, title)


@pytest.mark.parametrize(
    ("name", "raw", "complaint"),
    [
        ("empty.txt", b"", "holds no text"),
        ("blank.txt", b" \r\n\t\n", "holds no text"),
        ("marks.txt", "… — “” !?".encode(), "holds no text"),
        ("mark-only.txt", b"\xef\xbb\xbf", "holds no text"),
        ("image.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "binary"),
        ("noise.txt", bytes(random.Random(0).choices(range(1, 256), k=2_000)), "encoding cannot be told"),
        ("utf-32.txt", "text".encode("utf-32"), "binary"),
        ("torn.txt", b"\xff\xfea", "not valid utf-16"),
        ("half.txt", b"\xff\xfe\x00\xd8a\x00", "not valid utf-16"),
        ("broken-mark.txt", b"\xef\xbb\xbf\xff\xfe", "not valid utf-8"),
        ("large.txt", b"word " * 300_000, "1.5 MB is over the limit of 1 MB"),
        ("report.doc", b"text", "no reader for files ending in .doc"),
        ("zalgo.txt", ("a" + "\u0301\u0323" * 20).encode(), "over 30 accents stand on one letter"),
        ("README", b"text", "no reader for files ending in nothing"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_one_line(
    read: Read, tmp_path: Path, name: str, raw: bytes, complaint: str
) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    with pytest.raises(DocumentError, match=complaint) as refusal:
        read(path, name, 1)
    assert str(refusal.value).startswith(f"{name}: ")
    assert "\n" not in str(refusal.value)


def test_the_limit_of_a_files_size_is_the_settings(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"word " * 300_000)
    assert len(read(path, "large.txt", 1.5).text) == 1_500_000


def test_a_missing_file_is_refused(read: Read, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"^gone\.txt: cannot be read \(No such file or directory\)"):
        read(tmp_path / "gone.txt", "gone.txt", 1)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_not_a_file_is_refused_and_never_waited_for(
    read: Read, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "odd.txt"
    make(path)
    with pytest.raises(DocumentError, match=r"^odd\.txt: is not a file"):
        read(path, "odd.txt", 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_an_unreadable_file_is_refused(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("text")
    path.chmod(0)
    with pytest.raises(DocumentError, match="Permission denied"):
        read(path, "secret.txt", 1)


def test_a_name_that_is_not_utf_8_is_refused_in_printable_characters(read: Read, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_text("text")
    with pytest.raises(DocumentError, match="rename it") as refusal:
        read(tmp_path / name, name, 1)
    assert str(refusal.value).isascii()


@pytest.mark.parametrize(
    ("text", "title", "date", "language"),
    [
        (
            "---\ntitle: 'The Rome meeting'\ndate: 2021-06-28T10:00\nlang: en\n---\n# Other\n",
            "The Rome meeting",
            "2021-06-28",
            "en",
        ),
        ("---\nlanguage: pt_BR\nDate: soon\n...\n# Roma\n", "Roma", "", "pt-BR"),
        ("---\ntitle: never closed\n# Rome\n", "Rome", "", ""),
        ("Intro\n---\ntitle: no\n---\n", "front", "", ""),
    ],
)
def test_front_matter_says_title_date_and_language(
    parse: Parse, text: str, title: str, date: str, language: str
) -> None:
    document = parse("front.md", text.encode())
    assert (document.title, document.date, document.language) == (title, date, language)
    assert document.text == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_pile_of_accents_does_not_take_quadratic_time(parse: Parse, encoding: str) -> None:
    with pytest.raises(DocumentError, match="over 30 accents stand on one letter"):
        parse("pile.txt", ("a" + "\u0301\u0323" * 500_000).encode(encoding))


def test_a_text_about_pdf_is_no_pdf(parse: Parse) -> None:
    assert parse("a.md", b"Every such file begins with `%PDF-1.7`.").text.startswith("Every such")
