"""The library as a retriever for engines built with LlamaIndex. The program itself does without."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from coalition_qa.config import Settings
from coalition_qa.encoders import Encoder, open_encoder
from coalition_qa.library import Library
from coalition_qa.retrieval import Retriever
from coalition_qa.types import Hit


class PassageRetriever(BaseRetriever):  # type: ignore[misc]  # LlamaIndex is taken as untyped
    """Retrieves what `Retriever` finds: a node a passage, its id the passage's, its metadata where the text stands.

    Close it, or use it in a `with` statement.
    """

    def __init__(self, library: Library, encoder: Encoder, count: int = 5) -> None:
        """`count` is the most passages that a question gets."""
        super().__init__()
        self._library = library
        self._retriever = Retriever(library, encoder)
        self._count = count

    @classmethod
    def open(cls, settings: Settings, count: int = 5) -> Self:
        """A retriever over the library that the settings name. Raises LibraryError and ModelError."""
        encoder = open_encoder(settings)
        return cls(Library(settings.library_path, encoder, chroma_url=settings.chroma_url), encoder, count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the library's files back."""
        self._library.close()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _nodes(self._retriever.search(query_bundle.query_str, self._count))


def _nodes(hits: Sequence[Hit]) -> list[NodeWithScore]:
    return [
        NodeWithScore(
            node=TextNode(
                id_=hit.passage.id,
                text=hit.passage.text,
                metadata={"doc": hit.doc, "title": hit.title, "page": hit.page_of(hit.passage.span)},
                start_char_idx=hit.passage.span.start,
                end_char_idx=hit.passage.span.end,
            ),
            score=hit.score,
        )
        for hit in hits
    ]
