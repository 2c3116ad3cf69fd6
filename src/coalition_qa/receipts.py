"""An answer that was exported, checked later: which quotes still stand where they were cited, and which do not."""

from __future__ import annotations

import json
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

    question: str
    quotes: tuple[Checked, ...]
    same_library: bool

    @property
    def stands(self) -> bool:
        """Whether every quote stands where it was cited."""
        return all(quote.standing == "stands" for quote in self.quotes)


def read_receipt(path: Path) -> dict[str, Any]:
    """The answer in a file that `ask --json` or the page wrote. Raises DocumentError for anything else."""
    try:
        receipt = json.loads(path.read_text("utf-8"))
        for sentence in receipt["sentences"]:
            for cited in sentence["citations"]:
                Span(int(cited["start"]), int(cited["end"]))
                if not all(isinstance(text, str) for text in (cited["doc"], cited["quote"], cited["document_id"])):
                    raise TypeError("a citation is not text")
            if not isinstance(sentence["text"], str) or not sentence["citations"]:
                raise TypeError("a sentence has no text or no citation")
        if not isinstance(receipt["fingerprint"], str) or not isinstance(receipt["question"], str):
            raise TypeError("question or fingerprint is not text")
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read ({error.strerror}); name a file.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DocumentError(
            f"{path}: is no receipt ({type(error).__name__}: {error}); give a file from `coalition-qa ask --json`."
        ) from error
    return dict(receipt)


def verify(receipt: dict[str, Any], library: Shelf) -> Verdict:
    """Hold each quote of a receipt against the library as it is now."""
    names: dict[str, str] = {}
    for info in library.catalogue():
        names.setdefault(info.document_id, info.name)  # a renamed document is still the same
    quotes = []
    for sentence in receipt["sentences"]:
        for cited in sentence["citations"]:
            name = cited["doc"]
            document = library.document(name)
            if document is None or document.id != cited["document_id"]:
                name = names.get(cited["document_id"], name)
                document = library.document(name)
            standing = _standing(cited, document) if _supported(sentence, receipt["question"]) else "altered"
            quotes.append(Checked(name, cited["quote"], standing))
    return Verdict(receipt["question"], tuple(quotes), receipt["fingerprint"] == library.fingerprint)


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
