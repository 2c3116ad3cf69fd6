"""The library in LlamaIndex's own terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from llama_index.core.schema import TextNode

from coalition_qa.library import Library
from coalition_qa.llama_index_retriever import PassageRetriever
from coalition_qa.retrieval import Retriever
from coalition_qa.types import LibraryError

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder, Place

QUESTION = "What do owls hunt?"


def test_its_nodes_are_the_passages_that_are_retrieved_with_their_places(
    place: Place, fake_encoder: FakeEncoder
) -> None:
    texts = {
        place.write(name, text).name: text
        for name, text in {"zebra.txt": "Zebras graze.\n", "owls.md": "# Owls\n\nOwls hunt mice.\n"}.items()
    }
    place.sync(fake_encoder)
    library = Library(place.library, fake_encoder)
    with PassageRetriever(library, fake_encoder, count=2) as retriever:
        nodes = retriever.retrieve(QUESTION)
        hits = Retriever(library, fake_encoder).search(QUESTION, 2)
    assert [(scored.node.node_id, scored.score) for scored in nodes] == [(hit.passage.id, hit.score) for hit in hits]
    assert len(nodes) == 2
    for scored in nodes:
        assert isinstance(scored.node, TextNode)
        text = texts[scored.node.metadata["doc"]]
        assert text[scored.node.start_char_idx : scored.node.end_char_idx] == scored.node.text


def test_without_a_library_it_says_what_to_do(place: Place) -> None:
    with pytest.raises(LibraryError, match="run `coalition-qa sync`"):
        PassageRetriever.open(place.settings())
