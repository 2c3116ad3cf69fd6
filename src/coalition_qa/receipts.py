"""An answer that was exported, checked later: which quotes still stand where they were cited, and which do not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from coalition_qa.types import Document, DocumentError, DocumentInfo, Span
from coalition_qa.verification import supports

Standing = Literal["stands", "moved", "changed", "gone", "altered"]
MEANING: dict[Standing, str] = {
    "stands": "the quote is where it was cited",
    "moved": "the document changed, the quote is still in it",
    "changed": "the document changed, the quote is no longer in it",
    "gone": "the document is no longer in the library",
    "altered": "the receipt says something else than its quote, or than the document that it names",
}


class Shelf(Protocol):
    """What a check needs of a library."""

    @property
    def fingerprint(self) -> str:
        """Hash of documents, chunker and encoder."""
        ...

    def catalogue(self) -> list[DocumentInfo]:
        """One row a name, by name."""
        ...

    def document(self, name: str) -> Document | None:
        """The document of that name, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """One quote of a receipt, the document that it is in now, and how it stands."""

    doc: str
    quote: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Verdict:
    """A receipt's quotes as they stand now, and whether the library is the same as it was then."""

    quotes: tuple[Checked, ...]
    same_library: bool

    @property
    def stands(self) -> bool:
        """Whether every quote stands where it was cited."""
        return all(quote.standing == "stands" for quote in self.quotes)


def read_receipt(path: Path) -> list[dict[str, Any]]:
    """The answers in a file that `ask --json` wrote, which has one, or the page, which has one for each question of a
    conversation. Raises DocumentError for anything else.
    """
    try:
        receipt = json.loads(path.read_text("utf-8"))
        answers = [turn["answer"] for turn in receipt["turns"]] if "turns" in receipt else [receipt]
        return [_checked(answer) for answer in answers if answer is not None]
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read ({error.strerror}); name a file.") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DocumentError(
            f"{path}: is no receipt ({type(error).__name__}: {error}); give a file from `coalition-qa ask --json`."
        ) from error


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, when it has all that `verify` looks at. Raises KeyError, TypeError and ValueError where not."""
    for sentence in answer["sentences"]:
        for cited in sentence["citations"]:
            Span(int(cited["start"]), int(cited["end"]))
            if not all(isinstance(text, str) for text in (cited["doc"], cited["quote"], cited["document_id"])):
                raise TypeError("a citation is not text")
        if not isinstance(sentence["text"], str) or not sentence["citations"]:
            raise TypeError("a sentence has no text or no citation")
    texts = (answer["fingerprint"], answer["question"], answer.get("short_answer", ""))
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("question, short answer or fingerprint is not text")
    return dict(answer)


def verify(answers: Sequence[dict[str, Any]], library: Shelf) -> Verdict:
    """Hold each quote of a receipt's answers against the library as it is now."""
    names: dict[str, str] = {}
    for info in library.catalogue():
        names.setdefault(info.document_id, info.name)  # a renamed document is still the same
    quotes = []
    said = [(answer, sentence) for answer in answers for sentence in answer["sentences"]]
    for answer, sentence in said:
        whole = _is_of_its_sentences(answer) and _supported(sentence, answer["question"])
        for cited in sentence["citations"]:
            name = cited["doc"]
            document = library.document(name)
            if document is None or document.id != cited["document_id"]:
                name = names.get(cited["document_id"], name)
                document = library.document(name)
            standing = _standing(cited, document) if whole else "altered"
            quotes.append(Checked(name, cited["quote"], standing))
    return Verdict(tuple(quotes), all(answer["fingerprint"] == library.fingerprint for answer in answers))


def _is_of_its_sentences(answer: dict[str, Any]) -> bool:
    """Whether the short answer, or each part of one that lists several, stands in what the answer says or quotes."""
    short = answer.get("short_answer", "")
    texts = [sentence["text"] for sentence in answer["sentences"]]
    texts += [cited["quote"] for sentence in answer["sentences"] for cited in sentence["citations"]]
    return all(any(part in text for text in texts) for part in short.split("; ")) or any(short in t for t in texts)


def _supported(sentence: dict[str, Any], question: str) -> bool:
    """Whether the sentence is what at least one of its quotes says, as when the answer was given."""
    said = sentence["text"]
    return any(supports(said, cited["quote"], question) is not None for cited in sentence["citations"])


def _standing(cited: dict[str, Any], document: Document | None) -> Standing:
    if document is None:
        return "gone"
    if Span(int(cited["start"]), int(cited["end"])).of(document.text) == cited["quote"] != "":
        return "stands" if document.id == cited["document_id"] else "moved"
    if document.id == cited["document_id"]:
        return "altered"  # the very document never held that quote there
    return "moved" if cited["quote"] and cited["quote"] in document.text else "changed"
