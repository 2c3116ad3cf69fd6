"""An exported answer, held against the library later."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from coalition_qa.receipts import read_receipt
from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.conftest import Outcome, Place

QUESTION = "Who painted the zebra crossing in Oslo?"
SENTENCE = "The zebra crossing in Oslo was painted by Kari Nordmann in 1987."


@pytest.fixture
def receipt(stocked: Place) -> dict[str, Any]:
    """What `ask --json` printed."""
    answer: dict[str, Any] = json.loads(stocked.run("ask", QUESTION, "--json").out)
    assert answer["status"] == "answered"
    return answer


def checked(place: Place, receipt: dict[str, Any], *options: str) -> Outcome:
    file = place.folder / "receipt.json"
    file.write_text(json.dumps(receipt), "utf-8")
    return place.run("verify", file, *options)


def test_a_quote_that_stands_and_a_library_that_is_the_same(stocked: Place, receipt: dict[str, Any]) -> None:
    outcome = checked(stocked, receipt)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        f'stands   zebra.txt: "{SENTENCE}"',
        "stands: the quote is where it was cited.",
        "The library is the same as it was asked.",
    ]
    as_json = json.loads(checked(stocked, receipt, "--json").out)
    assert (as_json["stands"], as_json["same_library"]) == (True, True)
    assert as_json["quotes"] == [{"doc": "zebra.txt", "quote": SENTENCE, "standing": "stands"}]


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        (f"News from the north.\n\n{SENTENCE}\n", "moved"),
        (f"{SENTENCE} It was repainted later.\n", "moved"),
        (SENTENCE.replace("Kari", "Ola"), "changed"),
        (None, "gone"),
    ],
)
def test_what_changed_since_is_said(stocked: Place, receipt: dict[str, Any], text: str | None, standing: str) -> None:
    if text is None:
        stocked.run("remove", "zebra.txt")
    else:
        stocked.write("zebra.txt", text)
    stocked.run("sync")
    outcome = checked(stocked, receipt)
    assert outcome.code == 1
    assert outcome.out.startswith(f"{standing:8} zebra.txt: ")
    assert outcome.out.endswith("The library has changed since it was asked.\n")


def test_a_conversation_from_the_page_is_checked_whole(stocked: Place, receipt: dict[str, Any]) -> None:
    turns = [{"question": QUESTION, "answer": receipt}, {"question": "And now?", "answer": None}]
    second = json.loads(json.dumps(receipt))
    second["sentences"][0]["citations"][0]["quote"] = "The zebra crossing in Oslo was never painted."
    conversation: dict[str, Any] = {"format": "coalition-qa receipt 1", "turns": turns}
    assert checked(stocked, conversation).code == 0
    conversation["turns"].append({"question": QUESTION, "answer": second})
    outcome = checked(stocked, conversation)
    assert outcome.code == 1
    assert [line.split()[0] for line in outcome.out.splitlines()[:2]] == ["stands", "altered"]


def test_a_document_that_was_renamed_still_stands(stocked: Place, receipt: dict[str, Any]) -> None:
    (stocked.corpus / "zebra.txt").rename(stocked.corpus / "animals.txt")
    stocked.run("sync")
    outcome = checked(stocked, receipt)
    assert outcome.code == 0
    assert outcome.out.startswith("stands   animals.txt: ")


def alter(path: tuple[str | int, ...], value: object) -> Callable[[dict[str, Any]], None]:
    def altering(receipt: dict[str, Any]) -> None:
        place: Any = receipt
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value

    return altering


CITED = ("sentences", 0, "citations", 0)


@pytest.mark.parametrize(
    "forgery",
    [
        alter((*CITED, "quote"), SENTENCE.replace("Kari", "Ola")),
        alter((*CITED, "start"), 4),
        alter((*CITED, "end"), 10_000),
        alter((*CITED, "quote"), ""),
        alter(("sentences", 0, "text"), SENTENCE.replace("1987", "2003")),
        alter(("short_answer",), "Ola Nordmann"),
        alter(("short_answer",), "Kari Nordmann; Ola"),
    ],
)
def test_a_forged_receipt_does_not_stand(
    stocked: Place, receipt: dict[str, Any], forgery: Callable[[dict[str, Any]], None]
) -> None:
    forgery(receipt)
    outcome = checked(stocked, receipt)
    assert outcome.code == 1
    assert outcome.out.startswith("altered")


def test_an_abstention_has_nothing_to_check(stocked: Place) -> None:
    receipt = json.loads(stocked.run("ask", "When was the treaty of Westphalia signed?", "--json").out)
    outcome = checked(stocked, receipt)
    assert outcome.code == 0
    assert "cites nothing" in outcome.out


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"text"', b"{}", b'{"sentences": 3}', b'{"sentences": [{"text": "x"}]}', b"\xff\xfe",
     b'{"sentences": [{"text": "x", "citations": []}], "question": "", "fingerprint": ""}', b"[" * 100_000,
     b'{"sentences": [{"text": "x", "citations": [{"start": 0, "end": Infinity}]}]}'],
)  # fmt: skip
def test_what_is_no_receipt_is_one_clear_line(stocked: Place, content: bytes) -> None:
    file = stocked.folder / "receipt.json"
    file.write_bytes(content)
    outcome = stocked.run("verify", file)
    assert outcome.code == 1
    assert "is no receipt" in outcome.complaint
    with pytest.raises(DocumentError, match="cannot be read"):
        read_receipt(stocked.folder / "nothing.json")
